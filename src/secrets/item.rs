//! A stored item: its name, and what the item of a client holds.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::profile::{Binding, Generation};
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
    pub(crate) fn client_key(digest: &[u8]) -> ItemName {
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

/// A client's secret beside the places that it was set for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The secret.
    pub secret: Secret,
    /// The places, and the generation that names the item.
    pub binding: Binding,
}

impl Credential {
    /// Encodes the item.
    pub(crate) fn encode(&self) -> Secret {
        let mut writer = Writer::default();
        writer.bytes(1, self.secret.expose()).bytes(2, &self.binding.encode());
        Secret::new(writer.finish().to_vec())
    }

    /// Decodes what [`Credential::encode`] wrote.
    pub(crate) fn decode(item: &Secret) -> Result<Credential, Malformed> {
        let mut reader = Reader::new(item.expose());
        let secret = Secret::new(reader.bytes(1)?);
        let binding = Binding::decode(reader.bytes(2)?)?;
        reader.finish()?;
        Ok(Credential { secret, binding })
    }

    /// Distinguishes one secret from another without showing it: 8 digits, bound to the generation, so that two
    /// profiles with one secret do not show that.
    pub(crate) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(b"tokenkeep/v1/fingerprint");
        digest.update(self.binding.generation.as_bytes());
        digest.update(self.secret.expose());
        hex::encode(&digest.finalize()[..4])
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("secret", &self.secret).field("binding", &self.binding).finish()
    }
}
