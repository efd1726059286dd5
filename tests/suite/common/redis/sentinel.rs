//! A master with two replicas, and three sentinels that watch them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::cli::Cli;
use super::daemon::{Daemon, free_port};
use super::options::Login;
use super::{RedisOptions, RedisServer};
use crate::common::condition::wait_until;

/// The name by which clients ask for the master.
pub(crate) const SERVICE: &str = "fleet";

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Three servers and three sentinels; they are killed when this is dropped.
pub(crate) struct RedisSentinel {
    sentinels: Vec<Sentinel>,
    servers: Vec<RedisServer>,
}

struct Sentinel {
    _daemon: Daemon,
    cli: Cli,
}

impl RedisSentinel {
    /// One in which every sentinel knows the others and both replicas.
    pub(crate) fn start() -> Self {
        let master = RedisServer::start();
        let replicas = [(); 2].map(|()| RedisServer::replica_of(&master));
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::start(master.port())).collect();
        for (what, count) in [("num-slaves", "2"), ("num-other-sentinels", "2")] {
            wait_until(&format!("{what} is {count}"), || {
                sentinels.iter().all(|sentinel| sentinel.told(what).as_deref() == Some(count))
            });
        }
        Self { sentinels, servers: [master].into_iter().chain(replicas).collect() }
    }

    /// What `url` of `[fleet]` would say.
    pub(crate) fn url(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(|sentinel| sentinel.cli.address().to_string()).collect();
        format!("redis+sentinel://{}/{SERVICE}", addresses.join(","))
    }

    /// Where the first sentinel says that the master is.
    pub(crate) fn master_port(&self) -> u16 {
        self.sentinels[0].master_port()
    }

    pub(crate) fn master(&self) -> &RedisServer {
        let port = self.master_port();
        self.servers.iter().find(|server| server.port() == port).expect("the master is one of the servers")
    }

    /// Kills the master, and returns its port.
    pub(crate) fn kill_master(&mut self) -> u16 {
        let port = self.master_port();
        self.servers.iter_mut().find(|server| server.port() == port).expect("it is one of the servers").kill();
        port
    }

    /// Waits until every sentinel names a master that runs and takes writes, and returns its port.
    pub(crate) fn wait_for_new_master(&self) -> u16 {
        let is_master = |port| {
            let named = self.servers.iter().find(|server| server.is_running() && server.port() == port);
            named.is_some_and(|server| server.info("role").as_deref() == Some("master"))
        };
        wait_until("the sentinels name a master that runs", || {
            let port = self.master_port();
            self.sentinels.iter().all(|sentinel| sentinel.master_port() == port) && is_master(port)
        });
        self.master_port()
    }
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let config = |folder: &Path| {
            let port = free_port(HERE);
            let mut text = format!("bind {HERE}\nport {port}\ndir {}\nlogfile \"\"\n", folder.display());
            for line in [
                &format!("monitor {SERVICE} {HERE} {master} 2"),
                &format!("down-after-milliseconds {SERVICE} 1000"),
                // Two that stand for election at once try again after twice this.
                &format!("failover-timeout {SERVICE} 2000"),
            ] {
                writeln!(text, "sentinel {line}").expect("a string takes everything");
            }
            (text, port)
        };
        let (daemon, port) = Daemon::start_on_a_free_port(Path::new("redis-sentinel"), "Sentinel ID is", config);
        let cli = Cli::new(SocketAddr::new(HERE, port), Login { user: "default", password: "" }, None);
        // By itself it asks for replicas each 10 seconds and tells of itself each 2. Its pings stay as they are: a
        // replica that answered five of them ago is no candidate, and in a failover they are asked once a second.
        let hurry = ["INFO-PERIOD", "200", "PUBLISH-PERIOD", "200", "ASK-PERIOD", "100"];
        assert_eq!(cli.ask(&[&["SENTINEL", "DEBUG"][..], &hurry].concat()), "OK");
        Self { _daemon: daemon, cli }
    }

    fn master_port(&self) -> u16 {
        let answer = self.cli.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        answer.lines().last().and_then(|port| port.parse().ok()).expect("an address and a port")
    }

    /// A member of what it tells of the master.
    fn told(&self, member: &str) -> Option<String> {
        let answer = self.cli.ask(&["SENTINEL", "MASTER", SERVICE]);
        answer.lines().skip_while(|line| *line != member).nth(1).map(str::to_owned)
    }
}
