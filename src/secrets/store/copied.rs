//! An item that was copied to another store may be removed.

use super::{Retired, SecretStore};
use crate::secrets::{ItemName, SecretsError};
use crate::system::secret::Secret;

impl Retired {
    /// Retires an item whose copy is in `to`, which is read back here.
    pub(crate) fn copied(item: &ItemName, secret: &Secret, to: &dyn SecretStore) -> Result<Retired, SecretsError> {
        match to.read(item)? {
            Some(copy) if copy == *secret => Ok(Retired(item.clone())),
            Some(_) | None => Err(SecretsError::WriteUnverified),
        }
    }
}
