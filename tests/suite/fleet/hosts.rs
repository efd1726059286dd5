//! Twenty hosts with ten processes each, all cold (FAULTS H4, H5): hosts as the kernel has them, and an issuer and a
//! store that they reach over a network.

use rustix::process::Pid;

use super::host::{SECRET, host_with, patiently, wait_for_hosts};
use crate::common::issuer::{Behaviour, CLIENT_ID};
use crate::common::network::Hosts;
use crate::common::redis::RedisServer;
use crate::common::{Issuer, Outcome, Running, TestEnvironment};
use crate::herd::{alone, turn};

const HOSTS: usize = 20;
const PROCESSES: usize = 10;

/// A fleet in which everybody waits for the one who asks the issuer.
struct Fleet {
    issuer: Issuer,
    store: RedisServer,
    hosts: Vec<TestEnvironment>,
    /// The processes of each host.
    herds: Vec<Vec<Running>>,
}

impl Fleet {
    fn waiting(network: &Hosts) -> Self {
        let address = network.address();
        let client = format!("{CLIENT_ID}:{SECRET}");
        let issuer = Issuer::start_with(["--tls", "--address", &address.to_string(), "--client", &client]);
        let store = RedisServer::at(address);
        let ca_file = issuer.ca_file().display().to_string();
        let shared = patiently(&store.url());
        let hosts: Vec<_> = (0..HOSTS).map(|_| host_with(&issuer, &shared, &["--ca-file", &ca_file])).collect();
        assert_eq!(issuer.traffic().accepted, 0, "nobody has asked for anything");

        issuer.behave_times("/token", 1, Behaviour::Hold);
        let one = |host: usize| {
            let get = hosts[host].tokenkeep(["token", "get"]).prints_token();
            network.run_in(host, get).spawn()
        };
        // One of each host, and then the next: all hosts begin together.
        let mut herds: Vec<Vec<Running>> = (0..HOSTS).map(|_| Vec::new()).collect();
        for _ in 0..PROCESSES {
            herds.iter_mut().enumerate().for_each(|(host, herd)| herd.push(one(host)));
        }
        issuer.wait_for_requests("/token", 1);
        wait_for_hosts(&store, HOSTS);
        hosts.iter().for_each(|host| turn::wait_for_waiters(host, PROCESSES - 1));
        assert_eq!(issuer.count("/token"), 1);
        Self { issuer, store, hosts, herds }
    }

    /// Takes the process that asks the issuer out of its herd: of those that have their host's turn, the one with a
    /// connection there.
    fn take_out_who_asks(&mut self) -> Running {
        let port = self.issuer.address().port();
        let asks = |pid: Pid| is_connected_to(pid, port);
        let holders = self.hosts.iter().map(turn::holder);
        let (host, pid) = holders.enumerate().find(|(_, pid)| asks(*pid)).expect("somebody asks the issuer");
        let herd = &mut self.herds[host];
        let index = herd.iter().position(|one| one.pid() == pid).expect("it is one of the host's");
        herd.swap_remove(index)
    }

    /// What the processes of each host said.
    fn end(&mut self) -> Vec<Vec<Outcome>> {
        let herds = std::mem::take(&mut self.herds);
        herds.into_iter().map(|herd| herd.into_iter().map(Running::wait).collect()).collect()
    }
}

/// Whether a process's host has a connection to a port, as /proc/PID/net/tcp tells:
/// `  0: 0101000A:B2F4 0100000A:20FB 01 ...`, the remote address third and then the state.
fn is_connected_to(pid: Pid, port: u16) -> bool {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", pid.as_raw_nonzero())).expect("it runs");
    let remote = format!(":{port:04X}");
    table.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        matches!(words[..], [_, _, address, "01", ..] if address.ends_with(&remote))
    })
}

fn assert_one_token<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, count: usize) {
    let outcomes: Vec<_> = outcomes.into_iter().collect();
    assert_eq!(outcomes.len(), count);
    for outcome in &outcomes {
        assert!(outcome.code == 0, "{outcome:?}");
        assert!(outcome.token() == outcomes[0].token(), "all have the same token");
    }
}

/// H4.
#[test]
fn two_hundred_processes_on_twenty_cold_hosts_cause_one_request() {
    let _alone = alone();
    Hosts::joined(HOSTS, |network| {
        let mut fleet = Fleet::waiting(network);
        fleet.issuer.release();
        let outcomes = fleet.end().into_iter().flatten().collect::<Vec<_>>();
        assert_one_token(&outcomes, HOSTS * PROCESSES);
        assert!(outcomes.iter().all(|outcome| outcome.stderr.is_empty()), "nothing is said");
        assert_eq!(fleet.issuer.count("/token"), 1);
    });
}

/// H4.
#[test]
fn when_the_store_dies_while_one_asks_for_all_every_host_asks_once() {
    let _alone = alone();
    Hosts::joined(HOSTS, |network| {
        let mut fleet = Fleet::waiting(network);
        fleet.store.kill();
        // Whoever waited goes on alone; the one that asked for all is answered when they are served.
        fleet.issuer.wait_for_requests("/token", HOSTS);
        fleet.issuer.release();
        for outcomes in fleet.end() {
            assert_one_token(&outcomes, PROCESSES);
            let warned: Vec<_> = outcomes.iter().filter(|outcome| !outcome.stderr.is_empty()).collect();
            let [warned] = warned[..] else { panic!("one of each host is told: {outcomes:?}") };
            let lines: Vec<_> = warned.stderr.lines().collect();
            assert!(lines.len() == 1 && lines[0].starts_with("warning: fleet_unavailable: "), "{warned:?}");
        }
        assert_eq!(fleet.issuer.count("/token"), HOSTS);
    });
}

/// H4, H5.
#[test]
fn when_the_one_who_asks_for_all_is_killed_one_other_asks() {
    let _alone = alone();
    Hosts::joined(HOSTS, |network| {
        let mut fleet = Fleet::waiting(network);
        let asking = fleet.take_out_who_asks();
        asking.kill();
        asking.wait().exits(128 + 9);
        let outcomes = fleet.end().into_iter().flatten().collect::<Vec<_>>();
        assert_one_token(&outcomes, HOSTS * PROCESSES - 1);
        assert!(outcomes.iter().all(|outcome| outcome.stderr.is_empty()), "nobody gave anything up");
        assert_eq!(fleet.issuer.count("/token"), 2);
    });
}
