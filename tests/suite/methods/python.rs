//! PyPI `authlib` as the other side: assertions, secrets in UTF-8, tokens that are JWTs.

use serde_json::{Value, json};

use super::{BOTH, Lies, empty, gets_keeps_and_renews, keys, set, with};
use crate::common::Outcome;
use crate::common::peer::Authlib;

const ISSUER: &str = "https://issuer.example.test/tenant one";
const SHARED: &str = "CANARY-SECRET-of-32-bytes-at-least-for-hs256";
/// What a naive `base64(id:secret)` breaks in every way, beyond ASCII too.
const NASTY: &str = "CANARY-SECRET-p:a+s%2F/=&? \"#~!-pässwörd-✓-🗝";

#[test]
fn authlib_takes_assertions_of_every_kind() {
    let server = server(false);
    let cases = [
        ("shared", "client_secret_jwt", "", "", SHARED.to_owned()),
        ("RS256", "private_key_jwt", "rsa", "RS256", keys::private("rsa", "pkcs1")),
        ("RS256", "private_key_jwt", "rsa", "PS256", keys::private("rsa", "pkcs8")),
        ("ES256", "private_key_jwt", "ec", "ES256", keys::private("ec", "sec1")),
        ("EdDSA", "private_key_jwt", "ed25519", "EdDSA", keys::private("ed25519", "jwk")),
    ];
    let mut taken = 0;
    for (client, auth, kind, algorithm, key) in cases {
        for lies in BOTH {
            let environment = empty();
            let place = at(&server);
            let mut options = with(&place, &["--client-id", client, "--auth", auth]);
            if !kind.is_empty() {
                keys::hide(&environment, kind);
                options.extend(["--assertion-algorithm", algorithm]);
            }
            set(&environment, lies, &key, &options).run().success();
            gets_keeps_and_renews(&environment, &format!("{client}, {algorithm}, {lies:?}"));
            taken += 2;
        }
    }
    let assertions = server.assertions();
    let assertions = assertions.as_array().expect("a list");
    assert_eq!(assertions.len(), taken);
    for assertion in assertions {
        assert_eq!(assertion["header"]["typ"], "client-authentication+jwt");
        assert_eq!(assertion["claims"]["aud"], ISSUER, "one string, as it was typed");
    }
}

#[test]
fn authlib_knows_a_nasty_secret_in_utf_8_by_basic_and_by_post() {
    let server = server(false);
    for method in ["client_secret_basic", "client_secret_post"] {
        for lies in BOTH {
            let environment = empty();
            let place = at(&server);
            let options = with(&place, &["--client-id", method, "--auth", method]);
            set(&environment, lies, NASTY, &options).run().success();
            gets_keeps_and_renews(&environment, &format!("{method}, {lies:?}"));
        }
    }
}

#[test]
fn authlib_refuses_a_wrong_secret_in_utf_8_and_a_wrong_key() {
    let server = server(false);
    let place = at(&server);
    let cases = [
        ("client_secret_basic", "client_secret_basic", format!("{NASTY}!"), ""),
        ("shared", "client_secret_jwt", format!("{SHARED}!"), ""),
        ("ES256", "private_key_jwt", keys::private("other-ec", "pkcs8"), "other-ec"),
    ];
    for (client, auth, secret, kind) in cases {
        let environment = empty();
        if !kind.is_empty() {
            keys::hide(&environment, kind);
        }
        let options = with(&place, &["--client-id", client, "--auth", auth]);
        set(&environment, Lies::InTheBackend, &secret, &options).run().success();
        super::get(&environment, &[]).fails(4, "invalid_client");
    }
}

#[test]
fn authlib_introspects_and_revokes_for_a_client_that_signs() {
    let server = server(false);
    let environment = empty();
    keys::hide(&environment, "ec");
    let place = at(&server);
    let (introspection, revocation) = (server.url("/introspect"), server.url("/revoke"));
    let options = ["--client-id", "ES256", "--auth", "private_key_jwt", "--introspection-url", &introspection];
    let options = [&options[..], &["--revocation-url", &revocation]].concat();
    set(&environment, Lies::InTheBackend, &keys::private("ec", "jwk"), &with(&place, &options)).run().success();
    let token = gets_keeps_and_renews(&environment, "ES256");
    let token = token["access_token"].as_str().expect("a token is text");
    assert_introspection(environment.tokenkeep(["--json", "token", "validate"]).run().success(), "pass");
    environment.tokenkeep(["token", "revoke"]).run().success();
    let given = environment.tokenkeep(["--json", "token", "validate", "--token-stdin"]).stdin(token);
    assert_introspection(given.run().exits(5), "fail");
}

#[test]
fn a_jwt_of_rfc_9068_is_kept_unread_and_its_owner_can_check_it() {
    let server = server(true);
    let environment = empty();
    let place = at(&server);
    let keys_url = server.url("/jwks");
    let options = ["--client-id", "shared", "--auth", "client_secret_jwt", "--jwks-url", &keys_url];
    set(&environment, Lies::InTheBackend, SHARED, &with(&place, &options)).run().success();
    let token = gets_keeps_and_renews(&environment, "a JWT");
    let token = token["access_token"].as_str().expect("a token is text");
    assert_eq!(super::federated::part(token, 0)["typ"], "at+jwt");
    for (audience, verdict) in [("https://api.example.test", 0), ("https://other.example.test", 5)] {
        let check = ["--json", "token", "validate", "--token-stdin", "--as-resource-server", "--audience", audience];
        environment.tokenkeep(check).stdin(token).run().exits(verdict);
    }
}

fn server(jwt: bool) -> Authlib {
    let signs = |id: &str, kind: &str| json!({ "id": id, "method": "private_key_jwt", "jwks": keys::public(kind) });
    let clients = json!([
        { "id": "client_secret_basic", "method": "client_secret_basic", "secret": NASTY },
        { "id": "client_secret_post", "method": "client_secret_post", "secret": NASTY },
        { "id": "shared", "method": "client_secret_jwt", "secret": SHARED },
        signs("RS256", "rsa"),
        signs("ES256", "ec"),
        signs("EdDSA", "ed25519"),
    ]);
    Authlib::start(&json!({ "clients": clients, "expires_in": 3600, "issuer": ISSUER, "jwt": jwt }))
}

fn at(server: &Authlib) -> Vec<String> {
    ["--token-url", &server.url("/token"), "--issuer", ISSUER].map(str::to_owned).to_vec()
}

fn assert_introspection(outcome: Outcome, result: &str) {
    let report: Value = outcome.json();
    let checks = report["checks"].as_array().expect("checks is a list");
    let check = checks.iter().find(|check| check["name"] == "introspection").expect("it is among the checks");
    assert_eq!(check["result"], result, "{outcome:?}");
}
