//! Services that fail, hang or lie in the middle of what they are asked.

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::secret_service::FaultyService;
use crate::common::{Invocation, Issuer, TestEnvironment};

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.write("config/config.toml", "[secrets]\ntimeout = \"1s\"\n");
    environment
}

fn set(environment: &TestEnvironment, issuer: &Issuer) -> Invocation {
    environment
        .tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"])
        .arg(issuer.token_url())
        .stdin(CLIENT_SECRET)
}

fn get(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["token", "get"]).prints_token()
}

#[test]
fn the_small_service_works_where_no_fault_is_ordered() {
    let (environment, issuer, service) = (environment(), Issuer::start(), FaultyService::start("none"));
    service.seen_by(set(&environment, &issuer)).run().success();
    for _ in 0..2 {
        service.seen_by(get(&environment)).run().success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
    service.assert_nothing_overwritten();
}

#[test]
fn every_way_to_fail_has_its_own_answer_and_leaves_nothing_behind() {
    let cases = [
        ("silent:OpenSession", "keyring_timeout"),
        ("silent:SearchItems", "keyring_timeout"),
        ("silent:ReadAlias", "keyring_timeout"),
        ("silent:CreateItem", "keyring_timeout"),
        ("silent:GetSecret", "keyring_timeout"),
        ("error:OpenSession", "keyring_unavailable"),
        ("error:SearchItems", "keyring_unavailable"),
        ("error:ReadAlias", "keyring_unavailable"),
        ("error:CreateItem", "keyring_unavailable"),
        ("error:GetSecret", "keyring_write_unverified"),
        ("empty", "keyring_write_unverified"),
        ("short", "keyring_write_unverified"),
        ("other", "keyring_write_unverified"),
        ("forgetful", "keyring_write_unverified"),
        ("dismissed", "keyring_locked"),
        ("unanswered", "keyring_timeout"),
    ];
    let issuer = Issuer::start();
    let mut wrong = Vec::new();
    for (fault, code) in cases {
        let (environment, service) = (environment(), FaultyService::start(fault));
        let outcome = service.seen_by(set(&environment, &issuer)).run();
        let found = if outcome.code == 8 { outcome.error()["code"].as_str().map(str::to_owned) } else { None };
        if found.as_deref() != Some(code) {
            wrong.push(format!("{fault}: should be {code}: {outcome:?}"));
        }
        assert!(!environment.data_dir().join("store").exists(), "{fault}: no backend was chosen");
        service.assert_nothing_overwritten();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(issuer.traffic().accepted, 0);
}
