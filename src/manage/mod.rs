//! Changes of what is stored: credentials, the place of the secrets, and what a check finds to be left over.

pub(crate) mod credentials;
#[cfg(feature = "cli")]
pub(crate) mod doctor;
#[cfg(feature = "cli")]
pub(crate) mod fleet_key;
pub(crate) mod relocation;
