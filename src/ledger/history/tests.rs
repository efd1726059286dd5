//! The ledger in a directory of its own, with a clock that the tests set.

mod ageing;
mod damaged;
mod foreign;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::entry::Kind;
use super::*;
use crate::ledger::Stats;
use crate::system::clock::{ManualClock, WallTime};
use crate::system::files::Missing;
use crate::token::RecordName;

/// 2027-01-15, 08:00 UTC.
const BEGIN: WallTime = WallTime(1_800_000_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// A data directory that no other test in this process writes to.
struct Place {
    root: TempDir,
    dir: Arc<Dir>,
    clock: Arc<ManualClock>,
    ledger: Ledger,
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl Place {
    fn new() -> Place {
        static ALONE: Mutex<()> = Mutex::new(());
        // A test that failed has nothing to do with the next.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Arc::new(Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there"));
        let clock = Arc::new(ManualClock::new(BEGIN));
        let ledger = Ledger::new(dir.clone(), clock.clone());
        Place { root, dir, clock, ledger, _alone: alone }
    }

    /// One with a ledger that holds one line.
    fn with_a_line() -> Place {
        let place = Place::new();
        place.records(&[entry("main", BEGIN)]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("data").join(name)
    }

    /// The bytes of a file; `None` if there is none.
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(name)).ok()
    }

    /// Writes a file of ours.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the directory is ours");
        #[cfg(unix)]
        fs::set_permissions(self.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    }

    fn records(&self, entries: &[Entry]) {
        assert_eq!(self.ledger.record(entries).expect("written"), Condition::Sound);
    }

    fn stats(&self, since: WallTime) -> Stats {
        let (stats, condition) = self.ledger.stats(since, None).expect("read");
        assert_eq!(condition, Condition::Sound);
        stats
    }

    /// How many requests of a profile there are.
    fn count(&self, profile: &str) -> i64 {
        requests(&self.stats(WallTime(0)), profile)
    }

    /// Runs statements as another program would.
    fn sql(&self, statements: &str) {
        self.connection().execute_batch(statements).expect("the ledger is sound");
    }

    fn number(&self, query: &str) -> i64 {
        self.connection().query_row(query, [], |row| row.get(0)).expect("the ledger is sound")
    }

    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path(FILE)).expect("the ledger is there")
    }

    /// What is in the data directory, sorted.
    fn names(&self) -> Vec<String> {
        let mut names = self.dir.names().expect("ours");
        names.sort();
        names
    }
}

fn requests(stats: &Stats, profile: &str) -> i64 {
    stats.profiles().find(|(name, _)| *name == profile).map_or(0, |(_, row)| row.requests())
}

fn entry(profile: &str, sent: WallTime) -> Entry {
    let identity = RecordName::from_hex(&"5a".repeat(32)).expect("64 digits");
    Entry::new(profile, identity, Kind::Token, sent, Duration::from_millis(20))
        .granted(Some(Duration::from_secs(3_600)))
}

/// Requests that were sent one millisecond after the other.
fn entries(profile: &str, first: WallTime, count: u64) -> Vec<Entry> {
    (0..count).map(|number| entry(profile, first.plus(Duration::from_millis(number)))).collect()
}

#[test]
fn an_entry_that_is_written_twice_is_there_once() {
    let place = Place::new();
    let entries = entries("main", BEGIN, 3);
    place.records(&entries);
    place.records(&entries);
    place.ledger.spool(&entries[0]).expect("put down");
    place.records(&entries[1..]);
    assert_eq!(place.count("main"), 3);
    assert_eq!(place.number("SELECT count(*) FROM request"), 3);
    assert_eq!(place.number("SELECT count(*) FROM series"), 1);
    assert_eq!(place.number("SELECT sum(requests) FROM daily"), 3, "nor is it counted twice in the sums");
}

#[test]
fn nothing_is_made_where_there_is_nothing_to_write() {
    let place = Place::new();
    place.records(&[]);
    assert_eq!(place.stats(WallTime(0)), Stats::since(WallTime(0)));
    assert_eq!(place.names(), [LOCK]);
}

#[test]
fn what_was_put_down_is_written_by_the_next_writer() {
    let place = Place::new();
    for entry in entries("waiting", BEGIN, 3) {
        place.ledger.spool(&entry).expect("put down");
    }
    assert_eq!(place.bytes(FILE), None, "putting down opens no ledger");
    place.records(&[entry("main", BEGIN)]);
    assert_eq!(place.number("SELECT count(*) FROM request"), 4);
    assert_eq!(fs::read_dir(place.path("ledger.pending")).expect("the folder stays").count(), 0);
    assert_eq!((place.count("waiting"), place.count("main")), (3, 1));
    assert_eq!(place.names(), [FILE, LOCK, "ledger.pending"], "and no journal");
}

#[test]
fn while_another_process_writes_an_entry_is_put_down_and_counted_all_the_same() {
    let place = Place::new();
    // Another descriptor stands for another process.
    let other = place.dir.lock_file(LOCK).expect("ours");
    other.lock().expect("nobody has it");
    place.records(&entries("main", BEGIN, 2));
    assert_eq!(place.bytes(FILE), None);
    assert_eq!(place.count("main"), 2);
    assert_eq!(place.bytes(FILE), None, "what counts it does not write it, either");
    drop(other);
    assert_eq!(place.count("main"), 2);
    assert_eq!(place.number("SELECT count(*) FROM request"), 2, "who can write does");
}

#[test]
fn while_another_program_has_the_database_locked_an_entry_is_put_down() {
    let place = Place::with_a_line();
    let other = place.connection();
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        other.execute_batch(lock).expect("nobody has it");
        place.records(&[entry("main", place.clock.wall())]);
        other.execute_batch("ROLLBACK").expect("it was begun");
        place.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(place.number("SELECT count(*) FROM request"), 1, "nobody waited");
    other.execute_batch("BEGIN EXCLUSIVE").expect("nobody has it");
    assert!(matches!(place.ledger.stats(WallTime(0), None), Err(LedgerError::Busy)));
    other.execute_batch("ROLLBACK").expect("it was begun");
    assert_eq!(place.count("main"), 3);
}

#[test]
fn an_entry_that_is_written_tells_all_that_is_known_of_the_request() {
    let place = Place::new();
    place.records(&[entry("main", BEGIN).failed("server_error", Some(503))]);
    let (id, outcome, status, latency, pid): (i64, String, i64, i64, u32) = place
        .connection()
        .query_row("SELECT id, outcome, http_status, latency_ms, pid FROM request", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .expect("a line");
    assert_eq!(id >> 20, BEGIN.0 / 1_000_000);
    assert_eq!((outcome.as_str(), status, latency, pid), ("server_error", 503, 20, std::process::id()));
    let (profile, identity, kind): (String, Vec<u8>, String) = place
        .connection()
        .query_row("SELECT profile, identity, kind FROM series", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("a series");
    assert_eq!((profile.as_str(), identity, kind.as_str()), ("main", vec![0x5a; 32], "token"));
}

/// Any latency, and often one at a bound.
fn latency() -> impl Strategy<Value = u64> {
    let bound = (0_usize..4, 0_u32..5, 0_u64..=2);
    let at_a_bound = bound.prop_map(|(digit, zeros, off)| [1, 2, 3, 5][digit] * 10_u64.pow(zeros) + off - 1);
    prop_oneof![0_u64..100_000, at_a_bound]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The bounds of latencies stand in the migration and in `stats`: they must agree.
    #[test]
    fn the_sums_of_the_ledger_are_those_of_its_lines(
        requests in prop::collection::vec((0_u64..9 * 86_400, latency(), 0_usize..4), 1..40),
        since in 0_u64..10 * 86_400,
    ) {
        let place = Place::new();
        let entry = |(after, latency, kind): (u64, u64, usize)| {
            let identity = RecordName::from_hex(&"5a".repeat(32)).expect("64 digits");
            let (sent, latency) = (BEGIN.plus(Duration::from_secs(after)), Duration::from_millis(latency));
            let entry = Entry::new(["a", "b"][kind % 2], identity, Kind::Token, sent, latency);
            if kind < 2 { entry } else { entry.failed("timeout", None) }
        };
        let entries: Vec<_> = requests.into_iter().map(entry).collect();
        place.records(&entries);
        let since = BEGIN.plus(Duration::from_secs(since));
        for since in [WallTime(i64::MIN), WallTime(0), since, WallTime(i64::MAX)] {
            let mut expected = Stats::since(since);
            entries.iter().for_each(|entry| expected.count(entry));
            prop_assert_eq!(place.stats(since), expected);
        }
    }
}
