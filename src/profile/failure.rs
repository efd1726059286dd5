//! What a failure of this part means to the caller: code, message, remedy.

use super::{ProfileError, RequestError};
use crate::error::{Code, Error, Remedy};
use crate::system::files::EscapedPath;

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Error {
        Error::new(Code::Usage, error.to_string())
    }
}

impl Error {
    /// Makes the error for a profile's file.
    pub(crate) fn in_profile(path: &std::path::Path, error: &ProfileError) -> Error {
        let message = format!("{}: {error}", EscapedPath(path));
        match error {
            ProfileError::Document(error) => Error::in_document(path, error),
            ProfileError::Missing(_) | ProfileError::Contradiction(_) => {
                Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::EditFile(path.to_owned()))
            }
            ProfileError::InsecureEndpoint { .. } | ProfileError::PublicHost => {
                Error::new(Code::InsecureEndpoint, format!("{message}; nothing was sent"))
                    .with_remedy(Remedy::EditFile(path.to_owned()))
            }
            ProfileError::BindingDiffers(key) => {
                Error::new(Code::BindingMismatch, format!("{message}; nothing was sent"))
                    .with_remedy(Remedy::BindAgain(key))
            }
        }
    }
}
