//! A key file: its bytes make the data key.

use std::path::Path;

use super::{DataKeySource, Found, KeyAtHand, MissingKey, WantedKey};
use crate::seal::DataKey;
use crate::secrets::SecretsError;
use crate::system::files::{Given, PlaceError, create_config, make_config_dir, read_given};
use crate::system::random;
use crate::system::secret::Secret;

const SHORTEST: usize = 32;

/// A key file, by its absolute path.
pub(crate) struct KeyFile<'a>(pub(crate) &'a Path);

impl KeyAtHand for KeyFile<'_> {
    fn at_hand(&self, wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError> {
        read_recorded(self.0, KeyFile::role(wanted), wanted).map(Some)
    }
}

impl DataKeySource for KeyFile<'_> {
    fn unlock(&self, wanted: &WantedKey<'_>) -> Result<Found, SecretsError> {
        found(read_recorded(self.0, KeyFile::role(wanted), wanted))
    }

    fn create(&self, wanted: &WantedKey<'_>, missing: MissingKey) -> Result<Option<DataKey>, SecretsError> {
        let bytes = match read_key_file(self.0).map_err(as_role(KeyFile::role(wanted)))? {
            Some(bytes) => bytes,
            None if missing == MissingKey::Create => create_key_file(self.0)?,
            None => return Err(SecretsError::KeyFileMissing { path: self.0.to_owned() }),
        };
        Ok(Some(wanted.derived(&bytes)))
    }
}

impl KeyFile<'_> {
    fn role(wanted: &WantedKey<'_>) -> KeyFileRole {
        if wanted.id.is_some() { KeyFileRole::InUse } else { KeyFileRole::New }
    }
}

/// Reads the key that was recorded: from `path`, or from the place that the file has moved to.
pub(super) fn read_recorded(path: &Path, role: KeyFileRole, wanted: &WantedKey<'_>) -> Result<DataKey, SecretsError> {
    let Some(bytes) = read_key_file(path).map_err(as_role(role))? else {
        let moved = wanted.moved_to.map_or(Ok(None), |path| wanted.in_key_file(path))?;
        return moved.ok_or_else(|| SecretsError::KeyFileMissing { path: path.to_owned() });
    };
    let key = wanted.derived(&bytes);
    if wanted.accepts(&key) { Ok(key) } else { Err(SecretsError::KeyFileWrong { path: path.to_owned() }) }
}

/// Decides what another key in the file means. After the rotation of a Secret in a cluster it may take the place of the
/// first.
pub(super) fn found(read: Result<DataKey, SecretsError>) -> Result<Found, SecretsError> {
    match read {
        Ok(key) => Ok(Found::Key(key)),
        Err(other @ SecretsError::KeyFileWrong { .. }) => Ok(Found::Gone(other)),
        Err(error) => Err(error),
    }
}

/// What a key file that cannot be used is to the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileRole {
    /// Nothing is sealed with it here.
    New,
    /// What is sealed here needs the key that was in it.
    InUse,
    /// The service manager hands it to this process.
    HandedIn,
}

/// Puts the role of a key file into the error about a short one.
pub(super) fn as_role(role: KeyFileRole) -> impl FnOnce(SecretsError) -> SecretsError {
    move |error| match error {
        SecretsError::KeyFileShort { path, .. } => SecretsError::KeyFileShort { path, role },
        error => error,
    }
}

const CAP: usize = 64 * 1024;

/// Reads a key file; `None` if there is none.
pub(crate) fn read_key_file(path: &Path) -> Result<Option<Secret>, SecretsError> {
    let read = read_given(path, Given::Key, CAP).map_err(|error| match &error {
        // Of the file itself; what is wrong with its directory is wrong with more than a key.
        PlaceError::Insecure { path: place, .. } | PlaceError::Foreign { path: place, .. } if place == path => {
            SecretsError::KeyFileInsecure(error)
        }
        _ => SecretsError::Place(error),
    })?;
    match read.map(Secret::new) {
        Some(key) if key.expose().len() < SHORTEST => {
            Err(SecretsError::KeyFileShort { path: path.to_owned(), role: KeyFileRole::New })
        }
        key => Ok(key),
    }
}

/// Makes a key file of 32 random bytes, readable by its owner only, and reads it. One that is there is used, never
/// replaced: another data directory may be sealed with it.
fn create_key_file(path: &Path) -> Result<Secret, SecretsError> {
    let mut bytes = vec![0; SHORTEST];
    random::fill(&mut bytes)?;
    if let Some(directory) = path.parent() {
        make_config_dir(directory)?;
    }
    create_config(path, Secret::new(bytes).expose())?;
    read_key_file(path)?.ok_or_else(|| SecretsError::KeyFileMissing { path: path.to_owned() })
}
