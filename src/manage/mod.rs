//! Changes of what is stored: credentials, the place of the secrets, and what a check finds to be left over.

pub(crate) mod credentials;
#[cfg(feature = "cli")]
pub(crate) mod doctor;
#[cfg(feature = "cli")]
pub(crate) mod fleet;
#[cfg(feature = "cli")]
mod locked;
pub(crate) mod relocation;
#[cfg(feature = "cli")]
pub(crate) mod stats;
#[cfg(feature = "cli")]
pub(crate) mod token;
#[cfg(feature = "cli")]
mod waiting;

#[cfg(feature = "cli")]
pub(crate) use waiting::{Warn, block_on};
