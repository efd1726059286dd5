//! With what a server begins.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::cli::Cli;
use super::daemon::{Daemon, free_port};
use super::{READY, RedisServer};
use crate::common::authority::Authority;

/// A user's name and password.
#[derive(Clone, Copy)]
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
}

/// The user that a client of a store is.
pub(crate) const CLIENT: Login = Login { user: "tokenkeep", password: PASSWORD };
/// The password of the store, with a user's name and without.
pub(crate) const PASSWORD: &str = "CANARY-PASSWORD-of-the-store";

/// Who may do everything, where not everybody may.
const ADMINISTRATOR: Login = Login { user: "administrator", password: "CANARY-PASSWORD-of-its-administrator" };

/// What [`CLIENT`] may do: its own keys, and what a client does with them. AUTH and HELLO are everybody's.
const RIGHTS: &str = "~tokenkeep/v1/* resetchannels -@all +ping +select +get +getrange +pttl +exists +set +del +incr \
                      +pexpire +eval";

/// The program, its address and the lines of its configuration.
#[must_use = "options do nothing until they are started with"]
pub(crate) struct RedisOptions {
    program: PathBuf,
    address: IpAddr,
    login: Login,
    ca: Option<PathBuf>,
    users: bool,
    awaits_master: bool,
    lines: Vec<String>,
}

impl RedisOptions {
    pub(crate) fn new() -> Self {
        Self {
            program: "redis-server".into(),
            address: Ipv4Addr::LOCALHOST.into(),
            login: Login { user: "default", password: "" },
            ca: None,
            users: false,
            awaits_master: false,
            lines: Vec::new(),
        }
    }

    pub(crate) fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    pub(crate) fn at(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Asks everybody for [`PASSWORD`].
    pub(crate) fn password(mut self) -> Self {
        self.login = Login { user: "default", password: PASSWORD };
        self.line(&format!("requirepass {PASSWORD}"))
    }

    /// Takes [`CLIENT`], and nobody without a name.
    pub(crate) fn users(mut self) -> Self {
        self.users = true;
        self.login = ADMINISTRATOR;
        self
    }

    /// TLS alone, by a certificate for 127.0.0.1 and localhost.
    pub(crate) fn tls(mut self, authority: &Authority) -> Self {
        let folder = authority.folder().display();
        self.ca = Some(authority.ca_file());
        self.line(&format!("tls-cert-file {folder}/server.pem"))
            .line(&format!("tls-key-file {folder}/server.key"))
            .line(&format!("tls-ca-cert-file {folder}/ca.pem"))
            .line("tls-auth-clients no")
    }

    pub(crate) fn replica_of(mut self, master: &RedisServer) -> Self {
        self.awaits_master = true;
        self.line(&format!("replicaof {} {}", master.address().ip(), master.port()))
    }

    /// Keeps everything on disk: it is there after [`RedisServer::restart`].
    pub(crate) fn persistent(self) -> Self {
        self.line("appendonly yes").line("appendfsync always")
    }

    /// A line of the configuration; it wins over those before it.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    pub(crate) fn start(self) -> RedisServer {
        let (daemon, port) = Daemon::start_on_a_free_port(&self.program, READY, |folder| {
            let port = free_port(self.address);
            if self.users {
                write_users(folder);
            }
            (self.config(folder, port), port)
        });
        let cli = Cli::new(SocketAddr::new(self.address, port), self.login, self.ca.clone());
        let server = RedisServer { daemon, cli, tls: self.ca.is_some() };
        if self.awaits_master {
            server.wait_for_master();
        }
        server
    }

    fn config(&self, folder: &Path, port: u16) -> String {
        let folder = folder.display();
        let (plain, tls) = if self.ca.is_some() { (0, port) } else { (port, 0) };
        let mut text = format!(
            "bind {}\nport {plain}\ndir {folder}\ndaemonize no\nlogfile \"\"\nprotected-mode no\nsave \"\"\nappendonly \
             no\nenable-debug-command local\n",
            self.address
        );
        // Dumps are searched for secrets, and replicas are waited for.
        text.push_str("rdbcompression no\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n");
        if tls != 0 {
            writeln!(text, "tls-port {tls}").expect("a string takes everything");
        }
        if self.users {
            writeln!(text, "aclfile {folder}/users.acl").expect("a string takes everything");
        }
        self.lines.iter().for_each(|line| text.extend([line, "\n"]));
        text
    }
}

fn write_users(folder: &Path) {
    let named = |login: Login, rights: &str| format!("user {} on >{} {rights}\n", login.user, login.password);
    let users = [named(CLIENT, RIGHTS), named(ADMINISTRATOR, "~* &* +@all"), "user default off\n".to_owned()];
    std::fs::write(folder.join("users.acl"), users.concat()).expect("the folder is ours");
}
