//! The ledger as a SQLite database: opening, migrations, lines, what is too old.

use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::entry::{RANDOM_BITS, id_at};
use super::failure::LedgerError;
use super::{Entry, Kind};
use crate::system::clock::{Deadline, WallTime};
use crate::system::files::Dir;

pub(super) const FILE: &str = "ledger.db";
pub(super) const JOURNAL: &str = "ledger.db-journal";

/// Every migration; the version of a schema is how many of them it has seen.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_requests.sql")];
/// How long a line is kept.
const KEPT_DAYS: i64 = 400;
const DAY_MS: i64 = 86_400_000;
/// How many old lines go for each new one: enough that the ledger does not grow. The number is small, so that a wall
/// clock that is ahead for some requests does not cost the history.
const PRUNED_FOR_EACH: usize = 2;
/// How long a write may take. A damaged or hostile file may hold what does not end.
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// After how many steps of SQLite's machine the clock is looked at: some tens of microseconds.
const STEPS: i32 = 10_000;
/// The largest ledger, in pages of 4 KiB: some ten million requests.
const MOST_PAGES: u32 = 131_072;
/// The longest text or row, in bytes; ours stay far below.
const LONGEST: i32 = 128 << 10;
/// The most memory that SQLite takes in the command line, in bytes.
#[cfg(all(unix, feature = "cli"))]
const MEMORY: u32 = 64 << 20;

/// An open ledger.
pub(super) struct Database(Connection);

impl Database {
    /// Opens the ledger for writing, made and brought up to date if needed. The caller holds the lock of writers.
    pub(super) fn write(dir: &Dir) -> Result<Database, LedgerError> {
        // SQLite would make it readable to others, and gives its journal the mode of the ledger. This descriptor is
        // closed before SQLite locks anything: a later close would drop its locks.
        drop(dir.lock_file(FILE)?);
        judge_beside(dir)?;
        let mut database = Database::open(dir, WRITE_WITHIN)?;
        database.migrate()?;
        Ok(database)
    }

    fn open(dir: &Dir, within: Duration) -> Result<Database, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(dir.path().join(FILE), flags).map_err(fault)?;
        // A trigger or a view that does not end must not hold up the program, nor fill memory or disk.
        let deadline = Deadline::after(within);
        connection.progress_handler(STEPS, Some(move || deadline.left().is_zero())).map_err(fault)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST).map_err(fault)?;
        // This limit is one of the whole process: a program that uses the library may have an SQLite of its own.
        #[cfg(all(unix, feature = "cli"))]
        if crate::system::process::ends_with_caller() {
            connection.pragma_update(None, "hard_heap_limit", MEMORY).map_err(fault)?;
        }
        // No process waits for a program that reads the ledger: the entry is put down instead.
        connection.busy_timeout(std::time::Duration::ZERO).map_err(fault)?;
        connection.pragma_update(None, "temp_store", "MEMORY").map_err(fault)?;
        // A damaged or hostile file must not be more than damaged.
        connection.pragma_update(None, "trusted_schema", "OFF").map_err(fault)?;
        let database = Database(connection);
        // Before anything that reads the schema: that of a newer version is not ours to judge, nor to put aside.
        if database.version()? > MIGRATIONS.len() {
            return Err(LedgerError::NewerVersion);
        }
        database.0.pragma_update(None, "max_page_count", MOST_PAGES).map_err(fault)?;
        Ok(database)
    }

    fn version(&self) -> Result<usize, LedgerError> {
        let version: i64 = self.0.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
        usize::try_from(version).map_err(|_| LedgerError::Damaged)
    }

    fn migrate(&mut self) -> Result<(), LedgerError> {
        match self.version()? {
            version if version > MIGRATIONS.len() => return Err(LedgerError::NewerVersion),
            version if version == MIGRATIONS.len() => return Ok(()),
            _ => {}
        }
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        // Read again: another version may have come in between if the file system does not lock.
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
        let done = usize::try_from(version).map_err(|_| LedgerError::Damaged)?;
        if done > MIGRATIONS.len() {
            return Err(LedgerError::NewerVersion);
        }
        for migration in MIGRATIONS.get(done..).unwrap_or_default() {
            transaction.execute_batch(migration).map_err(fault)?;
        }
        if done < MIGRATIONS.len() {
            let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
            transaction.pragma_update(None, "user_version", version).map_err(fault)?;
        }
        transaction.commit().map_err(fault)
    }

    /// Adds entries in one transaction, and drops lines that are too old. Their age counts from the newest line that
    /// was there before: a clock that is ahead does not decide it.
    pub(super) fn add(mut self, entries: &[&Entry], now: WallTime) -> Result<(), LedgerError> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let newest: Option<i64> =
            transaction.query_row("SELECT max(id) FROM request", [], |row| row.get(0)).map_err(fault)?;
        for entry in entries {
            let who = params![entry.profile, identity(entry), entry.kind.name(), entry.program];
            transaction
                .execute("INSERT OR IGNORE INTO series (profile, identity, kind, program) VALUES (?1, ?2, ?3, ?4)", who)
                .map_err(fault)?;
            transaction
                .execute(
                    "INSERT OR IGNORE INTO request (id, series, outcome, http_status, latency_ms, lifetime_s, pid)
                     SELECT ?5, id, ?6, ?7, ?8, ?9, ?10 FROM series
                     WHERE profile = ?1 AND identity = ?2 AND kind = ?3 AND program = ?4",
                    params![
                        entry.profile,
                        identity(entry),
                        entry.kind.name(),
                        entry.program,
                        entry.id,
                        entry.outcome,
                        entry.http_status,
                        entry.latency_ms,
                        entry.lifetime_s,
                        entry.pid,
                    ],
                )
                .map_err(fault)?;
        }
        let kept_ms = KEPT_DAYS * DAY_MS;
        let newest = newest.map_or(now, time_of).min(now);
        let oldest = WallTime(newest.0.saturating_sub(kept_ms.saturating_mul(1_000_000)));
        let at_once = i64::try_from(entries.len().saturating_mul(PRUNED_FOR_EACH)).unwrap_or(i64::MAX);
        transaction
            .execute(
                "DELETE FROM request WHERE id IN (SELECT id FROM request WHERE id < ?1 ORDER BY id LIMIT ?2)",
                params![id_at(oldest), at_once],
            )
            .map_err(fault)?;
        // A day's sums go after the last of its lines.
        transaction
            .execute(
                "DELETE FROM daily WHERE day < ?1 AND day < coalesce((SELECT min(id) >> 20 FROM request), 0) / ?2",
                params![oldest.0.div_euclid(1_000_000) / DAY_MS, DAY_MS],
            )
            .map_err(fault)?;
        transaction.commit().map_err(fault)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Token => "token",
        }
    }
}

/// Returns the time of an id.
fn time_of(id: i64) -> WallTime {
    WallTime((id >> RANDOM_BITS).saturating_mul(1_000_000))
}

/// Judges every file beside the ledger that SQLite opens by itself, whatever journal the ledger's header names.
fn judge_beside(dir: &Dir) -> Result<(), LedgerError> {
    [JOURNAL, "ledger.db-wal", "ledger.db-shm"].into_iter().try_for_each(|name| Ok(dir.judge(name)?))
}

/// The digest as bytes; an entry that was put down by hand and holds none has an empty one.
fn identity(entry: &Entry) -> Vec<u8> {
    crate::encoding::hex::decode::<32>(&entry.identity).map(|digest| digest.to_vec()).unwrap_or_default()
}

/// Returns what a failure of SQLite means. Its messages are not shown: they may quote the text of a damaged file.
fn fault(error: rusqlite::Error) -> LedgerError {
    let rusqlite::Error::SqliteFailure(failure, _) = &error else { return LedgerError::Damaged };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => LedgerError::Busy,
        ErrorCode::ReadOnly => LedgerError::Database("it is read-only"),
        ErrorCode::CannotOpen => LedgerError::Database("it cannot be opened"),
        ErrorCode::DiskFull => LedgerError::Database("the disk is full"),
        ErrorCode::SystemIoFailure => LedgerError::Database("the disk failed"),
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            LedgerError::Database("permission was denied")
        }
        ErrorCode::OperationInterrupted => LedgerError::Database("it takes too long"),
        ErrorCode::ApiMisuse | ErrorCode::TooBig | ErrorCode::NoLargeFileSupport => {
            LedgerError::Database("SQLite cannot do it")
        }
        ErrorCode::OutOfMemory => LedgerError::Database("there is no memory"),
        ErrorCode::FileLockingProtocolFailed => LedgerError::Busy,
        // Every statement is fixed: one that fails finds another schema, or none.
        _ => LedgerError::Damaged,
    }
}

#[cfg(feature = "cli")]
mod reading;
#[cfg(all(test, feature = "cli"))]
mod tests;
