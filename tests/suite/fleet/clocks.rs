//! Hosts whose clocks disagree: everybody has a usable token, and nobody asks again and again.

use super::host::{at, chill, comes_from, get, gets, host, issuer, value, wait_for_hosts};
use crate::common::issuer::Behaviour;
use crate::common::redis::RedisServer;
use crate::common::{Invocation, TestEnvironment};

/// A run whose wall clock is shifted; the boot clock stays what it is.
fn shifted(by: &str, run: Invocation) -> Invocation {
    run.under(["faketime", "-f", by]).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

/// Gets a token under a shifted clock; it must be good for something there.
fn gets_at(environment: &TestEnvironment, by: &str, source: &str) -> String {
    let outcome = shifted(by, get(environment, &[])).run().success().does_not_say("warning");
    let left = outcome.json()["expires_in"].as_u64().expect("seconds");
    assert!((1..=3_600).contains(&left), "{by}: {left} s");
    comes_from(&outcome, source)
}

/// G2, among hosts.
#[test]
fn a_host_whose_clock_is_an_hour_fast_asks_for_itself_and_serves_the_others() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, fast, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let first = gets(&a, &[], "issuer");
    // To it that token has ended.
    let second = gets_at(&fast, "+1h", "issuer");
    assert!(second != first);
    assert!(gets(&c, &[], "fleet") == second, "it is as good as any");
    for _ in 0..2 {
        gets(&a, &[], "cache");
        gets_at(&fast, "+1h", "cache");
        gets(&c, &[], "cache");
    }
    assert_eq!(issuer.count("/token"), 2);
    // Whoever comes next, with any of the clocks, has it too.
    chill(&a);
    chill(&fast);
    assert!(gets(&a, &[], "fleet") == second && gets_at(&fast, "+1h", "fleet") == second);
}

/// G2, among hosts.
#[test]
fn a_host_whose_clock_is_an_hour_slow_has_what_the_others_have() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, slow] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let token = gets(&a, &[], "issuer");
    assert!(gets_at(&slow, "-1h", "fleet") == token);
    assert!(gets_at(&slow, "-1h", "cache") == token);
    assert_eq!(issuer.count("/token"), 1);
}

/// G2, among hosts.
#[test]
fn what_a_host_with_a_slow_clock_shares_is_replaced_once_by_who_cannot_use_it() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [slow, a, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let first = gets_at(&slow, "-1h", "issuer");
    // By the seal its hour is over.
    let second = gets(&a, &[], "issuer");
    assert!(second != first && gets(&c, &[], "fleet") == second);
    assert!(gets_at(&slow, "-1h", "cache") == first);
    chill(&slow);
    assert!(gets_at(&slow, "-1h", "fleet") == second, "and that one is good for all");
    assert_eq!(issuer.count("/token"), 2);
}

/// G2, H4.
#[test]
fn hosts_with_any_clocks_that_begin_at_once_each_have_a_token() {
    for by in ["+1h", "-1h", "+10y", "1970-01-02 00:00:00"] {
        let (issuer, server) = (issuer(), RedisServer::start());
        let hosts = [(); 6].map(|()| host(&issuer, &at(&server)));
        let run = |index: usize| match index % 3 {
            0 => shifted(by, get(&hosts[index], &[])),
            _ => get(&hosts[index], &[]),
        };
        issuer.behave_times("/token", 1, Behaviour::Hold);
        let running: Vec<_> = (0..hosts.len()).map(|index| run(index).spawn()).collect();
        wait_for_hosts(&server, hosts.len());
        issuer.release();
        for (index, one) in running.into_iter().enumerate() {
            let outcome = one.wait().success().does_not_say("warning");
            assert!(outcome.json()["expires_in"].as_u64() > Some(0), "{by}, host {index}");
        }
        let count = issuer.count("/token");
        // One for those who cannot use the first, and that one is good for all.
        assert!((1..=2).contains(&count), "{by}: {count} requests");
        for index in 0..hosts.len() {
            comes_from(&run(index).run().success(), "cache");
        }
        assert_eq!(issuer.count("/token"), count, "{by}: what a host has it keeps");
    }
}

/// H3.
#[test]
fn a_token_that_is_over_is_not_used_whatever_the_store_still_gives_it() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let old = gets_at(&a, "-2h", "issuer");
    for end in [&["PERSIST", &value(&server)][..], &["PEXPIRE", &value(&server), "86400000"]] {
        server.cli(end);
        let before = server.get(&value(&server)).expect("it is there");
        let next = gets(&b, &[], "issuer");
        assert!(next != old && gets(&c, &[], "fleet") == next);
        [&b, &c].into_iter().for_each(chill);
        // An operator puts it back.
        server.overwrite(&value(&server), &before);
    }
    assert_eq!(issuer.count("/token"), 3);
}
