//! redis-cli: how a test, or an operator, speaks to a server past the program under test.

use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;

use super::options::Login;
use crate::common::condition::wait_until;

/// The last command that a capture shows.
const MARK: &str = "the end of the capture";

/// Who asks, and which server.
#[derive(Clone)]
pub(crate) struct Cli {
    address: SocketAddr,
    login: Login,
    ca: Option<PathBuf>,
}

impl Cli {
    pub(super) fn new(address: SocketAddr, login: Login, ca: Option<PathBuf>) -> Self {
        Self { address, login, ca }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same server, asked by another user.
    pub(crate) fn as_user(&self, login: Login) -> Self {
        Self { login, ..self.clone() }
    }

    /// What it prints, without the newlines at its end; the server's answer may be an error.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).unwrap_or_else(|error| panic!("redis-cli {}: {error}", words.join(" ")))
    }

    /// Fails where the server could not be asked.
    pub(crate) fn try_ask(&self, words: &[&str]) -> Result<String, String> {
        let bytes = self.run(words, b"")?;
        // One after an answer, two after an error.
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// The bytes of an answer that is one string.
    pub(crate) fn ask_for_bytes(&self, words: &[&str]) -> Vec<u8> {
        let mut bytes = self.ask_with(words, b"");
        assert_eq!(bytes.pop(), Some(b'\n'), "redis-cli ends with a newline");
        bytes
    }

    /// What it prints where it is given bytes on stdin.
    pub(crate) fn ask_with(&self, words: &[&str], stdin: &[u8]) -> Vec<u8> {
        self.run(words, stdin).unwrap_or_else(|error| panic!("redis-cli {}: {error}", words.join(" ")))
    }

    pub(super) fn monitor(&self) -> Monitor {
        let file = tempfile::Builder::new().prefix("monitor-").tempfile().expect("a temporary file");
        let mut command = self.command();
        let output = file.reopen().expect("the file is ours");
        command.arg("MONITOR").stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        let process = command.spawn().expect("redis-cli runs");
        let monitor = Monitor { process, file, cli: self.clone() };
        wait_until("MONITOR begins", || monitor.text().starts_with("OK\n"));
        monitor
    }

    fn run(&self, words: &[&str], stdin: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = self.command();
        command.args(words).stdin(given(stdin)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().expect("redis-cli runs");
        if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", &self.address.ip().to_string(), "-p", &self.address.port().to_string(), "--raw"]);
        if !self.login.password.is_empty() {
            // Not in the arguments, which everybody sees.
            command.env("REDISCLI_AUTH", self.login.password).args(["--user", self.login.user]);
        }
        if let Some(ca) = &self.ca {
            command.arg("--tls").arg("--cacert").arg(ca);
        }
        command
    }
}

/// A file and not a pipe: it is never full, and nobody has to write while another one reads.
fn given(bytes: &[u8]) -> Stdio {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("a temporary file can be written");
    Stdio::from(file)
}

/// Every command that reaches a server since a moment, as MONITOR shows it.
pub(crate) struct Monitor {
    process: Child,
    file: NamedTempFile,
    cli: Cli,
}

impl Monitor {
    /// All that the server has carried out until now.
    pub(crate) fn finish(mut self) -> String {
        match self.cli.try_ask(&["ECHO", MARK]) {
            Ok(_) => wait_until("MONITOR shows the last command", || self.text().contains(MARK)),
            // A server that is gone has ended its monitors.
            Err(_) => drop(self.process.wait()),
        }
        let text = self.text();
        text.lines().filter(|line| !line.contains(MARK)).flat_map(|line| [line, "\n"]).collect()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file.path()).expect("MONITOR writes ASCII")
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
