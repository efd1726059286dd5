//! Summing up the lines of the ledger.

use std::time::Duration;

use rusqlite::params;

use super::{DAY_MS, Database, FILE, MIGRATIONS, fault, judge_beside, time_of};
use crate::ledger::entry::id_at;
use crate::ledger::failure::LedgerError;
use crate::ledger::stats::{Stats, Summed};
use crate::system::clock::WallTime;
use crate::system::files::Dir;

/// How long a report may take. A damaged or hostile file may hold what does not end.
const READ_WITHIN: Duration = Duration::from_secs(15);

impl Database {
    /// Opens the ledger for reading; `None` if there is none yet.
    pub(in crate::ledger) fn read(dir: &Dir) -> Result<Option<Database>, LedgerError> {
        dir.judge(FILE)?;
        judge_beside(dir)?;
        if dir.stamp(FILE)?.is_none() {
            return Ok(None);
        }
        // Not read-only: what a killed writer left in the journal has to be taken back before anything can be read. A
        // ledger that this process may not write is opened for reading by SQLite itself.
        let database = Database::open(dir, READ_WITHIN)?;
        match database.version()? {
            0 => Ok(None),
            version if version > MIGRATIONS.len() => Err(LedgerError::NewerVersion),
            _ => Ok(Some(database)),
        }
    }

    /// Adds to `stats` what is there: whole days from their sums, the day in which they begin line by line.
    pub(in crate::ledger) fn sum_up(&self, stats: &mut Stats) -> Result<(), LedgerError> {
        let first_whole_day = stats.first_whole_day();
        let mut lines = self
            .0
            .prepare(
                "SELECT (request.id >> 20) / 86400000, profile, outcome, latency_ms FROM request
                 JOIN series ON series.id = request.series WHERE request.id >= ?1 AND request.id < ?2 AND (?3 IS NULL OR profile = ?3)",
            )
            .map_err(fault)?;
        let whole_days_from = WallTime(first_whole_day.saturating_mul(DAY_MS).saturating_mul(1_000_000));
        let range = params![id_at(stats.from()), id_at(whole_days_from), stats.only()];
        let mut rows = lines.query(range).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let latency: i64 = row.get(3).map_err(fault)?;
            stats.add(row.get(0).map_err(fault)?, text(row, 1)?, text(row, 2)?, &Summed::one(latency));
        }
        let mut days = self
            .0
            .prepare(
                "SELECT day, profile, outcome, latency_up_to, requests, latency_ms, latency_max FROM daily
                 WHERE day >= ?1 AND (?2 IS NULL OR profile = ?2)",
            )
            .map_err(fault)?;
        let mut rows = days.query(params![first_whole_day, stats.only()]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let number = |at| row.get::<_, i64>(at).map_err(fault);
            let summed = Summed { up_to: number(3)?, requests: number(4)?, total: number(5)?, max: number(6)? };
            stats.add(number(0)?, text(row, 1)?, text(row, 2)?, &summed);
        }
        self.find_last(stats)
    }

    /// Adds to `stats` when each profile was granted a token, and refused one, for the last time.
    fn find_last(&self, stats: &mut Stats) -> Result<(), LedgerError> {
        let mut lines = self
            .0
            .prepare(
                "SELECT profile, outcome, MAX(request.id) FROM request JOIN series ON series.id = request.series
                 WHERE request.id >= ?1 AND (?2 IS NULL OR profile = ?2) GROUP BY profile, outcome",
            )
            .map_err(fault)?;
        let mut rows = lines.query(params![id_at(stats.from()), stats.only()]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let sent = time_of(row.get(2).map_err(fault)?);
            stats.note(text(row, 0)?, text(row, 1)?, sent);
        }
        Ok(())
    }
}

fn text<'row>(row: &'row rusqlite::Row<'_>, at: usize) -> Result<&'row str, LedgerError> {
    row.get_ref(at).map_err(fault)?.as_str().map_err(|_| LedgerError::Damaged)
}
