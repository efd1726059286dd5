//! One of several hosts that hangs, as one does whose machine is gone: it takes connections, or takes none, and never
//! answers. Its neighbours serve, and a caller's budget is enough to find that out.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokenkeep::fleet::{FleetName, Joined, Owner, Store};

use super::engines::store;
use crate::common::condition::wait_until;
use crate::common::redis::{RedisCluster, RedisSentinel, RedisServer};

/// What a caller would wait on a machine that is busy with other tests.
const BUDGET: Duration = Duration::from_secs(5);

/// Asserts that a cold client is answered within its budget.
async fn serves(url: &str) {
    let (store, name) = (store(url), FleetName::new([0x5e; 32]));
    for _ in 0..2 {
        let answer = tokio::time::timeout(BUDGET, store.join(name, Owner([7; 16]), 0)).await;
        let joined = answer.expect("it is answered in time").expect("it is answered");
        assert!(matches!(joined, Joined::Holder { .. }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_one_that_hangs_is_passed_by() {
    let (hung, other) = (RedisServer::start(), RedisServer::start());
    hung.stop();
    serves(&format!("redis://{},{}", hung.address(), other.address())).await;
    // As a machine that is off: nothing comes back.
    serves(&format!("redis://192.0.2.1:6379,{}", other.address())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_that_hangs_is_passed_by() {
    let watched = RedisSentinel::start();
    let url = watched.url();
    let first = url.trim_start_matches("redis+sentinel://").split(',').next().expect("there are three");
    let (_, port) = first.rsplit_once(':').expect("an address has a port");
    let told = std::process::Command::new("redis-cli").args(["-p", port, "INFO", "server"]).output();
    let told = String::from_utf8(told.expect("redis-cli runs").stdout).expect("text");
    let pid = told.lines().find_map(|line| line.strip_prefix("process_id:")).expect("it says who it is");
    let pid = Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process");
    kill_process(pid, Signal::STOP).expect("it is a child of the test");
    serves(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_a_cluster_that_hangs_is_not_waited_for() {
    let cluster = RedisCluster::start();
    cluster.nodes()[4].stop();
    serves(&cluster.url()).await;
    serves(&format!("{},{}", cluster.url(), cluster.nodes()[4].address())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_a_cluster_that_hangs_is_not_waited_for_once_another_took_over() {
    let cluster = RedisCluster::start();
    let (hung, other) = (&cluster.nodes()[0], &cluster.nodes()[1]);
    hung.stop();
    wait_until("another has taken over", || {
        let nodes = other.cli(&["CLUSTER", "NODES"]);
        let failed = nodes.lines().any(|line| line.contains(&format!(":{}@", hung.port())) && line.contains("fail "));
        failed && other.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    serves(&cluster.url()).await;
}
