//! Reading and writing the ledger: one writer at a time, and what a damaged ledger means, decided once.

use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};

use super::Entry;
use super::database::{Database, FILE, JOURNAL};
use super::failure::LedgerError;
use super::pending::Pending;
use crate::system::clock::Clock;
use crate::system::files::Dir;

/// The first ledger that was damaged, which holds the history until then: it is never replaced.
const QUARANTINE: &str = "ledger.db.damaged";
/// The last one that was damaged after it.
const LATER_QUARANTINE: &str = "ledger.db.damaged.2";
/// The lock of the writers: SQLite's own would be dropped with any other descriptor of the file, and does not cover its
/// creation.
const LOCK: &str = "ledger.lock";
const UNREADABLE: LedgerError = LedgerError::Database("the disk failed");

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

#[cfg(feature = "cli")]
mod reading;
#[cfg(all(test, feature = "cli"))]
mod tests;
