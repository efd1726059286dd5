//! The access token, its request, and the one rule that decides whether it still holds.

mod access;
mod identity;
pub(crate) mod refusal;
#[cfg(test)]
mod tests;
mod validity;

pub use access::AccessToken;
pub use identity::RecordName;
pub(crate) use identity::{Dimensions, Outline, TokenIdentity};
pub(crate) use validity::LONGEST_LIFETIME;
pub use validity::{Freshness, LifetimeFrom, Validity};
