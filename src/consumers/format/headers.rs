//! `header`, `bearer`, `headers`, `headers-list`: the Authorization header, in the shapes in which clients take it.

use super::json::quoted;
use crate::consumers::consumer::BAZEL;
use crate::consumers::handed::Handed;

/// One header line.
pub(super) fn line(handed: &Handed<'_>) -> String {
    format!("Authorization: {}\n", *handed.authorization())
}

/// The value of the header only, on one line.
pub(super) fn value(handed: &Handed<'_>) -> String {
    format!("{}\n", *handed.authorization())
}

/// A flat object of names and values.
pub(super) fn object(handed: &Handed<'_>) -> String {
    format!("{{\"Authorization\":{}}}\n", *quoted(&handed.authorization()))
}

/// A list of values for each name, and when they end: the credential helper specification of EngFlow.
pub(super) fn list(handed: &Handed<'_>) -> String {
    list_of(&handed.authorization(), handed)
}

/// The same for a server that takes the token in another way.
pub(in crate::consumers) fn list_of(authorization: &str, handed: &Handed<'_>) -> String {
    let headers = format!("{{\"headers\":{{\"Authorization\":[{}]}}", *quoted(authorization));
    match handed.reported_end(&BAZEL).to_utc() {
        Some(end) => format!("{headers},\"expires\":\"{end}\"}}\n"),
        None => format!("{headers}}}\n"),
    }
}
