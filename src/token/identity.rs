//! Which request a token answers: two requests share a token only if they are the same.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader, Writer};

/// The field of an identity that names the secret with which a token was got.
pub(super) const GENERATION: u16 = 9;

/// Everything about a request that can lead to another token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dimensions<'a> {
    /// The token endpoint, normalised.
    pub token_endpoint: &'a str,
    /// The issuer identifier, as written.
    pub issuer: Option<&'a str>,
    /// The client identifier.
    pub client_id: &'a str,
    /// The registered name of the client authentication method.
    pub auth_method: &'a str,
    /// The requested scopes, sorted and unique.
    pub scopes: &'a [&'a str],
    /// The requested audience.
    pub audience: Option<&'a str>,
    /// The requested resources, sorted and unique.
    pub resources: &'a [&'a str],
    /// Further parameters, sorted by name.
    pub params: &'a [(&'a str, &'a str)],
    /// The generation of the stored secret.
    pub generation: Option<&'a [u8]>,
    /// SHA-256 thumbprint of the client certificate.
    pub certificate: Option<&'a [u8]>,
    /// How the token is bound; `None` if any holder can use it.
    pub binding: Option<&'a str>,
    /// The grant, if it is another than client credentials.
    pub grant: Option<&'a str>,
    /// SHA-256 of the headers that are sent along: a gateway may lead them to another tenant.
    pub headers: Option<&'a [u8]>,
}

/// An injective encoding of [`Dimensions`]: two requests share it when they are the same request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenIdentity {
    pub(super) bytes: Vec<u8>,
    name: RecordName,
}

/// The name of a record: SHA-256 of its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordName([u8; 32]);

impl RecordName {
    /// Names what `bytes` identify.
    pub fn of(bytes: &[u8]) -> RecordName {
        RecordName(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits; `None` if the text is anything else.
    pub fn from_hex(text: &str) -> Option<RecordName> {
        hex::decode(text).map(RecordName)
    }

    /// Returns the 32 bytes that records are bound to.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns 64 hexadecimal digits: the file name.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl TokenIdentity {
    /// Encodes the dimensions of a request.
    pub(crate) fn new(of: &Dimensions<'_>) -> TokenIdentity {
        let params: Vec<&[u8]> =
            of.params.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
        let mut writer = Writer::default();
        writer
            .bytes(1, of.token_endpoint.as_bytes())
            .optional(2, of.issuer.map(str::as_bytes))
            .bytes(3, of.client_id.as_bytes())
            .bytes(4, of.auth_method.as_bytes())
            .list(5, of.scopes.iter().map(|scope| scope.as_bytes()))
            .optional(6, of.audience.map(str::as_bytes))
            .list(7, of.resources.iter().map(|resource| resource.as_bytes()))
            .list(8, params.into_iter())
            .optional(GENERATION, of.generation)
            .optional(10, of.certificate);
        // A later dimension, present only if it has a value: identities without it stay as they were.
        if let Some(binding) = of.binding {
            writer.bytes(11, binding.as_bytes());
        }
        if let Some(grant) = of.grant {
            writer.bytes(12, grant.as_bytes());
        }
        if let Some(headers) = of.headers {
            writer.bytes(13, headers);
        }
        TokenIdentity::from_bytes(writer.finish().to_vec())
    }

    /// Takes an encoding that stood in a record.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> TokenIdentity {
        let name = RecordName::of(&bytes);
        TokenIdentity { bytes, name }
    }

    /// Returns the encoding.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Encodes the same request for a fleet. The epoch, which all its hosts have, takes the place of the generation of
    /// the secret that one of them stored.
    pub(crate) fn for_fleet(&self, epoch: &[u8; 32]) -> Result<Vec<u8>, Malformed> {
        let (mut reader, mut writer) = (Reader::new(&self.bytes), Writer::default());
        while !reader.is_at_end() {
            match reader.field()? {
                (GENERATION, _) => writer.optional(GENERATION, Some(epoch)),
                (tag, value) => writer.bytes(tag, value),
            };
        }
        Ok(writer.finish().to_vec())
    }

    /// Returns the name of the record.
    pub(crate) fn name(&self) -> RecordName {
        self.name
    }
}

impl fmt::Debug for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIdentity({})", self.name.to_hex())
    }
}
