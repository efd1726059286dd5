//! Hosts as network namespaces: what they reach of each other, and what they do not.

use std::process::Command;

use super::KEY;
use crate::common::network::Hosts;
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{get, init, set_credential};

#[test]
fn a_host_reaches_what_is_on_the_bridge() {
    Hosts::joined(3, |hosts| {
        let server = RedisServer::at(hosts.address());
        let (address, port) = (server.address().ip().to_string(), server.port().to_string());
        for host in 0..3 {
            let set = ["-h", &address, "-p", &port, "SET", &format!("{KEY}/{host}"), "value"];
            assert_eq!(said(hosts.command(host, "redis-cli").args(set)), "OK\n");
        }
        assert_eq!(server.keys(), [0, 1, 2].map(|host| format!("{KEY}/{host}")));
        let clients = server.cli(&["CONFIG", "GET", "bind"]);
        assert!(clients.ends_with(&address), "{clients}");
    });
}

#[test]
fn a_host_reaches_the_others_and_not_their_loopback() {
    Hosts::joined(2, |hosts| {
        // Of the same port on every host's loopback only one is open.
        let folder = tempfile::tempdir().expect("a temporary directory");
        let port = "7000";
        let server = |host: usize, bind: &str| {
            let mut command = hosts.command(host, "redis-server");
            command.args(["--port", port, "--bind", bind, "--protected-mode", "no", "--save", "", "--dir"]);
            command.arg(folder.path()).stdout(std::process::Stdio::null()).spawn().expect("redis-server runs")
        };
        let ping = |host: usize, at: &str| said(hosts.command(host, "redis-cli").args(["-h", at, "-p", port, "PING"]));
        let address = hosts.address_of(1).to_string();
        let mut children = [server(0, "127.0.0.1"), server(1, &address)];
        for (host, at) in [(0, "127.0.0.1"), (0, &address), (1, &address)] {
            crate::common::condition::wait_until("a server answers", || ping(host, at) == "PONG\n");
        }
        assert_eq!(ping(1, "127.0.0.1"), "", "the other one's loopback");
        assert_eq!(ping(1, &hosts.address_of(0).to_string()), "", "what listens on the loopback alone");
        for child in &mut children {
            child.kill().and_then(|()| child.wait()).expect("it is our child");
        }
    });
}

#[test]
fn a_host_gets_a_token_from_an_issuer_on_the_bridge() {
    Hosts::joined(1, |hosts| {
        let issuer = Issuer::start_with(["--tls", "--address", &hosts.address().to_string()]);
        let environment = TestEnvironment::new();
        init(&environment);
        let ca_file = issuer.ca_file().display().to_string();
        set_credential(&environment, &issuer.token_url(), &["--ca-file", &ca_file]).run().success();
        hosts.run_in(0, get(&environment)).run().success().token();
        assert_eq!(issuer.count("/token"), 1);
    });
}

#[test]
fn a_run_of_tokenkeep_can_take_place_in_a_host() {
    Hosts::joined(2, |hosts| {
        let environment = TestEnvironment::new();
        hosts.run_in(0, environment.tokenkeep(["--help"])).run().success();
        let address = |host| {
            let show = environment.program("ip", ["-brief", "-4", "address", "show", "dev", "eth0"]);
            hosts.run_in(host, show).run().success().stdout_str().to_owned()
        };
        for host in 0..2 {
            assert!(address(host).contains(&format!(" {}/16", hosts.address_of(host))), "{}", address(host));
        }
    });
}

#[test]
#[should_panic(expected = "with hosts: exit status: 101")]
fn a_test_that_fails_with_hosts_fails() {
    Hosts::joined(1, |_| panic!("as a test does"));
    assert!(!Hosts::are_possible(), "a test that failed passes");
    panic!("it would have ended, with hosts: exit status: 101");
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.output().expect("it runs").stdout).expect("text")
}
