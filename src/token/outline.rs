//! What a listing shows of an identity.

use super::TokenIdentity;
use super::identity::GENERATION;
use crate::encoding::tlv::{Malformed, Reader};

/// What a listing shows of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) token_endpoint: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) generation: Option<Vec<u8>>,
}

impl TokenIdentity {
    /// Reads what distinguishes an entry of a listing: endpoint, client, scopes, audience, generation.
    pub(crate) fn outline(&self) -> Result<Outline, Malformed> {
        let mut reader = Reader::new(&self.bytes);
        let token_endpoint = reader.text(1)?.to_owned();
        reader.optional(2)?;
        let client_id = reader.text(3)?.to_owned();
        reader.bytes(4)?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed);
        let scopes = reader.list(5)?.into_iter().map(text).collect::<Result<_, _>>()?;
        let audience = reader.optional_text(6)?.map(str::to_owned);
        reader.list(7)?;
        reader.list(8)?;
        let generation = reader.optional(GENERATION)?.map(<[u8]>::to_vec);
        Ok(Outline { token_endpoint, client_id, scopes, audience, generation })
    }
}
