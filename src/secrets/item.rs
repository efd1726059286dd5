//! A stored item: its name, and what the item of a client holds.

use std::fmt;

use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader};
use crate::profile::{Binding, Generation};
use crate::seal::KeyId;
use crate::system::secret::Secret;

/// The name of an item, for ever: `credential/<generation>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemName(pub(super) String);

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
    #[cfg(any(feature = "cli", feature = "redis"))]
    pub(crate) fn fleet_login(store_id: &[u8; 16], id: &[u8; 16]) -> ItemName {
        ItemName(format!("sharedlogin/{}/{}", hex::encode(store_id), hex::encode(id)))
    }

    /// Names the item of what is derived from a client's secret for its fleet.
    pub(crate) fn client_key(digest: &[u8]) -> ItemName {
        ItemName(format!("{}{}", ItemName::DERIVED, hex::encode(digest)))
    }

    /// The names of stored client secrets begin with this.
    const CREDENTIAL: &str = "credential/";

    /// The names of items that hold what is derived begin with this.
    pub(super) const DERIVED: &str = "shared/";

    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A client's secret beside the places that it was set for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The secret.
    pub secret: Secret,
    /// The places, and the generation that names the item.
    pub binding: Binding,
}

impl Credential {
    /// Decodes what [`Credential::encode`] wrote.
    pub(crate) fn decode(item: &Secret) -> Result<Credential, Malformed> {
        let mut reader = Reader::new(item.expose());
        let secret = Secret::new(reader.bytes(1)?);
        let binding = Binding::decode(reader.bytes(2)?)?;
        reader.finish()?;
        Ok(Credential { secret, binding })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("secret", &self.secret).field("binding", &self.binding).finish()
    }
}
