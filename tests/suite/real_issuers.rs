//! What tokenkeep does with servers that other people wrote.

use crate::common::peer::{Client, NodeOAuth, OidcProvider, SpotifyApi};
use crate::common::{Issuer, Outcome, TestEnvironment, issuer};

const SIMPLE: Client = Client { id: "basic", secret: "simple-CANARY-secret", method: "client_secret_basic" };

/// A secret that a naive `base64(id:secret)` breaks in every way that printable ASCII can.
const NASTY_SECRET: &str = r##"p:a+s%2F/=&? "#~!"##;

const NASTY: Client = Client { id: "basic-nasty", secret: NASTY_SECRET, method: "client_secret_basic" };

const NASTY_ID: Client = Client { id: "id:with+odd%chars", secret: NASTY_SECRET, method: "client_secret_basic" };

const POST: Client = Client { id: "post", secret: NASTY_SECRET, method: "client_secret_post" };

const CLIENTS: [Client; 4] = [SIMPLE, NASTY, NASTY_ID, POST];

#[test]
fn oidc_provider_knows_each_client_over_http_on_loopback() {
    let provider = OidcProvider::start(&CLIENTS);
    for client in CLIENTS {
        let environment = environment_with(client, &["--token-url", &provider.token_url()]);
        gets_one_token_and_keeps_it(&environment);
    }
}

#[test]
fn oidc_provider_knows_each_client_over_tls_by_a_test_authority() {
    let provider = OidcProvider::start(&CLIENTS);
    let ca_file = provider.ca_file().display().to_string();
    for client in CLIENTS {
        let environment = environment_with(client, &["--token-url", &provider.tls_token_url(), "--ca-file", &ca_file]);
        gets_one_token_and_keeps_it(&environment);
    }
}

#[test]
fn an_authority_that_was_not_named_is_not_trusted() {
    let provider = OidcProvider::start(&CLIENTS);
    let environment = environment_with(SIMPLE, &["--token-url", &provider.tls_token_url()]);
    environment.tokenkeep(["--json", "token", "get"]).run().fails(6, "tls");
}

#[test]
fn oidc_provider_refuses_a_wrong_secret() {
    let provider = OidcProvider::start(&CLIENTS);
    let wrong = Client { secret: "another-CANARY-secret", ..SIMPLE };
    let environment = environment_with(wrong, &["--token-url", &provider.token_url()]);
    environment.tokenkeep(["--json", "token", "get"]).run().fails(4, "invalid_client");
}

#[test]
fn a_token_is_for_the_resource_that_was_named_and_one_that_is_not_served_is_told() {
    let provider = OidcProvider::start(&CLIENTS);
    let environment = environment_with(SIMPLE, &["--token-url", &provider.token_url()]);
    let get = |resource: &str| {
        let run = environment.tokenkeep(["--json", "token", "get", "--scope", "read", "--resource", resource]);
        run.prints_token().run()
    };
    let tokens = ["https://jwt.example.test/v1", "https://api.example.test/v1"].map(|resource| {
        let (first, second) = (get(resource).success().json(), get(resource).success().json());
        assert_eq!((&first["source"], &second["source"]), (&"issuer".into(), &"cache".into()), "{resource}");
        first["access_token"].as_str().expect("a token is text").to_owned()
    });
    assert!(tokens[0].split('.').count() == 3 && !tokens[1].contains('.'), "each resource has its own form");
    get("https://unknown.example.test/").fails(7, "invalid_target");
    tokens.iter().for_each(|token| environment.canary("token of a peer", token));
}

#[test]
fn node_oauth_knows_a_nasty_secret_by_raw_basic() {
    let server = NodeOAuth::start(&CLIENTS);
    let environment = environment_with(NASTY, &["--token-url", &server.token_url(), "--basic-encoding", "raw"]);
    gets_one_token_and_keeps_it(&environment);
    assert_eq!(server.token_requests(), 1);
}

#[test]
fn the_encoding_of_basic_is_never_switched_silently() {
    let server = NodeOAuth::start(&CLIENTS);
    let environment = environment_with(NASTY, &["--token-url", &server.token_url()]);
    environment.tokenkeep(["--json", "token", "get"]).run().fails(4, "invalid_client");
    // A second try, in whatever encoding, would count as another failed login.
    assert_eq!(server.token_requests(), 1);
}

#[test]
fn a_secret_of_unreserved_characters_needs_no_switch() {
    let server = NodeOAuth::start(&CLIENTS);
    let environment = environment_with(SIMPLE, &["--token-url", &server.token_url()]);
    gets_one_token_and_keeps_it(&environment);
}

#[test]
fn the_probe_tells_a_token_that_opens_the_api_from_one_that_does_not() {
    let server = NodeOAuth::start(&CLIENTS);
    let environment = environment_with(SIMPLE, &["--token-url", &server.token_url(), "--probe-url", &server.api_url()]);
    environment.tokenkeep(["token", "get"]).prints_token().run().success();
    assert_verdict(&validate(&environment).success(), "valid", "pass");

    let stranger = environment.tokenkeep(["--json", "token", "validate", "--token-stdin"]);
    assert_verdict(&stranger.stdin("a-token-of-nobody\n").run().exits(5), "not_valid", "fail");
    // The verdict was on the stranger: the token that is kept stays.
    assert_verdict(&validate(&environment).success(), "valid", "pass");
}

#[test]
fn a_token_that_spotify_takes_is_valid() {
    let api = SpotifyApi::start();
    let (_issuer, environment) = environment_with_token(&api.search_url());
    assert_verdict(&validate(&environment).success(), "valid", "pass");
}

#[test]
fn a_token_that_spotify_refuses_is_not_valid_and_is_dropped() {
    let api = SpotifyApi::start();
    let (_issuer, environment) = environment_with_token(&api.search_url_answering(401));
    assert_verdict(&validate(&environment).exits(5), "not_valid", "fail");
    environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
}

#[test]
fn a_spotify_that_is_too_busy_to_tell_leaves_the_verdict_open_and_the_token_kept() {
    let api = SpotifyApi::start();
    let (_issuer, environment) = environment_with_token(&api.search_url_answering(429));
    assert_verdict(&validate(&environment).exits(12), "indeterminate", "unknown");
    environment.tokenkeep(["token", "get", "--offline"]).prints_token().run().success();
}

/// An environment with the file backend and one profile.
fn environment_with(client: Client, options: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.canary("client secret of a peer", client.secret);
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    environment
        .tokenkeep(["credentials", "set", "--client-id", client.id, "--auth", client.method, "--secret-stdin"])
        .args(options)
        .stdin(client.secret)
        .run()
        .success();
    environment
}

/// An environment that holds a token of the fixture issuer, and asks the probe whether it is good.
fn environment_with_token(probe_url: &str) -> (Issuer, TestEnvironment) {
    let issuer = Issuer::start();
    let client = Client { id: issuer::CLIENT_ID, secret: issuer::CLIENT_SECRET, method: "client_secret_basic" };
    let environment = environment_with(client, &["--token-url", &issuer.token_url(), "--probe-url", probe_url]);
    environment.tokenkeep(["token", "get"]).prints_token().run().success();
    (issuer, environment)
}

fn gets_one_token_and_keeps_it(environment: &TestEnvironment) {
    let get = || environment.tokenkeep(["--json", "token", "get"]).prints_token().run().success().json();
    let (first, second) = (get(), get());
    assert_eq!((&first["source"], &second["source"]), (&"issuer".into(), &"cache".into()));
    assert_eq!(first["token_type"], "Bearer");
    assert!(first["access_token"] == second["access_token"], "the second token is not the first");
    // The token's text is the server's own, so it becomes a canary only now: the files are scanned for it at the end.
    environment.canary("token of a peer", first["access_token"].as_str().expect("a token is text"));
}

fn validate(environment: &TestEnvironment) -> Outcome {
    environment.tokenkeep(["--json", "token", "validate"]).run()
}

fn assert_verdict(outcome: &Outcome, verdict: &str, probe: &str) {
    let answer = outcome.json();
    assert_eq!(answer["verdict"], verdict, "{outcome:?}");
    let checks = answer["checks"].as_array().expect("checks is a list");
    let check = checks.iter().find(|check| check["name"] == "probe").expect("the probe is among the checks");
    assert_eq!(check["result"], probe, "{outcome:?}");
}
