//! What the owner of an API checks in a JWT access token (RFC 9068 s. 4). Its client must not: to it the token is opaque.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::http::{About, Trust};
use super::redact::Known;
use super::{IssuerError, Transport, wire};
use crate::encoding::base64url::decoded;
use crate::profile::{AssertionAlgorithm, Endpoint};
use crate::system::clock::BootTime;

/// How long the known keys are taken as complete: a token with an unknown key causes one more request, not one for
/// each such token.
const REFETCH_AFTER: Duration = Duration::from_secs(30);

/// The issuer whose tokens an API accepts, and the audience that they must have.
#[derive(Debug)]
pub(crate) struct ResourceServer {
    jwks_url: Endpoint,
    issuer: String,
    audience: String,
    keys: Mutex<Option<(Vec<Jwk>, BootTime)>>,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    /// It is no JWT.
    #[error("it is no signed JWT")]
    NotJwt,
    /// Its `typ` is another.
    #[error("its typ is not at+jwt")]
    Type,
    /// It is signed with something that is not accepted: never `none`, never a shared secret.
    #[error("its alg is none of RS256, PS256, ES256, EdDSA")]
    Algorithm,
    /// It has critical headers that are not known.
    #[error("it has critical headers that are not known")]
    Critical,
    /// No key of the issuer has its name and kind.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
    /// It is of another issuer.
    #[error("its iss is another")]
    Issuer,
    /// It is for another audience.
    #[error("its aud is another")]
    Audience,
    /// It is over, or names no end.
    #[error("its exp is over or missing")]
    Expired,
    /// It does not hold yet.
    #[error("its nbf lies ahead")]
    NotYet,
}

/// A public key of an issuer (RFC 7517).
#[derive(Clone, Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct KeySet {
    /// A key that cannot be read is left out: a key of a new kind must not void the others.
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<Value>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

impl ResourceServer {
    /// Accepts tokens of `issuer` for `audience`, signed with the keys at `jwks_url`.
    pub(crate) fn new(jwks_url: Endpoint, issuer: String, audience: String) -> ResourceServer {
        ResourceServer { jwks_url, issuer, audience, keys: Mutex::new(None) }
    }

    /// Checks a token.
    ///
    /// # Errors
    /// When the issuer's keys cannot be fetched. The inner result is the answer.
    pub(crate) async fn check(
        &self,
        transport: &Transport,
        trust: &Trust<'_>,
        token: &str,
    ) -> Result<Result<(), Rejected>, IssuerError> {
        let parsed = match Parsed::new(token) {
            Ok(parsed) => parsed,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let mut outcome = match self.known() {
            Some((keys, _)) => parsed.verify(&keys),
            None => Err(Rejected::UnknownKey),
        };
        if outcome == Err(Rejected::UnknownKey) && self.may_look_again(transport) {
            let keys = fetch(&self.jwks_url, transport, trust).await?;
            outcome = parsed.verify(&keys);
            let now = transport.clock().boot();
            *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some((keys, now));
        }
        Ok(outcome.and_then(|()| self.claims(&parsed, transport.clock().wall().seconds())))
    }

    fn known(&self) -> Option<(Vec<Jwk>, BootTime)> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_look_again(&self, transport: &Transport) -> bool {
        match self.known() {
            None => true,
            Some((_, at)) => transport.passed_since(at) >= REFETCH_AFTER,
        }
    }

    fn claims(&self, parsed: &Parsed<'_>, now: i64) -> Result<(), Rejected> {
        let claims: Claims = wire::object(&parsed.claims).ok_or(Rejected::NotJwt)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age of the world fit into 53 bits")]
        let now = now as f64;
        let audience = match &claims.aud {
            Some(Value::String(audience)) => *audience == self.audience,
            Some(Value::Array(list)) => list.iter().any(|entry| entry.as_str() == Some(&self.audience)),
            _ => false,
        };
        if claims.iss.as_deref() != Some(&self.issuer) {
            Err(Rejected::Issuer)
        } else if !audience {
            Err(Rejected::Audience)
        } else if claims.exp.is_none_or(|exp| exp <= now) {
            Err(Rejected::Expired)
        } else if claims.nbf.is_some_and(|nbf| nbf > now) {
            Err(Rejected::NotYet)
        } else {
            Ok(())
        }
    }
}

async fn fetch(url: &Endpoint, transport: &Transport, trust: &Trust<'_>) -> Result<Vec<Jwk>, IssuerError> {
    transport
        .in_time(url, async {
            let request = transport.client(url, trust)?.get(url.url().clone());
            let answer = transport.answer(url, request, About::Issuer, &[]).await?;
            let status = answer.status.as_u16();
            if !answer.status.is_success() {
                let known = Known { secrets: &[], urls: &[Some(url.as_str())] };
                return Err(wire::failed(answer.unsuccessful(), known));
            }
            keys(&answer.body).ok_or(IssuerError::Malformed { status: Some(status), why: "it is no set of keys" })
        })
        .await
}

fn keys(body: &[u8]) -> Option<Vec<Jwk>> {
    let set: KeySet = wire::object(body)?;
    Some(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
}

/// A token in its parts; nothing in it is believed before its signature is.
struct Parsed<'a> {
    header: Header,
    algorithm: AssertionAlgorithm,
    message: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parsed<'a> {
    fn new(token: &'a str) -> Result<Parsed<'a>, Rejected> {
        let (message, signature) = token.rsplit_once('.').ok_or(Rejected::NotJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Rejected::NotJwt)?;
        let part = |text| decoded(text).ok_or(Rejected::NotJwt);
        let header: Header = wire::object(&part(header)?).ok_or(Rejected::NotJwt)?;
        let algorithm = AssertionAlgorithm::parse(&header.alg).ok_or(Rejected::Algorithm)?;
        let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !matches!(typ.as_str(), "at+jwt" | "application/at+jwt") {
            return Err(Rejected::Type);
        }
        if header.crit.is_some() {
            return Err(Rejected::Critical);
        }
        Ok(Parsed { header, algorithm, message, claims: part(claims)?, signature: part(signature)? })
    }

    fn verify(&self, keys: &[Jwk]) -> Result<(), Rejected> {
        let fits = |key: &&Jwk| {
            key.fits(self.algorithm) && self.header.kid.as_ref().is_none_or(|kid| key.kid.as_ref() == Some(kid))
        };
        let mut candidates = keys.iter().filter(fits).peekable();
        if candidates.peek().is_none() {
            return Err(Rejected::UnknownKey);
        }
        let message = self.message.as_bytes();
        let holds = candidates.any(|key| key.verify(self.algorithm, message, &self.signature).is_some());
        if holds { Ok(()) } else { Err(Rejected::Signature) }
    }
}

impl Jwk {
    /// Returns whether the key is for an algorithm: its kind decides, not what the token names.
    fn fits(&self, algorithm: AssertionAlgorithm) -> bool {
        let kind = match algorithm {
            AssertionAlgorithm::Rs256 | AssertionAlgorithm::Ps256 => self.kty == "RSA",
            AssertionAlgorithm::Es256 => self.kty == "EC" && self.crv.as_deref() == Some("P-256"),
            AssertionAlgorithm::EdDsa => self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519"),
        };
        let named = self.alg.as_deref().is_none_or(|name| name == algorithm.name());
        kind && named && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
    }

    fn verify(&self, algorithm: AssertionAlgorithm, message: &[u8], signature: &[u8]) -> Option<()> {
        let part = |value: &Option<String>| value.as_deref().and_then(decoded);
        match algorithm {
            AssertionAlgorithm::Rs256 | AssertionAlgorithm::Ps256 => {
                let padding = match algorithm {
                    AssertionAlgorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                let key = RsaPublicKeyComponents { n: part(&self.n)?, e: part(&self.e)? };
                key.verify(padding, message, signature).ok()
            }
            AssertionAlgorithm::Es256 => {
                let mut point = vec![4];
                point.extend(part(&self.x)?);
                point.extend(part(&self.y)?);
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).ok()
            }
            AssertionAlgorithm::EdDsa => {
                UnparsedPublicKey::new(&ED25519, part(&self.x)?).verify(message, signature).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests;
