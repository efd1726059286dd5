//! What a client reports that a server refused: one more request, for everybody, and at most one in a minute.
#![cfg(target_os = "linux")]

mod by_another_call;
mod in_a_fleet;

use std::process::Command;

use crate::common::{Invocation, Issuer, Outcome, TestEnvironment, skipped};
use crate::setup::{credential, get};

const HOST: [&str; 2] = ["--host", "git.example.com"];

/// What git sends of a credential that was refused.
fn description(token: &str) -> String {
    format!("protocol=https\nhost=git.example.com\nusername=oauth2\npassword={token}\n\n")
}

fn erase(environment: &TestEnvironment, token: &str) -> Invocation {
    environment.tokenkeep(["helper", "git", "erase"]).stdin(description(token))
}

fn erases(environment: &TestEnvironment, token: &str) -> Outcome {
    let outcome = erase(environment, token).run().success();
    assert_eq!(outcome.stdout_str(), "");
    outcome
}

fn token(environment: &TestEnvironment) -> String {
    get(environment).run().success().token().to_owned()
}

/// The library by which a wall clock is shifted, as `faketime` finds it. `faketime` itself would be the parent of what
/// runs under it.
fn shifting() -> Option<String> {
    let shown = Command::new("faketime").args(["-f", "+1s", "printenv", "LD_PRELOAD"]).output();
    let library = shown.ok().and_then(|shown| String::from_utf8(shown.stdout).ok()).unwrap_or_default();
    let library = library.trim().to_owned();
    if library.is_empty() {
        skipped("there is no faketime");
        return None;
    }
    Some(library)
}

/// Runs it with a wall clock that is ahead.
fn later(invocation: Invocation, library: &str, by: &str) -> Invocation {
    invocation.env("LD_PRELOAD", library).env("FAKETIME", by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn a_token_that_git_erases_costs_one_request() {
    for form in ["password=", "authtype=Bearer\ncredential="] {
        let issuer = Issuer::start();
        let environment = credential(&issuer, &HOST);
        let first = token(&environment);
        let sent = description(&first).replace("password=", form);
        let erased = environment.tokenkeep(["helper", "git", "erase"]).stdin(sent).run().success();
        assert_eq!((erased.stdout_str(), erased.stderr.as_str()), ("", ""));
        assert_eq!(issuer.count("/token"), 1, "an erase requests nothing");
        let second = token(&environment);
        assert!(second != first && token(&environment) == second);
        assert_eq!(issuer.count("/token"), 2);
    }
}

#[test]
fn a_second_erase_within_a_minute_leaves_the_token_in_use_with_a_warning() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &HOST);
    assert_eq!(erases(&environment, &token(&environment)).stderr, "");
    let second = token(&environment);
    for _ in 0..3 {
        erases(&environment, &second).says("rejections_limited");
        assert!(token(&environment) == second);
    }
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_minute_later_another_one_is_taken_out() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &HOST);
    erases(&environment, &token(&environment));
    let second = token(&environment);
    let erased = later(erase(&environment, &second), &library, "+62s").run().success();
    assert_eq!(erased.stderr, "");
    assert!(later(get(&environment), &library, "+63s").run().success().token() != second);
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn an_old_token_that_is_erased_changes_nothing() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &HOST);
    let first = token(&environment);
    erases(&environment, &first);
    let second = token(&environment);
    for _ in 0..3 {
        assert_eq!(erases(&environment, &first).stderr, "");
        assert!(token(&environment) == second);
    }
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_foreign_host_and_a_stranger_to_the_cache_change_nothing() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &HOST);
    assert_eq!(erases(&environment, "never-handed-out").stderr, "", "nothing is kept yet");
    let first = token(&environment);
    let elsewhere = description(&first).replace("git.example.com", "evil.example.com");
    let erased = environment.tokenkeep(["helper", "git", "erase"]).stdin(elsewhere).run().success();
    assert_eq!((erased.stdout_str(), erased.stderr.as_str()), ("", ""));
    assert!(token(&environment) == first);
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn ten_processes_that_erase_at_once_cost_one_request() {
    let issuer = Issuer::start_with(["--latency-ms", "300"]);
    let environment = credential(&issuer, &HOST);
    let first = token(&environment);
    // Each erases, and then asks again, as git does when it is called again.
    let both = r#""$0" "$@"; "$0" token get"#;
    let one = |_| erase(&environment, &first).prints_token().under(["sh", "-c", both]).spawn();
    let herd: Vec<_> = (0..10).map(one).collect();
    let outcomes: Vec<_> = herd.into_iter().map(|one| one.wait().success()).collect();
    for outcome in &outcomes {
        assert!(outcome.token() != first && outcome.token() == outcomes[0].token());
        assert_eq!(outcome.stderr, "");
    }
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn what_is_remembered_of_a_token_goes_with_the_profile() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &HOST);
    erases(&environment, &token(&environment));
    let rejected = || {
        let names = std::fs::read_dir(environment.data_dir().join("tokens")).expect("a folder").flatten();
        names.filter(|name| name.file_name().to_string_lossy().ends_with(".rejected")).count()
    };
    assert_eq!(rejected(), 1);
    environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]).run().success();
    assert_eq!(rejected(), 0);
}
