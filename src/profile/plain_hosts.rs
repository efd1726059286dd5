//! Hosts in a private network that plain http may go to: for development, and named one by one.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

/// The name of this machine on itself (RFC 6761 s. 6.3).
pub(crate) const LOCALHOST: &str = "localhost";

/// The hosts that plain http may go to besides loopback. Each is a single label, a name that only a private network
/// has, or a private address.
///
/// The address of a connection is judged again: a public one is refused, whatever its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainHosts(BTreeSet<String>);

/// Why a text is no host that plain http may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlainHostError {
    /// It is a URL, has a port, or is no host at all.
    #[error("must be a host, without a scheme and a port")]
    NotHost,
    /// Any server in the world could answer to it.
    #[error(
        "must be a single label, a name under .localhost, .internal, .test, .svc or .svc.cluster.local, or a private \
         address: a secret in plain http goes no further"
    )]
    Public,
}

/// Ends of names that the public DNS does not have (RFC 6761, ICANN's .internal), and those of Kubernetes.
const PRIVATE_ENDS: [&str; 5] = [".localhost", ".internal", ".test", ".svc", ".svc.cluster.local"];

impl PlainHosts {
    /// Reads a list of hosts.
    ///
    /// # Errors
    /// When one is no host, or not a private one.
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<PlainHosts, PlainHostError> {
        hosts.into_iter().map(host).collect::<Result<_, _>>().map(PlainHosts)
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the hosts, sorted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns whether plain http may go to a host, as a URL has it.
    pub(super) fn contains(&self, host: &str) -> bool {
        self.0.contains(host)
    }
}

/// Returns whether plain http may be allowed for a host.
#[cfg(feature = "cli")]
pub(crate) fn may_be_plain(text: &str) -> bool {
    host(text).is_ok()
}

/// Reads a host into the form that a URL has.
fn host(text: &str) -> Result<String, PlainHostError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_plain) {
        return Err(PlainHostError::NotHost);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let written = match bare.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => text.to_ascii_lowercase(),
    };
    let url = Url::parse(&format!("http://{written}/")).map_err(|_| PlainHostError::NotHost)?;
    let host = url.host_str().unwrap_or_default();
    // A URL takes 0x7f.1 and 1 for addresses; and a port is no part of a host.
    let has_port =
        url.port().is_some() || written.ends_with(':') || written.starts_with('[') && !written.ends_with(']');
    if has_port || !written.starts_with('[') && host != written {
        return Err(PlainHostError::NotHost);
    }
    let is_private = match url.host() {
        Some(Host::Domain(name)) => is_private_name(name),
        Some(Host::Ipv4(address)) => is_private_address(address.into()),
        Some(Host::Ipv6(address)) => is_private_address(address.into()),
        None => false,
    };
    if is_private { Ok(host.to_owned()) } else { Err(PlainHostError::Public) }
}

fn is_private_name(name: &str) -> bool {
    if name.starts_with('.') || name.ends_with('.') {
        return false;
    }
    name == LOCALHOST || !name.contains('.') || PRIVATE_ENDS.iter().any(|end| name.ends_with(end))
}

/// Returns whether an address is of this machine or of its own network.
pub(crate) fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_a_private_network_are_taken() {
        for (text, host) in [
            ("keycloak", "keycloak"),
            ("Keycloak", "keycloak"),
            ("host.docker.internal", "host.docker.internal"),
            ("id.ns.svc", "id.ns.svc"),
            ("id.ns.svc.cluster.local", "id.ns.svc.cluster.local"),
            ("id.test", "id.test"),
            ("a.localhost", "a.localhost"),
            ("localhost", "localhost"),
            ("10.1.2.3", "10.1.2.3"),
            ("172.18.0.2", "172.18.0.2"),
            ("192.168.1.1", "192.168.1.1"),
            ("169.254.1.1", "169.254.1.1"),
            ("fd00::1", "[fd00::1]"),
            ("[fe80::1]", "[fe80::1]"),
            ("[FD00:0:0::1]", "[fd00::1]"),
            ("::ffff:10.0.0.1", "[::ffff:a00:1]"),
        ] {
            assert_eq!(super::host(text).as_deref(), Ok(host), "{text}");
        }
    }

    #[test]
    fn what_the_world_can_answer_to_is_refused() {
        for text in [
            "example.com",
            "id.local",
            "svc",
            "keycloak.",
            "internal.example.com",
            "8.8.8.8",
            "172.32.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "::",
            "::ffff:8.8.8.8",
        ] {
            let expected = if text == "svc" { Ok("svc".to_owned()) } else { Err(PlainHostError::Public) };
            assert_eq!(super::host(text), expected, "{text}");
        }
        for text in [
            "",
            "http://keycloak",
            "keycloak:8080",
            "a/b",
            "a b",
            "u@a",
            "1",
            "0x7f.1",
            "127.1",
            "*",
            "a..b:1",
            "[fd00::1]:80",
        ] {
            assert_eq!(super::host(text), Err(PlainHostError::NotHost), "{text}");
        }
    }

    #[test]
    fn an_address_that_is_connected_to_is_judged_in_every_form() {
        let is_private = |text: &str| is_private_address(text.parse().expect("an address"));
        for text in ["127.0.0.1", "::1", "::ffff:10.0.0.1", "fd12::1", "fe80::1"] {
            assert!(is_private(text), "{text}");
        }
        for text in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "0.0.0.0", "::"] {
            assert!(!is_private(text), "{text}");
        }
    }
}
