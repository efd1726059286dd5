//! A whole profile out of environment variables, for containers: it is called `env`, and no file has a part in it.

use std::env;
use std::ffi::OsString;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Value, value};

pub(crate) use super::endpoints::Endpoints;
#[cfg(feature = "cli")]
pub(crate) use super::endpoints::LOCK;
use super::home::Home;
use crate::encoding::duration;
use crate::encoding::kind::Kind;
use crate::error::{Code, Error, Remedy};
use crate::profile::{KEYS, ProfileFile, ProfileName, Variable};

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

/// Reads an environment variable that holds text; an empty one is as if it were not set.
pub(crate) fn text_variable(name: &str) -> Result<Option<String>, Error> {
    let text = env::var_os(name).map(OsString::into_string).transpose();
    let text = text.map_err(|_| Error::new(Code::Usage, format!("{name} is not UTF-8 text")))?;
    Ok(text.filter(|text| !text.is_empty()))
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
        Kind::Texts | Kind::Hosts => Ok(value(text.split_whitespace().collect::<Array>())),
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
    use super::*;

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
