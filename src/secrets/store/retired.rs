//! What lets a store remove an item.

use super::SecretStore;
use crate::secrets::{ItemName, SecretsError};
use crate::system::secret::Secret;

/// An item that may be removed. A store removes nothing else: a secret goes only if its copy elsewhere was read back,
/// or if a command retired it by name. An error is never a reason.
#[derive(Debug)]
pub(crate) struct Retired(ItemName);

impl Retired {
    /// Retires an item by name: no profile names it any more, or its owner removes it.
    pub(crate) fn by_name(item: ItemName) -> Retired {
        Retired(item)
    }

    /// Retires an item whose copy is in `to`, which is read back here.
    pub(crate) fn copied(item: &ItemName, secret: &Secret, to: &dyn SecretStore) -> Result<Retired, SecretsError> {
        match to.read(item)? {
            Some(copy) if copy == *secret => Ok(Retired(item.clone())),
            Some(_) | None => Err(SecretsError::WriteUnverified),
        }
    }

    /// Returns the name of the item.
    pub(crate) fn item(&self) -> &ItemName {
        &self.0
    }
}
