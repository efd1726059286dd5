//! Moving items into a store. They take effect when the file `store` names it.

#[cfg(test)]
use super::MemorySecrets;
use super::{OsKeyring, SecretStore};
use crate::secrets::{ItemName, SecretsError};
use crate::system::secret::Secret;

/// Takes items that another store holds too.
pub(crate) trait Staging {
    /// Writes an item that another store holds too until the file `store` names this one. A move that was killed may
    /// have left it here; anything else here is not overwritten.
    fn stage(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError>;

    /// Puts what was staged into place, once the file `store` names this store. The next call makes up for a kill in
    /// between.
    fn commit_staged(&self) -> Result<(), SecretsError> {
        Ok(())
    }

    /// Erases what an earlier key sealed and this store holds too.
    fn clear_aside(&self) -> Result<(), SecretsError> {
        Ok(())
    }
}

impl Staging for OsKeyring {
    fn stage(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        write_once(self, item, secret)
    }
}

#[cfg(test)]
impl Staging for MemorySecrets {
    fn stage(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        write_once(self, item, secret)
    }
}

fn write_once(store: &dyn SecretStore, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
    if store.read(item)?.as_ref() == Some(secret) { Ok(()) } else { store.write(item, secret) }
}
