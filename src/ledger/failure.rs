//! Why the ledger cannot be used, and what that means to the caller: code, message, remedy.

use crate::error::{Code, Error, Remedy, chain};
use crate::system::files::PlaceError;

/// Why the ledger cannot be read or written. None of these keeps a token from a caller.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process or thread uses it.
    #[error("the ledger is in use by another program")]
    Busy,
    /// It was written by a newer version; nothing is written to it.
    #[error("the ledger was written by a newer tokenkeep")]
    NewerVersion,
    /// What lies there must not be trusted, or the disk failed.
    #[error("the ledger cannot be used")]
    Place(#[source] PlaceError),
    /// It is damaged.
    #[error("the ledger is damaged")]
    Damaged,
    /// SQLite cannot do it.
    #[error("the ledger cannot be used: {0}")]
    Database(&'static str),
}

impl From<PlaceError> for LedgerError {
    fn from(error: PlaceError) -> LedgerError {
        LedgerError::Place(error)
    }
}

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
