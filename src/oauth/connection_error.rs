//! What kept a request from an answer: the name, the connection, TLS, the proxy, a deadline.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::IssuerError;
use super::proxy::{self, Proxy, ProxyFault, Route};
use super::redact::one_line;
use super::resolver::{DnsFailure, PublicAddress};
use crate::profile::Endpoint;

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// Until its connection stands.
    pub(super) connect: Duration,
    /// As a whole, repeats included.
    pub(super) whole: Duration,
}

/// Returns what kept a request from an answer. `deadlines` are those of the connection and of the whole request.
pub(super) async fn failure_of(url: &Endpoint, error: &reqwest::Error, deadlines: Deadlines) -> IssuerError {
    let proxy = through(url);
    let Some((proxy, fault)) = proxy.as_ref().and_then(|proxy| Some((proxy, fault_of(proxy, error)?))) else {
        return classified(url, way(url, proxy.as_ref()), error, deadlines);
    };
    let fault = match fault {
        ProxyFault::Answer => match proxy.status_of_refusal(url.url(), deadlines.connect).await {
            Some(407) => proxy.unauthorized(),
            Some(status) => ProxyFault::Refused(status),
            None => ProxyFault::Answer,
        },
        other => other,
    };
    proxy.failed(fault)
}

fn classified(url: &Endpoint, way: String, error: &reqwest::Error, deadlines: Deadlines) -> IssuerError {
    let host = host(url);
    if error.is_timeout() {
        return IssuerError::Timeout { host: way, deadline: deadlines.connect.min(deadlines.whole) };
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<DnsFailure>() {
            return IssuerError::Dns { host };
        }
        if error.is::<PublicAddress>() {
            return IssuerError::PublicAddress { host };
        }
        let error = unwrapped(error);
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            let tls = tls.to_string();
            return match own_certificate(&tls) {
                Some(why) => IssuerError::OwnCertificate { host, why },
                None => IssuerError::Tls { host, why: one_line(&tls, 200) },
            };
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return IssuerError::Malformed { status: None, why: "its head is not HTTP, or too long" };
        }
        cause = error.source();
    }
    if error.is_connect() { IssuerError::Connect { host: way } } else { IssuerError::Reset { host } }
}

/// Returns what is wrong with a certificate that no client accepts from a server, though other tools do.
fn own_certificate(tls: &str) -> Option<&'static str> {
    let known = [
        ("CaUsedAsEndEntity", "the server shows a CA certificate as its own"),
        ("UnsupportedCertVersion", "the server shows a certificate of X.509 version 1"),
    ];
    known.into_iter().find(|(kind, _)| tls.contains(kind)).map(|(_, why)| why)
}

/// What an `io::Error` wraps is not among its sources, and may be an `io::Error` again.
fn unwrapped<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    error
}

/// Names a host, with its port if that is not the usual one.
pub(super) fn host(url: &Endpoint) -> String {
    let host = url.url().host_str().unwrap_or_default();
    match url.url().port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Returns the proxy that requests to a URL go through.
fn through(url: &Endpoint) -> Option<Proxy> {
    match proxy::route(url) {
        Ok(Route::Through(proxy)) => Some(proxy),
        Ok(Route::Direct | Route::System) | Err(_) => None,
    }
}

/// Names a host, and the proxy on the way to it: either can be the one that does not answer.
fn way(url: &Endpoint, proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) => format!("{} through the proxy {} (from {})", host(url), proxy.place(), proxy.variable),
        None => host(url),
    }
}

/// Returns what the proxy did wrong; `None` if it did its part. The type of this error is private to its library:
/// only its text can be read.
fn fault_of(proxy: &Proxy, error: &reqwest::Error) -> Option<ProxyFault> {
    let mut fault = None;
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => return Some(proxy.unauthorized()),
            Some("failed to create underlying connection") => fault = Some(ProxyFault::Connection),
            Some(_) => return Some(ProxyFault::Answer),
            None if fault.is_some() && error.is::<DnsFailure>() => return Some(ProxyFault::Name),
            None => {}
        }
        cause = error.source();
    }
    fault
}

/// Makes the error of a request that took too long.
pub(super) fn too_late(url: &Endpoint, deadlines: Deadlines) -> IssuerError {
    IssuerError::Timeout { host: way(url, through(url).as_ref()), deadline: deadlines.whole }
}
