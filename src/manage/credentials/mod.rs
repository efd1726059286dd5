//! Setting and removing a profile's credential, so that a kill at any point leaves the old one or
//! the new one whole.
//!
//! (1) a new generation in a new item, read back; (2) the profile file, which names the generation, replaced at one
//! stroke: the commit; (3) the old item and its records erased. A failure in (3) is reported and changes nothing: no
//! profile names what is left.

#[cfg(feature = "cli")]
mod merge;
#[cfg(feature = "cli")]
mod secret_form;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::cache::{Cache, Extent};
use crate::error::{Code, Error, Remedy, chain};
use crate::keeper::{Sharing, read_ca_bytes};
use crate::open::profiles::{PROFILE_CAP, present, secrets_in};
use crate::profile::{Binding, Generation, Profile, ProfileFile, ProfileName, SecretSource};
use crate::secrets::{Configurations, Credential, DataDirLock, ItemName, Retired, SecretStore, SecretsError};
use crate::system::clock::Clock;
use crate::system::files::{Dir, EscapedPath, Given, make_config_dir, read_given, remove_config, replace_config};
use crate::system::secret::Secret;
use crate::token::{Outline, RecordName};

#[cfg(feature = "cli")]
pub(crate) use merge::merged;
#[cfg(feature = "cli")]
pub(crate) use secret_form::check_form;

/// The place in which credentials are set: held for as long as the store lock is.
pub(crate) struct CredentialEditor<'a> {
    pub(crate) profiles_dir: PathBuf,
    pub(crate) data_dir: &'a Dir,
    pub(crate) secrets: Result<&'a dyn SecretStore, &'a SecretsError>,
    /// Erases a retired item, also if its key cannot be had.
    pub(crate) erase: &'a dyn Fn(&Retired) -> Result<bool, SecretsError>,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) clock: &'a dyn Clock,
    /// How this host shares tokens with its fleet, if it does.
    pub(crate) sharing: Option<&'a Sharing>,
    pub(crate) lock: &'a DataDirLock,
}

/// Whether a profile's file names what it should, after its writing failed.
enum Committed {
    Yes,
    No,
    /// The file cannot be read now.
    Unknown,
}

/// What came of setting a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// A new generation was stored, or another place to read the secret from.
    Stored,
    /// Secret and binding were the same, and the rest of the profile was not: tokens stay, refusals were erased.
    Changed,
    /// All was the same: tokens stay, refusals were erased.
    Unchanged,
}

/// Whether the command names the CA file, and so takes it as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaFile {
    /// It does.
    Named,
    /// It does not: a file that another process has changed is not taken over in passing.
    AsBefore,
}

/// Something that was left behind and does no harm.
pub(crate) type CleanupFailure = String;

/// Tries a credential before the old one goes; without a secret it is read from the place that the profile names.
pub(crate) type Verify<'a> = &'a dyn Fn(Profile, Option<Secret>) -> Result<(), Error>;

impl CredentialEditor<'_> {
    /// Sets a profile to `wanted`, which names no binding yet. Without `secret` the stored one stays,
    /// which it may only if nothing that it is bound to changes, but for a CA file that was named again.
    pub(crate) fn set(
        &self,
        name: &ProfileName,
        wanted: ProfileFile,
        secret: Option<Secret>,
        ca_file: CaFile,
        verify: Option<Verify<'_>>,
    ) -> Result<(Set, Vec<CleanupFailure>), Error> {
        let path = self.path(name);
        make_config_dir(&self.profiles_dir)?;
        let present = present(&self.profiles_dir, name)?;
        let old = present.as_ref().and_then(|file| file.binding.clone());
        let profile = wanted.resolve(name).map_err(|error| Error::in_profile(&path, &error))?;
        if wanted.secret.is_some() {
            // A refusal of the old secret means nothing for the one that is tried now.
            self.forget_refusals(|outline| belongs_to(outline, &profile), &mut Vec::new());
            if let Some(verify) = verify {
                verify(profile.clone(), None)?;
            }
            let same = present.as_ref() == Some(&wanted);
            let mut left = Vec::new();
            if !same && let Err(error) = self.write(name, &wanted) {
                return match self.committed(name, |file| *file == wanted) {
                    // In place, and not synced: a power cut may bring the old profile back, with its item.
                    Committed::Yes => Ok((Set::Stored, vec![error.to_string()])),
                    Committed::No => Err(as_it_was(error)),
                    Committed::Unknown => Err(undecided(&error)),
                };
            }
            left.extend(old.map(|binding| self.erase(&binding)).unwrap_or_default());
            if !same {
                // Even if the place has the same name: what it was derived from may be another secret.
                self.forget_derived(name, present.as_ref(), &mut left);
            }
            self.forget_refusals(|outline| belongs_to(outline, &profile), &mut left);
            self.sweep(&mut left);
            return Ok((if same { Set::Unchanged } else { Set::Stored }, left));
        }
        let ca_digest: Option<[u8; 32]> = read_ca_bytes(&profile)?.map(|pem| Sha256::digest(pem).into());
        let stored = match (&old, self.secrets) {
            (Some(binding), Ok(secrets)) => match stored(secrets, binding) {
                // An item that does not open must not stand in the way of the secret that replaces it.
                Err(error) if secret.is_some() && error.code() == Code::KeyFileWrong => None,
                stored => stored?,
            },
            // There is no place to read from or to write to just now.
            (_, Err(error)) if secret.is_some() || old.is_some() => return Err(Error::of_secrets(error)),
            (Some(_), Err(_)) | (None, _) => None,
        };
        let new_binding = profile.binding(random_generation()?, ca_digest);
        let differs = stored.as_ref().map(|stored| stored.binding.differs_in(&new_binding));
        let secret = match (secret, &stored, differs) {
            (Some(secret), _, _) => secret,
            (None, Some(stored), Some(None)) => stored.secret.clone(),
            (None, Some(stored), Some(Some("ca_file")))
                if ca_file == CaFile::Named && differs_only_in_ca(stored, &new_binding) =>
            {
                stored.secret.clone()
            }
            (None, Some(_), Some(Some(key))) => {
                let message = format!("`{key}` changes, so the secret is needed again; nothing was changed");
                return Err(Error::new(Code::Usage, message).with_remedy(Remedy::GiveSecret));
            }
            (None, _, _) => return Err(needs_secret()),
        };
        if let (Some(stored), Some(None)) = (&stored, differs)
            && stored.secret == secret
        {
            return self.set_again(name, wanted, &profile, present.as_ref(), stored, verify);
        }
        let generation = new_binding.generation;
        let credential = Credential { secret, binding: new_binding };
        if let Some(verify) = verify {
            let bound = SecretSource::Stored(Box::new(credential.binding.clone()));
            verify(Profile { secret: bound, ..profile }, Some(credential.secret.clone()))?;
        }
        let secrets = self.secrets.map_err(Error::of_secrets)?;
        Configurations::note(self.data_dir, self.config_dir(), self.lock)?;
        let item = ItemName::credential(generation);
        secrets.write(&item, &credential.encode())?;
        let set_at = DateTime::<Utc>::from_timestamp(self.clock.wall().seconds(), 0);
        // Profiles are text.
        let kept_in = Some(self.data_dir.path().to_owned()).filter(|path| path.to_str().is_some());
        let file = ProfileFile { binding: Some(credential.binding), set_at, kept_in, ..wanted };
        if let Err(error) = self.write(name, &file) {
            let names_it = |file: &ProfileFile| file.binding.as_ref().is_some_and(|it| it.generation == generation);
            return match self.committed(name, names_it) {
                // The profile names the new item, and its directory could not be synced: a power cut may bring the
                // old profile back. Both items stay.
                Committed::Yes => Ok((Set::Stored, vec![error.to_string()])),
                Committed::No => {
                    // No profile names the new item, so it goes again. The first error is the one to report.
                    if let Err(error) = secrets.remove(&Retired::by_name(item)) {
                        tracing::debug!("the new item was left behind: {}", chain(&error));
                    }
                    Err(as_it_was(error))
                }
                Committed::Unknown => Err(undecided(&error)),
            };
        }
        let mut left = old.map(|binding| self.erase(&binding)).unwrap_or_default();
        self.forget_derived(name, present.as_ref(), &mut left);
        if let (Some(sharing), Ok(profile)) = (self.sharing, file.resolve(name))
            && let Err(error) = sharing.keep(secrets, &profile, &credential.secret)
        {
            // It is derived again when it is needed.
            tracing::debug!("what is derived for the fleet is not kept: {}", chain(&error));
        }
        self.sweep(&mut left);
        Ok((Set::Stored, left))
    }

    /// Erases what was derived for the fleet from the secret that a profile had.
    fn forget_derived(&self, name: &ProfileName, old: Option<&ProfileFile>, left: &mut Vec<CleanupFailure>) {
        let profile = old.and_then(|file| file.resolve(name).ok());
        if let (Some(sharing), Some(profile)) = (self.sharing, profile)
            && let Err(error) = (self.erase)(&Retired::by_name(sharing.item(&profile)))
        {
            left.push(chain(&error));
        }
    }

    /// The same secret for the same places: the generation stays, and with it every token.
    fn set_again(
        &self,
        name: &ProfileName,
        wanted: ProfileFile,
        profile: &Profile,
        present: Option<&ProfileFile>,
        stored: &Credential,
        verify: Option<Verify<'_>>,
    ) -> Result<(Set, Vec<CleanupFailure>), Error> {
        self.forget_refusals(|outline| is_of(outline, &stored.binding), &mut Vec::new());
        if let Some(verify) = verify {
            let bound = SecretSource::Stored(Box::new(stored.binding.clone()));
            verify(Profile { secret: bound, ..profile.clone() }, Some(stored.secret.clone()))?;
        }
        let set_at = present.and_then(|file| file.set_at);
        let kept_in = present.and_then(|file| file.kept_in.clone());
        let file = ProfileFile { binding: Some(stored.binding.clone()), set_at, kept_in, ..wanted };
        let mut left = Vec::new();
        let is_same = present == Some(&file);
        if !is_same {
            self.write(name, &file).map_err(as_it_was)?;
            if present.is_some_and(|present| present.fleet_epoch != file.fleet_epoch) {
                self.forget_derived(name, present, &mut left);
            }
        }
        self.forget_refusals(|outline| is_of(outline, &stored.binding), &mut left);
        Ok((if is_same { Set::Unchanged } else { Set::Changed }, left))
    }

    /// Removes a profile with its secret and tokens. The secret goes first: after a kill in between the profile is
    /// there to be removed again. If the secret cannot be erased, everything stays.
    pub(crate) fn remove(&self, name: &ProfileName) -> Result<Vec<CleanupFailure>, Error> {
        let mut left = Vec::new();
        let (file, generation) = match present(&self.profiles_dir, name) {
            Ok(file) => {
                let generation = file.as_ref().and_then(|file| file.binding.as_ref()).map(|it| it.generation);
                (file, generation)
            }
            // A profile with a mistake in it must not keep its owner from removing it.
            Err(error) if error.code() == Code::ConfigInvalid => {
                let generation = self.read(name)?.as_deref().and_then(ProfileFile::generation_in);
                if generation.is_none() {
                    left.push(format!("{error}; if a secret is stored for it, tokenkeep doctor --fix erases it"));
                }
                (None, generation)
            }
            Err(error) => return Err(error),
        };
        // A copy of a configuration names the same secret: what the other one still needs stays. If that cannot be found
        // out, everything stays.
        let named = generation.map_or(Ok(None), |generation| self.named_elsewhere(generation))?;
        let generation = generation.filter(|_| named.is_none());
        left.extend(named);
        if let Some(generation) = generation {
            self.lock.still_holds(self.data_dir)?;
            (self.erase)(&Retired::by_name(ItemName::credential(generation)))?;
            self.forget_generation(generation, &mut left);
        }
        self.forget_derived(name, file.as_ref(), &mut left);
        if let Some(profile) = file.as_ref().and_then(|file| file.resolve(name).ok()) {
            self.forget(|outline| belongs_to(outline, &profile), &mut left);
        }
        if let Err(error) = remove_config(&self.path(name)) {
            if self.path(name).symlink_metadata().is_ok() {
                return Err(error.into());
            }
            left.push(chain(&error));
        }
        // Again: a process that was fetching may have kept a token while the profile was still there. One that comes
        // later finds that it is gone, and takes its record back.
        if let Some(generation) = generation {
            self.forget_generation(generation, &mut left);
        }
        if let Some(profile) = file.as_ref().and_then(|file| file.resolve(name).ok()) {
            self.forget(|outline| belongs_to(outline, &profile), &mut left);
        }
        self.sweep(&mut left);
        Ok(left)
    }

    /// Removes what is left of what no caller needs any more.
    fn sweep(&self, left: &mut Vec<CleanupFailure>) {
        if let Err(fault) = crate::cache::sweep(self.data_dir, self.cache, self.clock, Extent::Everything) {
            left.push(chain(&fault));
        }
    }

    /// Erases the item and the records of a binding that no profile names any more.
    fn erase(&self, binding: &Binding) -> Vec<CleanupFailure> {
        let mut left = Vec::new();
        match self.named_elsewhere(binding.generation) {
            Ok(None) => {}
            Ok(Some(why)) => return vec![why],
            Err(error) => return vec![format!("the old secret stays: {error}")],
        }
        if let Err(error) = (self.erase)(&Retired::by_name(ItemName::credential(binding.generation))) {
            left.push(chain(&error));
        }
        self.forget_generation(binding.generation, &mut left);
        left
    }

    /// Returns why a stored secret stays, if a profile of another configuration directory that stores secrets here names it.
    /// A directory that is gone names nothing.
    fn named_elsewhere(&self, generation: Generation) -> Result<Option<CleanupFailure>, Error> {
        for other in Configurations::load(self.data_dir)?.others(self.config_dir()) {
            if secrets_in(&other.join("profiles"))?.contains(&generation) {
                return Ok(Some(format!("the secret stays, because a profile in {} has it too", EscapedPath(other))));
            }
        }
        Ok(None)
    }

    fn forget_generation(&self, generation: Generation, left: &mut Vec<CleanupFailure>) {
        for record in self.forget(|outline| outline.generation.as_deref() == Some(generation.as_bytes()), left) {
            // Only a process that still fetches with the old secret takes this turn.
            if let Err(error) = crate::cache::single_flight::forget_lock(self.data_dir, record) {
                left.push(chain(&error));
            }
        }
    }

    /// Reads a profile's file again after its writing failed, and returns whether it is the new one.
    fn committed(&self, name: &ProfileName, is_new: impl Fn(&ProfileFile) -> bool) -> Committed {
        match present(&self.profiles_dir, name) {
            Ok(Some(file)) if is_new(&file) => Committed::Yes,
            Ok(Some(_) | None) => Committed::No,
            Err(_) => Committed::Unknown,
        }
    }

    fn config_dir(&self) -> &Path {
        self.profiles_dir.parent().unwrap_or(&self.profiles_dir)
    }

    fn forget(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) -> Vec<RecordName> {
        let records = self.records_of(of, left);
        for record in &records {
            if let Some(Err(fault)) = self.cache.map(|cache| cache.forget(*record)) {
                left.push(chain(&fault));
            }
        }
        records
    }

    fn forget_refusals(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) {
        for record in self.records_of(of, left) {
            if let Some(Err(fault)) = self.cache.map(|cache| cache.forget_refusal(record)) {
                left.push(chain(&fault));
            }
        }
    }

    fn records_of(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) -> Vec<RecordName> {
        match self.cache.map(Cache::identities) {
            None => Vec::new(),
            Some(Ok(identities)) => {
                identities.into_iter().filter(|(_, outline)| of(outline)).map(|(identity, _)| identity.name()).collect()
            }
            Some(Err(fault)) => {
                left.push(chain(&fault));
                Vec::new()
            }
        }
    }

    fn write(&self, name: &ProfileName, file: &ProfileFile) -> Result<(), Error> {
        let path = self.path(name);
        self.lock.still_holds(self.data_dir)?;
        let text = file.render(self.read(name)?).map_err(|error| Error::in_profile(&path, &error))?;
        replace_config(&path, text.as_bytes()).map_err(|error| {
            if error.is_insecure() {
                return error.into();
            }
            Error::new(Code::WriteFailed, chain(&error)).caused_by(error)
        })
    }

    fn read(&self, name: &ProfileName) -> Result<Option<Vec<u8>>, Error> {
        Ok(read_given(&self.path(name), Given::Open, PROFILE_CAP)?)
    }

    fn path(&self, name: &ProfileName) -> PathBuf {
        self.profiles_dir.join(name.file_name())
    }
}

/// Returns the stored credential that a binding names; `None` if it is absent.
pub(crate) fn stored(secrets: &dyn SecretStore, binding: &Binding) -> Result<Option<Credential>, Error> {
    match secrets.read(&ItemName::credential(binding.generation))? {
        Some(item) => Credential::decode(&item).map(Some).map_err(|_| Error::from(SecretsError::Unreadable)),
        None => Ok(None),
    }
}

/// Returns whether a record was obtained with the credential that a binding belongs to.
fn is_of(outline: &Outline, binding: &Binding) -> bool {
    outline.generation.as_deref() == Some(binding.generation.as_bytes())
}

/// Returns whether a record belongs to a profile: same client at the same issuer, same generation.
pub(crate) fn belongs_to(outline: &Outline, profile: &Profile) -> bool {
    outline.token_endpoint == profile.token_url.as_str()
        && outline.client_id == profile.client_id
        && outline.generation.as_deref() == profile.generation().as_ref().map(Generation::as_bytes)
}

fn differs_only_in_ca(stored: &Credential, new: &Binding) -> bool {
    stored.binding.differs_in(&Binding { ca_digest: stored.binding.ca_digest, ..new.clone() }).is_none()
}

fn needs_secret() -> Error {
    Error::new(Code::Usage, "a client secret is needed; nothing was changed").with_remedy(Remedy::GiveSecret)
}

/// Makes the error for a write that failed and left the old profile in place.
fn as_it_was(error: Error) -> Error {
    match error.code() {
        Code::WriteFailed => {
            Error::new(Code::WriteFailed, format!("{error}; the old credential is as it was")).caused_by(error)
        }
        _ => error,
    }
}

/// Makes the error for a write that failed in a way that does not show which profile is in place.
fn undecided(error: &Error) -> Error {
    let message = format!("{error}; the old or the new credential is in place, and either is whole");
    Error::new(Code::WriteFailed, message).with_remedy(Remedy::LookAtProfile)
}

fn random_generation() -> Result<Generation, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Error::new(Code::Internal, "the system gives no randomness"))?;
    Ok(Generation::new(bytes))
}

#[cfg(test)]
mod tests;
