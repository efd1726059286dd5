//! The OS keyring as the source of the data key: a random key, which is an item there.

use zeroize::Zeroizing;

use super::{DataKeySource, Found, KeyAtHand, MissingKey, WantedKey};
use crate::seal::DataKey;
use crate::secrets::{ItemName, OsKeyring, SecretStore as _, SecretsError};
use crate::system::secret::Secret;

/// An item of the OS keyring.
pub(crate) struct KeyInKeyring;

impl KeyAtHand for KeyInKeyring {
    fn needs_unlock(&self) -> bool {
        true
    }

    fn at_hand(&self, _wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError> {
        Ok(None)
    }
}

impl DataKeySource for KeyInKeyring {
    fn unlock(&self, wanted: &WantedKey<'_>) -> Result<Found, SecretsError> {
        let id = wanted.id.ok_or(SecretsError::Unreadable)?;
        let item = ItemName::data_key(wanted.store_id, id);
        // Absent from an unlocked collection: a new key may be made. What the old one sealed is void.
        let Some(secret) = keyring(wanted).read(&item)? else { return Ok(Found::Gone(SecretsError::KeyGone)) };
        let root: [u8; 32] = secret.expose().try_into().map_err(|_| SecretsError::Unreadable)?;
        let key = DataKey::new(Zeroizing::new(root));
        // Another key under this name is never overwritten: its owner is unknown.
        if wanted.accepts(&key) { Ok(Found::Key(key)) } else { Err(SecretsError::Unreadable) }
    }

    fn create(&self, wanted: &WantedKey<'_>, _missing: MissingKey) -> Result<Option<DataKey>, SecretsError> {
        let key = DataKey::generate()?;
        let item = ItemName::data_key(wanted.store_id, key.id());
        keyring(wanted).write(&item, &Secret::new(*key.expose_root()))?;
        Ok(Some(key))
    }

    #[cfg(feature = "cli")]
    fn erase(&self, wanted: &WantedKey<'_>) -> Result<(), SecretsError> {
        let Some(id) = wanted.id else { return Ok(()) };
        keyring(wanted).remove(&crate::secrets::Retired::by_name(ItemName::data_key(wanted.store_id, id)))?;
        Ok(())
    }
}

fn keyring(wanted: &WantedKey<'_>) -> OsKeyring {
    OsKeyring::new(wanted.options.timeout)
}
