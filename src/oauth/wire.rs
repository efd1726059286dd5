//! Bytes <-> types, without a network: what an issuer's answer means (RFC 6749 s. 5).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::IssuerError;
use super::echo::{repeats, shown};
use crate::profile::TokenBinding;
use crate::secret::Secret;
use crate::token::LONGEST_LIFETIME;

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The token's value; visible ASCII.
    pub value: Secret,
    /// `Bearer`, or the type as the issuer wrote it.
    pub token_type: String,
    /// The lifetime, where the issuer named a usable one.
    pub lifetime: Option<Duration>,
    /// The scope that was granted, where the issuer said so.
    pub scope: Option<String>,
}

/// What an error body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorBody {
    pub(super) error: String,
    pub(super) description: Option<String>,
}

/// Reads an answer with a 2xx status. `secrets` are masked in whatever is shown of it.
///
/// # Errors
/// When there is no token in it, or one of another kind than `binding`: a token that is good for whoever holds it, in
/// answer to a proof of possession, is a downgrade (RFC 9449 s. 5).
pub(super) fn granted(
    status: u16,
    body: &[u8],
    secrets: &[&Secret],
    binding: TokenBinding,
) -> Result<Granted, IssuerError> {
    let malformed = |why| IssuerError::Malformed { status: Some(status), why };
    let answer = Answer::parse(body).ok_or(malformed("it is not a JSON object"))?;
    // Some issuers report errors with 200.
    if let Some(error) = answer.error_body(secrets) {
        return Err(refused(status, error, None));
    }
    let value = answer.access_token.text().ok_or(malformed("it has no access_token"))?;
    if value.is_empty() {
        return Err(malformed("its access_token is empty"));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IssuerError::Token);
    }
    let token_type = answer.token_type.text().filter(|text| !text.is_empty());
    let token_type = token_type.ok_or(malformed("it has no token_type"))?;
    // Anything else than what was asked for would be used wrongly by whoever gets it printed.
    let token_type = match binding {
        TokenBinding::Bearer if token_type.eq_ignore_ascii_case("bearer") => "Bearer",
        TokenBinding::Dpop if token_type.eq_ignore_ascii_case("dpop") => "DPoP",
        TokenBinding::Dpop if token_type.eq_ignore_ascii_case("bearer") => return Err(IssuerError::Downgrade),
        TokenBinding::Bearer => return Err(malformed("its token_type is not Bearer")),
        TokenBinding::Dpop => return Err(malformed("its token_type is not DPoP")),
    };
    let value = Secret::from(value.as_str());
    // The scope is reported and kept in clear: one that repeats a secret, or the token itself, is not given.
    let repeats_any = |scope: &String| secrets.iter().copied().chain([&value]).any(|secret| repeats(scope, secret));
    let scope = answer.scope.scope().filter(|scope| !repeats_any(scope));
    Ok(Granted {
        value,
        token_type: token_type.to_owned(),
        lifetime: answer.expires_in.0.and_then(|raw| lifetime(raw.get())),
        scope,
    })
}

/// Reads a JSON object. A derived reader alone would take an array for one, its items for the members in their order.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    if body.first() == Some(&b'{') { serde_json::from_slice(body).ok() } else { None }
}

/// Makes an error of an answer whose status is no success.
pub(super) fn failed(status: u16, body: &[u8], retry_after: Option<Duration>, secrets: &[&Secret]) -> IssuerError {
    let error = Answer::parse(body).and_then(|answer| answer.error_body(secrets));
    match (status, error) {
        (429, _) => IssuerError::RateLimited { status, retry_after },
        (408 | 500..=599, _) => IssuerError::Server { status, retry_after },
        (_, Some(error)) => refused(status, error, retry_after),
        // RFC 6749 s. 5.2 has one meaning for 401; proxies put HTML into it.
        (401, None) => refused(status, ErrorBody { error: "invalid_client".to_owned(), description: None }, None),
        (403, None) => refused(status, ErrorBody { error: "access_denied".to_owned(), description: None }, None),
        (_, None) => {
            IssuerError::Malformed { status: Some(status), why: "its status is no success and it names no error" }
        }
    }
}

fn refused(status: u16, body: ErrorBody, retry_after: Option<Duration>) -> IssuerError {
    match body.error.as_str() {
        "temporarily_unavailable" | "server_error" => IssuerError::Server { status, retry_after },
        _ => IssuerError::Refused { status, error: body.error, description: body.description },
    }
}

/// Reads `expires_in`: a number or a numeric string, floored and capped; `None` for everything
/// else, which then has the profile's default.
fn lifetime(raw: &str) -> Option<Duration> {
    let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw).trim();
    let numeric = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let seconds: f64 = if numeric { text.parse().ok()? } else { return None };
    if seconds.is_nan() {
        return None;
    }
    let capped = seconds.clamp(0.0, LONGEST_LIFETIME.as_secs_f64());
    Some(Duration::from_secs_f64(capped.floor()))
}

/// The members that are read; each at most once, everything else is skipped.
#[derive(Default)]
struct Answer {
    access_token: Member,
    token_type: Member,
    expires_in: Member,
    scope: Member,
    error: Member,
    error_description: Member,
}

/// A member as it stands in the body, not yet judged.
#[derive(Default)]
struct Member(Option<Box<RawValue>>);

impl Member {
    fn text(&self) -> Option<zeroize::Zeroizing<String>> {
        serde_json::from_str(self.0.as_ref()?.get()).ok().map(zeroize::Zeroizing::new)
    }

    /// One string, or an array of strings.
    fn scope(&self) -> Option<String> {
        if let Some(text) = self.text() {
            return Some(text.to_string());
        }
        let list: Vec<String> = serde_json::from_str(self.0.as_ref()?.get()).ok()?;
        Some(list.join(" "))
    }
}

impl Answer {
    fn parse(body: &[u8]) -> Option<Answer> {
        // RFC 8259 s. 8.1 lets a parser pass over a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice(body).ok()
    }

    fn error_body(&self, secrets: &[&Secret]) -> Option<ErrorBody> {
        let error = self.error.text().filter(|text| !text.is_empty())?;
        // An issuer that gives a token and an error at once may repeat the one in the other.
        let token = self.access_token.text().map(|token| Secret::from(token.as_str()));
        let secrets: Vec<&Secret> = secrets.iter().copied().chain(&token).collect();
        Some(ErrorBody {
            error: shown(&error, 64, &secrets),
            description: self.error_description.text().map(|text| shown(&text, 300, &secrets)),
        })
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Answer, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Answer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer, A::Error> {
                let mut answer = Answer::default();
                while let Some(name) = map.next_key::<String>()? {
                    let place = match name.as_str() {
                        "access_token" => &mut answer.access_token,
                        "token_type" => &mut answer.token_type,
                        "expires_in" => &mut answer.expires_in,
                        "scope" => &mut answer.scope,
                        "error" => &mut answer.error,
                        "error_description" => &mut answer.error_description,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    // Two readers would take different ones of the two.
                    if place.0.is_some() {
                        return Err(serde::de::Error::custom("a member stands twice"));
                    }
                    place.0 = Some(map.next_value()?);
                }
                Ok(answer)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
