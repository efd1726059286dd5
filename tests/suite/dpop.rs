//! Proofs of possession (RFC 9449): at the issuer, for an API, and what becomes of the key.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::common::authority::Authority;
use crate::common::issuer::Behaviour;
use crate::common::peer::{OidcProvider, asked};
use crate::common::{Issuer, TestEnvironment};
use crate::methods::keys;
use crate::methods::{Lies, at, empty, get, set, with};
use crate::setup::{PROFILE, credential, edit};

const SECRET: &str = "CANARY-SECRET-of-the-dpop-client";
/// How a P-256 key begins as PKCS #8, up to the number itself (RFC 5958, RFC 5915).
const PKCS8: [u8; 27] =
    [2, 1, 0, 48, 19, 6, 7, 42, 134, 72, 206, 61, 2, 1, 6, 8, 42, 134, 72, 206, 61, 3, 1, 7, 4, 109, 48];

#[test]
fn oidc_provider_binds_a_token_to_the_key_of_its_proof_with_and_without_a_nonce() {
    for nonce in [false, true] {
        let provider = provider(nonce);
        let environment = environment(&provider, &["--dpop"]);
        let (first, second) = (get(&environment, &[]).success().json(), get(&environment, &[]).success().json());
        assert_eq!((&first["token_type"], &first["source"]), (&json!("DPoP"), &json!("issuer")));
        assert_eq!((&second["token_type"], &second["source"]), (&json!("DPoP"), &json!("cache")));
        assert!(first["access_token"] == second["access_token"]);
        hide(&environment, &first);
    }
}

#[test]
fn jose_accepts_the_proof_for_an_api_and_its_key_is_the_one_that_the_token_is_bound_to() {
    let provider = provider(true);
    let environment = environment(&provider, &["--dpop"]);
    let any = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).and_then(|key| key.to_pkcs8v1()).expect("a key");
    assert!(any.as_ref().windows(PKCS8.len()).any(|window| window == PKCS8), "keys begin otherwise");
    environment.canary("how a private key begins", PKCS8);
    let cases = [
        ("GET", "https://api.example.test/v1/items?q=1&r=2#part", "https://api.example.test/v1/items", None),
        ("POST", "https://api.example.test", "https://api.example.test/", Some("a-nonce~of/the+API")),
        ("DELETE", "https://API.example.test:443/v1/%7Euser/", "https://api.example.test/v1/%7Euser/", Some("n")),
        ("PROPFIND", "http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", None),
    ];
    let mut ids = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for (method, url, htu, nonce) in cases {
        let headers = headers(&environment, method, url, nonce);
        let verified = verified(&provider, &headers, method, htu, nonce);
        assert!(verified["fault"].is_null(), "{method} {url}: {verified}");
        assert_eq!((&verified["active"], &verified["token_type"]), (&json!(true), &json!("DPoP")));
        assert_eq!(verified["cnf"]["jkt"], verified["jkt"], "the token is bound to another key");
        ids.insert(verified["claims"]["jti"].to_string());
        keys.insert(verified["jkt"].to_string());
        let x = verified["jwk"]["x"].as_str().expect("the key has a point").to_owned();
        // Kept in clear it would show in the files: the public half lies in the record beside the private one.
        environment.canary("half of the proof key", URL_SAFE_NO_PAD.decode(x).expect("Base64url"));
    }
    assert_eq!((ids.len(), keys.len()), (cases.len(), 1), "an id for each proof, a key for each token");
}

#[test]
fn jose_refuses_the_proof_elsewhere() {
    let provider = provider(false);
    let environment = environment(&provider, &["--dpop"]);
    let url = "https://api.example.test/v1";
    let proof = headers(&environment, "GET", url, None);
    let other = Headers { token: "another-token".to_owned(), proof: proof.proof.clone() };
    for (headers, method, url, claim) in [
        (&proof, "POST", url, "htm"),
        (&proof, "GET", "https://api.example.test/v2", "htu"),
        (&other, "GET", url, "ath"),
    ] {
        let verified = verified(&provider, headers, method, url, None);
        assert!(verified["fault"].as_str().is_some_and(|fault| fault.starts_with(claim)), "{claim}: {verified}");
    }
}

#[test]
fn each_token_has_a_key_of_its_own() {
    let provider = provider(false);
    let environment = environment(&provider, &["--dpop"]);
    let url = "https://api.example.test/v1";
    let jkt = || verified(&provider, &headers(&environment, "GET", url, None), "GET", url, None)["jkt"].to_string();
    let first = jkt();
    assert_eq!(jkt(), first);
    let renewed = get(&environment, &["--refresh"]).success().json();
    assert!(jkt() != first, "the new token has the old key");
    hide(&environment, &renewed);
}

#[test]
fn a_proof_goes_with_each_kind_of_client_authentication() {
    let provider = provider(true);
    let environment = empty();
    keys::hide(&environment, "ec");
    let place = at(&provider);
    let options = with(&place, &["--client-id", "signs", "--auth", "private_key_jwt", "--dpop"]);
    set(&environment, Lies::InTheBackend, &keys::private("ec", "sec1"), &options).run().success();
    // The first try has no nonce: the second needs a new assertion as well, for the provider took the first.
    let token = get(&environment, &[]).success().json();
    assert_eq!(token["token_type"], "DPoP");
    hide(&environment, &token);
}

#[test]
fn a_bearer_token_in_answer_to_a_proof_is_a_downgrade_and_is_not_kept() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--dpop"]);
    for is_remembered in [false, true] {
        let outcome = get(&environment, &[]).fails(10, "downgrade_refused");
        assert!(outcome.stdout.is_empty());
        assert_eq!(outcome.error()["retryable"], false);
        assert_eq!(outcome.error()["remembered"] == true, is_remembered);
        get(&environment, &["--offline"]).fails(5, "token_not_valid");
        assert_eq!(issuer.count("/token"), 1);
    }
}

#[test]
fn a_token_of_a_third_kind_is_not_taken_for_either() {
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    // Nobody asked for that: its holder could not use it.
    let environment = credential(&issuer, &[]);
    get(&environment, &[]).fails(7, "response_malformed");
    issuer.set(json!({ "members": { "token_type": "N_A" } }));
    for options in [&[][..], &["--dpop"]] {
        let environment = credential(&issuer, options);
        get(&environment, &[]).fails(7, "response_malformed");
        assert_eq!(get(&environment, &[]).fails(7, "response_malformed").error()["remembered"], true);
    }
    let environment = credential(&issuer, &["--dpop"]);
    issuer.set(json!({ "members": { "token_type": "dpop" } }));
    assert_eq!(get(&environment, &[]).success().json()["token_type"], "DPoP");
}

#[test]
fn an_issuer_that_wants_a_nonce_again_and_again_is_asked_twice() {
    let issuer = Issuer::start();
    let wants = |nonce: &str| Behaviour::Answer {
        status: 400,
        headers: vec![
            ("DPoP-Nonce".to_owned(), nonce.to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ],
        body: json!({ "error": "use_dpop_nonce" }).to_string().into(),
    };
    issuer.behave_times("/token", 1, wants("nonce-1"));
    issuer.behave("/token", wants("nonce-2"));
    let environment = credential(&issuer, &["--dpop"]);
    let outcome = get(&environment, &[]).fails(7, "issuer_error");
    assert_eq!(outcome.error()["oauth_error"], "use_dpop_nonce");

    let proofs: Vec<_> =
        issuer.requests().iter().map(|request| claims(request.header("dpop").expect("a proof"))).collect();
    let [first, second] = &proofs[..] else { panic!("it was asked {} times", proofs.len()) };
    assert_eq!((&first["nonce"], &second["nonce"]), (&Value::Null, &json!("nonce-1")));
    assert!(first["jti"] != second["jti"]);
    for proof in [first, second] {
        assert_eq!((&proof["htm"], &proof["htu"]), (&json!("POST"), &json!(issuer.token_url())));
        assert!(proof["ath"].is_null());
    }
}

#[test]
fn a_nonce_that_is_wanted_without_being_offered_is_not_guessed() {
    let issuer = Issuer::start();
    issuer.answer("/token", 400, &json!({ "error": "use_dpop_nonce" }));
    let environment = credential(&issuer, &["--dpop"]);
    get(&environment, &[]).fails(7, "issuer_error");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_nonce_is_sent_again_where_a_fault_follows() {
    let issuer = Issuer::start();
    let answer = |status, headers: &[(&str, &str)], body: Value| Behaviour::Answer {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_string().into(),
    };
    issuer.behave_times("/token", 1, answer(400, &[("DPoP-Nonce", "the-nonce")], json!({ "error": "use_dpop_nonce" })));
    issuer.behave_times("/token", 1, answer(503, &[], json!({})));
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    let environment = credential(&issuer, &["--dpop"]);
    get(&environment, &[]).success();
    let requests = issuer.requests();
    let nonces: Vec<_> =
        requests.iter().map(|request| claims(request.header("dpop").expect("a proof"))["nonce"].clone()).collect();
    assert_eq!(nonces, [Value::Null, json!("the-nonce"), json!("the-nonce")]);
}

#[test]
fn bearer_and_dpop_tokens_of_one_profile_do_not_mix() {
    let provider = provider(false);
    let environment = environment(&provider, &[]);
    let get = |options: &[&str]| get(&environment, options).success().json();
    let bearer = get(&[]);
    assert_eq!(bearer["token_type"], "Bearer");
    let place = at(&provider);
    let again = |dpop: &str| {
        let options = with(&place, &["--client-id", "both", dpop]);
        set(&environment, Lies::InTheBackend, SECRET, &options).run().success();
    };
    again("--dpop");
    let dpop = get(&[]);
    assert_eq!((&dpop["token_type"], &dpop["source"]), (&json!("DPoP"), &json!("issuer")));
    assert_eq!((&get(&[])["source"], &get(&["--offline"])["token_type"]), (&json!("cache"), &json!("DPoP")));
    again("--dpop=false");
    let kept = get(&[]);
    assert_eq!((&kept["token_type"], &kept["source"]), (&json!("Bearer"), &json!("cache")));
    assert!(kept["access_token"] == bearer["access_token"]);
    // By hand as well.
    edit(&environment, PROFILE, "dpop = false", "dpop = true");
    let kept = get(&["--offline"]);
    assert!(kept["token_type"] == "DPoP" && kept["access_token"] == dpop["access_token"]);
    for token in [bearer, dpop] {
        hide(&environment, &token);
    }
}

#[test]
fn a_token_is_not_written_in_a_form_that_does_not_open_anything() {
    let provider = provider(false);
    let api = ["--method", "GET", "--url", "https://api.example.test/"];
    let environment = environment(&provider, &["--dpop"]);
    let run = |format: &str, options: &[&str]| {
        let run = environment.tokenkeep(["--json", "token", "get", "--format", format]).args(options);
        run.prints_token().run()
    };
    assert!(run("header", &[]).fails(10, "downgrade_refused").stdout.is_empty());
    for options in [&api[..2], &api[2..], &[]] {
        run("dpop", options).fails(2, "usage");
    }
    for format in ["token", "header", "json", "env"] {
        run(format, &api).fails(2, "usage");
    }
    for wrong in [["--method", "GE T", "--url", "https://a.test/"], ["--method", "GET", "--url", "/v1"]] {
        run("dpop", &wrong).fails(2, "usage");
    }
    for nonce in ["", "with-its-line-end\r", "two words"] {
        run("dpop", &[&api[..], &["--nonce", nonce]].concat()).fails(2, "usage");
    }

    let bearer = Issuer::start();
    let environment = credential(&bearer, &[]);
    let run = environment.tokenkeep(["--json", "token", "get", "--format", "dpop"]).args(api).prints_token();
    assert!(run.run().fails(2, "usage").stdout.is_empty());
}

#[test]
fn the_probe_shows_a_proof_with_the_token() {
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    issuer.answer("/api", 200, &json!({}));
    let environment = credential(&issuer, &["--dpop", "--probe-url", &issuer.url("/api?page=1")]);
    let token = get(&environment, &[]).success().json();
    let token = token["access_token"].as_str().expect("a token is text");
    environment.tokenkeep(["--json", "token", "validate"]).run().success();
    let requests = issuer.requests();
    let shown = requests.iter().find(|request| request.path == "/api").expect("the probe was asked");
    assert!(shown.header("authorization") == Some(&format!("DPoP {token}")));
    let proof = shown.header("dpop").expect("a proof goes with it");
    assert_eq!((&claims(proof)["htm"], &claims(proof)["htu"]), (&json!("GET"), &json!(issuer.url("/api"))));
    let ath = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    assert_eq!(claims(proof)["ath"], json!(URL_SAFE_NO_PAD.encode(ath)));
}

#[test]
fn an_api_that_wants_a_nonce_is_given_it_once_and_has_not_refused_the_token() {
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    let environment = credential(&issuer, &["--dpop", "--probe-url", &issuer.url("/api")]);
    get(&environment, &[]).success();
    let challenge = || {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers =
            vec![header("WWW-Authenticate", "DPoP error=\"use_dpop_nonce\""), header("DPoP-Nonce", "the-nonce")];
        Behaviour::Answer { status: 401, headers, body: "{}".into() }
    };
    issuer.behave_times("/api", 1, challenge());
    issuer.behave_times("/api", 1, Behaviour::Answer { status: 200, headers: Vec::new(), body: "{}".into() });
    environment.tokenkeep(["--json", "token", "validate"]).run().success();
    let shown: Vec<_> = issuer.requests().into_iter().filter(|request| request.path == "/api").collect();
    let nonces: Vec<_> =
        shown.iter().map(|request| claims(request.header("dpop").expect("a proof"))["nonce"].clone()).collect();
    assert_eq!(nonces, [Value::Null, json!("the-nonce")]);
    // One that wants another each time has still said nothing about the token.
    issuer.behave_times("/api", 2, challenge());
    environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
    get(&environment, &["--offline"]).success();
}

/// What `--format dpop` printed.
struct Headers {
    token: String,
    proof: String,
}

fn headers(environment: &TestEnvironment, method: &str, url: &str, nonce: Option<&str>) -> Headers {
    let run = environment.tokenkeep(["token", "get", "--format", "dpop", "--method", method, "--url", url]);
    let run = nonce.into_iter().fold(run, |run, nonce| run.args(["--nonce", nonce]));
    let outcome = run.prints_token().run().success();
    let lines: Vec<_> = outcome.stdout_str().lines().collect();
    let [authorization, proof] = lines[..] else { panic!("two headers: {outcome:?}") };
    let value = |line: &str, name: &str| line.strip_prefix(name).expect("the header is named").to_owned();
    Headers { token: value(authorization, "Authorization: DPoP "), proof: value(proof, "DPoP: ") }
}

/// What jose makes of a proof, and the provider of its token.
fn verified(provider: &OidcProvider, headers: &Headers, method: &str, htu: &str, nonce: Option<&str>) -> Value {
    let introspection = json!({ "url": provider.plain_url("/token/introspection"), "id": "both", "secret": SECRET });
    let of = json!({ "proof": headers.proof, "token": headers.token, "method": method, "url": htu, "nonce": nonce });
    let mut settings = of;
    settings["introspection"] = introspection;
    asked("jose.mjs", &settings)
}

fn claims(proof: &str) -> Value {
    let text = proof.split('.').nth(1).expect("a JWT has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("Base64url")).expect("JSON")
}

fn provider(nonce: bool) -> OidcProvider {
    let clients = json!([
        { "client_id": "both", "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_basic" },
        { "client_id": "signs", "token_endpoint_auth_method": "private_key_jwt", "jwks": keys::public("ec"),
          "token_endpoint_auth_signing_alg": "ES256", "dpop_bound_access_tokens": true },
    ]);
    OidcProvider::start_with(
        Authority::new(),
        json!({ "clients": clients, "dpop_nonce": nonce, "assertions": "strict" }),
    )
}

fn environment(provider: &OidcProvider, options: &[&str]) -> TestEnvironment {
    let environment = empty();
    let place = at(provider);
    let words = [&["--client-id", "both"], options].concat();
    set(&environment, Lies::InTheBackend, SECRET, &with(&place, &words)).run().success();
    environment
}

fn hide(environment: &TestEnvironment, token: &Value) {
    environment.canary("token of a peer", token["access_token"].as_str().expect("a token is text"));
}
