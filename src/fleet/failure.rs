//! Why the fleet store is unavailable, and what that means to the caller: code, message, remedy.

use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::profile::ProfileName;

/// Why the fleet store is unavailable. None of these keeps a token from the caller unless the store is required.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// It did not answer within the time that the caller had.
    #[error("it did not answer in time")]
    TimedOut,
    /// No connection stands.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The connection is not one that can be trusted.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// It does not know the user or password, or the user may not do this.
    #[error("it refused the user or password, or the user may not do this ({0})")]
    Denied(String),
    /// It answered with an error.
    #[error("it answered {0}")]
    Answered(String),
    /// It answered what no engine should.
    #[error("its answer makes no sense")]
    Nonsense,
    /// A password would be sent in clear.
    #[error("the password would be sent without TLS; use rediss://")]
    Exposed,
    /// The stored password was set for another `url`.
    #[error("the stored password was set for another url; nothing was sent")]
    OtherHosts,
    /// The password cannot be read.
    #[error("its password cannot be read: {0}")]
    NoPassword(String),
    /// The stored password is gone.
    #[error("its password cannot be read: it is gone")]
    LoginGone,
    /// No fleet key was made, and none is derived: the operator of the store might find the client's secret by trying.
    #[error("there is no fleet key, and the client's secret is not known to be random")]
    KeyMissing,
    /// The fleet key, or the text in place of the secret, cannot be obtained.
    #[error("{0}")]
    NoKey(String),
    /// It failed a moment ago and is not tried again yet.
    #[error("it failed a moment ago")]
    Broken,
}

impl Error {
    /// Makes the error for a fleet store that is required and unavailable.
    pub(crate) fn required(error: &FleetError) -> Error {
        let (code, remedy) = match error {
            FleetError::Exposed => (Code::InsecureEndpoint, Remedy::UseFleetTls),
            FleetError::OtherHosts => (Code::BindingMismatch, Remedy::SetFleetLogin),
            FleetError::LoginGone => (Code::FleetUnavailable, Remedy::SetFleetLogin),
            FleetError::KeyMissing => (Code::FleetUnavailable, Remedy::MakeOrDeriveFleetKey),
            FleetError::NoKey(_) => (Code::FleetUnavailable, Remedy::Diagnose),
            _ => (Code::FleetUnavailable, Remedy::DiagnoseFleetStore),
        };
        Error::new(code, format!("the fleet store is required: {error}; the issuer was not asked")).with_remedy(remedy)
    }

    /// Makes the error for what the fleet was to forget and may still have.
    #[cfg(feature = "cli")]
    pub(crate) fn unforgotten(error: &FleetError) -> Error {
        Error::new(
            Code::FleetUnavailable,
            format!("the fleet store is unavailable: {error}; nothing was forgotten there"),
        )
        .with_remedy(Remedy::RepeatWithFleetStore)
    }
}

impl Warning {
    /// Makes the warning for a fleet that a profile continues without.
    pub(crate) fn of_fleet(error: &FleetError, profile: &ProfileName) -> Warning {
        match error {
            FleetError::KeyMissing => Warning::FleetKeyMissing(profile.to_string()),
            error => Warning::FleetUnavailable(error.to_string()),
        }
    }
}
