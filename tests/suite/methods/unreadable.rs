//! Keys that are none: told without a word of them, before anything is sent.

use super::{BOTH, Lies, at_fixture, empty, get, keys, set, with};
use crate::common::Issuer;

#[test]
fn a_key_that_cannot_be_read_is_told_with_nothing_sent_and_nothing_of_it_shown() {
    let issuer = Issuer::start();
    let place = at_fixture(&issuer);
    let options = with(&place, &["--client-id", "me", "--auth", "private_key_jwt"]);
    for (case, kind, key) in unreadable() {
        for lies in BOTH {
            let environment = empty();
            keys::hide(&environment, kind);
            let set = set(&environment, lies, &key, &options).run();
            if lies == Lies::InTheBackend {
                let error = set.fails(2, "usage").error();
                assert!(
                    error["message"].as_str().expect("a text").ends_with("; nothing was changed"),
                    "{case}: {error}"
                );
                continue;
            }
            set.success();
            let outcome = environment.tokenkeep(["-vv", "--json", "token", "get"]).run();
            assert!(outcome.code == 3, "{case}, {lies:?}: {outcome:?}");
            let error = outcome.error();
            assert_eq!(error["code"], "credential_missing", "{case}");
            let message = error["message"].as_str().expect("a message is text");
            assert!(message.ends_with("; nothing was sent"), "{case}: {message}");
            assert!(error["hint"].is_string(), "{case}");
        }
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_key_that_does_not_go_with_the_algorithm_is_not_used() {
    let issuer = Issuer::start();
    for (kind, wanted) in [("rsa", "ES256"), ("ec", "RS256"), ("ec", "EdDSA"), ("ed25519", "PS256")] {
        let environment = empty();
        keys::hide(&environment, kind);
        let place = at_fixture(&issuer);
        let options = ["--client-id", "me", "--auth", "private_key_jwt", "--assertion-algorithm", wanted];
        for form in ["pkcs8", "jwk"] {
            let key = keys::private(kind, form);
            let stored = set(&environment, Lies::InTheBackend, &key, &with(&place, &options)).run();
            stored.fails(2, "usage").says("the private key does not go with assertion_algorithm; nothing was changed");
            set(&environment, Lies::AtFetch, &key, &with(&place, &options)).run().success();
            get(&environment, &[]).fails(3, "credential_missing").says("assertion_algorithm");
        }
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

/// What it is, whose secrets are in it, and its text.
fn unreadable() -> Vec<(&'static str, &'static str, String)> {
    let pkcs8 = keys::private("ec", "pkcs8");
    let jwk = keys::private("ec", "jwk");
    vec![
        ("no key", "ec", "not-a-key-at-all".to_owned()),
        ("a PEM that was cut", "ec", pkcs8[..pkcs8.len() / 2].to_owned()),
        ("a PEM without its first line", "ec", pkcs8.lines().skip(1).collect::<Vec<_>>().join("\n")),
        ("a PEM with a damaged body", "rsa", keys::private("rsa", "pkcs8").replacen("MII", "AAA", 1)),
        ("a key behind a passphrase", "rsa", keys::private("rsa", "encrypted")),
        ("a public key", "rsa", keys::private("rsa", "spki")),
        ("a key of another curve", "p384", keys::private("p384", "pkcs8")),
        ("a key of another curve", "p384", keys::private("p384", "jwk")),
        ("an RSA key that is too short", "short", keys::private("short", "pkcs8")),
        ("an RSA key that is too short", "short", keys::private("short", "jwk")),
        ("a public JWK", "ec", keys::public("ec")["keys"][0].to_string()),
        ("a set of JWKs", "ec", format!("{{\"keys\": [{jwk}]}}")),
        ("a JWK that was cut", "ec", jwk[..jwk.len() - 1].to_owned()),
        ("a JWK with two d", "ec", jwk.replacen('{', "{\"d\":\"AAAA\",", 1)),
        ("a JWK of another point", "ec", keys::jwk("ec", &[("x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")])),
        ("a symmetric JWK", "ec", "{\"kty\":\"oct\",\"k\":\"CANARY-SECRET-symmetric-0000000000\"}".to_owned()),
        ("a JWK in a list", "ec", format!("[{jwk}]")),
    ]
}
