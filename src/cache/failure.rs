//! What a failure of this part means to the caller: code, message, remedy.

use super::CacheFault;
use super::store::RecordError;
use crate::error::{Code, Error, chain};

impl From<CacheFault> for Error {
    fn from(fault: CacheFault) -> Error {
        let made = match &fault {
            CacheFault::Store(
                RecordError::Insecure(place) | RecordError::ReadOnly(place) | RecordError::Failed(place),
            ) => Error::of_place(place),
            _ => Error::new(Code::WriteFailed, chain(&fault)),
        };
        made.caused_by(fault)
    }
}
