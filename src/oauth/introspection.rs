//! Asking an issuer whether a token is active (RFC 7662).

use serde::Deserialize;

use super::client_auth::Client;
use super::http::Trust;
use super::{IssuerError, Transport, wire};
use crate::profile::Endpoint;
use crate::token::AccessToken;

/// What an issuer reports about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Introspected {
    /// It is active.
    Active,
    /// It is not, for any reason.
    Inactive,
    /// The answer does not decide: `active` is no boolean.
    Unclear,
}

/// The one member that is read: every other one is for resource servers.
#[derive(Deserialize)]
struct Document {
    active: bool,
}

impl Transport {
    /// Asks whether a token is active; the client proves itself as at the token endpoint.
    pub(crate) async fn introspect(
        &self,
        url: &Endpoint,
        client: &Client<'_>,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<Introspected, IssuerError> {
        Ok(read(&self.post_token(url, client, token, trust).await?))
    }
}

fn read(body: &[u8]) -> Introspected {
    match wire::object(body) {
        Some(Document { active: true }) => Introspected::Active,
        Some(Document { active: false }) => Introspected::Inactive,
        None => Introspected::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_json_boolean_says_whether_a_token_is_active() {
        for (body, said) in [
            (r#"{"active": true}"#, Introspected::Active),
            (r#"{"active": true, "exp": "x", "scope": [1]}"#, Introspected::Active),
            (r#"{"active": false}"#, Introspected::Inactive),
            (r#"{"active": "true"}"#, Introspected::Unclear),
            (r#"{"active": 1}"#, Introspected::Unclear),
            (r#"{"active": null}"#, Introspected::Unclear),
            (r#"{"active": true, "active": false}"#, Introspected::Unclear),
            ("{}", Introspected::Unclear),
            ("[true]", Introspected::Unclear),
            ("", Introspected::Unclear),
            ("<html>", Introspected::Unclear),
        ] {
            assert_eq!(read(body.as_bytes()), said, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_say_something_or_nothing(body in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&body);
        }
    }
}
