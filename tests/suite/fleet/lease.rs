//! The host that asks for all: what becomes of the others when it dies, and of it when it comes too late.

use rustix::process::{Signal, WaitOptions, waitpid};

use super::host::{at, comes_from, get, gets, host, issuer, wait_for_hosts};
use crate::common::Running;
use crate::common::condition::wait_until;
use crate::common::issuer::Behaviour;
use crate::common::redis::RedisServer;

/// The key of the only lease.
fn lease(server: &RedisServer) -> String {
    server.keys().into_iter().find(|key| key.ends_with("/lease")).expect("somebody has a lease")
}

fn stop(running: &Running) {
    running.signal(Signal::STOP);
    let told = waitpid(Some(running.pid()), WaitOptions::UNTRACED).expect("it is our child");
    assert!(told.is_some_and(|(_, status)| status.stopped()), "it stands still");
}

/// H5.
#[test]
fn when_the_host_that_asks_is_killed_another_one_asks_for_the_rest() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let hosts = [(); 5].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let holder = get(&hosts[0], &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    let others: Vec<_> = hosts[1..].iter().map(|host| get(host, &[]).spawn()).collect();
    wait_for_hosts(&server, hosts.len());
    holder.kill();
    holder.wait().exits(128 + 9);
    // Nobody waited for a time-out: that would be a warning.
    let outcomes: Vec<_> = others.into_iter().map(|other| other.wait().success().does_not_say("warning")).collect();
    assert_eq!(issuer.count("/token"), 2);
    let asked = outcomes.iter().filter(|outcome| outcome.json()["source"] == "issuer").count();
    assert_eq!(asked, 1);
    let tokens: Vec<_> = outcomes.iter().map(|outcome| outcome.json()["access_token"].clone()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "one token for all");
    // The dead one's host is as any other.
    assert!(tokens[0] == gets(&hosts[0], &[], "fleet"));
}

/// H5: while it lives it is waited for, however long the issuer takes.
#[test]
fn a_lease_is_renewed_for_as_long_as_the_issuer_takes() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let holder = get(&a, &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    let waiting = get(&b, &[]).spawn();
    wait_for_hosts(&server, 2);
    let (key, owner) = (lease(&server), server.get(&lease(&server)));
    // Longer than one that is not renewed: a mark that ends later than it would.
    server.cli(&["SET", "mark", "", "PX", "4000"]);
    wait_until("more than a lease has passed", || server.cli(&["EXISTS", "mark"]) == "0");
    assert!(server.get(&key) == owner, "it is the same host's");
    issuer.release();
    let token = comes_from(&holder.wait().success(), "issuer");
    assert!(comes_from(&waiting.wait().success(), "fleet") == token);
    assert_eq!(issuer.count("/token"), 1);
}

/// H6.
#[test]
fn a_host_that_was_paused_for_longer_than_its_lease_replaces_nothing() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [late, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let paused = get(&late, &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    let key = lease(&server);
    stop(&paused);
    wait_until("its lease has ended", || server.cli(&["EXISTS", &key]) == "0");
    let later = gets(&b, &[], "issuer");
    let value = key.trim_end_matches("/lease");
    let before = server.get(value);
    assert!(before.is_some() && issuer.count("/token") == 2);

    issuer.release();
    paused.signal(Signal::CONT);
    let own = comes_from(&paused.wait().success().does_not_say("warning"), "issuer");
    assert!(own != later, "what it was given it hands out");
    assert!(server.get(value) == before, "the later one stays");
    assert!(gets(&late, &[], "cache") == own && gets(&c, &[], "fleet") == later);
    assert_eq!(issuer.count("/token"), 2);
}

/// H6: nor does it give back what is another's by now.
#[test]
fn a_host_that_comes_late_leaves_the_lease_of_the_next_alone() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [late, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let paused = get(&late, &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    let key = lease(&server);
    stop(&paused);
    wait_until("its lease has ended", || server.cli(&["EXISTS", &key]) == "0");
    // The answer lies ready for it; the next host's is kept back.
    issuer.release();
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let next = get(&b, &[]).spawn();
    issuer.wait_for_requests("/token", 2);
    let owner = server.get(&key).expect("the next host has it");

    paused.signal(Signal::CONT);
    let own = comes_from(&paused.wait().success().does_not_say("warning"), "issuer");
    assert!(server.get(&key) == Some(owner), "the lease is still the next host's");
    // Until the later one comes, its own is there for all.
    assert!(gets(&c, &[], "fleet") == own);
    issuer.release();
    let later = comes_from(&next.wait().success().does_not_say("warning"), "issuer");
    assert!(gets(&host(&issuer, &at(&server)), &[], "fleet") == later && later != own);
    assert_eq!(issuer.count("/token"), 2);
}
