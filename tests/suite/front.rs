//! The thin front of a release, with the full program beside it.
//!
//! `scripts/test` runs the whole suite against the pair once more; these are about the front alone.

use std::path::PathBuf;

use crate::common::{Issuer, TestEnvironment, skipped};
use crate::main_job::{environment_for, get};

/// Copies the programs that lie in `names` into a folder of their own; `None` where the full program is tested.
pub(crate) fn copied(environment: &TestEnvironment, names: &[&str]) -> Option<PathBuf> {
    let Some(front) = std::env::var_os("TOKENKEEP_TEST_PROGRAM").map(PathBuf::from) else {
        skipped("no thin front is under test: scripts/test names it by TOKENKEEP_TEST_PROGRAM");
        return None;
    };
    let folder = environment.path("front");
    std::fs::create_dir_all(&folder).expect("a new folder");
    for name in names {
        // By another process: a descriptor open for writing could get into a child that another test starts.
        let mut copy = std::process::Command::new("cp");
        let status = copy.arg(front.with_file_name(name)).arg(folder.join(name)).status();
        assert!(status.is_ok_and(|status| status.success()), "{name} can be copied");
    }
    Some(folder.join("tokenkeep"))
}

#[test]
fn a_warm_get_starts_no_other_program_and_a_cold_one_becomes_the_full_one() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    let trace = environment.path("files/trace");
    let programs = || {
        let strace = ["strace", "-f", "-e", "trace=execve", "-o"].map(std::ffi::OsString::from);
        let get = environment.program(&front, ["token", "get"]).prints_token();
        get.under(strace.into_iter().chain([trace.clone().into()])).run().success();
        std::fs::read_to_string(&trace).expect("strace wrote it").matches("execve(").count()
    };
    assert_eq!(programs(), 2);
    assert_eq!(programs(), 1);
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn what_was_typed_reaches_the_full_program_as_it_was() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep"]) else { return };
    let told = front.with_file_name("tokenkeep-full");
    environment.write("front/script", "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done\n");
    let script = front.with_file_name("script");
    let made = std::process::Command::new("install").args(["-m", "755"]).arg(script).arg(told).status();
    assert!(made.is_ok_and(|status| status.success()), "a program is put beside the front");
    let odd = ["token", "get", "", " a b ", "--param", "k=\u{e4}'\"\n"];
    let outcome = environment.program(&front, odd).run().success();
    assert_eq!(outcome.stdout_str(), "<token><get><>< a b ><--param><k=\u{e4}'\"\n>");
}

#[test]
fn without_the_full_program_a_cached_token_is_printed_and_everything_else_says_what_is_missing() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let Some(front) = copied(&environment, &["tokenkeep"]) else { return };
    let missing = environment.program(&front, ["token", "get"]).run().exits(1);
    missing.says("tokenkeep-full cannot be started").says("hint: install tokenkeep and tokenkeep-full");
    assert_eq!(issuer.count("/token"), 0);
    let token = get(&environment, &[]);
    let cached = environment.program(&front, ["token", "get"]).prints_token().run().success();
    assert!(cached.token() == token.token(), "the front prints what the full program kept");
}

#[test]
fn a_copy_of_the_front_in_place_of_the_full_program_is_said_and_not_started_for_ever() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep"]) else { return };
    let status = std::process::Command::new("cp").arg(&front).arg(front.with_file_name("tokenkeep-full")).status();
    assert!(status.is_ok_and(|status| status.success()), "the front can be copied");
    environment.program(&front, ["--version"]).run().exits(1).says("another copy of the small program");
}

/// Runs the pair under limits that the shell sets, with a token in the cache.
fn under_limit(environment: &TestEnvironment, front: &std::path::Path, limit: &str) -> crate::common::Outcome {
    let shell = ["bash", "-c", r#"ulimit $0 && exec "$@""#, limit];
    environment.program(front, ["token", "get"]).prints_token().under(shell).run()
}

#[test]
fn a_limit_on_memory_that_the_full_program_can_live_with_does_not_hold_up_the_front() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    get(&environment, &[]);
    for limit in ["-v 60000", "-d 32768"] {
        under_limit(&environment, &front, limit).success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn more_variables_than_an_arena_would_hold_reach_the_full_program() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    let script = r#"import os, resource, sys
resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
variables = {f"V{number}": "" for number in range(300_000)}
try:
    os.execve(sys.argv[1], [sys.argv[1], "--version"], variables)
except OSError:
    print("tokenkeep is not started with so many variables here")
"#;
    let version = environment.program("python3", ["-c", script]).arg(&front).run().success();
    assert!(version.stdout_str().starts_with("tokenkeep "), "{version:?}");
}

#[test]
fn a_front_that_was_replaced_after_its_start_finds_the_full_program() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    // Started from the descriptor of a file that is gone, as a program is whose file is replaced just then.
    let script = r#"exec 9< "$0" && rm "$0" && exec /proc/self/fd/9 --version"#;
    let version = environment.program("bash", ["-c", script]).arg(&front).run().success();
    assert!(version.stdout_str().starts_with("tokenkeep "), "{version:?}");
}

#[test]
fn a_process_of_the_same_number_elsewhere_is_not_taken_for_this_one() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    let script = r#"TOKENKEEP_FRONT_PROCESS=$$ exec "$0" --version"#;
    environment.program("sh", ["-c", script]).arg(&front).run().success();
}

#[test]
fn without_proc_the_front_becomes_the_full_program() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    let hidden = ["unshare", "-m", "sh", "-c", r#"mount -t tmpfs none /proc && exec "$@""#, "sh"];
    if environment.program("true", [""; 0]).under(hidden).run().code != 0 {
        return skipped("/proc cannot be hidden here: it takes root and a mount namespace");
    }
    let version = environment.program(&front, ["--version"]).under(hidden).run().success();
    assert!(version.stdout_str().starts_with("tokenkeep "), "{version:?}");
}

#[test]
fn what_the_front_itself_has_to_say_is_json_or_coloured_if_that_was_typed() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep"]) else { return };
    environment.program(&front, ["token", "get", "--json"]).run().fails(1, "full_binary_missing");
    let coloured = environment.program(&front, ["token", "list", "--color", "always"]).run().exits(1);
    coloured.says("\u{1b}[1;31merror:\u{1b}[0m").says("\u{1b}[1;36mhint:\u{1b}[0m");
}

#[test]
fn in_situations_that_are_drawn_at_random_the_front_answers_as_the_full_program_does() {
    let environment = TestEnvironment::new();
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/front-differential");
    environment.program("python3", [script, "--seed", "11", "--runs", "80"]).arg(&front).run().success();
}

#[test]
fn a_token_that_cannot_be_written_is_a_failure_of_the_front_too() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let Some(front) = copied(&environment, &["tokenkeep", "tokenkeep-full"]) else { return };
    get(&environment, &[]);
    let script = r#""$0" token get > /dev/full"#;
    environment.program("sh", ["-c", script]).arg(&front).run().exits(9).says("the output cannot be written");
}
