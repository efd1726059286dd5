//! The client's secret, only now: read from its place, its binding compared.

use sha2::{Digest, Sha256};

use super::held::Asked;
use super::{Keeper, Secrets};
use crate::error::{Code, Error};
use crate::oauth::{IssuerError, Roots};
use crate::place::{Given, read_given};
use crate::profile::{Binding, Profile, Reference, SecretSource};
use crate::secret::Secret;
use crate::secrets::{Credential, ItemName, SecretsError, read_reference};
use crate::warning::Warning;

const CA_FILE_CAP: usize = 4 << 20;

/// What a client proves itself with, and whom it trusts.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) secret: Secret,
    ca: Option<Vec<u8>>,
}

impl Proof {
    pub(crate) fn roots(&self) -> Roots<'_> {
        match &self.ca {
            Some(pem) => Roots::Only(pem),
            None => Roots::System,
        }
    }
}

impl Keeper {
    /// Reads the secret and compares its binding; `None` where the profile was set anew meanwhile.
    pub(super) fn proof(&self, asked: &Asked) -> Result<Option<Proof>, Error> {
        let profile = &asked.profile;
        let ca = read_ca_file(profile)?;
        let secret = match (&self.parts.secrets, &profile.secret) {
            (Secrets::Given(secret), _) => secret.clone(),
            (Secrets::Profile, SecretSource::Stored(binding)) => match self.stored(profile, binding, ca.as_deref())? {
                Some(secret) => secret,
                None => return Ok(None),
            },
            (Secrets::Profile, SecretSource::Reference(reference)) => self.referenced(profile, reference)?,
            (Secrets::Profile, SecretSource::Absent) => {
                return Err(missing(profile, "has no secret: none was stored, and its file names none"));
            }
        };
        Ok(Some(Proof { secret, ca }))
    }

    fn stored(&self, profile: &Profile, binding: &Binding, ca: Option<&[u8]>) -> Result<Option<Secret>, Error> {
        let store = self.parts.vault.secrets().map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let item = store.read(&ItemName::credential(binding.generation));
        let item = item.map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let Some(item) = item else {
            // A `credentials set` may have come between: then another generation is there.
            if self.held.reload(&self.parts.source)? {
                return Ok(None);
            }
            return Err(missing(profile, "names a stored secret that is not there"));
        };
        let unreadable = |_| Error::from(SecretsError::Unreadable).for_profile(&profile.name);
        let credential = Credential::decode(&item).map_err(unreadable)?;
        let asks = profile.binding(binding.generation, ca.map(|pem| Sha256::digest(pem).into()));
        let differs = credential.binding.differs_in(&asks);
        if credential.binding.generation != binding.generation || differs.is_some() {
            let what = differs.unwrap_or("generation");
            let message = format!("the stored secret was set for another `{what}`; nothing was sent");
            return Err(Error::new(Code::BindingMismatch, message)
                .with_hint("run tokenkeep credentials set to bind the secret to the new place, or undo the edit")
                .for_profile(&profile.name));
        }
        Ok(Some(credential.secret))
    }

    fn referenced(&self, profile: &Profile, reference: &Reference) -> Result<Secret, Error> {
        let read = read_reference(reference).map_err(|error| Error::from(error).for_profile(&profile.name))?;
        if read.readable_by_others {
            self.observe(&Warning::SecretReadable);
        }
        Ok(read.secret)
    }
}

/// Reads a profile's CA file; `None` where it names none.
pub(crate) fn read_ca_file(profile: &Profile) -> Result<Option<Vec<u8>>, Error> {
    let Some(path) = &profile.ca_file else { return Ok(None) };
    match read_given(path, Given::Open, CA_FILE_CAP) {
        Ok(Some(pem)) => Ok(Some(pem)),
        Ok(None) => {
            let message = format!("the CA file {} is missing; nothing was sent", crate::place::Shown(path));
            let made =
                Error::new(Code::ConfigInvalid, message).with_hint("restore it, or change ca_file of the profile");
            Err(made.for_profile(&profile.name))
        }
        Err(error) if error.is_insecure() => Err(Error::from(error).for_profile(&profile.name)),
        Err(error) => Err(Error::from(IssuerError::CaFile(error)).for_profile(&profile.name)),
    }
}

fn missing(profile: &Profile, why: &str) -> Error {
    Error::new(Code::CredentialMissing, format!("the profile {} {why}", profile.name))
        .with_hint(format!("run tokenkeep credentials set -p {}", profile.name))
        .for_profile(&profile.name)
}
