//! tokenkeep

pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod document;
pub(crate) mod duration;
pub(crate) mod error;
pub(crate) mod flight;
pub(crate) mod hex;
pub(crate) mod keeper;
pub(crate) mod oauth;
pub(crate) mod place;
pub(crate) mod profile;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod secrets;
pub(crate) mod store;
pub(crate) mod tlv;
pub(crate) mod token;
pub(crate) mod validate;
pub(crate) mod warning;
