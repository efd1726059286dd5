//! What a JWT is signed with: a shared secret, or a private key as PEM or JWK.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::IssuerError;
use crate::encoding::base64url::decoded;
use crate::profile::AssertionAlgorithm;
use crate::system::secret::Secret;

/// A key that signs.
pub(super) struct SigningKey {
    key: Key,
    key_id: Option<String>,
}

enum Key {
    Hs256(Box<hmac::Key>),
    Rsa(Box<RsaKeyPair>, AssertionAlgorithm),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

pub(super) const NOT_A_KEY: IssuerError = IssuerError::Credential("the secret is no private key in PEM or JWK");
const WRONG_ALGORITHM: IssuerError = IssuerError::Credential("the private key does not go with assertion_algorithm");

impl SigningKey {
    /// Takes a shared secret, for HS256.
    pub(super) fn shared(secret: &Secret) -> SigningKey {
        SigningKey { key: Key::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))), key_id: None }
    }

    /// Reads a private key: PEM (PKCS #8, PKCS #1, SEC 1) or a JWK (RFC 7517).
    pub(super) fn private(secret: &Secret, wanted: Option<AssertionAlgorithm>) -> Result<SigningKey, IssuerError> {
        let text = secret.expose_text().ok_or(NOT_A_KEY)?.trim();
        let made = if text.starts_with('{') { from_jwk(text, wanted)? } else { from_pem(text, wanted)? };
        let fits = match (&made.key, wanted) {
            (_, None) | (Key::Hs256(_), _) => true,
            (Key::Rsa(_, algorithm), Some(wanted)) => *algorithm == wanted,
            (Key::Es256(_), Some(wanted)) => wanted == AssertionAlgorithm::Es256,
            (Key::EdDsa(_), Some(wanted)) => wanted == AssertionAlgorithm::EdDsa,
        };
        if fits { Ok(made) } else { Err(WRONG_ALGORITHM) }
    }

    /// Takes a P-256 key as PKCS #8.
    pub(super) fn p256(pkcs8: &[u8]) -> Result<SigningKey, IssuerError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| NOT_A_KEY)?;
        Ok(SigningKey { key: Key::Es256(key), key_id: None })
    }

    /// Makes a new P-256 key, as PKCS #8.
    pub(super) fn new_p256() -> Result<Secret, IssuerError> {
        let failed = |_| IssuerError::Credential("no key can be made");
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let pkcs8 = key.to_pkcs8v1().map_err(failed)?;
        Ok(Secret::new(pkcs8.as_ref().to_vec()))
    }

    /// Returns the coordinates of a P-256 key's public half; `None` for another kind.
    pub(super) fn p256_point(&self) -> Option<(&[u8], &[u8])> {
        let Key::Es256(key) = &self.key else { return None };
        // 4, then both coordinates: the uncompressed point of SEC 1.
        let point = key.public_key().as_ref().strip_prefix(&[4])?;
        point.split_at_checked(32)
    }

    /// Returns the registered name of what it signs with.
    pub(super) fn algorithm_name(&self) -> &'static str {
        match &self.key {
            Key::Hs256(_) => "HS256",
            Key::Rsa(_, algorithm) => algorithm.name(),
            Key::Es256(_) => AssertionAlgorithm::Es256.name(),
            Key::EdDsa(_) => AssertionAlgorithm::EdDsa.name(),
        }
    }

    /// Returns the name that the key itself brings (`kid` of a JWK).
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Signs a message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssuerError> {
        let random = SystemRandom::new();
        let failed = |_| IssuerError::Credential("the private key does not sign");
        match &self.key {
            Key::Hs256(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Key::Rsa(key, algorithm) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let padding = if *algorithm == AssertionAlgorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                key.sign(padding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Key::Es256(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Key::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

/// Describes a text that is not a supported private key.
pub(super) fn no_key(text: &str) -> &'static str {
    let is = |mark: &str| text.contains(mark);
    if is("BEGIN ENCRYPTED PRIVATE KEY") || is("Proc-Type: 4,ENCRYPTED") {
        "the private key is encrypted; decrypt a copy of it: openssl pkey -in KEY -out COPY"
    } else if is("BEGIN OPENSSH PRIVATE KEY") {
        "the private key is in the format of OpenSSH; convert a copy of it: ssh-keygen -p -m PKCS8 -f COPY"
    } else if is("BEGIN PUBLIC KEY") || is("BEGIN RSA PUBLIC KEY") || text.starts_with("ssh-") {
        "that is a public key; the private key is needed"
    } else if is("BEGIN CERTIFICATE") {
        "that is a certificate; its private key is needed"
    } else if text.starts_with("LS0tLS1CRUdJTi") {
        "that is a PEM in Base64; decode a copy of it: base64 -d KEY > COPY"
    } else if is("-----BEGIN ") && !is("-----END ") {
        "the private key has no last line; it was cut"
    } else if is("-----BEGIN ") {
        "the private key is none that signs here: RSA of 2048 bits or more, P-256 and Ed25519 do"
    } else {
        "the secret is no private key in PEM or JWK"
    }
}

/// Returns a PEM in the form that its parser requires. Variables and `.env` files hold it on one line with `\n` in
/// words, and configuration files indent it.
fn pem_lines(text: &str) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(text.len() + 1));
    let is_one_line = !text.contains('\n');
    let ends = |line: &str, lines: &mut Zeroizing<String>| {
        lines.push_str(line.trim());
        lines.push('\n');
    };
    if is_one_line {
        text.split("\\n").for_each(|line| ends(line.trim_end_matches("\\r"), &mut lines));
    } else {
        text.lines().for_each(|line| ends(line, &mut lines));
    }
    lines
}

fn from_pem(text: &str, wanted: Option<AssertionAlgorithm>) -> Result<SigningKey, IssuerError> {
    let fault = || IssuerError::Credential(no_key(text));
    let der = PrivateKeyDer::from_pem_slice(pem_lines(text).as_bytes()).map_err(|_| fault())?;
    let der = der.secret_der();
    // The DER shows the kind; each of the three readers takes only its own.
    let key = if let Ok(key) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        Key::Es256(key)
    } else if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        Key::EdDsa(key)
    } else {
        let key = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).map_err(|_| fault())?;
        rsa(key, wanted)
    };
    Ok(SigningKey { key, key_id: None })
}

fn rsa(key: RsaKeyPair, wanted: Option<AssertionAlgorithm>) -> Key {
    let algorithm = if wanted == Some(AssertionAlgorithm::Ps256) { wanted } else { None };
    Key::Rsa(Box::new(key), algorithm.unwrap_or(AssertionAlgorithm::Rs256))
}

/// A private JWK (RFC 7518 s. 6, RFC 8037). Its text is wiped when it is dropped.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

fn from_jwk(text: &str, wanted: Option<AssertionAlgorithm>) -> Result<SigningKey, IssuerError> {
    // The parser's own messages are not shown: they quote the key.
    let jwk: Jwk = super::wire::object(text.as_bytes()).ok_or(NOT_A_KEY)?;
    let part =
        |value: &Option<String>| value.as_deref().and_then(decoded).map(zeroize::Zeroizing::new).ok_or(NOT_A_KEY);
    // A key for another use must not sign here (RFC 7517 s. 4.2).
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err(IssuerError::Credential("the JWK is not for signatures"));
    }
    let own = jwk.alg.as_deref().and_then(AssertionAlgorithm::parse);
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("EC", Some("P-256")) => {
            let mut point = vec![4];
            point.extend_from_slice(&part(&jwk.x)?);
            point.extend_from_slice(&part(&jwk.y)?);
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &part(&jwk.d)?, &point);
            Key::Es256(key.map_err(|_| NOT_A_KEY)?)
        }
        ("OKP", Some("Ed25519")) => {
            let key = Ed25519KeyPair::from_seed_and_public_key(&part(&jwk.d)?, &part(&jwk.x)?);
            Key::EdDsa(key.map_err(|_| NOT_A_KEY)?)
        }
        ("RSA", _) => {
            let public = aws_lc_rs::rsa::PublicKeyComponents { n: part(&jwk.n)?.to_vec(), e: part(&jwk.e)?.to_vec() };
            let (d, p, q) = (part(&jwk.d)?, part(&jwk.p)?, part(&jwk.q)?);
            let (dp, dq, qi) = (part(&jwk.dp)?, part(&jwk.dq)?, part(&jwk.qi)?);
            let components = aws_lc_rs::rsa::KeyPairComponents {
                public_key: public,
                d: d.as_slice(),
                p: p.as_slice(),
                q: q.as_slice(),
                dP: dp.as_slice(),
                dQ: dq.as_slice(),
                qInv: qi.as_slice(),
            };
            rsa(RsaKeyPair::from_components(&components).map_err(|_| NOT_A_KEY)?, wanted.or(own))
        }
        _ => return Err(IssuerError::Credential("the JWK is no RSA, P-256 or Ed25519 key")),
    };
    Ok(SigningKey { key, key_id: jwk.kid.clone() })
}

#[cfg(test)]
pub(super) mod tests;
