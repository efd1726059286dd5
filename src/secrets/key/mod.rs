//! Where the data key of a data directory comes from: one trait, and one file for each source.
//!
//! Two kinds of sources. *At hand*: a key file, a systemd credential: microseconds, at any time. *Unlocked*: the OS
//! keyring, a passphrase: milliseconds to minutes, inside the turn, once for a whole herd, because the answer fills the
//! kernel tier.

mod credential;
mod file;
mod kernel;
mod keyring;
mod passphrase;
mod passphrase_reader;

use std::path::Path;
use std::time::Duration;

pub(super) use credential::KeyCredential;
pub(crate) use credential::is_credential_name;
pub(super) use file::KeyFile;
pub(crate) use file::{KeyFileRole, read_key_file};
pub(super) use kernel::KernelTier;
pub(crate) use kernel::keep_in_kernel;
pub(super) use keyring::KeyInKeyring;
pub(crate) use passphrase::Argon2Cost;
pub(super) use passphrase::PassphraseKey;
#[cfg(feature = "cli")]
pub(crate) use passphrase_reader::PassphraseKind;
pub(crate) use passphrase_reader::PassphraseReader;

use super::SecretsError;
use crate::config::KeepUnlocked;
use crate::seal::{DataKey, KeyId};
use crate::system::secret::Secret;

/// What a look finds out, which unlocks nothing and makes nothing.
pub(super) trait KeyAtHand {
    /// Returns whether a daemon or a user hands the key out, so that the kernel keeps it for a while.
    fn needs_unlock(&self) -> bool {
        false
    }

    /// Returns the key if neither a daemon nor a user is needed for it.
    fn at_hand(&self, wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError>;
}

/// Where a data key comes from.
pub(super) trait DataKeySource: KeyAtHand {
    /// Obtains the key, from a daemon or a user if need be.
    fn unlock(&self, wanted: &WantedKey<'_>) -> Result<Found, SecretsError>;

    /// Makes a key, or takes the one that is brought; `None` if nothing is kept.
    fn create(&self, wanted: &WantedKey<'_>, missing: MissingKey) -> Result<Option<DataKey>, SecretsError>;

    /// Erases a key that seals nothing any more. A key that was brought, or that a user knows, stays.
    #[cfg(feature = "cli")]
    fn erase(&self, _wanted: &WantedKey<'_>) -> Result<(), SecretsError> {
        Ok(())
    }
}

/// What a source has.
pub(super) enum Found {
    /// The key that was wanted.
    Key(DataKey),
    /// That key is certainly gone, or another is in its place. If no new one may be made, this is the reason.
    Gone(SecretsError),
}

/// Whether a key file that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingKey {
    /// Make it: the user requested it.
    Create,
    /// Leave it: it is brought from outside.
    Leave,
}

/// How a key is obtained that takes a daemon or a user, and how long the kernel keeps it.
#[derive(Clone, Debug)]
pub(crate) struct UnlockOptions {
    /// How long the kernel tier keeps the key.
    pub(crate) keep: KeepUnlocked,
    /// Bounds each call of the keyring.
    pub(crate) timeout: Duration,
    /// Reads a passphrase.
    pub(crate) passphrase: PassphraseReader,
}

/// A key that is wanted of a source.
pub(super) struct WantedKey<'a> {
    /// The data directory that it belongs to.
    pub(super) store_id: &'a [u8; 16],
    /// What is mixed into it.
    pub(super) rekey_salt: &'a [u8; 16],
    /// Which key it is; none before the first.
    pub(super) id: Option<KeyId>,
    /// The key file in the present configuration: a home may have moved since `store` was written.
    pub(super) moved_to: Option<&'a Path>,
    pub(super) options: &'a UnlockOptions,
}

impl WantedKey<'_> {
    /// Derives a key for this data directory.
    fn derived(&self, bytes: &Secret) -> DataKey {
        DataKey::derived(bytes, self.store_id, self.rekey_salt)
    }

    /// Returns whether a key is not another than the one that is wanted.
    fn accepts(&self, key: &DataKey) -> bool {
        self.id.is_none_or(|id| id == key.id())
    }

    /// Reads the key from another key file; `None` if the file is missing, makes another key, or no key was recorded.
    pub(super) fn in_key_file(&self, path: &Path) -> Result<Option<DataKey>, SecretsError> {
        if self.id.is_none() {
            return Ok(None);
        }
        let bytes = read_key_file(path).map_err(file::as_role(KeyFileRole::InUse))?;
        Ok(bytes.map(|bytes| self.derived(&bytes)).filter(|key| self.accepts(key)))
    }
}

/// The source of a backend that keeps nothing.
pub(super) struct NoKey;

impl KeyAtHand for NoKey {
    fn at_hand(&self, _wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError> {
        Err(SecretsError::KeepsNothing)
    }
}

impl DataKeySource for NoKey {
    fn unlock(&self, _wanted: &WantedKey<'_>) -> Result<Found, SecretsError> {
        Err(SecretsError::KeepsNothing)
    }

    fn create(&self, _wanted: &WantedKey<'_>, _missing: MissingKey) -> Result<Option<DataKey>, SecretsError> {
        Ok(None)
    }
}
