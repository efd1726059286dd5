//! Migrations: what landed stays, and one that was interrupted is begun again.

use std::path::Path;
use std::time::Duration;

use rusqlite::Batch;
use rusqlite::fallible_iterator::FallibleIterator as _;
use sha2::{Digest as _, Sha256};

use super::super::entry::Kind;
use super::*;
use crate::ledger::Stats;
use crate::system::files::Missing;
use crate::token::RecordName;

/// The migrations that have landed: a ledger somewhere was made by each, so none of them changes any more. A new one
/// gets a line here with its file.
const LANDED: &[(&str, &str)] =
    &[("0001_requests.sql", "122a87435f49367a4ce542b8fe3753e2ffee5d1565492ca5d746cec9ed9d046c")];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

fn data_dir() -> (tempfile::TempDir, Dir) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
    (root, dir)
}

fn line() -> Entry {
    let identity = RecordName::from_hex(&"5a".repeat(32)).expect("64 digits");
    Entry::new("main", identity, Kind::Token, WallTime(0), Duration::ZERO)
}

fn requests(dir: &Dir) -> i64 {
    let mut stats = Stats::since(WallTime(0));
    Database::read(dir).expect("sound").expect("there").sum_up(&mut stats).expect("read");
    stats.profiles().map(|(_, row)| row.requests()).sum()
}

#[test]
fn a_migration_that_has_landed_is_never_changed_and_every_one_is_known() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("migrations are in the checkout")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    assert_eq!(names, LANDED.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert_eq!(names.len(), MIGRATIONS.len());
    for (number, ((name, digest), text)) in LANDED.iter().zip(MIGRATIONS).enumerate() {
        assert!(name.starts_with(&format!("{:04}_", number + 1)) && name.ends_with(".sql"), "{name} leaves a gap");
        assert_eq!(std::fs::read_to_string(folder().join(name)).expect("text"), *text, "{name} stands in its place");
        assert_eq!(
            crate::encoding::hex::encode(&Sha256::digest(text)),
            *digest,
            "{name} was changed: write a new one instead"
        );
    }
}

/// Runs the first statements of all migrations, as far as a process came that was killed.
fn begin(dir: &Dir, statements: usize) -> (Connection, usize) {
    drop(dir.lock_file(FILE).expect("made"));
    let connection = Connection::open(dir.path().join(FILE)).expect("opened");
    connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let mut done = 0;
    for migration in MIGRATIONS {
        let mut batch = Batch::new(&connection, migration);
        while let Some(mut statement) = batch.next().expect("a migration is SQL") {
            if done == statements {
                break;
            }
            statement.execute([]).expect("a migration runs");
            done += 1;
        }
    }
    (connection, done)
}

#[test]
fn a_migration_that_ended_after_any_statement_is_begun_anew() {
    let (_root, all) = data_dir();
    let statements = begin(&all, usize::MAX).1;
    assert!(statements >= 4, "{statements} statements are not all");
    for after in 0..=statements {
        let (_root, dir) = data_dir();
        let (connection, done) = begin(&dir, after);
        assert_eq!(done, after);
        // Another process that comes meanwhile does not wait.
        assert!(matches!(Database::write(&dir), Err(LedgerError::Busy)), "after {after} statements");
        drop(connection);
        assert!(Database::read(&dir).expect("sound").is_none(), "after {after} statements there is none");
        Database::write(&dir).expect("made").add(&[&line()], WallTime(0)).expect("written");
        assert_eq!(requests(&dir), 1, "after {after} statements");
    }
}

#[test]
fn half_a_migration_that_somebody_committed_is_damage() {
    let (_root, all) = data_dir();
    let statements = begin(&all, usize::MAX).1;
    for after in 1..=statements {
        let (_root, dir) = data_dir();
        let (connection, _) = begin(&dir, after);
        connection.execute_batch("COMMIT").expect("it was begun");
        drop(connection);
        assert!(matches!(Database::write(&dir), Err(LedgerError::Damaged)), "after {after} statements");
    }
}

#[cfg(all(unix, not(tokenkeep_portable)))]
#[test]
fn a_new_ledger_is_of_the_newest_version_and_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_root, dir) = data_dir();
    let database = Database::write(&dir).expect("made");
    assert_eq!(database.version().expect("read"), MIGRATIONS.len());
    let mode = dir.path().join(FILE).metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
