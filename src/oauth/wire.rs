//! Bytes <-> types, without a network: what an issuer's answer means (RFC 6749 s. 5).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::coding::without_mark;
use super::redact::{Known, redact, repeats};
use super::words::Words;
use super::{IssuerError, Meaning};
use crate::profile::{TokenBinding, TokenType};
use crate::system::secret::Secret;
use crate::token::LONGEST_LIFETIME;

/// The codes of RFC 6749 s. 5.2, and the one of RFC 9449 s. 8: they keep their meaning, whatever the status.
const OWN_MEANING: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "use_dpop_nonce",
];

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The token's value; visible ASCII.
    pub value: Secret,
    /// `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// Whether the issuer left its type out.
    pub lacks_type: bool,
    /// The lifetime, if the issuer named a usable one.
    pub lifetime: Option<Duration>,
    /// The scope that was granted, if the issuer named it.
    pub scope: Option<String>,
}

/// What a token may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Whether any holder can use it.
    pub(super) binding: TokenBinding,
    /// What its type means, whatever the issuer calls it.
    pub(super) token_type: Option<TokenType>,
}

/// Reads an answer with a 2xx status. What must not be shown of it is masked.
///
/// # Errors
/// When there is no token in it, or one of another kind than `wanted`. A token that any holder can use is a
/// downgrade, in answer to a proof of possession (RFC 9449 s. 5).
pub(super) fn granted(status: u16, body: &[u8], known: Known<'_>, wanted: Wanted) -> Result<Granted, IssuerError> {
    let malformed = |why| IssuerError::Malformed { status: Some(status), why };
    let Some(answer) = Answer::parse(body) else {
        // A description in another alphabet does not make a refusal a broken answer.
        let words = Words::of(body, known).filter(|words| words.error.is_some());
        return Err(refused(status, words).unwrap_or(malformed("it is not a JSON object")));
    };
    if let Some(name) = answer.twice {
        return Err(malformed(name));
    }
    // Some issuers report errors with 200.
    if answer.names_error() {
        return Err(refused(status, Words::of(body, known)).unwrap_or(malformed("it names an error")));
    }
    let value = answer.access_token.text().ok_or(malformed("it has no access_token"))?;
    if value.is_empty() {
        return Err(malformed("its access_token is empty"));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IssuerError::Token);
    }
    let value = Secret::from(value.as_str());
    let token_type = answer.token_type(status, wanted, known, &value)?;
    // The scope is reported and kept in clear: one that repeats a secret, or the token itself, is not given. Nor is one
    // with an escaped text in it: no scope has these signs (RFC 6749 s. 3.3).
    let repeats_any =
        |scope: &String| known.secrets.iter().copied().chain([&value]).any(|secret| repeats(scope, secret));
    let scope = answer.scope.scope().filter(|scope| !scope.contains(['"', '\\']) && !repeats_any(scope));
    Ok(Granted {
        value,
        token_type,
        lacks_type: answer.token_type.is_absent(),
        lifetime: answer.expires_in.0.and_then(|raw| lifetime(raw.get())),
        scope,
    })
}

/// Reads a JSON object. A derived reader by itself would take an array for one, its items for the members in order.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let body = without_mark(body).trim_ascii_start();
    if body.first() == Some(&b'{') { serde_json::from_slice(body).ok() } else { None }
}

/// An answer whose status is no success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsuccessful<'a> {
    pub(super) status: u16,
    /// Its body, or what could be read of it.
    pub(super) body: &'a [u8],
    /// Whether its head declares it a web page.
    pub(super) is_html: bool,
    pub(super) retry_after: Option<Duration>,
}

/// Makes an error of an answer whose status is no success. The status decides first, because a gateway, a framework
/// or a firewall answers in other words than RFC 6749 has, or in none.
pub(super) fn failed(answer: Unsuccessful<'_>, known: Known<'_>) -> IssuerError {
    let Unsuccessful { status, retry_after, .. } = answer;
    match status {
        429 => return IssuerError::RateLimited { status, retry_after },
        408 | 500..=599 => return IssuerError::Server { status, retry_after },
        _ => {}
    }
    let words = Words::of(answer.body, known);
    match status {
        401 => by_status(status, words, Meaning::Client),
        403 if words.is_none() && answer.is_page() => by_status(status, words, Meaning::Before),
        403 => by_status(status, words, Meaning::Access),
        404 | 405 | 410 => no_answer(status, words),
        _ => match refused(status, words) {
            Some(IssuerError::Server { status, .. }) => IssuerError::Server { status, retry_after },
            Some(error) => error,
            None => no_answer(status, None),
        },
    }
}

impl Unsuccessful<'_> {
    fn is_page(&self) -> bool {
        let body = without_mark(self.body).trim_ascii_start();
        // A firewall may answer in plain text instead of a page; an issuer answers in JSON.
        self.is_html || !(body.is_empty() || body.starts_with(b"{") || body.starts_with(b"["))
    }
}

/// Makes a refusal that means what its status means, unless it names a code that means something by itself.
fn by_status(status: u16, words: Option<Words>, meaning: Meaning) -> IssuerError {
    let Words { error, description } = words.unwrap_or(Words { error: None, description: None });
    let named = error.as_deref().unwrap_or_default();
    let others: &[&str] = if meaning == Meaning::Access { &["access_denied", "invalid_target"] } else { &[] };
    let is_own = OWN_MEANING.iter().chain(others).any(|own| *own == named);
    IssuerError::Refused {
        status,
        meaning: if is_own { Meaning::Named } else { meaning },
        error,
        description,
        clock: None,
    }
}

/// Makes the error of an answer that is not of the protocol.
fn no_answer(status: u16, words: Option<Words>) -> IssuerError {
    let Words { error, description } = words.unwrap_or(Words { error: None, description: None });
    IssuerError::NoAnswer { status, error, description }
}

/// Makes the error that an answer names; `None` if it has no words.
fn refused(status: u16, words: Option<Words>) -> Option<IssuerError> {
    let Words { error, description } = words?;
    Some(match error.as_deref() {
        Some("temporarily_unavailable" | "server_error") => IssuerError::Server { status, retry_after: None },
        _ => IssuerError::Refused { status, meaning: Meaning::Named, error, description, clock: None },
    })
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

/// The members that are read; everything else is skipped.
#[derive(Default)]
struct Answer {
    access_token: Member,
    token_type: Member,
    expires_in: Member,
    scope: Member,
    error: Member,
    /// What is wrong, if a member stands twice with two values: two readers would take different ones of the two.
    twice: Option<&'static str>,
}

/// A member as it stands in the body, not yet judged.
#[derive(Default)]
struct Member(Option<Box<RawValue>>);

impl Member {
    fn text(&self) -> Option<zeroize::Zeroizing<String>> {
        serde_json::from_str(self.0.as_ref()?.get()).ok().map(zeroize::Zeroizing::new)
    }

    /// Returns whether it is missing, or null.
    fn is_absent(&self) -> bool {
        self.0.as_ref().is_none_or(|raw| raw.get() == "null")
    }

    /// One string, or an array of strings.
    fn scope(&self) -> Option<String> {
        if let Some(text) = self.text() {
            return Some(text.to_string());
        }
        let list: Vec<String> = serde_json::from_str(self.0.as_ref()?.get()).ok()?;
        Some(list.join(" "))
    }

    /// Returns whether both are one value, however it is written.
    fn is_same_as(&self, other: &Member) -> bool {
        let raw = |member: &Member| member.0.as_ref().map(|raw| raw.get().to_owned()).map(zeroize::Zeroizing::new);
        match (self.text(), other.text()) {
            (Some(text), Some(other)) => text == other,
            _ => raw(self) == raw(other),
        }
    }
}

impl Answer {
    fn parse(body: &[u8]) -> Option<Answer> {
        serde_json::from_slice(without_mark(body)).ok()
    }

    /// Returns whether it names an error: a text, an object or a list with something in it.
    fn names_error(&self) -> bool {
        let raw = self.error.0.as_ref().map_or("", |raw| raw.get());
        match raw.as_bytes() {
            [b'"', .., b'"'] => raw.len() > 2,
            [b'{' | b'[', inner @ .., _] => !inner.trim_ascii().is_empty(),
            _ => false,
        }
    }

    /// Judges the type of the token: a caller would use any other than the requested one wrongly.
    fn token_type(
        &self,
        status: u16,
        wanted: Wanted,
        known: Known<'_>,
        token: &Secret,
    ) -> Result<&'static str, IssuerError> {
        let text = self.token_type.text();
        let named = text.as_ref().map(|text| text.trim());
        let is = |name: &str| named.is_some_and(|named| named.eq_ignore_ascii_case(name));
        let is_bearer = is("bearer") || self.token_type.is_absent();
        let name = match wanted.binding {
            TokenBinding::Bearer if is_bearer => return Ok("Bearer"),
            // A token that needs a proof at each use is no bearer token, whatever the profile names.
            TokenBinding::Bearer if wanted.token_type == Some(TokenType::Bearer) && !is("dpop") => return Ok("Bearer"),
            TokenBinding::Bearer => "Bearer",
            TokenBinding::Dpop if is("dpop") => return Ok("DPoP"),
            TokenBinding::Dpop if is_bearer => return Err(IssuerError::Downgrade),
            TokenBinding::Dpop => "DPoP",
        };
        let Some(text) = &text else {
            return Err(IssuerError::Malformed { status: Some(status), why: "its token_type is no text" });
        };
        let secrets: Vec<&Secret> = known.secrets.iter().copied().chain([token]).collect();
        let part_of_token =
            |part: &str| part.len() >= 12 && token.expose_text().is_some_and(|token| token.contains(part));
        let found = if text.split_ascii_whitespace().any(part_of_token) {
            "(withheld: it repeats the token)".to_owned()
        } else {
            format!("\"{}\"", redact(text, 64, Known { secrets: &secrets, ..known }))
        };
        let may_be_bearer = name == "Bearer" && !is("dpop");
        Err(IssuerError::TokenType { status, found, wanted: name, may_be_bearer })
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
                    let (place, twice) = match name.as_str() {
                        "access_token" => (&mut answer.access_token, "its access_token stands twice, with two values"),
                        "token_type" => (&mut answer.token_type, "its token_type stands twice, with two values"),
                        "expires_in" => (&mut answer.expires_in, "its expires_in stands twice, with two values"),
                        "scope" => (&mut answer.scope, "its scope stands twice, with two values"),
                        "error" => (&mut answer.error, "its error stands twice, with two values"),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let value = Member(Some(map.next_value()?));
                    if place.0.is_none() {
                        *place = value;
                    } else if !place.is_same_as(&value) {
                        answer.twice.get_or_insert(twice);
                    }
                }
                Ok(answer)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
