//! Writing the values of a profile's file, as they are read.

use std::path::PathBuf;
use std::time::Duration;

use toml_edit::{Array, Formatted, InlineTable, Value};

use super::auth::name_in;
use super::file::ProfileFile;
use super::hosts::USERNAME;
use super::{AuthScheme, Endpoint, HeaderSource, Headers, HostEntry, Hosts, PlainHosts, Reference};
use crate::encoding::duration;

/// How a key is changed in a file. The front only reads.
pub(super) struct Edit {
    pub(super) write: fn(&ProfileFile) -> Option<toml_edit::Item>,
    pub(super) differs: fn(&ProfileFile, &ProfileFile) -> bool,
    /// Takes it from the second file, if the first one lacks it and the key is merged by itself.
    pub(super) take_missing: fn(&mut ProfileFile, &mut ProfileFile),
}

#[expect(clippy::ptr_arg, reason = "a row of the table hands over what an option holds")]
pub(super) fn text(text: &String) -> Value {
    Value::from(text.as_str())
}

pub(super) fn url(url: &Endpoint) -> Value {
    Value::from(url.as_str())
}

#[expect(clippy::ptr_arg, reason = "a row of the table hands over what an option holds")]
pub(super) fn path(path: &PathBuf) -> Value {
    Value::from(path.to_string_lossy().as_ref())
}

pub(super) fn flag(flag: &bool) -> Value {
    Value::from(*flag)
}

pub(super) fn seconds(seconds: &Duration) -> Value {
    Value::from(duration::write(*seconds))
}

pub(super) fn hosts(hosts: &PlainHosts) -> Value {
    array(hosts.iter())
}

/// Writes the hosts that a token may be handed to.
pub(super) fn host_entries(hosts: &Hosts) -> Value {
    let entry = |entry: &HostEntry| {
        let HostEntry { pattern, scheme, username } = entry;
        if *scheme == AuthScheme::default() && username == USERNAME {
            return Value::from(pattern.as_str());
        }
        let scheme = (*scheme != AuthScheme::default()).then(|| ("as", name_in(&AuthScheme::ALL, *scheme)));
        let username = (username != USERNAME).then_some(("username", username.as_str()));
        [("host", pattern.as_str())].into_iter().chain(scheme).chain(username).collect::<InlineTable>().into()
    };
    Value::Array(hosts.iter().map(entry).collect::<Array>())
}

/// Writes one of the words of a type.
pub(super) fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], value: T) -> Value {
    Value::from(name_in(words, value))
}

/// Writes a list of texts, unless it is empty.
pub(super) fn listed<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> Option<Value> {
    (items.len() > 0).then(|| array(items))
}

/// Writes a table of texts, unless it is empty.
pub(super) fn paired<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Option<Value> {
    (pairs.len() > 0).then(|| self::pairs(pairs))
}

/// Writes a list of texts.
pub(super) fn array<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(items.map(|item| Value::String(Formatted::new(item.to_owned()))).collect::<Array>())
}

/// Writes a table of texts.
pub(super) fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    pairs.collect::<InlineTable>().into()
}

pub(super) fn headers(headers: &Headers) -> Value {
    let source = |source: &HeaderSource| match source {
        // Plain values are text: they were checked.
        HeaderSource::Value(value) => Value::from(value.expose_text().unwrap_or_default()),
        HeaderSource::File(file) => InlineTable::from_iter([("file", path(file))]).into(),
        HeaderSource::Env(name) => InlineTable::from_iter([("env", Value::from(name.as_str()))]).into(),
    };
    headers.iter().map(|(name, of)| (name, source(of))).collect::<InlineTable>().into()
}

pub(super) fn reference(reference: &Reference) -> Value {
    let (kind, value) = match reference {
        Reference::File(file) => ("file", path(file)),
        Reference::Env(name) => ("env", text(name)),
        Reference::Command(words) => ("command", array(words.iter().map(String::as_str))),
        Reference::GithubActions { audience, .. } => ("github_actions", text(audience)),
    };
    let host = match reference {
        Reference::GithubActions { host: Some(host), .. } => Some(("host", text(host))),
        _ => None,
    };
    InlineTable::from_iter([(kind, value)].into_iter().chain(host)).into()
}
