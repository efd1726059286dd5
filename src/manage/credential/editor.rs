//! The editor of credentials: one profile file and its item at a time, under the lock.

use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::error::{Code, Error, Remedy, chain};
use crate::keeper::Sharing;
use crate::open::generations::present;
use crate::open::profiles::PROFILE_CAP;
use crate::profile::{Binding, ProfileFile, ProfileName};
use crate::secrets::{Credential, DataDirLock, ItemName, Retired, SecretStore, SecretsError};
use crate::system::clock::Clock;
use crate::system::files::{Dir, Given, read_given, replace_config};

/// The place in which credentials are set: held for as long as the lock of the data directory is.
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

impl CredentialEditor<'_> {
    /// Replaces a profile's file at one stroke: the commit.
    pub(super) fn write(&self, name: &ProfileName, file: &ProfileFile) -> Result<(), Error> {
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

    pub(super) fn read(&self, name: &ProfileName) -> Result<Option<Vec<u8>>, Error> {
        Ok(read_given(&self.path(name), Given::Open, PROFILE_CAP)?)
    }

    pub(super) fn path(&self, name: &ProfileName) -> PathBuf {
        self.profiles_dir.join(name.file_name())
    }

    pub(super) fn config_dir(&self) -> &Path {
        self.profiles_dir.parent().unwrap_or(&self.profiles_dir)
    }

    /// Reads a profile's file again after its writing failed, and returns whether it is the new one.
    pub(super) fn committed(&self, name: &ProfileName, is_new: impl Fn(&ProfileFile) -> bool) -> Committed {
        match present(&self.profiles_dir, name) {
            Ok(Some(file)) if is_new(&file) => Committed::Yes,
            Ok(Some(_) | None) => Committed::No,
            Err(_) => Committed::Unknown,
        }
    }
}

/// Whether a profile's file names what it should, after its writing failed.
pub(super) enum Committed {
    Yes,
    No,
    /// The file cannot be read now.
    Unknown,
}

/// Returns the stored credential that a binding names; `None` if it is absent.
pub(crate) fn stored(secrets: &dyn SecretStore, binding: &Binding) -> Result<Option<Credential>, Error> {
    match secrets.read(&ItemName::credential(binding.generation))? {
        Some(item) => Credential::decode(&item).map(Some).map_err(|_| Error::from(SecretsError::Unreadable)),
        None => Ok(None),
    }
}

/// Makes the error for a write that failed and left the old profile in place.
pub(super) fn as_it_was(error: Error) -> Error {
    match error.code() {
        Code::WriteFailed => {
            Error::new(Code::WriteFailed, format!("{error}; the old credential is as it was")).caused_by(error)
        }
        _ => error,
    }
}

/// Makes the error for a write that failed in a way that does not show which profile is in place.
pub(super) fn undecided(error: &Error) -> Error {
    let message = format!("{error}; the old or the new credential is in place, and either is whole");
    Error::new(Code::WriteFailed, message).with_remedy(Remedy::LookAtProfile)
}
