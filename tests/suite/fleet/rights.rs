//! What docs/fleet.md says that the store's user needs: enough for everything, and nothing of it too much.

use std::path::Path;

use super::host::{SECRET, chill, get, host, issuer, patiently, set};
use crate::common::authority::Authority;
use crate::common::condition::wait_until;
use crate::common::redis::{PASSWORD, RedisCluster, RedisOptions, RedisSentinel, RedisServer};
use crate::common::{Issuer, TestEnvironment};

const USER: &str = "fleet";

/// The rights as they are documented.
struct Documented {
    /// Everywhere.
    all: Vec<String>,
    in_a_cluster: Vec<String>,
    in_a_database: Vec<String>,
}

fn documented() -> Documented {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleet.md"));
    let text = text.expect("it is in the checkout");
    let between = |begin: &str, end: &str| -> Vec<String> {
        let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("docs/fleet.md has no {begin:?}"));
        let (rights, _) = rest.split_once(end).expect("it ends");
        rights.split_whitespace().map(str::to_owned).collect()
    };
    assert!(text.contains("`+select` if the URL names a database"));
    Documented {
        all: between("ACL SETUSER fleet on >PASSWORD ", "\n\n"),
        in_a_cluster: between("in a cluster `", "`"),
        in_a_database: vec!["+select".to_owned()],
    }
}

/// Two hosts of a fleet whose user has what it is given.
struct Pair {
    issuer: Issuer,
    hosts: [TestEnvironment; 2],
}

impl Pair {
    fn new(url: &str) -> Self {
        let issuer = issuer();
        let hosts = [(); 2].map(|()| {
            let environment = host(&issuer, &patiently(url));
            environment.canary("password of the store", PASSWORD);
            let login = environment.tokenkeep(["fleet", "login", "set", "--user", USER, "--secret-stdin"]);
            login.stdin(PASSWORD).run().success();
            environment
        });
        Self { issuer, hosts }
    }

    /// Does everything that a host does with a store; whatever it complains of.
    fn complaints(&self) -> String {
        let [a, b] = &self.hosts;
        let mut said = String::new();
        let mut gets = |environment: &TestEnvironment, options: &[&str], source: &str| {
            let outcome = get(environment, options).run().success();
            said.push_str(&outcome.stderr);
            if outcome.json()["source"] != source {
                said.push_str(&format!("not from {source}\n"));
            }
        };
        gets(a, &["--refresh"], "issuer");
        chill(b);
        gets(b, &[], "fleet");
        let listed = a.tokenkeep(["token", "list"]).run().success();
        let forgotten = a.tokenkeep(["token", "forget", "--fleet"]).run();
        // As one that a resource server has refused.
        gets(a, &[], "issuer");
        self.issuer.answer("/api", 401, &serde_json::json!({}));
        let validated = a.tokenkeep(["token", "validate"]).run().exits(5);
        let doctor = a.tokenkeep(["doctor"]).run().success();
        if !doctor.stdout_str().contains("\nok    fleet ") {
            said.push_str("doctor\n");
        }
        said + &listed.stderr + if forgotten.code == 0 { "" } else { &forgotten.stderr } + &warnings(&validated.stderr)
    }
}

fn warnings(stderr: &str) -> String {
    stderr.lines().filter(|line| line.starts_with("warning: ")).flat_map(|line| [line, "\n"]).collect()
}

fn allow(server: &RedisServer, rights: &[String]) {
    let words = ["ACL", "SETUSER", USER, "reset", "on"].into_iter().map(str::to_owned);
    let words: Vec<String> = words.chain([format!(">{PASSWORD}")]).chain(rights.iter().cloned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(server.cli(&words), "OK");
}

/// With all rights there is nothing to complain of.
fn assert_enough(url: &str, servers: &[&RedisServer], rights: &[String]) -> Pair {
    let pair = Pair::new(url);
    for environment in &pair.hosts {
        let options = ["--replace", "--probe-url", &pair.issuer.api_url()];
        set(environment, &pair.issuer, SECRET, &options).run().success();
    }
    servers.iter().for_each(|server| allow(server, rights));
    assert_eq!(pair.complaints(), "", "{url}");
    pair
}

/// And without any one of them there is something.
fn assert_exact(url: &str, servers: &[&RedisServer], all: &[String], of_the_place: &[String]) {
    let rights = [all, of_the_place].concat();
    let pair = assert_enough(url, servers, &rights);
    // What every place needs is looked at once.
    let single = if of_the_place.is_empty() { all } else { of_the_place };
    // Without `+ping` a connection to a node of a cluster is taken for a broken one now and then, and made anew.
    for right in single.iter().filter(|right| right.starts_with('+') && *right != "+ping") {
        let without: Vec<String> = rights.iter().filter(|other| *other != right).cloned().collect();
        servers.iter().for_each(|server| allow(server, &without));
        assert_ne!(pair.complaints(), "", "{url} needs no {right}");
    }
}

#[test]
fn of_one_server() {
    let (server, documented) = (RedisServer::start(), documented());
    assert_exact(&server.url(), &[&server], &documented.all, &[]);
}

#[test]
fn of_a_database_of_a_server() {
    let (server, documented) = (RedisServer::start(), documented());
    assert_exact(&format!("{}/3", server.url()), &[&server], &documented.all, &documented.in_a_database);
}

#[test]
fn of_valkey() {
    let (server, documented) = (RedisServer::valkey(), documented());
    assert_exact(&server.url().replace("redis://", "valkey://"), &[&server], &documented.all, &[]);
}

#[test]
fn of_a_cluster() {
    let (cluster, documented) = (RedisCluster::start(), documented());
    let nodes: Vec<&RedisServer> = cluster.nodes().iter().collect();
    assert_exact(&cluster.url(), &nodes, &documented.all, &documented.in_a_cluster);
    // And of one that is not called so.
    assert_enough(&nodes[0].url(), &nodes, &[documented.all, documented.in_a_cluster].concat());
}

/// One node that has all slots.
#[test]
fn of_a_cluster_with_tls() {
    let (authority, documented) = (Authority::new(), documented());
    let cluster = RedisOptions::new().tls(&authority).line("tls-cluster yes").line("cluster-enabled yes").start();
    assert_eq!(cluster.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    wait_until("the cluster is whole", || cluster.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let url = format!("rediss+cluster://{}\"\nca_file = \"{}", cluster.address(), authority.ca_file().display());
    assert_exact(&url, &[&cluster], &documented.all, &documented.in_a_cluster);
}

#[test]
fn behind_sentinels() {
    let (sentinel, documented) = (RedisSentinel::start(), documented());
    assert_exact(&sentinel.url(), &[sentinel.master()], &documented.all, &[]);
}
