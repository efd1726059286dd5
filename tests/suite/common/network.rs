//! Several hosts on one machine: network namespaces that a bridge joins.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use super::environment::is_root;
use super::{Invocation, skipped};

/// Says to a test that it runs in a network of its own.
const JOINED: &str = "TOKENKEEP_TEST_NETWORK";
/// Seconds after which a test with hosts is ended, with all that it started.
const LONGEST: &str = "300";
const MOST: usize = 32;

/// What everything below sees of itself alone. It ends, and the namespaces with it, when its first process does.
const OF_ITS_OWN: [&str; 6] = ["--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"];
/// The same for one who is not root, or a root who may not.
const AS_ITS_OWN_ROOT: [&str; 2] = ["--user", "--map-root-user"];

/// Makes way for named namespaces, and runs the rest. The shell stays: the first process has to bury the others' children.
const SETUP: &str = "mount -t tmpfs tmpfs /run && ip link set lo up || exit; \"$@\"; exit $?";

/// Some hosts with a loopback each, and the bridge between them; the test itself and what it starts are on the bridge.
pub(crate) struct Hosts {
    count: usize,
}

impl Hosts {
    /// Runs a test that has hosts; where this machine gives none, says so and does not run it.
    ///
    /// The test runs in a process of its own: this very one of this very binary, in namespaces that nobody else sees.
    /// Nothing is left of them after a kill, names and addresses meet no others, and one who is not root has them too.
    /// The test is known by its closure, so `joined` is called by the test function itself.
    pub(crate) fn joined<T: FnOnce(&Self)>(count: usize, test: T) {
        assert!((1..=MOST).contains(&count), "{count} hosts");
        if std::env::var_os(JOINED).is_some() {
            return test(&Self::join(count));
        }
        let namespaces = match namespaces() {
            Ok(namespaces) => namespaces,
            Err(reason) => return skipped(&format!("there are no network namespaces here: {reason}")),
        };
        let binary = std::env::current_exe().expect("a test knows its own path");
        let name = std::any::type_name::<T>().trim_end_matches("::{{closure}}");
        let (_, name) = name.split_once("::").expect("a test is in the module of its file");
        let output = separated(namespaces)
            .args(["timeout", "--foreground", "--signal", "KILL", LONGEST])
            .arg(binary)
            .args(["--exact", name, "--test-threads", "1"])
            .env(JOINED, "1")
            // What it skips is said at once; how it fails is said below.
            .stderr(Stdio::inherit())
            .output()
            .expect("unshare runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{name} with hosts: {}\n{said}", output.status);
    }

    /// Whether this machine gives them.
    pub(crate) fn are_possible() -> bool {
        namespaces().is_ok()
    }

    /// Where what the test starts is reached from every host.
    #[expect(clippy::unused_self, reason = "without hosts there is no such address")]
    pub(crate) fn address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
    }

    /// The address of a host.
    pub(crate) fn address_of(&self, host: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 1, self.number(host)))
    }

    /// A command that will run in a host.
    pub(crate) fn command(&self, host: usize, program: &str) -> Command {
        let mut words = self.enter(host).into_iter();
        let mut command = Command::new(words.next().expect("a prefix has a program"));
        command.args(words).arg(program);
        command
    }

    /// Lets a run take place in a host.
    pub(crate) fn run_in(&self, host: usize, invocation: Invocation) -> Invocation {
        invocation.under(self.enter(host))
    }

    fn enter(&self, host: usize) -> [OsString; 2] {
        ["nsenter".into(), format!("--net=/run/netns/host{}", self.number(host)).into()]
    }

    fn number(&self, host: usize) -> u8 {
        assert!(host < self.count, "there are {} hosts", self.count);
        u8::try_from(host + 1).expect("there are few")
    }

    fn join(count: usize) -> Self {
        let hosts = Self { count };
        let mut outside =
            format!("link add bridge type bridge\naddr add {}/16 dev bridge\nlink set bridge up\n", hosts.address());
        for number in (0..count).map(|host| hosts.number(host)) {
            outside.push_str(&format!(
                "netns add host{number}\nlink add to{number} type veth peer name eth0 netns host{number}\n\
                 link set to{number} master bridge up\n"
            ));
        }
        ip(&[], &outside);
        for host in 0..count {
            let name = format!("host{}", hosts.number(host));
            let address = hosts.address_of(host);
            ip(&["-n", &name], &format!("link set lo up\naddr add {address}/16 dev eth0\nlink set eth0 up\n"));
        }
        hosts
    }
}

/// Runs the lines of a batch.
fn ip(options: &[&str], lines: &str) {
    let mut command = Command::new("ip");
    let mut ip = command.args(options).args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("ip runs");
    ip.stdin.take().expect("stdin is piped").write_all(lines.as_bytes()).expect("ip reads its batch");
    assert!(ip.wait().expect("a child can be waited for").success(), "ip {options:?}:\n{lines}");
}

/// The options of unshare with which this machine gives namespaces, or why it does not.
fn namespaces() -> Result<&'static [&'static str], &'static str> {
    static NAMESPACES: OnceLock<Result<Vec<&str>, String>> = OnceLock::new();
    let found = NAMESPACES.get_or_init(|| {
        let as_its_own_root = [&OF_ITS_OWN[..], &AS_ITS_OWN_ROOT].concat();
        let mut reason = String::new();
        for options in is_root().then(|| OF_ITS_OWN.to_vec()).into_iter().chain([as_its_own_root]) {
            match separated(&options).args(["ip", "link", "add", "bridge", "type", "bridge"]).output() {
                Ok(Output { status, .. }) if status.success() => return Ok(options),
                Ok(Output { stderr, .. }) => reason = String::from_utf8_lossy(&stderr).trim_end().replace('\n', "; "),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    });
    found.as_deref().map_err(String::as_str)
}

/// What follows runs in namespaces of its own, with root's paths: `ip` is there on many a machine.
fn separated(options: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from)));
    command.args(options).args(["sh", "-c", SETUP, "sh"]).env("PATH", path.expect("paths have no colon"));
    command
}
