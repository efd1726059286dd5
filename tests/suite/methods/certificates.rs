//! `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705): the connection proves who the client is.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{BOTH, Lies, empty, get, gets, gets_keeps_and_renews, set};
use crate::common::authority::{Authority, Identity, self_signed};
use crate::common::peer::{OidcProvider, asked};
use crate::common::{Issuer, Outcome, TestEnvironment};

/// The name in the certificate that the provider knows.
const NAME: &str = "svc.test";

/// A client of the provider with its certificate.
struct Case {
    method: &'static str,
    identity: Identity,
}

#[test]
fn a_certificate_proves_the_client_at_the_endpoint_that_asks_for_one_and_the_token_is_bound_to_it() {
    let (provider, cases) = provider();
    for Case { method, identity } in &cases {
        for lies in BOTH {
            let environment = environment(identity);
            let options = options(&provider, &environment, method);
            set(&environment, lies, &identity.key, &texts(&options)).run().success();
            let case = format!("{method}, {lies:?}");
            let token = gets_keeps_and_renews(&environment, &case);
            assert_eq!(bound_to(&provider, &token), thumbprint(identity), "{case}");
        }
    }
}

#[test]
fn discovery_leads_a_client_with_a_certificate_to_the_aliases() {
    let (provider, cases) = provider();
    for Case { method, identity } in &cases {
        let environment = environment(identity);
        let ca_file = provider.ca_file().display().to_string();
        let certificate = environment.path("files/client.pem").display().to_string();
        let options = ["--client-id", method, "--auth", method, "--certificate-file", &certificate];
        let options = [&options[..], &["--issuer", provider.issuer(), "--ca-file", &ca_file]].concat();
        set(&environment, Lies::InTheBackend, &identity.key, &options).run().success();
        let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
        assert_eq!(shown["token_url"], provider.certificate_url("/token"));
        assert_eq!(shown["introspection_url"], provider.certificate_url("/token/introspection"));
        assert_eq!(shown["revocation_url"], provider.certificate_url("/token/revocation"));
        gets_keeps_and_renews(&environment, method);
        // The certificate is shown there, too.
        let report = environment.tokenkeep(["--json", "token", "validate"]).run().success().json();
        assert_eq!(report["checks"][1], json!({ "name": "introspection", "result": "pass", "detail": "active" }));
        environment.tokenkeep(["token", "revoke"]).run().success();
        get(&environment, &["--offline"]).fails(5, "token_not_valid");
    }
}

#[test]
fn another_certificate_is_a_miss_and_the_old_one_has_its_token_still() {
    let (provider, cases) = provider();
    let Case { method, identity } = &cases[0];
    let environment = environment(identity);
    let options = options(&provider, &environment, method);
    set(&environment, Lies::InTheBackend, &identity.key, &texts(&options)).run().success();
    let gets = |options: &[&str]| get(&environment, options).success().json();
    let old = gets(&[]);
    // Renewed for the same key: the secret stays, and a token of the old certificate would be refused with the new one.
    let renewed = provider.authority().renewed(NAME, identity);
    environment.write("files/client.pem", &renewed.certificate);
    get(&environment, &["--offline"]).fails(5, "token_not_valid");
    let new = gets(&[]);
    assert_eq!(new["source"], "issuer");
    assert_eq!(bound_to(&provider, &new), thumbprint(&renewed));
    assert_eq!(gets(&[])["source"], "cache");

    environment.write("files/client.pem", &identity.certificate);
    let again = gets(&[]);
    assert_eq!(again["source"], "cache");
    assert!(again["access_token"] == old["access_token"], "another certificate's token was handed out");
    for token in [old, new] {
        environment.canary("token of a peer", token["access_token"].as_str().expect("a token is text"));
    }
}

#[test]
fn a_certificate_is_tried_before_it_is_set_and_what_came_of_it_is_kept() {
    let (provider, cases) = provider();
    for Case { method, identity } in &cases {
        for lies in BOTH {
            let environment = environment(identity);
            let mut options = options(&provider, &environment, method);
            options.push("--verify".to_owned());
            set(&environment, lies, &identity.key, &texts(&options)).run().success();
            assert_eq!(gets(&environment, &[])["source"], "cache", "{method}, {lies:?}");
        }
    }
}

#[test]
fn a_certificate_that_the_issuer_does_not_know_is_refused_as_a_wrong_secret_is() {
    let (provider, _) = provider();
    let strangers = [
        ("signed by itself", "tls_client_auth", self_signed(NAME)),
        ("by another authority", "tls_client_auth", Authority::new().client(NAME)),
        ("of another client", "tls_client_auth", provider.authority().client("other.test")),
        ("not registered", "self_signed_tls_client_auth", self_signed(NAME)),
    ];
    for (case, method, identity) in &strangers {
        let environment = environment(identity);
        let options = options(&provider, &environment, method);
        set(&environment, Lies::InTheBackend, &identity.key, &texts(&options)).run().success();
        let outcome = environment.tokenkeep(["-vv", "--json", "token", "get"]).run();
        assert!(outcome.code == 4, "{case}, {method}: {outcome:?}");
        outcome.fails(4, "invalid_client");
    }
}

#[test]
fn a_certificate_and_a_key_that_do_not_belong_together_are_told_with_nothing_sent() {
    let issuer = Issuer::start_with_tls();
    let (identity, other) = (self_signed(NAME), self_signed(NAME));
    let good = &identity.certificate;
    let cases = [
        ("the key of another", good.clone(), other.key.clone()),
        ("no key", good.clone(), "not-a-key-at-all".to_owned()),
        ("a key that was cut", good.clone(), identity.key[..identity.key.len() / 2].to_owned()),
        ("a certificate for a key", good.clone(), other.certificate.clone()),
    ];
    for (case, certificate, key) in cases {
        for lies in BOTH {
            let environment = environment(&Identity { certificate: certificate.clone(), key: other.key.clone() });
            hide(&environment, &identity.key);
            let outcome = at_fixture(&issuer, &environment, lies, &key);
            if lies == Lies::InTheBackend && case != "the key of another" {
                outcome.fails(2, "usage").says("; nothing was changed");
                continue;
            }
            assert!(outcome.code == 3, "{case}, {lies:?}: {outcome:?}");
            let outcome = outcome.fails(3, "credential_missing");
            outcome.says("; nothing was sent");
        }
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_certificate_file_that_is_none_is_told_with_nothing_sent() {
    let issuer = Issuer::start_with_tls();
    let identity = self_signed(NAME);
    for content in [Some("not a certificate"), Some(""), None] {
        let environment = environment(&identity);
        match content {
            Some(content) => drop(environment.write("files/client.pem", content)),
            None => std::fs::remove_file(environment.path("files/client.pem")).expect("it is there"),
        }
        let outcome = at_fixture(&issuer, &environment, Lies::InTheBackend, &identity.key);
        assert_eq!(outcome.error()["code"], "config_invalid", "{outcome:?}");
        assert!(outcome.error()["hint"].as_str().is_some_and(|hint| hint.contains("--certificate-file PEM")));
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_client_that_shows_a_certificate_and_names_none_is_told_so() {
    let (issuer, environment) = (Issuer::start(), empty());
    let options = ["--token-url", &issuer.token_url(), "--client-id", "me", "--auth", "tls_client_auth"];
    let identity = self_signed(NAME);
    hide(&environment, &identity.key);
    set(&environment, Lies::InTheBackend, &identity.key, &options).run().fails(2, "usage").says("--certificate-file");
    assert_eq!(issuer.traffic().accepted, 0);
}

/// The provider, and a client for each method, which is also its id.
fn provider() -> (OidcProvider, [Case; 2]) {
    let authority = Authority::new();
    let cases = [
        Case { method: "tls_client_auth", identity: authority.client(NAME) },
        Case { method: "self_signed_tls_client_auth", identity: self_signed(NAME) },
    ];
    let client = |method: &str| {
        json!({
            "client_id": method,
            "token_endpoint_auth_method": method,
            "tls_client_certificate_bound_access_tokens": true,
        })
    };
    let mut clients = [client(cases[0].method), client(cases[1].method)];
    clients[0]["tls_client_auth_san_dns"] = json!(NAME);
    clients[1]["certificate"] = json!(cases[1].identity.certificate);
    let observer = json!({
        "client_id": "observer",
        "client_secret": "a-secret-of-the-test",
        "token_endpoint_auth_method": "client_secret_basic",
    });
    let clients = json!([clients[0], clients[1], observer]);
    (OidcProvider::start_with(authority, json!({ "clients": clients })), cases)
}

/// An environment where the certificate is a file, and its key a canary.
fn environment(identity: &Identity) -> TestEnvironment {
    let environment = empty();
    hide(&environment, &identity.key);
    environment.write("files/client.pem", &identity.certificate);
    environment
}

fn hide(environment: &TestEnvironment, key: &str) {
    // The other lines hold the public half, which is in the certificate.
    environment.canary("a line of a client's key", key.lines().nth(1).expect("a PEM has a body"));
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    // PKCS #8 of P-256 has the number itself there.
    let der = STANDARD.decode(body).expect("rcgen writes Base64");
    environment.canary("a client's key", &der[36..68]);
}

fn options(provider: &OidcProvider, environment: &TestEnvironment, method: &str) -> Vec<String> {
    let ca_file = provider.ca_file().display().to_string();
    let certificate = environment.path("files/client.pem").display().to_string();
    let token_url = provider.certificate_url("/token");
    let words = ["--client-id", method, "--auth", method, "--certificate-file", &certificate];
    [&words[..], &["--token-url", &token_url, "--ca-file", &ca_file]].concat().into_iter().map(str::to_owned).collect()
}

fn texts(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

/// Sets the credential for a fixture issuer, and asks for a token where that is done.
fn at_fixture(issuer: &Issuer, environment: &TestEnvironment, lies: Lies, key: &str) -> Outcome {
    let ca_file = issuer.ca_file().display().to_string();
    let certificate = environment.path("files/client.pem").display().to_string();
    let token_url = issuer.token_url();
    let words = ["--client-id", "me", "--auth", "tls_client_auth", "--certificate-file", &certificate];
    let options = [&words[..], &["--token-url", &token_url, "--ca-file", &ca_file]].concat();
    let outcome = set(environment, lies, key, &options).run();
    if outcome.code == 0 { environment.tokenkeep(["-v", "--json", "token", "get"]).run() } else { outcome }
}

/// The certificate that a token is bound to, as introspection says.
fn bound_to(provider: &OidcProvider, token: &Value) -> String {
    let url = provider.plain_url("/token/introspection");
    let observer = json!({ "url": url, "id": "observer", "secret": "a-secret-of-the-test" });
    let said =
        asked("jose.mjs", &json!({ "introspect": true, "token": token["access_token"], "introspection": observer }));
    said["cnf"]["x5t#S256"].as_str().expect("the token is bound to a certificate").to_owned()
}

fn thumbprint(identity: &Identity) -> String {
    let body: String = identity.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).expect("rcgen writes Base64");
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &der))
}
