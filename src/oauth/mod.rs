//! The protocol: how a client proves itself, bytes <-> types, transport, retries.

mod attempt;
mod authorities;
mod client_auth;
mod coding;
mod connection_error;
#[cfg(feature = "cli")]
mod discovery;
mod dpop;
mod failure;
mod grant;
mod http;
mod inquiry;
mod introspection;
mod jwt;
#[cfg(feature = "cli")]
mod key_check;
mod probe;
mod proxy;
mod proxy_refusal;
mod redact;
mod resolver;
#[cfg(feature = "cli")]
mod resource_server;
mod retry;
mod revocation;
mod signing_key;
mod wire;
mod words;
mod workload;

use std::path::PathBuf;
use std::time::Duration;

use crate::system::files::{EscapedPath, PlaceError};

pub(crate) use attempt::{Attempt, Ended};
pub(crate) use authorities::CaFault;
pub(crate) use client_auth::Client;
#[cfg(feature = "cli")]
pub(crate) use discovery::{Metadata, issuer_of_metadata};
pub(crate) use dpop::ProofKey;
#[cfg(feature = "cli")]
pub(crate) use dpop::Use;
pub(crate) use failure::issuer_code;
pub(crate) use grant::{GatewayHeader, TokenRequest};
pub(crate) use http::{Roots, Transport, Trust, check_authorities};
pub(crate) use introspection::Introspected;
pub(crate) use jwt::Assertion;
#[cfg(feature = "cli")]
pub(crate) use key_check::check_key;
pub(crate) use probe::Probed;
pub(crate) use proxy::{ProxyFault, way_to};
#[cfg(feature = "cli")]
pub(crate) use proxy::{Route, named as named_proxy, route};
pub(crate) use redact::one_line;
#[cfg(feature = "cli")]
pub(crate) use resource_server::ResourceServer;
pub(crate) use retry::LONGEST_PAUSE;
pub(crate) use wire::Granted;
pub(crate) use workload::ActionsTokenRequest;

/// Why an issuer, or a resource server, did not give what was requested. Holds no body and no message
/// of a parser. What a server wrote is escaped, shortened and free of the known secrets.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The host's name could not be resolved.
    #[error("the name of {host} cannot be resolved")]
    Dns {
        /// The host.
        host: String,
    },
    /// A host that plain http was allowed for has no private address.
    #[error("{host} leads to a public address, and plain http goes to private ones only; nothing was sent")]
    PublicAddress {
        /// The host.
        host: String,
    },
    /// No connection was made.
    #[error("no connection to {host}")]
    Connect {
        /// The host.
        host: String,
    },
    /// TLS failed: a certificate that is not valid for the host, or a protocol too old.
    #[error("no TLS connection to {host}: {why}")]
    Tls {
        /// The host.
        host: String,
        /// What TLS reports.
        why: String,
    },
    /// The server shows a certificate that no client accepts from a server.
    #[error("no TLS connection to {host}: {why}")]
    OwnCertificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A variable of the environment names certificate authorities that are not there.
    #[error("{variable} names {path}, which {why}; nothing was sent")]
    CertificateVariable {
        /// The environment variable.
        variable: &'static str,
        /// The file or directory, escaped.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no trusted authority to check certificates with.
    #[error("no certificate authorities to trust: {why}")]
    Roots {
        /// What is missing.
        why: &'static str,
    },
    /// The environment names a proxy that cannot be used.
    #[error("{variable} {why}; nothing was sent")]
    ProxySetting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with its value, which is not shown.
        why: &'static str,
    },
    /// The proxy that the environment names failed: the issuer was not reached.
    #[error("the proxy {proxy} (from {variable}) failed: {fault}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// The environment variable.
        variable: &'static str,
        /// What it did.
        fault: ProxyFault,
    },
    /// The CA file can be read, but not its content.
    #[error("the CA file {}: {fault}; nothing was sent", EscapedPath(.path))]
    CaContent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: CaFault,
    },
    /// The CA file cannot be used.
    #[error("the CA file cannot be used")]
    CaFile(#[source] PlaceError),
    /// No whole answer within the deadline.
    #[error("no answer from {host} within {}", crate::encoding::duration::show(*.deadline))]
    Timeout {
        /// The host.
        host: String,
        /// The deadline that passed: of the whole request, or of the connection.
        deadline: Duration,
    },
    /// The connection broke.
    #[error("{host} closed the connection before the answer was whole")]
    Reset {
        /// The host.
        host: String,
    },
    /// A redirect: following it would send the secret to a place that it was not set for.
    #[error("{host} answered with a redirect (HTTP {status}){}, which is never followed", leading(.to.as_deref()))]
    Redirect {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The host and path that it leads to, escaped.
        to: Option<String>,
    },
    /// A refusal, by an error of the protocol (RFC 6749 s. 5.2) or by its status.
    #[error("{}", shown_refusal(*.status, *.meaning, .error.as_deref(), .description.as_deref()))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it means.
        meaning: Meaning,
        /// The error code as it was sent, escaped.
        error: Option<String>,
        /// What the issuer adds, escaped.
        description: Option<String>,
        /// By how many seconds the issuer's clock is ahead, if what it refused was signed under another time.
        clock: Option<i64>,
    },
    /// An answer of something that does not speak the protocol.
    #[error("no OAuth answer (HTTP {status}){}", said(&[.error.as_deref(), .description.as_deref()]))]
    NoAnswer {
        /// The HTTP status.
        status: u16,
        /// What it names as its error, escaped.
        error: Option<String>,
        /// What it adds, escaped.
        description: Option<String>,
    },
    /// Too many requests were sent.
    #[error("the issuer asks to slow down (HTTP {status})")]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// How long to wait, if the answer names it.
        retry_after: Option<Duration>,
    },
    /// Something is wrong at the issuer, for now.
    #[error("the issuer has a fault (HTTP {status})")]
    Server {
        /// The HTTP status.
        status: u16,
        /// How long to wait, if the answer names it.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the protocol wants.
    #[error("the issuer's answer is not valid: {why}")]
    Malformed {
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The answer is coded in a way that is not read.
    #[error("the issuer's answer is not valid: it is encoded as {coding}, which was not requested")]
    Encoded {
        /// The HTTP status.
        status: u16,
        /// The coding.
        coding: &'static str,
    },
    /// The token is of another type than the requested one.
    #[error("the issuer's answer is not valid: its token_type is {found}, not {wanted}")]
    TokenType {
        /// The HTTP status.
        status: u16,
        /// The type that it has, escaped.
        found: String,
        /// The requested type.
        wanted: &'static str,
        /// Whether it may be a bearer token under another name.
        may_be_bearer: bool,
    },
    /// The answer is longer than any that is read.
    #[error("the issuer's answer is longer than {cap} bytes")]
    TooLarge {
        /// The most that is read, in bytes.
        cap: usize,
    },
    /// What the client would prove itself with cannot be used.
    #[error("{0}; nothing was sent")]
    Credential(&'static str),
    /// A token that any holder can use came in answer to a request for one that needs proofs (RFC 9449 s. 5).
    #[error("the issuer answered with a Bearer token instead of a DPoP token; it was thrown away")]
    Downgrade,
    /// The metadata is of another issuer (RFC 8414 s. 3.3).
    #[error(
        "the metadata is of \"{}\", another issuer than the requested one; nothing was changed",
        one_line(.found, 200)
    )]
    IssuerDiffers {
        /// The requested issuer.
        asked: String,
        /// The issuer that the metadata names, as it came.
        found: String,
    },
    /// The token is not visible ASCII (RFC 6749 appendix A.12).
    #[error("the issuer's token holds characters that no token may hold")]
    Token,
}

impl IssuerError {
    /// Returns the HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            IssuerError::Redirect { status, .. }
            | IssuerError::Refused { status, .. }
            | IssuerError::NoAnswer { status, .. }
            | IssuerError::Encoded { status, .. }
            | IssuerError::TokenType { status, .. }
            | IssuerError::RateLimited { status, .. }
            | IssuerError::Server { status, .. } => Some(*status),
            IssuerError::Malformed { status, .. } => *status,
            IssuerError::Proxy { fault, .. } => fault.status(),
            _ => None,
        }
    }
}

impl IssuerError {
    /// Adds how far the clocks are apart, if that may be why what was signed is refused.
    pub(super) fn under_clock(mut self, seconds: Option<i64>) -> IssuerError {
        if let IssuerError::Refused { clock, .. } = &mut self {
            *clock = seconds.filter(|seconds| seconds.unsigned_abs() >= 60);
        }
        self
    }

    /// Returns whether the same request would fail again, though others with its code may not.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            IssuerError::Proxy { fault, .. } => fault.is_final(),
            IssuerError::OwnCertificate { .. } | IssuerError::Roots { .. } => true,
            _ => false,
        }
    }
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What its error code means.
    Named,
    /// The client is not known, or its credential is wrong: 401, unless its error code has a meaning of its own.
    Client,
    /// The client is known and not allowed: 403, unless its error code has a meaning of its own.
    Access,
    /// Something before the issuer refused: 403 with a web page or other text, or any 403 to a request for metadata.
    Before,
}

fn shown_refusal(status: u16, meaning: Meaning, error: Option<&str>, description: Option<&str>) -> String {
    match (meaning, error.or(description)) {
        (Meaning::Before, _) => {
            format!("a web page in place of an answer (HTTP {status}): something before the issuer refused")
        }
        (_, None) => format!("the issuer refused (HTTP {status}) and says no reason"),
        (_, Some(_)) => format!("the issuer refused{}", said(&[error, description])),
    }
}

/// Joins the given words, each behind a colon.
fn said(words: &[Option<&str>]) -> String {
    words.iter().flatten().map(|words| format!(": {words}")).collect()
}

fn leading(to: Option<&str>) -> String {
    to.map(|to| format!(" to {to}")).unwrap_or_default()
}
