//! The content of a profile's file, typed: what people and `credentials set` write.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, Binding, Endpoint, EndpointError,
    Headers, Hosts, PlainHostError, PlainHosts, Reference, Repeats, Request, TokenType,
};
use crate::encoding::toml::DocumentError;

/// The content of a profile's file, key by key: a field is the key of the same name, explained at [`Profile`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileFile {
    pub provider: Option<String>,
    pub client_id: Option<String>,
    pub token_url: Option<Endpoint>,
    pub issuer: Option<String>,
    pub allow_http: Option<PlainHosts>,
    pub headers: Option<Headers>,
    pub auth: Option<AuthMethod>,
    pub basic_encoding: Option<BasicEncoding>,
    pub assertion_audience: Option<AssertionAudience>,
    pub assertion_typ: Option<AssertionTyp>,
    pub assertion_algorithm: Option<AssertionAlgorithm>,
    pub assertion_key_id: Option<String>,
    pub certificate_file: Option<PathBuf>,
    pub dpop: Option<bool>,
    pub token_type: Option<TokenType>,
    pub repeats: Option<Repeats>,
    pub request: Request,
    pub default_lifetime: Option<Duration>,
    pub min_ttl: Option<Duration>,
    pub ca_file: Option<PathBuf>,
    pub probe_url: Option<Endpoint>,
    pub introspection_url: Option<Endpoint>,
    pub revocation_url: Option<Endpoint>,
    pub jwks_url: Option<Endpoint>,
    pub hosts: Option<Hosts>,
    pub secret: Option<Reference>,
    pub fleet_epoch: Option<String>,
    pub binding: Option<Binding>,
    /// When the stored secret was set.
    pub set_at: Option<DateTime<Utc>>,
    /// The data directory that keeps the stored secret.
    pub kept_in: Option<PathBuf>,
}

/// Why a profile cannot be used. Quotes keys, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The file is not as it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A URL would give the secret away.
    #[error("`{key}` {why}")]
    InsecureEndpoint {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: EndpointError,
    },
    /// It allows plain http to a host that is not private.
    #[error("`allow_http` {}", PlainHostError::Public)]
    PublicHost,
    /// A key that a profile needs is missing.
    #[error("has no `{0}`")]
    Missing(&'static str),
    /// Keys that do not go together.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The file names another place than the one its stored secret was set for.
    #[error("`{0}` differs from what the secret was set for")]
    BindingDiffers(&'static str),
}
