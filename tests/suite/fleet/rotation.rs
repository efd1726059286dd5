//! H10: a new secret moves a host to where the others with that secret are, and away from those without.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::host::{SECRET, at, chill, gets, host, set, share, values, vouch};
use crate::common::issuer::{Behaviour, CLIENT_ID, TOKEN_PREFIX};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::init;

const NEW: &str = "CANARY-SECRET-7b1d8e0c95f2463aa94e06d3c7815fb2";

/// An issuer that takes the old secret and the new one, as they do while a secret is rotated.
pub(super) fn lenient() -> Issuer {
    let issuer = Issuer::start();
    grants(&issuer, "first");
    issuer
}

/// Lets the issuer give this token from now on.
pub(super) fn grants(issuer: &Issuer, name: &str) -> String {
    let token = format!("{TOKEN_PREFIX}{name}");
    issuer.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
    token
}

/// The secret that the last request carried.
fn secret_used(issuer: &Issuer) -> String {
    let requests = issuer.requests();
    let header = requests.last().and_then(|request| request.header("authorization")).expect("a request with Basic");
    let text = STANDARD.decode(header.strip_prefix("Basic ").expect("Basic")).expect("Base64");
    let text = String::from_utf8(text).expect("text");
    text.strip_prefix(&format!("{CLIENT_ID}:")).expect("the client").to_owned()
}

/// A host whose secret is a file that somebody else writes.
fn with_file(issuer: &Issuer, server: &RedisServer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, &at(server));
    init(&environment);
    let file = environment.write_secret("files/secret", SECRET);
    let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-at-fetch"]);
    let set = set.arg(format!("file:{}", file.display())).args(["--token-url", &issuer.token_url()]);
    set.run().success();
    vouch(&environment, &[]);
    environment
}

fn rotate(environment: &TestEnvironment) {
    environment.write_secret("files/secret", NEW);
}

fn secrets(environment: &TestEnvironment) -> usize {
    fs::read_dir(environment.data_dir().join("secrets")).expect("secrets are kept").count()
}

/// H10.
#[test]
fn hosts_on_the_old_and_the_new_secret_do_not_meet() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let [old, new] = [SECRET, NEW].map(|secret| {
        [(); 2].map(|()| {
            let environment = host(&issuer, &at(&server));
            set(&environment, &issuer, secret, &[]).run().success();
            environment
        })
    });
    let first = gets(&old[0], &[], "issuer");
    let second = grants(&issuer, "second");
    assert!(gets(&new[0], &[], "issuer") == second);
    assert_eq!(secret_used(&issuer), NEW);
    assert!(gets(&old[1], &[], "fleet") == first && gets(&new[1], &[], "fleet") == second);
    assert_eq!((issuer.count("/token"), values(&server).len()), (2, 2));
}

/// H10: whoever sets the new secret moves at once, and leaves nothing of the old behind.
#[test]
fn setting_the_new_secret_moves_a_host() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let hosts = [(); 3].map(|()| host(&issuer, &at(&server)));
    let [a, b, c] = &hosts;
    let first = gets(a, &[], "issuer");
    let kept = secrets(a);
    for environment in [a, b] {
        set(environment, &issuer, NEW, &[]).run().success();
        assert_eq!(secrets(environment), kept, "the secret, and what is derived from it");
    }
    let second = grants(&issuer, "second");
    assert!(gets(a, &[], "issuer") == second, "the old token is not the new secret's");
    assert!(gets(b, &[], "fleet") == second);
    assert!(gets(c, &[], "fleet") == first, "who has the old secret still has what was shared under it");
    assert_eq!(secret_used(&issuer), NEW);
    // And back.
    set(a, &issuer, SECRET, &[]).run().success();
    assert!(gets(a, &[], "fleet") == first);
}

/// H10: a secret that is read at each fetch is noticed when the host asks the issuer.
#[test]
fn a_secret_that_somebody_else_rotates_moves_a_host_at_its_next_request() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let hosts = [(); 3].map(|()| with_file(&issuer, &server));
    let [a, b, c] = &hosts;
    let first = gets(a, &[], "issuer");
    gets(b, &[], "fleet");
    let kept = secrets(a);
    for environment in [a, b] {
        rotate(environment);
    }
    // Until then everything goes on: reading a shared token loads no secret.
    gets(a, &[], "cache");
    chill(a);
    assert!(gets(a, &[], "fleet") == first);
    let second = grants(&issuer, "second");
    assert!(gets(a, &["--refresh"], "issuer") == second);
    assert_eq!(secret_used(&issuer), NEW);
    assert_eq!(secrets(a), kept, "what was derived from the old secret is replaced");
    chill(a);
    assert!(gets(a, &[], "fleet") == second);
    // The old value has not been touched; and the other host moves when it asks.
    assert!(gets(c, &[], "fleet") == first);
    let third = grants(&issuer, "third");
    assert!(gets(b, &["--refresh"], "issuer") == third);
    chill(a);
    assert!(gets(a, &[], "fleet") == third, "both are where the new secret is");
    assert_eq!((issuer.count("/token"), values(&server).len()), (3, 2));
}

/// H10: the first of the hosts that were moved asks for all of them.
#[test]
fn a_host_that_moves_takes_what_is_there_already() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let hosts = [(); 2].map(|()| with_file(&issuer, &server));
    let [a, b] = &hosts;
    gets(a, &[], "issuer");
    gets(b, &[], "fleet");
    let second = grants(&issuer, "second");
    rotate(a);
    gets(a, &["--refresh"], "issuer");
    rotate(b);
    // What was shared under the old secret is over: the host that would ask finds out that it need not.
    let old: Vec<String> = values(&server).into_iter().filter(|key| !is_newest(&server, key)).collect();
    old.iter().for_each(|key| drop(server.cli(&["DEL", key])));
    chill(b);
    assert!(gets(b, &[], "fleet") == second);
    assert_eq!(issuer.count("/token"), 2);
}

/// Of two values that live for an hour, the one with more left.
fn is_newest(server: &RedisServer, key: &str) -> bool {
    let left = |key: &String| server.cli(&["PTTL", key]).parse::<i64>().expect("milliseconds");
    let newest = values(server).into_iter().max_by_key(left);
    newest.as_deref() == Some(key)
}

/// The secret of an explicit key is told by the epoch alone.
#[test]
fn with_an_explicit_key_a_new_secret_moves_the_fleet_too() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let hosts = [(); 2].map(|()| host(&issuer, &at(&server)));
    let [a, b] = &hosts;
    a.key_file("files/key");
    a.tokenkeep(["fleet", "key", "new"]).arg(a.path("files/key")).run().success();
    b.key_file("files/key");
    b.write_secret("files/key", fs::read(a.path("files/key")).expect("it is ours"));
    b.tokenkeep(["fleet", "key", "import"]).arg(b.path("files/key")).run().success();
    let first = gets(a, &[], "issuer");
    set(a, &issuer, NEW, &[]).run().success();
    let second = grants(&issuer, "second");
    assert!(gets(a, &[], "issuer") == second);
    assert!(gets(b, &[], "fleet") == first);
    set(b, &issuer, NEW, &[]).run().success();
    assert!(gets(b, &[], "fleet") == second);
}

/// A host that still has the old secret when the issuer takes it no more gets the error of its own, and disturbs nobody.
#[test]
fn an_old_secret_that_is_refused_does_not_disturb_those_with_the_new_one() {
    let (issuer, server) = (Issuer::start_with(["--client", &format!("{CLIENT_ID}:{NEW}")]), RedisServer::start());
    let (old, new) = (host(&issuer, &at(&server)), host(&issuer, &at(&server)));
    set(&new, &issuer, NEW, &[]).run().success();
    super::host::get(&old, &[]).run().fails(4, "invalid_client");
    let token = gets(&new, &[], "issuer");
    super::host::get(&old, &[]).run().fails(4, "invalid_client");
    issuer.behave("/token", Behaviour::Silence);
    chill(&new);
    assert!(gets(&new, &[], "fleet") == token);
}
