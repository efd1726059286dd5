//! What a failure of a file or of a document means to the caller: code, message, remedy. Each part has such a file of
//! its own, `failure.rs`.

use std::error::Error as StdError;

use super::{Code, Error, Remedy};
use crate::encoding::toml::DocumentError;
use crate::system::files::{EscapedPath, Mend, NoPlace, PlaceError, is_in_home, writable_beside};

/// Joins an error and its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

impl Error {
    /// Makes the error for a file or directory, if the failure is needed elsewhere too.
    pub(crate) fn of_place(error: &PlaceError) -> Error {
        let code = if error.is_insecure() { Code::InsecurePath } else { Code::WriteFailed };
        Error::new(code, chain(error)).with_remedy(match error {
            PlaceError::Insecure { path, mend: Some(Mend::DirectoryInside), .. } => {
                Remedy::UseDirectoryInside(path.clone())
            }
            PlaceError::Insecure { path, mend: Some(mend), .. } => Remedy::Protect {
                path: path.clone(),
                // A umask makes all files alike: they are mended at once.
                also: if *mend == Mend::NoOtherWriter { writable_beside(path) } else { Vec::new() },
                mend: *mend,
            },
            PlaceError::Insecure { mend: None, .. } => Remedy::LookAndMoveAway,
            PlaceError::Foreign { owner, .. } => Remedy::RunAs(*owner),
            PlaceError::Unmapped { .. } => Remedy::MapOwner,
            PlaceError::Io { doing: "create", .. } if error.is_read_only() => Remedy::GiveWritableDirectories,
            PlaceError::Io { path, doing: "stat" | "open", .. } if error.is_read_only() && is_in_home(path) => {
                Remedy::SetHome
            }
            PlaceError::Io { .. } => Remedy::CheckPermissions,
            PlaceError::TooLarge { .. } => Remedy::CheckRightFile,
        })
    }
}

impl From<NoPlace> for Error {
    fn from(error: NoPlace) -> Error {
        Error::new(Code::Usage, chain(&error)).caused_by(error)
    }
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Error {
        Error::of_place(&error).caused_by(error)
    }
}

impl Error {
    /// Makes the error for a file that a user wrote.
    pub(crate) fn in_document(path: &std::path::Path, error: &DocumentError) -> Error {
        Error::new(Code::ConfigInvalid, format!("{} {error}", EscapedPath(path))).with_remedy(match error {
            DocumentError::BindingDamaged { .. } => Remedy::RemoveBinding(path.to_owned()),
            _ => Remedy::EditFile(path.to_owned()),
        })
    }
}
