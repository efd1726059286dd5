//! The clients whose secrets are random, because a user vouched for that: a fleet key may be derived from them.
//!
//! The file `vouched` of the data directory lists the clients, never a secret. A client stays vouched for when its
//! secret is replaced, because the same issuer makes the next one. Another client, or the same name at another token
//! endpoint, is another entry.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::SecretsError;
use crate::encoding::hex;
use crate::encoding::tlv::Writer;
use crate::system::files::Dir;

pub(super) const NAME: &str = "vouched";
pub(super) const FIRST_LINE: &str = "tokenkeep-vouched 1";
const LARGEST: usize = 1 << 20;

/// A client of an issuer, as a digest: the file names neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientDigest(pub(super) [u8; 32]);

impl ClientDigest {
    /// Returns the digest of a client.
    pub(crate) fn new(token_endpoint: &str, client_id: &str) -> ClientDigest {
        let mut writer = Writer::default();
        writer.bytes(1, token_endpoint.as_bytes()).bytes(2, client_id.as_bytes());
        ClientDigest(Sha256::digest(writer.written()).into())
    }
}

/// The clients that a user vouched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vouched(pub(super) BTreeSet<ClientDigest>);

impl Vouched {
    /// Reads the file; an empty one if there is none.
    pub(crate) fn load(dir: &Dir) -> Result<Vouched, SecretsError> {
        let Some(bytes) = dir.read(NAME, LARGEST)? else { return Ok(Vouched::default()) };
        Vouched::parse(&bytes).ok_or(SecretsError::VouchedUnusable)
    }

    /// Returns whether a client was vouched for.
    pub(crate) fn holds(&self, client: &ClientDigest) -> bool {
        self.0.contains(client)
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Vouched> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let client = |line: &str| Some(ClientDigest(hex::decode(line.strip_prefix("client ")?)?));
        lines.map(client).collect::<Option<_>>().map(Vouched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_client_and_another_endpoint_are_other_entries() {
        let vouched = Vouched(BTreeSet::from([ClientDigest::new("https://a/t", "c")]));
        assert!(vouched.holds(&ClientDigest::new("https://a/t", "c")));
        for (endpoint, client) in [("https://a/t", "d"), ("https://b/t", "c"), ("https://a/tc", ""), ("", "")] {
            assert!(!vouched.holds(&ClientDigest::new(endpoint, client)), "{endpoint} {client}");
        }
    }

    #[test]
    fn a_file_that_is_newer_or_damaged_is_not_used() {
        for text in ["", "tokenkeep-vouched 2\n", "tokenkeep-vouched 1\nclient 00\n", "tokenkeep-vouched 1\nx\n"] {
            assert_eq!(Vouched::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
