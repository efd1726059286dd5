//! Writing a profile's file: what people wrote around it stays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::SecondsFormat;
use toml_edit::{Array, DocumentMut, Formatted, InlineTable, Item, Table as EditTable, Value};

use super::keys::owned;
use super::{ProfileError, ProfileFile};
use crate::encoding::duration;
use crate::encoding::hex;
use crate::encoding::toml::DocumentError;
use crate::profile::auth::name_in;
use crate::profile::{
    AssertionAudience, AssertionTyp, Binding, Endpoint, HeaderSource, Headers, PlainHosts, Reference, Repeats, Request,
    TokenBinding,
};

impl ProfileFile {
    /// Writes the file: keys that did not change keep their place, form and comments.
    ///
    /// # Errors
    /// When `present` is not a profile.
    pub(crate) fn render(&self, present: Option<Vec<u8>>) -> Result<String, ProfileError> {
        let (old, mut document) = match present {
            None => (ProfileFile::default(), DocumentMut::new()),
            Some(bytes) => {
                let text = String::from_utf8(bytes.clone()).map_err(|_| DocumentError::NotText)?;
                let document = text.parse().map_err(|_| DocumentError::Syntax { line: 1 })?;
                (ProfileFile::parse(bytes)?, document)
            }
        };
        let table = document.as_table_mut();
        let text = |text: &String| Value::from(text.as_str());
        let url = |url: &Endpoint| Value::from(url.as_str());
        let seconds = |duration: &Duration| Value::from(duration::write(*duration));
        let file = |path: &PathBuf| Value::from(path.to_string_lossy().as_ref());
        set(table, "provider", &old.provider, &self.provider, text);
        set(table, "client_id", &old.client_id, &self.client_id, text);
        set(table, "token_url", &old.token_url, &self.token_url, url);
        set(table, "issuer", &old.issuer, &self.issuer, text);
        set(table, "allow_http", &hosts(&old.allow_http), &hosts(&self.allow_http), array);
        set(table, "headers", &old.headers, &self.headers, headers);
        set(table, "auth", &old.auth, &self.auth, |auth| auth.name().into());
        set(table, "scopes", &list(old.request.scopes()), &list(self.request.scopes()), array);
        set(table, "audience", &owned(old.request.audience()), &owned(self.request.audience()), text);
        set(table, "resources", &list(old.request.resources()), &list(self.request.resources()), array);
        set(table, "params", &pairs(&old.request), &pairs(&self.request), |params| {
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<InlineTable>().into()
        });
        set(table, "basic_encoding", &old.basic_encoding, &self.basic_encoding, |encoding| encoding.name().into());
        set(table, "assertion_audience", &old.assertion_audience, &self.assertion_audience, |audience| {
            name_in(&AssertionAudience::ALL, *audience).into()
        });
        set(table, "assertion_typ", &old.assertion_typ, &self.assertion_typ, |typ| {
            name_in(&AssertionTyp::ALL, *typ).into()
        });
        set(table, "assertion_algorithm", &old.assertion_algorithm, &self.assertion_algorithm, |algorithm| {
            algorithm.name().into()
        });
        set(table, "assertion_key_id", &old.assertion_key_id, &self.assertion_key_id, text);
        set(table, "certificate_file", &old.certificate_file, &self.certificate_file, file);
        set(table, "dpop", &old.dpop, &self.dpop, |dpop| (*dpop).into());
        set(table, "token_type", &old.token_type, &self.token_type, |of| of.name().into());
        set(table, "repeats", &old.repeats, &self.repeats, |repeats| name_in(&Repeats::ALL, *repeats).into());
        set(table, "default_lifetime", &old.default_lifetime, &self.default_lifetime, seconds);
        set(table, "min_ttl", &old.min_ttl, &self.min_ttl, seconds);
        set(table, "ca_file", &old.ca_file, &self.ca_file, file);
        set(table, "probe_url", &old.probe_url, &self.probe_url, url);
        set(table, "introspection_url", &old.introspection_url, &self.introspection_url, url);
        set(table, "revocation_url", &old.revocation_url, &self.revocation_url, url);
        set(table, "jwks_url", &old.jwks_url, &self.jwks_url, url);
        set(table, "secret", &old.secret, &self.secret, |reference| {
            let (kind, value) = match reference {
                Reference::File(path) => ("file", Value::from(path.to_string_lossy().as_ref())),
                Reference::Env(name) => ("env", Value::from(name.as_str())),
                Reference::Command(words) => ("command", array(words)),
                Reference::GithubActions { audience, .. } => ("github_actions", Value::from(audience.as_str())),
            };
            let host = match reference {
                Reference::GithubActions { host: Some(host), .. } => Some(("host", Value::from(host.as_str()))),
                _ => None,
            };
            InlineTable::from_iter([(kind, value)].into_iter().chain(host)).into()
        });
        set(table, "fleet_epoch", &old.fleet_epoch, &self.fleet_epoch, text);
        if old.binding != self.binding {
            match &self.binding {
                None => drop(table.remove("binding")),
                Some(binding) => drop(table.insert("binding", Item::Table(binding_table(binding, self)))),
            }
        }
        Ok(document.to_string())
    }
}

fn set<T: PartialEq>(
    table: &mut EditTable,
    key: &str,
    old: &Option<T>,
    new: &Option<T>,
    value: impl FnOnce(&T) -> Value,
) {
    match new {
        _ if old == new => {}
        None => drop(table.remove(key)),
        Some(new) => match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(present) => {
                let decor = present.decor().clone();
                *present = value(new);
                *present.decor_mut() = decor;
            }
            None => drop(table.insert(key, Item::Value(value(new)))),
        },
    }
}

fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> Option<Vec<String>> {
    (items.len() > 0).then(|| items.map(str::to_owned).collect())
}

fn hosts(hosts: &Option<PlainHosts>) -> Option<Vec<String>> {
    hosts.as_ref().map(|hosts| hosts.iter().map(str::to_owned).collect())
}

fn pairs(request: &Request) -> Option<Vec<(String, String)>> {
    let params = request.params();
    (params.len() > 0).then(|| params.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn headers(headers: &Headers) -> Value {
    let source = |source: &HeaderSource| match source {
        // Plain values are text: they were checked.
        HeaderSource::Value(value) => Value::from(value.expose_text().unwrap_or_default()),
        HeaderSource::File(path) => {
            InlineTable::from_iter([("file", Value::from(path.to_string_lossy().as_ref()))]).into()
        }
        HeaderSource::Env(name) => InlineTable::from_iter([("env", Value::from(name.as_str()))]).into(),
    };
    headers.iter().map(|(name, of)| (name, source(of))).collect::<InlineTable>().into()
}

#[expect(clippy::ptr_arg, reason = "`set` hands over what an option holds")]
fn array(items: &Vec<String>) -> Value {
    Value::Array(items.iter().map(|item| Value::String(Formatted::new(item.clone()))).collect::<Array>())
}

/// The text before the data directory that keeps the stored secret.
const KEPT_IN: &str = "# It is kept in the data directory ";

/// Reads which data directory keeps the stored secret; `None` if the file does not name it.
pub(super) fn kept_in(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix(KEPT_IN)).map(PathBuf::from)?;
    path.is_absolute().then_some(path)
}

fn binding_table(binding: &Binding, file: &ProfileFile) -> EditTable {
    let mut table = EditTable::new();
    let mut comment = "\n# Written by tokenkeep alone: what the stored secret was set for.\n".to_owned();
    // A comment, because it decides nothing, and an earlier version can still read the file.
    if let Some(directory) =
        file.kept_in.as_deref().and_then(Path::to_str).filter(|text| !text.contains(char::is_control))
    {
        comment.push_str(&format!("{KEPT_IN}{directory}\n"));
    }
    table.decor_mut().set_prefix(comment);
    let mut text = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            table.insert(key, toml_edit::value(value));
        }
    };
    text("generation", Some(&binding.generation.to_string()));
    text("token_url", Some(binding.token_url.as_str()));
    text("issuer", binding.issuer.as_deref());
    text("client_id", Some(&binding.client_id));
    text("auth", Some(binding.auth.name()));
    text("introspection_url", binding.introspection_url.as_ref().map(Endpoint::as_str));
    text("revocation_url", binding.revocation_url.as_ref().map(Endpoint::as_str));
    text("probe_url", binding.probe_url.as_ref().map(Endpoint::as_str));
    text("assertion_audience", binding.assertion_audience.as_deref());
    let digest = binding.ca_digest.map(|digest| hex::encode(&digest));
    text("ca_digest", digest.as_deref());
    let set_at = file.set_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    text("set_at", set_at.as_deref());
    if !binding.allow_http.is_empty() {
        let hosts = binding.allow_http.iter().map(str::to_owned).collect();
        table.insert("allow_http", toml_edit::value(array(&hosts)));
    }
    if let Some(digest) = &binding.headers_digest {
        table.insert("headers_digest", toml_edit::value(hex::encode(digest.as_bytes())));
    }
    if binding.token_binding == TokenBinding::Dpop {
        table.insert("dpop", toml_edit::value(true));
    }
    table
}
