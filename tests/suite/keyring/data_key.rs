//! The data key in the keyring: made once, and made anew only where it is definitely gone.

use super::Desk;
use crate::common::secret_service::SecretService;
use crate::common::{Running, TestEnvironment};

#[test]
fn twenty_first_runs_at_once_make_one_data_key_in_two_hundred_rounds() {
    let service = SecretService::unlocked();
    for round in 1..=200 {
        let environment = TestEnvironment::new();
        let init = |_| service.seen_by(environment.tokenkeep(["init", "--backend", "keyring", "-v"])).spawn();
        let herd: Vec<_> = (0..20).map(init).collect();
        for outcome in herd.into_iter().map(Running::wait) {
            outcome.success();
        }
        // Each round has a data directory of its own. To look each time would take longer than the rounds.
        if round % 20 == 0 {
            assert_eq!(service.count("datakey/"), round);
        }
    }
}

#[test]
fn a_data_key_that_was_deleted_costs_one_request_and_one_warning() {
    let desk = Desk::new();
    let old = desk.token();
    desk.service.delete("datakey/");
    let outcome = desk.get().run().success().says("data_key_replaced");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(old != outcome.token(), "the old record is void");
    assert_eq!(desk.fetches(), 2);
    assert_eq!(desk.service.count("datakey/"), 1);
    let records = std::fs::read_dir(desk.environment.data_dir().join("tokens")).expect("a token was kept").count();
    assert_eq!(records, 1, "the old record is dropped");
    assert_eq!(desk.get().run().success().stderr, "", "the warning comes once");
    assert_eq!(desk.fetches(), 2);
}

#[test]
fn a_herd_that_finds_the_data_key_deleted_makes_one() {
    let desk = Desk::new();
    desk.token();
    desk.service.delete("datakey/");
    let herd: Vec<_> = (0..20).map(|_| desk.get().spawn()).collect();
    let outcomes: Vec<_> = herd.into_iter().map(Running::wait).collect();
    assert!(outcomes.iter().all(|outcome| outcome.code == 0), "{outcomes:?}");
    assert_eq!(desk.service.count("datakey/"), 1);
    assert_eq!(desk.fetches(), 2, "one request before, one after");
    let warned = outcomes.iter().filter(|outcome| outcome.stderr.contains("data_key_replaced")).count();
    assert_eq!(warned, 1);
}

#[test]
fn a_data_key_that_was_replaced_is_not_used_and_not_overwritten() {
    let other = "A".repeat(43) + "=";
    for content in [other.as_str(), "", "QUJD", "no Base64 at all"] {
        let desk = Desk::new();
        let items = desk.service.items();
        desk.service.replace("datakey/", content);
        // The token is had all the same: it is handed out and not kept.
        desk.get().run().success().says("data_key_unavailable").token();
        assert_eq!(desk.service.items(), items);
        desk.get().run().success().says("data_key_unavailable").token();
        assert_eq!(desk.fetches(), 2, "nothing is kept under a key that nobody knows");
    }
}

#[test]
fn a_credential_that_was_replaced_is_unreadable_and_nothing_is_sent() {
    let other = "A".repeat(44);
    for content in [other.as_str(), "", "QUJD", "no Base64 at all"] {
        let desk = Desk::new();
        let items = desk.service.items();
        desk.service.replace("credential/", content);
        let error = desk.get_json().run().fails(8, "key_file_wrong").error();
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("credentials set")), "{error}");
        assert_eq!(desk.fetches(), 0);
        assert_eq!(desk.service.items(), items);
        // The way out that the hint names.
        desk.set(crate::common::issuer::CLIENT_SECRET).run().success();
        desk.token();
    }
}

#[test]
fn a_credential_that_was_deleted_is_missing_and_can_be_set_again() {
    let desk = Desk::new();
    desk.service.delete("credential/");
    desk.get_json().run().fails(3, "credential_missing");
    desk.set(crate::common::issuer::CLIENT_SECRET).run().success();
    desk.token();
}
