//! Every kind of store that a URL names: hosts share over it, with what its user may do and no more.

use super::host::{at, chill, comes_from, get, gets, host, issuer, patiently, share};
use crate::common::authority::Authority;
use crate::common::redis::{CLIENT, PASSWORD, RedisCluster, RedisSentinel, RedisServer};
use crate::common::{Issuer, TestEnvironment};

/// Two hosts have one token, and the third one has the next.
fn shares(case: &str, issuer: &Issuer, shared: &str) -> [TestEnvironment; 3] {
    let hosts = [(); 3].map(|()| host(issuer, shared));
    let asked = issuer.count("/token");
    let gets = |host: &TestEnvironment, options: &[&str], source: &str| {
        let outcome = get(host, options).run().success();
        assert!(outcome.stderr.is_empty() && outcome.json()["source"] == source, "{case}: {outcome:?}");
        comes_from(&outcome, source)
    };
    let first = gets(&hosts[0], &[], "issuer");
    assert!(gets(&hosts[1], &[], "fleet") == first, "{case}");
    let second = gets(&hosts[1], &["--refresh"], "issuer");
    assert!(gets(&hosts[2], &[], "fleet") == second, "{case}");
    assert_eq!(issuer.count("/token"), asked + 2, "{case}");
    hosts
}

#[test]
fn one_server_of_any_kind() {
    let issuer = issuer();
    let (server, valkey) = (RedisServer::start(), RedisServer::valkey());
    shares("Redis", &issuer, &at(&server));
    assert_eq!(server.keys().len(), 2);
    server.cli(&["FLUSHALL"]);
    shares("a database of it", &issuer, &patiently(&format!("{}/3", server.url())));
    assert_eq!((server.keys(), server.cli(&["-n", "3", "DBSIZE"])), (Vec::new(), "2".to_owned()));
    shares("Valkey", &issuer, &at(&valkey));
    shares("by its name", &issuer, &patiently(&format!("valkey://localhost:{}", server.port())));
}

#[test]
fn one_that_has_tls_and_users_by_a_name_and_by_an_address() {
    let (issuer, authority) = (issuer(), Authority::new());
    let server = RedisServer::with_tls(&authority);
    let files = TestEnvironment::new();
    let password = files.write_secret("files/store", PASSWORD).display().to_string();
    let login = format!("user = \"{}\"\npassword = {{ file = \"{password}\" }}\n", CLIENT.user);
    for name in ["127.0.0.1", "localhost"] {
        let url = patiently(&format!("rediss://{name}:{}", server.port()));
        let shared = format!("{url}{login}ca_file = \"{}\"\n", authority.ca_file().display());
        let hosts = shares(name, &issuer, &shared);
        hosts.iter().for_each(|host| host.canary("password of the store", PASSWORD));
        server.cli(&["FLUSHALL"]);
    }
}

#[test]
fn a_cluster_by_some_of_its_nodes_and_by_one_that_is_not_known_to_be_of_a_cluster() {
    let (issuer, cluster) = (issuer(), RedisCluster::start());
    let hosts = shares("a cluster", &issuer, &patiently(&cluster.url()));
    // Whichever node it is, it may not be the one that serves the keys.
    let single: Vec<_> = cluster.seeds().iter().map(|seed| patiently(&format!("redis://{seed}"))).collect();
    for shared in &single {
        for host in &hosts {
            share(host, shared);
            chill(host);
        }
        assert!(gets(&hosts[0], &["--refresh"], "issuer") == gets(&hosts[1], &[], "fleet"));
    }
}

/// H7, in small.
#[test]
fn the_server_that_sentinels_name_before_and_after_a_failover() {
    let (issuer, mut sentinel) = (issuer(), RedisSentinel::start());
    let shared = patiently(&sentinel.url());
    let hosts = shares("sentinels", &issuer, &shared);
    sentinel.kill_master();
    sentinel.wait_for_new_master();
    hosts.iter().for_each(chill);
    let token = gets(&hosts[0], &["--refresh"], "issuer");
    assert!(gets(&hosts[1], &[], "fleet") == token);
    // Nobody knows a service of another name.
    let other = host(&issuer, &shared.replace("/fleet", "/herd"));
    let outcome = get(&other, &[]).run().success().says("no sentinel knows this service");
    comes_from(&outcome, "issuer");
}
