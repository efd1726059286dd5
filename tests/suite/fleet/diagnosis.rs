//! The check `shared` of `doctor`: does the store answer, where does the key come from, and is anything shared at all.

use serde_json::Value;

use super::host::{at, gets, host, issuer, set, share, values};
use crate::common::hostile_store::HostileStore;
use crate::common::issuer::CLIENT_SECRET;
use crate::common::redis::{RedisOptions, RedisServer};
use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::setup::init;

/// What `doctor` finds, and its exit code.
fn doctor(environment: &TestEnvironment, exit: i32) -> Outcome {
    environment.tokenkeep(["--json", "doctor"]).run().exits(exit)
}

/// The check of the fleet store.
fn check(outcome: &Outcome) -> Option<Value> {
    let json = outcome.json();
    json["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "fleet").cloned()
}

/// Asserts how the check ended, and returns what it says.
fn finds(environment: &TestEnvironment, exit: i32, status: &str) -> String {
    let outcome = doctor(environment, exit);
    let check = check(&outcome).expect("a check of the store");
    assert_eq!(check["status"], status, "{check}");
    assert_eq!(check["fix"].is_null(), status == "ok", "{check}");
    assert_eq!(outcome.json()["ok"], exit == 0);
    check["detail"].as_str().expect("a detail").to_owned()
}

#[test]
fn without_a_shared_store_there_is_no_check() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential(&issuer, &[]);
    assert_eq!(check(&doctor(&environment, 0)), None);
}

#[test]
fn a_store_that_answers_is_ok_and_nothing_stays_there_but_one_counter() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    for _ in 0..3 {
        let detail = finds(&environment, 0, "ok");
        assert!(detail.starts_with(&format!("{} took and gave a value within ", server.url())), "{detail}");
        assert!(
            detail.ends_with("the key is derived from each client's secret (default: vouched for here)"),
            "{detail}"
        );
    }
    let keys = server.keys();
    assert_eq!(keys, [format!("tokenkeep/v1/{{{}}}/order", "0".repeat(64))]);
    assert_eq!(issuer.count("/token"), 0);
    gets(&environment, &[], "issuer");
    assert_eq!(values(&server).len(), 1);
}

#[test]
fn the_key_is_named_by_where_it_comes_from_and_its_fingerprint() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    environment.key_file("files/key");
    let file = environment.path("files/key");
    let made = environment.tokenkeep(["fleet", "key", "new"]).arg(&file).run().success();
    let of_backend = finds(&environment, 0, "ok");
    let (_, key) = of_backend.split_once("; the key is ").expect("a key");
    let fingerprint = key.strip_suffix(" from the backend").expect("where it comes from");
    made.says(fingerprint);
    share(&environment, &format!("{}key_file = \"{}\"\n", at(&server), file.display()));
    let of_file = finds(&environment, 0, "ok");
    assert!(of_file.ends_with(&format!("; the key is {fingerprint} from `key_file`")), "{of_file}");
}

/// Every way in which a store is unavailable: a warning, and a failure where it is required.
#[test]
fn a_store_of_no_use_is_a_warning_and_where_it_is_required_a_failure() {
    let issuer = issuer();
    let silent = HostileStore::silent();
    let (locked, master) = (RedisServer::with_password(), RedisServer::start());
    let (replica, full) = (RedisServer::replica_of(&master), RedisServer::full());
    let odd = RedisOptions::new().start();
    odd.cli(&["SADD", &format!("tokenkeep/v1/{{{}}}/order", "0".repeat(64)), "of another type"]);
    let environment = host(&issuer, &at(&master));
    let brief = format!("url = \"{}\"\n", silent.url());
    for (shared, says) in [
        ("url = \"redis://127.0.0.1:1\"\n", "cannot be reached: connection refused"),
        (&brief, "did not answer in time"),
        (&at(&locked), "refused the user or password, or the user may not do this (NOAUTH)"),
        (&at(&replica), "answered READONLY"),
        (&at(&full), "answered OOM"),
        (&at(&odd), "answered WRONGTYPE"),
    ] {
        share(&environment, shared);
        let detail = finds(&environment, 0, "warn");
        assert!(detail.contains(says) && detail.ends_with("; this host continues without it"), "{detail}");
        share(&environment, &format!("{shared}required = true\n"));
        let detail = finds(&environment, 13, "fail");
        assert!(detail.contains(says) && detail.ends_with("; the issuer was not asked"), "{detail}");
    }
}

#[test]
fn a_key_that_cannot_be_had_is_a_warning_and_where_the_store_is_required_a_failure() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    let shared = format!("{}key_file = \"{}\"\n", at(&server), environment.path("files/none").display());
    share(&environment, &shared);
    let detail = finds(&environment, 0, "warn");
    assert!(detail.contains("/files/none, is missing"), "{detail}");
    share(&environment, &format!("{shared}required = true\n"));
    finds(&environment, 8, "fail");
}

#[test]
fn a_profile_that_cannot_be_shared_is_a_warning_and_where_the_store_is_required_a_failure() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let environment = TestEnvironment::new();
    init(&environment);
    // Before there was a store.
    set(&environment, &issuer, CLIENT_SECRET, &[]).run().success();
    share(&environment, &at(&server));
    let detail = finds(&environment, 0, "warn");
    assert!(detail.contains("default") && detail.contains("there is no fleet key"), "{detail}");
    share(&environment, &format!("{}required = true\n", at(&server)));
    finds(&environment, 13, "fail");
    environment.tokenkeep(["fleet", "key", "new"]).run().success();
    finds(&environment, 0, "ok");
}
