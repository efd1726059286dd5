//! A whole profile out of environment variables, for containers: it is called `env`, and no file has a part in it.

use std::path::Path;
use std::{env, fmt};

use toml_edit::{Array, DocumentMut, InlineTable, Item, Value, value};

use super::{Home, text_variable};
use crate::encoding::duration;
use crate::encoding::kind::Kind;
use crate::error::{Code, Error, Remedy};
use crate::profile::{Endpoint, KEYS, ProfileFile, ProfileName, Variable};
use crate::system::files::{Dir, Missing};

/// The name of the profile.
pub(crate) const NAME: &str = "env";

/// The file that the secret is read from at each fetch.
const SECRET_FILE: &str = "TOKENKEEP_SECRET_FILE";

/// Variables that look as if they set a key, with the reason why they cannot.
const LOOKALIKES: [(&str, &str); 8] = [
    ("TOKENKEEP_SCOPE", "its name is TOKENKEEP_SCOPES"),
    ("TOKENKEEP_RESOURCE", "its name is TOKENKEEP_RESOURCES"),
    ("TOKENKEEP_HEADER", "no variable holds headers"),
    ("TOKENKEEP_PASSWORD", "a secret does not stand in a variable, which other processes can read"),
    ("TOKENKEEP_SECRET_AT_FETCH", "the secret is read from TOKENKEEP_SECRET_FILE"),
    ("TOKENKEEP_CLIENT_SECRET", "a secret does not stand in a variable, which other processes can read"),
    ("TOKENKEEP_SECRET_COMMAND", "no variable names a program"),
    ("TOKENKEEP_COMMAND", "no variable names a program"),
];

/// Returns whether the environment names a profile.
pub(crate) fn is_set() -> bool {
    let naming = KEYS.iter().filter(|key| key.variable == Variable::Names).map(|key| variable_of(key.name));
    naming.chain([SECRET_FILE.to_owned()]).any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
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
    if let Some((variable, why)) = refused() {
        return Err(invalid(&format!("{variable} is set, and {why}")));
    }
    let mut document = DocumentMut::new();
    for key in KEYS.iter().filter(|key| matches!(key.variable, Variable::Names | Variable::Sets)) {
        let variable = variable_of(key.name);
        if let Some(text) = text_variable(&variable)? {
            document[key.name] = item(key.kind, &variable, text)?;
        }
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

/// Finds a variable that is set and must not be, with the reason.
fn refused() -> Option<(String, &'static str)> {
    let keys = KEYS.iter().filter_map(|key| match key.variable {
        Variable::Refused(why) => Some((variable_of(key.name), why)),
        _ => None,
    });
    let lookalikes = LOOKALIKES.map(|(variable, why)| (variable.to_owned(), why));
    keys.chain(lookalikes).find(|(variable, _)| env::var_os(variable).is_some())
}

/// Makes the value of a key out of what its variable holds.
fn item(kind: Kind, variable: &str, text: String) -> Result<Item, Error> {
    match kind {
        // Words with blanks between them.
        Kind::Texts => Ok(value(text.split_whitespace().collect::<Array>())),
        Kind::Flag => match text.as_str() {
            "true" => Ok(value(true)),
            "false" => Ok(value(false)),
            _ => Err(invalid(&format!("{variable} must be true or false"))),
        },
        Kind::Duration if duration::parse(&text).is_none() => {
            Err(invalid(&format!("{variable} must be a duration such as 90s or 5m")))
        }
        _ => Ok(value(text)),
    }
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
    fn a_variable_is_made_of_its_key_and_no_lookalike_is_one() {
        assert_eq!(variable_of("token_url"), "TOKENKEEP_TOKEN_URL");
        for (variable, _) in LOOKALIKES {
            assert!(KEYS.iter().all(|key| variable_of(key.name) != variable), "{variable}");
        }
        let opened = KEYS.iter().filter(|key| matches!(key.variable, Variable::Names | Variable::Sets));
        for key in opened {
            let is_plain = !matches!(key.kind, Kind::Place | Kind::Secret | Kind::Headers | Kind::Pairs | Kind::Own);
            assert!(is_plain && key.name != "allow_http", "{} holds or opens too much for a variable", key.name);
        }
    }
}
