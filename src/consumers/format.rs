//! The formats of a token: one row and one arm for each.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::proof::ProvenRequest;
use crate::encoding::escape;
use crate::error::{Code, Error, Remedy};
use crate::keeper::{Obtained, Source};
use crate::profile::Profile;
use crate::system::clock::Moment;
use crate::token::{AccessToken, Freshness, LifetimeFrom};

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// As it is.
    #[default]
    Token,
    Json,
    Header,
    Env,
    Dpop,
}

/// Every format, by its name and what it writes.
pub(crate) const FORMATS: [(Format, &str, &str); 5] = [
    (Format::Token, "token", "The token and a newline"),
    (Format::Json, "json", "A JSON object"),
    (Format::Header, "header", "An Authorization header"),
    (Format::Env, "env", "A line for a shell to evaluate"),
    (Format::Dpop, "dpop", "Authorization and DPoP headers for one request (RFC 9449); needs --method and --url"),
];

/// The variable that is exported if none is named.
const VARIABLE: &str = "ACCESS_TOKEN";

impl Format {
    pub(crate) const ALL: [Format; FORMATS.len()] = {
        let mut all = [Format::Token; FORMATS.len()];
        let mut at = 0;
        while at < FORMATS.len() {
            all[at] = FORMATS[at].0;
            at += 1;
        }
        all
    };
}

/// What was typed beside a format.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details<'a> {
    /// The variable that is exported.
    pub(crate) variable: Option<&'a str>,
    /// The method, the URL and the nonce of the request that is proven.
    pub(crate) method: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
}

/// A format with what it needs to know.
#[derive(Debug)]
pub(crate) enum Rendering {
    Token,
    Json(Option<ProvenRequest>),
    Header,
    Env { variable: String },
    Dpop(ProvenRequest),
}

impl Rendering {
    /// Makes one of what was typed.
    ///
    /// # Errors
    /// [`Code::Usage`], if it does not go together.
    pub(crate) fn new(format: Format, details: &Details<'_>) -> Result<Rendering, Error> {
        let usage = |what: &str| Err(Error::new(Code::Usage, what));
        let variable = details.variable.unwrap_or(VARIABLE);
        if !is_variable(variable) {
            return usage("--env takes the name of a shell variable");
        }
        if details.variable.is_some() && format != Format::Env {
            return usage("--env goes with --format env");
        }
        match (format, details.method, details.url, details.nonce) {
            (Format::Dpop, Some(method), Some(url), nonce) => {
                ProvenRequest::new(method, url, nonce).map(Rendering::Dpop)
            }
            (Format::Dpop, ..) => usage("--format dpop needs --method METHOD and --url URL"),
            (Format::Token, None, None, None) => Ok(Rendering::Token),
            (Format::Json, None, None, None) => Ok(Rendering::Json(None)),
            (Format::Header, None, None, None) => Ok(Rendering::Header),
            (Format::Env, None, None, None) => Ok(Rendering::Env { variable: variable.to_owned() }),
            _ => usage("--method, --url and --nonce go with --format dpop"),
        }
    }

    /// Writes a token.
    ///
    /// # Errors
    /// [`Code::Usage`], if the token is not of a type that is written so.
    pub(crate) fn text(
        &self,
        obtained: &Obtained,
        profile: &Profile,
        now: &Moment,
    ) -> Result<Zeroizing<String>, Error> {
        let token = &obtained.token;
        Ok(Zeroizing::new(match self {
            Rendering::Token => format!("{}\n", token.expose()),
            Rendering::Header if token.token_type() != "Bearer" => return Err(needs_proof()),
            Rendering::Header => header(token),
            // Single quotes: within them a shell reads nothing but the closing one.
            Rendering::Env { variable } => format!("export {variable}='{}'\n", token.expose().replace('\'', r"'\''")),
            Rendering::Json(proven) => {
                let mut object = json_of(obtained, profile, now);
                if let Some(request) = proven {
                    object["dpop"] = json!(*request.proof(token, profile, now)?);
                }
                escape::json(&Zeroizing::new(format!("{object}\n")))
            }
            Rendering::Dpop(request) => {
                let proof = request.proof(token, profile, now)?;
                // The proof is a line of its own.
                format!("{}DPoP: {}\n", *Zeroizing::new(header(token)), *proof)
            }
        }))
    }

    /// Returns the same as JSON.
    ///
    /// # Errors
    /// As the other format has them.
    pub(crate) fn in_json(self, token: &AccessToken) -> Result<Rendering, Error> {
        match self {
            Rendering::Header if token.token_type() != "Bearer" => Err(needs_proof()),
            Rendering::Dpop(request) => Ok(Rendering::Json(Some(request))),
            _ => Ok(Rendering::Json(None)),
        }
    }
}

fn header(token: &AccessToken) -> String {
    format!("Authorization: {} {}\n", token.token_type(), token.expose())
}

fn needs_proof() -> Error {
    Error::new(Code::Usage, "a DPoP token needs a proof for each request").with_remedy(Remedy::NameProvenRequest)
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Makes the JSON of a token.
fn json_of(obtained: &Obtained, profile: &Profile, now: &Moment) -> Value {
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
        "expires_at": validity.expires_at().to_utc(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_row() {
        for format in Format::ALL {
            assert_eq!(FORMATS.iter().filter(|(of, ..)| *of == format).count(), 1, "{format:?}");
        }
    }

    #[test]
    fn what_is_typed_has_to_go_together() {
        let proven = Details { method: Some("GET"), url: Some("https://api.example.com/"), ..Details::default() };
        let named = Details { variable: Some("TOKEN"), ..Details::default() };
        for format in Format::ALL {
            let is_dpop = format == Format::Dpop;
            assert_eq!(Rendering::new(format, &proven).is_ok(), is_dpop, "{format:?}");
            assert_eq!(Rendering::new(format, &Details::default()).is_ok(), !is_dpop, "{format:?}");
            assert_eq!(Rendering::new(format, &named).is_ok(), format == Format::Env, "{format:?}");
        }
    }

    #[test]
    fn a_variable_is_a_name_that_every_shell_takes() {
        for name in ["A", "_a1", "access_token"] {
            assert!(is_variable(name), "{name}");
        }
        for name in ["", "1a", "a-b", "a b", "a;b", "\u{e9}"] {
            assert!(!is_variable(name), "{name:?}");
        }
    }
}
