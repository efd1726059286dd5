//! What a failure of this part means to the caller: code, message, remedy.

use super::LedgerError;
use crate::error::{Code, Error, Remedy, chain};

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Error {
        let remedy = match &error {
            LedgerError::Place(place) if place.is_insecure() => return Error::of_place(place).caused_by(error),
            LedgerError::Busy => Remedy::FreeLedger,
            LedgerError::NewerVersion => Remedy::Update,
            _ => Remedy::CheckDataDirectory,
        };
        let message = format!("{}; no token depends on it", chain(&error));
        Error::new(Code::LedgerUnreadable, message).with_remedy(remedy).caused_by(error)
    }
}
