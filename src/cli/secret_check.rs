//! Whether a secret can be what a profile needs: told before it is stored, not when it is refused.

use super::Context;
use crate::error::{Code, Error, Remedy};
use crate::oauth::{self, IssuerError};
use crate::profile::{AuthMethod, Profile};
use crate::secret::Secret;
use crate::warning::Warning;

/// Checks a secret that was given for a profile. A private key has to be one that the method works with; a shared secret
/// has no control character (RFC 6749, A.2). Blanks and quotation marks at its ends are kept, with a warning.
pub(super) fn judged(context: &Context<'_>, profile: &Profile, secret: &Secret) -> Result<(), Error> {
    let refused = |why: &str| Error::new(Code::Usage, format!("{why}; nothing was changed"));
    if profile.auth.has_private_key() {
        return oauth::check_key(profile, secret).map_err(|error| match error {
            IssuerError::Credential(why) => refused(why),
            error => error.into(),
        });
    }
    let text = secret.expose_text().unwrap_or_default();
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Err(
            refused("the secret is a private key, which this method would send").with_remedy(Remedy::SignWithKey)
        );
    }
    if text.contains(char::is_control) && profile.auth != AuthMethod::FederatedAssertion {
        return Err(refused("the client secret holds a line end or another control character"));
    }
    let is_odd = |end: Option<char>| end.is_some_and(|end| end.is_whitespace() || matches!(end, '"' | '\'' | '`'));
    if is_odd(text.chars().next()) || is_odd(text.chars().next_back()) {
        context.ui.warn(&Warning::SecretEnds);
    }
    Ok(())
}
