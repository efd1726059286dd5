//! One change of one profile: the new item, the commit, then what the old one leaves.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::editor::{Committed, CredentialEditor, as_it_was, stored, undecided};
use super::records::{belongs_to, is_of};
use super::{CaFile, Outcome, Verify};
use crate::error::{Code, Error, Remedy, chain};
use crate::keeper::read_ca_bytes;
use crate::manage::operator::CleanupFailure;
use crate::open::generations::present;
use crate::profile::{Binding, Generation, Profile, ProfileFile, ProfileName, SecretSource};
use crate::secrets::{Configurations, Credential, ItemName, Retired};
use crate::system::files::make_config_dir;
use crate::system::secret::Secret;

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
    ) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        make_config_dir(&self.profiles_dir)?;
        let present = present(&self.profiles_dir, name)?;
        let profile = wanted.resolve(name).map_err(|error| Error::in_profile(&self.path(name), &error))?;
        let change = Change { editor: self, name, present, wanted, profile, verify };
        if change.wanted.secret.is_some() { change.refer() } else { change.bind(secret, ca_file) }
    }
}

/// A profile as it is, and as it is to be.
struct Change<'a> {
    editor: &'a CredentialEditor<'a>,
    name: &'a ProfileName,
    present: Option<ProfileFile>,
    wanted: ProfileFile,
    /// The profile that `wanted` makes.
    profile: Profile,
    verify: Option<Verify<'a>>,
}

impl Change<'_> {
    /// Makes the profile refer to a secret that is read at each fetch.
    fn refer(self) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        let Change { editor, name, present, wanted, profile, .. } = &self;
        // A refusal of the old secret means nothing for the one that is tried now.
        editor.forget_refusals(|outline| belongs_to(outline, profile), &mut Vec::new());
        if let Some(verify) = self.verify {
            verify(profile.clone(), None)?;
        }
        let same = present.as_ref() == Some(wanted);
        if !same && let Err(error) = editor.write(name, wanted) {
            return match editor.committed(name, |file| file == wanted) {
                // In place, and not synced: a power cut may bring the old profile back, with its item.
                Committed::Yes => Ok((Outcome::Stored, vec![error.to_string().into()])),
                Committed::No => Err(as_it_was(error)),
                Committed::Unknown => Err(undecided(&error)),
            };
        }
        let mut left = self.old().map(|binding| editor.erase(binding)).unwrap_or_default();
        if !same {
            // Even if the place has the same name: what it was derived from may be another secret.
            editor.forget_derived(name, present.as_ref(), &mut left);
        }
        editor.forget_refusals(|outline| belongs_to(outline, profile), &mut left);
        editor.sweep(&mut left);
        Ok((if same { Outcome::Unchanged } else { Outcome::Stored }, left))
    }

    /// Binds a secret to the profile: the given one, or the stored one.
    fn bind(self, secret: Option<Secret>, ca_file: CaFile) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        let ca_digest: Option<[u8; 32]> = read_ca_bytes(&self.profile)?.map(|pem| Sha256::digest(pem).into());
        let stored = self.stored(secret.as_ref())?;
        let binding = self.profile.binding(random_generation()?, ca_digest);
        let secret = match secret {
            Some(secret) => secret,
            None => kept_secret(stored.as_ref(), &binding, ca_file)?,
        };
        match stored {
            Some(stored) if stored.binding.differs_in(&binding).is_none() && stored.secret == secret => {
                self.set_again(stored)
            }
            _ => self.store(Credential { secret, binding }),
        }
    }

    fn old(&self) -> Option<&Binding> {
        self.present.as_ref().and_then(|file| file.binding.as_ref())
    }

    /// Reads the stored credential, for a change with `secret` or without one.
    fn stored(&self, secret: Option<&Secret>) -> Result<Option<Credential>, Error> {
        match (self.old(), self.editor.secrets) {
            (Some(binding), Ok(secrets)) => match stored(secrets, binding) {
                // An item that does not open must not stand in the way of the secret that replaces it.
                Err(error) if secret.is_some() && error.code() == Code::KeyFileWrong => Ok(None),
                stored => stored,
            },
            // There is no place to read from or to write to just now.
            (old, Err(error)) if secret.is_some() || old.is_some() => Err(Error::of_secrets(error)),
            (Some(_), Err(_)) | (None, _) => Ok(None),
        }
    }

    /// The same secret for the same places: the generation stays, and with it every token.
    fn set_again(self, stored: Credential) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        let Change { editor, name, present, wanted, profile, verify } = self;
        let Credential { secret, binding } = stored;
        let generation = binding.clone();
        editor.forget_refusals(|outline| is_of(outline, &generation), &mut Vec::new());
        if let Some(verify) = verify {
            verify(Profile { secret: SecretSource::Stored(Box::new(binding.clone())), ..profile }, Some(secret))?;
        }
        let set_at = present.as_ref().and_then(|file| file.set_at);
        let kept_in = present.as_ref().and_then(|file| file.kept_in.clone());
        let file = ProfileFile { binding: Some(binding), set_at, kept_in, ..wanted };
        let mut left = Vec::new();
        let is_same = present.as_ref() == Some(&file);
        if !is_same {
            editor.write(name, &file).map_err(as_it_was)?;
            if present.as_ref().is_some_and(|present| present.fleet_epoch != file.fleet_epoch) {
                editor.forget_derived(name, present.as_ref(), &mut left);
            }
        }
        editor.forget_refusals(|outline| is_of(outline, &generation), &mut left);
        Ok((if is_same { Outcome::Unchanged } else { Outcome::Changed }, left))
    }

    /// Stores a new generation, commits it, and erases the old one.
    fn store(self, credential: Credential) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        let Change { editor, name, present, wanted, profile, verify } = self;
        if let Some(verify) = verify {
            let bound = SecretSource::Stored(Box::new(credential.binding.clone()));
            verify(Profile { secret: bound, ..profile }, Some(credential.secret.clone()))?;
        }
        let secrets = editor.secrets.map_err(Error::of_secrets)?;
        Configurations::note(editor.data_dir, editor.config_dir(), editor.lock)?;
        let generation = credential.binding.generation;
        secrets.write(&ItemName::credential(generation), &credential.encode())?;
        let set_at = DateTime::<Utc>::from_timestamp(editor.clock.wall().seconds(), 0);
        // Profiles are text.
        let kept_in = Some(editor.data_dir.path().to_owned()).filter(|path| path.to_str().is_some());
        let file = ProfileFile { binding: Some(credential.binding), set_at, kept_in, ..wanted };
        if let Err(error) = editor.write(name, &file) {
            return editor.uncommitted(name, generation, error);
        }
        let old = present.as_ref().and_then(|file| file.binding.as_ref());
        let mut left = old.map(|binding| editor.erase(binding)).unwrap_or_default();
        editor.forget_derived(name, present.as_ref(), &mut left);
        if let (Some(sharing), Ok(profile)) = (editor.sharing, file.resolve(name))
            && let Err(error) = sharing.keep(secrets, &profile, &credential.secret)
        {
            // It is derived again when it is needed.
            tracing::debug!("what is derived for the fleet is not kept: {}", chain(&error));
        }
        editor.sweep(&mut left);
        Ok((Outcome::Stored, left))
    }
}

impl CredentialEditor<'_> {
    /// Finds what became of a commit that failed, and removes the new item if no profile names it.
    fn uncommitted(
        &self,
        name: &ProfileName,
        generation: Generation,
        error: Error,
    ) -> Result<(Outcome, Vec<CleanupFailure>), Error> {
        let names_it = |file: &ProfileFile| file.binding.as_ref().is_some_and(|it| it.generation == generation);
        match self.committed(name, names_it) {
            // The profile names the new item, and its directory could not be synced: a power cut may bring the
            // old profile back. Both items stay.
            Committed::Yes => Ok((Outcome::Stored, vec![error.to_string().into()])),
            Committed::No => {
                let secrets = self.secrets.map_err(Error::of_secrets)?;
                // The first error is the one to report.
                if let Err(error) = secrets.remove(&Retired::by_name(ItemName::credential(generation))) {
                    tracing::debug!("the new item was left behind: {}", chain(&error));
                }
                Err(as_it_was(error))
            }
            Committed::Unknown => Err(undecided(&error)),
        }
    }
}

/// Returns the stored secret, if it may stay: nothing that it is bound to changes, but for a CA file that was named
/// again.
fn kept_secret(stored: Option<&Credential>, binding: &Binding, ca_file: CaFile) -> Result<Secret, Error> {
    let Some(stored) = stored else {
        let message = "a client secret is needed; nothing was changed";
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::GiveSecret));
    };
    match stored.binding.differs_in(binding) {
        None => Ok(stored.secret.clone()),
        Some("ca_file") if ca_file == CaFile::Named && differs_only_in_ca(stored, binding) => Ok(stored.secret.clone()),
        Some(key) => {
            let message = format!("`{key}` changes, so the secret is needed again; nothing was changed");
            Err(Error::new(Code::Usage, message).with_remedy(Remedy::GiveSecret))
        }
    }
}

fn differs_only_in_ca(stored: &Credential, new: &Binding) -> bool {
    stored.binding.differs_in(&Binding { ca_digest: stored.binding.ca_digest, ..new.clone() }).is_none()
}

fn random_generation() -> Result<Generation, Error> {
    let mut bytes = [0; 16];
    crate::system::random::fill(&mut bytes)
        .map_err(|_| Error::new(Code::Internal, "the system gives no randomness"))?;
    Ok(Generation::new(bytes))
}
