//! Transport: one deadline, no redirect, no cookie, no compression, a capped body.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, tls};
use zeroize::Zeroizing;

use super::attempt::{Ended, InFlight, Told};
use super::client_auth::{Proven, prove};
use super::echo::shown;
use super::retry::{Next, next, retry_after};
use super::{IssuerError, TokenRequest, wire};
use crate::clock::{BootTime, Clock, Moment};
use crate::profile::Endpoint;
use crate::secret::Secret;
use crate::token::AccessToken;
use wire::Granted;

/// The most that is read of an answer, in bytes.
const BODY_CAP: usize = 64 * 1024;

/// Which certificate authorities are trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Roots<'a> {
    /// The system's.
    System,
    /// Those in this PEM text alone.
    Only(&'a [u8]),
}

/// What a resource answered to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// It opened, or would for a token with more scope: the token is good.
    Accepted(u16),
    /// It was refused as a token: 401.
    Rejected,
    /// Anything else says nothing about the token.
    Unclear(u16),
}

/// Sends requests to issuers and resource servers.
#[derive(Debug)]
pub(crate) struct Transport {
    clock: Arc<dyn Clock>,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Transport {
    /// Makes a transport whose requests take `timeout` at most, repeats included.
    pub(crate) fn new(clock: Arc<dyn Clock>, connect_timeout: Duration, timeout: Duration) -> Transport {
        Transport { clock, connect_timeout, timeout }
    }

    /// Returns how long a request may take as a whole.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks for a token (RFC 6749 s. 4.4) and tells when the request that brought it was sent; `told` hears of every
    /// request, repeats included.
    /// Must run inside a tokio runtime.
    pub(crate) async fn token(
        &self,
        asked: &TokenRequest<'_>,
        roots: Roots<'_>,
        told: Told<'_>,
    ) -> Result<(Granted, Moment), IssuerError> {
        let malformed = IssuerError::Malformed { status: None, why: "the secret is not text" };
        let proven = prove(asked).ok_or(malformed)?;
        self.in_time(asked.token_url, async {
            let client = self.client(asked.token_url, roots)?;
            let begun = self.clock.boot();
            for attempt in 0.. {
                let late = (self.timeout.saturating_sub(self.passed_since(begun)), self.too_late(asked.token_url));
                let flight = InFlight::new(self.clock.clone(), told, late);
                let sent = flight.sent();
                let error = match self.attempt(&client, asked, &proven).await {
                    Ok(granted) => {
                        flight.end(Ended::Granted(granted.lifetime));
                        return Ok((granted, sent));
                    }
                    Err(error) => error,
                };
                flight.end(Ended::Failed(&error));
                let passed = self.passed_since(begun);
                match next(&error, attempt, self.timeout.saturating_sub(passed), random_byte()) {
                    Next::GiveUp => return Err(error),
                    Next::Pause(pause) => {
                        tracing::debug!(attempt, ?pause, "the token request failed and is repeated: {error}");
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            unreachable!("the number of repeats is bounded")
        })
        .await
    }

    async fn attempt(
        &self,
        client: &Client,
        asked: &TokenRequest<'_>,
        proven: &Proven,
    ) -> Result<Granted, IssuerError> {
        let mut request = client
            .post(asked.token_url.url().clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(proven.body.as_bytes().to_vec());
        if let Some(authorization) = &proven.authorization {
            request = request.header(AUTHORIZATION, sensitive(authorization)?);
        }
        tracing::debug!(url = %asked.token_url, method = asked.auth.name(), "asking the issuer for a token");
        let response = self.send(asked.token_url, request).await?;
        let status = response.status();
        let pause = self.header(&response, RETRY_AFTER).and_then(|value| retry_after(&value, self.clock.wall()));
        self.tell_clock_difference(&response);
        let body = read_body(asked.token_url, response).await?;
        // What a server may repeat: the secret, and the header or body that it was sent in.
        let header = proven.authorization.as_ref().map(|header| Secret::from(header.trim_start_matches("Basic ")));
        let secrets: Vec<&Secret> = std::iter::once(asked.secret).chain(&header).collect();
        tracing::debug!(status = status.as_u16(), bytes = body.len(), "the issuer answered");
        if status.is_success() {
            wire::granted(status.as_u16(), &body, &secrets)
        } else {
            Err(wire::failed(status.as_u16(), &body, pause, &secrets))
        }
    }

    /// Shows a token to a resource (RFC 6750 s. 2.1) and tells what the answer says about it.
    pub(crate) async fn probe(
        &self,
        url: &Endpoint,
        token: &AccessToken,
        roots: Roots<'_>,
    ) -> Result<Probed, IssuerError> {
        self.in_time(url, async {
            let authorization = Zeroizing::new(format!("Bearer {}", token.expose()));
            let request =
                self.client(url, roots)?.get(url.url().clone()).header(AUTHORIZATION, sensitive(&authorization)?);
            let response = self.send(url, request).await?;
            let status = response.status();
            let challenge = self.header(&response, WWW_AUTHENTICATE).unwrap_or_default();
            Ok(match status {
                _ if status.is_success() => Probed::Accepted(status.as_u16()),
                StatusCode::FORBIDDEN if challenge.contains("insufficient_scope") => Probed::Accepted(403),
                StatusCode::UNAUTHORIZED => Probed::Rejected,
                _ => Probed::Unclear(status.as_u16()),
            })
        })
        .await
    }

    /// Tells whether the system has certificate authorities to trust.
    pub(crate) fn system_roots(&self) -> Result<(), IssuerError> {
        let url = Endpoint::parse("https://example.invalid/").map_err(|_| IssuerError::Roots { why: "no URL" })?;
        self.client(&url, Roots::System).map(|_| ())
    }

    /// Asks a token endpoint for its time, without a credential; seconds that it is ahead. `None`
    /// where it does not answer or names none.
    pub(crate) async fn clock_difference(&self, url: &Endpoint, roots: Roots<'_>) -> Option<i64> {
        let asked = self.in_time(url, async {
            let request = self.client(url, roots)?.get(url.url().clone());
            self.send(url, request).await
        });
        let response = asked.await.ok()?;
        let date = DateTime::parse_from_rfc2822(&text(response.headers(), DATE)?).ok()?;
        Some(date.timestamp().saturating_sub(self.clock.wall().seconds()))
    }

    async fn in_time<T>(
        &self,
        url: &Endpoint,
        work: impl Future<Output = Result<T, IssuerError>>,
    ) -> Result<T, IssuerError> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| Err(self.too_late(url)))
    }

    fn too_late(&self, url: &Endpoint) -> IssuerError {
        IssuerError::Timeout { host: host(url), deadline: self.timeout }
    }

    fn passed_since(&self, begun: BootTime) -> Duration {
        Duration::from_nanos(self.clock.boot().0.saturating_sub(begun.0))
    }

    fn client(&self, url: &Endpoint, roots: Roots<'_>) -> Result<Client, IssuerError> {
        let mut builder = Client::builder()
            .user_agent(concat!("tokenkeep/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .tls_version_min(tls::Version::TLS_1_2)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(0)
            .dns_resolver(Resolver);
        if url.is_loopback() {
            builder = builder.no_proxy();
        }
        let none = IssuerError::Roots { why: "the CA file holds no certificate" };
        builder = match roots {
            // Loading the system's roots takes milliseconds, and fails where there are none.
            _ if url.is_plain_loopback() => builder.tls_certs_only([]),
            Roots::System => builder,
            Roots::Only(pem) => {
                let certificates = Certificate::from_pem_bundle(pem).map_err(|_| none)?;
                if certificates.is_empty() {
                    return Err(IssuerError::Roots { why: "the CA file holds no certificate" });
                }
                builder.tls_certs_only(certificates)
            }
        };
        builder
            .build()
            .map_err(|_| IssuerError::Roots { why: "this system has none; install ca-certificates or name a CA file" })
    }

    async fn send(&self, url: &Endpoint, request: RequestBuilder) -> Result<Response, IssuerError> {
        let response = request.send().await.map_err(|error| self.classify(url, &error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(IssuerError::Redirect { host: host(url), status: status.as_u16() });
        }
        let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if response.headers().get(CONTENT_ENCODING).is_some_and(|value| !identity(value)) {
            // None was asked for, and unpacking is how a small answer becomes a large one.
            let why = "it is compressed, which was not asked for";
            return Err(IssuerError::Malformed { status: Some(status.as_u16()), why });
        }
        Ok(response)
    }

    fn header(&self, response: &Response, name: HeaderName) -> Option<String> {
        text(response.headers(), name)
    }

    /// Says, for people who look for the reason of an expired token, how far the clocks are apart.
    fn tell_clock_difference(&self, response: &Response) {
        let date = text(response.headers(), DATE).and_then(|date| DateTime::parse_from_rfc2822(&date).ok());
        if let Some(date) = date {
            let seconds = date.timestamp().saturating_sub(self.clock.wall().seconds());
            if seconds.unsigned_abs() > 60 {
                tracing::info!(seconds, "the issuer's clock differs from this machine's");
            }
        }
    }

    fn classify(&self, url: &Endpoint, error: &reqwest::Error) -> IssuerError {
        let host = host(url);
        if error.is_timeout() {
            return IssuerError::Timeout { host, deadline: self.connect_timeout.min(self.timeout) };
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<DnsFailure>() {
                return IssuerError::Dns { host };
            }
            let error = unwrapped(error);
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return IssuerError::Tls { host, why: shown(&tls.to_string(), 200, &[]) };
            }
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                return IssuerError::Malformed { status: None, why: "its head is not HTTP, or too long" };
            }
            cause = error.source();
        }
        if error.is_connect() { IssuerError::Connect { host } } else { IssuerError::Reset { host } }
    }
}

/// What an `io::Error` wraps is not among its sources, and may be an `io::Error` again.
fn unwrapped<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    error
}

async fn read_body(url: &Endpoint, mut response: Response) -> Result<Zeroizing<Vec<u8>>, IssuerError> {
    let mut body = Zeroizing::new(Vec::with_capacity(4 * 1024));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_CAP => {
                return Err(IssuerError::TooLarge { cap: BODY_CAP });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(_) => return Err(IssuerError::Reset { host: host(url) }),
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A header value that the HTTP library shows nowhere.
fn sensitive(value: &str) -> Result<HeaderValue, IssuerError> {
    let why = "the credential cannot be written into a header";
    let mut value = HeaderValue::from_str(value).map_err(|_| IssuerError::Malformed { status: None, why })?;
    value.set_sensitive(true);
    Ok(value)
}

fn host(url: &Endpoint) -> String {
    let host = url.url().host_str().unwrap_or_default();
    match url.url().port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Jitter need not be unguessable: without randomness it is the middle.
fn random_byte() -> u8 {
    let mut byte = [128];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// Resolves names so that a failure can be told from a failed connection.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(error) => Err(Box::new(DnsFailure(error)) as Box<dyn StdError + Send + Sync>),
            }
        })
    }
}

#[derive(Debug)]
struct DnsFailure(io::Error);

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
