//! Introspection (RFC 7662) and revocation (RFC 7009): asking the issuer about a token, and giving it back.

use serde_json::{Value, json};

use crate::common::authority::Authority;
use crate::common::issuer::Behaviour;
use crate::common::peer::{Client, OidcProvider};
use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::methods::{Lies, at, empty, get, keys, set, with};
use crate::setup::credential;

const CLIENT: Client = Client { id: "basic", secret: "CANARY-SECRET-of-a-client", method: "client_secret_basic" };

#[test]
fn oidc_provider_says_of_a_token_that_it_is_active_until_it_is_revoked() {
    for auth in ["client_secret_basic", "private_key_jwt"] {
        let (_provider, environment) = environment(auth);
        let token = get(&environment, &[]).success().json();
        let value = token["access_token"].as_str().expect("a token is text");
        assert_verdict(&validate(&environment).success(), "valid", "pass", "active");

        environment.tokenkeep(["token", "revoke"]).run().success().says("revoked the cached token");
        get(&environment, &["--offline"]).fails(5, "token_not_valid");
        // The provider agrees: it is given what is not kept any more.
        let given = environment.tokenkeep(["--json", "token", "validate", "--token-stdin"]).stdin(value);
        assert_verdict(&given.run().exits(5), "not_valid", "fail", "not active");
        environment.tokenkeep(["token", "revoke"]).run().success().says("nothing was revoked");
        environment.canary("token of a peer", value);
    }
}

#[test]
fn a_token_that_somebody_else_revoked_is_dropped_and_the_next_get_brings_another() {
    let (provider, environment) = environment("client_secret_basic");
    let first = get(&environment, &[]).success().json();
    // Another machine of the same client, by other means.
    let body = format!("token={}", first["access_token"].as_str().expect("a token is text"));
    provider.ask("/token/revocation", CLIENT, &body);

    assert_verdict(&validate(&environment).exits(5), "not_valid", "fail", "not active; the cached record was dropped");
    get(&environment, &["--offline"]).fails(5, "token_not_valid");
    let second = get(&environment, &[]).success().json();
    assert!(second["access_token"] != first["access_token"]);
    assert_verdict(&validate(&environment).success(), "valid", "pass", "active");
    for token in [first, second] {
        environment.canary("token of a peer", token["access_token"].as_str().expect("a token is text"));
    }
}

#[test]
fn a_profile_is_removed_after_all_its_tokens_were_revoked() {
    let (provider, environment) = environment("client_secret_basic");
    let tokens: Vec<_> = [&[][..], &["--scope", "read"], &["--scope", "read write"]]
        .iter()
        .map(|options| get(&environment, options).success().json()["access_token"].as_str().expect("text").to_owned())
        .collect();
    let observer = other(&provider);
    for token in &tokens {
        assert_verdict(&given(&observer, token).success(), "valid", "pass", "active");
    }
    let remove = environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes", "--revoke"]);
    remove.run().success().says("revoked 3 token(s)").says("removed default");
    for token in &tokens {
        assert_verdict(&given(&observer, token).exits(5), "not_valid", "fail", "not active");
        environment.canary("token of a peer", token);
    }
    get(&environment, &[]).exits(3);
}

#[test]
fn a_revocation_that_the_issuer_cannot_do_now_leaves_the_token_where_it_is() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--revocation-url", &issuer.url("/revoke")]);
    get(&environment, &[]).success();
    for (behaviour, code) in [
        (
            Behaviour::Answer {
                status: 503,
                headers: vec![("Retry-After".to_owned(), "60".to_owned())],
                body: "".into(),
            },
            "server_error",
        ),
        (Behaviour::Close { at: crate::common::issuer::Point::AfterReading }, "connection_reset"),
    ] {
        issuer.behave("/revoke", behaviour);
        for run in [&["token", "revoke"][..], &["credentials", "remove", "-p", "default", "--yes", "--revoke"]] {
            let outcome = environment.tokenkeep(["--json"]).args(run).run();
            assert!(outcome.code == 6, "{run:?}: {outcome:?}");
            let error = outcome.fails(6, code).error();
            assert!(error["message"].as_str().is_some_and(|text| text.contains("stays")), "{error}");
        }
        assert_eq!(get(&environment, &["--offline"]).success().json()["source"], "cache");
    }
    issuer.behave("/revoke", Behaviour::Normal);
    environment.tokenkeep(["token", "revoke"]).run().success();
    get(&environment, &["--offline"]).fails(5, "token_not_valid");
}

#[test]
fn a_revocation_that_is_refused_leaves_the_token_where_it_is() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--revocation-url", &issuer.url("/revoke")]);
    get(&environment, &[]).success();
    for (status, error, exit, code) in [
        (401, "invalid_client", 4, "invalid_client"),
        (400, "unsupported_token_type", 7, "issuer_error"),
        (429, "slow_down", 11, "rate_limited"),
    ] {
        issuer.answer("/revoke", status, &json!({ "error": error }));
        environment.tokenkeep(["--json", "token", "revoke"]).run().fails(exit, code).says("stays");
        get(&environment, &["--offline"]).success();
    }
}

#[test]
fn a_revocation_needs_its_endpoint_and_names_the_way_to_it() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    // Nothing to do needs nothing.
    environment.tokenkeep(["token", "revoke"]).run().success();
    get(&environment, &[]).success();
    let outcome = environment.tokenkeep(["--json", "token", "revoke"]).run().fails(2, "usage");
    assert!(outcome.error()["hint"].as_str().is_some_and(|hint| hint.contains("--revocation-url")));
    get(&environment, &["--offline"]).success();
}

#[test]
fn a_token_whose_life_is_over_here_is_revoked_all_the_same() {
    let issuer = Issuer::start();
    issuer.set(json!({ "expires_in": 1 }));
    let environment = credential(&issuer, &["--revocation-url", &issuer.url("/revoke")]);
    get(&environment, &[]).success();
    let faketime = environment.tokenkeep(["token", "revoke"]).under(["faketime", "-f", "+1h"]);
    faketime.run().success().says("revoked the cached token");
    assert_eq!(issuer.count("/revoke"), 1);
}

#[test]
fn the_revocation_of_one_request_leaves_the_tokens_of_the_others() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--revocation-url", &issuer.url("/revoke")]);
    get(&environment, &["--scope", "read"]).success();
    get(&environment, &["--scope", "write"]).success();
    environment.tokenkeep(["token", "revoke", "--scope", "write"]).run().success();
    get(&environment, &["--scope", "read", "--offline"]).success();
    get(&environment, &["--scope", "write", "--offline"]).fails(5, "token_not_valid");
    assert_eq!(issuer.count("/revoke"), 1);
}

#[test]
fn an_answer_that_does_not_say_leaves_the_verdict_open_and_the_token_kept() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--introspection-url", &issuer.url("/introspect")]);
    get(&environment, &[]).success();
    let answers = [
        (200, json!({ "active": "false" })),
        (200, json!({ "active": 0 })),
        (200, json!({})),
        (200, json!({ "error": "invalid_client" })),
        (401, json!({ "error": "invalid_client", "active": false })),
        (403, json!({ "active": false })),
        (500, json!({ "active": false })),
        (429, json!({ "active": false })),
        (404, json!({})),
    ];
    for (status, body) in answers {
        issuer.answer("/introspect", status, &body);
        let outcome = validate(&environment);
        assert!(outcome.code == 12, "{status} {body}: {outcome:?}");
        assert_eq!(
            (&outcome.json()["verdict"], &check(&outcome)["result"]),
            (&json!("indeterminate"), &json!("unknown"))
        );
        get(&environment, &["--offline"]).success();
    }
    issuer.answer("/introspect", 200, &json!({ "active": false }));
    assert_verdict(&validate(&environment).exits(5), "not_valid", "fail", "not active; the cached record was dropped");
    get(&environment, &["--offline"]).fails(5, "token_not_valid");
}

#[test]
fn a_token_goes_to_the_introspection_endpoint_in_the_body_with_the_clients_proof() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--introspection-url", &issuer.url("/introspect?tenant=1")]);
    let token = get(&environment, &[]).success().json();
    validate(&environment).success();
    let requests = issuer.requests();
    let asked = requests.iter().find(|request| request.path == "/introspect").expect("it was asked");
    assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", "tenant=1"));
    assert!(asked.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    let form: Vec<_> = url::form_urlencoded::parse(&asked.body.0).into_owned().collect();
    let member = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert!(member("token") == token["access_token"].as_str());
    assert_eq!(member("token_type_hint"), Some("access_token"));
    assert_eq!(form.len(), 2);
}

/// A client of a provider that knows it by this method.
fn environment(auth: &str) -> (OidcProvider, TestEnvironment) {
    let signs = json!({ "client_id": "signs", "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256", "jwks": keys::public("ec") });
    let observer = Client { id: "observer", ..CLIENT };
    let clients = json!([CLIENT.metadata(), observer.metadata(), signs]);
    let provider = OidcProvider::start_with(Authority::new(), json!({ "clients": clients, "assertions": "strict" }));
    let environment = if auth == "private_key_jwt" {
        let environment = empty();
        keys::hide(&environment, "ec");
        of(&provider, environment, "signs", auth, &keys::private("ec", "pkcs8"))
    } else {
        of(&provider, empty(), CLIENT.id, auth, CLIENT.secret)
    };
    (provider, environment)
}

/// Another client of the same provider.
fn other(provider: &OidcProvider) -> TestEnvironment {
    of(provider, empty(), "observer", CLIENT.method, CLIENT.secret)
}

fn of(provider: &OidcProvider, environment: TestEnvironment, id: &str, auth: &str, secret: &str) -> TestEnvironment {
    let (introspection, revocation) = (provider.url("/token/introspection"), provider.url("/token/revocation"));
    let words = ["--client-id", id, "--auth", auth, "--introspection-url", &introspection];
    let words = [&words[..], &["--revocation-url", &revocation]].concat();
    let place = at(provider);
    set(&environment, Lies::InTheBackend, secret, &with(&place, &words)).run().success();
    environment
}

fn validate(environment: &TestEnvironment) -> Outcome {
    environment.tokenkeep(["--json", "token", "validate"]).run()
}

/// Asks about a token that is not the cached one.
fn given(environment: &TestEnvironment, token: &str) -> Outcome {
    environment.tokenkeep(["--json", "token", "validate", "--token-stdin"]).stdin(token).run()
}

fn check(outcome: &Outcome) -> Value {
    let report = outcome.json();
    let checks = report["checks"].as_array().expect("checks is a list");
    checks.iter().find(|check| check["name"] == "introspection").expect("it is among the checks").clone()
}

fn assert_verdict(outcome: &Outcome, verdict: &str, result: &str, detail: &str) {
    assert_eq!(outcome.json()["verdict"], verdict, "{outcome:?}");
    assert_eq!(check(outcome), json!({ "name": "introspection", "result": result, "detail": detail }));
}
