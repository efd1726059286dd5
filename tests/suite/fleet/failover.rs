//! Servers that fail over while a herd on several hosts waits for one token (FAULTS H7). The hosts are directories.

use super::host::{SECRET, comes_from, get, host, issuer, patiently, wait_for_hosts};
use crate::common::issuer::Behaviour;
use crate::common::redis::{RedisCluster, RedisSentinel, RedisServer};
use crate::common::{Issuer, Outcome, Running, TestEnvironment};
use crate::herd::{alone, turn};

const HOSTS: usize = 5;
const PROCESSES: usize = 6;

/// Servers of which another one takes over.
trait Servers {
    fn url(&self) -> String;

    /// The one that has what is shared.
    fn serving(&mut self) -> &RedisServer;

    fn kill_the_serving_one(&mut self);

    /// Waits until another one has taken over.
    fn settle(&self);
}

struct Cluster {
    cluster: RedisCluster,
    /// The key of the only value, or what it will be.
    key: String,
}

impl Servers for Cluster {
    fn url(&self) -> String {
        self.cluster.url()
    }

    fn serving(&mut self) -> &RedisServer {
        let keys = self.cluster.keys();
        let lease = keys.iter().find_map(|key| key.strip_suffix("/lease"));
        self.key = lease.expect("somebody has the lease").to_owned();
        self.cluster.owner_of(&self.key)
    }

    fn kill_the_serving_one(&mut self) {
        self.cluster.kill_owner_of(&self.key);
    }

    fn settle(&self) {
        self.cluster.wait_until_served(&self.key);
    }
}

impl Servers for RedisSentinel {
    fn url(&self) -> String {
        RedisSentinel::url(self)
    }

    fn serving(&mut self) -> &RedisServer {
        self.master()
    }

    fn kill_the_serving_one(&mut self) {
        self.kill_master();
    }

    fn settle(&self) {
        self.wait_for_new_master();
    }
}

/// When the issuer answers the one who asks for all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    WhileNobodyServes,
    AfterAnotherTookOver,
}

fn everybody_gets_a_token(mut servers: impl Servers, answers: Answers) {
    let _alone = alone();
    let issuer = issuer();
    let hosts: Vec<_> = (0..HOSTS).map(|_| host(&issuer, &patiently(&servers.url()))).collect();
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let herd: Vec<_> = hosts.iter().flat_map(spawn).collect();
    issuer.wait_for_requests("/token", 1);
    wait_for_hosts(servers.serving(), HOSTS);
    hosts.iter().for_each(|host| turn::wait_for_waiters(host, PROCESSES - 1));

    servers.kill_the_serving_one();
    if answers == Answers::AfterAnotherTookOver {
        servers.settle();
    }
    issuer.release();
    for outcome in herd.into_iter().map(Running::wait) {
        assert_served(&outcome);
    }
    assert!(issuer.count("/token") <= HOSTS, "a host asks once");

    // What took over is as good as what was lost.
    servers.settle();
    assert_shares(&issuer, &servers.url());
}

fn spawn(host: &TestEnvironment) -> Vec<Running> {
    (0..PROCESSES).map(|_| host.tokenkeep(["token", "get"]).prints_token().spawn()).collect()
}

/// Asserts that there is a token, and nothing but warnings of the store.
fn assert_served(outcome: &Outcome) {
    let warned = |line: &str| line.starts_with("warning: fleet_unavailable: ");
    assert!(outcome.code == 0 && outcome.stderr.lines().all(warned), "{outcome:?}");
    outcome.token();
}

/// Asserts that of two cold hosts the second finds what the first had.
fn assert_shares(issuer: &Issuer, url: &str) {
    let [first, second] = [(); 2].map(|()| host(issuer, &patiently(url)));
    let found = get(&first, &[]).run().success();
    assert_eq!(found.stderr, "");
    let shared = get(&second, &[]).run().success();
    assert_eq!(shared.stderr, "");
    assert!(comes_from(&shared, "fleet") == found.json()["access_token"], "one token");
}

fn cluster() -> Cluster {
    Cluster { cluster: RedisCluster::start(), key: String::new() }
}

/// H7.
#[test]
fn when_the_node_that_has_the_lease_dies_everybody_gets_a_token() {
    everybody_gets_a_token(cluster(), Answers::WhileNobodyServes);
}

/// H7.
#[test]
fn when_a_replica_takes_over_before_the_issuer_answers_everybody_gets_a_token() {
    everybody_gets_a_token(cluster(), Answers::AfterAnotherTookOver);
}

/// H7.
#[test]
fn when_the_master_that_sentinels_watch_dies_everybody_gets_a_token() {
    everybody_gets_a_token(RedisSentinel::start(), Answers::WhileNobodyServes);
}

/// H7.
#[test]
fn when_sentinels_name_another_master_before_the_issuer_answers_everybody_gets_a_token() {
    everybody_gets_a_token(RedisSentinel::start(), Answers::AfterAnotherTookOver);
}

/// H7: what a failover may lose is the lease. Both who have it then get a token, and the later one stays.
#[test]
fn when_two_hosts_have_the_lease_both_get_a_token_and_the_later_one_stays() {
    let issuer = issuer();
    let server = RedisServer::start();
    let [first, second, third] = [(); 3].map(|()| host(&issuer, &patiently(&server.url())));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let slow = get(&first, &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    // The one that took over knows nothing of a lease; neither of the order, as after a restart without persistence.
    server.cli(&["FLUSHALL"]);
    let later = comes_from(&get(&second, &[]).run().success(), "issuer");
    issuer.release();
    let slow = slow.wait().success();
    assert_eq!(slow.stderr, "");
    assert!(comes_from(&slow, "issuer") != later);
    let found = comes_from(&get(&third, &[]).run().success(), "fleet");
    assert!(found == later, "the later one stays");
    assert_eq!(issuer.count("/token"), 2);
    assert!(!server.dump().windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
}
