//! What this host keeps of its fleet: the key, the login of the store, and the tokens that are shared.

pub(crate) mod derived;
pub(crate) mod key;
pub(crate) mod login;
mod state;
pub(crate) mod tokens;

pub(crate) use state::{Changed, IsNew};
