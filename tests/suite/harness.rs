//! The harness keeps its own promises: what it gives to a program, and what it asserts of its end.

use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::Signal;

use crate::common::environment::is_root;
use crate::common::{Outcome, TestEnvironment, skipped};

#[test]
fn a_program_sees_nothing_of_the_surrounding_environment_but_path() {
    let environment = TestEnvironment::new();
    let outcome = environment.program("env", [""; 0]).env("NAME", "value").run().success();
    let mut names: Vec<_> = outcome.stdout_str().lines().map(|line| line.split('=').next().unwrap_or(line)).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["DBUS_SESSION_BUS_ADDRESS", "HOME", "NAME", "PATH", "TMPDIR", "TOKENKEEP_CONFIG_DIR", "TOKENKEEP_DATA_DIR"]
    );
}

#[test]
fn by_home_the_directories_are_named_by_no_variable() {
    let environment = TestEnvironment::new().by_home();
    let outcome = environment.program("env", [""; 0]).env_remove("TMPDIR").run().success();
    assert!(!outcome.stdout_str().contains("TOKENKEEP") && !outcome.stdout_str().contains("TMPDIR"), "{outcome:?}");
    assert!(environment.config_dir().starts_with(environment.home()));
    assert!(environment.data_dir().starts_with(environment.home()));
}

#[test]
fn stdin_holds_the_given_bytes_and_is_empty_without_them() {
    let environment = TestEnvironment::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let given = environment.program("cat", [""; 0]).stdin(&bytes).run().success();
    assert!(given.stdout == bytes, "300,000 bytes pass in and out");
    let without = environment.program("cat", [""; 0]).run().success();
    assert!(without.stdout.is_empty());
}

#[test]
fn stdin_that_is_left_open_is_open_until_it_is_closed() {
    let environment = TestEnvironment::new();
    let mut running = environment.program("cat", [""; 0]).stdin_open().spawn();
    running.write_stdin(b"line");
    assert!(!running.has_ended());
    running.close_stdin();
    assert_eq!(running.wait().success().stdout_str(), "line");
}

#[test]
fn an_unprivileged_program_runs_as_the_owner_of_everything_in_its_environment() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can become another user");
        return;
    }
    let environment = TestEnvironment::new().unprivileged();
    let file = environment.write("config/profiles/a.toml", "");
    for path in [environment.root(), &environment.home(), &environment.config_dir(), &file] {
        assert_eq!(path.metadata().expect("it exists").uid(), 65534, "{}", path.display());
    }
    let outcome = environment.program("sh", ["-c", "id -u && id -g && id -G && touch \"$HOME/new\""]).run().success();
    assert_eq!(outcome.stdout_str(), "65534\n65534\n65534\n");
    let as_another = environment.program("id", ["-u"]).as_user(1234).run().success();
    assert_eq!(as_another.stdout_str(), "1234\n");
}

#[test]
fn tokenkeep_can_be_run_by_a_user_who_cannot_reach_the_checkout() {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["--help"]).run().success();
    environment.tokenkeep(["--help"]).as_user(65534).run().success();

    // A program in a place that is closed to others is copied; root's checkout may be one.
    let closed = tempfile::tempdir().expect("a temporary directory");
    let program = closed.path().join("program");
    let copied = std::process::Command::new("cp").arg("/bin/echo").arg(&program).status().expect("cp runs");
    assert!(copied.success());
    for _ in 0..2 {
        let outcome = environment.program(&program, ["reached"]).as_user(65534).run().success();
        assert_eq!(outcome.stdout_str(), "reached\n");
    }
}

#[test]
fn a_prefix_runs_the_program_under_another_one() {
    let environment = TestEnvironment::new();
    let shell = ["sh", "-c", "umask 0027; exec \"$@\"", "sh"];
    let outcome = environment.program("sh", ["-c", "umask"]).under(shell).run().success();
    assert_eq!(outcome.stdout_str(), "0027\n");
}

#[test]
fn a_program_that_is_killed_ends_with_the_code_that_a_shell_would_show() {
    let environment = TestEnvironment::new();
    let running = environment.program("cat", [""; 0]).stdin_open().spawn();
    running.kill();
    running.wait().exits(128 + 9);
    let running = environment.program("cat", [""; 0]).stdin_open().spawn();
    running.signal(Signal::TERM);
    running.wait().exits(128 + 15);
}

#[test]
fn a_program_that_is_dropped_while_it_runs_is_killed() {
    let environment = TestEnvironment::new();
    let running = environment.program("cat", [""; 0]).stdin_open().spawn();
    let pid = running.pid();
    drop(running);
    assert!(rustix::process::test_kill_process(pid).is_err(), "it is gone and waited for");
}

#[test]
fn success_and_failure_are_told_apart() {
    let environment = TestEnvironment::new();
    let ends = |script: &str| environment.program("sh", ["-c", script]).run();
    let json = r#"echo '{"error":{"code":"invalid_client","message":"no"}}' >&2; exit 4"#;
    let ends_with_json = || environment.program("sh", ["-c", json, "sh", "--json"]).run();

    ends("exit 0").success();
    ends("echo 'error: no' >&2; exit 4").fails(4, "invalid_client");
    ends_with_json().fails(4, "invalid_client");
    assert_eq!(ends_with_json().error()["message"], "no");

    assert_fails(|| ends("exit 1").success());
    assert_fails(|| ends("exit 0").exits(1));
    assert_fails(|| ends("echo 'error: no' >&2; exit 3").fails(4, "invalid_client"));
    assert_fails(|| ends("exit 4").fails(4, "invalid_client"));
    assert_fails(|| ends("echo 'error: a\nerror: b' >&2; exit 4").fails(4, "invalid_client"));
    assert_fails(|| ends_with_json().fails(4, "access_denied"));
    assert_fails(|| environment.program("sh", ["-c", "exit 4", "sh", "--json"]).run().fails(4, "invalid_client"));
    assert_fails(|| ends("echo one >&2").says("two"));
    assert_fails(|| ends("echo one >&2").does_not_say("one"));
}

#[test]
fn a_program_that_panics_fails_whatever_was_expected_of_it() {
    let environment = TestEnvironment::new();
    assert_fails(|| environment.program("sh", ["-c", "exit 101"]).run());
    assert_fails(|| environment.program("sh", ["-c", "echo \"thread 'main' panicked at src\" >&2; exit 1"]).run());
}

fn assert_fails(step: impl FnOnce() -> Outcome) {
    assert!(catch_unwind(AssertUnwindSafe(step)).is_err(), "the harness should have failed here");
}
