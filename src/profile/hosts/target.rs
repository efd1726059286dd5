//! A server that a client wants a token for.

use std::fmt;

use url::Url;

use super::HostError;

/// What a client wants a token for: a server, and perhaps a path on it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) is_plain: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// The segments of the path, percent-encoded as they were typed.
    pub(super) path: Vec<String>,
}

impl Target {
    /// Reads a URL, or a host with an optional port and path, which stands for https.
    ///
    /// # Errors
    /// When it is none, holds user information or dots in its path, or names its host in a way that programs read in
    /// several ways. The error does not quote it.
    pub(crate) fn parse(text: &str) -> Result<Target, HostError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let is_plain = match scheme.to_ascii_lowercase().as_str() {
            "https" => false,
            "http" => true,
            _ => return Err(HostError::NotHost),
        };
        // A URL parser drops tabs and newlines, and takes a backslash for a slash.
        if rest.len() > 4096 || rest.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f) {
            return Err(HostError::NotHost);
        }
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(HostError::UserInfo);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        // Encoded or not: a server may decode it before it looks for dots.
        let decoded = |segment: &str| segment.to_ascii_lowercase().replace("%2e", ".");
        if path.split('/').any(|segment| matches!(decoded(segment).as_str(), "." | "..")) {
            return Err(HostError::Dots);
        }
        let url = Url::parse(&format!("{}://{authority}/", if is_plain { "http" } else { "https" }));
        let url = url.map_err(|_| HostError::NotHost)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(HostError::NotHost);
        };
        // A URL parser lets through what some programs expand or split.
        let is_plain_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !host.starts_with('[') && !host.bytes().all(is_plain_host) {
            return Err(HostError::NotHost);
        }
        if port == 0 || host.ends_with('.') || authority.is_empty() || !is_as_typed(authority, host) {
            return Err(HostError::NotHost);
        }
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Ok(Target { is_plain, host: host.to_owned(), port, path: segments })
    }
}

/// A URL parser takes `127.1`, `0x7f.1` and `%6c` for other spellings of a host. Other programs do not.
fn is_as_typed(authority: &str, host: &str) -> bool {
    let bare = match authority.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => authority,
    };
    // A name in other letters becomes what IDNA makes of it.
    !authority.is_ascii() || bare.eq_ignore_ascii_case(host)
}

/// As a person writes it: the scheme and the port if they are not the usual ones.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_plain { ("http://", 80) } else { ("", 443) };
        write!(f, "{scheme}{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        self.path.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_programs_read_in_several_ways_is_no_target() {
        for (text, error) in [
            ("https://user@example.com/", HostError::UserInfo),
            ("https://example.com@evil.test/", HostError::UserInfo),
            ("https://example.com/a/../b", HostError::Dots),
            ("https://example.com/a/%2E%2e/b", HostError::Dots),
            ("https://example.com/./b", HostError::Dots),
            ("https://example.com\\@evil.test/", HostError::NotHost),
            ("https://exa\tmple.com/", HostError::NotHost),
            ("https://%65xample.com/", HostError::NotHost),
            ("https://{a,b}.example.com/", HostError::NotHost),
            ("https://127.1/", HostError::NotHost),
            ("https://0x7f000001/", HostError::NotHost),
            ("https://example.com./", HostError::NotHost),
            ("https://example.com:0/", HostError::NotHost),
            ("ftp://example.com/", HostError::NotHost),
            ("https:///path", HostError::NotHost),
            ("", HostError::NotHost),
        ] {
            assert_eq!(Target::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_an_error_and_a_target_reads_as_it_is_written(text in "\\PC{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
            }
        }
    }
}
