//! One type for everything that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// Holds bytes that must not be shown: a client secret, an access token, a key.
///
/// Redacted in `Debug`, without `Display` and without serialisation, erased when dropped. What it
/// holds leaves through [`expose`](Secret::expose) alone, which is called only where a secret is
/// sealed, stored, sent or printed on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller's buffer becomes the one that is erased.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(Zeroizing::new(bytes.into()))
    }

    /// Shows the bytes. Each call marks a place where a secret leaves its wrapping.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Shows the secret as text, or `None` where it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
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
    fn debug_shows_neither_the_secret_nor_its_length() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(REDACTED)");
        assert_eq!(format!("{:#?}", Some(Secret::from("x"))), "Some(\n    Secret(REDACTED),\n)");
    }

    #[test]
    fn bytes_that_are_not_text_are_not_shown_as_text() {
        assert_eq!(Secret::new(vec![0xff, 0xfe]).expose_text(), None);
    }
}
