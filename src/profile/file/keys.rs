//! Reading the keys of a profile's file, each as what it means.

use chrono::{DateTime, Utc};

use super::ProfileError;
use crate::encoding::hex;
use crate::encoding::toml::{DocumentError, Table};
use crate::profile::gap::gap;
use crate::profile::{
    AuthMethod, Binding, Endpoint, EndpointError, Generation, HeaderSource, Headers, PlainHostError, PlainHosts,
    Reference, Request, TokenBinding, preset,
};
use crate::system::secret::Secret;
use crate::system::secret::SecretDigest;

pub(super) fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// Reads a key whose value is a URL, for files of our own.
pub(in crate::profile) fn endpoint(table: &Table<'_>, key: &str) -> Result<Option<Endpoint>, DocumentError> {
    let parse = |text| Endpoint::parse(text).map_err(|why| table.invalid(key, why.to_string()));
    table.text(key)?.map(parse).transpose()
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
pub(super) fn headers(table: &Table<'_>) -> Result<Option<Headers>, DocumentError> {
    let Some(headers) = table.table("headers")? else { return Ok(None) };
    let sources: Vec<_> =
        headers.keys().map(|name| Ok((name, header(&headers, name)?))).collect::<Result<_, DocumentError>>()?;
    Headers::new(sources).map(Some).map_err(|why| table.invalid("headers", why.to_string()))
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
        (None, Some(name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(HeaderSource::Env(name.to_owned())),
        _ => Err(wrong()),
    }
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

/// Reads an issuer identifier: a text of the issuer's own, but never a template.
pub(super) fn issuer(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    let issuer = table.text("issuer")?;
    match issuer.and_then(gap) {
        Some(gap) => Err(table.invalid("issuer", EndpointError::Gap(gap).to_string())),
        None => Ok(owned(issuer)),
    }
}

pub(in crate::profile) fn auth(table: &Table<'_>) -> Result<Option<AuthMethod>, DocumentError> {
    choice(table, "auth", &AuthMethod::ALL)
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

pub(super) fn provider(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    match table.text("provider")? {
        Some(provider) if preset::find(provider).is_none() => {
            Err(table.invalid("provider", format!("must be one of {}", preset::names().join(", "))))
        }
        provider => Ok(owned(provider)),
    }
}

pub(super) fn client_id(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    match table.text("client_id")? {
        Some("") => Err(table.invalid("client_id", "must not be empty")),
        client_id => Ok(owned(client_id)),
    }
}

pub(super) fn request(table: &Table<'_>) -> Result<Request, DocumentError> {
    let mut request = Request::default();
    if let Some(scopes) = table.texts("scopes")? {
        request = request.with_scopes(scopes).map_err(|why| table.invalid("scopes", why.to_string()))?;
    }
    if let Some(audience) = table.text("audience")? {
        request = request.with_audience(audience).map_err(|why| table.invalid("audience", why.to_string()))?;
    }
    if let Some(resources) = table.texts("resources")? {
        request = request.with_resources(resources).map_err(|why| table.invalid("resources", why.to_string()))?;
    }
    if let Some(params) = table.pairs("params")? {
        request = request.with_params(params).map_err(|why| table.invalid("params", why.to_string()))?;
    }
    Ok(request)
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
        (None, None, Some(name)) if !name.is_empty() && !name.contains(['=', '\0']) => {
            Ok(Some(Reference::Env(name.to_owned())))
        }
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

/// Reads what stands in place of the secret when hosts distinguish their shared tokens.
pub(super) fn fleet_epoch(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    match table.text("fleet_epoch")? {
        Some(text) if text.is_empty() || text.len() > 256 => {
            Err(table.invalid("fleet_epoch", "must have 1 to 256 bytes"))
        }
        epoch => Ok(owned(epoch)),
    }
}

fn github(secret: &Table<'_>, audience: &str) -> Result<Reference, DocumentError> {
    let others = ["file", "command", "env"];
    if audience.is_empty() || secret.keys().any(|key| others.contains(&key)) {
        return Err(secret.invalid("github_actions", "must be the audience of the token, and stand alone"));
    }
    Ok(Reference::GithubActions { audience: audience.to_owned(), host: owned(secret.text("host")?) })
}

pub(super) fn binding(table: &Table<'_>) -> Result<Binding, ProfileError> {
    table.only(&[
        "generation",
        "token_url",
        "issuer",
        "client_id",
        "auth",
        "introspection_url",
        "revocation_url",
        "probe_url",
        "assertion_audience",
        "dpop",
        "ca_digest",
        "allow_http",
        "headers_digest",
        "set_at",
    ])?;
    let allow_http = allow_http(table)?.unwrap_or_default();
    let damaged = |key: &str| table.damaged(key);
    Ok(Binding {
        generation: table.text("generation")?.and_then(Generation::parse).ok_or_else(|| damaged("generation"))?,
        token_url: secure_endpoint(table, "token_url", &allow_http)?.ok_or_else(|| damaged("token_url"))?,
        issuer: owned(table.text("issuer")?),
        client_id: client_id(table)?.ok_or_else(|| damaged("client_id"))?,
        auth: auth(table)?.ok_or_else(|| damaged("auth"))?,
        introspection_url: secure_endpoint(table, "introspection_url", &allow_http)?,
        revocation_url: secure_endpoint(table, "revocation_url", &allow_http)?,
        probe_url: secure_endpoint(table, "probe_url", &allow_http)?,
        assertion_audience: owned(table.text("assertion_audience")?),
        token_binding: if table.flag("dpop")? == Some(true) { TokenBinding::Dpop } else { TokenBinding::Bearer },
        ca_digest: match table.text("ca_digest")? {
            None => None,
            Some(text) => Some(hex::decode(text).ok_or_else(|| damaged("ca_digest"))?),
        },
        allow_http,
        headers_digest: match table.text("headers_digest")? {
            None => None,
            Some(text) => Some(SecretDigest(hex::decode(text).ok_or_else(|| damaged("headers_digest"))?)),
        },
    })
}

pub(super) fn set_at(table: &Table<'_>) -> Result<Option<DateTime<Utc>>, DocumentError> {
    let parse = |text| DateTime::parse_from_rfc3339(text).map_err(|_| table.invalid("set_at", "must be a time"));
    Ok(table.text("set_at")?.map(parse).transpose()?.map(|time| time.to_utc()))
}
