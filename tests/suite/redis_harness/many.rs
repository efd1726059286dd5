//! Servers that stand in for each other: a cluster, and a master that sentinels watch.

use super::KEY;
use crate::common::redis::{RedisCluster, RedisSentinel, SERVICE};

#[test]
fn a_cluster_survives_the_loss_of_a_master() {
    let mut cluster = RedisCluster::start();
    assert_eq!(cluster.nodes().len(), 6);
    assert_eq!(cluster.url(), format!("redis+cluster://{}", cluster.seeds().join(",")));
    let owner = cluster.owner_of(KEY);
    assert_eq!(owner.cli(&["SET", KEY, "value"]), "OK");
    // What its replica has outlives a master.
    owner.wait_for_replicas(1);
    assert_eq!(cluster.keys(), [KEY]);

    let killed = cluster.kill_owner_of(KEY);
    cluster.wait_until_served(KEY);
    let owner = cluster.owner_of(KEY);
    assert!(owner.port() != killed, "another node has taken over");
    assert_eq!(owner.get(KEY), Some(b"value".to_vec()));
    assert_eq!(owner.cli(&["SET", KEY, "another"]), "OK");
}

#[test]
fn a_node_of_a_cluster_says_who_else_serves_a_key() {
    let cluster = RedisCluster::start();
    let owner = cluster.owner_of(KEY);
    let other = cluster.nodes()[..3].iter().find(|node| node.port() != owner.port()).expect("there are three masters");
    let answer = other.cli(&["GET", KEY]);
    assert!(answer.starts_with("MOVED ") && answer.ends_with(&owner.address().to_string()), "{answer}");
}

#[test]
fn the_sentinels_name_another_master_when_theirs_is_killed() {
    let mut watched = RedisSentinel::start();
    assert!(watched.url().starts_with("redis+sentinel://127.0.0.1:") && watched.url().ends_with(SERVICE));
    let master = watched.master();
    assert_eq!(master.cli(&["SET", KEY, "value"]), "OK");
    master.wait_for_replicas(2);

    let killed = watched.kill_master();
    let port = watched.wait_for_new_master();
    assert!(port != killed && port == watched.master_port());
    assert_eq!(watched.master().get(KEY), Some(b"value".to_vec()));
    assert_eq!(watched.master().cli(&["SET", KEY, "another"]), "OK");
}
