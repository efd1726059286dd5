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
#[cfg_attr(not(feature = "cli"), path = "no_staging.rs")]
mod staging;

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
pub(crate) use staging::Staging;

use super::{ItemName, SecretsError};
use crate::system::secret::Secret;

/// Keeps secrets as immutable items.
pub(crate) trait SecretStore: Staging + fmt::Debug + Send + Sync {
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
}
