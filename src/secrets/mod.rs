//! Where secrets live: items by name, in a place that was chosen explicitly and is remembered.

mod choice;
#[cfg(test)]
pub(crate) mod contract;
mod credential;
mod establish;
mod files;
mod key_file;
#[cfg(test)]
mod memory;
mod reference;

use std::fmt;
use std::path::PathBuf;

use crate::place::{PlaceError, Shown};
use crate::profile::Generation;
use crate::seal::SealError;
use crate::secret::Secret;

pub(crate) use choice::{Backend, Choice, ChoiceError, StoreLock};
pub(crate) use credential::Credential;
pub(crate) use establish::{EstablishError, MissingKey, establish};
pub(crate) use files::SealedFiles;
pub(crate) use key_file::{create_key_file, data_key, read_key_file};
#[cfg(test)]
pub(crate) use memory::{Fault, MemorySecrets};
pub(crate) use reference::{ReferenceError, read_reference};

/// The name of an item, for ever: `credential/<generation>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemName(String);

impl ItemName {
    /// Names the item of a stored client secret.
    pub(crate) fn credential(generation: Generation) -> ItemName {
        ItemName(format!("credential/{generation}"))
    }

    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a secret cannot be read or kept. A definite absence is none of these: it is `None`.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// No place was chosen yet, and none is taken silently.
    #[error("no place for secrets was chosen yet")]
    NotChosen,
    /// The data directory cannot be opened.
    #[error("the data directory cannot be used: {0}")]
    NoPlace(String),
    /// The place is there and locked.
    #[error("the keyring is locked")]
    Locked,
    /// The place cannot be reached.
    #[error("the keyring cannot be reached")]
    Unreachable,
    /// What is there does not open: it was damaged, moved, or sealed with another key.
    #[error("the stored secret does not open")]
    Unreadable,
    /// What was written does not read back.
    #[error("the secret that was written does not read back")]
    WriteUnverified,
    /// The key file is not where it was.
    #[error("the key file {} is missing", Shown(.path))]
    KeyFileMissing {
        /// Where it was.
        path: PathBuf,
    },
    /// The key file is not safe to use.
    #[error("the key file must not be used")]
    KeyFileInsecure(#[source] PlaceError),
    /// The key file is too short to be a key.
    #[error("the key file {} is shorter than 32 bytes", Shown(.path))]
    KeyFileShort {
        /// Where it is.
        path: PathBuf,
    },
    /// The key file holds another key than the one that sealed this data directory.
    #[error("the key file {} holds another key than the one this data directory was sealed with", Shown(.path))]
    KeyFileWrong {
        /// Where it is.
        path: PathBuf,
    },
    /// A file of ours cannot be read or written, or must not be trusted.
    #[error("the place of a secret cannot be used")]
    Place(#[from] PlaceError),
    /// It could not be sealed.
    #[error("the secret cannot be sealed")]
    Seal(#[from] SealError),
}

/// Keeps secrets as immutable items.
pub(crate) trait SecretStore: fmt::Debug + Send + Sync {
    /// Returns an item, or `None` where it is definitely absent.
    ///
    /// *Locked*, *unreachable* and *unreadable* are errors of their own: none of them may lead to
    /// something being created.
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError>;

    /// Writes a new item and reads it back. An item that is there is never overwritten: that is
    /// [`SecretsError::WriteUnverified`].
    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError>;

    /// Erases an item; `false` where it was absent.
    fn remove(&self, item: &ItemName) -> Result<bool, SecretsError>;
}
