//! Calls of the system that fail: what cannot be seen is not absent.

use std::fs;
use std::path::Path;

use super::state;
use crate::common::Invocation;
use crate::common::issuer::CLIENT_SECRET;
use crate::machine::Machine;

/// Lets each call of one kind that touches one of the paths fail. A path may be relative, as the program names it.
fn failing(run: Invocation, call: &str, error: &str, paths: &[&str]) -> Invocation {
    let inject = format!("inject={call}:error={error}");
    let mut words = vec!["strace", "-f", "-qqq", "-o", "/dev/null", "-e", &inject];
    for path in paths {
        words.extend(["-P", path]);
    }
    run.under(words)
}

/// A `?` stands before what not every system has.
const CALLS: [&str; 4] = ["?open,openat", "?fstat", "?stat,?lstat,?newfstatat,?statx", "read"];
const ERRORS: [&str; 2] = ["EACCES", "EIO"];
const COMMANDS: [&[&str]; 3] = [
    &["token", "get", "--refresh", "--json"],
    &["credentials", "set", "-p", "main", "--secret-stdin", "--json"],
    &["init", "--backend", "file", "--json"],
];

/// Fails each call on a file and asserts that nobody takes the file for absent: not not_configured, and nothing is made.
fn assert_never_absent(machine: &Machine, file: &Path, name: &str) {
    machine.token();
    let path = file.to_str().expect("the path is text");
    let secrets = state(&machine.data("secrets"));
    let mut failures = 0;
    for call in CALLS {
        for error in ERRORS {
            for arguments in COMMANDS {
                let run = machine.tokenkeep(arguments).prints_token().stdin(CLIENT_SECRET);
                let before = state(file);
                let outcome = failing(run, call, error, &[path, name]).run();
                let case = format!("{call} of {name} with {error}, {arguments:?}");
                if outcome.code != 0 {
                    failures += 1;
                    let told = outcome.error();
                    assert!(
                        outcome.code == 9 || outcome.code == 8,
                        "{case} should not be taken for absent: {outcome:?}"
                    );
                    let message = told["message"].as_str().unwrap_or_default().to_owned();
                    assert!(!message.contains("no place for secrets"), "{case} says that nothing is there: {message}");
                    assert_eq!(state(&machine.data("secrets")), secrets, "{case} should change nothing");
                    assert_eq!(state(file), before, "{case} should change nothing");
                }
            }
        }
    }
    assert!(failures >= 12, "{name}: opening and reading it should fail all, {failures} did");
    machine.get().run().success();
}

#[test]
fn a_store_file_that_cannot_be_read_is_not_absent() {
    let machine = Machine::new();
    assert_never_absent(&machine, &machine.data("store"), "store");
}

#[test]
fn a_key_file_that_cannot_be_read_is_not_absent() {
    let machine = Machine::new();
    let key = machine.config("key");
    let before = fs::read(&key).expect("a key");
    assert_never_absent(&machine, &key, "key");
    assert!(fs::read(&key).expect("a key") == before);
}

#[test]
fn a_stored_secret_that_cannot_be_read_is_not_absent() {
    let machine = Machine::new();
    machine.token();
    let secret = machine.only("secrets");
    let (path, name) = (secret.to_str().expect("text"), secret.file_name().and_then(|name| name.to_str()));
    let requests = machine.fetches();
    for call in CALLS {
        for error in ERRORS {
            let run = machine.tokenkeep(COMMANDS[0]).prints_token();
            let outcome = failing(run, call, error, &[path, name.expect("text")]).run();
            assert!(outcome.code == 9 || outcome.code == 0, "{call} with {error}: {outcome:?}");
            if outcome.code == 0 {
                assert!(call.contains("stat"), "{call} with {error}: {outcome:?}");
            }
        }
    }
    assert!(machine.fetches() <= requests + 4, "nothing is asked without the secret");
    machine.get().run().success();
}

#[test]
fn a_profile_or_configuration_that_cannot_be_read_is_not_absent() {
    let machine = Machine::new();
    machine.token();
    for file in ["profiles/main.toml", "config.toml"] {
        let path = machine.config(file);
        for call in CALLS {
            for error in ERRORS {
                for arguments in COMMANDS {
                    let before = (state(&path), state(&machine.data("secrets")));
                    let run = machine.tokenkeep(arguments).prints_token().stdin(CLIENT_SECRET);
                    let outcome = failing(run, call, error, &[path.to_str().expect("text")]).run();
                    if outcome.code == 0 && before.0 == state(&path) {
                        continue;
                    }
                    assert!(outcome.code == 9, "{call} of {file} with {error}, {arguments:?}: {outcome:?}");
                    assert_eq!(
                        (state(&path), state(&machine.data("secrets"))),
                        before,
                        "{call} of {file} with {error}"
                    );
                }
            }
        }
    }
    machine.get().run().success();
}

#[test]
fn a_record_that_cannot_be_read_or_written_costs_a_warning_and_a_request() {
    let machine = Machine::new();
    machine.token();
    let record = machine.only("tokens");
    let name = record.file_name().and_then(|name| name.to_str()).expect("text");
    let temporary = format!("{name}.tmp");
    let path = record.to_str().expect("text");
    let mut warnings = 0;
    for call in ["openat", "?fstat", "?newfstatat", "read", "write", "fchmod", "?renameat,renameat2"] {
        for error in ["EACCES", "EIO", "EDQUOT", "ENOSPC", "EMFILE"] {
            let run = machine.get().arg("--refresh");
            let temporary_path = format!("{path}.tmp");
            let served = failing(run, call, error, &[path, name, &temporary, &temporary_path]).run().success();
            warnings += usize::from(served.stderr.contains("warning: cache_"));
        }
        machine.get().run().success().does_not_say("warning");
    }
    // Every call is there but a stat or two, which not every system makes.
    assert!(warnings >= 25, "the calls should fail, {warnings} did");
}
