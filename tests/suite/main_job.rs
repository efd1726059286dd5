//! The main job with the real binary: a secret is set once, and from then on a token costs one request per lifetime.

mod answers;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod trace;

use serde_json::{Value, json};

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, Outcome, TestEnvironment};

/// An environment with the file backend and one profile, for the client that an issuer knows.
pub(crate) fn environment_for(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    set(&environment, issuer, CLIENT_SECRET).success();
    environment
}

/// Sets the secret of the only profile.
pub(crate) fn set(environment: &TestEnvironment, issuer: &Issuer, secret: &str) -> Outcome {
    environment
        .tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"])
        .arg(issuer.token_url())
        .stdin(secret)
        .run()
}

pub(crate) fn get(environment: &TestEnvironment, options: &[&str]) -> Outcome {
    environment.tokenkeep(["token", "get"]).args(options).prints_token().run().success()
}

fn token(environment: &TestEnvironment, options: &[&str]) -> String {
    get(environment, options).token().to_owned()
}

fn listed(environment: &TestEnvironment) -> Value {
    environment.tokenkeep(["--json", "token", "list"]).run().success().json()
}

#[test]
fn the_first_get_fetches_and_the_second_does_not() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    assert_eq!(issuer.traffic().accepted, 0, "setting a credential asks nobody");
    let first = get(&environment, &["--format", "json"]).json();
    assert_eq!(first["source"], "issuer");
    let second = get(&environment, &["--format", "json"]).json();
    assert_eq!(second["source"], "cache");
    assert!(first["access_token"] == second["access_token"], "one token");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn nothing_is_said_when_all_is_well() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for _ in 0..2 {
        assert_eq!(get(&environment, &[]).stderr, "");
    }
}

#[test]
fn refresh_gives_a_token_that_was_issued_after_the_call_began() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let first = token(&environment, &[]);
    let second = token(&environment, &["--refresh"]);
    assert!(first != second, "a fresh token");
    assert!(token(&environment, &[]) == second, "the fresh token is kept");
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn offline_never_asks_the_issuer() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
    assert_eq!(issuer.traffic().accepted, 0);

    let fetched = token(&environment, &[]);
    assert!(token(&environment, &["--offline"]) == fetched);
    let hours = environment.tokenkeep(["--json", "token", "get", "--offline", "--min-ttl", "2h"]).run();
    let error = hours.fails(5, "token_not_valid").error();
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--min-ttl 0")), "{error}");
    assert_eq!(issuer.traffic().accepted, 1);
}

#[test]
fn another_request_is_another_token() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let requests: [&[&str]; 6] = [
        &[],
        &["--scope", "a b"],
        &["--scope", "a"],
        &["--audience", "https://api.example"],
        &["--resource", "https://api.example/a"],
        &["--param", "tenant=one"],
    ];
    let tokens: Vec<_> = requests.iter().map(|options| token(&environment, options)).collect();
    for (index, options) in requests.iter().enumerate() {
        assert!(token(&environment, options) == tokens[index], "{options:?} is kept");
        assert!(!tokens[..index].contains(&tokens[index]), "{options:?} is a token of its own");
    }
    // A scope is a set.
    assert!(token(&environment, &["--scope", "b", "--scope", "a", "--scope", "b"]) == tokens[1]);
    assert_eq!(issuer.count("/token"), requests.len());

    let bodies: Vec<_> = issuer.requests().iter().map(|request| request.body.0.clone()).collect();
    let parts = ["", "scope=a+b", "scope=a", "audience=https%3A%2F%2Fapi.example", "resource=https%3A", "tenant=one"];
    for (body, part) in bodies.iter().zip(parts) {
        let body = String::from_utf8_lossy(body).replace("%20", "+");
        assert!(body.contains("grant_type=client_credentials") && body.contains(part), "{body:?} lacks {part:?}");
    }
    assert_eq!(listed(&environment).as_array().map(Vec::len), Some(requests.len()));
}

#[test]
fn a_forgotten_token_is_fetched_anew() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let first = token(&environment, &[]);
    token(&environment, &["--scope", "a"]);
    let forgotten = environment.tokenkeep(["token", "forget"]).run().success();
    assert_eq!(forgotten.stdout_str(), "");
    assert_eq!(listed(&environment), json!([]));
    environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
    assert!(token(&environment, &[]) != first);
    environment.tokenkeep(["token", "forget", "--all"]).run().success();
    assert_eq!(listed(&environment), json!([]));
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn forget_without_all_leaves_other_profiles_alone() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let other = ["-p", "other", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"];
    environment.tokenkeep(other).arg(issuer.token_url()).stdin(CLIENT_SECRET).run().success();
    token(&environment, &[]);
    let kept = token(&environment, &["-p", "other"]);
    environment.tokenkeep(["token", "forget"]).run().success();
    assert!(token(&environment, &["-p", "other", "--offline"]) == kept);
}

#[test]
fn a_list_names_profile_scope_and_remaining_life_and_no_token() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    assert_eq!(listed(&environment), json!([]));
    token(&environment, &["--scope", "a b"]);
    let list = listed(&environment);
    assert_eq!((&list[0]["profile"], &list[0]["scope"]), (&json!("default"), &json!("a b")));
    assert!(list[0]["expires_in"].as_u64().is_some_and(|left| left <= 3600), "{list}");
    assert!(list[0]["expires_at"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 20), "{list}");
    let text = environment.tokenkeep(["token", "list"]).run().success();
    assert!(text.stdout_str().starts_with("default ") && text.stdout_str().ends_with("a b\n"), "{text:?}");
}

#[test]
fn credentials_are_listed_and_shown_without_the_secret() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let list = environment.tokenkeep(["--json", "credentials", "list"]).run().success().json();
    assert_eq!(list[0]["profile"], "default");
    assert_eq!(list[0]["client_id"], CLIENT_ID);
    assert_eq!(list[0]["default"], true);
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    environment.tokenkeep(["credentials", "list"]).run().success();

    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["backend"], "file");
    assert_eq!(shown["client_id"], CLIENT_ID);
    assert_eq!(shown["token_url"], issuer.token_url());
    assert!(shown["fingerprint"].is_string() && shown["age_s"].is_u64(), "{shown}");
    environment.tokenkeep(["credentials", "show"]).run().success();
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn the_same_credential_again_keeps_the_tokens() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let first = token(&environment, &[]);
    set(&environment, &issuer, CLIENT_SECRET).success().says("its tokens stay");
    assert!(token(&environment, &[]) == first);
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn another_secret_drops_the_tokens_of_the_old_one() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let first = token(&environment, &[]);
    set(&environment, &issuer, "CANARY-SECRET-of-somebody-else").success();
    assert_eq!(listed(&environment), json!([]), "the old token is erased");
    let refused = environment.tokenkeep(["--json", "token", "get"]).run().fails(4, "invalid_client");
    assert!(refused.error()["remembered"].is_null(), "asked, not remembered");
    set(&environment, &issuer, CLIENT_SECRET).success();
    assert!(token(&environment, &[]) != first);
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn the_same_credential_again_erases_a_refusal() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    environment.tokenkeep(["--json", "token", "get"]).run().fails(4, "invalid_client");
    let error = environment.tokenkeep(["--json", "token", "get"]).run().fails(4, "invalid_client").error();
    assert_eq!(error["remembered"], true);
    assert!(error["retry_after_s"].as_u64().is_some_and(|seconds| seconds <= 10), "{error}");
    assert_eq!(issuer.count("/token"), 1);

    // The issuer's side was put right; the secret was right all the time.
    issuer.reset();
    set(&environment, &issuer, CLIENT_SECRET).success();
    token(&environment, &[]);
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_removed_profile_leaves_no_secret_and_no_token() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    token(&environment, &[]);
    let remove = ["-p", "default", "--json", "credentials", "remove"];
    environment.tokenkeep(remove).run().fails(2, "usage");
    token(&environment, &["--offline"]);
    environment.tokenkeep(remove).arg("--yes").run().success();
    environment.tokenkeep(["--json", "token", "get"]).run().fails(3, "profile_not_found");
    assert_eq!(listed(&environment), json!([]));
    for folder in ["secrets", "tokens"] {
        let left = std::fs::read_dir(environment.data_dir().join(folder)).expect("a folder").count();
        assert_eq!(left, 0, "{folder}");
    }
    // What is not there need not be removed.
    assert_eq!(environment.tokenkeep(remove).arg("--yes").run().success().json(), json!({"changed": false}));
}

#[test]
fn a_profile_that_was_removed_can_be_set_again() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    environment.tokenkeep(["-p", "default", "credentials", "remove", "--yes"]).run().success();
    set(&environment, &issuer, CLIENT_SECRET).success();
    token(&environment, &[]);
}
