//! An issuer that gives no token: what one host hears the others are told, and nobody waits for those who get nothing.

use serde_json::Value;

use super::host::{at, chill, comes_from, get, gets, host, issuer, value, values, wait_for_hosts};
use crate::common::condition::wait_until;
use crate::common::issuer::Behaviour;
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};

fn answer(status: u16, headers: &[(&str, &str)], error: &str) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let json = [("Content-Type".to_owned(), "application/json".to_owned())];
    Behaviour::Answer {
        status,
        headers: headers.chain(json).collect(),
        body: format!(r#"{{"error":"{error}"}}"#).into(),
    }
}

fn refused(environment: &TestEnvironment, options: &[&str], exit: i32, code: &str) -> Value {
    let outcome = environment.tokenkeep(["--json", "token", "get"]).args(options).run().fails(exit, code);
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    outcome.error()
}

fn mend(issuer: &Issuer) {
    issuer.behave("/token", Behaviour::Normal);
}

/// E7, among hosts.
#[test]
fn what_the_issuer_refuses_one_host_it_is_not_asked_by_the_others() {
    for (behaviour, exit, code, longest) in [
        (answer(401, &[], "invalid_client"), 4, "invalid_client", 10),
        (answer(429, &[("Retry-After", "7")], "slow_down"), 11, "rate_limited", 7),
        // A minute at most, however long the first is told to wait.
        (answer(429, &[("Retry-After", "3000")], "slow_down"), 11, "rate_limited", 60),
        (answer(503, &[("Retry-After", "3000")], "temporarily_unavailable"), 6, "server_error", 60),
    ] {
        let (issuer, server) = (issuer(), RedisServer::start());
        let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
        issuer.behave("/token", behaviour);
        let first = refused(&a, &[], exit, code);
        let count = issuer.count("/token");
        assert!(first["remembered"].is_null() || first["remembered"] == false, "{first}");
        for host in [&b, &c, &b] {
            let told = refused(host, &[], exit, code);
            assert_eq!((&told["remembered"], &told["message"]), (&true.into(), &first["message"]), "{code}");
            let left = told["retry_after_s"].as_u64().expect("seconds");
            assert!((1..=longest).contains(&left), "{code}: {left} s");
        }
        assert_eq!(issuer.count("/token"), count, "{code}: nobody else asked");
        // Another request is another matter, unless the client is who was refused.
        mend(&issuer);
        if code == "invalid_client" {
            assert_eq!(refused(&b, &["--scope", "a"], exit, code)["remembered"], true);
        } else {
            gets(&b, &["--scope", "a"], "issuer");
        }
        // It ends by itself; here an operator ends it.
        server.cli(&["DEL", &refusal(&server)]);
        let token = gets(&host(&issuer, &at(&server)), &[], "issuer");
        assert!(gets(&host(&issuer, &at(&server)), &[], "fleet") == token);
    }
}

/// The key of the only value that ends within a minute.
fn refusal(server: &RedisServer) -> String {
    let ends = |key: &String| server.cli(&["PTTL", key]).parse::<i64>().is_ok_and(|left| (1..=60_000).contains(&left));
    values(server).into_iter().find(ends).expect("a refusal is shared")
}

/// E7: at a renewal, too.
#[test]
fn beside_a_token_that_is_good_for_others_a_refusal_is_told_and_the_token_stays() {
    for (behaviour, exit, code) in [
        (answer(401, &[], "invalid_client"), 4, "invalid_client"),
        (answer(429, &[("Retry-After", "7")], "slow_down"), 11, "rate_limited"),
    ] {
        let (issuer, server) = (issuer(), RedisServer::start());
        let [a, b, c, d, e] = [(); 5].map(|()| host(&issuer, &at(&server)));
        let token = gets(&a, &[], "issuer");
        issuer.behave("/token", behaviour);
        refused(&b, &["--refresh"], exit, code);
        let count = issuer.count("/token");
        // Each who wants another token is told, and who does not is given the one that is there.
        assert_eq!(refused(&c, &["--refresh"], exit, code)["remembered"], true);
        assert_eq!(refused(&d, &["--min-ttl", "2h"], exit, code)["remembered"], true);
        assert!(gets(&e, &[], "fleet") == token);
        let listed = e.tokenkeep(["--json", "token", "list"]).run().success().json();
        assert_eq!(listed[1]["place"], "fleet", "{listed}");
        assert_eq!(issuer.count("/token"), count, "{code}: nobody else asked");
        // What is taken back is the token, wherever it stands.
        assert_eq!(e.tokenkeep(["token", "forget", "--fleet"]).run().success().code, 0);
        mend(&issuer);
        gets(&e, &[], "issuer");
    }
}

/// H4: a herd at a renewal, and an issuer that is not there.
#[test]
fn beside_a_token_two_hosts_that_cannot_ask_are_enough() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let hosts = [(); 4].map(|()| host(&issuer, &at(&server)));
    let token = gets(&hosts[0], &[], "issuer");
    issuer.behave("/token", Behaviour::Reset);
    for host in &hosts[1..3] {
        refused(host, &["--refresh"], 6, "connection_reset");
    }
    // Its own answer, asked for without a turn; what it hears is told to nobody.
    let before = server.get(&value(&server));
    refused(&hosts[3], &["--refresh"], 6, "connection_reset");
    assert!(server.get(&value(&server)) == before);
    mend(&issuer);
    let other = host(&issuer, &at(&server));
    assert!(gets(&other, &[], "fleet") == token);
}

/// H4: nobody waits for a turn that brings nothing.
#[test]
fn when_two_hosts_could_not_ask_each_asks_for_itself_until_that_is_over() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let hosts = [(); 5].map(|()| host(&issuer, &at(&server)));
    issuer.behave("/token", Behaviour::Reset);
    for host in &hosts[..3] {
        refused(host, &[], 6, "connection_reset");
    }
    // Its own answer, asked for without a turn: there is none to wait for.
    mend(&issuer);
    let alone = gets(&hosts[3], &[], "issuer");
    let key = value(&server);
    wait_until("what they said has ended", || server.cli(&["EXISTS", &key]) == "0");
    let shared = gets(&hosts[4], &[], "issuer");
    assert!(gets(&hosts[0], &[], "fleet") == shared && shared != alone);
}

/// E7, H4.
#[test]
fn hosts_that_wait_for_one_that_is_refused_are_told_so() {
    // It knows the client by another secret.
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let hosts = [(); 5].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let running = hosts.each_ref().map(|host| host.tokenkeep(["--json", "token", "get"]).spawn());
    issuer.wait_for_requests("/token", 1);
    wait_for_hosts(&server, hosts.len());
    issuer.release();
    let errors = running.map(|one| one.wait().fails(4, "invalid_client").error());
    assert_eq!(errors.iter().filter(|error| error["remembered"] == true).count(), hosts.len() - 1);
    assert_eq!(issuer.count("/token"), 1);
}

/// H3: replays and swaps of refusals.
#[test]
fn a_refusal_that_is_over_or_of_another_request_is_not_answered() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    issuer.behave("/token", answer(401, &[], "invalid_client"));
    let then = a.tokenkeep(["--json", "token", "get"]).under(["faketime", "-f", "-1h"]);
    then.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").run().fails(4, "invalid_client");
    let key = value(&server);
    let over = server.get(&key).expect("it is there");
    refused(&a, &["--scope", "a"], 4, "invalid_client");
    let other = values(&server).into_iter().find(|found| *found != key).expect("another refusal");
    let of_another = server.get(&other).expect("it is there");
    mend(&issuer);
    for value in [over, of_another] {
        server.cli(&["SET", &key, "any"]);
        server.overwrite(&key, &value);
        let token = comes_from(&get(&b, &[]).run().success(), "issuer");
        assert!(gets(&c, &[], "fleet") == token);
        [&b, &c].into_iter().for_each(chill);
    }
}
