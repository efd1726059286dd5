//! What a failure of this part means to the caller: code, message, remedy.

use super::CacheFault;
use crate::error::{Code, Error, chain};

impl From<CacheFault> for Error {
    fn from(fault: CacheFault) -> Error {
        let place = match &fault {
            CacheFault::Store(error) => error.place(),
            _ => None,
        };
        let made = place.map_or_else(|| Error::new(Code::WriteFailed, chain(&fault)), Error::of_place);
        made.caused_by(fault)
    }
}
