//! `[fleet]` of `config.toml`: the store that the hosts of a fleet share tokens over.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Host;

use super::keys::names_in;
use crate::encoding::duration;
use crate::encoding::toml::{DocumentError, Table};
use crate::profile::{Reference, reference};

/// The default of `budget`: how long a fleet store may keep a caller, all its calls together.
pub(crate) const BUDGET: Duration = Duration::from_millis(250);
const LONGEST_BUDGET: Duration = Duration::from_secs(60);
const LONGEST_NAMESPACE: usize = 256;

/// The table `[fleet]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetConfig {
    /// The address of the store.
    pub(crate) url: FleetUrl,
    /// Keeps fleets apart that use one store and one shared key.
    pub(crate) namespace: String,
    /// The file that the fleet key comes from. Without it the key is the one that was imported, else one derived from
    /// the secret.
    pub(crate) key_file: Option<PathBuf>,
    /// Whether a token may be had without the store.
    pub(crate) required: bool,
    /// How long the store may keep a caller.
    pub(crate) budget: Duration,
    /// The certificates that vouch for the store, instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that the store knows this host by.
    pub(crate) user: Option<String>,
    /// The place that its password is read from.
    pub(crate) password: Option<Reference>,
}

impl FleetConfig {
    /// Reads the table.
    pub(super) fn parse(table: &Table<'_>) -> Result<FleetConfig, DocumentError> {
        table.only(&names_in("fleet").collect::<Vec<_>>())?;
        let text = table.text("url")?.ok_or_else(|| table.invalid("url", "is missing"))?;
        let url = FleetUrl::parse(text).map_err(|why| table.invalid("url", why.to_string()))?;
        let namespace = table.text("namespace")?.unwrap_or("default");
        if namespace.is_empty() || namespace.len() > LONGEST_NAMESPACE {
            return Err(table.invalid("namespace", "must have 1 to 256 bytes"));
        }
        let password = match reference(table, "password")? {
            Some(Reference::GithubActions { .. }) => {
                return Err(table.invalid("password", "must be one of {file = PATH}, {env = NAME}, {command = [...]}"));
            }
            password => password,
        };
        let user = table.text("user")?;
        if user == Some("") {
            return Err(table.invalid("user", "must not be empty"));
        }
        Ok(FleetConfig {
            url,
            namespace: namespace.to_owned(),
            key_file: table.path("key_file")?,
            required: table.flag("required")?.unwrap_or(false),
            budget: budget(table)?,
            ca_file: table.path("ca_file")?,
            user: user.map(str::to_owned),
            password,
        })
    }
}

/// Reads `budget`, which is shorter than the other durations: `"250ms"` as well.
fn budget(table: &Table<'_>) -> Result<Duration, DocumentError> {
    let millis = |text: &str| text.strip_suffix("ms")?.parse().ok().map(Duration::from_millis);
    let budget = match table.text("budget") {
        Ok(None) => return Ok(BUDGET),
        Ok(Some(text)) => millis(text).or_else(|| duration::parse(text)),
        // A number, of seconds.
        Err(_) => table.duration("budget")?,
    };
    budget
        .filter(|budget| !budget.is_zero() && *budget <= LONGEST_BUDGET)
        .ok_or_else(|| table.invalid("budget", "must be a duration such as \"250ms\" or \"1s\", a minute at most"))
}

/// The address of a fleet store: `redis://HOST[:PORT][/DATABASE]`, `redis+cluster://HOST:PORT,HOST:PORT`,
/// `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE[/DATABASE]`; `rediss` instead of `redis` with TLS, and `valkey` for
/// either. Holds no user and no password.
#[derive(Clone, PartialEq, Eq)]
pub struct FleetUrl {
    topology: Topology,
    tls: bool,
    hosts: Vec<(String, u16)>,
    database: u32,
}

/// The topology of the store that the hosts of a [`FleetUrl`] lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topology {
    /// One server, which several names may lead to.
    Single,
    /// A cluster, which these hosts know.
    Cluster,
    /// The server that these sentinels name.
    Sentinel {
        /// The name that they know it by.
        service: String,
    },
}

/// Why a text is no [`FleetUrl`]. Does not quote it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetUrlError {
    /// It is none of the documented forms.
    #[error(
        "must be redis://HOST:PORT, rediss://, redis+cluster://HOST:PORT,... or redis+sentinel://HOST:PORT,.../SERVICE"
    )]
    NotUrl,
    /// It carries a user name or password.
    #[error("must hold no user and no password; `user` and `password` name them")]
    UserInfo,
}

impl FleetUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is none of the documented forms, or holds a user or password.
    pub fn parse(text: &str) -> Result<FleetUrl, FleetUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(FleetUrlError::NotUrl)?;
        if rest.contains('@') {
            return Err(FleetUrlError::UserInfo);
        }
        let (engine, kind) = scheme.split_once(['+', '-']).unwrap_or((scheme, ""));
        let tls = match engine {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(FleetUrlError::NotUrl),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (service, database) = match kind {
            "sentinel" => path.split_once('/').unwrap_or((path, "")),
            _ => ("", path),
        };
        let topology = match kind {
            "" => Topology::Single,
            "cluster" if database.is_empty() => Topology::Cluster,
            "sentinel" if is_service(service) => Topology::Sentinel { service: service.to_owned() },
            _ => return Err(FleetUrlError::NotUrl),
        };
        let port = if kind == "sentinel" { 26379 } else { 6379 };
        let hosts = authority.split(',').map(|host| address(host, port)).collect::<Option<Vec<_>>>();
        let database = if database.is_empty() { Some(0) } else { database.parse().ok() };
        match (hosts, database) {
            (Some(hosts), Some(database)) => Ok(FleetUrl { topology, tls, hosts, database }),
            _ => Err(FleetUrlError::NotUrl),
        }
    }

    /// Returns the topology of the store.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns whether connections are encrypted and the server has to prove its identity.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Lists the hosts with their ports; the name or address is without brackets.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.hosts.iter().map(|(host, port)| (host.as_str(), *port))
    }

    /// Returns the number of the database.
    pub fn database(&self) -> u32 {
        self.database
    }

    /// Returns whether a password sent there could be read on the way: no TLS, and not a literal loopback address.
    pub fn exposes_passwords(&self) -> bool {
        let loopback = |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        !self.tls && !self.hosts().all(|(host, _)| loopback(host))
    }
}

impl fmt::Display for FleetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        match self.topology {
            Topology::Single => {}
            Topology::Cluster => f.write_str("+cluster")?,
            Topology::Sentinel { .. } => f.write_str("+sentinel")?,
        }
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            let before = if at == 0 { "://" } else { "," };
            if host.contains(':') { write!(f, "{before}[{host}]:{port}")? } else { write!(f, "{before}{host}:{port}")? }
        }
        if let Topology::Sentinel { service } = &self.topology {
            write!(f, "/{service}")?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl fmt::Debug for FleetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedUrl({self})")
    }
}

fn is_service(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Reads `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`.
fn address(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rfind([':', ']']) {
        Some(at) if text.as_bytes()[at] == b':' => {
            (&text[..at], text[at + 1..].parse().ok().filter(|port| *port != 0)?)
        }
        _ => (text, default_port),
    };
    let host = match Host::parse(host).ok()? {
        Host::Domain(name) => name,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_documented_form_is_read_and_written() {
        for (text, shown) in [
            ("redis://cache", "redis://cache:6379"),
            ("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("rediss://Cache.Example:6380", "rediss://cache.example:6380"),
            ("valkey://a,b:1", "redis://a:6379,b:1"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
            ("rediss-cluster://a:1", "rediss+cluster://a:1"),
            ("redis+sentinel://a,b:5/fleet", "redis+sentinel://a:26379,b:5/fleet"),
            ("valkeys+sentinel://a/fleet/2", "rediss+sentinel://a:26379/fleet/2"),
        ] {
            assert_eq!(FleetUrl::parse(text).map(|url| url.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_store_is_refused() {
        for text in [
            "",
            "redis",
            "redis://",
            "http://a",
            "redis://a:0",
            "redis://a:x",
            "redis://a/x",
            "redis://a,,b",
            "redis+cluster://a/1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+ring://a",
            "redis://a?x=1",
            "redis://a b",
        ] {
            assert_eq!(FleetUrl::parse(text), Err(FleetUrlError::NotUrl), "{text}");
        }
        for text in ["redis://:hunter2@a", "redis://me:hunter2@a:1", "redis://me@a"] {
            let error = FleetUrl::parse(text).expect_err("it holds a user");
            assert_eq!(error, FleetUrlError::UserInfo);
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_password_stays_on_this_machine_or_under_tls() {
        for (text, exposes) in [
            ("redis://127.0.0.1", false),
            ("redis://[::1]", false),
            ("rediss://cache", false),
            ("redis://localhost", true),
            ("redis://10.0.0.1", true),
            ("redis://127.0.0.1,10.0.0.1", true),
        ] {
            assert_eq!(FleetUrl::parse(text).map(|url| url.exposes_passwords()), Ok(exposes), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_written_as_it_was(text in "(redis|rediss)?(\\+sentinel|-cluster)?(://)?[a-z0-9:,/\\[\\].]{0,24}") {
            if let Ok(url) = FleetUrl::parse(&text) {
                prop_assert_eq!(FleetUrl::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
