//! A ledger that is locked, damaged, read-only, or of a newer version.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::json;

use super::{add_lines, counted, ledger, refresh, sql, stats};
use crate::machine::{Machine, paths_in};

const LOCKING: &str = r#"
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"#;

/// Another program that has the ledger locked until this is dropped.
struct Locked {
    program: Child,
    stdin: Option<ChildStdin>,
}

impl Locked {
    fn by_another_program(ledger: &Path) -> Self {
        let mut python = Command::new("python3");
        let python = python.args(["-c", LOCKING]).arg(ledger).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = python.spawn().expect("python3 runs");
        let mut line = String::new();
        let stdout = program.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says when it has it");
        assert_eq!(line, "locked\n");
        let stdin = program.stdin.take();
        Self { program, stdin }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.program.wait();
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}

#[test]
fn while_another_program_has_it_locked_a_get_waits_for_nothing_and_its_line_is_counted_later() {
    let machine = Machine::new();
    machine.token();
    let locked = Locked::by_another_program(&ledger(&machine.environment));
    let file = machine.environment.path("files/trace");
    let strace = ["strace", "-f", "-y", "-s", "0", "-o"].map(std::ffi::OsString::from);
    let under = strace.into_iter().chain([file.clone().into()]);
    let get = machine.get().arg("--refresh").under(under).run().success();
    assert_eq!(get.stderr, "");
    get.token();
    let trace = fs::read_to_string(file).expect("strace wrote it");
    let (_, after) = trace.split_once("ledger.db").expect("it tried");
    for waiting in ["nanosleep(", "poll(", "select(", "epoll_wait(", "F_SETLKW", "F_OFD_SETLKW"] {
        assert!(!after.contains(waiting), "it waits: {waiting}\n{after}");
    }
    stats(&machine.environment, &[]).fails(9, "ledger_unreadable");
    drop(locked);
    assert_eq!(counted(&machine.environment), 2);
    assert_eq!(sql(&machine.environment, ["SELECT count(*) FROM request"]), json!([[2]]));
}

#[test]
fn lines_that_wait_are_written_by_the_next_get_as_well() {
    let machine = Machine::new();
    machine.token();
    let locked = Locked::by_another_program(&ledger(&machine.environment));
    for waiting in 1..=3 {
        refresh(&machine);
        assert_eq!(paths_in(&machine.data("ledger.pending")).len(), waiting);
    }
    drop(locked);
    refresh(&machine);
    assert_eq!(sql(&machine.environment, ["SELECT count(*) FROM request"]), json!([[5]]));
    assert_eq!(paths_in(&machine.data("ledger.pending")).len(), 0);
}

#[test]
fn of_a_damaged_ledger_one_copy_is_kept_with_one_warning() {
    let machine = Machine::new();
    machine.token();
    add_lines(&machine.environment);
    let (path, copy) = (ledger(&machine.environment), machine.data("ledger.db.damaged"));
    let sound = fs::read(&path).expect("a ledger");
    const PAGE: usize = 4_096;
    assert!(sound.len() / PAGE >= 8, "it has pages of every kind");
    let mut noticed = 0;
    for page in 0..sound.len() / PAGE {
        for byte in [0, 0xa5] {
            let case = format!("page {page} overwritten with {byte:#x}");
            let _ = fs::remove_file(&copy);
            let mut damaged = sound.clone();
            damaged[page * PAGE..][..PAGE].fill(byte);
            fs::write(&path, &damaged).expect("ours");
            // Who meets the damage puts it aside, be it the writer or the reader.
            let got = refresh(&machine);
            got.token();
            let read = stats(&machine.environment, &["--since", "36500d"]).success();
            let told = [&got, &read].map(|outcome| outcome.stderr.matches("ledger_quarantined").count());
            assert!(told == [0, 0] || told == [1, 0] || told == [0, 1], "{case}: {got:?}\n{read:?}");
            assert_eq!(copy.exists(), told != [0, 0], "{case}");
            if told == [1, 0] {
                assert_eq!(read.json()["requests"], 1, "{case}");
            }
            noticed += told.iter().sum::<usize>();
            let again = refresh(&machine);
            assert_eq!(again.stderr, "", "{case}");
            let kept: Vec<_> = paths_in(&machine.data("")).into_iter().filter(|path| is_ledger(path)).collect();
            assert!(kept.len() <= 2 + usize::from(told != [0, 0]), "{case}: {kept:?}");
        }
    }
    assert!(noticed > sound.len() / PAGE, "most pages are read by somebody: {noticed}");
}

/// `ledger.db`, its lock, and what is left of it, but not what waits.
fn is_ledger(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ledger.") && !path.is_dir())
}

#[test]
fn a_text_file_in_its_place_is_put_aside_as_it_was() {
    let machine = Machine::new();
    let text = "these are my notes\n".repeat(1_000);
    machine.environment.write_secret("data/ledger.db", &text);
    let got = refresh(&machine).says("warning: ledger_quarantined");
    got.token();
    assert!(fs::read_to_string(machine.data("ledger.db.damaged")).expect("the copy") == text);
    assert_eq!(counted(&machine.environment), 1);
    assert_eq!(refresh(&machine).stderr, "");
    assert_eq!(counted(&machine.environment), 2);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let machine = Machine::new();
    machine.token();
    let environment = &machine.environment;
    sql(environment, ["PRAGMA user_version = 99"]);
    let before = fs::read(ledger(environment)).expect("a ledger");
    for _ in 0..2 {
        let got = refresh(&machine);
        assert_eq!(got.stderr, "");
        got.token();
        let refused = stats(environment, &[]).fails(9, "ledger_unreadable");
        assert!(refused.stderr.contains("newer"), "{refused:?}");
    }
    assert!(fs::read(ledger(environment)).expect("a ledger") == before);
    assert!(!machine.data("ledger.db-journal").exists() && !machine.data("ledger.db.damaged").exists());
    sql(environment, ["PRAGMA user_version = 1"]);
    refresh(&machine);
    assert!(counted(environment) >= 2, "with the version that it belongs to, it goes on");
}

#[test]
fn a_read_only_ledger_costs_its_line_and_is_read() {
    let machine = Machine::unprivileged();
    machine.token();
    let path = ledger(&machine.environment);
    let before = fs::read(&path).expect("a ledger");
    chmod(&path, 0o400);
    let got = refresh(&machine);
    assert_eq!(got.stderr, "");
    got.token();
    assert_eq!(counted(&machine.environment), 1);
    assert!(fs::read(&path).expect("a ledger") == before);
    chmod(&path, 0o600);
    refresh(&machine);
    assert!(counted(&machine.environment) >= 2);
}

#[test]
fn in_a_read_only_data_directory_the_ledger_is_read_with_what_waits() {
    let machine = Machine::unprivileged();
    machine.token();
    let locked = Locked::by_another_program(&ledger(&machine.environment));
    refresh(&machine);
    drop(locked);
    let folders = ["tokens", "locks", "ledger.pending", ""].map(|name| machine.data(name));
    let locks = machine.data("ledger.lock");
    for with_lock in [true, false] {
        if !with_lock {
            fs::remove_file(&locks).expect("it was made");
        }
        folders.iter().for_each(|folder| chmod(folder, 0o500));
        let got = refresh(&machine).says("warning: cache_read_only");
        assert_eq!(got.stderr.matches("warning:").count(), 1, "{got:?}");
        assert_eq!(counted(&machine.environment), 2, "with its lock: {with_lock}");
        folders.iter().rev().for_each(|folder| chmod(folder, 0o700));
    }
    assert_eq!(counted(&machine.environment), 2);
    refresh(&machine).does_not_say("warning");
    assert_eq!(counted(&machine.environment), 3);
}

#[test]
fn the_ledger_and_all_beside_it_is_closed_to_others_whatever_the_umask() {
    let machine = Machine::unprivileged();
    for umask in ["0", "077", "0777"] {
        for name in ["ledger.db", "ledger.lock", "ledger.pending"] {
            let _ = fs::remove_file(machine.data(name)).or_else(|_| fs::remove_dir_all(machine.data(name)));
        }
        let get = || {
            let script = format!("umask {umask}; exec \"$@\"");
            machine.get().arg("--refresh").under(["sh", "-c", &script, "sh"]).run().success().does_not_say("warning")
        };
        get();
        let locked = Locked::by_another_program(&ledger(&machine.environment));
        get();
        for path in [machine.data("ledger.db"), machine.data("ledger.lock"), machine.data("ledger.pending")]
            .into_iter()
            .chain(paths_in(&machine.data("ledger.pending")))
        {
            let mode = path.symlink_metadata().expect("it was made").permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}, umask {umask}", path.display());
        }
        drop(locked);
        assert_eq!(counted(&machine.environment), 2);
    }
}
