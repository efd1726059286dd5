//! *Absent*, *locked*, *unreachable*, *unreadable* and *late* are different answers, and none but the first makes anything.

use serde_json::Value;

use super::Desk;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::secret_service::{Bus, Opened, SecretService};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

/// Asserts that a run fails as told, with a hint, and that nothing was made or changed.
fn refused(desk: &Desk, run: Outcome, code: &str) -> Value {
    let error = run.fails(8, code).error();
    assert!(error["hint"].is_string(), "{error}");
    assert_eq!(desk.fetches(), 0);
    error
}

/// `credentials set` in an environment where nothing is set up.
fn first_set(environment: &TestEnvironment, issuer: &Issuer) -> Invocation {
    environment
        .tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"])
        .arg(issuer.token_url())
        .stdin(CLIENT_SECRET)
}

fn assert_nothing_chosen(environment: &TestEnvironment) {
    assert!(!environment.data_dir().join("store").exists(), "no backend was chosen");
    assert!(!environment.config_dir().join("profiles").exists(), "no profile was made");
}

#[test]
fn a_locked_keyring_is_locked_whether_or_not_the_item_is_there() {
    for is_there in [true, false] {
        let desk = Desk::new();
        if !is_there {
            desk.service.delete("credential/");
            desk.service.delete("datakey/");
        }
        let (items, store) = (desk.service.items(), desk.store());
        desk.service.lock();
        refused(&desk, desk.get_json().run(), "keyring_locked");
        refused(&desk, desk.set("CANARY-SECRET-another").run(), "keyring_locked");
        assert_eq!((desk.service.items(), desk.store()), (items, store), "nothing was made");
    }
}

#[test]
fn a_keyring_opened_with_a_wrong_password_is_locked_and_stays_as_it_is() {
    let mut desk = Desk::new();
    let store = desk.store();
    desk.service.next_session(Opened::WithAWrongPassword);
    refused(&desk, desk.get_json().run(), "keyring_locked");
    desk.service.next_session(Opened::Rightly);
    assert_eq!(desk.store(), store);
    assert_eq!(desk.service.items().len(), 2);
    desk.token();
}

#[test]
fn a_locked_keyring_lets_no_first_credential_in() {
    let desk = Desk::bare();
    desk.service.lock();
    refused(&desk, desk.set(CLIENT_SECRET).run(), "keyring_locked");
    assert_nothing_chosen(&desk.environment);
    assert_eq!(desk.service.items().len(), 0);
}

#[test]
fn without_a_bus_or_a_service_the_keyring_is_unavailable() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let bus = Bus::start();
    let no_bus = |run: Invocation| run.env("XDG_RUNTIME_DIR", environment.path("tmp/none"));
    let dead_bus = |run: Invocation| run.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    for run in [
        no_bus(first_set(&environment, &issuer)),
        dead_bus(first_set(&environment, &issuer)),
        bus.seen_by(first_set(&environment, &issuer)),
    ] {
        let error = run.run().fails(8, "keyring_unavailable").error();
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--backend file")), "{error}");
        assert_eq!(error["retryable"], true);
        assert_nothing_chosen(&environment);
    }
}

#[test]
fn a_service_without_a_default_collection_is_unavailable_and_gets_none() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let service = SecretService::without_collection();
    let set = service.seen_by(first_set(&environment, &issuer)).run();
    set.fails(8, "keyring_unavailable")
        .says("the Secret Service has no default collection")
        .says(": tokenkeep init --backend file\"");
    assert_nothing_chosen(&environment);
    // As the hint says.
    service.seen_by(environment.tokenkeep(["init", "--backend", "file"])).run().success();
    service.seen_by(first_set(&environment, &issuer)).run().success();
}

#[test]
fn a_stopped_service_is_late_and_harms_nothing() {
    let desk = Desk::new();
    desk.configure("[secrets]\ntimeout = \"1s\"");
    let store = desk.store();
    desk.service.stop();
    refused(&desk, desk.get_json().run(), "keyring_timeout");
    refused(&desk, desk.set("CANARY-SECRET-another").run(), "keyring_timeout");
    desk.service.go_on();
    assert_eq!(desk.store(), store);
    desk.token();
}

#[test]
fn a_service_that_is_killed_in_mid_call_is_unavailable_and_nothing_is_lost() {
    let mut desk = Desk::new();
    desk.service.stop();
    let waiting = desk.get_json().spawn();
    // It waits for an answer of the stopped service: there is nothing else in this run that it could wait for.
    let pid = waiting.pid().as_raw_nonzero().get();
    while !is_waiting_for_the_keyring(pid) {
        assert!(!is_over(pid), "it ended without waiting for the keyring");
        std::thread::yield_now();
    }
    desk.service.kill();
    refused(&desk, waiting.wait(), "keyring_unavailable");
    desk.service.next_session(Opened::Rightly);
    desk.token();
}

/// Whether the process has ended, and only its exit code is left.
fn is_over(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && line.contains('Z'))
}

/// Whether the process has the thread that asks the keyring.
fn is_waiting_for_the_keyring(pid: i32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("tokenkeep-keyri"))
}

#[test]
fn two_credentials_of_one_name_are_ambiguous_and_both_stay() {
    let desk = Desk::new();
    desk.service.duplicate("credential/");
    refused(&desk, desk.get_json().run(), "keyring_ambiguous");
    assert_eq!(desk.service.count("credential/"), 2);
}

#[test]
fn with_two_data_keys_of_one_name_a_token_is_had_and_not_kept() {
    let desk = Desk::new();
    desk.service.duplicate("datakey/");
    for fetches in 1..3 {
        desk.get().run().success().says("data_key_unavailable").token();
        assert_eq!(desk.fetches(), fetches);
    }
    assert_eq!(desk.service.count("datakey/"), 2);
}

#[test]
fn the_remembered_choice_holds_when_a_keyring_appears() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let service = SecretService::unlocked();
    service.seen_by(first_set(&environment, &issuer)).run().success();
    assert_eq!(service.items(), [""; 0], "the keyring that appeared has nothing");
    let other = service.seen_by(environment.tokenkeep(["--json", "init", "--backend", "keyring"]));
    other.run().fails(10, "backend_differs");
}

#[test]
fn the_remembered_choice_holds_when_the_keyring_vanishes() {
    let desk = Desk::new();
    let gone = |run: Invocation| run.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    refused(&desk, gone(desk.get_json()).run(), "keyring_unavailable");
    // A terminal multiplexer outlives the session whose address it keeps.
    let named = "DBUS_SESSION_BUS_ADDRESS names /nonexistent/bus, but nothing listens there";
    gone(desk.get_json()).run().fails(8, "keyring_unavailable").says(named);
    refused(&desk, gone(desk.set("CANARY-SECRET-another")).run(), "keyring_unavailable");
    assert!(!desk.environment.data_dir().join("secrets").exists(), "nothing falls back to files");
    desk.token();
}

#[test]
fn a_keyring_that_vanished_is_moved_out_of_in_its_session_as_the_hint_says() {
    for (address, says) in [(Some("unix:path=/nonexistent/bus"), "unset it"), (None, "run it in your desktop session")]
    {
        let desk = Desk::new();
        let gone = |run: Invocation| match address {
            Some(address) => run.env("DBUS_SESSION_BUS_ADDRESS", address),
            None => run.env_remove("DBUS_SESSION_BUS_ADDRESS"),
        };
        let error = refused(&desk, gone(desk.get_json()).run(), "keyring_unavailable");
        let hint = error["hint"].as_str().filter(|hint| hint.contains(says)).unwrap_or_else(|| panic!("{error}"));
        let (_, command) = hint.split_once(": tokenkeep ").expect("a command");
        desk.service.seen_by(desk.environment.tokenkeep(command.split(' '))).run().success();
        gone(desk.get()).run().success().token();
    }
}

#[test]
fn a_cached_token_is_not_lost_while_the_keyring_is_locked() {
    let mut desk = Desk::new();
    let token = desk.token();
    desk.service.lock();
    desk.get_json().run().fails(8, "keyring_locked");
    desk.service.next_session(Opened::Rightly);
    assert!(token == desk.token());
    assert_eq!(desk.fetches(), 1);
}
