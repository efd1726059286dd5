//! The hosts that a profile's token may be handed to, and the patterns that name them.

use std::fmt;

use url::{Host, Url};

use super::plain_hosts::LOCALHOST;

/// The hosts that helpers may hand a profile's token to. A host that no entry names gets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<HostEntry>);

/// One entry: which hosts, and how they take the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostEntry {
    pub(crate) pattern: HostPattern,
    pub(crate) scheme: AuthScheme,
    /// The user name that stands beside the token, for clients that send a name and a password.
    pub(crate) username: String,
}

/// The user name if an entry has none: GitLab takes it, and most servers take any.
pub(super) const USERNAME: &str = "oauth2";

/// How a host takes the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AuthScheme {
    /// `Authorization: Bearer TOKEN` (RFC 6750), if the client can send it.
    #[default]
    Bearer,
    /// As the password of a user name (RFC 7617).
    Basic,
}

impl AuthScheme {
    /// Every scheme with its name in a profile.
    pub(crate) const ALL: [(AuthScheme, &'static str); 2] =
        [(AuthScheme::Bearer, "bearer"), (AuthScheme::Basic, "basic")];
}

/// A pattern such as `api.example.com`, `*.example.com:8443/team`: https and its default port unless typed otherwise.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    /// As it was typed.
    text: String,
    target: Target,
    /// Whether it names all hosts below its own, and not that one.
    subdomains: bool,
}

/// How closely a pattern names a target; the greater, the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    is_exact: bool,
    labels: usize,
    segments: usize,
}

/// Why a pattern does not name a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Miss {
    #[error("names another host")]
    Host,
    #[error("names http for https, or https for http")]
    Scheme,
    #[error("names another port")]
    Port,
    #[error("names another path")]
    Path,
}

/// What a client wants a token for: a server, and perhaps a path on it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    is_plain: bool,
    host: String,
    port: u16,
    /// The segments of the path, percent-encoded as they were typed.
    path: Vec<String>,
}

/// Why a text is no pattern or target. Quotes nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// It is no host with an optional port and path.
    #[error("must be HOST[:PORT][/PATH], with https:// or http:// before it if need be")]
    NotHost,
    /// It holds a user name or password.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// It leaves the path that it names.
    #[error("must not hold . or .. as a part of its path")]
    Dots,
    /// It would name hosts of several owners.
    #[error("has a wildcard that is too wide: *. stands first, and two labels follow, as in *.example.com")]
    WideWildcard,
}

impl Hosts {
    /// Makes a list.
    ///
    /// # Errors
    /// When two entries name the same hosts: which of them counts would be a guess.
    pub(crate) fn new(entries: Vec<HostEntry>) -> Result<Hosts, &'static str> {
        let is_double = |at: usize| entries[..at].iter().any(|other| other.pattern.covers_as(&entries[at].pattern));
        if (0..entries.len()).any(is_double) {
            return Err("names the same hosts twice");
        }
        Ok(Hosts(entries))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &HostEntry> {
        self.0.iter()
    }
}

impl HostEntry {
    /// Makes the entry of a pattern for hosts that take a bearer token.
    pub(crate) fn bearer(pattern: HostPattern) -> HostEntry {
        HostEntry { pattern, scheme: AuthScheme::Bearer, username: USERNAME.to_owned() }
    }
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is none. The error does not quote it.
    pub(crate) fn parse(text: &str) -> Result<HostPattern, HostError> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), text),
        };
        let (subdomains, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        let target = Target::parse(&format!("{scheme}{rest}"))?;
        let is_name = matches!(Host::parse(&target.host), Ok(Host::Domain(_)));
        if rest.contains('*') || (subdomains && !(is_name && target.host.split('.').count() >= 2)) {
            return Err(HostError::WideWildcard);
        }
        Ok(HostPattern { text: text.to_owned(), target, subdomains })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns how closely it names a target.
    ///
    /// # Errors
    /// Why it does not name it.
    pub(crate) fn covers(&self, target: &Target) -> Result<Specificity, Miss> {
        let own = &self.target;
        let is_host = match self.subdomains {
            true => target.host.strip_suffix(&own.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            false => target.host == own.host,
        };
        match () {
            () if !is_host => Err(Miss::Host),
            () if target.is_plain != own.is_plain => Err(Miss::Scheme),
            () if target.port != own.port => Err(Miss::Port),
            // A prefix ends at a segment: /team is not a prefix of /teams.
            () if !target.path.starts_with(&own.path) => Err(Miss::Path),
            () => Ok(Specificity {
                is_exact: !self.subdomains,
                labels: own.host.split('.').count(),
                segments: own.path.len(),
            }),
        }
    }

    /// Returns whether it names a part of the server of a target, by a path.
    pub(crate) fn has_path_at(&self, target: &Target) -> bool {
        let is_at = matches!(self.covers(target), Ok(_) | Err(Miss::Path));
        is_at && self.target.depth() > 0
    }

    /// Returns how many segments its path has.
    pub(crate) fn depth(&self) -> usize {
        self.target.depth()
    }

    /// Returns the one server that it names; `None` if it names several.
    pub(crate) fn server(&self) -> Option<&Target> {
        (!self.subdomains).then_some(&self.target)
    }

    /// Returns whether another pattern names the same targets.
    pub(crate) fn covers_as(&self, other: &HostPattern) -> bool {
        self.target == other.target && self.subdomains == other.subdomains
    }
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
        if port == 0 || host.ends_with('.') || authority.is_empty() || !is_as_typed(authority, host) {
            return Err(HostError::NotHost);
        }
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Ok(Target { is_plain, host: host.to_owned(), port, path: segments })
    }

    /// Returns whether it is reached over plain http.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns whether it is this machine: a literal loopback address or `localhost`.
    pub(crate) fn is_loopback(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Ok(Host::Domain(name)) => name == LOCALHOST,
            Err(_) => false,
        }
    }

    /// Returns how many segments its path has.
    pub(crate) fn depth(&self) -> usize {
        self.path.len()
    }

    /// Returns its host, as a URL has it.
    pub(crate) fn host(&self) -> &str {
        &self.host
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

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostPattern({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn target(text: &str) -> Target {
        Target::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_pattern_names_its_host_port_scheme_and_path() {
        for (of, is, is_not) in [
            ("api.example.com", "https://API.example.com:443/v1?q#f", "https://api.example.com:8443/"),
            ("api.example.com", "api.example.com", "http://api.example.com/"),
            ("api.example.com", "api.example.com/x", "https://example.com/"),
            ("api.example.com", "api.example.com/x", "https://api.example.com.evil.test/"),
            ("*.example.com", "https://a.b.example.com/", "https://example.com/"),
            ("*.example.com", "https://a.example.com/", "https://aexample.com/"),
            ("example.com:8443", "https://example.com:8443", "https://example.com/"),
            ("example.com/team", "https://example.com/team/app", "https://example.com/teams"),
            ("example.com/team/", "https://example.com/team", "https://example.com/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", "https://127.0.0.1:8080/x"),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example/", "https://bucher.example/"),
            ("[::1]:8443", "https://[::1]:8443/", "https://[::2]:8443/"),
        ] {
            assert!(pattern(of).covers(&target(is)).is_ok(), "{of} names {is}");
            assert!(pattern(of).covers(&target(is_not)).is_err(), "{of} does not name {is_not}");
        }
    }

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

    #[test]
    fn a_wildcard_stands_first_and_has_two_labels_below_it() {
        for text in ["*.com", "*", "*.*.example.com", "a.*.example.com", "a*.example.com", "*.127.0.0.1", "*.[::1]"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
        assert!(HostPattern::parse("https://*.example.com/team").is_ok());
    }

    #[test]
    fn two_entries_of_the_same_hosts_are_refused_and_the_closer_one_is_the_more_specific() {
        let entries = |texts: &[&str]| texts.iter().map(|text| HostEntry::bearer(pattern(text))).collect::<Vec<_>>();
        assert!(Hosts::new(entries(&["example.com", "https://EXAMPLE.com:443/"])).is_err());
        assert!(Hosts::new(entries(&["example.com", "*.example.com", "example.com/x"])).is_ok());
        let of = target("https://a.b.example.com/x/y");
        let closer = ["*.example.com", "*.b.example.com", "*.b.example.com/x", "a.b.example.com", "a.b.example.com/x"];
        let specificities: Vec<_> = closer.iter().map(|text| pattern(text).covers(&of).expect("it names it")).collect();
        assert!(specificities.is_sorted());
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_an_error_and_a_target_reads_as_it_is_written(text in "\\PC{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
            }
        }

        #[test]
        fn a_host_outside_of_a_wildcard_is_never_named(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}") {
            let covered = pattern("*.example.com").covers(&target(&host)).is_ok();
            prop_assert_eq!(covered, host.ends_with(".example.com"));
        }
    }
}
