//! The endpoints of an issuer that the environment names without them, as they are kept in the data directory.

use std::fmt;
use std::path::Path;

use crate::profile::Endpoint;
use crate::system::files::{Dir, Missing};

/// What an issuer, named by the environment without endpoints, publishes about itself. It is requested once, and the
/// answer is kept in the data directory: later gets need no request until it is a day old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) issuer: String,
    pub(crate) token_url: Endpoint,
    pub(crate) introspection_url: Option<Endpoint>,
    pub(crate) revocation_url: Option<Endpoint>,
    pub(crate) jwks_url: Option<Endpoint>,
}

/// The file of the data directory that keeps them.
pub(super) const ENDPOINTS: &str = "endpoints";
/// The lock of the processes that request them.
#[cfg(feature = "cli")]
pub(crate) const LOCK: &str = "endpoints.lock";
const ENDPOINTS_CAP: usize = 64 * 1024;
const FIRST_LINE: &str = "tokenkeep-endpoints 1";

impl Endpoints {
    /// Reads what is kept of this issuer; `None` if nothing is, or if it cannot be used: then it is found again.
    pub(crate) fn load(data_dir: &Path, issuer: &str) -> Option<Endpoints> {
        let dir = Dir::open(data_dir, Missing::Leave).ok().flatten()?;
        let text = String::from_utf8(dir.read(ENDPOINTS, ENDPOINTS_CAP).ok().flatten()?).ok()?;
        Endpoints::parse(&text).filter(|endpoints| endpoints.issuer == issuer)
    }

    /// Returns whether what is kept is older than a day: an issuer may have moved. An unreadable time counts as old.
    #[cfg(feature = "cli")]
    pub(crate) fn is_old(data_dir: &Path) -> bool {
        let kept = data_dir.join(ENDPOINTS).metadata().and_then(|file| file.modified());
        let age = kept.ok().and_then(|kept| kept.elapsed().ok());
        age.is_none_or(|age| age > std::time::Duration::from_secs(86_400))
    }

    /// Keeps them.
    #[cfg(feature = "cli")]
    pub(crate) fn save(&self, dir: &Dir) -> Result<(), crate::system::files::PlaceError> {
        dir.replace(
            ENDPOINTS,
            &format!("{ENDPOINTS}.tmp"),
            self.to_string().as_bytes(),
            crate::system::files::Durable::No,
        )
    }

    fn parse(text: &str) -> Option<Endpoints> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let lines: Vec<(&str, &str)> = lines.map(|line| line.split_once(' ')).collect::<Option<_>>()?;
        let value = |key: &str| lines.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let url = |key: &str| value(key).and_then(|url| Endpoint::parse(url).ok());
        Some(Endpoints {
            issuer: value("issuer")?.to_owned(),
            token_url: url("token_url")?,
            introspection_url: url("introspection_url"),
            revocation_url: url("revocation_url"),
            jwks_url: url("jwks_url"),
        })
    }

    /// Lists the keys of a profile and what they are set to.
    pub(super) fn urls(&self) -> [(&'static str, Option<&Endpoint>); 4] {
        [
            ("token_url", Some(&self.token_url)),
            ("introspection_url", self.introspection_url.as_ref()),
            ("revocation_url", self.revocation_url.as_ref()),
            ("jwks_url", self.jwks_url.as_ref()),
        ]
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nissuer {}", self.issuer)?;
        for (key, url) in self.urls() {
            if let Some(url) = url {
                writeln!(f, "{key} {url}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_of_an_issuer_is_read_back(path in "[a-z/]{0,20}", has_keys: bool) {
            let url = |end: &str| Endpoint::parse(&format!("https://id.example/{path}{end}")).expect("a URL");
            let endpoints = Endpoints {
                issuer: format!("https://id.example/{path}"),
                token_url: url("/token"),
                introspection_url: None,
                revocation_url: Some(url("/revoke")),
                jwks_url: has_keys.then(|| url("/keys")),
            };
            prop_assert_eq!(Endpoints::parse(&endpoints.to_string()), Some(endpoints));
        }

        #[test]
        fn any_text_is_read_or_passed_over(text in "(tokenkeep-endpoints 1\n)?[ -~\n]{0,80}") {
            let _ = Endpoints::parse(&text);
        }
    }
}
