//! H9: a secret that whoever runs the store could find by trying makes no key for a fleet.

use serde_json::Value;

use super::host::{SECRET, at, comes_from, get, gets, host, issuer, set, share, values};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::methods::keys;
use crate::setup::{init, snapshot};

/// A secret that is made of words.
const WEAK: &str = CLIENT_SECRET;

fn bare(shared: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, shared);
    init(&environment);
    environment
}

/// An issuer that knows the client by [`WEAK`].
fn lax() -> Issuer {
    Issuer::start()
}

fn set_json(environment: &TestEnvironment, issuer: &Issuer, secret: &str, options: &[&str]) -> Outcome {
    set(environment, issuer, secret, options).arg("--json").run()
}

/// A profile whose secret is read from a file at each fetch.
fn referenced(environment: &TestEnvironment, issuer: &Issuer, secret: &str) {
    let file = environment.write_secret("files/secret", secret);
    let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-at-fetch"]);
    let set = set.arg(format!("file:{}", file.display())).args(["--token-url", &issuer.token_url()]);
    set.run().success();
}

/// H9.
#[test]
fn a_weak_secret_is_refused_and_nothing_is_changed() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    let token = gets(&environment, &[], "issuer");
    let before = (snapshot(&environment.config_dir()), snapshot(&environment.data_dir()));
    let file = environment.write_secret("files/weak", WEAK);
    let from_file = environment.tokenkeep(["--json", "credentials", "set", "--replace", "--client-id", CLIENT_ID]);
    let from_file = from_file.args(["--token-url", &issuer.token_url(), "--secret-file"]).arg(file);
    for outcome in [set_json(&environment, &issuer, WEAK, &[]), from_file.run()] {
        let error = outcome.fails(10, "secret_too_weak").error();
        assert_eq!((&error["retryable"], &error["profile"]), (&false.into(), &"default".into()));
        assert_eq!(error["hint"], "run tokenkeep fleet key new, and import that key on every host");
    }
    // `--verify` would have sent it.
    set_json(&environment, &issuer, WEAK, &["--verify"]).fails(10, "secret_too_weak");
    let after = (snapshot(&environment.config_dir()), snapshot(&environment.data_dir()));
    assert!(before == after, "the old credential is whole, and so are its tokens");
    assert!(gets(&environment, &[], "cache") == token);
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(issuer.count("/token"), 2);
}

/// H9: before anything is there.
#[test]
fn a_first_secret_that_is_weak_makes_no_profile() {
    let (issuer, server) = (lax(), RedisServer::start());
    let environment = bare(&at(&server));
    set_json(&environment, &issuer, WEAK, &[]).fails(10, "secret_too_weak");
    environment.tokenkeep(["--json", "token", "get"]).run().fails(3, "profile_not_found");
    assert_eq!(issuer.count("/token"), 0);
}

/// H9: what counts as weak.
#[test]
fn what_people_choose_is_weak_and_what_issuers_make_is_not() {
    let (issuer, server) = (lax(), RedisServer::start());
    let environment = bare(&at(&server));
    for weak in [
        "CANARY-SECRET-",
        "CANARY-SECRET-hunter2",
        "CANARY-SECRET-correct-horse-battery-staple",
        "CANARY-SECRET-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0f9a61d7c24be8355d90",
        "0f9a61d7-c24b-4835-8d90-a7f3b16c2e84",
        "31415926535897932384626433832795028841",
    ] {
        environment.canary("weak secret", weak);
        set_json(&environment, &issuer, weak, &[]).fails(10, "secret_too_weak");
    }
    for strong in
        [SECRET, "0f9a61d7c24be8355d90a7f3b16c2e84", "4eC39HqLyjWDarjtT1zdp7", "KX~8Q.9rQ2mB1_vJ4zT0bY7wE5nL-cD3hG6sFp"]
    {
        environment.canary("strong secret", strong);
        set_json(&environment, &issuer, strong, &[]).success();
    }
}

/// H9: a key of the fleet's own has the bits that the secret lacks.
#[test]
fn with_an_explicit_key_a_weak_secret_is_taken_and_shared() {
    let (issuer, server) = (lax(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| bare(&at(&server)));
    a.key_file("files/key");
    a.tokenkeep(["fleet", "key", "new"]).arg(a.path("files/key")).run().success();
    b.key_file("files/key");
    b.write_secret("files/key", std::fs::read(a.path("files/key")).expect("it is ours"));
    // One host keeps it in its backend, the other names its file.
    share(&b, &format!("{}key_file = \"{}\"\n", at(&server), b.path("files/key").display()));
    for environment in [&a, &b] {
        set(environment, &issuer, WEAK, &[]).run().success();
    }
    let token = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == token);
    assert_eq!(issuer.count("/token"), 1);
}

/// H9: a secret that nobody sets here is judged where it is needed.
#[test]
fn a_weak_secret_that_is_read_at_each_fetch_is_a_warning_and_makes_no_key() {
    let (issuer, server) = (lax(), RedisServer::start());
    let environment = bare(&at(&server));
    referenced(&environment, &issuer, WEAK);
    warned(&environment, &[]);
    assert_eq!(get(&environment, &[]).run().success().stderr, "", "what is cached needs no fleet");
    warned(&environment, &["--refresh"]);
    let list = environment.tokenkeep(["token", "list"]).run().success();
    assert_eq!(list.says("fleet_unavailable").stderr.lines().count(), 1);
    // Nothing of it can be there.
    let forgotten = environment.tokenkeep(["token", "forget", "--fleet"]).run().success();
    forgotten.says("fleet_unavailable");
    assert_eq!(server.keys(), [""; 0], "nothing of it reaches the store");

    share(&environment, &format!("{}required = true\n", at(&server)));
    get(&environment, &["--refresh"]).run().fails(10, "secret_too_weak");
    assert_eq!(issuer.count("/token"), 2, "the issuer was not asked");

    // With a key there is nothing to warn of.
    environment.tokenkeep(["fleet", "key", "new"]).run().success();
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(values(&server).len(), 1);
}

fn warned(environment: &TestEnvironment, options: &[&str]) {
    let outcome = get(environment, options).run().success();
    comes_from(&outcome, "issuer");
    let warning: Value = serde_json::from_str(outcome.stderr.trim_end()).expect("one line of JSON");
    assert_eq!(warning["warning"]["code"], "fleet_unavailable");
    let message = warning["warning"]["message"].as_str().expect("a message");
    assert!(message.ends_with("the client's secret has fewer than 128 bits, so no fleet key is derived from it"));
}

/// H9: sharing came after the secret.
#[test]
fn a_weak_secret_that_was_there_before_the_store_is_a_warning() {
    let (issuer, server) = (lax(), RedisServer::start());
    let environment = TestEnvironment::new();
    init(&environment);
    set(&environment, &issuer, WEAK, &[]).run().success();
    share(&environment, &at(&server));
    warned(&environment, &[]);
    // Set once more, it is refused: whoever does it is there to make a key.
    set_json(&environment, &issuer, WEAK, &[]).fails(10, "secret_too_weak");
    assert_eq!(server.keys(), [""; 0]);
}

/// A key is derived from no secret of a client whose tokens are its own.
#[test]
fn a_client_whose_tokens_are_not_shared_may_have_any_secret() {
    let (issuer, server) = (lax(), RedisServer::start());
    let environment = bare(&at(&server));
    set(&environment, &issuer, WEAK, &["--dpop"]).run().success();
    // And a private key is none that could be guessed.
    keys::hide(&environment, "ec");
    let key = keys::private("ec", "pkcs8");
    let options = ["-p", "signer", "--auth", "private_key_jwt", "--issuer", &issuer.url("")];
    set(&environment, &issuer, &key, &options).run().success();
}

/// H9: where `credentials set` itself chooses the keyring.
#[cfg(feature = "keyring")]
#[test]
fn a_weak_secret_is_refused_by_the_run_that_chooses_the_keyring() {
    use crate::common::secret_service::SecretService;

    let (issuer, server, service) = (lax(), RedisServer::start(), SecretService::unlocked());
    let environment = TestEnvironment::new();
    share(&environment, &at(&server));
    let set = |secret| service.seen_by(set(&environment, &issuer, secret, &["--json"]));
    set(WEAK).run().fails(10, "secret_too_weak");
    assert_eq!((service.count("credential/"), service.count("shared")), (0, 0));
    set(SECRET).run().success();
    assert_eq!((service.count("credential/"), service.count("shared/")), (1, 1));
}
