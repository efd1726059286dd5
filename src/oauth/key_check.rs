//! Whether a secret is a key that can be used, before it is set.

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::IssuerError;
use super::signing_key::{NOT_A_KEY, SigningKey, no_key};
use crate::profile::Profile;
use crate::system::secret::Secret;

/// Checks that a secret is a private key that a profile can sign with, or the one of a certificate.
///
/// # Errors
/// [`IssuerError::Credential`], which names what the secret is instead.
pub(crate) fn check_key(profile: &Profile, secret: &Secret) -> Result<(), IssuerError> {
    if profile.auth.shows_certificate() {
        return check_pem(secret);
    }
    SigningKey::private(secret, profile.assertions.algorithm).map(|_| ())
}

/// Checks that a secret is the private key of a certificate, in PEM.
fn check_pem(secret: &Secret) -> Result<(), IssuerError> {
    let text = secret.expose_text().ok_or(NOT_A_KEY)?;
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map(|_| ()).map_err(|_| IssuerError::Credential(no_key(text)))
}
