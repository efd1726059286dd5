//! Secrets that are read where the profile says, anew at each fetch.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::place::{self, PlaceError, Shown};
use crate::profile::Reference;
use crate::secret::Secret;

/// The largest secret that is read, in bytes.
const CAP: usize = 64 * 1024;

/// Why a referenced secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// There is no such file.
    #[error("the file {} that the secret is read from is missing", Shown(.path))]
    FileMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read, or must not be trusted.
    #[error("the file that the secret is read from cannot be used")]
    Place(#[source] PlaceError),
    /// There is no such environment variable.
    #[error("the environment variable {name} that the secret is read from is not set")]
    EnvMissing {
        /// Its name.
        name: String,
    },
    /// What is there is no secret.
    #[error("what the secret is read from {0}")]
    NoSecret(&'static str),
}

/// A secret that was read, and whether others can read it too.
pub(crate) struct Read {
    /// The secret.
    pub secret: Secret,
    /// Whether other users can read its file: worth a warning.
    pub readable_by_others: bool,
}

/// Reads a referenced secret; one newline at its end is cut.
pub(crate) fn read_reference(reference: &Reference) -> Result<Read, ReferenceError> {
    let (bytes, readable_by_others) = match reference {
        Reference::File(path) => {
            let read = place::read_reference(path, CAP).map_err(ReferenceError::Place)?;
            let read = read.ok_or_else(|| ReferenceError::FileMissing { path: path.clone() })?;
            (read.bytes, read.readable_by_others)
        }
        Reference::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| ReferenceError::EnvMissing { name: name.clone() })?;
            (Zeroizing::new(value.as_bytes().to_vec()), false)
        }
    };
    let cut = bytes.strip_suffix(b"\n").map_or(bytes.as_slice(), |bytes| bytes.strip_suffix(b"\r").unwrap_or(bytes));
    if cut.is_empty() {
        return Err(ReferenceError::NoSecret("is empty"));
    }
    if std::str::from_utf8(cut).is_err() {
        return Err(ReferenceError::NoSecret("is not UTF-8 text"));
    }
    Ok(Read { secret: Secret::new(cut), readable_by_others })
}
