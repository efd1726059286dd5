//! `github`: a variable for the later steps of a job of GitHub Actions, masked in its log first.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::consumers::handed::Handed;
use crate::error::{Code, Error};
use crate::system::files::EscapedPath;

/// The variable that names the file which sets variables for later steps.
const ENV_FILE: &str = "GITHUB_ENV";

/// Writes the command by which the runner masks the token in the log.
pub(super) fn mask(handed: &Handed<'_>) -> String {
    format!("::add-mask::{}\n", handed.token().expose())
}

/// Returns the file in which variables of later steps are set, inside of a job.
pub(super) fn env_file() -> Option<PathBuf> {
    std::env::var_os(ENV_FILE).map(PathBuf::from).filter(|file| file.is_absolute())
}

/// Makes the error for a call outside of a job.
pub(super) fn no_job() -> Error {
    Error::new(
        Code::Usage,
        format!("--format github is for a job of GitHub Actions, and {ENV_FILE} names no file here"),
    )
}

/// Sets the variable for later steps. HelperCall it after the mask was written: a step may print its environment.
///
/// # Errors
/// [`Code::WriteFailed`] if the file cannot be written.
pub(super) fn set(file: &Path, variable: &str, value: &str) -> Result<(), Error> {
    // A token is visible ASCII: it has no line end.
    let line = Zeroizing::new(format!("{variable}={value}\n"));
    let opened = OpenOptions::new().append(true).open(file);
    opened.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| {
        let what = format!("{} ({ENV_FILE}) cannot be written: {error}", EscapedPath(file));
        Error::new(Code::WriteFailed, format!("{what}; the token is kept, and is not set for later steps"))
    })
}
