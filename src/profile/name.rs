//! Names of profiles.

use std::fmt;

/// The rule for names, for users that typed another.
pub(crate) const RULE: &str = "a-z, 0-9 and . _ - after the first, 64 characters at most, \
                               and no device of Windows (con, nul, com1 ...)";

/// Names a profile: `[a-z0-9][a-z0-9._-]{0,63}`, so that it is safe as a file name and in a shell. Nor is it the name of
/// a Windows device: a file of that name is the device, in every directory and with every extension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Reads a name; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<ProfileName> {
        let bytes = text.as_bytes();
        let first = bytes.first()?;
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let rest = bytes.iter().all(|byte| plain(byte) || b"._-".contains(byte));
        (plain(first) && rest && bytes.len() <= 64 && !is_device(text)).then(|| ProfileName(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the profile's file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.toml", self.0)
    }

    /// Reads the name of a profile's file; `None` if it is not one.
    pub(crate) fn from_file_name(name: &str) -> Option<ProfileName> {
        ProfileName::parse(name.strip_suffix(".toml")?)
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether Windows takes a name for a device: what is before the first dot counts. Such a name is refused on
/// every system, since profiles are copied from one to another.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(stem, "con" | "prn" | "aux" | "nul")
        || port.is_some_and(|number| matches!(number.as_bytes(), [digit] if digit.is_ascii_digit()))
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

    #[test]
    fn a_device_of_windows_is_no_name_of_a_profile() {
        for name in ["con", "prn", "aux", "nul", "com0", "com1", "com9", "lpt0", "lpt9", "nul.a", "com1.b.c", "con."] {
            assert_eq!(ProfileName::parse(name), None, "{name}");
            assert_eq!(ProfileName::from_file_name(&format!("{name}.toml")), None, "{name}");
        }
        for name in ["cons", "null", "com", "com10", "lpt", "lpt1-a", "a.con", "con-fig", "auxiliary", "common"] {
            assert!(ProfileName::parse(name).is_some(), "{name}");
        }
    }
}
