//! Reading the history, whatever its writers do meanwhile.

use std::time::Duration;

use super::{Condition, Database, Ledger, Pending};
use crate::ledger::failure::LedgerError;
use crate::ledger::stats::Stats;
use crate::system::clock::WallTime;

/// How long a reader waits for the writers; each takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

impl Ledger {
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
}
