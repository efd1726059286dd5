//! Signed JWTs: a client's assertion (RFC 7523, RFC 10070), and what it is signed with.

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::IssuerError;
use super::signing_key::SigningKey;
use crate::encoding::base64url::encoded;
use crate::profile::{AssertionAlgorithm, AssertionTyp};
use crate::system::clock::WallTime;

/// How long an assertion holds, in seconds. Each attempt has one of its own: a longer life would help only a thief.
const LIFETIME: i64 = 60;

/// The audience of an assertion, and how it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assertion<'a> {
    /// The audience: one string.
    pub audience: &'a str,
    /// Whether it names its type.
    pub typ: AssertionTyp,
    /// What it is signed with, if the key leaves a choice.
    pub algorithm: Option<AssertionAlgorithm>,
    /// The name of the key, if the key names none.
    pub key_id: Option<&'a str>,
}

/// Writes an assertion of a client, with an id of its own: each attempt needs another.
pub(super) fn client_assertion(
    of: &Assertion<'_>,
    client_id: &str,
    key: &SigningKey,
    now: WallTime,
) -> Result<Zeroizing<String>, IssuerError> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(key.algorithm_name()));
    header.insert(
        "typ".to_owned(),
        json!(match of.typ {
            AssertionTyp::On => "client-authentication+jwt",
            AssertionTyp::Off => "JWT",
        }),
    );
    if let Some(key_id) = of.key_id.or(key.key_id()) {
        header.insert("kid".to_owned(), json!(key_id));
    }
    let issued = now.seconds();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": of.audience,
        "jti": unique_id()?,
        "iat": issued,
        "exp": issued.saturating_add(LIFETIME),
    });
    signed(&Value::Object(header), &claims, key)
}

/// Writes a JWT in its compact form (RFC 7519 s. 3).
pub(super) fn signed(header: &Value, claims: &Value, key: &SigningKey) -> Result<Zeroizing<String>, IssuerError> {
    let mut text = Zeroizing::new(encoded(header.to_string().as_bytes()));
    text.push('.');
    text.push_str(&encoded(claims.to_string().as_bytes()));
    let signature = key.sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&encoded(&signature));
    Ok(text)
}

/// Returns 128 random bits that no other JWT has.
pub(super) fn unique_id() -> Result<String, IssuerError> {
    let mut bytes = [0; 16];
    crate::system::random::fill(&mut bytes).map_err(|_| IssuerError::Credential("the system gives no randomness"))?;
    Ok(encoded(&bytes))
}
