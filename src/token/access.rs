//! The access token, as it is handed out and as it is kept.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::Validity;
use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::system::secret::Secret;

/// An access token with what its issuer named about it. Cloning is cheap; `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    value: Secret,
    token_type: String,
    scope: Option<String>,
    validity: Validity,
    /// The key that proves possession (RFC 9449), if the token is bound to one.
    proof_key: Option<Secret>,
}

impl AccessToken {
    /// Makes a token from its value (visible ASCII, RFC 6749 appendix A.12), its type (`Bearer`, `DPoP`), its scope and
    /// its validity. The scope is the granted one, if the issuer named it. `None` if the value or the type is
    /// empty or holds anything but visible ASCII.
    pub fn new(value: Secret, token_type: &str, scope: Option<&str>, validity: Validity) -> Option<AccessToken> {
        let is_visible = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
        (is_visible(value.expose()) && is_visible(token_type.as_bytes())).then(|| {
            AccessToken(Arc::new(Parts {
                value,
                token_type: token_type.to_owned(),
                scope: scope.map(str::to_owned),
                validity,
                proof_key: None,
            }))
        })
    }

    /// Binds the token to a key, which is kept with it.
    pub(crate) fn bound_to(self, proof_key: Option<Secret>) -> AccessToken {
        let Parts { value, token_type, scope, validity, .. } = &*self.0;
        let (value, token_type, scope) = (value.clone(), token_type.clone(), scope.clone());
        AccessToken(Arc::new(Parts { value, token_type, scope, validity: *validity, proof_key }))
    }

    /// Returns the key that the token is bound to, if it is bound.
    pub(crate) fn proof_key(&self) -> Option<&Secret> {
        self.0.proof_key.as_ref()
    }

    /// Shows the token, for clients that take text: `request.bearer_auth(token.expose())`. Each call marks a place at
    /// which the token leaves its wrapping.
    pub fn expose(&self) -> &str {
        self.0.value.expose_text().expect("a token is visible ASCII: `new` takes nothing else")
    }

    /// Returns what an `Authorization` header holds: the type, a blank, the token. The value is marked sensitive, so
    /// `Debug` does not show it and HTTP/2 does not put it into its table.
    ///
    /// A token of the type `DPoP` is accepted only with a proof beside it (RFC 9449).
    ///
    /// ```
    /// # fn call(request: http::request::Builder, token: &tokenkeep::AccessToken) -> http::request::Builder {
    /// request.header(http::header::AUTHORIZATION, token.header_value())
    /// # }
    /// ```
    pub fn header_value(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("{} {}", self.token_type(), self.expose()));
        let mut value = HeaderValue::from_str(&text).expect("both are visible ASCII: `new` takes nothing else");
        value.set_sensitive(true);
        value
    }

    /// Returns when the token ends, by the wall clock of this host: when it was requested, plus its lifetime. The issuer
    /// may end it earlier. [`AccessToken::validity`] has both parts.
    pub fn expires_at(&self) -> SystemTime {
        self.0.validity.expires_at().into()
    }

    /// Returns the token type as it is sent: `Bearer` or `DPoP`, whatever its case was.
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// Returns the scope that was granted, if the issuer named it.
    pub fn scope(&self) -> Option<&str> {
        self.0.scope.as_deref()
    }

    /// Returns when it was requested and how long it lives.
    pub fn validity(&self) -> &Validity {
        &self.0.validity
    }

    /// Encodes the token for a sealed record.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::default();
        writer
            .bytes(1, self.0.value.expose())
            .bytes(2, self.0.token_type.as_bytes())
            .optional(3, self.scope().map(str::as_bytes));
        self.0.validity.encode(&mut writer);
        // Present only in bound tokens: those of every other kind are written as before.
        if let Some(key) = &self.0.proof_key {
            writer.bytes(21, key.expose());
        }
        writer.finish()
    }

    /// Returns the same token with another validity.
    pub(crate) fn with_validity(&self, validity: Validity) -> AccessToken {
        let Parts { value, token_type, scope, proof_key, .. } = &*self.0;
        let (value, token_type, scope) = (value.clone(), token_type.clone(), scope.clone());
        AccessToken(Arc::new(Parts { value, token_type, scope, validity, proof_key: proof_key.clone() }))
    }

    /// Returns whether it is the same token, whenever it was requested.
    pub(crate) fn is_same_as(&self, other: &AccessToken) -> bool {
        self.0.value == other.0.value && self.0.proof_key == other.0.proof_key
    }

    /// Decodes what [`AccessToken::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<AccessToken, Malformed> {
        let mut reader = Reader::new(bytes);
        let value = Secret::new(reader.bytes(1)?);
        let token_type = reader.text(2)?;
        let scope = reader.optional_text(3)?;
        let validity = Validity::decode(&mut reader)?;
        let proof_key = if reader.is_at_end() { None } else { Some(Secret::new(reader.bytes(21)?)) };
        reader.finish()?;
        let token = AccessToken::new(value, token_type, scope, validity).ok_or(Malformed)?;
        Ok(match proof_key {
            Some(key) => token.bound_to(Some(key)),
            None => token,
        })
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("value", &self.0.value)
            .field("token_type", &self.0.token_type)
            .field("scope", &self.0.scope)
            .field("validity", &self.0.validity)
            .finish()
    }
}
