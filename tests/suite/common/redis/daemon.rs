//! A server's process, with a folder and a configuration of its own.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

/// A running process; it is killed when this is dropped.
pub(super) struct Daemon {
    program: PathBuf,
    folder: TempDir,
    /// None once it was killed and waited for.
    child: Option<Child>,
}

impl Daemon {
    /// Starts a program, with a configuration that names a free port, and returns when it has said that it is ready.
    /// Whoever else takes the port in between makes it end at once: then another one is tried.
    pub(super) fn start_on_a_free_port(
        program: &Path,
        ready: &str,
        configure: impl Fn(&Path) -> (String, u16),
    ) -> (Self, u16) {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().expect("a temporary directory");
        let mut daemon = Self { program: program.to_owned(), folder, child: None };
        let mut said = String::new();
        for _ in 0..5 {
            let (config, port) = configure(daemon.folder());
            std::fs::write(daemon.config(), config).expect("the folder is ours");
            match daemon.spawn(ready) {
                Ok(()) => return (daemon, port),
                Err(log) => said = log,
            }
        }
        panic!("{} does not start:\n{said}", program.display())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it was not killed"))
    }

    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("it is our child");
        }
    }

    pub(super) fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).expect("it is our child");
        let told = waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("it is our child");
        assert!(told.is_some_and(|(_, status)| status.stopped()), "it stands still");
    }

    pub(super) fn cont(&self) {
        kill_process(self.pid(), Signal::CONT).expect("it is our child");
    }

    /// Ends it, and starts it with the configuration and the files that it had.
    pub(super) fn restart(&mut self, ready: &str) {
        self.kill();
        self.spawn(ready).unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
    }

    /// Fails with what it said.
    fn spawn(&mut self, ready: &str) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.arg(self.config()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        if let Err(log) = wait_for_line(&mut stdout, ready) {
            child.kill().and_then(|()| child.wait()).expect("it is our child");
            return Err(log);
        }
        // A full pipe would hold it.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        self.child = Some(child);
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.folder().join("server.conf")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port below those that the system gives to connections and to whoever asks for any: after a kill nobody gets it by
/// chance, and a restart finds it free.
pub(super) fn free_port(address: IpAddr) -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Test processes that run side by side begin at different places.
    let begin = std::process::id().wrapping_mul(131);
    let ports = std::iter::repeat_with(|| begin.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST);
    ports
        .take(COUNT as usize)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| TcpListener::bind((address, port)).is_ok())
        .expect("a port is free")
}

fn wait_for_line(stdout: &mut BufReader<ChildStdout>, wanted: &str) -> Result<(), String> {
    let mut log = String::new();
    for line in stdout.lines().map_while(Result::ok) {
        if line.contains(wanted) {
            return Ok(());
        }
        log.extend([&line, "\n"]);
    }
    Err(log)
}
