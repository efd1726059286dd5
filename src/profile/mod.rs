//! Profiles: which client requests what from which issuer, and the place of its secret.
//!
//! A [`Profile`] that exists can be used: each part is checked when it is made. [`Profile::new`] takes the three parts
//! that every profile has; the fields are set afterwards. A [`Request`] is what one caller wants: scopes, audience
//! (RFC 6749 s. 3.3), resources (RFC 8707) and further parameters; each distinct one has a token of its own.

mod auth;
mod binding;
mod binding_table;
#[cfg(any(test, feature = "cli"))]
mod editing;
mod endpoint;
mod failure;
mod file;
#[cfg(feature = "cli")]
mod filling;
mod gap;
mod headers;
mod hosts;
#[cfg(feature = "cli")]
mod inspection;
mod key;
mod keys;
mod name;
mod plain_hosts;
pub(crate) mod preset;
mod reading;
mod request;
mod resolve;
#[cfg(test)]
mod schema;
#[cfg(feature = "cli")]
mod shown;
mod text;
#[cfg(any(test, feature = "cli"))]
mod writing;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use auth::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Grant, Repeats,
    TokenBinding, TokenType,
};
pub use binding::{Binding, Generation};
pub use endpoint::{Endpoint, EndpointError};
pub(crate) use file::{ProfileError, ProfileFile};
#[cfg(feature = "cli")]
pub(crate) use gap::gap;
pub use headers::{HeaderError, HeaderSource, Headers};
pub(crate) use headers::{check_value as check_header_value, is_masked as is_header_masked};
#[cfg(feature = "cli")]
pub(crate) use hosts::Miss;
pub(crate) use hosts::{AuthScheme, HostEntry, HostPattern, Hosts};
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use hosts::{HostError, Specificity, Target};
pub(crate) use key::Variable;
pub(crate) use keys::KEYS;
pub use name::ProfileName;
pub(crate) use name::RULE as NAME_RULE;
#[cfg(feature = "cli")]
pub(crate) use plain_hosts::may_be_plain;
pub(crate) use plain_hosts::{LOCALHOST, is_private_address};
pub use plain_hosts::{PlainHostError, PlainHosts};
pub(crate) use reading::reference;
pub use request::{Request, RequestError};

use crate::error::SecretPlace;
pub use crate::system::secret::SecretDigest;

/// The lifetime that is assumed for a token if the answer names none.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// A profile that can be used: every part is there and valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The profile's name.
    pub name: ProfileName,
    /// The client identifier (RFC 6749 s. 2.2).
    pub client_id: String,
    /// The token endpoint (RFC 6749 s. 3.2).
    pub token_url: Endpoint,
    /// The issuer identifier, as it was written.
    pub issuer: Option<String>,
    /// The private hosts that its URLs may name over plain http.
    pub allow_http: PlainHosts,
    /// What a gateway before the token endpoint requires; sent there and nowhere else.
    pub headers: Headers,
    /// How the client proves itself.
    pub auth: AuthMethod,
    /// How id and secret are written into a Basic header.
    pub basic_encoding: BasicEncoding,
    /// How assertions of the client are written.
    pub assertions: Assertions,
    /// The certificate that the client shows.
    pub certificate: Option<ClientCertificate>,
    /// Whether any holder can use the tokens.
    pub token_binding: TokenBinding,
    /// What the type of its tokens means, whatever the issuer calls it; `None`: what the issuer calls it.
    pub token_type: Option<TokenType>,
    /// The requested grant.
    pub grant: Grant,
    /// Whether a request that failed is sent again.
    pub repeats: Repeats,
    /// What is requested if the caller names nothing else.
    pub request: Request,
    /// The lifetime that is assumed if the issuer names none.
    pub default_lifetime: Duration,
    /// How long a token must still be valid to be handed out.
    pub min_ttl: Duration,
    /// A PEM file of certificate authorities that replaces the system's.
    pub ca_file: Option<PathBuf>,
    /// The resource to which `token validate` shows a token.
    pub probe_url: Option<Endpoint>,
    /// The introspection endpoint (RFC 7662).
    pub introspection_url: Option<Endpoint>,
    /// The revocation endpoint (RFC 7009).
    pub revocation_url: Option<Endpoint>,
    /// The issuer's keys (RFC 7517), for owners of the resource.
    pub jwks_url: Option<Endpoint>,
    /// The place of the secret.
    pub secret: SecretSource,
    /// What distinguishes the shared tokens of a fleet in place of the secret. Hosts that prove themselves with their
    /// own keys share tokens while it is the same, and no longer once it is changed.
    pub fleet_epoch: Option<String>,
    /// Whether the issuer is known to make the secrets of its clients at random.
    pub(crate) secret_origin: SecretOrigin,
}

/// What is known about how a client's secret was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretOrigin {
    /// The issuer made it at random.
    Random,
    /// A user may have chosen it.
    Unknown,
}

/// The place of a profile's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// In the backend, as an item of its own.
    Stored(Box<Binding>),
    /// In the place that the profile names, read again at each fetch.
    Reference(Reference),
    /// Nowhere: the profile was written by hand, or the program hands its secret over.
    Absent,
}

/// A place from which a secret is read at each fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// A file, by its absolute path.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// What a program prints: an absolute path and its arguments, without a shell.
    Command(Vec<String>),
    /// The token that GitHub Actions gives a job (OpenID Connect), requested again at each fetch.
    GithubActions {
        /// Its audience.
        audience: String,
        /// The host that may receive the request; GitHub's if none is named.
        host: Option<String>,
    },
}

impl Reference {
    /// Names a program by its absolute path, and its arguments.
    pub(crate) fn command(words: Vec<String>) -> Result<Reference, &'static str> {
        match words.first() {
            None => Err("must name a program"),
            Some(program) if !Path::new(program).is_absolute() => Err("must name its program by an absolute path"),
            Some(_) if words.iter().any(|word| word.contains('\0')) => Err("must not hold NUL"),
            Some(_) => Ok(Reference::Command(words)),
        }
    }

    /// Returns the place as a remedy names it.
    pub(crate) fn place(&self) -> SecretPlace {
        match self {
            Reference::File(path) => SecretPlace::File(path.clone()),
            Reference::Env(name) => SecretPlace::Variable(name.clone()),
            // Without its arguments, one of which may be a secret.
            Reference::Command(words) => SecretPlace::Program(words.first().cloned().unwrap_or_default()),
            Reference::GithubActions { .. } => SecretPlace::Actions,
        }
    }
}

/// The certificate that a client shows (RFC 8705 s. 2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The PEM file of the certificate and its chain. The key is the secret.
    pub file: PathBuf,
    /// SHA-256 of the certificate, if it was read: a token belongs to it.
    pub thumbprint: Option<[u8; 32]>,
}

impl ClientCertificate {
    /// Names the file of a certificate, by its absolute path. It is read at each fetch.
    pub fn new(file: impl Into<PathBuf>) -> ClientCertificate {
        ClientCertificate { file: file.into(), thumbprint: None }
    }
}

impl Profile {
    /// Makes a profile for a program that hands the secret over itself; everything else has its
    /// default and can be changed.
    pub fn new(name: ProfileName, client_id: impl Into<String>, token_url: Endpoint) -> Profile {
        Profile {
            name,
            client_id: client_id.into(),
            token_url,
            issuer: None,
            allow_http: PlainHosts::default(),
            headers: Headers::default(),
            auth: AuthMethod::ClientSecretBasic,
            basic_encoding: BasicEncoding::Form,
            assertions: Assertions::default(),
            certificate: None,
            token_binding: TokenBinding::Bearer,
            token_type: None,
            grant: Grant::ClientCredentials,
            repeats: Repeats::Bounded,
            request: Request::default(),
            default_lifetime: DEFAULT_LIFETIME,
            min_ttl: Duration::ZERO,
            ca_file: None,
            probe_url: None,
            introspection_url: None,
            revocation_url: None,
            jwks_url: None,
            secret: SecretSource::Absent,
            fleet_epoch: None,
            secret_origin: SecretOrigin::Unknown,
        }
    }

    /// Returns whether hosts can share its tokens: not if they are bound to what one host has (RFC 8705, RFC 9449).
    pub(crate) fn is_shareable(&self) -> bool {
        self.token_binding == TokenBinding::Bearer && self.certificate.is_none()
    }

    /// Returns the generation of the stored secret, if it is a stored one.
    pub fn generation(&self) -> Option<Generation> {
        match &self.secret {
            SecretSource::Stored(binding) => Some(binding.generation),
            SecretSource::Reference(_) | SecretSource::Absent => None,
        }
    }

    /// Returns the audience of an assertion of this client; `None` if that is the issuer, and the profile names none.
    pub(crate) fn assertion_audience(&self) -> Option<&str> {
        match self.assertions.audience {
            AssertionAudience::Issuer => self.issuer.as_deref(),
            AssertionAudience::TokenEndpoint => Some(self.token_url.as_str()),
        }
    }

    /// Lists the URLs that the binding of this profile holds.
    pub(crate) fn bound_urls(&self) -> [Option<&str>; 5] {
        fn url(endpoint: &Option<Endpoint>) -> Option<&str> {
            endpoint.as_ref().map(Endpoint::as_str)
        }

        [
            Some(self.token_url.as_str()),
            self.issuer.as_deref(),
            url(&self.introspection_url),
            url(&self.revocation_url),
            url(&self.probe_url),
        ]
    }

    /// Returns the binding that this profile requires, with the generation and CA digest given.
    pub fn binding(&self, generation: Generation, ca_digest: Option<[u8; 32]>) -> Binding {
        Binding {
            generation,
            token_url: self.token_url.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            auth: self.auth,
            introspection_url: self.introspection_url.clone(),
            revocation_url: self.revocation_url.clone(),
            probe_url: self.probe_url.clone(),
            assertion_audience: self.assertion_audience().filter(|_| self.auth.signs()).map(str::to_owned),
            ca_digest,
            token_binding: self.token_binding,
            allow_http: self.allow_http.clone(),
            headers_digest: self.headers.digest(),
        }
    }
}

#[cfg(test)]
mod tests;
