//! `credentials set --issuer`: an issuer is asked once where its endpoints are, and held to it.

use serde_json::{Value, json};

use crate::common::authority::Authority;
use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};
use crate::common::peer::{Client, OidcProvider};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::methods::{empty, get};
use crate::setup::{PROFILE, read, snapshot};

const CLIENT: Client = Client { id: "basic", secret: "CANARY-SECRET-of-a-client", method: "client_secret_basic" };
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

#[test]
fn oidc_provider_is_found_at_either_place_and_what_was_found_is_shown_and_pinned() {
    for absent in [json!([]), json!([OAUTH])] {
        let clients = json!([CLIENT.metadata()]);
        let provider = OidcProvider::start_with(Authority::new(), json!({ "clients": clients, "absent": absent }));
        let environment = empty();
        // A copy, which stays when the provider goes.
        let ca_file = environment.write("files/ca.pem", read(&provider.ca_file())).display().to_string();
        let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT.id, "--secret-stdin"]);
        let set = set.args(["--issuer", provider.issuer(), "--ca-file", &ca_file]).stdin(CLIENT.secret);
        let places = [
            ("token_url", provider.url("/token")),
            ("introspection_url", provider.url("/token/introspection")),
            ("revocation_url", provider.url("/token/revocation")),
            ("jwks_url", provider.url("/jwks")),
        ];
        let outcome = set.run().success();
        for (_, url) in &places {
            let told = |line: &str| line.starts_with("found and pinned: ") && line.ends_with(url.as_str());
            assert!(outcome.stderr.lines().any(told), "{outcome:?}");
        }
        let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
        assert_eq!(shown["issuer"], provider.issuer());
        for (key, url) in &places {
            assert_eq!(shown[key], *url);
        }
        let token = get(&environment, &[]).success().json();

        // A cached token never needs the issuer.
        drop(provider);
        let kept = get(&environment, &[]).success().json();
        assert!(kept["source"] == "cache" && kept["access_token"] == token["access_token"]);
        environment.tokenkeep(["--json", "token", "validate", "--offline"]).run().success();
        get(&environment, &["--refresh"]).fails(6, "connect");
        environment.canary("token of a peer", token["access_token"].as_str().expect("a token is text"));
    }
}

#[test]
fn an_issuer_with_a_path_has_its_metadata_before_the_path_or_behind_it() {
    for (issuer_path, place, others) in [
        ("/tenant/one", "/.well-known/oauth-authorization-server/tenant/one", 1),
        ("/tenant/one", "/tenant/one/.well-known/openid-configuration", 2),
        ("/", OAUTH, 1),
        ("", OPENID, 2),
    ] {
        let (issuer, environment) = (Issuer::start(), empty());
        let name = issuer.url(issuer_path);
        issuer.answer(place, 200, &metadata(&issuer, &name));
        set(&environment, &name).run().success();
        assert_eq!(issuer.requests().len(), others, "{place}");
        assert!(issuer.requests().iter().all(|request| request.method == "GET" && request.body.0.is_empty()));
        assert!(issuer.requests().iter().all(|request| request.header("authorization").is_none()));
        get(&environment, &[]).success();
        assert_eq!(issuer.requests().len(), others + 1, "a fetch goes to the pinned place alone");
        get(&environment, &["--refresh"]).success();
        assert_eq!(issuer.requests().len(), others + 2);
    }
}

#[test]
fn a_page_in_place_of_metadata_does_not_keep_the_other_place_from_being_asked() {
    let (issuer, environment) = (Issuer::start(), empty());
    let name = issuer.url("");
    let page = Behaviour::Answer { status: 200, headers: Vec::new(), body: "<!doctype html><title>app</title>".into() };
    issuer.behave(OAUTH, page);
    issuer.answer(OPENID, 200, &metadata(&issuer, &name));
    set(&environment, &name).run().success();
    get(&environment, &[]).success();
}

#[test]
fn metadata_of_another_issuer_is_refused_and_nothing_is_changed() {
    let (issuer, environment) = (Issuer::start(), empty());
    let url = issuer.url("");
    for other in [format!("{url}/"), url.replace("127.0.0.1", "localhost"), "https://issuer.example.test".to_owned()] {
        issuer.answer(OAUTH, 200, &metadata(&issuer, &other));
        let before = snapshot(environment.root());
        refused(set(&environment, &url).run(), 7, "issuer_mismatch");
        assert_eq!(snapshot(environment.root()), before);
    }
    assert_eq!(issuer.count("/token"), 0);
    assert_eq!(issuer.count(OPENID), 0, "the other place is not asked for a second opinion");
}

#[test]
fn metadata_that_cannot_be_used_is_refused_and_nothing_is_changed() {
    let (issuer, elsewhere, environment) = (Issuer::start(), Issuer::start(), empty());
    let url = issuer.url("");
    let good = metadata(&issuer, &url);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        answer(200, &changed)
    };
    let longer = json!({ "issuer": url, "token_endpoint": issuer.token_url(), "x": "x".repeat(512 * 1024) });
    let cases = [
        (
            "an insecure token endpoint",
            with("token_endpoint", json!("http://issuer.example.test/token")),
            7,
            "response_malformed",
        ),
        (
            "an insecure endpoint beside it",
            with("revocation_endpoint", json!("http://issuer.example.test/r")),
            7,
            "response_malformed",
        ),
        (
            "an endpoint with a password",
            with("token_endpoint", json!("https://u:p@issuer.example.test/")),
            7,
            "response_malformed",
        ),
        ("no token endpoint", with("token_endpoint", Value::Null), 7, "response_malformed"),
        ("no issuer", with("issuer", Value::Null), 7, "response_malformed"),
        ("a number", answer(200, &json!(1)), 7, "response_malformed"),
        ("a list", answer(200, &json!([good])), 7, "response_malformed"),
        (
            "a page",
            Behaviour::Answer { status: 200, headers: Vec::new(), body: "<html>".into() },
            7,
            "response_malformed",
        ),
        (
            "two issuers",
            Behaviour::Answer {
                status: 200,
                headers: Vec::new(),
                body: good.to_string().replacen('{', "{\"issuer\":\"x\",", 1).into(),
            },
            7,
            "response_malformed",
        ),
        ("too much", answer(200, &longer), 7, "response_too_large"),
        ("no end", Behaviour::EndlessBody, 7, "response_too_large"),
        ("a bomb", Behaviour::GzipBomb, 7, "response_too_large"),
        ("a fault", answer(503, &json!({})), 6, "server_error"),
        ("a redirect", Behaviour::Redirect { status: 301, location: elsewhere.url(OAUTH) }, 10, "redirect_refused"),
        (
            "a redirect nearby",
            Behaviour::Redirect { status: 308, location: issuer.url(OPENID) },
            10,
            "redirect_refused",
        ),
    ];
    for (case, behaviour, exit, code) in cases {
        issuer.behave(OAUTH, behaviour);
        let before = snapshot(environment.root());
        let outcome = set(&environment, &url).run();
        assert!(outcome.code == exit, "{case}: {outcome:?}");
        refused(outcome, exit, code);
        assert_eq!(snapshot(environment.root()), before, "{case}");
    }
    assert_eq!((elsewhere.traffic().accepted, issuer.count("/token")), (0, 0));
}

#[test]
fn metadata_up_to_the_cap_is_read() {
    let (issuer, environment) = (Issuer::start(), empty());
    let mut long = metadata(&issuer, &issuer.url(""));
    let room = 512 * 1024 - long.to_string().len() - r#","x":"""#.len();
    long["x"] = json!("x".repeat(room));
    assert_eq!(long.to_string().len(), 512 * 1024);
    issuer.answer(OAUTH, 200, &long);
    set(&environment, &issuer.url("")).run().success();
}

#[test]
fn an_issuer_without_metadata_is_told_apart_from_one_that_is_wrong() {
    let (issuer, environment) = (Issuer::start(), empty());
    let outcome = refused(set(&environment, &issuer.url("")).run(), 7, "response_malformed");
    assert!(outcome.error()["hint"].as_str().is_some_and(|hint| hint.contains("--token-url")), "{outcome:?}");
    assert_eq!((issuer.count(OAUTH), issuer.count(OPENID)), (1, 1));
}

#[test]
fn an_issuer_that_is_not_secure_is_not_asked() {
    let environment = empty();
    for (issuer, code) in [
        ("http://issuer.example.test", "insecure_endpoint"),
        ("http://localhost:1", "insecure_endpoint"),
        ("https://u:p@issuer.example.test", "insecure_endpoint"),
    ] {
        let outcome = set(&environment, issuer).run();
        assert_eq!(outcome.error()["code"], code, "{issuer}: {outcome:?}");
    }
    for issuer in ["https://issuer.example.test/?a=b", "issuer.example.test", ""] {
        set(&environment, issuer).run().fails(2, "usage");
    }
}

#[test]
fn an_issuer_whose_endpoint_moves_is_refused_until_a_person_says_otherwise() {
    let (issuer, elsewhere, environment) = (Issuer::start(), Issuer::start(), empty());
    let url = issuer.url("");
    issuer.answer(OAUTH, 200, &metadata(&issuer, &url));
    set(&environment, &url).run().success();
    get(&environment, &[]).success();

    for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        let mut moved = metadata(&issuer, &url);
        moved[endpoint] = json!(elsewhere.token_url());
        issuer.answer(OAUTH, 200, &moved);
        let before = read(&environment.path(PROFILE));
        // With the secret at hand, and without.
        for run in [set(&environment, &url), environment.tokenkeep(["--json", "credentials", "set", "--issuer", &url])]
        {
            let outcome = run.run();
            assert!(outcome.code == 10, "{endpoint}: {outcome:?}");
            let outcome = refused(outcome, 10, "binding_mismatch");
            assert!(outcome.error()["hint"].as_str().is_some_and(|hint| hint.contains("--replace")));
        }
        assert_eq!(read(&environment.path(PROFILE)), before);
    }
    // What was pinned holds meanwhile.
    get(&environment, &["--refresh"]).success();
    assert_eq!(elsewhere.traffic().accepted, 0);

    let mut moved = metadata(&issuer, &url);
    moved["token_endpoint"] = json!(elsewhere.token_url());
    issuer.answer(OAUTH, 200, &moved);
    set(&environment, &url).arg("--replace").run().success();
    get(&environment, &[]).success();
    assert_eq!((elsewhere.count("/token"), issuer.count("/token")), (1, 2));
}

#[test]
fn the_same_issuer_again_changes_nothing_and_asks_for_no_secret() {
    let (issuer, environment) = (Issuer::start(), empty());
    let url = issuer.url("");
    issuer.answer(OAUTH, 200, &metadata(&issuer, &url));
    set(&environment, &url).run().success();
    get(&environment, &[]).success();
    let before = read(&environment.path(PROFILE));
    set(&environment, &url).run().success().says("is as it was");
    environment.tokenkeep(["credentials", "set", "--issuer", &url]).run().success().says("is as it was");
    assert_eq!(read(&environment.path(PROFILE)), before);
    assert_eq!(get(&environment, &[]).success().json()["source"], "cache");
}

#[test]
fn an_issuer_that_takes_the_secret_in_the_body_alone_gets_it_there() {
    let (issuer, environment) = (Issuer::start(), empty());
    let url = issuer.url("");
    let mut described = metadata(&issuer, &url);
    described["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "client_secret_post"]);
    issuer.answer(OAUTH, 200, &described);
    set(&environment, &url).run().success();
    get(&environment, &[]).success();
    let requests = issuer.requests();
    let sent = requests.iter().find(|request| request.path == "/token").expect("it was asked");
    assert!(sent.header("authorization").is_none());
}

#[test]
fn an_issuer_over_tls_must_show_a_certificate_that_is_trusted() {
    let (issuer, environment) = (Issuer::start_with_tls(), empty());
    let url = issuer.url("");
    issuer.answer(OAUTH, 200, &metadata(&issuer, &url));
    refused(set(&environment, &url).run(), 6, "tls");
    let ca_file = issuer.ca_file().display().to_string();
    set(&environment, &url).args(["--ca-file", &ca_file]).run().success();
}

/// What a fixture issuer would say of itself.
fn metadata(issuer: &Issuer, name: &str) -> Value {
    json!({
        "issuer": name,
        "token_endpoint": issuer.token_url(),
        "introspection_endpoint": issuer.url("/introspect"),
        "revocation_endpoint": issuer.url("/revoke"),
    })
}

fn answer(status: u16, body: &Value) -> Behaviour {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Behaviour::Answer { status, headers, body: body.to_string().into() }
}

fn set(environment: &TestEnvironment, issuer: &str) -> Invocation {
    let run = environment.tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"]);
    run.args(["--issuer", issuer]).stdin(CLIENT_SECRET)
}

fn refused(outcome: Outcome, exit: i32, code: &str) -> Outcome {
    outcome.fails(exit, code)
}
