//! Something else in place of the ledger: another version's, another program's, no database at all.

use super::*;

#[test]
fn a_ledger_of_a_newer_version_is_neither_written_nor_read() {
    let place = Place::with_a_line();
    for version in [2, 99, i32::MAX] {
        // As a later version may have left it: a column more, and a table.
        place.sql(&format!(
            "ALTER TABLE request ADD COLUMN more{version} INTEGER NOT NULL DEFAULT 0; CREATE TABLE t{version} (x);
             PRAGMA user_version = {version}"
        ));
        place.ledger.spool(&entry("waiting", BEGIN)).expect("put down");
        let (before, names) = (place.bytes(FILE), place.names());
        let written = place.ledger.record(&[entry("main", place.clock.wall())]);
        assert!(matches!(written, Err(LedgerError::NewerVersion)), "{written:?}");
        for waiting in [true, false] {
            if !waiting {
                fs::remove_dir_all(place.path("ledger.pending")).expect("ours");
            }
            let read = place.ledger.stats(WallTime(0), None);
            assert!(matches!(read, Err(LedgerError::NewerVersion)), "{read:?}");
        }
        assert!(place.bytes(FILE) == before, "nothing was written to it");
        assert_eq!(place.names(), names.into_iter().filter(|name| name != "ledger.pending").collect::<Vec<_>>());
    }
}

#[test]
fn a_version_below_zero_is_damage() {
    let place = Place::with_a_line();
    place.sql("PRAGMA user_version = -1");
    assert_eq!(place.ledger.record(&[entry("main", BEGIN)]).expect("written"), Condition::Quarantined);
    assert_eq!(place.count("main"), 1);
}

#[test]
fn a_file_that_is_no_ledger_is_put_aside_and_a_new_one_begun() {
    let place = Place::new();
    let text = b"#!/bin/sh\nexit 1\n".repeat(1_000);
    let long = text.repeat(100);
    for (number, content) in [&b"xy"[..], &[0; 100], &[0; 8_192], &text, &long].into_iter().enumerate() {
        let _ = fs::remove_file(place.path(QUARANTINE));
        place.put(FILE, content);
        place.put(JOURNAL, "of that file");
        let profile = format!("main{number}");
        assert_eq!(place.ledger.record(&[entry(&profile, BEGIN)]).expect("written"), Condition::Quarantined);
        assert!(place.bytes(QUARANTINE).as_deref() == Some(content), "it is kept as it was");
        assert_eq!(place.names(), [FILE, QUARANTINE, LOCK], "its journal is gone");
        assert_eq!(place.count(&profile), 1);
    }
}

#[test]
fn what_only_asks_puts_a_file_aside_too() {
    let place = Place::new();
    place.put(FILE, "no database, and longer than the header of one".repeat(100));
    let (stats, condition) = place.ledger.stats(WallTime(0), None).expect("read");
    assert_eq!((stats, condition), (Stats::since(WallTime(0)), Condition::Quarantined));
    assert_eq!(place.stats(WallTime(0)), Stats::since(WallTime(0)));
    place.records(&[entry("main", BEGIN)]);
    assert_eq!(place.count("main"), 1);
}

#[test]
fn an_empty_file_is_a_ledger_that_was_not_begun() {
    let place = Place::new();
    place.put(FILE, "");
    assert_eq!(place.stats(WallTime(0)), Stats::since(WallTime(0)));
    place.records(&[entry("main", BEGIN)]);
    assert_eq!(place.count("main"), 1);
    assert_eq!(place.bytes(QUARANTINE), None);
}

#[test]
fn a_database_of_another_program_is_put_aside() {
    let place = Place::new();
    let schemas = [
        "CREATE TABLE request (x)",
        "CREATE TABLE t (x); PRAGMA user_version = 1",
        "CREATE TABLE request (id, series); CREATE TABLE series (id); PRAGMA user_version = 1",
        "CREATE VIEW series AS SELECT 1; CREATE TRIGGER request_counted INSTEAD OF INSERT ON series BEGIN SELECT 1; END",
        // A schema that would do something of its own with what is written.
        "CREATE TABLE series (id, profile, identity, kind, program, UNIQUE (profile, identity, kind, program));
         CREATE TABLE request (id, series, outcome, http_status, latency_ms, lifetime_s, pid);
         CREATE TABLE daily (day);
         CREATE TRIGGER t AFTER INSERT ON request BEGIN SELECT load_extension('/x.so'); END;
         PRAGMA user_version = 1",
    ];
    for schema in schemas {
        let _ = fs::remove_file(place.path(QUARANTINE));
        place.put(FILE, "");
        place.sql(schema);
        let before = place.bytes(FILE);
        assert_eq!(place.ledger.record(&[entry("main", BEGIN)]).expect("written"), Condition::Quarantined, "{schema}");
        assert!(place.bytes(QUARANTINE) == before, "{schema}");
        assert_eq!(place.count("main"), 1, "{schema}");
    }
}

#[test]
fn sums_of_a_hostile_ledger_end_in_no_panic() {
    let place = Place::with_a_line();
    let (most, least) = (i64::MAX, i64::MIN);
    place.sql(&format!(
        "INSERT INTO daily VALUES
         (20000, 'p', 'granted', {least}, {most}, {most}, {most}), (20000, 'p', 'granted', 1, {most}, {most}, {most}),
         (20001, 'p', 'granted', 1, {most}, {most}, {most}), (20001, 'p', 'timeout', {most}, {least}, {least}, {least}),
         ({most}, 'p', 'granted', 1, -1, {most}, {most}), ({least}, 'p', '', 0, 0, 0, 0)"
    ));
    let stats = place.stats(WallTime(0));
    for (_, row) in stats.profiles() {
        row.latency();
    }
    for (_, _, row) in stats.days() {
        row.latency();
    }
    // A day whose sum can hold no more is damage.
    place.sql(&format!("UPDATE daily SET latency_ms = {most} WHERE profile = 'main'"));
    assert_eq!(place.ledger.record(&[entry("main", BEGIN)]).expect("written"), Condition::Quarantined);
    assert_eq!(place.count("main"), 1);
}

/// Rows without an end.
const ENDLESS: &str =
    "WITH RECURSIVE without (end) AS (VALUES (0) UNION ALL SELECT end + 1 FROM without) SELECT max(end) FROM without";

#[test]
fn a_trigger_that_does_not_end_is_ended_and_leaves_the_ledger_as_it_was() {
    let place = Place::with_a_line();
    place.sql(&format!("CREATE TRIGGER endless AFTER INSERT ON request BEGIN {ENDLESS}; END"));
    let ended = place.ledger.record(&[entry("main", BEGIN.plus(DAY))]);
    assert!(matches!(ended, Err(LedgerError::Database("it takes too long"))), "{ended:?}");
    assert_eq!(place.count("main"), 1);
    assert_eq!(place.names(), [FILE, LOCK]);
}

#[test]
fn a_trigger_that_fills_memory_or_disk_is_ended() {
    #[cfg(all(unix, feature = "cli"))]
    crate::system::process::end_with_caller();
    let rows = "WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n) SELECT i, zeroblob(100000) FROM n";
    for (table, statement) in [
        ("CREATE TABLE waste (number, bytes)", format!("INSERT INTO waste {rows}")),
        ("", format!("SELECT count(*) FROM (SELECT DISTINCT * FROM ({rows}))")),
    ] {
        let place = Place::with_a_line();
        place.sql(&format!("{table}; CREATE TRIGGER waste AFTER INSERT ON request BEGIN {statement}; END"));
        let ended = place.ledger.record(&[entry("main", BEGIN.plus(DAY))]);
        assert!(matches!(ended, Err(LedgerError::Database(_))), "{ended:?}");
        assert_eq!(place.count("main"), 1);
    }
}
