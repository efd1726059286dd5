//! What takes a token from this program: the formats in which a token is written, and what each client does with it.
//!
//! [`consumer`] is the one table of client behaviour. [`format`](mod@format) writes a token, [`helper`] speaks the protocol of a
//! client, [`hosts`] knows which server may get which token, and [`callers`] which process was handed which one.

pub(crate) mod callers;
pub(crate) mod consumer;
#[cfg(all(feature = "cli", unix))]
pub(crate) mod curl;
pub(crate) mod format;
pub(crate) mod handed;
pub(crate) mod helper;
pub(crate) mod hosts;
#[cfg(feature = "cli")]
pub(crate) mod proof;
