//! The file of a profile: what people and `credentials set` write, read into a [`Profile`].

pub(super) mod keys;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Binding,
    ClientCertificate, DEFAULT_LIFETIME, Endpoint, EndpointError, Generation, Grant, Headers, PlainHostError,
    PlainHosts, Profile, ProfileName, Reference, Repeats, Request, SecretOrigin, SecretSource, TokenBinding, TokenType,
    preset,
};
use crate::encoding::toml::{DocumentError, Parsed};
pub(crate) use keys::reference;
use keys::{
    allow_http, auth, binding, choice, client_id, fleet_epoch, headers, issuer, owned, provider, request,
    secure_endpoint, set_at,
};

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

const KEYS: [&str; 30] = [
    "provider",
    "client_id",
    "token_url",
    "issuer",
    "allow_http",
    "headers",
    "auth",
    "scopes",
    "audience",
    "resources",
    "params",
    "basic_encoding",
    "assertion_audience",
    "assertion_typ",
    "assertion_algorithm",
    "assertion_key_id",
    "certificate_file",
    "dpop",
    "token_type",
    "repeats",
    "default_lifetime",
    "min_ttl",
    "ca_file",
    "probe_url",
    "introspection_url",
    "revocation_url",
    "jwks_url",
    "secret",
    "fleet_epoch",
    "binding",
];

impl ProfileFile {
    /// Parses a profile's file.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<ProfileFile, ProfileError> {
        let kept_in = text::kept_in(&bytes);
        let parsed = Parsed::new(bytes)?;
        let table = parsed.root();
        table.renamed("shared_epoch", "fleet_epoch")?;
        table.only(&KEYS)?;
        let allow_http = allow_http(&table)?;
        // What a binding allows holds for the lines beside it, unless they name something else.
        let bound = table.table("binding")?.map(|table| binding(&table)).transpose()?;
        let allowed = allow_http.clone().or_else(|| bound.as_ref().map(|bound| bound.allow_http.clone()));
        let allowed = allowed.unwrap_or_default();
        let file = ProfileFile {
            provider: provider(&table)?,
            client_id: client_id(&table)?,
            token_url: secure_endpoint(&table, "token_url", &allowed)?,
            issuer: issuer(&table)?,
            allow_http,
            headers: headers(&table)?,
            auth: auth(&table)?,
            basic_encoding: choice(&table, "basic_encoding", &BasicEncoding::ALL)?,
            assertion_audience: choice(&table, "assertion_audience", &AssertionAudience::ALL)?,
            assertion_typ: choice(&table, "assertion_typ", &AssertionTyp::ALL)?,
            assertion_algorithm: choice(&table, "assertion_algorithm", &AssertionAlgorithm::ALL)?,
            assertion_key_id: owned(table.text("assertion_key_id")?),
            certificate_file: table.path("certificate_file")?,
            dpop: table.flag("dpop")?,
            token_type: choice(&table, "token_type", &TokenType::ALL)?,
            repeats: choice(&table, "repeats", &Repeats::ALL)?,
            request: request(&table)?,
            default_lifetime: table.duration("default_lifetime")?,
            min_ttl: table.duration("min_ttl")?,
            ca_file: table.path("ca_file")?,
            probe_url: secure_endpoint(&table, "probe_url", &allowed)?,
            introspection_url: secure_endpoint(&table, "introspection_url", &allowed)?,
            revocation_url: secure_endpoint(&table, "revocation_url", &allowed)?,
            jwks_url: secure_endpoint(&table, "jwks_url", &allowed)?,
            secret: reference(&table, "secret")?,
            fleet_epoch: fleet_epoch(&table)?,
            binding: bound,
            set_at: table.table("binding")?.and_then(|table| set_at(&table).transpose()).transpose()?,
            kept_in,
        };
        if file.secret.is_some() && file.binding.is_some() {
            return Err(table
                .invalid("secret", "cannot stand beside [binding]: the secret is stored or referenced")
                .into());
        }
        Ok(file)
    }

    /// Finds the stored secret in the file of an invalid profile: it has to be removed with the file.
    pub(crate) fn generation_in(bytes: &[u8]) -> Option<Generation> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[binding]").skip(1);
        let value = lines.find_map(|line| line.strip_prefix("generation")?.trim_start().strip_prefix('='))?;
        crate::encoding::hex::decode(value.trim().trim_matches(['"', '\''])).map(Generation::new)
    }

    /// Makes the profile: what the file does not name comes from its binding, then from the
    /// provider's preset. A binding pins the values that the preset had when the secret was set.
    pub(crate) fn resolve(&self, name: &ProfileName) -> Result<Profile, ProfileError> {
        // Quirks of a provider hold for a pinned profile too; its places are those that were pinned.
        let quirks = self.provider.as_deref().and_then(preset::find);
        let preset = quirks.as_ref().filter(|_| self.binding.is_none());
        let pinned = self.binding.as_ref();
        let url = |own: &Option<Endpoint>, bound: fn(&Binding) -> Option<Endpoint>| {
            own.clone().or_else(|| pinned.and_then(bound))
        };
        let preset_url = |take: fn(&preset::Preset) -> Option<Endpoint>| preset.and_then(take);
        let mut profile = Profile {
            name: name.clone(),
            client_id: self
                .client_id
                .clone()
                .or_else(|| pinned.map(|binding| binding.client_id.clone()))
                .ok_or(ProfileError::Missing("client_id"))?,
            token_url: url(&self.token_url, |binding| Some(binding.token_url.clone()))
                .or_else(|| preset_url(|preset| preset.token_url()))
                .ok_or(ProfileError::Missing("token_url"))?,
            issuer: self.issuer.clone().or_else(|| pinned.and_then(|binding| binding.issuer.clone())),
            allow_http: self
                .allow_http
                .clone()
                .or_else(|| pinned.map(|binding| binding.allow_http.clone()))
                .unwrap_or_default(),
            headers: self.headers.clone().unwrap_or_default(),
            auth: self
                .auth
                .or_else(|| pinned.map(|binding| binding.auth))
                .or_else(|| preset.and_then(|preset| preset.auth))
                .unwrap_or(AuthMethod::ClientSecretBasic),
            basic_encoding: self.basic_encoding.unwrap_or(BasicEncoding::Form),
            assertions: Assertions {
                audience: self.assertion_audience.unwrap_or(AssertionAudience::Issuer),
                typ: self.assertion_typ.unwrap_or(AssertionTyp::On),
                algorithm: self.assertion_algorithm,
                key_id: self.assertion_key_id.clone(),
            },
            certificate: self.certificate_file.clone().map(|file| ClientCertificate { file, thumbprint: None }),
            token_binding: match self.dpop {
                Some(true) => TokenBinding::Dpop,
                Some(false) => TokenBinding::Bearer,
                None => pinned.map_or(TokenBinding::Bearer, |binding| binding.token_binding),
            },
            token_type: self.token_type,
            grant: quirks.as_ref().map_or(Grant::ClientCredentials, |preset| preset.grant),
            repeats: self.repeats.or(quirks.as_ref().map(|preset| preset.repeats)).unwrap_or(Repeats::Bounded),
            request: self.request.clone(),
            default_lifetime: self
                .default_lifetime
                .or(quirks.as_ref().and_then(|preset| preset.default_lifetime))
                .unwrap_or(DEFAULT_LIFETIME),
            min_ttl: self.min_ttl.unwrap_or_default(),
            ca_file: self.ca_file.clone(),
            probe_url: url(&self.probe_url, |binding| binding.probe_url.clone())
                .or_else(|| preset_url(|preset| preset.probe_url.clone())),
            introspection_url: url(&self.introspection_url, |binding| binding.introspection_url.clone())
                .or_else(|| preset_url(preset::Preset::introspection_url)),
            revocation_url: url(&self.revocation_url, |binding| binding.revocation_url.clone())
                .or_else(|| preset_url(preset::Preset::revocation_url)),
            jwks_url: self.jwks_url.clone().or_else(|| quirks.as_ref().and_then(preset::Preset::jwks_url)),
            secret: match (&self.binding, &self.secret) {
                (Some(binding), _) => SecretSource::Stored(Box::new(binding.clone())),
                (None, Some(reference)) => SecretSource::Reference(reference.clone()),
                (None, None) => SecretSource::Absent,
            },
            fleet_epoch: self.fleet_epoch.clone(),
            secret_origin: SecretOrigin::Unknown,
        };
        // Only for the provider's own token endpoint: a profile may name another one.
        if let Some(preset) = &quirks {
            profile.secret_origin = preset.secret_origin(&profile.token_url);
        }
        profile.check()?;
        match pinned.and_then(|binding| binding.differs_in(&profile.binding(binding.generation, binding.ca_digest))) {
            Some(key) => Err(ProfileError::BindingDiffers(key)),
            None => Ok(profile),
        }
    }
}

impl Profile {
    /// Refuses what does not go together, before a secret is requested.
    fn check(&self) -> Result<(), ProfileError> {
        let because = match self.auth {
            method if method.signs() && self.assertion_audience().is_none() => {
                "an assertion is for the issuer: name `issuer`, or set assertion_audience = \"token_endpoint\""
            }
            method if method.shows_certificate() && self.certificate.is_none() => {
                "a client that shows a certificate needs `certificate_file`"
            }
            // Its key would be the secret, which is something else here.
            method if !method.shows_certificate() && self.certificate.is_some() => {
                "`certificate_file` goes with tls_client_auth and self_signed_tls_client_auth"
            }
            method
                if method != AuthMethod::FederatedAssertion
                    && matches!(self.secret, SecretSource::Reference(Reference::GithubActions { .. })) =>
            {
                "what GitHub Actions gives is an assertion: it goes with auth = \"federated_assertion\""
            }
            AuthMethod::FederatedAssertion if matches!(self.secret, SecretSource::Stored(_)) => {
                "a federated assertion is read at each fetch: name its place with `secret`"
            }
            _ if self.token_binding == TokenBinding::Dpop && self.token_type.is_some() => {
                "`token_type` is for bearer tokens, and `dpop` asks for others"
            }
            _ => return Ok(()),
        };
        Err(ProfileError::Contradiction(because))
    }
}

#[cfg(test)]
mod tests;
