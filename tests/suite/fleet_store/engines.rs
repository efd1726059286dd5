//! The engines of the Redis protocol, each a real one, against the contract.

use tokenkeep::fleet::{FleetUrl, Login, RedisStore};

use super::contract;
use crate::common::authority::Authority;
use crate::common::redis::{CLIENT, RedisCluster, RedisSentinel, RedisServer};

/// A store at an address that asks for no password.
pub(super) fn store(url: &str) -> RedisStore {
    RedisStore::new(FleetUrl::parse(url).expect("the address of a store"), None, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_keeps_the_contract() {
    let server = RedisServer::start();
    contract::keeps("Redis", &store(&server.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_over_tls_keeps_the_contract_for_a_user_who_may_do_no_more_than_that() {
    let authority = Authority::new();
    let server = RedisServer::with_tls(&authority);
    let login = Login::new(Some(CLIENT.user.to_owned()), CLIENT.password);
    let ca = std::fs::read(authority.ca_file()).expect("the authority has a certificate");
    let url = FleetUrl::parse(&server.url()).expect("the address of a store");
    contract::keeps("Redis over TLS", &RedisStore::new(url, Some(login), Some(ca))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valkey_keeps_the_contract() {
    let server = RedisServer::valkey();
    contract::keeps("Valkey", &store(&server.url().replace("redis://", "valkey://"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_keeps_the_contract() {
    let cluster = RedisCluster::start();
    contract::keeps("a cluster", &store(&cluster.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_of_a_cluster_that_is_taken_for_one_server_keeps_the_contract() {
    let cluster = RedisCluster::start();
    contract::keeps("a node of a cluster", &store(&cluster.nodes()[0].url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_sentinels_name_keeps_the_contract() {
    let watched = RedisSentinel::start();
    contract::keeps("sentinels", &store(&watched.url())).await;
}
