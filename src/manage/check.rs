//! Checks files that people and configuration tools write, before a program reads them.

use std::path::{Path, PathBuf};

use crate::config::{BackendName, Config, NamedBackend};
use crate::encoding::toml::{DocumentError, Parsed};
use crate::error::{Code, Error};
use crate::profile::{NAME_RULE, ProfileError, ProfileFile, ProfileName};
use crate::system::files::EscapedPath;

/// The name of the one file that is no profile.
const CONFIG: &str = "config.toml";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 * 1024;

/// What is wrong with a file. Quotes keys, never values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    /// The line, from 1, if one can be named.
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    pub(crate) message: String,
}

/// Checks a file: as `config.toml` if that is its name, else as a profile. Secrets and certificates that it names are not
/// read: they may lie on another machine.
///
/// # Errors
/// [`Code::Usage`], if it is not there or cannot be read.
pub(crate) fn check(file: &Path) -> Result<Option<Problem>, Error> {
    let unread = |why: String| Error::new(Code::Usage, format!("{} {why}", EscapedPath(file)));
    let metadata = std::fs::metadata(file).map_err(|error| unread(format!("cannot be read: {error}")))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(unread("is no file of at most 64 KiB".to_owned()));
    }
    let bytes = std::fs::read(file).map_err(|error| unread(format!("cannot be read: {error}")))?;
    let found = if file.file_name().is_some_and(|name| name == CONFIG) {
        config(bytes.clone()).err().map(ProfileError::Document)
    } else {
        let Some(name) = file.file_name().and_then(|name| ProfileName::from_file_name(name.to_str()?)) else {
            return Ok(Some(problem(file, format!("is not called NAME.toml; NAME is {NAME_RULE}"), None, None)));
        };
        ProfileFile::parse(bytes.clone()).and_then(|profile| profile.resolve(&name)).err()
    };
    Ok(found.map(|error| {
        let key = key_of(&error);
        let line = match &error {
            ProfileError::Document(DocumentError::Syntax { line }) => Some(*line),
            _ => key.and_then(|key| Parsed::new(bytes).ok()?.line_of(key)),
        };
        problem(file, error.to_string(), line, key)
    }))
}

/// Reads a configuration. A backend that is none is an error when secrets are needed, and here.
fn config(bytes: Vec<u8>) -> Result<(), DocumentError> {
    match Config::parse(bytes)?.backend {
        Some(NamedBackend::Unknown) => {
            let names: Vec<&str> = BackendName::ALL.into_iter().map(|(_, name)| name).collect();
            Err(DocumentError::Invalid {
                key: "secrets.backend".to_owned(),
                why: format!("must be one of {}", names.join(", ")),
            })
        }
        _ => Ok(()),
    }
}

fn problem(file: &Path, message: String, line: Option<usize>, key: Option<&str>) -> Problem {
    Problem { file: file.to_owned(), line, key: key.map(str::to_owned), message }
}

fn key_of(error: &ProfileError) -> Option<&str> {
    match error {
        ProfileError::Document(error) => error.key(),
        ProfileError::InsecureEndpoint { key, .. } => Some(key),
        ProfileError::PublicHost => Some("allow_http"),
        ProfileError::Missing(key) | ProfileError::BindingDiffers(key) => Some(key),
        ProfileError::Contradiction(_) => None,
    }
}
