//! Notations without a meaning of their own: durations, hexadecimal digits, records of tagged fields, TOML, escapes.

pub(crate) mod duration;
pub(crate) mod escape;
pub(crate) mod hex;
pub(crate) mod kind;
pub(crate) mod tlv;
pub(crate) mod toml;
