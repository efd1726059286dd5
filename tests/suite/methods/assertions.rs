//! `client_secret_jwt` and `private_key_jwt`: what the client signs, and with what.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{BOTH, Lies, at, at_fixture, empty, gets_keeps_and_renews, keys, set, with};
use crate::common::Issuer;
use crate::common::authority::Authority;
use crate::common::issuer::{Behaviour, Recorded};
use crate::common::peer::OidcProvider;

const SHARED: &str = "CANARY-SECRET-of-32-bytes-at-least-for-hs256";

/// An algorithm, the kind of its key, and the forms in which that comes.
const PRIVATE: [(&str, &str, &[&str]); 4] = [
    ("RS256", "rsa", &["pkcs8", "pkcs1", "jwk"]),
    ("PS256", "rsa", &["pkcs8", "pkcs1", "jwk"]),
    ("ES256", "ec", &["pkcs8", "sec1", "jwk"]),
    ("EdDSA", "ed25519", &["pkcs8", "jwk"]),
];

#[test]
fn oidc_provider_takes_an_assertion_by_every_kind_of_key_in_every_form() {
    let provider = provider("strict");
    for (algorithm, kind, forms) in PRIVATE {
        for (form, lies) in forms.iter().flat_map(|form| BOTH.map(|lies| (form, lies))) {
            let environment = empty();
            keys::hide(&environment, kind);
            let place = at(&provider);
            let options = with(&place, &["--client-id", algorithm, "--auth", "private_key_jwt"]);
            let options = [options, vec!["--assertion-algorithm", algorithm]].concat();
            set(&environment, lies, &keys::private(kind, form), &options).run().success();
            gets_keeps_and_renews(&environment, &format!("{algorithm}, {form}, {lies:?}"));
        }
    }
}

#[test]
fn a_key_says_itself_what_it_signs_with() {
    let provider = provider("strict");
    let cases = [
        ("RS256", "rsa", keys::private("rsa", "pkcs8")),
        ("RS256", "rsa", keys::private("rsa", "jwk")),
        ("PS256", "rsa", keys::jwk("rsa", &[("alg", "PS256")])),
        ("ES256", "ec", keys::private("ec", "sec1")),
        ("ES256", "ec", keys::jwk("ec", &[("alg", "ES256"), ("use", "sig")])),
        ("EdDSA", "ed25519", keys::private("ed25519", "pkcs8")),
    ];
    for (algorithm, kind, key) in cases {
        let environment = empty();
        keys::hide(&environment, kind);
        let place = at(&provider);
        let options = with(&place, &["--client-id", algorithm, "--auth", "private_key_jwt"]);
        set(&environment, Lies::InTheBackend, &key, &options).run().success();
        gets_keeps_and_renews(&environment, algorithm);
    }
}

#[test]
fn oidc_provider_takes_an_assertion_by_the_shared_secret() {
    let provider = provider("strict");
    for lies in BOTH {
        let environment = empty();
        let place = at(&provider);
        let options = with(&place, &["--client-id", "shared", "--auth", "client_secret_jwt"]);
        set(&environment, lies, SHARED, &options).run().success();
        gets_keeps_and_renews(&environment, &format!("{lies:?}"));
    }
}

#[test]
fn an_older_server_gets_the_audience_and_the_typ_that_it_knows() {
    let provider = provider("old");
    let switches = ["--assertion-audience", "token_endpoint", "--assertion-typ", "off"];
    for (client, kind, auth) in [("shared", None, "client_secret_jwt"), ("ES256", Some("ec"), "private_key_jwt")] {
        let secret = kind.map_or(SHARED.to_owned(), |kind| keys::private(kind, "pkcs8"));
        let place = at(&provider);
        let options = with(&place, &["--client-id", client, "--auth", auth]);
        let environment = empty();
        kind.iter().for_each(|kind| keys::hide(&environment, kind));
        set(&environment, Lies::InTheBackend, &secret, &options).run().success();
        super::get(&environment, &[]).fails(4, "invalid_client");
        set(&environment, Lies::InTheBackend, &secret, &[&options[..], &switches[..]].concat()).run().success();
        gets_keeps_and_renews(&environment, client);
    }
}

#[test]
fn a_server_of_rfc_10070_refuses_the_older_forms() {
    let provider = provider("strict");
    for switch in [["--assertion-audience", "token_endpoint"], ["--assertion-typ", "off"]] {
        let environment = empty();
        let place = at(&provider);
        let options = with(&place, &["--client-id", "shared", "--auth", "client_secret_jwt"]);
        set(&environment, Lies::InTheBackend, SHARED, &[&options[..], &switch[..]].concat()).run().success();
        super::get(&environment, &[]).fails(4, "invalid_client");
    }
}

#[test]
fn a_wrong_key_is_refused_as_a_wrong_secret_is() {
    let provider = provider("strict");
    let cases = [
        // The keys of others, and of the right kind.
        ("shared", "client_secret_jwt", "CANARY-SECRET-another-one-of-32-bytes-at-least".to_owned(), ""),
        ("other-RS256", "private_key_jwt", keys::private("rsa", "pkcs8"), "rsa"),
        ("other-ES256", "private_key_jwt", keys::private("ec", "sec1"), "ec"),
        // A key of another kind.
        ("RS256", "private_key_jwt", keys::private("ed25519", "jwk"), "ed25519"),
    ];
    for (client, auth, key, kind) in cases {
        for lies in BOTH {
            let environment = empty();
            if !kind.is_empty() {
                keys::hide(&environment, kind);
            }
            let place = at(&provider);
            let options = with(&place, &["--client-id", client, "--auth", auth]);
            set(&environment, lies, &key, &options).run().success();
            super::get(&environment, &[]).fails(4, "invalid_client");
        }
    }
}

#[test]
fn an_assertion_is_for_one_audience_for_a_minute_at_most_and_for_one_attempt() {
    for auth in ["client_secret_jwt", "private_key_jwt"] {
        let (issuer, environment) = (Issuer::start(), empty());
        keys::hide(&environment, "ec");
        let secret = if auth == "client_secret_jwt" { SHARED.to_owned() } else { keys::private("ec", "pkcs8") };
        let place = at_fixture(&issuer);
        let options = with(&place, &["--client-id", "me", "--auth", auth, "--assertion-key-id", "key-7"]);
        set(&environment, Lies::InTheBackend, &secret, &options).run().success();
        // Twice it fails; what is sent then is no copy.
        issuer.behave_times("/token", 2, Behaviour::Answer { status: 500, headers: Vec::new(), body: "".into() });
        issuer.answer("/token", 200, &granted());
        super::get(&environment, &[]).success();
        super::get(&environment, &["--refresh"]).success();

        let sent = assertions(&issuer);
        assert_eq!(sent.len(), 4);
        let ids: BTreeSet<_> = sent.iter().map(|(_, claims)| claims["jti"].as_str().expect("a jti is text")).collect();
        assert_eq!(ids.len(), 4, "each attempt has an id of its own");
        for (header, claims) in &sent {
            let algorithm = if auth == "client_secret_jwt" { "HS256" } else { "ES256" };
            let wanted = json!({ "alg": algorithm, "typ": "client-authentication+jwt", "kid": "key-7" });
            assert_eq!(*header, wanted);
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!("me"), &json!("me")));
            assert_eq!(claims["aud"], json!(issuer.url("")), "one string, as the issuer is written");
            let time = |name: &str| claims[name].as_i64().expect("a time is a number");
            assert!((1..=60).contains(&(time("exp") - time("iat"))));
        }
    }
}

#[test]
fn a_client_that_signs_and_names_no_issuer_is_told_so_before_it_is_asked_for_a_secret() {
    let (issuer, environment) = (Issuer::start(), empty());
    let options = ["--token-url", &issuer.token_url(), "--client-id", "me", "--auth", "private_key_jwt"];
    // Nobody types here, and nobody was asked to.
    let set = environment.tokenkeep(["--json", "credentials", "set"]).args(options);
    set.run().fails(2, "usage").says("--assertion-audience");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn switches_that_are_not_typed_again_stay_and_another_audience_is_another_binding() {
    let (issuer, environment) = (Issuer::start(), empty());
    issuer.answer("/token", 200, &granted());
    let place = at_fixture(&issuer);
    let options = with(&place, &["--client-id", "me", "--auth", "client_secret_jwt"]);
    set(&environment, Lies::InTheBackend, SHARED, &[&options[..], &["--assertion-typ", "off"]].concat())
        .run()
        .success();
    set(&environment, Lies::InTheBackend, SHARED, &options).run().success().says("is as it was");
    super::get(&environment, &[]).success();
    assert_eq!(assertions(&issuer)[0].0["typ"], "JWT");
    // Without its secret it is not bound to another audience.
    let moved = environment.tokenkeep(["--json", "credentials", "set", "--assertion-audience", "token_endpoint"]);
    moved.run().exits(2);
    crate::setup::prepend(&environment, crate::setup::PROFILE, "assertion_audience = \"token_endpoint\"");
    super::get(&environment, &["--refresh"]).fails(10, "binding_mismatch");
    assert_eq!(issuer.count("/token"), 1);
}

/// Every client that the tests here prove themselves as.
fn provider(assertions: &str) -> OidcProvider {
    let signs = |id: &str, algorithm: &str, kind: &str| {
        json!({
            "client_id": id,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": algorithm,
            "jwks": keys::public(kind),
        })
    };
    let mut clients: Vec<_> = PRIVATE.iter().map(|(algorithm, kind, _)| signs(algorithm, algorithm, kind)).collect();
    clients.push(signs("other-RS256", "RS256", "other-rsa"));
    clients.push(signs("other-ES256", "ES256", "other-ec"));
    clients.push(json!({
        "client_id": "shared",
        "client_secret": SHARED,
        "token_endpoint_auth_method": "client_secret_jwt",
        "token_endpoint_auth_signing_alg": "HS256",
    }));
    OidcProvider::start_with(Authority::new(), json!({ "clients": clients, "assertions": assertions }))
}

/// Header and claims of every assertion that came, each in a form without another credential.
pub(super) fn assertions(issuer: &Issuer) -> Vec<(Value, Value)> {
    issuer.requests().iter().filter(|request| request.path == "/token").map(assertion).collect()
}

fn assertion(request: &Recorded) -> (Value, Value) {
    assert!(request.header("authorization").is_none(), "one credential a request");
    let form: Vec<_> = url::form_urlencoded::parse(&request.body.0).into_owned().collect();
    let all =
        |name: &str| form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    assert_eq!(all("client_assertion_type"), ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]);
    assert_eq!((all("client_id").len(), all("client_secret").len()), (1, 0));
    let [jwt] = all("client_assertion")[..] else { panic!("there is not one assertion") };
    (super::federated::part(jwt, 0), super::federated::part(jwt, 1))
}

/// An answer with a token of the fixture's kind.
pub(super) fn granted() -> Value {
    json!({ "access_token": "CANARY-TOKEN-of-an-assertion", "token_type": "Bearer", "expires_in": 3600 })
}
