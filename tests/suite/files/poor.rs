//! File systems that cannot sync a directory, set a mode or link a file are used all the same.

use crate::common::{Issuer, TestEnvironment};
use crate::setup::{get, set_credential};

/// Sets up a client and gets a token, with a fault in every command; returns what the commands reported.
fn main_job_under(fault: &[&str]) -> String {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let directories: Vec<String> = ["config", "config/profiles", "data", "data/secrets", "data/tokens", "data/locks"]
        .iter()
        .flat_map(|folder| ["-P".to_owned(), environment.path(folder).display().to_string()])
        .collect();
    let only = if fault[0] == "in directories" { directories } else { Vec::new() };
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null"].map(str::to_owned).into_iter().chain(only);
    let strace: Vec<String> = strace.chain(fault[1..].iter().map(|word| (*word).to_owned())).collect();
    let mut reported = String::new();
    for run in [
        environment.tokenkeep(["init", "--backend", "file"]),
        set_credential(&environment, &issuer.token_url(), &[]),
        get(&environment),
        environment.tokenkeep(["rekey"]),
        get(&environment),
    ] {
        reported.push_str(&run.under(&strace).run().success().stderr);
    }
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 2, "one token for each data key");
    reported
}

#[test]
fn a_directory_that_cannot_be_synced_keeps_nothing_from_being_stored() {
    let reported = main_job_under(&["in directories", "-e", "inject=fsync:error=EINVAL"]);
    assert!(!reported.contains("warning"), "{reported}");
}

#[test]
fn a_mode_that_is_right_already_need_not_be_set() {
    let reported = main_job_under(&["everywhere", "-e", "inject=fchmod,fchmodat,chmod:error=EPERM"]);
    assert!(!reported.contains("warning"), "{reported}");
}

#[test]
fn a_key_file_is_made_where_there_are_no_links() {
    let reported = main_job_under(&["everywhere", "-e", "inject=link,linkat:error=EPERM"]);
    assert!(!reported.contains("warning"), "{reported}");
}

#[test]
fn a_file_system_without_locks_is_called_so_and_another_directory_serves_as_the_hint_says() {
    let issuer = Issuer::start();
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let environment = TestEnvironment::new();
        let fault = format!("inject=flock:error={error}");
        let under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", fault.as_str()];
        let refused = environment.tokenkeep(["--json", "init", "--backend", "file"]).under(under).run();
        let refused = refused.fails(9, "write_failed").says("does not lock files; nothing was changed").error();
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.ends_with("add --data-dir DIR")), "{refused}");
        let other = environment.path("other").display().to_string();
        environment.tokenkeep(["init", "--backend", "file", "--data-dir", &other]).run().success();
        set_credential(&environment, &issuer.token_url(), &["--data-dir", &other]).run().success();
        get(&environment).args(["--data-dir", &other]).run().success().token();
    }
}
