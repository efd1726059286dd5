//! `google`: the answer of an executable-sourced credential, for the libraries of Google.
//!
//! They take the token of another issuer in exchange for one of their own, and it has to be a JWT. An error is an answer,
//! too: they read stdout only, and take stderr for a part of it.

use super::json::quoted;
use crate::consumers::consumer::GOOGLE;
use crate::consumers::handed::Handed;
use crate::encoding::base64url;
#[cfg(feature = "cli")]
use crate::error::Error;

/// The only type of token that is handed over.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Writes the token, or why it is none that Google takes.
pub(super) fn answer(handed: &Handed<'_>) -> String {
    let token = handed.token().expose();
    if !is_jwt(token) {
        return refusal("token_not_jwt", "the token is no JWT, and Google exchanges no other");
    }
    let end = handed.reported_end(&GOOGLE).seconds();
    let token = quoted(token);
    format!(
        "{{\"version\":1,\"success\":true,\"token_type\":\"{JWT}\",\"id_token\":{},\"expiration_time\":{end}}}\n",
        *token
    )
}

/// Writes an error in place of a token.
#[cfg(feature = "cli")]
pub(crate) fn failure(error: &Error) -> String {
    refusal(error.code().name(), &error.to_string())
}

fn refusal(code: &str, message: &str) -> String {
    let (code, message) = (quoted(code), quoted(message));
    format!("{{\"version\":1,\"success\":false,\"code\":{},\"message\":{}}}\n", *code, *message)
}

/// Returns whether a token is a signed JWT (RFC 7519): three parts, of which the first is a JSON object.
fn is_jwt(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let header = parts.first().and_then(|header| base64url::decoded(header));
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) && header.is_some_and(|json| json.starts_with(b"{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_is_told_from_an_opaque_token() {
        assert!(is_jwt("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"));
        for opaque in ["abc", "a.b", "a.b.c", "eyJhbGciOiJSUzI1NiJ9..c2ln", "eyJhbGciOiJSUzI1NiJ9.a.b.c.d", ""] {
            assert!(!is_jwt(opaque), "{opaque}");
        }
    }
}
