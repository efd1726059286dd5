//! The ledger's writer, killed at each system call, and each call that fails it.

use std::cell::Cell;

use serde_json::{Value, json};

use super::sweep::{Call, Fault, World, sweep};
use super::{ERRORS, OLD, get, tell, world_with};
use crate::common::{Invocation, Outcome};

/// The calls that make, write and remove.
const WRITES: [&str; 12] = [
    "open",
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "unlink",
    "unlinkat",
    "fchmod",
    "mkdirat",
    "renameat",
];
/// The calls that look.
const READS: [&str; 9] = ["read", "pread64", "lseek", "fcntl", "flock", "stat", "fstat", "newfstatat", "getdents64"];

/// Whether a ledger is sound, its version, its lines, and the sum of its days, by the SQLite of another program. Of a
/// copy: who opens a ledger takes back what is in its journal.
const SOUND: &str = r#"
import json, os, shutil, sqlite3, sys, tempfile
with tempfile.TemporaryDirectory() as copy:
    for name in ["ledger.db", "ledger.db-journal"]:
        if os.path.exists(os.path.join(sys.argv[1], name)):
            shutil.copy(os.path.join(sys.argv[1], name), copy)
    connection = sqlite3.connect(os.path.join(copy, "ledger.db"))
    one = lambda query: connection.execute(query).fetchone()[0]
    whole, version = one("PRAGMA integrity_check"), one("PRAGMA user_version")
    lines = one("SELECT count(*) FROM request") if version else 0
    sums = one("SELECT coalesce(sum(requests), 0) FROM daily") if version else 0
    foreign = connection.execute("PRAGMA foreign_key_check").fetchall()
    print(json.dumps([whole, version, lines, sums, foreign]))
    connection.close()
"#;

/// From the first call that has to do with the ledger on, to the end.
fn from_the_ledger_on() -> impl Fn(&Call) -> bool {
    let reached = Cell::new(false);
    move |call| {
        reached.set(reached.get() || call.text.contains("ledger"));
        reached.get()
    }
}

/// A home whose ledger was not begun.
fn before_the_first_line() -> World {
    world_with(OLD)
}

/// A home with two lines in its ledger.
fn after_two_lines() -> World {
    let world = world_with(OLD);
    for _ in 0..2 {
        get(&world, &["--refresh"]).run().success().token();
    }
    World::new(world.issuer, world.environment)
}

fn refresh(world: &World) -> Invocation {
    get(world, &["--refresh"])
}

/// The same while another process has the turn to write: the entry is put down.
fn refresh_while_another_writes(world: &World) -> Invocation {
    let lock = world.environment.data_dir().join("ledger.lock");
    refresh(world).under(["flock".as_ref(), lock.as_os_str()])
}

fn counted(world: &World) -> u64 {
    let stats = world.environment.tokenkeep(["--json", "stats"]).run().success();
    assert_eq!(stats.stderr, "", "there is nothing amiss");
    stats.json()["requests"].as_u64().expect("a number")
}

/// Nobody was kept from the token, the ledger is sound with or without the new line, and the next one is written.
fn assert_clean(world: &World, before: u64, outcome: &Outcome) {
    // A thread that makes the call as often as the writer does may be hit before there is a token.
    if outcome.code == 0 || !outcome.stdout.is_empty() {
        outcome.token();
    }
    let data = world.environment.data_dir();
    let sound = world.environment.program("python3", ["-c", SOUND]).arg(&data).run().success().json();
    let (version, lines) = (&sound[1], sound[2].as_u64().expect("a number"));
    assert_eq!(sound, json!(["ok", version, lines, lines, Vec::<Value>::new()]));
    let now = counted(world);
    assert!(now == before || now == before + 1, "{now} lines of {before}");
    assert!(lines <= now, "what was written is counted");
    assert_eq!(refresh(world).run().success().stderr, "");
    assert_eq!(counted(world), now + 1);
    for stray in ["ledger.db-journal", "ledger.db.damaged", "ledger.db-wal", "ledger.db-shm"] {
        assert!(!data.join(stray).exists(), "{stray} is left");
    }
}

#[test]
fn a_first_line_that_is_killed_at_any_call_leaves_a_sound_ledger_or_none() {
    let kills = sweep(before_the_first_line, refresh, from_the_ledger_on(), &[Fault::Kill], |world, _, outcome| {
        assert_clean(world, 0, &outcome);
        assert_eq!(world.temporaries(), [""; 0]);
    });
    tell("the first line of a ledger, killed", kills);
}

#[test]
fn a_line_that_is_killed_at_any_call_leaves_a_sound_ledger() {
    let kills = sweep(after_two_lines, refresh, from_the_ledger_on(), &[Fault::Kill], |world, _, outcome| {
        assert_clean(world, 2, &outcome);
        assert_eq!(world.temporaries(), [""; 0]);
    });
    tell("a line of a ledger, killed", kills);
}

#[test]
fn a_line_that_is_put_down_and_killed_at_any_call_leaves_one_temporary_at_most() {
    let run = refresh_while_another_writes;
    let kills = sweep(after_two_lines, run, from_the_ledger_on(), &[Fault::Kill], |world, _, outcome| {
        assert!(world.temporaries().len() <= 1, "{:?}", world.temporaries());
        assert_clean(world, 2, &outcome);
    });
    tell("a line that is put down, killed", kills);
}

#[test]
fn a_line_for_which_there_is_no_room_or_no_disk_costs_nothing_else() {
    for (make, what, before) in
        [(before_the_first_line as fn() -> World, "the first line", 0), (after_two_lines, "a line", 2)]
    {
        let of_the_ledger = from_the_ledger_on();
        let faults = sweep(
            make,
            refresh,
            |call| of_the_ledger(call) && WRITES.contains(&call.name.as_str()),
            &ERRORS,
            |world, _, outcome| {
                assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
                assert_clean(world, before, &outcome);
            },
        );
        tell(&format!("{what} of a ledger, its writes failing"), faults);
    }
}

#[test]
fn a_ledger_that_cannot_be_looked_at_costs_nothing_else() {
    let of_the_ledger = from_the_ledger_on();
    let faults = sweep(
        after_two_lines,
        refresh,
        |call| of_the_ledger(call) && READS.contains(&call.name.as_str()),
        &[Fault::Error("EIO")],
        |world, _, outcome| {
            assert!(outcome.code == 0, "{outcome:?}");
            // To SQLite a part of a file that the disk cannot read is damage: what is left of it is put aside, whole.
            let copy = world.environment.data_dir().join("ledger.db.damaged");
            let warned = outcome.stderr.contains("warning: ledger_quarantined");
            assert_eq!((warned, outcome.stderr.lines().count()), (copy.exists(), usize::from(copy.exists())));
            if warned {
                std::fs::remove_file(copy).expect("it is there");
            }
            assert_clean(world, if warned { 0 } else { 2 }, &outcome);
        },
    );
    tell("a line of a ledger, its reads failing", faults);
}
