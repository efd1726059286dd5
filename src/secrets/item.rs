//! The name of a stored item, and what lets a store remove one.

use super::{SecretStore, SecretsError};
use crate::encoding::hex;
use crate::profile::Generation;
use crate::seal::KeyId;
use crate::system::secret::Secret;

/// The name of an item, for ever: `credential/<generation>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemName(String);

impl ItemName {
    /// Names the item of a stored client secret.
    pub(crate) fn credential(generation: Generation) -> ItemName {
        ItemName(format!("{}{generation}", ItemName::CREDENTIAL))
    }

    /// Names the item of a data key.
    pub(crate) fn data_key(store_id: &[u8; 16], id: KeyId) -> ItemName {
        ItemName(format!("datakey/{}/{id}", hex::encode(store_id)))
    }

    /// Names the item of a fleet key that was made or imported here.
    pub(crate) fn fleet_key(store_id: &[u8; 16], id: &[u8; 32]) -> ItemName {
        ItemName(format!("sharedkey/{}/{}", hex::encode(store_id), hex::encode(id)))
    }

    /// Names the item of a login of the fleet store.
    pub(crate) fn fleet_login(store_id: &[u8; 16], id: &[u8; 16]) -> ItemName {
        ItemName(format!("sharedlogin/{}/{}", hex::encode(store_id), hex::encode(id)))
    }

    /// Names the item of what is derived from a client's secret for its fleet.
    pub(crate) fn request_key(digest: &[u8]) -> ItemName {
        ItemName(format!("{}{}", ItemName::DERIVED, hex::encode(digest)))
    }

    /// The names of stored client secrets begin with this.
    const CREDENTIAL: &str = "credential/";

    /// The names of items that hold what is derived begin with this.
    const DERIVED: &str = "shared/";

    /// The names of items that `doctor` writes, reads back and erases begin with this.
    const TRIAL: &str = "doctor/";

    /// Names an item that `doctor` writes, reads back and erases.
    pub(crate) fn trial(random: &str) -> ItemName {
        ItemName(format!("{}{random}", ItemName::TRIAL))
    }

    /// Reads the name that a sealed item carries; `None` if it is no text.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<ItemName> {
        std::str::from_utf8(bytes).ok().map(|text| ItemName(text.to_owned()))
    }

    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the item can be made again: it is derived, or a trial of `doctor`.
    pub(crate) fn is_disposable(&self) -> bool {
        self.0.starts_with(ItemName::DERIVED) || self.0.starts_with(ItemName::TRIAL)
    }
}

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
