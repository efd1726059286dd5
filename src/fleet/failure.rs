//! What a failure of this part means to the caller: code, message, remedy.

use super::FleetError;
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::profile::ProfileName;

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
