//! The person or script that a change is made for: the caller hands in an [`Operator`] that answers and listens.

use crate::error::warning::Warning;
use crate::error::{Error, Remedy};
use crate::profile::Endpoint;
use crate::secrets::ReferenceError;

/// The person or script that a change is made for.
pub(crate) trait Operator {
    /// Answers a question; without a person to ask, the answer has to be given beforehand, as the question says.
    fn answer(&self, question: Question) -> Result<String, Error>;

    /// Learns of something that does not end the change.
    fn learn(&self, notice: Notice<'_>);
}

/// A question whose answer is no secret.
pub(crate) struct Question {
    /// What is missing.
    pub(crate) what: String,
    /// How to give the answer beforehand.
    pub(crate) beforehand: Remedy,
}

/// Something that does not end a change.
pub(crate) enum Notice<'a> {
    /// A warning of the library.
    Warning(&'a Warning),
    /// A rekey or a move that was interrupted cannot be ended now.
    NotEnded(&'a Error),
    /// Something that is not needed any more could not be erased.
    LeftBehind(&'a CleanupFailure),
    /// A record that no key opens any more could not be erased.
    OldRecord(&'a str),
    /// The first profile could not be made the default.
    NoDefault(&'a Error),
    /// The secret that a profile refers to cannot be read yet.
    SecretUnavailable(&'a ReferenceError),
    /// A gateway's headers stay behind with the issuer that they belong to.
    HeadersLeftOut,
    /// The issuer, as it writes its name.
    IssuerFound(&'a str),
    /// A place that the issuer named, and what it is.
    EndpointFound(&'static str, &'a Endpoint),
}

/// Something that was left behind and does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CleanupFailure {
    /// It stays, as this text describes.
    Stays(String),
    /// The profile cannot be read, as this text describes, so whether a secret is stored for it is not known.
    SecretUnknown(String),
}

impl From<String> for CleanupFailure {
    fn from(why: String) -> CleanupFailure {
        CleanupFailure::Stays(why)
    }
}
