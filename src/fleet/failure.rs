//! What a failure of this part means to the caller: code, message, remedy.

use super::FleetError;
use crate::error::{Code, Error, Remedy};

impl Error {
    /// Makes the error for a fleet store that is required and unavailable.
    pub(crate) fn required(error: &FleetError) -> Error {
        let (code, remedy) = match error {
            FleetError::Guessable => (Code::SecretTooWeak, Remedy::MakeFleetKeyForAll),
            FleetError::Exposed => (Code::InsecureEndpoint, Remedy::UseFleetTls),
            FleetError::OtherHosts => (Code::BindingMismatch, Remedy::SetFleetLogin),
            FleetError::LoginGone => (Code::FleetUnavailable, Remedy::SetFleetLogin),
            FleetError::NoKey(_) => (Code::FleetUnavailable, Remedy::Diagnose),
            _ => (Code::FleetUnavailable, Remedy::DiagnoseFleetStore),
        };
        Error::new(code, format!("the fleet store is required: {error}; the issuer was not asked")).with_remedy(remedy)
    }
}

impl Error {
    /// Makes the error for what the fleet was to forget and may still have.
    pub(crate) fn unforgotten(error: &FleetError) -> Error {
        Error::new(
            Code::FleetUnavailable,
            format!("the fleet store is unavailable: {error}; nothing was forgotten there"),
        )
        .with_remedy(Remedy::RepeatWithFleetStore)
    }
}
