//! The values that `credentials show` prints. No secret and no value of a header is among them.

use std::path::Path;

use super::{Endpoint, HeaderSource, Headers, Hosts, PlainHosts, Request};
use crate::system::files::EscapedPath;

pub(super) fn url(endpoint: &Option<Endpoint>) -> Option<String> {
    endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned())
}

pub(super) fn path(path: &Path) -> String {
    EscapedPath(path).to_string()
}

pub(super) fn hosts(hosts: &PlainHosts) -> Option<String> {
    words(hosts.iter())
}

/// Names the hosts that a token may be handed to.
pub(super) fn host_entries(hosts: &Hosts) -> Option<String> {
    words(hosts.iter().map(|entry| entry.pattern.as_str()))
}

/// Joins words with blanks; `None` if there is none.
pub(super) fn words<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    Some(words.collect::<Vec<_>>().join(" ")).filter(|words| !words.is_empty())
}

pub(super) fn params(request: &Request) -> Option<String> {
    let params: Vec<_> = request.params().map(|(name, value)| format!("{name}={value}")).collect();
    words(params.iter().map(String::as_str))
}

/// Names the headers for the token endpoint, each with the place of its value.
pub(super) fn headers(headers: &Headers) -> Option<String> {
    let source = |source: &HeaderSource| match source {
        HeaderSource::File(file) => format!("file {}", path(file)),
        HeaderSource::Env(name) => format!("environment variable {}", path(Path::new(name))),
        HeaderSource::Value(_) => "(hidden)".to_owned(),
    };
    let shown: Vec<_> = headers.iter().map(|(name, of)| format!("{name}: {}", source(of))).collect();
    Some(shown.join(", ")).filter(|headers| !headers.is_empty())
}
