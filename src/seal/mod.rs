//! The seal: plain bytes <-> a sealed record. The only file that encrypts.
//!
//! One AEAD, XChaCha20-Poly1305, composed with nothing. The nonce is 24 random bytes. With 192 bits a collision is out
//! of reach for as many records as can be written under one key. So processes that know nothing of each other need no
//! counter. The associated data is the whole header and the name of the record. A record that was renamed,
//! swapped with another, or got another header does not open. The key id in the header is derived from the key, so a
//! record cannot be made that opens under two keys.
//!
//! The layout is fixed in docs/formats.md.

pub(crate) mod fleet;

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::system::random::{self, NoRandomness};
use crate::system::secret::Secret;
use crate::token::RecordName;

const MAGIC: &[u8; 4] = b"TKR1";
const VERSION: u8 = 1;
/// XChaCha20-Poly1305 with sub-keys by HKDF-SHA-256.
const SUITE: u8 = 1;
const HEADER: usize = 4 + 4 + 32 + 24 + 4;
const TAG: usize = 16;
/// Plaintexts are padded to a multiple of this: lengths reveal classes, not tokens.
const BUCKET: usize = 256;
/// The largest record that is read, in bytes: a 64 KiB token with its identity and room to spare.
pub(crate) const LARGEST_RECORD: usize = 1 << 20;

/// What a record holds; part of its associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An access token.
    Token,
    /// A remembered refusal.
    Refusal,
    /// A stored secret of the file backend.
    SecretItem,
    /// A token that the hosts of a fleet share; its keys are not those of a directory.
    Shared,
    /// What a host of a fleet reports to the others instead of a token.
    FleetRefusal,
    /// A token that a server refused, as a client reported.
    Rejection,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Kind::Token => 1,
            Kind::Refusal => 2,
            Kind::SecretItem => 3,
            Kind::Shared => 4,
            Kind::FleetRefusal => 5,
            Kind::Rejection => 6,
        }
    }

    /// A data key that leaks with the kernel tier opens tokens; stored secrets have a key of their own.
    fn label(self) -> &'static [u8] {
        match self {
            Kind::Token | Kind::Refusal | Kind::Rejection => b"tokenkeep/v1/seal",
            Kind::SecretItem => b"tokenkeep/v1/secret",
            Kind::Shared | Kind::FleetRefusal => b"tokenkeep/v1/shared/seal",
        }
    }
}

/// Names a data key and commits to it: 32 bytes of HKDF output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyId(pub(crate) [u8; 32]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::encoding::hex::encode(&self.0))
    }
}

/// The key that all records of one data directory are sealed with: 32 bytes, redacted, erased.
#[derive(Clone)]
pub struct DataKey {
    root: Zeroizing<[u8; 32]>,
    id: KeyId,
}

impl DataKey {
    /// Takes 32 bytes that cannot be guessed.
    pub fn new(root: Zeroizing<[u8; 32]>) -> DataKey {
        let mut id = KeyId([0; 32]);
        expand(&root, b"tokenkeep/v1/keyid", &mut id.0);
        DataKey { root, id }
    }

    /// Makes a new one.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<DataKey, Error> {
        DataKey::generate().map_err(|error| Error::new(Code::Internal, error.to_string()))
    }

    /// Makes a new one, for a place that has an error of its own.
    pub(crate) fn generate() -> Result<DataKey, SealError> {
        let mut root = Zeroizing::new([0; 32]);
        random::fill(root.as_mut_slice())?;
        Ok(DataKey::new(root))
    }

    /// Derives it from the bytes of a key file or a stretched passphrase, for the store with this id
    /// and salt.
    pub fn derived(bytes: &Secret, store_id: &[u8; 16], rekey_salt: &[u8; 16]) -> DataKey {
        let salt = [store_id.as_slice(), rekey_salt].concat();
        let mut root = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(&salt), bytes.expose())
            .expand(b"tokenkeep/v1/datakey", root.as_mut_slice())
            .expect("HKDF-SHA-256 gives up to 8160 bytes");
        DataKey::new(root)
    }

    /// Returns the id that names this key and commits to it.
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Shows the 32 bytes, for a place that keeps a key.
    pub(crate) fn expose_root(&self) -> &[u8; 32] {
        &self.root
    }

    fn cipher(&self, kind: Kind) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.root, kind.label(), key.as_mut_slice());
        XChaCha20Poly1305::new(&Key::from(*key))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(REDACTED)")
    }
}

fn expand(root: &[u8; 32], label: &[u8], output: &mut [u8]) {
    Hkdf::<Sha256>::from_prk(root)
        .and_then(|hkdf| hkdf.expand(label, output).map_err(|_| hkdf::InvalidPrkLength))
        .expect("a root of 32 bytes is a pseudo-random key, and 32 bytes are not too many");
}

/// The content of a sealed record: its identity and its body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    /// The identity that the record's name is made of.
    pub identity: Vec<u8>,
    /// The token, refusal or secret, encoded.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain(REDACTED)")
    }
}

/// Why something could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The system has no randomness to give.
    #[error("the system gives no randomness")]
    Randomness,
    /// It is larger than any record that is read.
    #[error("it is too large for a record")]
    TooLarge,
}

impl From<NoRandomness> for SealError {
    fn from(_error: NoRandomness) -> SealError {
        SealError::Randomness
    }
}

/// Why a record does not open. Everything that a forger could learn from is one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// It is of a format newer than this program.
    #[error("it was written by a newer version")]
    NewerVersion,
    /// It is sealed with another key, damaged, moved, or no record at all.
    #[error("it does not open")]
    Sealed,
}

/// Seals a record under the name of its identity.
pub(crate) fn seal(key: &DataKey, kind: Kind, plain: &Plain) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; 24];
    random::fill(&mut nonce)?;
    seal_with(key, kind, plain, nonce)
}

fn seal_with(key: &DataKey, kind: Kind, plain: &Plain, nonce: [u8; 24]) -> Result<Vec<u8>, SealError> {
    let text = padded(plain)?;
    let mut record = Header { kind, id: key.id.0, nonce }.before(&text)?;
    let aad = associated_data(&record, RecordName::of(&plain.identity));
    let sealed = key
        .cipher(kind)
        .encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: &aad })
        .map_err(|_| SealError::TooLarge)?;
    record.extend_from_slice(&sealed);
    Ok(record)
}

/// Opens a record that lies under `name`.
pub(crate) fn open(key: &DataKey, kind: Kind, name: RecordName, record: &[u8]) -> Result<Plain, OpenError> {
    match opened(key, kind, name, record) {
        Err(OpenError::NewerVersion)
            if put_right(record, 0).is_some_and(|record| opened(key, kind, name, &record).is_ok()) =>
        {
            Err(OpenError::Sealed)
        }
        opened => opened,
    }
}

/// Returns a record, which begins at `start`, with the version of this program. A record that claims to be newer is not
/// overwritten, so that byte must not be believed on its own. A record that opens as soon as the byte is put right was
/// written by this version, and is damaged. `None` for the next version, which no flipped bit makes of this one.
fn put_right(record: &[u8], start: usize) -> Option<Vec<u8>> {
    let mut record = record.to_vec();
    let version = record.get_mut(start + MAGIC.len()).filter(|version| **version != VERSION + 1)?;
    *version = VERSION;
    Some(record)
}

fn opened(key: &DataKey, kind: Kind, name: RecordName, record: &[u8]) -> Result<Plain, OpenError> {
    let header = Header::read(record, kind)?;
    if !same(&header.id, &key.id.0) {
        return Err(OpenError::Sealed);
    }
    let aad = associated_data(&record[..HEADER], name);
    let text = key
        .cipher(kind)
        .decrypt(&XNonce::from(header.nonce), Payload { msg: &record[HEADER..], aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| OpenError::Sealed)?;
    let plain = parted(&text).ok_or(OpenError::Sealed)?;
    // The name is part of the associated data already; recomputed because a listing relies on it.
    if RecordName::of(&plain.identity) == name { Ok(plain) } else { Err(OpenError::Sealed) }
}

/// Returns the id of the key that a whole record of this kind names in its header; `None` if it is no such record.
pub(crate) fn key_id(record: &[u8], kind: Kind) -> Option<KeyId> {
    Header::read(record, kind).ok().map(|header| KeyId(header.id))
}

/// What stands before the ciphertext of every record.
struct Header {
    kind: Kind,
    /// Names the key of the record, or commits to it.
    id: [u8; 32],
    nonce: [u8; 24],
}

impl Header {
    /// Writes the header of what will become the ciphertext of `text`.
    fn before(&self, text: &[u8]) -> Result<Vec<u8>, SealError> {
        let length = u32::try_from(text.len() + TAG).map_err(|_| SealError::TooLarge)?;
        if text.len() + TAG + HEADER > LARGEST_RECORD {
            return Err(SealError::TooLarge);
        }
        let mut record = Vec::with_capacity(HEADER + text.len() + TAG);
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(&[VERSION, SUITE, self.kind.byte(), 0]);
        record.extend_from_slice(&self.id);
        record.extend_from_slice(&self.nonce);
        record.extend_from_slice(&length.to_be_bytes());
        Ok(record)
    }

    /// Reads the header of a record, which has to be of this kind and whole.
    fn read(record: &[u8], kind: Kind) -> Result<Header, OpenError> {
        let (header, sealed) = record.split_at_checked(HEADER).ok_or(OpenError::Sealed)?;
        if header[..4] != *MAGIC {
            return Err(OpenError::Sealed);
        }
        // The same in every version that has this magic; what has another is no record at all.
        let length = u32::try_from(sealed.len()).map_err(|_| OpenError::Sealed)?;
        if header[7] != 0 || sealed.len() < TAG || header[64..68] != length.to_be_bytes() {
            return Err(OpenError::Sealed);
        }
        if header[4] > VERSION {
            return Err(OpenError::NewerVersion);
        }
        if header[4..7] != [VERSION, SUITE, kind.byte()] {
            return Err(OpenError::Sealed);
        }
        let id = header[8..40].try_into().map_err(|_| OpenError::Sealed)?;
        let nonce = header[40..64].try_into().map_err(|_| OpenError::Sealed)?;
        Ok(Header { kind, id, nonce })
    }
}

/// Writes what is sealed, padded to whole buckets.
fn padded(plain: &Plain) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut text = Zeroizing::new(Vec::with_capacity(8 + plain.identity.len() + plain.body.len() + BUCKET));
    for part in [plain.identity.as_slice(), &plain.body] {
        let length = u32::try_from(part.len()).map_err(|_| SealError::TooLarge)?;
        text.extend_from_slice(&length.to_be_bytes());
        text.extend_from_slice(part);
    }
    let padded = text.len().next_multiple_of(BUCKET);
    text.resize(padded, 0);
    Ok(text)
}

/// Reads what [`padded`] wrote; `None` if it is anything else.
fn parted(text: &[u8]) -> Option<Plain> {
    let (identity, rest) = part(text)?;
    let (body, padding) = part(rest)?;
    let whole = padding.len() < BUCKET && padding.iter().all(|byte| *byte == 0);
    whole.then(|| Plain { identity: identity.to_vec(), body: Zeroizing::new(body.to_vec()) })
}

fn associated_data(header: &[u8], name: RecordName) -> Vec<u8> {
    [header, name.as_bytes()].concat()
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// Compares in constant time.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests;
