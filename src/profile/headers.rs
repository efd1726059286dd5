//! Headers that a gateway before the token endpoint requires, such as an API key.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::encoding::tlv::Writer;
use crate::system::secret::{Secret, SecretDigest};

/// The most headers that a profile may have.
const MOST: usize = 32;
/// The longest name and the longest value, in bytes.
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 8 * 1024;
/// A shorter plain value is not looked for in a server's text: it would be found in every second word.
const SHORTEST_KEY: usize = 6;

/// Headers that the request itself has, or that control how it is carried.
const RESERVED: [&str; 14] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "dpop",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_BEGINNINGS: [&str; 2] = ["content-", "proxy-"];

/// Headers that are sent to the token endpoint, and nowhere else. Names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, HeaderSource>);

/// The place of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderSource {
    /// In the profile.
    Value(Secret),
    /// In a file, by its absolute path; read at each fetch.
    File(PathBuf),
    /// In an environment variable; read at each fetch.
    Env(String),
}

/// Why a header cannot be sent. Quotes neither its name nor its value: either may be a key in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Its name is none (RFC 9110 s. 5.1).
    #[error("must have names of letters, digits and hyphens, 128 bytes at most")]
    Name,
    /// The request has it already, or it controls how the request is carried.
    #[error(
        "cannot hold Authorization, Host, Cookie, Accept, DPoP, Content-*, Proxy-*, or what says how a request is carried"
    )]
    Reserved,
    /// It stands twice.
    #[error("must name each header once, whatever its case")]
    Twice,
    /// There are too many.
    #[error("must be 32 at most")]
    TooMany,
    /// Its value is no text that a header can hold.
    #[error("must have values of 1 to 8192 visible ASCII characters, with blanks in between only")]
    Value,
}

impl Headers {
    /// Takes headers, each with the place of its value.
    ///
    /// # Errors
    /// When a name is none, is reserved or stands twice, or when a plain value cannot be sent.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, HeaderSource)>) -> Result<Headers, HeaderError> {
        let mut map = BTreeMap::new();
        for (name, source) in headers {
            if let HeaderSource::Value(value) = &source {
                check_value(value)?;
            }
            match map.entry(checked_name(name)?) {
                Entry::Vacant(place) => place.insert(source),
                Entry::Occupied(_) => return Err(HeaderError::Twice),
            };
        }
        if map.len() > MOST { Err(HeaderError::TooMany) } else { Ok(Headers(map)) }
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the headers, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &HeaderSource)> {
        self.0.iter().map(|(name, source)| (name.as_str(), source))
    }

    /// Finds the place of a value by the name of its header.
    pub fn get(&self, name: &str) -> Option<&HeaderSource> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// Returns SHA-256 of the names, the plain values and the places of the others; `None` if there is no header. What
    /// lies at a place may change.
    pub(crate) fn digest(&self) -> Option<SecretDigest> {
        if self.is_empty() {
            return None;
        }
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (name, source) in self.iter() {
            let (kind, text) = match source {
                HeaderSource::Value(value) => ("value", value.expose()),
                HeaderSource::File(path) => ("file", path.as_os_str().as_encoded_bytes()),
                HeaderSource::Env(name) => ("env", name.as_bytes()),
            };
            // No copy of a value stays behind.
            parts.extend([name.as_bytes().to_vec(), kind.as_bytes().to_vec(), Sha256::digest(text).to_vec()]);
        }
        let mut writer = Writer::default();
        writer.list(1, parts.iter().map(Vec::as_slice));
        Some(SecretDigest(Sha256::digest(&*writer.finish()).into()))
    }
}

/// Checks that a value can be sent: one line that reaches the gateway as it is.
pub(crate) fn check_value(value: &Secret) -> Result<(), HeaderError> {
    let bytes = value.expose();
    let is_text = bytes.iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic());
    let has_blank_end = bytes.trim_ascii().len() != bytes.len();
    if bytes.is_empty() || bytes.len() > LONGEST_VALUE || !is_text || has_blank_end {
        return Err(HeaderError::Value);
    }
    Ok(())
}

/// Returns whether a value is masked in a server's text. A value outside the profile is a secret. So is a plain one,
/// unless it is a number or word of a few letters.
pub(crate) fn is_masked(source: &HeaderSource, value: &Secret) -> bool {
    !matches!(source, HeaderSource::Value(_)) || value.expose().len() >= SHORTEST_KEY
}

/// Reads a name: a token (RFC 9110 s. 5.6.2) that is not reserved.
fn checked_name(name: &str) -> Result<String, HeaderError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_token) {
        return Err(HeaderError::Name);
    }
    let name = name.to_ascii_lowercase();
    let is_reserved =
        RESERVED.contains(&name.as_str()) || RESERVED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    if is_reserved { Err(HeaderError::Reserved) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(value: &str) -> HeaderSource {
        HeaderSource::Value(Secret::from(value))
    }

    fn one(name: &str, value: &str) -> Result<Headers, HeaderError> {
        Headers::new([(name, plain(value))])
    }

    #[test]
    fn a_header_that_the_request_itself_has_is_refused_in_any_case() {
        for name in [
            "Authorization",
            "authorization",
            "HOST",
            "Cookie",
            "Accept",
            "Accept-Encoding",
            "Content-Type",
            "content-length",
            "Content-Anything",
            "Transfer-Encoding",
            "Connection",
            "Proxy-Authorization",
            "proxy-x",
            "DPoP",
            "TE",
            "Upgrade",
            "Expect",
        ] {
            assert_eq!(one(name, "x"), Err(HeaderError::Reserved), "{name}");
        }
        for name in ["x-api-key", "Ocp-Apim-Subscription-Key", "User-Agent", "WM_SVC.NAME", "x-host", "contents"] {
            assert!(one(name, "x").is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_or_no_value_of_a_header_is_refused() {
        for name in ["", "x y", "x:y", ":path", "x\r\ny", "ü", "x\0", "x=y", &"x".repeat(129)] {
            assert_eq!(one(name, "x"), Err(HeaderError::Name), "{name:?}");
        }
        for value in ["", " ", " x", "x ", "a\tb", "a\r\nx-evil: 1", "a\n", "ü", "\u{7f}", &"x".repeat(8193)] {
            assert_eq!(one("x", value), Err(HeaderError::Value), "{value:?}");
        }
        assert!(one("x", "Basic a b=").is_ok());
        assert_eq!(Headers::new([("X-Key", plain("a")), ("x-key", plain("b"))]), Err(HeaderError::Twice));
        let names: Vec<String> = (0..33).map(|number| format!("x-{number}")).collect();
        assert_eq!(Headers::new(names.iter().map(|name| (name.as_str(), plain("v")))), Err(HeaderError::TooMany));
    }

    #[test]
    fn nothing_shows_a_plain_value() {
        let headers = one("x-api-key", "hunter2").expect("a header");
        assert!(!format!("{headers:?}").contains("hunter2"));
        assert_eq!(headers.get("X-API-Key"), Some(&plain("hunter2")));
    }

    #[test]
    fn the_digest_tells_every_difference_and_not_the_case_of_a_name() {
        let digest = |name: &str, source: HeaderSource| Headers::new([(name, source)]).expect("a header").digest();
        let digests = [
            digest("x", plain("/a")),
            digest("y", plain("/a")),
            digest("x", plain("/b")),
            digest("x", HeaderSource::File(PathBuf::from("/a"))),
            digest("x", HeaderSource::Env("/a".to_owned())),
            None,
        ];
        for (at, one) in digests.iter().enumerate() {
            assert!(digests[..at].iter().all(|other| other != one), "{at}");
        }
        assert_eq!(digest("X", plain("/a")), digest("x", plain("/a")));
        assert_eq!(Headers::default().digest(), None);
    }

    #[test]
    fn a_short_plain_value_is_no_secret_and_one_from_elsewhere_always_is() {
        assert!(!is_masked(&plain("v2"), &Secret::from("v2")));
        assert!(is_masked(&plain("hunter2"), &Secret::from("hunter2")));
        assert!(is_masked(&HeaderSource::Env("K".to_owned()), &Secret::from("v2")));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_one_header_of_one_line(name in "[ -~\r\n]{0,12}", value in "[ -~\r\n\t]{0,12}") {
            if let Ok(headers) = one(&name, &value) {
                let name = headers.iter().next().expect("one").0.to_owned();
                prop_assert!(reqwest::header::HeaderName::try_from(name.as_str()).is_ok());
                let read = reqwest::header::HeaderValue::try_from(value.as_str()).expect("it can be sent");
                prop_assert_eq!(read.to_str().ok().map(str::trim), Some(value.as_str()));
                prop_assert!(!name.starts_with("content-") && name != "authorization" && name != "host");
            }
        }

        #[test]
        fn two_sets_of_headers_share_a_digest_only_if_they_are_the_same(
            a in prop::collection::btree_map("[a-z]{1,3}", "[a-z]{1,3}", 0..3),
            b in prop::collection::btree_map("[a-z]{1,3}", "[a-z]{1,3}", 0..3),
        ) {
            let of = |map: &BTreeMap<String, String>| {
                // Names that are reserved are not drawn here, apart from `te`.
                Headers::new(map.iter().filter(|(name, _)| *name != "te").map(|(name, value)| (name.as_str(), plain(value))))
            };
            let (a, b) = (of(&a).expect("headers"), of(&b).expect("headers"));
            prop_assert_eq!(a == b, a.digest() == b.digest());
        }
    }
}
