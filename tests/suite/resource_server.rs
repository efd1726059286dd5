//! `token validate --as-resource-server`: what the owner of an API checks, and its client never does.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::common::peer::{Client, OidcProvider};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::setup::{credential_and_token, get, get_json, init};

const AUDIENCE: &str = "https://api.example";

/// An issuer that signs with a key of the test; its keys are served by the fixture.
struct Signer {
    issuer: Issuer,
    key: Ed25519KeyPair,
}

impl Signer {
    fn start() -> Self {
        let signer = Self { issuer: Issuer::start(), key: Ed25519KeyPair::generate().expect("a key") };
        signer.issuer.answer("/keys", 200, &json!({ "keys": [signer.jwk()] }));
        signer
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "use": "sig", "x": x })
    }

    fn claims(&self) -> Value {
        let now = clock_gettime(ClockId::Realtime).tv_sec;
        json!({ "iss": self.issuer.url(""), "aud": AUDIENCE, "sub": "c", "exp": now + 300, "iat": now })
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes())))
    }

    fn good(&self) -> String {
        self.token(&header(), &self.claims())
    }

    /// A check of a given token for which no profile is needed.
    fn check(&self, environment: &TestEnvironment, token: &str) -> Invocation {
        environment
            .tokenkeep(["--json", "token", "validate", "--as-resource-server", "--token-stdin", "--audience", AUDIENCE])
            .args(["--jwks", &self.issuer.url("/keys"), "--issuer", &self.issuer.url("")])
            .stdin(token)
    }
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k" })
}

/// The verdict and what the one check says.
fn verdict(outcome: &Outcome) -> (i32, String, String) {
    let json = outcome.json();
    let checks = json["checks"].as_array().expect("a list");
    assert!(checks.len() == 1 && checks[0]["name"] == "signature", "{json}");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (outcome.code, text(&json["verdict"]), text(&checks[0]["detail"]))
}

#[test]
fn a_token_of_the_issuer_for_this_api_is_valid_and_no_profile_is_needed() {
    let (signer, environment) = (Signer::start(), TestEnvironment::new());
    let outcome = signer.check(&environment, &signer.good()).run();
    assert_eq!((outcome.code, outcome.json()["verdict"].clone()), (0, json!("valid")));
    assert!(!environment.config_dir().exists() && !environment.data_dir().exists(), "nothing was made");
    // The keys were asked for, and told nothing of the token.
    let requests = signer.issuer.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str(), requests[0].query.as_str()),
        ("GET", "/keys", "")
    );
    assert!(requests[0].body.0.is_empty() && requests[0].header("authorization").is_none());
}

#[test]
fn whatever_is_not_as_it_must_be_makes_it_not_valid_and_is_named() {
    let (signer, environment) = (Signer::start(), TestEnvironment::new());
    let with = |mut of: Value, name: &str, value: Value| {
        of[name] = value;
        of
    };
    let (claims, head) = (signer.claims(), header());
    let good = signer.good();
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    // Another first character than the one that is there, whichever that is.
    let tampered = format!("{signed}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    for (token, why) in [
        (signer.token(&head, &with(claims.clone(), "iss", json!("https://evil.example"))), "iss"),
        (signer.token(&head, &with(claims.clone(), "aud", json!("https://other.example"))), "aud"),
        (signer.token(&head, &with(claims.clone(), "aud", Value::Null)), "aud"),
        (signer.token(&head, &with(claims.clone(), "exp", json!(1_000_000_000))), "exp"),
        (signer.token(&head, &with(claims.clone(), "exp", Value::Null)), "exp"),
        (signer.token(&head, &with(claims.clone(), "nbf", json!(99_999_999_999_u64))), "nbf"),
        (signer.token(&with(head.clone(), "alg", json!("none")), &claims), "alg"),
        (signer.token(&with(head.clone(), "alg", json!("HS256")), &claims), "alg"),
        (signer.token(&with(head.clone(), "typ", json!("JWT")), &claims), "typ"),
        (signer.token(&with(head.clone(), "crit", json!(["exp"])), &claims), "critical"),
        (signer.token(&with(head.clone(), "kid", json!("/dev/null")), &claims), "no such key"),
        (tampered, "signature does not hold"),
        ("CANARY-TOKEN-opaque".to_owned(), "no signed JWT"),
        ("a.b.c".to_owned(), "no signed JWT"),
        (format!("{}\u{e4}", signer.good()), "no signed JWT"),
    ] {
        let (code, verdict, detail) = verdict(&signer.check(&environment, &token).run());
        assert_eq!((code, verdict.as_str()), (5, "not_valid"), "{why}");
        assert!(detail.contains(why), "{why}: {detail}");
    }
    // A key that the token brings itself is not used, and not asked for.
    let other = Signer::start();
    for (name, value) in
        [("jwk", other.jwk()), ("jku", json!(other.issuer.url("/keys"))), ("x5u", json!(other.issuer.url("/x")))]
    {
        let token = other.token(&with(head.clone(), name, value), &claims);
        let (code, _, detail) = verdict(&signer.check(&environment, &token).run());
        assert_eq!((code, detail.as_str()), (5, "its signature does not hold"), "{name}");
    }
    assert_eq!(other.issuer.traffic().accepted, 0);
}

#[test]
fn keys_that_cannot_be_had_leave_it_open() {
    let (signer, environment) = (Signer::start(), TestEnvironment::new());
    let token = signer.good();
    for (status, body) in
        [(500, "{}"), (404, "<html>"), (403, ""), (200, "<html>"), (200, "[]"), (200, r#"{"keys":7}"#)]
    {
        let body = body.into();
        signer.issuer.behave("/keys", crate::common::issuer::Behaviour::Answer { status, headers: Vec::new(), body });
        let (code, verdict, _) = verdict(&signer.check(&environment, &token).run());
        assert_eq!((code, verdict.as_str()), (12, "indeterminate"), "{status}");
    }
    signer.issuer.behave("/keys", crate::common::issuer::Behaviour::EndlessBody);
    let (code, _, detail) = verdict(&signer.check(&environment, &token).run());
    assert!(code == 12 && detail.contains("524288 bytes"), "{detail}");
    let gone = signer.check(&environment, &token);
    drop(signer);
    let (code, verdict, detail) = verdict(&gone.run());
    assert_eq!((code, verdict.as_str()), (12, "indeterminate"));
    assert!(detail.starts_with("no connection"), "{detail}");
}

#[test]
fn an_opaque_token_of_the_cache_is_not_valid_to_the_owner_of_an_api_and_stays() {
    let issuer = Issuer::start();
    let keys = issuer.url("/keys");
    let environment = credential_and_token(&issuer, &["--jwks-url", &keys, "--issuer", &issuer.url("")]);
    let check = environment.tokenkeep(["--json", "token", "validate", "--as-resource-server", "--audience", AUDIENCE]);
    let (code, _, detail) = verdict(&check.run());
    assert_eq!((code, detail.as_str()), (5, "it is no signed JWT"));
    assert_eq!(issuer.count("/keys"), 0, "nothing was to be looked up");
    get(&environment).arg("--offline").run().success().token();
}

#[test]
fn oidc_provider_signs_tokens_that_hold_for_their_resource_and_for_no_other() {
    let client = Client { id: "rs", secret: "resource-CANARY-secret", method: "client_secret_basic" };
    let provider = OidcProvider::start(&[client]);
    let environment = TestEnvironment::new();
    environment.canary("client secret of a peer", client.secret);
    init(&environment);
    let (ca_file, resource) = (provider.ca_file().display().to_string(), "https://jwt.example/api");
    environment
        .tokenkeep(["credentials", "set", "--client-id", client.id, "--secret-stdin", "--issuer", provider.issuer()])
        .args(["--ca-file", &ca_file, "--resource", resource])
        .stdin(client.secret)
        .run()
        .success();
    let got = get_json(&environment).run().success().json();
    let token = got["access_token"].as_str().expect("a token").to_owned();
    environment.canary("token of a peer", &token);
    assert_eq!(token.split('.').count(), 3, "RFC 9068");
    let check = |audience: &str| {
        environment.tokenkeep(["--json", "token", "validate", "--as-resource-server", "--audience", audience])
    };
    let (code, verdict_of, detail) = verdict(&check(resource).run());
    assert_eq!((code, verdict_of.as_str()), (0, "valid"), "{detail}");
    for (run, why) in [
        (check("https://jwt.example"), "its aud is another"),
        (check(resource).args(["--issuer", &format!("{}/", provider.issuer())]), "its iss is another"),
        (check(resource).under(["faketime", "-f", "+3601s"]), "its exp is over or missing"),
    ] {
        let (code, _, detail) = verdict(&run.run());
        assert_eq!((code, detail.as_str()), (5, why));
    }
    // Given on stdin, past the profile, by the port without TLS.
    let given = environment
        .tokenkeep(["--json", "token", "validate", "--as-resource-server", "--token-stdin", "--audience", resource])
        .args(["--jwks", &provider.plain_url("/jwks"), "--issuer", provider.issuer()]);
    assert_eq!(verdict(&given.stdin(&token).run()).0, 0);
    // An authority that nobody named has no keys to give.
    let stranger = environment
        .tokenkeep(["--json", "token", "validate", "--as-resource-server", "--token-stdin", "--audience", resource])
        .args(["--jwks", &provider.url("/jwks"), "--issuer", provider.issuer()]);
    assert_eq!(verdict(&stranger.stdin(&token).run()).0, 12);
}
