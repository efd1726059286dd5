//! Removing a profile with its secret and tokens.

use std::path::PathBuf;

use super::checks::kept_here;
use super::editor::CredentialEditor;
use super::records::belongs_to;
use super::setting::set_default;
use super::writable::{Writable, report_leftovers};
use crate::error::{Code, Error, chain};
use crate::manage::operator::{CleanupFailure, Operator};
use crate::open::Home;
use crate::open::generations::{present, secrets_in};
use crate::profile::{Binding, Generation, ProfileFile, ProfileName};
use crate::secrets::{Configurations, ItemName, Retired};
use crate::system::files::{EscapedPath, remove_config};

/// Whether a profile is there, and the user's.
pub(crate) enum Presence {
    /// It is the user's.
    OfUser,
    /// It is the machine's, in this file.
    OfMachine(PathBuf),
    /// There is none.
    Absent,
}

/// Looks for a profile that is to be removed.
///
/// # Errors
/// [`Code::BindingMismatch`], if another data directory keeps its secret.
pub(crate) fn presence(home: &Home, name: &ProfileName) -> Result<Presence, Error> {
    // A file whose state cannot be read may exist.
    if home.profiles_dir().join(name.file_name()).try_exists().unwrap_or(true) {
        return kept_here(home, name).map(|()| Presence::OfUser);
    }
    match home.profile_file(name) {
        Ok((path, _)) => Ok(Presence::OfMachine(path)),
        Err(error) if error.code() == Code::ProfileNotFound => Ok(Presence::Absent),
        Err(error) => Err(error),
    }
}

/// Removes a profile with its secret and tokens, and its name as the default. Returns the data directory that they
/// were in.
pub(crate) fn remove(home: &Home, name: &ProfileName, operator: &dyn Operator) -> Result<PathBuf, Error> {
    let writable = Writable::open(home, operator)?;
    let left = writable.with_editor(home, |editor| editor.remove(name))?;
    if home.config.default_profile.as_deref() == Some(name.as_str()) {
        set_default(home, None)?;
    }
    report_leftovers(operator, &left);
    Ok(writable.data_dir().to_owned())
}

impl CredentialEditor<'_> {
    /// Removes a profile with its secret and tokens. The secret goes first: after a kill in between the profile is
    /// there to be removed again. If the secret cannot be erased, everything stays.
    pub(crate) fn remove(&self, name: &ProfileName) -> Result<Vec<CleanupFailure>, Error> {
        let mut left = Vec::new();
        let (file, generation) = self.to_remove(name, &mut left)?;
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
        self.forget_profile(name, file.as_ref(), &mut left);
        if let Err(error) = remove_config(&self.path(name)) {
            if self.path(name).symlink_metadata().is_ok() {
                return Err(error.into());
            }
            left.push(chain(&error).into());
        }
        // Again: a process that was fetching may have kept a token while the profile was still there. One that comes
        // later finds that it is gone, and takes its record back.
        if let Some(generation) = generation {
            self.forget_generation(generation, &mut left);
        }
        self.forget_profile(name, file.as_ref(), &mut left);
        self.sweep(&mut left);
        Ok(left)
    }

    /// Reads a profile that is to go, and the generation that it names.
    fn to_remove(
        &self,
        name: &ProfileName,
        left: &mut Vec<CleanupFailure>,
    ) -> Result<(Option<ProfileFile>, Option<Generation>), Error> {
        match present(&self.profiles_dir, name) {
            Ok(file) => {
                let generation = file.as_ref().and_then(|file| file.binding.as_ref()).map(|it| it.generation);
                Ok((file, generation))
            }
            // A profile with a mistake in it must not keep its owner from removing it.
            Err(error) if error.code() == Code::ConfigInvalid => {
                let generation = self.read(name)?.as_deref().and_then(ProfileFile::generation_in);
                if generation.is_none() {
                    left.push(CleanupFailure::SecretUnknown(error.to_string()));
                }
                Ok((None, generation))
            }
            Err(error) => Err(error),
        }
    }

    fn forget_profile(&self, name: &ProfileName, file: Option<&ProfileFile>, left: &mut Vec<CleanupFailure>) {
        if let Some(profile) = file.and_then(|file| file.resolve(name).ok()) {
            self.forget(|outline| belongs_to(outline, &profile), left);
        }
    }

    /// Erases the item and the records of a binding that no profile names any more.
    pub(super) fn erase(&self, binding: &Binding) -> Vec<CleanupFailure> {
        let mut left = Vec::new();
        match self.named_elsewhere(binding.generation) {
            Ok(None) => {}
            Ok(Some(why)) => return vec![why],
            Err(error) => return vec![format!("the old secret stays: {error}").into()],
        }
        if let Err(error) = (self.erase)(&Retired::by_name(ItemName::credential(binding.generation))) {
            left.push(chain(&error).into());
        }
        self.forget_generation(binding.generation, &mut left);
        left
    }

    /// Returns why a stored secret stays, if a profile of another configuration directory that stores secrets here names it.
    /// A directory that is gone names nothing.
    fn named_elsewhere(&self, generation: Generation) -> Result<Option<CleanupFailure>, Error> {
        for other in Configurations::load(self.data_dir)?.others(self.config_dir()) {
            if secrets_in(&other.join("profiles"))?.contains(&generation) {
                let why = format!("the secret stays, because a profile in {} has it too", EscapedPath(other));
                return Ok(Some(why.into()));
            }
        }
        Ok(None)
    }
}
