//! What a stored item holds: a client's secret and what it is bound to.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::profile::Binding;
use crate::system::secret::Secret;

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
