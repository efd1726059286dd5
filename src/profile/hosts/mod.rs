//! The hosts that a profile's token may be handed to, and the patterns that name them.

#[cfg(any(feature = "cli", feature = "front"))]
mod matching;
mod target;

use std::fmt;

use url::Host;

#[cfg(feature = "cli")]
pub(crate) use matching::Miss;
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use matching::Specificity;
pub(crate) use target::Target;

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

    /// Returns the entries, as they stand in the profile.
    #[cfg(any(test, feature = "cli", feature = "front"))]
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

    /// Returns the pattern as it was typed.
    #[cfg(any(test, feature = "cli", feature = "front"))]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether another pattern names the same targets.
    pub(crate) fn covers_as(&self, other: &HostPattern) -> bool {
        self.target == other.target && self.subdomains == other.subdomains
    }
}

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostPattern({})", self.text)
    }
}
