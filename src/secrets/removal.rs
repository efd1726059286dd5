//! What goes from a backend, or moves to another one: retired items, everything, copies of an interrupted move.

use std::time::Duration;

use super::{Backend, OsKeyring, Retired, SealedFiles, SecretStore, SecretsError};
use crate::system::files::Dir;

impl Backend {
    /// Erases a retired item; sealed files go without their key. `false` if it was absent.
    pub(crate) fn remove(&self, dir: &Dir, timeout: Duration, retired: &Retired) -> Result<bool, SecretsError> {
        match self {
            Backend::Keyring => OsKeyring::new(timeout).remove(retired),
            Backend::File(_) => SealedFiles::remove_named(dir, retired),
            Backend::None => Ok(false),
        }
    }

    /// Erases everything: `items` of a keyring, and whatever lies in sealed files. Returns what failed.
    pub(crate) fn erase_all(
        &self,
        dir: &Dir,
        timeout: Duration,
        items: impl Iterator<Item = Retired>,
    ) -> Vec<SecretsError> {
        match self {
            Backend::Keyring => {
                let keyring = OsKeyring::new(timeout);
                items.filter_map(|item| keyring.remove(&item).err()).collect()
            }
            // The salt is half of the key: without it a copy of the key file opens nothing.
            Backend::File(_) => SealedFiles::erase_all(dir).err().into_iter().collect(),
            Backend::None => Vec::new(),
        }
    }

    /// Removes the copy that an interrupted move left in another backend.
    pub(crate) fn remove_copy_elsewhere(
        &self,
        dir: &Dir,
        timeout: Duration,
        retired: &Retired,
    ) -> Result<CopyElsewhere, SecretsError> {
        let outcome = |removed| if removed { CopyElsewhere::Removed } else { CopyElsewhere::Absent };
        match self {
            Backend::Keyring => SealedFiles::remove_named(dir, retired).map(outcome),
            Backend::File(_) => {
                Ok(OsKeyring::new(timeout).remove(retired).map_or_else(CopyElsewhere::Unknown, outcome))
            }
            Backend::None => Ok(CopyElsewhere::Absent),
        }
    }

    /// Returns whether the items of another backend have to be written into this one. A keyring seals nothing with the
    /// data key, so its items stay.
    pub(crate) fn takes_items_of(&self, other: &Backend) -> bool {
        !matches!((self, other), (Backend::Keyring, Backend::Keyring))
    }
}

/// A copy of an item that an interrupted move may have left.
#[derive(Debug)]
pub(crate) enum CopyElsewhere {
    /// It is erased.
    Removed,
    /// There is none.
    Absent,
    /// The other backend does not answer, so there is nothing to do.
    Unknown(SecretsError),
}
