//! `[binding]` of a profile's file: what the stored secret was set for, key by key.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::file::ProfileError;
#[cfg(any(test, feature = "cli"))]
use super::file::ProfileFile;
use super::reading::{allow_http, choice, owned, secure_endpoint};
use super::{AuthMethod, Binding, Generation, TokenBinding};
use crate::encoding::hex;
use crate::encoding::toml::{DocumentError, Table};
use crate::system::secret::SecretDigest;

/// A key of `[binding]`.
struct Bound {
    name: &'static str,
    /// The key of the profile that it pins, and whether a second binding has something else for it.
    pins: Option<(&'static str, Differs)>,
    #[cfg(any(test, feature = "cli"))]
    write: fn(&Binding, &ProfileFile) -> Option<toml_edit::Value>,
}

/// Whether the second binding is not what the first one pins.
type Differs = fn(&Binding, &Binding) -> bool;

macro_rules! pin {
    ($key:literal, $field:ident) => {
        Some(($key, |one, other| one.$field != other.$field))
    };
}

/// Makes the row of a key.
macro_rules! bound {
    ($name:literal, $pins:expr, $write:expr) => {
        Bound {
            name: $name,
            pins: $pins,
            #[cfg(any(test, feature = "cli"))]
            write: $write,
        }
    };
}

/// Every key, in the order in which they are written.
#[rustfmt::skip]
static BOUND: [Bound; 14] = [
    bound!("generation", None, |binding, _| Some(binding.generation.to_string().into())),
    bound!("token_url", pin!("token_url", token_url), |it, _| Some(it.token_url.as_str().into())),
    bound!("issuer", pin!("issuer", issuer), |it, _| it.issuer.as_ref().map(super::writing::text)),
    bound!("client_id", pin!("client_id", client_id), |it, _| Some(super::writing::text(&it.client_id))),
    bound!("auth", pin!("auth", auth), |it, _| Some(it.auth.name().into())),
    bound!("introspection_url", pin!("introspection_url", introspection_url), |it, _| it.introspection_url.as_ref().map(super::writing::url)),
    bound!("revocation_url", pin!("revocation_url", revocation_url), |it, _| it.revocation_url.as_ref().map(super::writing::url)),
    bound!("probe_url", pin!("probe_url", probe_url), |it, _| it.probe_url.as_ref().map(super::writing::url)),
    bound!("assertion_audience", pin!("assertion_audience", assertion_audience), |it, _| it.assertion_audience.as_ref().map(super::writing::text)),
    bound!("ca_digest", pin!("ca_file", ca_digest), |it, _| it.ca_digest.map(|digest| hex::encode(&digest).into())),
    bound!("set_at", None, |_, file| file.set_at.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true).into())),
    bound!("allow_http", pin!("allow_http", allow_http), |it, _| Some(&it.allow_http).filter(|hosts| !hosts.is_empty()).map(super::writing::hosts)),
    bound!("headers_digest", pin!("headers", headers_digest), |it, _| it.headers_digest.as_ref().map(|digest| hex::encode(digest.as_bytes()).into())),
    // One way: tokens that need proofs are never less than what the secret was set for.
    bound!("dpop", Some(("dpop", |one, other| {
        one.token_binding == TokenBinding::Dpop && other.token_binding == TokenBinding::Bearer
    })), |it, _| (it.token_binding == TokenBinding::Dpop).then_some(true.into())),
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
#[cfg(any(test, feature = "cli"))]
pub(super) fn write(binding: &Binding, file: &ProfileFile) -> toml_edit::Table {
    let mut table = toml_edit::Table::new();
    let mut comment = "\n# Only tokenkeep writes this table: what the stored secret was set for.\n".to_owned();
    // A comment, because it decides nothing, and an earlier version can still read the file.
    if let Some(directory) =
        file.kept_in.as_deref().and_then(std::path::Path::to_str).filter(|text| !text.contains(char::is_control))
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
