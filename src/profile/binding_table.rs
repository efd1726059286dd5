//! `[binding]` of a profile's file: what the stored secret was set for, key by key.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use toml_edit::{Table as EditTable, Value};

use super::file::{ProfileError, ProfileFile};
use super::reading::{allow_http, choice, owned, secure_endpoint};
use super::{AuthMethod, Binding, Generation, TokenBinding, writing};
use crate::encoding::hex;
use crate::encoding::toml::{DocumentError, Table};
use crate::system::secret::SecretDigest;

/// A key of `[binding]`.
struct Bound {
    name: &'static str,
    /// The key of the profile that it pins, and whether a second binding has something else for it.
    pins: Option<(&'static str, Differs)>,
    write: fn(&Binding, &ProfileFile) -> Option<Value>,
}

/// Whether the second binding is not what the first one pins.
type Differs = fn(&Binding, &Binding) -> bool;

macro_rules! pin {
    ($key:literal, $field:ident) => {
        Some(($key, |one, other| one.$field != other.$field))
    };
}

/// Every key, in the order in which they are written.
static BOUND: [Bound; 14] = [
    Bound { name: "generation", pins: None, write: |binding, _| Some(binding.generation.to_string().into()) },
    Bound { name: "token_url", pins: pin!("token_url", token_url), write: |it, _| Some(it.token_url.as_str().into()) },
    Bound { name: "issuer", pins: pin!("issuer", issuer), write: |it, _| it.issuer.as_ref().map(writing::text) },
    Bound { name: "client_id", pins: pin!("client_id", client_id), write: |it, _| Some(writing::text(&it.client_id)) },
    Bound { name: "auth", pins: pin!("auth", auth), write: |it, _| Some(it.auth.name().into()) },
    Bound {
        name: "introspection_url",
        pins: pin!("introspection_url", introspection_url),
        write: |it, _| it.introspection_url.as_ref().map(writing::url),
    },
    Bound {
        name: "revocation_url",
        pins: pin!("revocation_url", revocation_url),
        write: |it, _| it.revocation_url.as_ref().map(writing::url),
    },
    Bound {
        name: "probe_url",
        pins: pin!("probe_url", probe_url),
        write: |it, _| it.probe_url.as_ref().map(writing::url),
    },
    Bound {
        name: "assertion_audience",
        pins: pin!("assertion_audience", assertion_audience),
        write: |it, _| it.assertion_audience.as_ref().map(writing::text),
    },
    Bound {
        name: "ca_digest",
        pins: pin!("ca_file", ca_digest),
        write: |it, _| it.ca_digest.map(|digest| hex::encode(&digest).into()),
    },
    Bound {
        name: "set_at",
        pins: None,
        write: |_, file| file.set_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true).into()),
    },
    Bound {
        name: "allow_http",
        pins: pin!("allow_http", allow_http),
        write: |it, _| Some(&it.allow_http).filter(|hosts| !hosts.is_empty()).map(writing::hosts),
    },
    Bound {
        name: "headers_digest",
        pins: pin!("headers", headers_digest),
        write: |it, _| it.headers_digest.as_ref().map(|digest| hex::encode(digest.as_bytes()).into()),
    },
    Bound {
        name: "dpop",
        // One way: tokens that need proofs are never less than what the secret was set for.
        pins: Some(("dpop", |one, other| {
            one.token_binding == TokenBinding::Dpop && other.token_binding == TokenBinding::Bearer
        })),
        write: |it, _| (it.token_binding == TokenBinding::Dpop).then_some(Value::from(true)),
    },
];

impl Binding {
    /// Names the first place in which `other` differs, apart from the generation.
    pub(crate) fn differs_in(&self, other: &Binding) -> Option<&'static str> {
        BOUND.iter().filter_map(|bound| bound.pins).find(|(_, differs)| differs(self, other)).map(|(key, _)| key)
    }
}

/// Returns whether a stored secret is bound to a key of the profile.
#[cfg(test)]
pub(super) fn pins(key: &str) -> bool {
    BOUND.iter().filter_map(|bound| bound.pins).any(|(pinned, _)| pinned == key)
}

/// Reads the table.
pub(super) fn read(table: &Table<'_>) -> Result<Binding, ProfileError> {
    table.only(&BOUND.each_ref().map(|bound| bound.name))?;
    let allow_http = allow_http(table)?.unwrap_or_default();
    let url = |key: &str| secure_endpoint(table, key, &allow_http);
    let damaged = |key: &str| table.damaged(key);
    Ok(Binding {
        generation: table.text("generation")?.and_then(Generation::parse).ok_or_else(|| damaged("generation"))?,
        token_url: url("token_url")?.ok_or_else(|| damaged("token_url"))?,
        issuer: owned(table.text("issuer")?),
        client_id: match table.text("client_id")? {
            Some("") => return Err(table.invalid("client_id", "must not be empty").into()),
            client_id => owned(client_id).ok_or_else(|| damaged("client_id"))?,
        },
        auth: choice(table, "auth", &AuthMethod::ALL)?.ok_or_else(|| damaged("auth"))?,
        introspection_url: url("introspection_url")?,
        revocation_url: url("revocation_url")?,
        probe_url: url("probe_url")?,
        assertion_audience: owned(table.text("assertion_audience")?),
        token_binding: if table.flag("dpop")? == Some(true) { TokenBinding::Dpop } else { TokenBinding::Bearer },
        ca_digest: digest(table, "ca_digest")?,
        headers_digest: digest(table, "headers_digest")?.map(SecretDigest),
        allow_http,
    })
}

fn digest(table: &Table<'_>, key: &str) -> Result<Option<[u8; 32]>, DocumentError> {
    let read = |text| hex::decode(text).ok_or_else(|| table.damaged(key));
    table.text(key)?.map(read).transpose()
}

/// Reads when the stored secret was set.
pub(super) fn set_at(table: &Table<'_>) -> Result<Option<DateTime<Utc>>, DocumentError> {
    let parse = |text| DateTime::parse_from_rfc3339(text).map_err(|_| table.invalid("set_at", "must be a time"));
    Ok(table.text("set_at")?.map(parse).transpose()?.map(|time| time.to_utc()))
}

/// Writes the table of a file that has a binding.
pub(super) fn write(binding: &Binding, file: &ProfileFile) -> EditTable {
    let mut table = EditTable::new();
    let mut comment = "\n# Written by tokenkeep alone: what the stored secret was set for.\n".to_owned();
    // A comment, because it decides nothing, and an earlier version can still read the file.
    if let Some(directory) =
        file.kept_in.as_deref().and_then(Path::to_str).filter(|text| !text.contains(char::is_control))
    {
        comment.push_str(&format!("{KEPT_IN}{directory}\n"));
    }
    table.decor_mut().set_prefix(comment);
    for bound in &BOUND {
        if let Some(value) = (bound.write)(binding, file) {
            table.insert(bound.name, toml_edit::value(value));
        }
    }
    table
}

/// The text before the data directory that keeps the stored secret.
const KEPT_IN: &str = "# It is kept in the data directory ";

/// Reads which data directory keeps the stored secret; `None` if the file does not name it.
pub(super) fn kept_in(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix(KEPT_IN)).map(PathBuf::from)?;
    path.is_absolute().then_some(path)
}
