//! Reading the values of a profile's file, each as what it means.

use std::path::PathBuf;
use std::time::Duration;

use super::file::ProfileError;
use super::hosts::USERNAME;
use super::{
    AuthScheme, Binding, Endpoint, HeaderSource, Headers, HostEntry, HostPattern, Hosts, PlainHostError, PlainHosts,
    Reference,
};
use crate::encoding::toml::{DocumentError, Table, TextOrTable};
use crate::system::secret::Secret;

/// A profile's file that is read, with what other keys of it depend on.
pub(super) struct Source<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) allow_http: Option<PlainHosts>,
    pub(super) binding: Option<Binding>,
    /// The hosts that its URLs may name over plain http.
    pub(super) allowed: PlainHosts,
}

pub(super) fn text(source: &Source<'_>, key: &str) -> Result<Option<String>, ProfileError> {
    Ok(owned(source.table.text(key)?))
}

/// Reads a text that `check` has no complaint about.
pub(super) fn checked(
    source: &Source<'_>,
    key: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<Option<String>, ProfileError> {
    let text = source.table.text(key)?;
    text.map_or(Ok(()), check).map_err(|why| source.table.invalid(key, why))?;
    Ok(owned(text))
}

pub(super) fn url(source: &Source<'_>, key: &str) -> Result<Option<Endpoint>, ProfileError> {
    secure_endpoint(source.table, key, &source.allowed)
}

pub(super) fn path(source: &Source<'_>, key: &str) -> Result<Option<PathBuf>, ProfileError> {
    Ok(source.table.path(key)?)
}

pub(super) fn flag(source: &Source<'_>, key: &str) -> Result<Option<bool>, ProfileError> {
    Ok(source.table.flag(key)?)
}

pub(super) fn duration(source: &Source<'_>, key: &str) -> Result<Option<Duration>, ProfileError> {
    Ok(source.table.duration(key)?)
}

pub(super) fn one_of<T: Copy>(source: &Source<'_>, key: &str, all: &[(T, &str)]) -> Result<Option<T>, ProfileError> {
    Ok(choice(source.table, key, all)?)
}

pub(super) fn choice<T: Copy>(table: &Table<'_>, key: &str, all: &[(T, &str)]) -> Result<Option<T>, DocumentError> {
    let Some(text) = table.text(key)? else { return Ok(None) };
    match all.iter().find(|(_, name)| *name == text) {
        Some((value, _)) => Ok(Some(*value)),
        None => {
            let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
            Err(table.invalid(key, format!("must be one of {}", names.join(", "))))
        }
    }
}

/// Reads a key whose value is a URL, for files of our own.
pub(super) fn endpoint(table: &Table<'_>, key: &str) -> Result<Option<Endpoint>, DocumentError> {
    let parse = |text| Endpoint::parse(text).map_err(|why| table.invalid(key, why.to_string()));
    table.text(key)?.map(parse).transpose()
}

pub(super) fn secure_endpoint(
    table: &Table<'_>,
    key: &str,
    allowed: &PlainHosts,
) -> Result<Option<Endpoint>, ProfileError> {
    match table.text(key)?.map(|text| Endpoint::parse_with(text, allowed)) {
        Some(Err(why)) if why.is_insecure() => Err(ProfileError::InsecureEndpoint { key: key.to_owned(), why }),
        Some(Err(why)) => Err(table.invalid(key, why.to_string()).into()),
        Some(Ok(endpoint)) => Ok(Some(endpoint)),
        None => Ok(None),
    }
}

/// Reads the private hosts that plain http may go to.
pub(super) fn allow_http(table: &Table<'_>) -> Result<Option<PlainHosts>, ProfileError> {
    match table.texts("allow_http")?.map(PlainHosts::new) {
        Some(Err(PlainHostError::Public)) => Err(ProfileError::PublicHost),
        Some(Err(why)) => Err(table.invalid("allow_http", why.to_string()).into()),
        Some(Ok(hosts)) => Ok(Some(hosts)),
        None => Ok(None),
    }
}

/// Reads the headers for the token endpoint: each a plain value, or the place of one.
pub(super) fn headers(source: &Source<'_>, key: &str) -> Result<Option<Headers>, ProfileError> {
    let Some(headers) = source.table.table(key)? else { return Ok(None) };
    let sources: Vec<_> =
        headers.keys().map(|name| Ok((name, header(&headers, name)?))).collect::<Result<_, DocumentError>>()?;
    Ok(Headers::new(sources).map(Some).map_err(|why| source.table.invalid(key, why.to_string()))?)
}

fn header(headers: &Table<'_>, name: &str) -> Result<HeaderSource, DocumentError> {
    const FORMS: &str = "must have values that are texts, {file = PATH} or {env = NAME}";
    // A name may be a key that was written in the wrong place.
    let wrong = || headers.invalid_itself(FORMS);
    if let Ok(Some(value)) = headers.text(name) {
        return Ok(HeaderSource::Value(Secret::from(value)));
    }
    let place = headers.table(name).map_err(|_| wrong())?.ok_or_else(wrong)?;
    place.only(&["file", "env"]).map_err(|_| wrong())?;
    match (place.path("file").map_err(|_| wrong())?, place.text("env").map_err(|_| wrong())?) {
        (Some(path), None) => Ok(HeaderSource::File(path)),
        (None, Some(name)) if is_variable(name) => Ok(HeaderSource::Env(name.to_owned())),
        _ => Err(wrong()),
    }
}

/// Reads the hosts that a token may be handed to.
pub(super) fn hosts(source: &Source<'_>, key: &str) -> Result<Option<Hosts>, ProfileError> {
    let Some(entries) = source.table.entries(key)? else { return Ok(None) };
    let entry = |entry: TextOrTable<'_>| match entry {
        TextOrTable::Text(text) => {
            HostPattern::parse(text).map(HostEntry::bearer).map_err(|why| source.table.invalid(key, why.to_string()))
        }
        TextOrTable::Table(table) => host_entry(&table),
    };
    let entries: Vec<HostEntry> = entries.into_iter().map(entry).collect::<Result<_, DocumentError>>()?;
    Ok(Hosts::new(entries).map(Some).map_err(|why| source.table.invalid(key, why))?)
}

fn host_entry(table: &Table<'_>) -> Result<HostEntry, DocumentError> {
    table.only(&["host", "as", "username"])?;
    let host = table.text("host")?.ok_or_else(|| table.invalid("host", "is missing"))?;
    let pattern = HostPattern::parse(host).map_err(|why| table.invalid("host", why.to_string()))?;
    let scheme = choice(table, "as", &AuthScheme::ALL)?.unwrap_or_default();
    let username = table.text("username")?.unwrap_or(USERNAME);
    // A colon ends a user name (RFC 7617 s. 2), and a line end a line of a protocol.
    if username.is_empty() || username.contains(|symbol: char| symbol == ':' || symbol.is_control()) {
        return Err(table.invalid("username", "must be a text without colons and control characters"));
    }
    Ok(HostEntry { pattern, scheme, username: username.to_owned() })
}

/// Reads the place from which a secret is read at each use.
pub(crate) fn reference(table: &Table<'_>, key: &str) -> Result<Option<Reference>, DocumentError> {
    // A secret that was written instead of its place.
    if key == "secret" && matches!(table.text(key), Ok(Some(_))) {
        return Err(DocumentError::HoldsSecret { key: key.to_owned() });
    }
    let Some(secret) = table.table(key)? else { return Ok(None) };
    secret.only(&["file", "command", "env", "github_actions", "host"])?;
    if let Some(audience) = secret.text("github_actions")? {
        return github(&secret, audience).map(Some);
    }
    match (secret.path("file")?, secret.texts("command")?, secret.text("env")?) {
        (Some(path), None, None) => Ok(Some(Reference::File(path))),
        (None, None, Some(name)) if is_variable(name) => Ok(Some(Reference::Env(name.to_owned()))),
        (None, Some(words), None) => {
            let words = words.into_iter().map(str::to_owned).collect();
            Reference::command(words).map(Some).map_err(|why| secret.invalid("command", why))
        }
        _ => Err(table.invalid(
            key,
            "must be one of {file = PATH}, {env = NAME}, {command = [PROGRAM, ...]}, {github_actions = AUDIENCE}",
        )),
    }
}

fn github(secret: &Table<'_>, audience: &str) -> Result<Reference, DocumentError> {
    let others = ["file", "command", "env"];
    if audience.is_empty() || secret.keys().any(|key| others.contains(&key)) {
        return Err(secret.invalid("github_actions", "must be the audience of the token, and the only key beside host"));
    }
    Ok(Reference::GithubActions { audience: audience.to_owned(), host: owned(secret.text("host")?) })
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

pub(super) fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}
