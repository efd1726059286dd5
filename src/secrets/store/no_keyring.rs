//! Replaces the OS keyring in a library that was built without it.

use std::time::Duration;

use super::SecretStore;
use crate::secrets::{ItemName, Retired, SecretsError};
use crate::system::secret::Secret;

/// Answers that there is no keyring.
#[derive(Clone, Debug)]
pub(crate) struct OsKeyring;

impl OsKeyring {
    /// Makes it.
    pub(crate) fn new(_timeout: Duration) -> OsKeyring {
        OsKeyring
    }
}

fn unreachable<T>() -> Result<T, SecretsError> {
    Err(SecretsError::NotBuilt)
}

impl SecretStore for OsKeyring {
    fn read(&self, _item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        unreachable()
    }

    fn write(&self, _item: &ItemName, _secret: &Secret) -> Result<(), SecretsError> {
        unreachable()
    }

    fn remove(&self, _retired: &Retired) -> Result<bool, SecretsError> {
        unreachable()
    }
}
