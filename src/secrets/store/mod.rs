//! Where secrets lie: sealed files, the OS keyring, or the memory of a test.

#[cfg(test)]
mod contract;
#[cfg(feature = "cli")]
mod copied;
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(test)]
mod memory;
#[cfg(not(feature = "keyring"))]
mod no_keyring;
mod retired;
mod sealed;

use std::fmt;

#[cfg(feature = "keyring")]
pub(crate) use keyring::OsKeyring;
#[cfg(all(test, feature = "cli"))]
pub(crate) use memory::Fault;
#[cfg(test)]
pub(crate) use memory::MemorySecrets;
#[cfg(not(feature = "keyring"))]
pub(crate) use no_keyring::OsKeyring;
pub(crate) use retired::Retired;
pub(crate) use sealed::SealedFiles;
#[cfg(feature = "cli")]
pub(crate) use sealed::{Stray, StrayKind};

use super::{ItemName, SecretsError};
use crate::system::secret::Secret;

/// Keeps secrets as immutable items.
pub(crate) trait SecretStore: fmt::Debug + Send + Sync {
    /// Returns an item, or `None` if it is definitely absent.
    ///
    /// *Locked*, *unreachable* and *unreadable* are errors of their own: none of them may lead to something being
    /// created.
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError>;

    /// Writes a new item and reads it back. An item that is there is never overwritten: that is
    /// [`SecretsError::WriteUnverified`].
    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError>;

    /// Erases a retired item; `false` if it was absent.
    fn remove(&self, retired: &Retired) -> Result<bool, SecretsError>;

    /// Writes an item that another store holds too until the file `store` names this one. A move that was killed may
    /// have left it here; anything else here is not overwritten.
    #[cfg(feature = "cli")]
    fn stage(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        if self.read(item)?.as_ref() == Some(secret) { Ok(()) } else { self.write(item, secret) }
    }

    /// Puts what was staged into place, once the file `store` names this store. The next call makes up for a kill in
    /// between.
    #[cfg(feature = "cli")]
    fn commit_staged(&self) -> Result<(), SecretsError> {
        Ok(())
    }

    /// Erases what an earlier key sealed and this store holds too.
    #[cfg(feature = "cli")]
    fn clear_aside(&self) -> Result<(), SecretsError> {
        Ok(())
    }
}
