//! Transport: one deadline, no redirect, no cookie, the status before the body, a capped body.

use std::error::Error as StdError;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, StatusCode, tls};
use zeroize::Zeroizing;

use super::IssuerError;
use super::authorities::{self, CaFault};
use super::client_auth::Proven;
use super::coding::Coding;
use super::connection_error::{self, Deadlines, failure_of, host};
use super::proxy::{self, ProxyFault, Route};
use super::redact::elsewhere;
use super::resolver::Resolver;
use super::retry::retry_after;
use super::wire::Unsuccessful;
use crate::profile::Endpoint;
use crate::system::clock::{BootTime, Clock};
use crate::system::files::EscapedPath;
use crate::system::secret::Secret;

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A token.
    Token,
    /// The issuer: its metadata, its keys, a job's own credential.
    Issuer,
}

impl About {
    /// Returns the most that is read of it, in bytes.
    fn cap(self) -> usize {
        match self {
            About::Token => 64 * 1024,
            About::Issuer => 512 * 1024,
        }
    }
}

/// How long to wait for the words of a refusal whose status is enough.
const PATIENCE_WITH_WORDS: Duration = Duration::from_secs(3);
/// How long to wait for a body that decides what a refusal means.
const PATIENCE_WITH_REFUSAL: Duration = Duration::from_secs(10);

const NO_AUTHORITY: IssuerError = IssuerError::Roots { why: "the CA file holds no certificate that can be used" };
const NO_ROOTS: IssuerError =
    IssuerError::Roots { why: "this system has none; install ca-certificates or name a CA file" };
const NO_IDENTITY: &str = "the certificate or its key is no PEM, or they do not belong together";

/// Which certificate authorities are trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Roots<'a> {
    /// The system's.
    System,
    /// Only those in this PEM text.
    Only(&'a [u8]),
}

/// What a connection trusts, and what it proves itself with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// The certificate authorities.
    pub roots: Roots<'a>,
    /// The client's certificate with its chain, and its key (RFC 8705).
    pub identity: Option<(&'a [u8], &'a Secret)>,
}

impl<'a> From<Roots<'a>> for Trust<'a> {
    fn from(roots: Roots<'a>) -> Trust<'a> {
        Trust { roots, identity: None }
    }
}

/// An answer: whole if its status is a success.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The body, or what could be read of it if the status means the same whatever the body is.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Whether its head declares it a web page.
    pub(super) is_html: bool,
    /// How long to wait before the next request, if the answer names it.
    pub(super) retry_after: Option<Duration>,
    /// The nonce that proofs of possession are to hold (RFC 9449 s. 8).
    pub(super) dpop_nonce: Option<String>,
    /// By how many seconds the server's clock is ahead of this machine's.
    pub(super) clock_difference: Option<i64>,
}

impl Answer {
    /// Returns what decides the meaning of an answer without success.
    pub(super) fn unsuccessful(&self) -> Unsuccessful<'_> {
        let Answer { body, is_html, retry_after, .. } = self;
        Unsuccessful { status: self.status.as_u16(), body, is_html: *is_html, retry_after: *retry_after }
    }
}

/// Sends requests to issuers and resource servers.
#[derive(Debug)]
pub(crate) struct Transport {
    clock: Arc<dyn Clock>,
    deadlines: Deadlines,
}

impl Transport {
    /// Makes a transport whose requests take `timeout` at most, repeats included.
    pub(crate) fn new(clock: Arc<dyn Clock>, connect_timeout: Duration, timeout: Duration) -> Transport {
        Transport { clock, deadlines: Deadlines { connect: connect_timeout, whole: timeout } }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns how long a request may take as a whole.
    pub(crate) fn timeout(&self) -> Duration {
        self.deadlines.whole
    }

    /// Sends a form and reads the answer, whatever its status.
    pub(super) async fn post(
        &self,
        client: &Client,
        url: &Endpoint,
        proven: &Proven,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Answer, IssuerError> {
        let mut request = client
            .post(url.url().clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(proven.body.as_bytes().to_vec());
        if let Some(authorization) = &proven.authorization {
            request = request.header(AUTHORIZATION, sensitive(authorization)?);
        }
        // A header of the profile takes the place of one of ours, such as User-Agent.
        request = request.headers(headers.into_iter().collect());
        let secrets: Vec<&Secret> = proven.secrets.iter().collect();
        self.answer(url, request, About::Token, &secrets).await
    }

    /// Sends a request and reads the answer. `secrets` are masked in what is shown of it.
    pub(super) async fn answer(
        &self,
        url: &Endpoint,
        request: RequestBuilder,
        about: About,
        secrets: &[&Secret],
    ) -> Result<Answer, IssuerError> {
        let response = self.send(url, request, secrets).await?;
        let status = response.status();
        let pause = text(response.headers(), RETRY_AFTER);
        let retry_after = pause.and_then(|value| retry_after(&value, self.clock.wall()));
        let dpop_nonce = text(response.headers(), HeaderName::from_static("dpop-nonce"));
        let is_html =
            text(response.headers(), CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let clock_difference = self.difference_of_clocks(&response);
        let mut body = Zeroizing::new(Vec::new());
        let read = read_body(url, response, about.cap(), &mut body);
        match BodyUse::of(status, about) {
            BodyUse::Needed => read.await?,
            // The status keeps its meaning, whatever happens to its words.
            BodyUse::Words => match tokio::time::timeout(PATIENCE_WITH_WORDS, read).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!("the words to a refusal cannot be read: {error}"),
                Err(_) => tracing::debug!("the words to a refusal do not come"),
            },
            // A refusal that breaks off is a refusal all the same: the issuer would refuse a repeated request as well.
            BodyUse::Refusal => match tokio::time::timeout(PATIENCE_WITH_REFUSAL, read).await {
                Ok(Err(IssuerError::Reset { .. })) => tracing::debug!("a refusal breaks off"),
                Ok(read) => read?,
                Err(_) => tracing::debug!("a refusal does not come to its end"),
            },
            BodyUse::None => drop(read),
        }
        tracing::info!(status = status.as_u16(), bytes = body.len(), "the server answered");
        let dpop_nonce = dpop_nonce.filter(|nonce| nonce.len() <= 256);
        Ok(Answer { status, body, is_html, retry_after, dpop_nonce, clock_difference })
    }

    pub(super) async fn in_time<T>(
        &self,
        url: &Endpoint,
        work: impl Future<Output = Result<T, IssuerError>>,
    ) -> Result<T, IssuerError> {
        tokio::time::timeout(self.deadlines.whole, work).await.unwrap_or_else(|_| Err(self.too_late(url)))
    }

    pub(super) fn too_late(&self, url: &Endpoint) -> IssuerError {
        connection_error::too_late(url, self.deadlines)
    }

    pub(super) fn passed_since(&self, begun: BootTime) -> Duration {
        Duration::from_nanos(self.clock.boot().0.saturating_sub(begun.0))
    }

    /// Makes a client for one place: what it trusts and proves is for that place only.
    pub(super) fn client(&self, url: &Endpoint, trust: &Trust<'_>) -> Result<Client, IssuerError> {
        self.build(url, trust, proxy::route(url)?)
    }

    fn build(&self, url: &Endpoint, trust: &Trust<'_>, route: Route) -> Result<Client, IssuerError> {
        let mut builder = Client::builder()
            .user_agent(concat!("tokenkeep/", env!("CARGO_PKG_VERSION")))
            // No header allows every coding (RFC 9110 s. 12.5.3).
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
            // As curl and Go write them: some servers and proxies compare names by case.
            .http1_title_case_headers()
            .redirect(Policy::none())
            .referer(false)
            .tls_version_min(tls::Version::TLS_1_2)
            .connect_timeout(self.deadlines.connect)
            .pool_max_idle_per_host(0)
            .dns_resolver(if url.is_plain() { Resolver::Private } else { Resolver::Any });
        builder = match route {
            Route::System => builder,
            Route::Direct => builder.no_proxy(),
            Route::Through(proxy) => builder.proxy(proxy.setting().map_err(|_| proxy.failed(ProxyFault::Name))?),
        };
        builder = match trust.roots {
            // Loading the system's roots takes milliseconds, and fails if there are none.
            _ if url.is_plain() => builder.tls_certs_only([]),
            Roots::System => builder,
            Roots::Only(pem) => builder.tls_certs_only(trusted(pem)?),
        };
        if let Some((certificate, key)) = trust.identity {
            let mut pem = Zeroizing::new(Vec::with_capacity(certificate.len() + key.expose().len() + 1));
            pem.extend_from_slice(key.expose());
            pem.push(b'\n');
            pem.extend_from_slice(certificate);
            builder = builder.identity(Identity::from_pem(&pem).map_err(|_| IssuerError::Credential(NO_IDENTITY))?);
        }
        builder.build().map_err(|error| match rustls_error(&error) {
            // Only now is it seen that the two do not belong together, or that the key is of a kind that is not known.
            Some(rustls::Error::InconsistentKeys(_) | rustls::Error::General(_)) if trust.identity.is_some() => {
                IssuerError::Credential(NO_IDENTITY)
            }
            _ => match trust.roots {
                Roots::Only(_) => NO_AUTHORITY,
                Roots::System => no_system_roots(),
            },
        })
    }

    /// Sends a request; a redirect is an error, and names the place that it leads to without `secrets`.
    pub(super) async fn send(
        &self,
        url: &Endpoint,
        request: RequestBuilder,
        secrets: &[&Secret],
    ) -> Result<Response, IssuerError> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(failure_of(url, &error, self.deadlines).await),
        };
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|place| elsewhere(url.url(), place.as_bytes(), secrets));
            return Err(IssuerError::Redirect { host: host(url), status: status.as_u16(), to });
        }
        Ok(response)
    }

    pub(super) fn header(&self, response: &Response, name: HeaderName) -> Option<String> {
        text(response.headers(), name)
    }

    /// Returns how far the clocks are apart. More than a minute is logged, for users that look for the reason of an
    /// expired token.
    fn difference_of_clocks(&self, response: &Response) -> Option<i64> {
        let date = DateTime::parse_from_rfc2822(&text(response.headers(), DATE)?).ok()?;
        let seconds = date.timestamp().saturating_sub(self.clock.wall().seconds());
        if seconds.unsigned_abs() > 60 {
            tracing::info!(seconds, "the issuer's clock differs from this machine's");
        }
        Some(seconds)
    }
}

/// What `doctor` finds out without a credential.
#[cfg(feature = "cli")]
impl Transport {
    /// Checks that the system has certificate authorities to trust.
    pub(crate) fn system_roots(&self) -> Result<(), IssuerError> {
        let url = Endpoint::parse("https://example.invalid/").map_err(|_| IssuerError::Roots { why: "no URL" })?;
        self.build(&url, &Roots::System.into(), Route::Direct).map(|_| ())
    }

    /// Requests the time of a token endpoint, without a credential. Returns the seconds that it is ahead; `None` if it
    /// does not answer or names no time.
    pub(crate) async fn clock_difference(&self, url: &Endpoint, roots: Roots<'_>) -> Option<i64> {
        let asked = self.in_time(url, async {
            let request = self.client(url, &roots.into())?.get(url.url().clone());
            self.send(url, request, &[]).await
        });
        let response = asked.await.ok()?;
        let date = DateTime::parse_from_rfc2822(&text(response.headers(), DATE)?).ok()?;
        Some(date.timestamp().saturating_sub(self.clock.wall().seconds()))
    }
}

/// Checks that each certificate of a CA file can be used.
pub(crate) fn check_authorities(file: &[u8]) -> Result<(), CaFault> {
    authorities::read(file).map(|_| ())
}

fn trusted(file: &[u8]) -> Result<Vec<Certificate>, IssuerError> {
    let certificates = authorities::read(file).map_err(|_| NO_AUTHORITY)?;
    certificates.iter().map(|der| Certificate::from_der(der).map_err(|_| NO_AUTHORITY)).collect()
}

/// Returns why the system gave no authorities: these variables replace its own.
fn no_system_roots() -> IssuerError {
    let named = |variable| Some((variable, std::env::var_os(variable).filter(|value| !value.is_empty())?));
    let Some((variable, path)) = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find_map(named) else { return NO_ROOTS };
    let path = Path::new(&path);
    // A list of several directories does not exist as one path, and is reported as missing.
    let why = if path.exists() { "holds no certificate that can be used" } else { "is missing" };
    IssuerError::CertificateVariable { variable, path: EscapedPath(path).to_string(), why }
}

fn rustls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        cause = error.source();
    }
    None
}

/// What the body of an answer is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyUse {
    /// It decides what the answer means.
    Needed,
    /// It has words for users; the status decides.
    Words,
    /// It names what is refused; the status shows that something is.
    Refusal,
    /// Nothing.
    None,
}

impl BodyUse {
    fn of(status: StatusCode, about: About) -> BodyUse {
        match (status.as_u16(), about) {
            (408 | 429 | 500..=599, _) => BodyUse::None,
            (401 | 403 | 404 | 405 | 410, About::Token) => BodyUse::Words,
            (400..=499, About::Token) => BodyUse::Refusal,
            // An answer that breaks off does not decide whether there is metadata.
            _ => BodyUse::Needed,
        }
    }
}

/// Reads what comes into `body`, and unpacks it; `cap` bytes at most, packed and unpacked.
async fn read_body(
    url: &Endpoint,
    mut response: Response,
    cap: usize,
    body: &mut Zeroizing<Vec<u8>>,
) -> Result<(), IssuerError> {
    let coding = Coding::of(response.headers());
    body.reserve(4 * 1024);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > cap => return Err(IssuerError::TooLarge { cap }),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return Err(IssuerError::Reset { host: host(url) }),
        }
    }
    if let Some(unpacked) = coding.unpack(body, response.status().as_u16(), cap)? {
        *body = unpacked;
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A header value that the HTTP library never shows.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, IssuerError> {
    let why = "the credential cannot be written into a header";
    let mut value = HeaderValue::from_str(value).map_err(|_| IssuerError::Credential(why))?;
    value.set_sensitive(true);
    Ok(value)
}
