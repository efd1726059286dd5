//! The access token, how long it holds, and the one rule that decides whether it still does.
//!
//! [`Keeper::token`](crate::Keeper::token) applies the rule already: a program needs no clock of its own. A
//! [`Validity`] is for those that show when a token ends.

mod access;
pub(crate) mod identity;
#[cfg(any(test, feature = "cli"))]
mod outline;
pub(crate) mod refusal;
pub(crate) mod rejection;
#[cfg(test)]
mod tests;
mod validity;

pub use access::AccessToken;
pub(crate) use identity::{Dimensions, RecordName, TokenIdentity};
#[cfg(feature = "cli")]
pub(crate) use outline::Outline;
pub(crate) use validity::LONGEST_LIFETIME;
pub use validity::{Freshness, LifetimeFrom, Validity};
