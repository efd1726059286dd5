//! The process that started this one.

use super::clock::Moment;

/// Returns when the process that started this one began, to the hundredth of a second before; `None` if the system does
/// not show it.
#[cfg(target_os = "linux")]
pub(crate) fn started(now: &Moment) -> Option<Moment> {
    use super::clock::{BootTime, WallTime};

    let parent = rustix::process::getppid()?;
    let line = std::fs::read_to_string(format!("/proc/{}/stat", parent.as_raw_nonzero())).ok()?;
    let since_boot = start_ticks(&line)?.checked_mul(1_000_000_000 / rustix::param::clock_ticks_per_second())?;
    let age = i64::try_from(now.boot.0.checked_sub(since_boot)?).ok()?;
    Some(Moment { wall: WallTime(now.wall.0.checked_sub(age)?), boot: BootTime(since_boot), boot_id: now.boot_id })
}

/// Returns when the process that started this one began, which this system does not show.
#[cfg(not(target_os = "linux"))]
pub(crate) fn started(_: &Moment) -> Option<Moment> {
    None
}

/// Reads the time of the start, in ticks since the machine started: the 22nd field of `/proc/PID/stat`. The second one is
/// a name, which may hold blanks and parentheses.
#[cfg(target_os = "linux")]
fn start_ticks(line: &str) -> Option<u64> {
    line.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::system::clock::{Clock as _, SystemClock};

    #[test]
    fn the_parent_began_before_now_and_after_the_machine() {
        let now = SystemClock.now();
        let started = started(&now).expect("the parent of a test lives");
        assert!(started.boot < now.boot && started.wall < now.wall && started.boot_id == now.boot_id);
    }

    #[test]
    fn a_name_may_hold_blanks_and_parentheses() {
        let line = "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1";
        assert_eq!(start_ticks(line), Some(12345));
        for line in ["", "7 (a", "7 (a) S 1"] {
            assert_eq!(start_ticks(line), None, "{line}");
        }
    }
}
