//! Proofs of possession (RFC 9449): a key for each token, and a proof for each use.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::IssuerError;
use super::jwt::{signed, unique_id};
use super::signing_key::SigningKey;
use crate::encoding::base64url::encoded;
use crate::system::clock::WallTime;
use crate::system::secret::Secret;

/// The key that one token is bound to.
pub(crate) struct ProofKey(SigningKey);

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The URL; its query and fragment are left out of the proof.
    pub url: &'a Url,
    /// The token that is shown with it, at a resource.
    pub token: Option<&'a str>,
    /// The nonce that the server requires.
    pub nonce: Option<&'a str>,
}

impl ProofKey {
    /// Makes a new key, as it is kept beside its token.
    pub(crate) fn generate() -> Result<Secret, IssuerError> {
        SigningKey::new_p256()
    }

    /// Takes a key that was kept.
    pub(crate) fn new(kept: &Secret) -> Result<ProofKey, IssuerError> {
        SigningKey::p256(kept.expose()).map(ProofKey)
    }

    /// Writes a proof (RFC 9449 s. 4.2), each with an id of its own.
    pub(crate) fn proof(&self, of: &Use<'_>, now: WallTime) -> Result<Zeroizing<String>, IssuerError> {
        let (x, y) = self.0.p256_point().ok_or(IssuerError::Credential("the proof key is no P-256 key"))?;
        let header = json!({
            "typ": "dpop+jwt",
            "alg": self.0.algorithm_name(),
            "jwk": {"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)},
        });
        let mut target = of.url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let mut claims = json!({
            "jti": unique_id()?,
            "htm": of.method,
            "htu": target.as_str(),
            "iat": now.seconds(),
        });
        if let Value::Object(claims) = &mut claims {
            if let Some(token) = of.token {
                claims.insert("ath".to_owned(), json!(encoded(&Sha256::digest(token))));
            }
            if let Some(nonce) = of.nonce {
                claims.insert("nonce".to_owned(), json!(nonce));
            }
        }
        signed(&header, &claims, &self.0)
    }
}
