//! `fleet_epoch`: what clients have in common that each prove themselves with something of their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::host::{at, chill, get, gets, share, values};
use crate::common::issuer::{CLIENT_ID, TOKEN_PREFIX};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};
use crate::methods::keys;
use crate::setup::{PROFILE, edit, init};

/// An issuer that takes whatever proves a client, and gives another token each time.
fn lenient() -> Issuer {
    let issuer = Issuer::start();
    grants(&issuer, "first");
    issuer
}

fn grants(issuer: &Issuer, name: &str) -> String {
    let token = format!("{TOKEN_PREFIX}{name}");
    issuer.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
    token
}

/// A host of a fleet with an explicit key, and no profile.
fn bare(server: &RedisServer, key: &[u8]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, &at(server));
    init(&environment);
    environment.key_file("files/key");
    let file = environment.write_secret("files/key", key);
    environment.tokenkeep(["fleet", "key", "import"]).arg(file).run().success();
    environment
}

/// A key as `fleet key new` makes one.
fn made() -> Vec<u8> {
    let environment = TestEnvironment::new();
    init(&environment);
    environment.key_file("files/key");
    environment.tokenkeep(["fleet", "key", "new"]).arg(environment.path("files/key")).run().success();
    std::fs::read(environment.path("files/key")).expect("it is ours")
}

/// Gives a host a private key of its own.
fn signs(environment: &TestEnvironment, issuer: &Issuer, kind: &str, options: &[&str]) {
    keys::hide(environment, kind);
    let set = ["credentials", "set", "--client-id", CLIENT_ID, "--auth", "private_key_jwt", "--secret-stdin"];
    let set = environment.tokenkeep(set).args(["--token-url", &issuer.token_url(), "--issuer", &issuer.url("")]);
    set.args(options).stdin(keys::private(kind, "pkcs8")).run().success();
}

#[test]
fn hosts_with_keys_of_their_own_meet_under_one_epoch_and_not_without() {
    let (issuer, server, key) = (lenient(), RedisServer::start(), made());
    let [a, b] = [(); 2].map(|()| bare(&server, &key));
    for (environment, kind) in [(&a, "ec"), (&b, "rsa")] {
        signs(environment, &issuer, kind, &[]);
        gets(environment, &[], "issuer");
    }
    assert_eq!(values(&server).len(), 2, "each by its own key");
    for (environment, kind) in [(&a, "ec"), (&b, "rsa")] {
        signs(environment, &issuer, kind, &["--fleet-epoch", "2026-11"]);
        chill(environment);
    }
    let token = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == token);
    assert_eq!((issuer.count("/token"), values(&server).len()), (3, 3));

    // Another one begins anew, whoever has it.
    for environment in [&a, &b] {
        edit(environment, PROFILE, "2026-11", "2026-12");
        chill(environment);
    }
    let token = grants(&issuer, "second");
    assert!(gets(&b, &[], "issuer") == token);
    assert!(gets(&a, &[], "fleet") == token);
}

#[test]
fn a_new_key_of_a_host_leaves_it_in_its_epoch() {
    let (issuer, server, key) = (lenient(), RedisServer::start(), made());
    let [a, b] = [(); 2].map(|()| bare(&server, &key));
    for environment in [&a, &b] {
        signs(environment, &issuer, "ec", &["--fleet-epoch", "fleet"]);
    }
    let token = gets(&a, &[], "issuer");
    signs(&b, &issuer, "rsa", &["--replace", "--fleet-epoch", "fleet"]);
    assert!(gets(&b, &[], "fleet") == token);
}

/// An assertion as a cluster gives one to each pod.
fn assertion(id: &str) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "jti": format!("CANARY-SECRET-{id}"), "exp": 4_102_444_800_u64 });
    format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "RS256" })), part(claims))
}

/// Gives a host an assertion of its own, in a file.
fn federates(environment: &TestEnvironment, issuer: &Issuer, id: &str, options: &[&str]) {
    let file = environment.write_secret("files/assertion", assertion(id));
    let set = ["credentials", "set", "--client-id", CLIENT_ID, "--auth", "federated_assertion", "--secret-at-fetch"];
    let set = environment.tokenkeep(set).arg(format!("file:{}", file.display())).args(options);
    set.args(["--token-url", &issuer.token_url()]).run().success();
}

#[test]
fn what_a_federated_client_shares_needs_both_an_epoch_and_a_key() {
    let (issuer, server, key) = (lenient(), RedisServer::start(), made());
    let what = "`fleet_epoch` and a fleet key are needed";
    // A key and no epoch.
    let keyed = bare(&server, &key);
    federates(&keyed, &issuer, "keyed", &[]);
    // An epoch and no key.
    let epoch = TestEnvironment::new();
    share(&epoch, &at(&server));
    init(&epoch);
    federates(&epoch, &issuer, "epoch", &["--fleet-epoch", "pods"]);
    for environment in [&keyed, &epoch] {
        let outcome = get(environment, &[]).run().success();
        assert_eq!(outcome.says("fleet_unavailable").says(what).stderr.lines().count(), 1);
        share(environment, &format!("{}required = true\n", at(&server)));
        let counted = issuer.count("/token");
        get(environment, &["--refresh"]).run().fails(13, "fleet_unavailable").says(what);
        assert_eq!(issuer.count("/token"), counted);
        share(environment, &at(&server));
    }
    assert_eq!(server.keys(), [""; 0]);

    // Both.
    let another = bare(&server, &key);
    for (environment, id) in [(&keyed, "keyed"), (&another, "another")] {
        federates(environment, &issuer, id, &["--fleet-epoch", "pods"]);
        chill(environment);
    }
    let token = gets(&keyed, &[], "issuer");
    // What proves a client is not read for a token that is shared.
    std::fs::remove_file(another.path("files/assertion")).expect("it is there");
    assert!(gets(&another, &[], "fleet") == token);
    assert_eq!(values(&server).len(), 1);
}

#[test]
fn an_epoch_is_part_of_the_profile_and_one_key_has_many() {
    let (issuer, server, key) = (lenient(), RedisServer::start(), made());
    let [a, b] = [(); 2].map(|()| bare(&server, &key));
    for (environment, epoch) in [(&a, "one"), (&b, "other")] {
        signs(environment, &issuer, "ec", &["--fleet-epoch", epoch]);
        gets(environment, &[], "issuer");
    }
    // Of a client with a secret it stands in place of it.
    let set = |environment: &TestEnvironment, secret: &str| {
        let set = ["credentials", "set", "-p", "plain", "--client-id", "plain", "--secret-stdin"];
        let set = environment.tokenkeep(set).args(["--token-url", &issuer.token_url(), "--fleet-epoch", "one"]);
        set.stdin(secret).run().success();
    };
    set(&a, super::host::SECRET);
    set(&b, "CANARY-SECRET-91ce6a0d75b84f2e8c13d0f9a5e7b624");
    let token = gets(&a, &["-p", "plain"], "issuer");
    assert!(gets(&b, &["-p", "plain"], "fleet") == token);
}
