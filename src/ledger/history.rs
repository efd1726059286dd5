//! Reading and writing the ledger: one writer at a time, and what a damaged ledger means, decided once.

use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::database::{Database, FILE, JOURNAL};
use super::failure::LedgerError;
use super::pending::Pending;
use super::{Entry, Stats};
use crate::system::clock::{Clock, WallTime};
use crate::system::files::Dir;

/// The first ledger that was damaged, which holds the history until then: it is never replaced.
const QUARANTINE: &str = "ledger.db.damaged";
/// The last one that was damaged after it.
const LATER_QUARANTINE: &str = "ledger.db.damaged.2";
/// The lock of the writers: SQLite's own would be dropped with any other descriptor of the file, and does not cover its
/// creation.
const LOCK: &str = "ledger.lock";
const UNREADABLE: LedgerError = LedgerError::Database("the disk failed");
/// How long a reader waits for the writers; each takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// One writer at a time in this process: a lock on a file is shared by all descriptors of one process on some systems.
static IN_PROCESS: Mutex<()> = Mutex::new(());

/// The ledger of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    dir: Arc<Dir>,
    clock: Arc<dyn Clock>,
}

/// What had to be done to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    Sound,
    /// A damaged ledger was put aside, and a new one begun.
    Quarantined,
}

impl Ledger {
    /// Takes the ledger of a data directory; opens nothing yet.
    pub(crate) fn new(dir: Arc<Dir>, clock: Arc<dyn Clock>) -> Ledger {
        Ledger { dir, clock }
    }

    /// Puts an entry down for the next writer: one small file, some microseconds.
    pub(crate) fn spool(&self, entry: &Entry) -> Result<(), LedgerError> {
        Ok(Pending::of(&self.dir).add(entry)?)
    }

    /// Writes entries, and those that wait. Waits for no other process or thread: while one uses the ledger, the
    /// entries are put down.
    pub(crate) fn record(&self, entries: &[Entry]) -> Result<Condition, LedgerError> {
        let written = match self.lock() {
            Ok(lock) => self.write(entries, &lock),
            Err(error) => Err(error),
        };
        if matches!(written, Err(LedgerError::Busy)) {
            entries.iter().try_for_each(|entry| self.spool(entry))?;
            return Ok(Condition::Sound);
        }
        written
    }

    /// Sums up the requests since a time, by profile and day; of only one profile if it is named.
    pub(crate) fn stats(&self, since: WallTime, only: Option<&str>) -> Result<(Stats, Condition), LedgerError> {
        let mut left = PATIENCE;
        let lock = loop {
            match self.lock() {
                Err(LedgerError::Busy) if !left.is_zero() => {
                    let pause = Duration::from_millis(20).min(left);
                    std::thread::sleep(pause);
                    left -= pause;
                }
                Ok(lock) => break Some(lock),
                Err(LedgerError::Busy) => break None,
                // If nothing can be written, what is there is read.
                Err(LedgerError::Place(place)) if place.is_read_only() => break None,
                Err(error) => return Err(error),
            }
        };
        let written = lock.as_ref().map(|lock| self.write(&[], lock));
        let condition = match written {
            Some(Ok(condition)) => condition,
            Some(Err(LedgerError::Busy | LedgerError::Place(_) | LedgerError::Database(_))) | None => Condition::Sound,
            Some(Err(error)) => return Err(error),
        };
        let (mut stats, mut read) = self.read(since, only)?;
        if matches!(read, Err(LedgerError::Damaged)) {
            (stats, read) = self.read(since, only)?;
        }
        match (read, lock) {
            (Ok(()), _) => Ok((stats, condition)),
            (Err(LedgerError::Damaged), Some(_lock)) => {
                self.quarantine()?;
                Ok((Stats::of(since, only), Condition::Quarantined))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Sums up what could not be written yet, which counts all the same, and then what was.
    fn read(&self, since: WallTime, only: Option<&str>) -> Result<(Stats, Result<(), LedgerError>), LedgerError> {
        let mut stats = Stats::of(since, only);
        Pending::of(&self.dir).entries()?.iter().for_each(|(_, entry)| stats.count(entry));
        let read = match Database::read(&self.dir) {
            Ok(Some(database)) => database.sum_up(&mut stats),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        Ok((stats, read))
    }

    fn write(&self, entries: &[Entry], _lock: &Lock) -> Result<Condition, LedgerError> {
        let pending = Pending::of(&self.dir);
        let waiting = pending.entries()?;
        if entries.is_empty() && waiting.is_empty() {
            return Ok(Condition::Sound);
        }
        let all: Vec<&Entry> = waiting.iter().map(|(_, entry)| entry).chain(entries).collect();
        let now = self.clock.wall();
        let add = || Database::write(&self.dir).and_then(|database| database.add(&all, now));
        // Opened again and tried twice: SQLite calls a file damaged, too, if the disk failed while it was read.
        let added = match add() {
            Err(LedgerError::Damaged) => add(),
            added => added,
        };
        let condition = match added {
            Ok(()) => Condition::Sound,
            Err(LedgerError::Damaged) => {
                self.quarantine()?;
                Database::write(&self.dir)?.add(&all, now)?;
                Condition::Quarantined
            }
            Err(error) => return Err(error),
        };
        // An entry that stays is written again under the same id: it is there once.
        for (name, _) in &waiting {
            pending.remove(name)?;
        }
        pending.sweep(now)?;
        Ok(condition)
    }

    /// Puts a damaged ledger aside, together with the journal, which belongs to no other. A ledger that cannot be read
    /// is not known to be damaged and stays.
    fn quarantine(&self) -> Result<(), LedgerError> {
        let mut file = File::open(self.dir.path().join(FILE)).map_err(|_| UNREADABLE)?;
        std::io::copy(&mut file, &mut std::io::sink()).map_err(|_| UNREADABLE)?;
        drop(file);
        self.dir.remove(JOURNAL)?;
        let aside = if self.dir.stamp(QUARANTINE)?.is_some() { LATER_QUARANTINE } else { QUARANTINE };
        Ok(self.dir.rename(FILE, aside)?)
    }

    fn lock(&self) -> Result<Lock, LedgerError> {
        let in_process = match IN_PROCESS.try_lock() {
            Ok(guard) => guard,
            // It guards nothing that a panic could leave half-changed.
            Err(std::sync::TryLockError::Poisoned(guard)) => PoisonError::into_inner(guard),
            Err(std::sync::TryLockError::WouldBlock) => return Err(LedgerError::Busy),
        };
        let file = self.dir.lock_file(LOCK)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(LedgerError::Busy),
            // A file system that does not lock: SQLite does what it can.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Lock { _file: file, _in_process: in_process }),
        }
    }
}

/// The right to write, until it is dropped.
struct Lock {
    _file: File,
    _in_process: std::sync::MutexGuard<'static, ()>,
}

#[cfg(test)]
mod tests;
