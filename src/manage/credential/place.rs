//! The places that secrets and headers are read from, in words.

use std::path::Path;

use crate::profile::{Reference, SecretSource};
use crate::system::files::EscapedPath;

/// Names the place of a secret, with its details if it has any.
pub(crate) fn place_of(secret: &SecretSource) -> (&'static str, Option<String>) {
    match secret {
        SecretSource::Stored(_) => ("stored", None),
        SecretSource::Reference(Reference::File(path)) => ("reference", Some(format!("file {}", EscapedPath(path)))),
        SecretSource::Reference(Reference::Env(name)) => {
            ("reference", Some(format!("environment variable {}", one_line(name))))
        }
        SecretSource::Reference(Reference::Command(words)) => (
            "reference",
            Some(format!("command {}", words.first().map(|program| one_line(program)).unwrap_or_default())),
        ),
        SecretSource::Reference(Reference::GithubActions { audience, .. }) => {
            ("reference", Some(format!("GitHub Actions, for {}", one_line(audience))))
        }
        SecretSource::Absent => ("none", None),
    }
}

/// Writes a text on one line.
pub(crate) fn one_line(text: &str) -> String {
    EscapedPath(Path::new(text)).to_string()
}
