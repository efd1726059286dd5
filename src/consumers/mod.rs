//! What takes a token from this program, and how the token is written for it.

pub(crate) mod format;
mod proof;
