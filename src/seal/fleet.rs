//! The seal of what the hosts of a fleet share: the store in the middle learns counts, sizes and times.
//!
//! Three things differ from a record in a directory. The name is a keyed digest: an attacker that knows issuer and
//! client cannot find their record. Each record has a key of its own and commits to it, so nothing in two records shows
//! that they are of one fleet. The order stands in clear before the record, because the store has to compare it. It is
//! in the associated data too, so that it cannot be changed.
//!
//! The layout is fixed in docs/formats.md.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{HEADER, Header, Kind, OpenError, Plain, SealError, expand, padded, parted, put_right, same};
use crate::encoding::hex;
use crate::encoding::tlv::Writer;
use crate::system::random;
use crate::system::secret::Secret;

/// The key that all hosts of a fleet have: 32 bytes, redacted, erased.
#[derive(Clone)]
pub struct FleetKey(Zeroizing<[u8; 32]>);

/// The name of what is shared under one key for one request: 32 bytes that reveal nothing to others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FleetName([u8; 32]);

/// Distinguishes the tokens of one secret from those of the next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EpochOf<'a> {
    /// The client's secret: a new one is a new epoch, by itself.
    Secret(&'a Secret),
    /// A text that the operator wrote, if hosts prove themselves with keys of their own.
    Text(&'a str),
}

impl FleetKey {
    /// Makes it of bytes that cannot be guessed (at least 32) and the namespace they are used in.
    pub fn explicit(bytes: &Secret, namespace: &str) -> FleetKey {
        let mut of = Writer::default();
        of.bytes(3, namespace.as_bytes());
        FleetKey::extracted(bytes, b"tokenkeep/v1/shared/explicit", &of)
    }

    /// Derives it from a client's secret that cannot be guessed: every host that has the secret has the key.
    pub fn derived(secret: &Secret, token_endpoint: &str, client_id: &str, namespace: &str) -> FleetKey {
        let mut of = Writer::default();
        of.bytes(1, token_endpoint.as_bytes()).bytes(2, client_id.as_bytes()).bytes(3, namespace.as_bytes());
        FleetKey::extracted(secret, b"tokenkeep/v1/shared/derived", &of)
    }

    /// Names the bytes that an explicit key is made of, whatever the namespace.
    pub(crate) fn id_of(bytes: &Secret) -> [u8; 32] {
        let mut id = [0; 32];
        Hkdf::<Sha256>::new(None, bytes.expose())
            .expand(b"tokenkeep/v1/shared/keyid", &mut id)
            .expect("HKDF-SHA-256 gives up to 8160 bytes");
        id
    }

    fn extracted(bytes: &Secret, label: &[u8], of: &Writer) -> FleetKey {
        let mut root = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, bytes.expose())
            .expand_multi_info(&[label, of.written()], root.as_mut_slice())
            .expect("HKDF-SHA-256 gives up to 8160 bytes");
        FleetKey(root)
    }

    /// Takes a key that was kept.
    pub(crate) fn from_root(root: Zeroizing<[u8; 32]>) -> FleetKey {
        FleetKey(root)
    }

    /// Shows the 32 bytes, for a place that keeps keys.
    pub(crate) fn expose_root(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the epoch of a secret, or of the text in its place.
    pub(crate) fn epoch(&self, of: EpochOf<'_>) -> [u8; 32] {
        match of {
            EpochOf::Secret(secret) => self.mac(b"tokenkeep/v1/shared/epoch", secret.expose()),
            EpochOf::Text(text) => self.mac(b"tokenkeep/v1/shared/epoch-text", text.as_bytes()),
        }
    }

    /// Names what is shared for a request, as a fleet encodes it.
    pub(crate) fn name(&self, identity: &[u8]) -> FleetName {
        FleetName(self.mac(b"tokenkeep/v1/shared/name", identity))
    }

    /// HMAC-SHA-256 under a key of its own: the extracting half of HKDF is just that (RFC 5869 s. 2.2).
    fn mac(&self, label: &[u8], message: &[u8]) -> [u8; 32] {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.0, label, key.as_mut_slice());
        Hkdf::<Sha256>::extract(Some(key.as_slice()), message).0.into()
    }

    /// Derives the key of one record, and what commits the record to it.
    fn of_record(&self, nonce: &[u8; 24], name: FleetName) -> (XChaCha20Poly1305, [u8; 32]) {
        let mut root = Zeroizing::new([0; 32]);
        expand(&self.0, b"tokenkeep/v1/shared/seal", root.as_mut_slice());
        let mut both = Zeroizing::new([0; 64]);
        expand(&root, &[nonce.as_slice(), &name.0].concat(), both.as_mut_slice());
        let (key, commitment) = both.split_at(32);
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(key.try_into().expect("half of 64 bytes"));
        (XChaCha20Poly1305::new(&Key::from(*key)), commitment.try_into().expect("half of 64 bytes"))
    }
}

impl fmt::Debug for FleetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(REDACTED)")
    }
}

impl FleetName {
    /// Takes 32 bytes, for a store that is tried without a key.
    pub const fn new(bytes: [u8; 32]) -> FleetName {
        FleetName(bytes)
    }

    /// Returns 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl fmt::Debug for FleetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedName({})", self.to_hex())
    }
}

/// Seals what is shared under a name: the order, then the record.
pub(crate) fn seal(
    key: &FleetKey,
    name: FleetName,
    kind: Kind,
    order: u64,
    plain: &Plain,
) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; 24];
    random::fill(&mut nonce)?;
    seal_with(key, name, kind, order, plain, nonce)
}

fn seal_with(
    key: &FleetKey,
    name: FleetName,
    kind: Kind,
    order: u64,
    plain: &Plain,
    nonce: [u8; 24],
) -> Result<Vec<u8>, SealError> {
    let text = padded(plain)?;
    let (cipher, commitment) = key.of_record(&nonce, name);
    let header = Header { kind, id: commitment, nonce }.before(&text)?;
    let mut value = order.to_be_bytes().to_vec();
    value.extend_from_slice(&header);
    let aad = [value.as_slice(), &name.0].concat();
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: &aad });
    value.extend_from_slice(&sealed.map_err(|_| SealError::TooLarge)?);
    Ok(value)
}

/// Opens what was found under a name; its kind and order come with it.
pub(crate) fn open(key: &FleetKey, name: FleetName, value: &[u8]) -> Result<(Kind, u64, Plain), OpenError> {
    match opened(key, name, value) {
        Err(OpenError::NewerVersion) if put_right(value, 8).is_some_and(|value| opened(key, name, &value).is_ok()) => {
            Err(OpenError::Sealed)
        }
        opened => opened,
    }
}

fn opened(key: &FleetKey, name: FleetName, value: &[u8]) -> Result<(Kind, u64, Plain), OpenError> {
    let (order, record) = value.split_first_chunk::<8>().ok_or(OpenError::Sealed)?;
    let header = Header::read(record, Kind::Shared).or_else(|_| Header::read(record, Kind::FleetRefusal))?;
    let (cipher, commitment) = key.of_record(&header.nonce, name);
    if !same(&commitment, &header.id) {
        return Err(OpenError::Sealed);
    }
    let aad = [&value[..8 + HEADER], name.0.as_slice()].concat();
    let payload = Payload { msg: &record[HEADER..], aad: &aad };
    let text = cipher.decrypt(&XNonce::from(header.nonce), payload).map(Zeroizing::new);
    let plain = parted(&text.map_err(|_| OpenError::Sealed)?).ok_or(OpenError::Sealed)?;
    if key.name(&plain.identity) != name {
        return Err(OpenError::Sealed);
    }
    Ok((header.kind, u64::from_be_bytes(*order), plain))
}

#[cfg(test)]
mod tests;
