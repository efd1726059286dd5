//! Changing `config.toml`.

use toml_edit::DocumentMut;

use super::Config;
use crate::encoding::toml::DocumentError;

impl Config {
    /// Writes another default profile into `config.toml`, or none; everything else stays as it is.
    pub(crate) fn with_default_profile(
        present: Option<Vec<u8>>,
        profile: Option<&str>,
    ) -> Result<String, DocumentError> {
        let text = String::from_utf8(present.unwrap_or_default()).map_err(|_| DocumentError::NotText)?;
        let mut document: DocumentMut = text.parse().map_err(|_| DocumentError::Syntax { line: 1 })?;
        match profile {
            Some(profile) => document["default_profile"] = toml_edit::value(profile),
            None => drop(document.remove("default_profile")),
        }
        Ok(document.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_new_default_profile_leaves_the_rest_alone() {
        let present = "# mine\n[http]\ntimeout = '2s' # slow\n";
        let text = Config::with_default_profile(Some(present.as_bytes().to_vec()), Some("billing")).expect("TOML");
        assert!(text.contains("# mine") && text.contains("timeout = '2s' # slow"), "{text}");
        let config = Config::parse(text.into_bytes()).expect("valid");
        assert_eq!(config.default_profile.as_deref(), Some("billing"));
        assert_eq!(config.timeout, Duration::from_secs(2));
    }
}
