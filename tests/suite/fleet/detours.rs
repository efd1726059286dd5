//! What stands between a host and a token that could be had, and must not keep it.

use std::os::unix::fs::PermissionsExt as _;

use super::host::{at, chill, comes_from, get, gets, host, issuer, patiently, share, vouch};
use crate::common::hostile_store::HostileStore;
use crate::common::issuer::{Behaviour, CLIENT_ID};
use crate::common::redis::{PASSWORD, RedisServer};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::init;

/// A host whose secret is printed by a program, and the path of the program.
fn with_program(issuer: &Issuer, shared: &str, script: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, shared);
    init(&environment);
    let program = environment.path("files/secret.sh");
    environment.write(
        "files/secret.sh",
        format!("#!/bin/sh\n{}\n", script.replace("DIR", &environment.path("files").display().to_string())),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
    let reference = format!("command:[\"{}\"]", program.display());
    let set = ["credentials", "set", "--client-id", CLIENT_ID, "--secret-at-fetch", &reference];
    environment.tokenkeep(set).args(["--token-url", &issuer.token_url()]).run().success();
    vouch(&environment, &[]);
    environment
}

/// The issuer is asked, which it was not while each reading led to another turn.
#[test]
fn a_secret_that_is_another_at_each_reading_is_asked_with_and_not_gone_round_with() {
    let server = RedisServer::start();
    let issuer = issuer();
    let script = "echo x >> DIR/readings\necho $(wc -l < DIR/readings)-0f9a61d7c24be8355d90a7f3b16c2e84";
    let host = with_program(&issuer, &at(&server), script);
    for _ in 0..2 {
        host.tokenkeep(["token", "get"]).run().fails(4, "invalid_client");
        server.cli(&["FLUSHALL"]);
        chill(&host);
    }
    let readings = std::fs::read_to_string(host.path("files/readings")).expect("it was read").lines().count();
    assert!(readings <= 6, "{readings} readings for two requests");
}

/// The issuer refused this host, and gave another one a token since.
#[test]
fn a_refusal_that_is_remembered_forbids_asking_and_not_looking() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [refused, other] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let slow_down = vec![("Retry-After".to_owned(), "600".to_owned())];
    issuer.behave("/token", Behaviour::Answer { status: 429, headers: slow_down, body: Default::default() });
    refused.tokenkeep(["token", "get"]).run().fails(11, "rate_limited");
    issuer.behave("/token", Behaviour::Normal);
    // The minute for which hosts share a refusal is over.
    server.cli(&["FLUSHALL"]);
    let count = issuer.count("/token");
    refused.tokenkeep(["token", "get"]).run().fails(11, "rate_limited");
    assert_eq!(issuer.count("/token"), count, "it asked all the same");
    let token = gets(&other, &[], "issuer");
    assert!(gets(&refused, &[], "fleet") == token);
    assert!(gets(&refused, &[], "cache") == token);
}

/// H2: of several hosts one takes connections and says nothing.
#[test]
fn a_silent_host_beside_one_that_answers_costs_no_request() {
    let (issuer, server, silent) = (issuer(), RedisServer::start(), HostileStore::silent());
    let url = format!("redis://{},127.0.0.1:{}", silent.address(), server.port());
    let [a, b] = [(); 2].map(|()| host(&issuer, &format!("url = \"{url}\"\nbudget = \"5s\"\n")));
    let token = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == token);
    assert!(silent.connections() > 0, "it was tried");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_password_that_takes_longer_than_the_store_may_is_not_the_stores_doing() {
    let issuer = issuer();
    let server = RedisServer::with_password();
    let environment = host(&issuer, &patiently("redis://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    environment.write("files/password.sh", format!("#!/bin/sh\nsleep 1\necho {PASSWORD}\n"));
    let program = environment.path("files/password.sh");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
    let password = format!("password = {{ command = [\"{}\"] }}\n", program.display());
    share(&environment, &format!("url = \"{}\"\nbudget = \"900ms\"\n{password}", server.url()));
    comes_from(&get(&environment, &[]).run().success(), "issuer");
    std::fs::remove_file(&program).expect("the canary goes");
    assert_eq!(server.client().ask(&["DBSIZE"]), "2", "the token is shared, under its order");
}

#[test]
fn one_profile_that_cannot_share_keeps_no_other_from_taking_its_tokens_back() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let host = host(&issuer, &at(&server));
    gets(&host, &[], "issuer");
    host.write_secret("files/weak", "hunter2");
    let weak = format!("file:{}", host.path("files/weak").display());
    let set = ["-p", "a-weak-one", "credentials", "set", "--client-id", "other", "--secret-at-fetch", &weak];
    host.tokenkeep(set).args(["--token-url", &issuer.token_url()]).run().success();
    let outcome = host.tokenkeep(["token", "forget", "--all", "--fleet"]).run().success();
    assert!(outcome.stderr.contains("forgot 1 cached and 1 shared"), "{outcome:?}");
}
