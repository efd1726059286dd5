//! One type for everything that must not be seen.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Holds bytes that must not be shown: a client secret, an access token, a key.
///
/// Redacted in `Debug`, without `Display` and without serialisation, erased when dropped. What it
/// holds leaves only through [`expose`](Secret::expose). That is called only to seal, store, send or
/// print a secret on purpose.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller's buffer becomes the one that is erased.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(Zeroizing::new(bytes.into()))
    }

    /// Reads a secret out of a text file, a pipe or a variable. A byte-order mark at the beginning and one line end at
    /// the end are cut: editors and shells add them.
    pub(crate) fn from_text(bytes: &[u8]) -> Result<Secret, NoText> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(NoText::Utf16);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = text.strip_suffix(b"\n").map_or(text, |text| text.strip_suffix(b"\r").unwrap_or(text));
        if std::str::from_utf8(text).is_err() { Err(NoText::NotUtf8) } else { Ok(Secret::new(text)) }
    }

    /// Shows the bytes. Each call marks a place at which a secret leaves its wrapping.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Shows the secret as text, or `None` if it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether it holds these bytes, in a time that shows their length at most.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        self.0.ct_eq(bytes).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.holds(&other.0)
    }
}

impl Eq for Secret {}

/// SHA-256 over something that holds a secret. It is not shown: a short password can be found from it by trial.
#[derive(Clone, Copy)]
pub struct SecretDigest(pub(crate) [u8; 32]);

impl SecretDigest {
    /// Takes the 32 bytes of a digest.
    pub fn new(bytes: [u8; 32]) -> SecretDigest {
        SecretDigest(bytes)
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretDigest {
    fn eq(&self, other: &SecretDigest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(REDACTED)")
    }
}

/// Why bytes are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoText {
    /// They begin as UTF-16 does, which some shells on Windows write.
    #[error("is UTF-16 text; save it as UTF-8")]
    Utf16,
    /// They are not UTF-8.
    #[error("is not UTF-8 text")]
    NotUtf8,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(REDACTED)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret::new(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_or_a_shell_adds_to_a_secret_is_cut() {
        for bytes in [&b"s"[..], b"s\n", b"s\r\n", b"\xef\xbb\xbfs\r\n"] {
            assert_eq!(Secret::from_text(bytes), Ok(Secret::from("s")));
        }
        assert_eq!(Secret::from_text(b"s\n\n"), Ok(Secret::from("s\n")), "one line end is cut");
        assert_eq!(Secret::from_text(b"\xff\xfes\0"), Err(NoText::Utf16));
        assert_eq!(Secret::from_text(b"\xfd"), Err(NoText::NotUtf8));
    }

    #[test]
    fn debug_shows_neither_the_secret_nor_its_length() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(REDACTED)");
        assert_eq!(format!("{:#?}", Some(Secret::from("x"))), "Some(\n    Secret(REDACTED),\n)");
    }

    #[test]
    fn secrets_are_equal_if_their_bytes_are() {
        assert_eq!(Secret::from("hunter2"), Secret::from("hunter2"));
        for other in ["hunter3", "hunter", "hunter22", ""] {
            assert_ne!(Secret::from("hunter2"), Secret::from(other));
        }
        assert_ne!(SecretDigest::new([1; 32]), SecretDigest::new([2; 32]));
    }

    #[test]
    fn bytes_that_are_not_text_are_not_shown_as_text() {
        assert_eq!(Secret::new(vec![0xff, 0xfe]).expose_text(), None);
    }
}
