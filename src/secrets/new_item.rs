//! Items that commands make, and how they are recognized.

use sha2::{Digest, Sha256};

use super::{Credential, ItemName};
use crate::encoding::hex;
use crate::encoding::tlv::Writer;
use crate::system::secret::Secret;

impl ItemName {
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

    /// Returns whether the item can be made again: it is derived, or a trial of `doctor`.
    pub(crate) fn is_disposable(&self) -> bool {
        self.0.starts_with(ItemName::DERIVED) || self.0.starts_with(ItemName::TRIAL)
    }
}

impl Credential {
    /// Encodes the item.
    pub(crate) fn encode(&self) -> Secret {
        let mut writer = Writer::default();
        writer.bytes(1, self.secret.expose()).bytes(2, &self.binding.encode());
        Secret::new(writer.finish().to_vec())
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
