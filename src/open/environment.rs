//! A whole profile out of environment variables, for containers: it is called `env`, and no file has a part in it.

use std::path::Path;
use std::{env, fmt};

use toml_edit::{Array, DocumentMut, InlineTable, Value, value};

use super::{Home, text_variable};
use crate::encoding::duration;
use crate::error::{Code, Error, Remedy};
use crate::profile::{Endpoint, ProfileFile, ProfileName};
use crate::system::files::{Dir, Missing};

/// The name of the profile.
pub(crate) const NAME: &str = "env";

/// How a variable becomes the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As it is.
    Text,
    /// Words with blanks between them.
    List,
    /// `true` or `false`.
    Flag,
    /// A duration such as `90s`.
    Duration,
}

/// What names the profile: one of these is set if there is one. The last part is the key in a profile's file.
const NAMING: [&str; 4] = ["TOKENKEEP_TOKEN_URL", "TOKENKEEP_PROVIDER", "TOKENKEEP_ISSUER", "TOKENKEEP_CLIENT_ID"];

/// The file that the secret is read from at each fetch.
const SECRET_FILE: &str = "TOKENKEEP_SECRET_FILE";

/// The other keys that a variable may set: the plain ones. None holds a secret or a command, and none opens plain http.
const OTHERS: [(&str, Kind); 20] = [
    ("auth", Kind::Text),
    ("scopes", Kind::List),
    ("audience", Kind::Text),
    ("resources", Kind::List),
    ("basic_encoding", Kind::Text),
    ("assertion_audience", Kind::Text),
    ("assertion_typ", Kind::Text),
    ("assertion_algorithm", Kind::Text),
    ("assertion_key_id", Kind::Text),
    ("certificate_file", Kind::Text),
    ("dpop", Kind::Flag),
    ("token_type", Kind::Text),
    ("repeats", Kind::Text),
    ("default_lifetime", Kind::Duration),
    ("min_ttl", Kind::Duration),
    ("ca_file", Kind::Text),
    ("probe_url", Kind::Text),
    ("introspection_url", Kind::Text),
    ("revocation_url", Kind::Text),
    ("jwks_url", Kind::Text),
];

/// Variables that look as if they could, with the reason why they cannot.
const REFUSED: [(&str, &str); 12] = [
    ("TOKENKEEP_SCOPE", "its name is TOKENKEEP_SCOPES"),
    ("TOKENKEEP_RESOURCE", "its name is TOKENKEEP_RESOURCES"),
    ("TOKENKEEP_PARAMS", "no variable holds further parameters"),
    ("TOKENKEEP_HEADER", "no variable holds headers"),
    ("TOKENKEEP_PASSWORD", "a secret does not stand in a variable, which other processes can read"),
    ("TOKENKEEP_SECRET_AT_FETCH", "the secret is read from TOKENKEEP_SECRET_FILE"),
    ("TOKENKEEP_SECRET", "a secret does not stand in a variable, which other processes can read"),
    ("TOKENKEEP_CLIENT_SECRET", "a secret does not stand in a variable, which other processes can read"),
    ("TOKENKEEP_SECRET_COMMAND", "no variable names a program"),
    ("TOKENKEEP_COMMAND", "no variable names a program"),
    ("TOKENKEEP_ALLOW_HTTP", "no variable allows plain http"),
    ("TOKENKEEP_HEADERS", "no variable holds headers"),
];

/// Returns whether the environment names a profile.
pub(crate) fn is_set() -> bool {
    NAMING.iter().chain([&SECRET_FILE]).any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the name of the profile that the environment makes; `None` if it names none.
pub(super) fn name() -> Option<ProfileName> {
    if is_set() { ProfileName::parse(NAME) } else { None }
}

/// Returns the issuer, if no other variable names the token endpoint: its endpoints have to be found.
pub(crate) fn lone_issuer() -> Result<Option<String>, Error> {
    let is_named = ["TOKENKEEP_TOKEN_URL", "TOKENKEEP_PROVIDER"].iter().any(|name| env::var_os(name).is_some());
    if is_named { Ok(None) } else { text_variable("TOKENKEEP_ISSUER") }
}

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

    fn urls(&self) -> [(&'static str, Option<&Endpoint>); 4] {
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

/// Makes the profile of this name; `None` if the environment makes no such profile.
pub(super) fn profile(name: &ProfileName, home: &Home) -> Result<Option<ProfileFile>, Error> {
    if name.as_str() != NAME || !is_set() {
        return Ok(None);
    }
    if let Some((variable, why)) = REFUSED.iter().find(|(variable, _)| env::var_os(variable).is_some()) {
        return Err(invalid(&format!("{variable} is set, and {why}")));
    }
    let mut document = DocumentMut::new();
    for variable in NAMING {
        if let Some(text) = text_variable(variable)? {
            document[&key_of(variable)] = value(text);
        }
    }
    for (key, kind) in OTHERS {
        let variable = variable_of(key);
        let Some(text) = text_variable(&variable)? else { continue };
        document[key] = match kind {
            Kind::Text => value(text),
            Kind::List => value(text.split_whitespace().collect::<Array>()),
            Kind::Flag => match text.as_str() {
                "true" => value(true),
                "false" => value(false),
                _ => return Err(invalid(&format!("{variable} must be true or false"))),
            },
            Kind::Duration if duration::parse(&text).is_some() => value(text),
            Kind::Duration => return Err(invalid(&format!("{variable} must be a duration such as 90s or 5m"))),
        };
    }
    if let Some(issuer) = lone_issuer()? {
        let known = home.endpoints.clone().filter(|endpoints| endpoints.issuer == issuer);
        let Some(endpoints) = known.or_else(|| Endpoints::load(&home.data_dir, &issuer)) else {
            return Err(
                invalid("the endpoints of TOKENKEEP_ISSUER are not known yet").with_remedy(Remedy::FindEndpoints)
            );
        };
        for (key, url) in endpoints.urls() {
            if let (None, Some(url)) = (document.get(key), url) {
                document[key] = value(url.as_str());
            }
        }
    }
    match text_variable(SECRET_FILE)? {
        Some(path) => {
            document["secret"] = value(InlineTable::from_iter([("file", Value::from(path))]));
        }
        None => return Err(invalid(&format!("{SECRET_FILE} is missing: the file that holds the client's secret"))),
    }
    let file = ProfileFile::parse(document.to_string().into_bytes())
        .and_then(|file| file.resolve(name).map(|_| file))
        // Its message names the key, and with it the variable.
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(Some(file))
}

fn key_of(variable: &str) -> String {
    variable.trim_start_matches("TOKENKEEP_").to_ascii_lowercase()
}

fn variable_of(key: &str) -> String {
    format!("TOKENKEEP_{}", key.to_ascii_uppercase())
}

fn invalid(what: &str) -> Error {
    let message = format!("the profile of the TOKENKEEP_ variables cannot be used: {what}; nothing was sent");
    Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::SetVariables)
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

    #[test]
    fn a_key_and_its_variable_lead_to_each_other() {
        for (key, _) in OTHERS {
            assert_eq!(key_of(&variable_of(key)), key);
        }
        assert_eq!(key_of("TOKENKEEP_TOKEN_URL"), "token_url");
    }
}
