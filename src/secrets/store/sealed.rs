//! Secrets in sealed files: `secrets/HEX` in the data directory.
//!
//! An item lies in one of three files. `HEX` is its place. `HEX.new` was sealed with another key, which takes effect
//! when the file `store` names it. `HEX.aside` was put aside: no profile that could be read names it. A reader tries
//! all three, so a kill between two renames loses nothing.

use std::sync::Arc;

#[cfg(feature = "cli")]
pub(crate) use upkeep::{Stray, StrayKind};

use super::SecretStore;
use crate::seal::{self, DataKey, Kind, LARGEST_RECORD, Plain};
use crate::secrets::{ItemName, Retired, SecretsError};
use crate::system::files::{Dir, Durable, Missing};
use crate::system::secret::Secret;
use crate::token::RecordName;

/// Keeps items in files of ours, sealed with a sub-key of the data key.
#[derive(Debug)]
pub(crate) struct SealedFiles {
    data_dir: Arc<Dir>,
    key: DataKey,
}

/// What a file of an item holds.
enum Found {
    Absent,
    /// It opened with the present key.
    Opened(Plain),
    /// It was read whole, and its header names another key.
    OfAnotherKey,
    /// It was read whole, and does not open.
    Damaged,
}

impl SealedFiles {
    /// Makes a store below a data directory.
    pub(crate) fn new(data_dir: Arc<Dir>, key: DataKey) -> SealedFiles {
        SealedFiles { data_dir, key }
    }

    /// Returns whether any file is there but temporaries.
    pub(crate) fn any(data_dir: &Dir) -> Result<bool, SecretsError> {
        let Some(secrets) = folder(data_dir)? else { return Ok(false) };
        Ok(secrets.names()?.iter().any(|file| !file.ends_with(TEMPORARY)))
    }

    /// Erases an item, whatever key sealed it. Called under the data directory's lock.
    pub(crate) fn remove_named(data_dir: &Dir, retired: &Retired) -> Result<bool, SecretsError> {
        let Some(secrets) = folder(data_dir)? else { return Ok(false) };
        let mut removed = false;
        for file in files(retired.item()) {
            removed |= secrets.remove(&file)?;
        }
        Ok(removed)
    }

    fn put(&self, file: &str, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        let identity = item.as_str().as_bytes().to_vec();
        let plain = Plain { identity, body: secret.expose().to_vec().into() };
        let record = seal::seal(&self.key, Kind::SecretItem, &plain)?;
        let made = self.data_dir.dir("secrets", Missing::Create)?;
        let secrets = made.ok_or(SecretsError::WriteUnverified)?;
        Ok(secrets.replace(file, &format!("{file}{TEMPORARY}"), &record, Durable::Yes)?)
    }

    /// Reads a file whole. A file that cannot be read is an error, never an absence.
    fn look(&self, file: &str, name: RecordName) -> Result<Found, SecretsError> {
        let Some(secrets) = folder(&self.data_dir)? else { return Ok(Found::Absent) };
        let Some(record) = secrets.read(file, LARGEST_RECORD)? else { return Ok(Found::Absent) };
        Ok(match seal::open(&self.key, Kind::SecretItem, name, &record) {
            Ok(plain) => Found::Opened(plain),
            Err(_) => match seal::key_id(&record, Kind::SecretItem) {
                Some(id) if id != self.key.id() => Found::OfAnotherKey,
                Some(_) | None => Found::Damaged,
            },
        })
    }
}

const TEMPORARY: &str = ".tmp";

/// What an item's file is called while the key that sealed it has not taken effect.
const BESIDE: &str = ".new";

/// What an item's file is called after it was put aside.
const ASIDE: &str = ".aside";

fn folder(data_dir: &Dir) -> Result<Option<Dir>, SecretsError> {
    Ok(data_dir.dir("secrets", Missing::Leave)?)
}

fn place(item: &ItemName) -> String {
    RecordName::of(item.as_str().as_bytes()).to_hex()
}

/// Lists the files that an item may lie in.
fn files(item: &ItemName) -> [String; 3] {
    let place = place(item);
    [format!("{place}{BESIDE}"), format!("{place}{ASIDE}"), place]
}

impl SecretStore for SealedFiles {
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        let name = RecordName::of(item.as_str().as_bytes());
        let [beside, aside, place] = files(item);
        let mut unreadable = false;
        // The place twice: between two looks another process may put what lies beside into it.
        for file in [&place, &beside, &place, &aside] {
            match self.look(file, name)? {
                Found::Opened(plain) => return Ok(Some(Secret::new(plain.body.to_vec()))),
                Found::Absent => {}
                Found::OfAnotherKey | Found::Damaged => unreadable = true,
            }
        }
        if unreadable { Err(SecretsError::Unreadable) } else { Ok(None) }
    }

    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        if self.read(item)?.is_some() {
            return Err(SecretsError::WriteUnverified);
        }
        self.put(&place(item), item, secret)?;
        match self.read(item)? {
            Some(read) if read == *secret => Ok(()),
            Some(_) | None => Err(SecretsError::WriteUnverified),
        }
    }

    fn remove(&self, retired: &Retired) -> Result<bool, SecretsError> {
        SealedFiles::remove_named(&self.data_dir, retired)
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests;
#[cfg(feature = "cli")]
mod upkeep;
