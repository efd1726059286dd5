//! What a fleet has is seen, and taken back: by hand, and where an API or the issuer says that it is good no more.

use serde_json::{Value, json};

use super::host::{SECRET, at, chill, gets, host, host_with, issuer, set, value, values};
use crate::common::issuer::Behaviour;
use crate::common::redis::RedisServer;
use crate::common::{Issuer, Outcome, TestEnvironment};

fn listed(environment: &TestEnvironment) -> Vec<(String, String)> {
    let rows = environment.tokenkeep(["--json", "token", "list"]).run().success().json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| (text(&row["place"]), text(&row["scope"]))).collect()
}

fn is(place: &str, scope: &str) -> (String, String) {
    (place.to_owned(), scope.to_owned())
}

fn forget(environment: &TestEnvironment, options: &[&str]) -> Outcome {
    environment.tokenkeep(["token", "forget"]).args(options).run()
}

#[test]
fn a_list_shows_what_is_cached_here_and_what_the_fleet_has() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host_with(&issuer, &at(&server), &["--scope", "read"]));
    assert_eq!(listed(&a), []);
    gets(&a, &[], "issuer");
    gets(&a, &["--scope", "write"], "issuer");
    let both = [is("cache", "read"), is("fleet", "read"), is("cache", "write"), is("fleet", "write")];
    assert_eq!(listed(&a), both);
    // Of another host's requests this one knows those of its profiles, and what it has cached.
    assert_eq!(listed(&b), [is("fleet", "read")]);
    gets(&b, &["--scope", "write"], "fleet");
    assert_eq!(listed(&b), [is("fleet", "read"), is("cache", "write"), is("fleet", "write")]);

    let rows = b.tokenkeep(["--json", "token", "list"]).run().success().json();
    let left = rows[0]["expires_in"].as_u64().expect("seconds");
    assert!((3_000..=3_600).contains(&left) && rows[0]["profile"] == "default", "{rows}");
    let text = b.tokenkeep(["token", "list"]).run().success();
    let lines: Vec<Vec<_>> = text.stdout_str().lines().map(|line| line.split_whitespace().collect()).collect();
    let words = |line: &[&str]| (line[0].to_owned(), line[line.len() - 2..].join(" "));
    assert_eq!(words(&lines[0]), is("default", "fleet read"), "{text:?}");
    assert_eq!(words(&lines[2]), is("default", "fleet write"), "{text:?}");
    assert!(lines[1].last() == Some(&"write") && !lines[1].contains(&"fleet"), "{text:?}");
}

/// H1.
#[test]
fn a_list_without_the_store_is_that_of_the_cache_and_one_warning() {
    let (issuer, mut server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    gets(&environment, &[], "issuer");
    gets(&environment, &["--scope", "a"], "issuer");
    server.kill();
    let outcome = environment.tokenkeep(["--json", "token", "list"]).run().success();
    assert_eq!(outcome.json().as_array().map(Vec::len), Some(2));
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    outcome.says("fleet_unavailable");
}

#[test]
fn forget_leaves_the_fleet_its_token_and_with_shared_it_is_taken_back() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let token = gets(&a, &[], "issuer");
    gets(&b, &[], "fleet");
    forget(&b, &[]).success().says("forgot 1 cached token(s) of default");
    assert!(gets(&b, &[], "fleet") == token);

    forget(&a, &["--fleet"]).success().says("forgot 1 cached and 1 shared token(s) of default");
    assert_eq!(values(&server), [""; 0]);
    forget(&a, &["--fleet"]).success().says("forgot 0 cached and 0 shared token(s) of default");
    assert!(gets(&b, &[], "cache") == token, "what other hosts have cached they keep");
    let next = gets(&c, &[], "issuer");
    assert!(next != token && gets(&a, &[], "fleet") == next);
}

#[test]
fn forget_takes_back_one_request_one_profile_or_all_of_them() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| {
        let host = host_with(&issuer, &at(&server), &["-p", "one", "--default"]);
        set(&host, &issuer, SECRET, &["-p", "two", "--scope", "two"]).run().success();
        host
    });
    let requests: [&[&str]; 4] = [&[], &["--scope", "a"], &["-p", "two"], &["-p", "two", "--scope", "b"]];
    let fill = |source: &str| requests.iter().for_each(|request| drop(gets(&a, request, source)));
    fill("issuer");
    assert_eq!(values(&server).len(), 4);
    forget(&a, &["--scope", "a", "--fleet"]).success().says("forgot 1 cached and 1 shared token(s) of one");
    assert_eq!(values(&server).len(), 3);
    gets(&b, &[], "fleet");
    gets(&b, &["-p", "two"], "fleet");

    // Of one profile: all that this host knows, cached here or not.
    forget(&a, &["--fleet"]).success().says("forgot 1 cached and 1 shared token(s) of one");
    forget(&a, &["-p", "two"]).success();
    forget(&a, &["-p", "two", "--fleet"]).success().says("forgot 0 cached and 1 shared token(s) of two");
    // What only this host had asked for, and has forgotten, nobody can name.
    assert_eq!(values(&server).len(), 1);

    chill(&b);
    server.cli(&["FLUSHALL"]);
    fill("issuer");
    forget(&a, &["--all", "--fleet"]).success().says("forgot 4 cached and 4 shared token(s) of all profiles");
    assert_eq!(values(&server), [""; 0]);
    fill("issuer");
}

/// H1.
#[test]
fn forget_that_cannot_reach_the_fleet_forgets_nothing_and_says_so() {
    let (issuer, mut server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    let token = gets(&environment, &[], "issuer");
    server.kill();
    for options in [&["--fleet"][..], &["--all", "--fleet"]] {
        let forget = environment.tokenkeep(["--json", "token", "forget"]).args(options).run();
        let error = forget.fails(13, "fleet_unavailable").error();
        assert_eq!(error["retryable"], true);
    }
    assert!(gets(&environment, &[], "cache") == token);
    environment.write("config/config.toml", "");
    for options in [&["--fleet"][..], &["--all", "--fleet"]] {
        environment.tokenkeep(["--json", "token", "forget"]).args(options).run().fails(2, "usage");
    }
    assert!(gets(&environment, &[], "cache") == token);
}

/// The ways in which a host hears that a token is good no more.
const REFUSALS: [&str; 3] = ["probe", "introspection", "revocation"];

fn refusable(issuer: &Issuer, shared: &str) -> TestEnvironment {
    let (probe, introspection, revocation) = (issuer.api_url(), issuer.url("/introspect"), issuer.url("/revoke"));
    let urls = ["--probe-url", &probe, "--introspection-url", &introspection, "--revocation-url", &revocation];
    host_with(issuer, shared, &urls)
}

/// Lets a host hear it.
fn refused(issuer: &Issuer, environment: &TestEnvironment, how: &str) -> Outcome {
    if how == "revocation" {
        return environment.tokenkeep(["token", "revoke"]).run().success().says("revoked the cached token");
    }
    order(issuer, how);
    environment.tokenkeep(["token", "validate"]).run().exits(5)
}

/// Orders what the next check of a token is told.
fn order(issuer: &Issuer, how: &str) {
    let unauthorized = Behaviour::Answer { status: 401, headers: Vec::new(), body: Default::default() };
    match how {
        "probe" => issuer.behave_times("/api", 1, unauthorized),
        _ => {
            let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
            let body = json!({ "active": false }).to_string().into();
            issuer.behave_times("/introspect", 1, Behaviour::Answer { status: 200, headers, body });
        }
    }
}

#[test]
fn a_token_that_is_refused_or_revoked_is_taken_back_from_the_fleet() {
    for how in REFUSALS {
        let (issuer, server) = (issuer(), RedisServer::start());
        let [a, b, c] = [(); 3].map(|()| refusable(&issuer, &at(&server)));
        let token = gets(&a, &[], "issuer");
        assert!(gets(&b, &[], "fleet") == token);
        assert_eq!(refused(&issuer, &b, how).does_not_say("warning").stdout.is_empty(), how == "revocation", "{how}");
        assert_eq!(values(&server), [""; 0], "{how}");
        let next = gets(&c, &[], "issuer");
        assert!(next != token, "{how}");
        // The host that first had the token hears of it later, and does not take the new one back.
        refused(&issuer, &a, how);
        assert!(gets(&a, &[], "fleet") == next && gets(&b, &[], "fleet") == next, "{how}");
        assert_eq!(issuer.count("/token"), 2, "{how}");
    }
}

#[test]
fn a_token_that_somebody_else_shows_is_taken_back_too_where_it_is_the_fleets() {
    for how in &REFUSALS[..2] {
        let (issuer, server) = (issuer(), RedisServer::start());
        let [a, b, c] = [(); 3].map(|()| refusable(&issuer, &at(&server)));
        let token = gets(&a, &[], "issuer");
        // It has no token of its own.
        let validate = |given: &str| {
            order(&issuer, how);
            b.tokenkeep(["token", "validate", "--token-stdin"]).stdin(given).run().exits(5).does_not_say("warning");
        };
        validate("CANARY-TOKEN-of-another-issuer");
        assert_eq!(values(&server).len(), 1, "{how}: it is not the fleet's");
        validate(&token);
        assert_eq!(values(&server), [""; 0], "{how}");
        assert!(gets(&c, &[], "issuer") != token, "{how}");
    }
}

/// H1.
#[test]
fn a_token_that_is_refused_is_dropped_here_even_if_the_fleet_cannot_be_told() {
    for how in REFUSALS {
        let (issuer, mut server) = (issuer(), RedisServer::start());
        let environment = refusable(&issuer, &at(&server));
        gets(&environment, &[], "issuer");
        server.kill();
        let outcome = refused(&issuer, &environment, how).says("warning: fleet_unavailable: ");
        assert_eq!(outcome.stderr.matches("fleet_unavailable").count(), 1, "{how}: {outcome:?}");
        environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
    }
}

#[test]
fn a_profile_that_is_removed_with_its_tokens_revoked_leaves_the_fleet_none_of_them() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| refusable(&issuer, &at(&server)));
    for options in [&[][..], &["--scope", "a"]] {
        gets(&a, options, "issuer");
    }
    a.tokenkeep(["credentials", "remove", "-p", "default", "--yes", "--revoke"])
        .run()
        .success()
        .says("revoked 2 token");
    assert_eq!((issuer.count("/revoke"), values(&server)), (2, Vec::new()));
    gets(&b, &[], "issuer");
}

/// H1, H3.
#[test]
fn a_damaged_value_can_be_taken_back_too() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    for damage in ["garbage", "another type"] {
        gets(&environment, &[], "issuer");
        let value = value(&server);
        if damage == "garbage" {
            server.overwrite(&value, b"garbage");
            assert_eq!(listed(&environment), [is("cache", "")]);
        } else {
            server.cli(&["DEL", &value]);
            server.cli(&["SADD", &value, damage]);
        }
        forget(&environment, &["--fleet"]).success().says("forgot 1 cached and 1 shared token(s) of default");
        assert_eq!(values(&server), [""; 0], "{damage}");
    }
}
