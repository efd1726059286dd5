//! What an operator wants a profile to be, over what it is.

use super::merge::merged;
use crate::error::{Code, Error, Remedy};
use crate::profile::{AuthMethod, BasicEncoding, Binding, PlainHosts, ProfileError, ProfileFile, ProfileName, Request};

/// The parts of a profile that were given, and what becomes of the others.
pub(crate) struct Wish<'a> {
    pub(crate) name: ProfileName,
    pub(crate) over: Over,
    /// The parts that were given, with those that a preset or the issuer adds.
    pub(crate) given: ProfileFile,
    /// Puts what was given of the token request over that of the profile; `None` if nothing was given.
    pub(crate) request: &'a dyn Fn(&Request) -> Result<Option<Request>, Error>,
    /// Parameters of the token request that fill the gaps of a preset: they stand beside those that were given, and win.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) secret: GivenSecret,
}

/// What the parts that were given are put over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The present profile.
    Present,
    /// Nothing: it starts again.
    Nothing,
}

/// Whether a secret is given that is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenSecret {
    /// It is: a reference to another place ends.
    ToStore,
    /// It is not, or not yet.
    None,
}

/// Why a wish cannot be granted.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Neither the parts that were given nor the profile have a client identifier.
    NoClientId,
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}

impl Wish<'_> {
    /// Returns the profile that stays, as far as no other part was given.
    pub(crate) fn base<'b>(&self, present: Option<&'b ProfileFile>) -> Option<&'b ProfileFile> {
        present.filter(|_| self.over == Over::Present)
    }

    /// Merges the parts that were given over what is there, and checks that it is enough.
    pub(crate) fn merged(&self, present: Option<&ProfileFile>) -> Result<ProfileFile, Refusal> {
        let base = self.base(present).cloned();
        let request = self.merged_request(base.as_ref())?;
        let mut wanted = merged(base, self.given.clone(), request);
        if self.secret == GivenSecret::ToStore {
            wanted.secret = None;
        }
        if wanted.client_id.is_none() {
            return Err(Refusal::NoClientId);
        }
        let refused = |why: &str| Error::new(Code::Usage, format!("{why}; nothing was changed"));
        if wanted.token_url.is_none() && wanted.provider.is_none() {
            return Err(refused("the source of tokens is missing").with_remedy(Remedy::NameIssuer).into());
        }
        let has_colon = wanted.client_id.as_ref().is_some_and(|id| id.contains(':'));
        if wanted.basic_encoding == Some(BasicEncoding::Raw) && has_colon {
            return Err(refused("a client id with a colon cannot be sent raw (RFC 7617)").into());
        }
        Ok(wanted)
    }

    fn merged_request(&self, base: Option<&ProfileFile>) -> Result<Option<Request>, Error> {
        let present = base.map(|file| file.request.clone()).unwrap_or_default();
        // The parts of the request that a provider needs, with the user's answers.
        let needed = (self.given.request != Request::default()).then(|| self.given.request.clone());
        let wanted = (self.request)(needed.as_ref().unwrap_or(&present))?.or(needed);
        if self.params.is_empty() {
            return Ok(wanted);
        }
        let base = wanted.unwrap_or(present);
        let own = base.params().filter(|(name, _)| self.params.iter().all(|(given, _)| given != name));
        let own: Vec<(String, String)> = own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let all = own.iter().chain(&self.params).map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(Some(base.clone().with_params(all)?))
    }

    /// Refuses to take over a line that was edited into the file of a bound profile. A configuration tool may give the
    /// secret again each hour: that must not bind the secret to the line in passing.
    pub(crate) fn check_unedited(&self, present: Option<&ProfileFile>) -> Result<(), Error> {
        let Some(file) = self.base(present) else { return Ok(()) };
        let Err(ProfileError::BindingDiffers(key)) = file.resolve(&self.name) else { return Ok(()) };
        if self.gives(key, file) {
            return Ok(());
        }
        let message = format!("`{key}` in the file differs from what the secret was set for; nothing was changed");
        Err(Error::new(Code::BindingMismatch, message).with_remedy(Remedy::UndoEditOrGive(key)).for_profile(&self.name))
    }

    /// Returns whether the value of a bound key was given explicitly.
    fn gives(&self, key: &str, file: &ProfileFile) -> bool {
        let given = &self.given;
        match key {
            "token_url" => {
                given.token_url.is_some()
                    || given.provider.as_ref().is_some_and(|given| file.provider.as_ref() != Some(given))
            }
            "issuer" => given.issuer.is_some(),
            "client_id" => given.client_id.is_some(),
            "auth" => given.auth.is_some(),
            "introspection_url" => given.introspection_url.is_some(),
            "revocation_url" => given.revocation_url.is_some(),
            "probe_url" => given.probe_url.is_some(),
            "assertion_audience" => given.assertion_audience.is_some() || given.issuer.is_some(),
            "dpop" => given.dpop.is_some(),
            "allow_http" => given.allow_http.is_some(),
            "headers" => given.headers.is_some(),
            _ => false,
        }
    }

    /// Checks, before the user types a secret, that the parts of the profile go together.
    pub(crate) fn check_parts(&self, wanted: &ProfileFile) -> Result<(), Error> {
        let refused =
            |why: &str, remedy| Err(Error::new(Code::Usage, format!("{why}; nothing was changed")).with_remedy(remedy));
        match wanted.resolve(&self.name) {
            Err(ProfileError::Contradiction(why)) if wanted.token_type.is_some() && wanted.dpop == Some(true) => {
                refused(why, Remedy::LeaveDpopOut)
            }
            Err(ProfileError::Contradiction(why)) => match wanted.auth {
                Some(method) if method.shows_certificate() => refused(why, Remedy::GiveCertificateFile),
                _ => refused(why, Remedy::GiveAssertionAudience),
            },
            // It would be stored, and never used.
            Ok(profile) if profile.auth == AuthMethod::FederatedAssertion && wanted.secret.is_none() => {
                refused("a federated assertion is read at each fetch, not stored", Remedy::ReferToAssertion)
            }
            _ => Ok(()),
        }
    }
}

/// Returns the private hosts that a profile allows plain http to.
pub(crate) fn allowed_by(file: &ProfileFile) -> Option<PlainHosts> {
    file.allow_http.clone().or_else(|| Some(file.binding.as_ref()?.allow_http.clone()))
}

/// Returns which part of a stored secret's binding changes; `None` if it stays bound to the same places.
pub(crate) fn bound_change(binding: &Binding, wanted: &ProfileFile, name: &ProfileName) -> Option<&'static str> {
    match wanted.resolve(name) {
        Ok(profile) => binding.differs_in(&profile.binding(binding.generation, binding.ca_digest)),
        Err(_) => Some("binding"),
    }
}
