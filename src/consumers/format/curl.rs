//! `curl`: a configuration that curl reads from stdin (`-K -`), so that the token stands in no argument.

use crate::consumers::handed::Handed;

/// Writes the option that sends a bearer token. Within quotes curl reads a backslash before a quote or a backslash.
pub(crate) fn configuration(handed: &Handed<'_>) -> String {
    format!("oauth2-bearer = \"{}\"\n", handed.token().expose().replace('\\', r"\\").replace('"', "\\\""))
}
