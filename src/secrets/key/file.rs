//! The key file: the source of the data key of sealed files.

use std::path::Path;

use crate::seal::SealError;
use crate::secrets::SecretsError;
use crate::system::files::{Given, PlaceError, create_config, make_config_dir, read_given};
use crate::system::secret::Secret;

const SHORTEST: usize = 32;

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
pub(super) fn create_key_file(path: &Path) -> Result<Secret, SecretsError> {
    let mut bytes = vec![0; SHORTEST];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
    if let Some(directory) = path.parent() {
        make_config_dir(directory)?;
    }
    create_config(path, Secret::new(bytes).expose())?;
    read_key_file(path)?.ok_or_else(|| SecretsError::KeyFileMissing { path: path.to_owned() })
}
