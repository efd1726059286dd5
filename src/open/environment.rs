//! A whole profile out of environment variables, for containers: it is called `env`, and no file has a part in it.

use std::env;
use std::ffi::OsString;

use toml_edit::{Array, DocumentMut, InlineTable, Value, value};

pub(crate) use super::endpoints::Endpoints;
#[cfg(feature = "cli")]
pub(crate) use super::endpoints::LOCK;
use super::home::Home;
use crate::encoding::duration;
use crate::error::{Code, Error, Remedy};
use crate::profile::{ProfileFile, ProfileName};

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

/// Reads an environment variable that holds text; an empty one is as if it were not set.
pub(crate) fn text_variable(name: &str) -> Result<Option<String>, Error> {
    let text = env::var_os(name).map(OsString::into_string).transpose();
    let text = text.map_err(|_| Error::new(Code::Usage, format!("{name} is not UTF-8 text")))?;
    Ok(text.filter(|text| !text.is_empty()))
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
    use super::*;

    #[test]
    fn a_key_and_its_variable_lead_to_each_other() {
        for (key, _) in OTHERS {
            assert_eq!(key_of(&variable_of(key)), key);
        }
        assert_eq!(key_of("TOKENKEEP_TOKEN_URL"), "token_url");
    }
}
