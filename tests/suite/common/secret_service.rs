//! A Secret Service of a test's own: a session bus, and on it the real gnome-keyring or one with a fault.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Invocation;

/// Opens the keyring; a test that is told another one meets a locked one.
const PASSWORD: &str = "CANARY-PASSWORD-of-the-keyring";
/// No test waits for this; it turns a wait for what never happens into a failure.
const NEVER: Duration = Duration::from_secs(60);
const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";

/// A session bus that starts nothing by itself; killed when this is dropped.
pub(crate) struct Bus {
    daemon: Child,
    folder: TempDir,
    address: String,
}

impl Bus {
    /// A bus without any service.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bus-").tempdir().expect("a temporary directory");
        let config = folder.path().join("bus.conf");
        // No service directories: neither a keyring nor a prompter comes unasked.
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy \
             context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow \
             own='*'/></policy></busconfig>",
            folder.path().join("bus").display()
        );
        std::fs::write(&config, text).expect("the folder is ours");
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--print-address=1", "--config-file"]).arg(&config);
        let mut daemon = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("dbus-daemon starts");
        let address = first_line(daemon.stdout.take().expect("stdout is piped"));
        Self { daemon, folder, address }
    }

    /// A run that finds this bus.
    pub(crate) fn seen_by(&self, invocation: Invocation) -> Invocation {
        invocation.env("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }

    /// A command of the test's own on this bus.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("HOME", self.folder.path());
        command.env("XDG_RUNTIME_DIR", self.folder.path()).env_remove("DISPLAY").env_remove("XDG_DATA_HOME");
        command
    }

    fn wait_for_service(&self) {
        let status = self.command("gdbus").args(["wait", "--session", "--timeout", "60", NAME]).status();
        assert!(status.is_ok_and(|status| status.success()), "somebody has the name {NAME}");
        // It takes its name before it has anything to answer with.
        let answers = || {
            let mut asked = self.command("gdbus");
            asked.args(["call", "--session", "--dest", NAME, "--object-path", "/org/freedesktop/secrets", "--method"]);
            asked.args(["org.freedesktop.DBus.Properties.Get", "org.freedesktop.Secret.Service", "Collections"]);
            asked.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let answered = (0..600).any(|_| {
            let answered = answers();
            if !answered {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            answered
        });
        assert!(answered, "whoever has the name {NAME} answers");
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// gnome-keyring on a bus of its own, with a home of its own.
pub(crate) struct SecretService {
    daemon: Child,
    bus: Bus,
}

impl SecretService {
    /// One with an unlocked default collection.
    pub(crate) fn unlocked() -> Self {
        Self::on(Bus::start(), Some(PASSWORD))
    }

    /// One that has no collection at all.
    pub(crate) fn without_collection() -> Self {
        Self::on(Bus::start(), None)
    }

    fn on(bus: Bus, password: Option<&str>) -> Self {
        let daemon = Self::daemon(&bus, password);
        bus.wait_for_service();
        Self { daemon, bus }
    }

    fn daemon(bus: &Bus, password: Option<&str>) -> Child {
        let runtime = bus.folder.path().join("keyring");
        let _ = std::fs::DirBuilder::new().mode(0o700).create(&runtime);
        let mut command = bus.command("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets", "--control-directory"]).arg(runtime);
        if password.is_some() {
            command.arg("--unlock");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut daemon = command.spawn().expect("gnome-keyring-daemon starts");
        let mut stdin = daemon.stdin.take().expect("stdin is piped");
        stdin.write_all(password.unwrap_or_default().as_bytes()).expect("it reads its password");
        daemon
    }

    /// Ends the daemon and starts it anew: a session after the last one, opened with the right password or a wrong one.
    pub(crate) fn next_session(&mut self, opened: Opened) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        self.daemon = Self::daemon(&self.bus, Some(if opened == Opened::Rightly { PASSWORD } else { "not this one" }));
        self.bus.wait_for_service();
    }

    /// A run that finds this service.
    pub(crate) fn seen_by(&self, invocation: Invocation) -> Invocation {
        self.bus.seen_by(invocation)
    }

    /// Locks the default collection.
    pub(crate) fn lock(&self) {
        let mut lock = self.bus.command("gdbus");
        lock.args(["call", "--session", "-d", NAME, "-o", PATH, "-m", "org.freedesktop.Secret.Service.Lock"]);
        lock.arg(format!("['{PATH}/collection/login']"));
        assert!(lock.output().is_ok_and(|output| output.status.success()), "the collection can be locked");
    }

    /// Stops the daemon: it has its name and does not answer.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills the daemon and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.daemon.wait().expect("a child can be waited for");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.daemon), signal).expect("it is our child");
    }

    /// The names of all items of tokenkeep, sorted.
    pub(crate) fn items(&self) -> Vec<String> {
        let output = tool(&self.bus).arg("list").output().expect("python3 runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("names are text").lines().map(str::to_owned).collect()
    }

    /// The number of items whose name begins so.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.items().iter().filter(|name| name.starts_with(prefix)).count()
    }

    /// Deletes the one item whose name begins so.
    pub(crate) fn delete(&self, prefix: &str) {
        self.edit("delete", prefix, b"");
    }

    /// Makes a second item like the one whose name begins so.
    pub(crate) fn duplicate(&self, prefix: &str) {
        self.edit("duplicate", prefix, b"");
    }

    /// Gives the one item whose name begins so another content.
    pub(crate) fn replace(&self, prefix: &str, content: impl AsRef<[u8]>) {
        self.edit("replace", prefix, content.as_ref());
    }

    fn edit(&self, what: &str, prefix: &str, content: &[u8]) {
        let mut edit = tool(&self.bus).args([what, prefix]).stdin(Stdio::piped()).spawn().expect("python3 runs");
        edit.stdin.take().expect("stdin is piped").write_all(content).expect("it reads, or needs nothing");
        assert!(edit.wait().expect("a child can be waited for").success(), "{what} {prefix}");
    }

    /// Watches what the service is asked from now on.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch::begin(&self.bus)
    }
}

impl Drop for SecretService {
    #[expect(clippy::print_stderr, reason = "whoever reads the output has to know why the test failed")]
    fn drop(&mut self) {
        let signal = |daemon: &mut Child| daemon.try_wait().ok().flatten().and_then(|status| status.signal());
        // Its end is known a moment after its silence.
        let ended = std::thread::panicking().then(|| {
            (0..20).find_map(|_| {
                std::thread::sleep(Duration::from_millis(10));
                signal(&mut self.daemon)
            })
        });
        if ended.flatten() == Some(Signal::TRAP.as_raw()) {
            // scripts/test reads this.
            eprintln!("gnome-keyring was ended by its own SIGTRAP");
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// With what a session begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    Rightly,
    WithAWrongPassword,
}

/// A small service of our own that misbehaves: see `serve` in `tests/peers/keyring.py`.
pub(crate) struct FaultyService {
    process: Child,
    output: BufReader<ChildStdout>,
    bus: Bus,
}

impl FaultyService {
    pub(crate) fn start(fault: &str) -> Self {
        let bus = Bus::start();
        let mut command = tool(&bus);
        command.args(["serve", fault]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 runs");
        let mut output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says when it is ready");
        assert_eq!(line, "ready\n", "the service for {fault} starts");
        Self { process, output, bus }
    }

    /// A run that finds this service.
    pub(crate) fn seen_by(&self, invocation: Invocation) -> Invocation {
        self.bus.seen_by(invocation)
    }

    /// Ends it, and asserts that no item was written over.
    pub(crate) fn assert_nothing_overwritten(mut self) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its output is text");
        assert_eq!(rest, "", "an item that is there is never written over");
    }
}

impl Drop for FaultyService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the service was asked since a moment.
pub(crate) struct Watch<'a> {
    monitor: Child,
    lines: Receiver<String>,
    bus: &'a Bus,
}

impl<'a> Watch<'a> {
    fn begin(bus: &'a Bus) -> Self {
        let mut command = bus.command("dbus-monitor");
        command.args(["--session", "interface='org.freedesktop.Secret.Item'"]);
        command.args(["interface='org.freedesktop.Secret.Service'", "interface='tokenkeep.Test'"]);
        let mut monitor = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("dbus-monitor starts");
        let output = BufReader::new(monitor.stdout.take().expect("stdout is piped"));
        let (tell, lines) = mpsc::channel();
        // In a thread: a full pipe would hold the bus. The messages' own bytes need not be text.
        std::thread::spawn(move || {
            let lines = output.split(b'\n').map_while(Result::ok);
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| tell.send(line))
        });
        let watch = Self { monitor, lines, bus };
        // The bus takes a monitor's name away from it: from then on it sees everything.
        watch.until("member=NameLost");
        watch
    }

    /// How many secrets were read.
    pub(crate) fn reads(self) -> usize {
        let mut signal = self.bus.command("dbus-send");
        let sent = signal.args(["--session", "--type=signal", "/", "tokenkeep.Test.Ended"]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a signal can be sent");
        let lines = self.until("member=Ended");
        lines.iter().filter(|line| line.starts_with("method call") && line.contains("member=GetSecret")).count()
    }

    fn until(&self, end: &str) -> Vec<String> {
        let lines = std::iter::repeat_with(|| self.lines.recv_timeout(NEVER).expect("dbus-monitor shows it"));
        lines.take_while(|line| !line.contains(end)).collect()
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}

fn tool(bus: &Bus) -> Command {
    // The system's Python: the D-Bus modules are Debian packages.
    let mut command = bus.command("/usr/bin/python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/keyring.py"));
    command
}

fn first_line(stdout: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("the daemon says where it listens");
    line.trim_end().to_owned()
}
