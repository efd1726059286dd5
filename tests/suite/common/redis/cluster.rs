//! A Redis Cluster: three masters with a replica each.

use super::daemon::free_port;
use super::{RedisOptions, RedisServer};
use crate::common::condition::{wait_for, wait_until};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// Six running nodes; they are killed when this is dropped.
pub(crate) struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// One in which every node knows every other one, and every replica has its master's content.
    pub(crate) fn start() -> Self {
        let cluster = Self { nodes: (0..2 * MASTERS).map(|_| node()).collect() };
        // By hand what `redis-cli --cluster create` does, which pauses for seconds between its looks.
        let (first, others) = cluster.nodes.split_first().expect("there are six");
        for (index, node) in cluster.nodes.iter().enumerate() {
            // Two that begin with one epoch would have to settle which of them yields.
            expect_ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (index, master) in cluster.nodes[..MASTERS].iter().enumerate() {
            let (begin, end) = (SLOTS * index / MASTERS, SLOTS * (index + 1) / MASTERS - 1);
            expect_ok(master, &["CLUSTER", "ADDSLOTSRANGE", &begin.to_string(), &end.to_string()]);
        }
        for other in others {
            let bus = other.cli(&["CONFIG", "GET", "cluster-port"]);
            let bus = bus.lines().last().expect("a name and a value");
            let address = other.address();
            expect_ok(first, &["CLUSTER", "MEET", &address.ip().to_string(), &address.port().to_string(), bus]);
        }
        for (master, replica) in cluster.nodes[..MASTERS].iter().zip(&cluster.nodes[MASTERS..]) {
            let id = master.cli(&["CLUSTER", "MYID"]);
            // A node that it has not heard of yet it refuses.
            wait_until("a replica knows its master", || replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK");
        }
        wait_until("the cluster is whole", || cluster.nodes.iter().all(is_whole));
        cluster.nodes[MASTERS..].iter().for_each(RedisServer::wait_for_master);
        cluster
    }

    /// All nodes, those that were killed among them.
    pub(crate) fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Where three of the nodes are, as `host:port`: what a client is told to begin with.
    pub(crate) fn seeds(&self) -> Vec<String> {
        self.nodes[..MASTERS].iter().map(|node| node.address().to_string()).collect()
    }

    /// What `url` of `[fleet]` would say.
    pub(crate) fn url(&self) -> String {
        format!("redis+cluster://{}", self.seeds().join(","))
    }

    /// The node that serves a key, once those that run agree which one it is.
    pub(crate) fn owner_of(&self, key: &str) -> &RedisServer {
        let port = self.port_of_owner(key);
        self.nodes.iter().find(|node| node.port() == port).expect("an owner is one of the nodes")
    }

    /// Kills the node that serves a key, and returns its port.
    pub(crate) fn kill_owner_of(&mut self, key: &str) -> u16 {
        let port = self.port_of_owner(key);
        let owner = self.nodes.iter_mut().find(|node| node.port() == port).expect("an owner is one of the nodes");
        owner.kill();
        port
    }

    /// Waits until a node that runs serves a key.
    pub(crate) fn wait_until_served(&self, key: &str) {
        wait_until("another node serves the key", || {
            let port = self.port_of_owner(key);
            let owner = self.running().find(|node| node.port() == port);
            owner.is_some_and(|owner| ["0", "1"].contains(&owner.cli(&["EXISTS", key]).as_str()))
        });
    }

    /// All keys of all masters that run, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let masters = self.running().filter(|node| node.info("role").as_deref() == Some("master"));
        let mut keys: Vec<_> = masters.flat_map(RedisServer::keys).collect();
        keys.sort_unstable();
        keys
    }

    fn running(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().filter(|node| node.is_running())
    }

    fn port_of_owner(&self, key: &str) -> u16 {
        let asked = self.running().next().expect("a node runs");
        let slot = asked.cli(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot is a number");
        wait_for("the nodes agree who serves the key", || {
            let mut told = self.running().map(|node| owner(&node.cli(&["CLUSTER", "NODES"]), slot));
            let first = told.next().flatten()?;
            told.all(|port| port == Some(first)).then_some(first)
        })
    }
}

fn node() -> RedisServer {
    let bus = free_port(std::net::Ipv4Addr::LOCALHOST.into());
    RedisOptions::new()
        .line("cluster-enabled yes")
        .line(&format!("cluster-port {bus}"))
        .line("cluster-node-timeout 1000")
        // However old its content is, a replica takes over: the tests look at the clients.
        .line("cluster-replica-validity-factor 0")
        .start()
}

fn expect_ok(node: &RedisServer, words: &[&str]) {
    assert_eq!(node.cli(words), "OK", "{}", words.join(" "));
}

/// Whether a node knows all six, of which three are replicas, and every slot is served.
fn is_whole(node: &RedisServer) -> bool {
    let info = node.cli(&["CLUSTER", "INFO"]);
    let nodes = node.cli(&["CLUSTER", "NODES"]);
    info.contains("cluster_state:ok")
        && info.contains(&format!("cluster_size:{MASTERS}"))
        && nodes.lines().filter(|line| line.contains("slave") && !line.contains("handshake")).count() == MASTERS
        && nodes.lines().count() == 2 * MASTERS
}

/// The port of the master that has a slot, in what CLUSTER NODES shows:
/// `ID IP:PORT@BUS FLAGS MASTER PINGED PONGED EPOCH LINK SLOT|FIRST-LAST...`.
fn owner(nodes: &str, slot: u32) -> Option<u16> {
    let has_it = |words: &[&str]| {
        let ranges = words.get(8..).into_iter().flatten();
        ranges.filter_map(|range| range_of(range)).any(|(first, last)| (first..=last).contains(&slot))
    };
    let line = nodes.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| has_it(words))?;
    let (address, _) = line[1].split_once('@')?;
    address.rsplit_once(':')?.1.parse().ok()
}

fn range_of(range: &str) -> Option<(u32, u32)> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    Some((first.parse().ok()?, last.parse().ok()?))
}
