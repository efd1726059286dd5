//! A profile out of its file: what the file leaves out comes from its binding, then from the provider's preset.

use super::file::{ProfileError, ProfileFile};
use super::{
    AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Binding, ClientCertificate,
    DEFAULT_LIFETIME, Endpoint, Grant, Profile, ProfileName, Reference, Repeats, SecretOrigin, SecretSource,
    TokenBinding, preset,
};

impl ProfileFile {
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
