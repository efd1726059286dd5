//! Which process is meant: its number, and when it started. A number is given again, but not at the same time.

use super::clock::{BootTime, Moment, WallTime};

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    pub(crate) number: u32,
    /// In ticks since the boot, as the system counts them.
    pub(crate) started: u64,
}

impl ProcessId {
    /// Returns the process that started this one; `None` on a system that does not tell when it started.
    pub(crate) fn of_parent() -> Option<ProcessId> {
        #[cfg(target_os = "linux")]
        return ProcessId::running(u32::try_from(rustix::process::getppid()?.as_raw_nonzero().get()).ok()?);
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Returns when it began, to a hundredth of a second before; `None` if the machine's clock began later.
    pub(crate) fn began(self, now: &Moment) -> Option<Moment> {
        let since_boot = self.started.checked_mul(1_000_000_000 / ticks_per_second())?;
        let age = i64::try_from(now.boot.0.checked_sub(since_boot)?).ok()?;
        Some(Moment { wall: WallTime(now.wall.0.checked_sub(age)?), boot: BootTime(since_boot), boot_id: now.boot_id })
    }

    /// Returns whether it still runs, as far as this process sees.
    pub(crate) fn is_running(self) -> bool {
        ProcessId::running(self.number) == Some(self)
    }

    #[cfg(target_os = "linux")]
    fn running(number: u32) -> Option<ProcessId> {
        let stat = std::fs::read(format!("/proc/{number}/stat")).ok()?;
        Some(ProcessId { number, started: start_in(&stat)? })
    }

    #[cfg(not(target_os = "linux"))]
    fn running(_: u32) -> Option<ProcessId> {
        None
    }
}

#[cfg(target_os = "linux")]
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// There is no process id on another system, so this is as good as any.
#[cfg(not(target_os = "linux"))]
fn ticks_per_second() -> u64 {
    100
}

/// Reads the 22nd field of proc_pid_stat(5). The second one is the name of the program in parentheses, which may hold
/// blanks and parentheses too.
#[cfg(target_os = "linux")]
fn start_in(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    #[cfg(not(tokenkeep_portable))]
    use crate::system::clock::{Clock as _, SystemClock};

    #[test]
    fn the_parent_runs_and_a_process_of_another_start_does_not() {
        let parent = ProcessId::of_parent().expect("the system tells");
        assert!(parent.is_running());
        assert!(!ProcessId { started: parent.started + 1, ..parent }.is_running());
        assert!(!ProcessId { number: u32::MAX, ..parent }.is_running());
    }

    // The clock of systems without a boot time begins with the process.
    #[cfg(not(tokenkeep_portable))]
    #[test]
    fn the_parent_began_before_now_and_after_the_machine() {
        let now = SystemClock.now();
        let began = ProcessId::of_parent().and_then(|parent| parent.began(&now)).expect("the parent of a test lives");
        assert!(began.boot < now.boot && began.wall < now.wall && began.boot_id == now.boot_id);
    }

    #[test]
    fn the_start_is_found_behind_any_name() {
        let rest = (3..=52).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        for name in ["sh", "a b", ") R 1 (", "((", "\u{fffd}"] {
            assert_eq!(start_in(format!("7 ({name}) {rest}\n").as_bytes()), Some(22), "{name}");
        }
        assert_eq!(start_in(b"7 (\xff) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 0"), Some(99));
        for cut in ["", "7 (sh", "7 (sh) R 1 2", "x"] {
            assert_eq!(start_in(cut.as_bytes()), None, "{cut}");
        }
    }
}
