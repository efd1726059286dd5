//! How a token is written: one arm for each format.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::args::Format;
use crate::error::{Code, Error};
use crate::keeper::{Obtained, Source};
use crate::profile::Profile;
use crate::system::clock::{Moment, WallTime};
use crate::token::{Freshness, LifetimeFrom};

/// The variable that is exported if none is named.
pub(crate) const VARIABLE: &str = "ACCESS_TOKEN";

/// Writes a token.
pub(crate) fn written(
    format: Format,
    variable: &str,
    obtained: &Obtained,
    profile: &Profile,
    now: &Moment,
) -> Zeroizing<String> {
    let token = &obtained.token;
    Zeroizing::new(match format {
        Format::Token => format!("{}\n", token.expose()),
        // The proof of a DPoP token is a line of its own, made once the request is known.
        Format::Header | Format::Dpop => format!("Authorization: {} {}\n", token.token_type(), token.expose()),
        // Single quotes: within them a shell reads nothing but the closing one.
        Format::Env => format!("export {variable}='{}'\n", token.expose().replace('\'', r"'\''")),
        Format::Json => crate::encoding::escape::json(&format!("{}\n", json_of(obtained, profile, now))),
    })
}

/// Checks the name of a variable.
pub(crate) fn variable(name: &str) -> Result<&str, Error> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        Ok(name)
    } else {
        Err(Error::new(Code::Usage, "--env takes the name of a shell variable"))
    }
}

/// Makes the JSON of a token.
pub(crate) fn json_of(obtained: &Obtained, profile: &Profile, now: &Moment) -> Value {
    let token = &obtained.token;
    let validity = token.validity();
    let left = match validity.at(now) {
        Freshness::Fresh(left) => left.as_secs(),
        // A fresh token is never judged by the local clock.
        Freshness::Stale | Freshness::Unknown if obtained.source == Source::Issuer => validity.lifetime.as_secs(),
        Freshness::Stale | Freshness::Unknown => 0,
    };
    json!({
        "access_token": token.expose(),
        "token_type": token.token_type(),
        "expires_at": time(validity.expires_at()),
        "expires_in": left,
        // If the issuer names no scope, it granted the requested one (RFC 6749 s. 5.1).
        "scope": token.scope().map_or_else(|| profile.request.scope_text(), str::to_owned),
        "profile": profile.name.as_str(),
        "source": match obtained.source {
            Source::Cache => "cache",
            Source::Fleet => "fleet",
            Source::Issuer => "issuer",
        },
        "lifetime_assumed": validity.lifetime_from == LifetimeFrom::Assumed,
    })
}

/// Writes a time as UTC, in whole seconds, rounded down; `None` if no calendar reaches it.
pub(crate) fn time(wall: WallTime) -> Option<String> {
    let time = DateTime::from_timestamp(wall.seconds(), 0)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
