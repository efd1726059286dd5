//! Notations without a meaning of their own: Base64, durations, hexadecimal, TLV, TOML, escapes, kinds of values.

pub(crate) mod base64url;
#[cfg(test)]
pub(crate) mod document;
pub(crate) mod duration;
pub(crate) mod escape;
pub(crate) mod hex;
pub(crate) mod kind;
pub(crate) mod tlv;
pub(crate) mod toml;
