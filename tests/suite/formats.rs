//! The formats of `token get`: each gives its client a token in the client's own words, and lives long enough for it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokenkeep::clock::{Clock as _, SystemClock};

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, Outcome, TestEnvironment, tokenkeep};
use crate::main_job::{environment_for, get};
use crate::setup::credential;

/// Every format that hands a token out as one that any holder can use.
const BEARER: [&str; 11] = [
    "header",
    "bearer",
    "env",
    "fish",
    "powershell",
    "curl",
    "headers",
    "headers-list",
    "kubernetes",
    "google",
    "github",
];

fn formatted(environment: &TestEnvironment, format: &str, variables: &[(&str, &str)]) -> Outcome {
    let call = environment.tokenkeep(["token", "get", "--format", format]).prints_token();
    variables.iter().fold(call, |call, (name, value)| call.env(name, value)).run()
}

fn end(text: &Value) -> i64 {
    let end: DateTime<Utc> = text.as_str().expect("a time").parse().expect("RFC 3339");
    end.timestamp()
}

fn now() -> i64 {
    SystemClock.now().wall.0 / 1_000_000_000
}

#[test]
fn each_format_is_what_its_client_reads() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let known = get(&environment, &["--json"]).json();
    let token = known["access_token"].as_str().expect("a token");
    let text = |format: &str| formatted(&environment, format, &[]).success().stdout_str().to_owned();
    assert_eq!(text("bearer"), format!("Bearer {token}\n"));
    assert_eq!(text("header"), format!("Authorization: Bearer {token}\n"));
    assert_eq!(text("env"), format!("export ACCESS_TOKEN='{token}'\n"));
    assert_eq!(text("fish"), format!("set -gx ACCESS_TOKEN '{token}'\n"));
    assert_eq!(text("powershell"), format!("$env:ACCESS_TOKEN = '{token}'\n"));
    assert_eq!(text("curl"), format!("oauth2-bearer = \"{token}\"\n"));
    let object = |format: &str| formatted(&environment, format, &[]).success().json();
    assert_eq!(object("headers"), json!({ "Authorization": format!("Bearer {token}") }));
    let ends = end(&known["expires_at"]);
    let list = object("headers-list");
    assert_eq!(list["headers"], json!({ "Authorization": [format!("Bearer {token}")] }));
    // A second may pass between the two calls; the end that is reported is a minute earlier, and never later.
    assert!((ends - 61..=ends - 60).contains(&end(&list["expires"])), "{list} {ends}");
    let credential = object("kubernetes");
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!((&credential["kind"], &credential["status"]["token"]), (&json!("ExecCredential"), &json!(token)));
    let reported = end(&credential["status"]["expirationTimestamp"]);
    assert!((ends - 31..=ends - 30).contains(&reported), "{credential} {ends}");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_variable_is_named_for_each_shell() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for (format, begin) in
        [("env", "export API_TOKEN='"), ("fish", "set -gx API_TOKEN '"), ("powershell", "$env:API_TOKEN = '")]
    {
        let outcome = get(&environment, &["--format", format, "--env", "API_TOKEN"]);
        assert!(outcome.stdout_str().starts_with(begin), "{format}");
    }
    let refused = environment.tokenkeep(["token", "get", "--format", "curl", "--env", "API_TOKEN"]).run();
    refused.fails(2, "usage").says("--env goes with --format env");
}

#[test]
fn kubernetes_is_answered_in_the_version_that_it_asks_for() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for version in ["v1", "v1beta1"] {
        let version = format!("client.authentication.k8s.io/{version}");
        let asked = json!({ "apiVersion": version, "kind": "ExecCredential", "spec": { "interactive": false } });
        let answer = formatted(&environment, "kubernetes", &[("KUBERNETES_EXEC_INFO", &asked.to_string())]).success();
        assert_eq!(answer.json()["apiVersion"], version.as_str());
    }
    let requests = issuer.count("/token");
    for asked in ["{\"apiVersion\":\"client.authentication.k8s.io/v1alpha1\"}", "{", "CANARY-SECRET-info"] {
        let outcome = formatted(&environment, "kubernetes", &[("KUBERNETES_EXEC_INFO", asked)]);
        outcome.fails(2, "usage").says("KUBERNETES_EXEC_INFO").does_not_say("CANARY");
    }
    assert_eq!(issuer.count("/token"), requests);
}

#[test]
fn google_gets_a_jwt_or_the_reason_and_nothing_on_stderr() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    // Without a lifetime there is a warning, which the client would take for a part of the answer.
    issuer.set(json!({ "expires_in": null }));
    let opaque = formatted(&environment, "google", &[]).success();
    assert_eq!((opaque.json()["success"].clone(), opaque.json()["version"].clone()), (json!(false), json!(1)));
    assert_eq!((opaque.json()["code"].as_str(), opaque.stderr.as_str()), (Some("token_not_jwt"), ""));

    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.Y2FuYXJ5";
    issuer.set(json!({ "expires_in": 3600, "members": { "access_token": jwt } }));
    get(&environment, &["--refresh"]);
    let answer = formatted(&environment, "google", &[]).success().json();
    assert_eq!((&answer["success"], &answer["id_token"]), (&json!(true), &json!(jwt)));
    assert_eq!(answer["token_type"], "urn:ietf:params:oauth:token-type:jwt");
    let in_an_hour = now() + 3600;
    let ends = answer["expiration_time"].as_i64().expect("seconds");
    assert!((in_an_hour - 60..=in_an_hour).contains(&ends), "{ends}");

    let failing = Issuer::start();
    let environment = environment_for(&failing);
    failing.behave(
        "/token",
        Behaviour::Answer { status: 400, headers: Vec::new(), body: "{\"error\":\"invalid_client\"}".into() },
    );
    let failed = formatted(&environment, "google", &[]).success();
    assert_eq!((failed.json()["success"].clone(), failed.stderr.as_str()), (json!(false), ""));
    assert_eq!(failed.json()["code"], "invalid_client");
    environment.write("config/config.toml", "backend = 1");
    let failed = formatted(&environment, "google", &[]).success();
    assert_eq!((failed.json()["code"].as_str(), failed.stderr.as_str()), (Some("config_invalid"), ""));
}

#[test]
fn a_job_of_github_masks_the_token_before_it_sets_the_variable() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let token = get(&environment, &[]).token().to_owned();
    let file = environment.write("files/github_env", "A=b\n");
    environment.secret_place(&file);
    let variables = [("GITHUB_ENV", file.to_str().expect("text"))];
    for _ in 0..2 {
        assert_eq!(
            formatted(&environment, "github", &variables).success().stdout_str(),
            format!("::add-mask::{token}\n")
        );
    }
    let set = format!("ACCESS_TOKEN={token}\n");
    assert_eq!(std::fs::read_to_string(&file).expect("text"), format!("A=b\n{set}{set}"));

    formatted(&environment, "github", &[]).fails(2, "usage").says("GITHUB_ENV");
    let missing = environment.path("files/none");
    let outcome = formatted(&environment, "github", &[("GITHUB_ENV", missing.to_str().expect("text"))]);
    assert_eq!(outcome.stdout_str(), format!("::add-mask::{token}\n"), "masked all the same");
    outcome.fails(9, "write_failed").says("the token is kept");
}

#[test]
fn a_token_that_needs_proofs_is_written_by_no_format_that_cannot_carry_one() {
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    let environment = credential(&issuer, &["--dpop"]);
    let file = environment.write("files/github_env", "");
    let variables = [("GITHUB_ENV", file.to_str().expect("text"))];
    for is_kept in [false, true] {
        for format in BEARER {
            let outcome = formatted(&environment, format, &variables);
            assert!(!outcome.stdout_str().contains("CANARY"), "{format}");
            if format == "google" {
                assert_eq!(outcome.success().json()["code"], "downgrade_refused");
            } else {
                outcome.fails(10, "downgrade_refused").says("needs a proof");
            }
        }
        assert_eq!(issuer.count("/token"), usize::from(is_kept), "refused before anything is requested");
        get(&environment, &["--json"]);
    }
}

#[test]
fn a_client_that_holds_on_to_its_token_gets_one_that_lives_long_enough() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    get(&environment, &[]);
    // Four minutes are left of an hour: enough for a script, and not for a session.
    let late = |format: &str, options: &[&str]| {
        let call = environment.tokenkeep(["token", "get", "--format", format]).args(options).prints_token();
        call.under(["faketime", "-f", "+56m"]).env("FAKETIME_DONT_FAKE_MONOTONIC", "1").run().success();
        issuer.count("/token")
    };
    assert_eq!(late("header", &[]), 1);
    assert_eq!(late("bearer", &["--min-ttl", "1m"]), 1);
    assert_eq!(late("bearer", &[]), 2);
    assert_eq!(late("headers-list", &[]), 2);
}

#[test]
fn tokens_that_live_briefly_are_not_requested_at_each_call() {
    let issuer = Issuer::start();
    issuer.set(json!({ "expires_in": 60 }));
    let environment = environment_for(&issuer);
    for format in ["headers", "headers-list", "kubernetes", "bearer", "curl"] {
        formatted(&environment, format, &[]).success();
    }
    assert_eq!(issuer.count("/token"), 1);
    // Nothing reported lies in the past, and nothing after the end.
    let credential = formatted(&environment, "kubernetes", &[]).success().json();
    let reported = end(&credential["status"]["expirationTimestamp"]) - now();
    assert!((0..=60).contains(&reported), "{reported}");
}

#[test]
fn a_shell_reads_back_what_was_written_for_it() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.set(json!({ "members": { "access_token": "CANARY-TOKEN-odd'$(id)`\\\"" } }));
    let token = get(&environment, &[]).stdout_str().trim_end().to_owned();
    let script = "eval \"$(\"$0\" token get --format env)\" && printf %s \"$ACCESS_TOKEN\"";
    let shell = environment.program("sh", ["-c", script]).arg(tokenkeep()).prints_token();
    let outcome = shell.run().success();
    assert_eq!(outcome.stdout_str(), token);
}
