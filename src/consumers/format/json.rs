//! `json`: what is known of a token, for scripts.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::consumers::handed::Handed;
use crate::keeper::Source;
use crate::token::LifetimeFrom;

/// Makes the JSON of a token.
pub(super) fn object(handed: &Handed<'_>) -> Value {
    let (token, profile) = (handed.token(), handed.profile);
    let validity = token.validity();
    json!({
        "access_token": token.expose(),
        "token_type": token.token_type(),
        "expires_at": validity.expires_at().to_utc(),
        "expires_in": handed.left().as_secs(),
        // If the issuer names no scope, it granted the requested one (RFC 6749 s. 5.1).
        "scope": token.scope().map_or_else(|| profile.request.scope_text(), str::to_owned),
        "profile": profile.name.as_str(),
        "source": match handed.obtained.source {
            Source::Cache => "cache",
            Source::Fleet => "fleet",
            Source::Issuer => "issuer",
        },
        "lifetime_assumed": validity.lifetime_from == LifetimeFrom::Assumed,
    })
}

/// Writes a text as a JSON string, quotes included.
pub(in crate::consumers) fn quoted(text: &str) -> Zeroizing<String> {
    // A string is always representable.
    Zeroizing::new(serde_json::to_string(text).unwrap_or_default())
}
