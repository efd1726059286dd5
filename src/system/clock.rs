//! The only file that asks the system for the time.
//!
//! Two clocks are read: the wall clock and the boot-time clock. Hosts share the wall clock, and people set it.
//! No user sets the boot-time clock, and it goes on while the machine is suspended. A [`BootId`] shows whether
//! two readings of it belong to the same boot.

use std::fmt;
use std::io::Read as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01T00:00:00Z; negative before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub i64);

impl WallTime {
    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time `duration` later, or the last one that can be represented.
    pub fn plus(self, duration: Duration) -> WallTime {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        WallTime(self.0.saturating_add(nanos))
    }

    /// Writes it as UTC, in whole seconds, rounded down; `None` if no calendar reaches it.
    #[cfg(any(feature = "cli", feature = "front"))]
    pub(crate) fn to_utc(self) -> Option<String> {
        let time = chrono::DateTime::from_timestamp(self.seconds(), 0)?;
        Some(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

impl From<WallTime> for SystemTime {
    fn from(time: WallTime) -> SystemTime {
        let nanos = Duration::from_nanos(time.0.unsigned_abs());
        let shifted = if time.0 < 0 { UNIX_EPOCH.checked_sub(nanos) } else { UNIX_EPOCH.checked_add(nanos) };
        // Years 1677 to 2262, which every system can name.
        shifted.unwrap_or(UNIX_EPOCH)
    }
}

/// Nanoseconds since the machine started, suspended time included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub u64);

impl BootTime {
    /// The time `duration` later, or the last one that can be represented.
    pub fn plus(self, duration: Duration) -> BootTime {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        BootTime(self.0.saturating_add(nanos))
    }
}

/// Names one boot of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: WallTime,
    /// The boot-time clock.
    pub boot: BootTime,
    /// The boot, if the system names it. Without it, boot times of two processes cannot be compared.
    pub boot_id: Option<BootId>,
}

/// A source of time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the wall time.
    fn wall(&self) -> WallTime;

    /// Returns the boot time. Never goes back while the machine runs; tens of nanoseconds.
    fn boot(&self) -> BootTime;

    /// Returns the name of this boot, or `None` if the system has none.
    fn boot_id(&self) -> Option<BootId>;

    /// Reads everything at once.
    fn now(&self) -> Moment {
        Moment { wall: self.wall(), boot: self.boot(), boot_id: self.boot_id() }
    }
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the file that asks")]
    fn wall(&self) -> WallTime {
        // Through libc, not by a raw system call: tools that shift the wall clock for one process (faketime) are
        // obeyed.
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => WallTime(nanos(since)),
            Err(before) => WallTime(-nanos(before.duration())),
        }
    }

    fn boot(&self) -> BootTime {
        system::boot()
    }

    fn boot_id(&self) -> Option<BootId> {
        // Elsewhere the path would name a file that any user may make. The boot time that it would vouch for counts
        // from the start of each process.
        if cfg!(any(not(unix), tokenkeep_portable)) {
            return None;
        }
        // 10 us, so once a process. A container sees the host's, as intended.
        static BOOT_ID: std::sync::OnceLock<Option<BootId>> = std::sync::OnceLock::new();
        *BOOT_ID.get_or_init(|| {
            // One read: a file of the kernel has no size that shows how much is to come.
            let mut text = [0; 64];
            let read = std::fs::File::open("/proc/sys/kernel/random/boot_id").ok()?.read(&mut text).ok()?;
            let text = std::str::from_utf8(&text[..read]).ok()?;
            crate::encoding::hex::decode(&text.trim_end().replace('-', "")).map(BootId)
        })
    }
}

/// When waiting ends, by the clock that no user sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(BootTime);

impl Deadline {
    /// Makes the deadline of what begins now.
    pub(crate) fn after(duration: Duration) -> Deadline {
        Deadline(system::boot().plus(duration))
    }

    /// Returns what is left until then; zero once it has passed.
    pub(crate) fn left(self) -> Duration {
        Duration::from_nanos(self.0.0.saturating_sub(system::boot().0))
    }
}

#[cfg(all(unix, not(tokenkeep_portable)))]
mod system {
    use super::BootTime;

    pub(super) fn boot() -> BootTime {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(CLOCK);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        BootTime(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }
}

#[cfg(any(not(unix), tokenkeep_portable))]
mod system {
    use std::sync::OnceLock;
    use std::time::Instant;

    use super::BootTime;

    /// Counts from the first reading in this process: without a boot id no process compares it with another's.
    #[expect(clippy::disallowed_methods, reason = "this is the file that asks")]
    pub(super) fn boot() -> BootTime {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        BootTime(1).plus(FIRST.get_or_init(Instant::now).elapsed())
    }
}

/// A clock that moves only when a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    boot: AtomicU64,
    boot_id: AtomicU64,
}

impl ManualClock {
    /// Starts at `wall`, an hour after a first boot.
    pub fn new(wall: WallTime) -> ManualClock {
        ManualClock {
            wall: AtomicI64::new(wall.0),
            boot: AtomicU64::new(3_600 * 1_000_000_000),
            boot_id: AtomicU64::new(1),
        }
    }

    /// Lets time pass: both clocks move.
    pub fn advance(&self, duration: Duration) {
        self.wall.store(self.wall().plus(duration).0, Ordering::SeqCst);
        self.boot.store(self.boot().plus(duration).0, Ordering::SeqCst);
    }

    /// Sets the wall clock, as a person or NTP does; boot time does not change.
    pub fn set_wall(&self, wall: WallTime) {
        self.wall.store(wall.0, Ordering::SeqCst);
    }

    /// Sets the boot-time clock, as a time namespace does, or a machine that is restored from a snapshot.
    pub fn set_boot(&self, boot: BootTime) {
        self.boot.store(boot.0, Ordering::SeqCst);
    }

    /// Hides the name of the boot, as a system that has none.
    pub fn hide_boot_id(&self) {
        self.boot_id.store(HIDDEN, Ordering::SeqCst);
    }

    /// Starts the machine again: another boot, boot time near zero.
    pub fn reboot(&self) {
        self.boot_id.fetch_add(1, Ordering::SeqCst);
        self.boot.store(1_000_000_000, Ordering::SeqCst);
    }
}

/// The number of a boot whose name is hidden.
const HIDDEN: u64 = 0;

impl Clock for ManualClock {
    fn wall(&self) -> WallTime {
        WallTime(self.wall.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootTime {
        BootTime(self.boot.load(Ordering::SeqCst))
    }

    fn boot_id(&self) -> Option<BootId> {
        let number = self.boot_id.load(Ordering::SeqCst);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        (number != HIDDEN).then_some(BootId(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_does_not_go_back() {
        let first = SystemClock.boot();
        assert!(SystemClock.boot() >= first);
    }

    #[cfg(all(target_os = "linux", not(tokenkeep_portable)))]
    #[test]
    fn a_boot_has_one_name() {
        assert!(SystemClock.boot_id().is_some());
        assert_eq!(SystemClock.boot_id(), SystemClock.boot_id());
    }

    #[cfg(any(not(unix), tokenkeep_portable))]
    #[test]
    fn a_boot_time_that_counts_from_the_start_of_a_process_belongs_to_no_boot() {
        assert_eq!(SystemClock.boot_id(), None);
    }

    #[test]
    fn seconds_are_rounded_down_before_1970_too() {
        assert_eq!(WallTime(-1).seconds(), -1);
        assert_eq!(WallTime(1_999_999_999).seconds(), 1);
    }
}
