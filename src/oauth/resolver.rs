//! Resolving the names of servers, so that a failed lookup differs from a failed connection.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::profile::{LOCALHOST, is_private_address};

/// Which addresses a name may lead to.
#[derive(Clone, Copy)]
pub(super) enum Resolver {
    /// Any: TLS proves the server.
    Any,
    /// Those of a private network, for plain http: the address of a name can change, and a secret must stay there.
    Private,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            if name.as_str().eq_ignore_ascii_case(LOCALHOST) {
                // Never looked up: a resolver could lead it elsewhere.
                let here = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
                return Ok(Box::new(here.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs);
            }
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => {
                    let is_reached = |address: &SocketAddr| match reach {
                        Resolver::Any => true,
                        Resolver::Private => is_private_address(address.ip()),
                    };
                    let all: Vec<SocketAddr> = addresses.collect();
                    let reached: Vec<SocketAddr> = all.iter().copied().filter(is_reached).collect();
                    if reached.is_empty() && !all.is_empty() {
                        return Err(Box::new(PublicAddress) as Box<dyn StdError + Send + Sync>);
                    }
                    Ok(Box::new(reached.into_iter()) as Addrs)
                }
                Err(error) => Err(Box::new(DnsFailure(error)) as Box<dyn StdError + Send + Sync>),
            }
        })
    }
}

/// The name leads out of the private network.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a public address")]
pub(super) struct PublicAddress;

/// The name cannot be resolved.
#[derive(Debug)]
pub(super) struct DnsFailure(io::Error);

impl fmt::Display for DnsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name cannot be resolved")
    }
}

impl StdError for DnsFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}
