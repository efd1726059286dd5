//! `federated_assertion`: what somebody else issued to this workload, read anew at each fetch.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::assertions::{assertions, granted};
use super::{Lies, at, at_fixture, empty, get, gets, keys, set, with};
use crate::common::authority::Authority;
use crate::common::issuer::Behaviour;
use crate::common::peer::{OidcProvider, asked};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{PROFILE, edit};

/// What shows at GitHub that a job is that job.
const JOB: &str = "CANARY-SECRET-of-a-job";

#[test]
fn a_file_is_read_anew_at_each_fetch_and_what_is_in_it_is_sent_as_it_is() {
    let (issuer, environment) = (Issuer::start(), empty());
    issuer.answer("/token", 200, &granted());
    let place = at_fixture(&issuer);
    let options = with(&place, &["--client-id", "workload", "--auth", "federated_assertion"]);
    set(&environment, Lies::AtFetch, &jwt("first"), &options).run().success();
    get(&environment, &[]).success();
    // As the kubelet renews it.
    environment.write_secret("files/secret", format!("{}\n", jwt("second")));
    get(&environment, &[]).success();
    get(&environment, &["--refresh"]).success();

    let sent = assertions(&issuer);
    let ids: Vec<_> = sent.iter().map(|(_, claims)| claims["jti"].as_str().expect("a jti is text")).collect();
    assert_eq!(ids, ["CANARY-SECRET-first", "CANARY-SECRET-second"]);
}

#[test]
fn a_command_is_run_anew_at_each_fetch() {
    let (issuer, environment) = (Issuer::start(), empty());
    issuer.answer("/token", 200, &granted());
    environment.write_secret("files/secret", jwt("first"));
    let place = at_fixture(&issuer);
    let command = json!(["/bin/cat", environment.path("files/secret")]).to_string();
    let from = format!("command:{command}");
    let options = ["--client-id", "workload", "--auth", "federated_assertion", "--secret-at-fetch", &from];
    environment.tokenkeep(["credentials", "set"]).args(with(&place, &options)).run().success();
    get(&environment, &[]).success();
    environment.write_secret("files/secret", jwt("second"));
    get(&environment, &["--refresh"]).success();
    let sent = assertions(&issuer);
    let ids: Vec<_> = sent.iter().map(|(_, claims)| claims["jti"].as_str().expect("a jti is text")).collect();
    assert_eq!(ids, ["CANARY-SECRET-first", "CANARY-SECRET-second"]);
}

#[test]
fn an_assertion_that_goes_missing_is_told_with_nothing_sent() {
    let (issuer, environment) = (Issuer::start(), empty());
    let place = at_fixture(&issuer);
    let options = with(&place, &["--client-id", "workload", "--auth", "federated_assertion"]);
    set(&environment, Lies::AtFetch, &jwt("first"), &options).run().success();
    std::fs::remove_file(environment.path("files/secret")).expect("it is there");
    get(&environment, &[]).fails(3, "credential_missing");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn an_assertion_is_not_stored() {
    let (issuer, environment) = (Issuer::start(), empty());
    let place = at_fixture(&issuer);
    let options = with(&place, &["--client-id", "workload", "--auth", "federated_assertion"]);
    set(&environment, Lies::InTheBackend, &jwt("first"), &options).run().fails(2, "usage").says("read at each fetch");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn oidc_provider_takes_an_assertion_that_another_program_made() {
    let client = json!({
        "client_id": "workload",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": keys::public("ec"),
    });
    let provider = OidcProvider::start_with(Authority::new(), json!({ "clients": [client] }));
    let made = || {
        let key: Value = serde_json::from_str(&keys::private("ec", "jwk")).expect("a JWK is JSON");
        let id = json!({ "iss": "workload", "sub": "workload", "aud": provider.issuer(), "jti": id() });
        let made =
            asked("jose.mjs", &json!({ "sign": { "key": key, "alg": "ES256", "claims": id, "lifetime": "60s" } }));
        made["jwt"].as_str().expect("jose signs").to_owned()
    };
    let environment = empty();
    let place = at(&provider);
    let options = with(&place, &["--client-id", "workload", "--auth", "federated_assertion"]);
    set(&environment, Lies::AtFetch, &made(), &options).run().success();
    gets(&environment, &[]);
    // The provider takes each once: this is the same.
    get(&environment, &["--refresh"]).fails(4, "invalid_client");
    environment.write_secret("files/secret", made());
    // The refusal of the last one says nothing about this one, and is over soon; a set ends it at once.
    let options = [options, vec!["--verify"]].concat();
    set(&environment, Lies::AtFetch, &made(), &options).run().success();
    environment.write_secret("files/secret", made());
    gets(&environment, &["--refresh"]);
}

#[test]
fn a_job_of_github_gets_its_assertion_at_each_fetch_for_the_audience_of_the_profile() {
    let (issuer, github) = (Issuer::start(), Issuer::start());
    issuer.answer("/token", 200, &granted());
    let environment = job_environment(&issuer);
    for (id, run) in [("first", &[][..]), ("second", &["--refresh"])] {
        github.answer("/request", 200, &json!({ "value": jwt(id), "count": 1 }));
        in_job(&environment, &github.url("/request?api-version=2"), run).success();
    }
    let sent = assertions(&issuer);
    let ids: Vec<_> = sent.iter().map(|(_, claims)| claims["jti"].as_str().expect("a jti is text")).collect();
    assert_eq!(ids, ["CANARY-SECRET-first", "CANARY-SECRET-second"]);
    let requests = github.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/request"));
        assert_eq!(request.query, "api-version=2&audience=api%3A%2F%2Fthe+issuer");
        let shown = request.header("authorization").expect("it shows the job's credential");
        assert!(shown == format!("Bearer {JOB}"));
        assert!(request.body.0.is_empty());
    }
    // A hit needs neither.
    drop((issuer, github));
    get(&environment, &[]).success();
}

#[test]
fn the_environment_of_a_job_does_not_lead_its_credential_elsewhere() {
    let (issuer, github) = (Issuer::start(), Issuer::start());
    let environment = job_environment(&issuer);
    edit(&environment, PROFILE, "\"127.0.0.1\"", "\"127.0.0.2\"");
    let urls = [github.url("/request"), "https://127.0.0.2@127.0.0.1/".to_owned(), "http://example.test/".to_owned()];
    for url in urls {
        let outcome = in_job(&environment, &url, &[]).fails(3, "credential_missing");
        outcome.says("; nothing was sent").does_not_say(&url);
    }
    // Without a host in the profile it is GitHub's alone.
    edit(&environment, PROFILE, "127.0.0.2", "example.test");
    in_job(&environment, &github.url("/request"), &[]).fails(3, "credential_missing");
    assert_eq!((github.traffic().accepted, issuer.traffic().accepted), (0, 0));
}

#[test]
fn outside_of_a_job_the_variable_that_is_missing_is_named() {
    let issuer = Issuer::start();
    let environment = job_environment(&issuer);
    get(&environment, &[]).fails(3, "credential_missing").says("ACTIONS_ID_TOKEN_REQUEST_");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn what_github_answers_wrongly_is_no_assertion() {
    let (issuer, github) = (Issuer::start(), Issuer::start());
    let environment = job_environment(&issuer);
    let redirect = Behaviour::Redirect { status: 307, location: issuer.url("/elsewhere") };
    for (answer, exit, code) in [
        (Behaviour::Answer { status: 200, headers: Vec::new(), body: "{}".into() }, 7, "response_malformed"),
        (Behaviour::Answer { status: 200, headers: Vec::new(), body: "[\"x\"]".into() }, 7, "response_malformed"),
        (Behaviour::EndlessBody, 7, "response_too_large"),
        (Behaviour::Answer { status: 503, headers: Vec::new(), body: "".into() }, 6, "server_error"),
        (redirect, 10, "redirect_refused"),
    ] {
        github.behave("/request", answer);
        in_job(&environment, &github.url("/request"), &[]).fails(exit, code);
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_credential_of_a_job_is_tried_before_it_is_set() {
    let (issuer, github) = (Issuer::start(), Issuer::start());
    issuer.answer("/token", 200, &granted());
    github.answer("/request", 200, &json!({ "value": jwt("first") }));
    let environment = job_environment(&issuer);
    let set = environment.tokenkeep(["--json", "credentials", "set", "--verify"]);
    let set = set.env("ACTIONS_ID_TOKEN_REQUEST_URL", github.url("/request"));
    set.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB).run().success();
    assert_eq!(assertions(&issuer).len(), 1);
}

/// A profile of a job, whose request URL is on loopback as at nobody's but a test's.
fn job_environment(issuer: &Issuer) -> TestEnvironment {
    let environment = empty();
    let place = at_fixture(issuer);
    let audience = "github-actions:api://the issuer";
    let options = ["--client-id", "workload", "--auth", "federated_assertion", "--secret-at-fetch", audience];
    environment.tokenkeep(["credentials", "set"]).args(with(&place, &options)).run().success();
    let named = "github_actions = \"api://the issuer\"";
    edit(&environment, PROFILE, named, &format!("{named}, host = \"127.0.0.1\""));
    environment
}

fn in_job(environment: &TestEnvironment, url: &str, options: &[&str]) -> crate::common::Outcome {
    let run = environment.tokenkeep(["--json", "token", "get"]).args(options).prints_token();
    run.env("ACTIONS_ID_TOKEN_REQUEST_URL", url).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB).run()
}

/// An assertion that nobody signed: the fixture issuer looks at none.
fn jwt(id: &str) -> String {
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": "https://workloads.test", "sub": "pod", "jti": format!("CANARY-SECRET-{id}") });
    format!("{}.{}.c2lnbmVk", encoded(json!({ "alg": "ES256" })), encoded(claims))
}

/// A part of a JWT.
pub(super) fn part(jwt: &str, at: usize) -> Value {
    let text = jwt.split('.').nth(at).expect("a JWT has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("Base64url")).expect("JSON")
}

/// A text that no other call returns.
fn id() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("made-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
