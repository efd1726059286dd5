//! A store that is lost and found again, and answers that nobody waited for: the same object goes on.

use std::time::Duration;

use tokenkeep::fleet::{FleetError, FleetName, Joined, Owner, Publication, Store};

use super::engines::store;
use crate::common::condition::wait_until;
use crate::common::redis::{RedisCluster, RedisSentinel, RedisServer};

const NAME: FleetName = FleetName::new([0x5e; 32]);
const OWNER: Owner = Owner([7; 16]);
const VALUE: &[u8] = b"\0\0\0\0\0\0\0\x01content";

/// The key that the value of a name has in the engine.
fn key(name: FleetName) -> String {
    format!("tokenkeep/v1/{{{}}}", name.to_hex())
}

async fn publish(store: &dyn Store, name: FleetName) {
    let lifetime = Duration::from_secs(3600);
    let publication = Publication { owner: OWNER, bytes: VALUE.to_vec(), lifetime, instead_of: None };
    assert!(store.publish(name, publication).await.expect("it answers"));
}

async fn bytes(store: &dyn Store, name: FleetName) -> Option<Vec<u8>> {
    store.look(name).await.expect("it answers").map(|value| value.bytes)
}

/// Asks, with a deadline as every caller has one.
async fn asked(store: &dyn Store, name: FleetName) -> Option<Result<Joined, FleetError>> {
    tokio::time::timeout(Duration::from_secs(1), store.join(name, OWNER, 0)).await.ok()
}

/// Asks until there is an answer: who else has to notice first is no affair of the store's.
async fn found_again(store: &dyn Store, name: FleetName) {
    for _ in 0..100 {
        if matches!(asked(store, name).await, Some(Ok(Joined::Holder { .. }))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it is not found again");
}

/// The connections that a server has but for the one that asks.
fn connections(server: &RedisServer) -> Vec<String> {
    let list = server.cli(&["CLIENT", "LIST", "TYPE", "normal"]);
    let others = list.lines().filter(|line| !line.contains(" cmd=client"));
    others.filter_map(|line| Some(line.strip_prefix("id=")?.split_once(' ')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restarted_is_asked_over_a_new_connection() {
    let mut server = RedisServer::start();
    let store = store(&server.url());
    for _ in 0..3 {
        publish(&store, NAME).await;
        server.restart();
        assert_eq!(bytes(&store, NAME).await, None, "it came back empty, and answers at once");
    }
    server.kill();
    let gone = store.look(NAME).await.expect_err("nobody listens");
    assert!(matches!(gone, FleetError::Unreachable(_)), "{gone:?}");
    server.restart();
    publish(&store, NAME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_kept_for_all_that_is_asked_in_turn() {
    let server = RedisServer::start();
    let store = store(&server.url());
    assert_eq!(connections(&server).len(), 0, "it connects when it is asked");
    publish(&store, NAME).await;
    let kept = connections(&server);
    assert_eq!(kept.len(), 1);
    for _ in 0..10 {
        bytes(&store, NAME).await;
        asked(&store, NAME).await.expect("in time").expect("it answers");
    }
    assert_eq!(connections(&server), kept);
    drop(store);
    wait_until("the connection ends with the store", || connections(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_answer_was_given_up_is_not_used_again() {
    let server = RedisServer::start();
    let store = store(&server.url());
    publish(&store, NAME).await;
    let kept = connections(&server);
    server.stop();
    let given_up = tokio::time::timeout(Duration::from_millis(100), store.look(NAME)).await;
    assert!(given_up.is_err(), "it stands still");
    server.cont();
    assert_eq!(bytes(&store, FleetName::new([0; 32])).await, None, "not the answer that was given up");
    assert_eq!(bytes(&store, NAME).await.as_deref(), Some(VALUE));
    wait_until("the old connection is gone", || {
        let now = connections(&server);
        now.len() == 1 && now != kept
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_first_that_answers_is_asked_and_one_that_takes_no_writes_is_left() {
    let mut first = RedisServer::start();
    let second = RedisServer::start();
    let store = store(&format!("redis://{},{}", first.address(), second.address()));
    first.kill();
    publish(&store, NAME).await;
    assert_eq!(second.keys(), [key(NAME)]);
    // The second becomes a copy of the first, and its connections stay.
    first.restart();
    assert_eq!(second.cli(&["REPLICAOF", &first.address().ip().to_string(), &first.port().to_string()]), "OK");
    asked(&store, NAME).await.expect("in time").expect("the other one takes writes");
    assert_eq!(first.keys().len(), 2, "a lease and an order");
}

#[test]
fn runtimes_that_come_and_go_ask_one_store() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start());
    for url in [server.url(), cluster.url()] {
        let store = store(&url);
        for _ in 0..3 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                bytes(&store, NAME).await;
                asked(&store, NAME).await.expect("in time").expect("it answers");
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_sentinels_name_after_a_failover_is_found() {
    let mut watched = RedisSentinel::start();
    let store = store(&watched.url());
    publish(&store, NAME).await;
    watched.master().wait_for_replicas(2);
    watched.kill_master();
    watched.wait_for_new_master();
    assert_eq!(bytes(&store, NAME).await.as_deref(), Some(VALUE));
    found_again(&store, NAME).await;
    assert_eq!(watched.master().keys().len(), 3, "value, lease and order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_stands_still_is_left_for_the_one_that_sentinels_name_then() {
    let watched = RedisSentinel::start();
    let store = store(&watched.url());
    publish(&store, NAME).await;
    watched.master().wait_for_replicas(2);
    let old = watched.master_port();
    watched.master().stop();
    assert!(asked(&store, NAME).await.is_none_or(|answer| answer.is_err()), "it stands still");
    wait_until("another master is named", || watched.master_port() != old);
    found_again(&store, NAME).await;
    assert_eq!(watched.master().get(&key(NAME)).as_deref(), Some(VALUE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_asked_where_a_replica_took_over() {
    let mut cluster = RedisCluster::start();
    let others: Vec<_> = (0..20).map(|number| FleetName::new([number; 32])).collect();
    let store = store(&cluster.url());
    publish(&store, NAME).await;
    cluster.owner_of(&key(NAME)).wait_for_replicas(1);
    cluster.kill_owner_of(&key(NAME));
    cluster.wait_until_served(&key(NAME));
    assert_eq!(bytes(&store, NAME).await.as_deref(), Some(VALUE));
    for name in [NAME].into_iter().chain(others) {
        asked(&store, name).await.expect("in time").expect("it answers");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_is_noticed_and_every_name_is_asked_where_it_belongs() {
    let cluster = RedisCluster::start();
    let names: Vec<_> = (0..30).map(|number| FleetName::new([number; 32])).collect();
    for node in [&cluster.nodes()[0], &cluster.nodes()[4]] {
        let store = store(&node.url());
        for name in &names {
            publish(&store, *name).await;
            assert_eq!(bytes(&store, *name).await.as_deref(), Some(VALUE));
            asked(&store, *name).await.expect("in time").expect("it answers");
        }
        let owners: std::collections::BTreeSet<_> =
            names.iter().map(|name| cluster.owner_of(&key(*name)).port()).collect();
        assert_eq!(owners.len(), 3, "names lie on every master");
        for name in names.iter().chain([&NAME]) {
            store.forget(*name, None).await.expect("it answers");
            store.leave(*name, OWNER).await.expect("it answers");
        }
        assert!(cluster.keys().iter().all(|key| key.ends_with("/order")), "{:?}", cluster.keys());
    }
}
