//! Which pattern names a server, and how closely.

use super::{HostPattern, Target};

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

impl HostPattern {
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
}

impl Target {
    /// Returns whether it is reached over plain http.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns how many segments its path has.
    pub(crate) fn depth(&self) -> usize {
        self.path.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::{HostEntry, Hosts};

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
        fn a_host_outside_of_a_wildcard_is_never_named(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}") {
            let covered = pattern("*.example.com").covers(&target(&host)).is_ok();
            prop_assert_eq!(covered, host.ends_with(".example.com"));
        }
    }
}
