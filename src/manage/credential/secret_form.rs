//! Whether a secret can be what a profile needs: reported before it is stored, not when the issuer refuses it.

use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::oauth::{self, IssuerError};
use crate::profile::{AuthMethod, Profile};
use crate::system::secret::Secret;

/// Checks a secret that was given for a profile. A private key has to be one that the method works with; a shared
/// secret has no control character (RFC 6749, A.2). Blanks and quotation marks at its ends are kept, with a warning.
///
/// # Errors
/// [`Code::Usage`], with what the secret is instead.
pub(crate) fn check_form(profile: &Profile, secret: &Secret) -> Result<Option<Warning>, Error> {
    let refused = |why: &str| Error::new(Code::Usage, format!("{why}; nothing was changed"));
    if profile.auth.has_private_key() {
        return oauth::check_key(profile, secret).map(|()| None).map_err(|error| match error {
            IssuerError::Credential(why) => refused(why),
            error => error.into(),
        });
    }
    let text = secret.expose_text().unwrap_or_default();
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        let error = refused("the secret is a private key, which this method would send");
        return Err(error.with_remedy(Remedy::SignWithKey));
    }
    if text.contains(char::is_control) && profile.auth != AuthMethod::FederatedAssertion {
        return Err(refused("the client secret holds a line end or another control character"));
    }
    let is_odd = |end: Option<char>| end.is_some_and(|end| end.is_whitespace() || is_quote(end) || is_unseen(end));
    let ends_oddly = is_odd(text.chars().next()) || is_odd(text.chars().next_back());
    Ok(ends_oddly.then_some(Warning::SecretEnds))
}

fn is_quote(symbol: char) -> bool {
    matches!(symbol, '"' | '\'' | '`' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}')
}

/// Returns whether a symbol takes no room on a page: what is copied from one may begin or end with it.
fn is_unseen(symbol: char) -> bool {
    matches!(symbol, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
