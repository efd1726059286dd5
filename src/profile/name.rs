//! Names of profiles.

use std::fmt;

/// Names a profile: `[a-z0-9][a-z0-9._-]{0,63}`, so that it is safe as a file name and in a shell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Reads a name; `None` where the text is not one.
    pub fn parse(text: &str) -> Option<ProfileName> {
        let bytes = text.as_bytes();
        let first = bytes.first()?;
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let rest = bytes.iter().all(|byte| plain(byte) || b"._-".contains(byte));
        (plain(first) && rest && bytes.len() <= 64).then(|| ProfileName(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the profile's file.
    pub fn file_name(&self) -> String {
        format!("{}.toml", self.0)
    }

    /// Reads the name of a profile's file; `None` where it is not one.
    pub fn from_file_name(name: &str) -> Option<ProfileName> {
        ProfileName::parse(name.strip_suffix(".toml")?)
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_directory_or_hide() {
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "-p", "Aa", "a b", "a\n", "ä", &"a".repeat(65)] {
            assert_eq!(ProfileName::parse(name), None, "{name:?}");
        }
        for name in ["a", "0", "spotify", "team-a.billing_2", &"a".repeat(64)] {
            assert!(ProfileName::parse(name).is_some(), "{name}");
        }
    }
}
