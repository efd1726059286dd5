//! A call to an issuer about one of its tokens, by the client that got it (RFC 7662 s. 2.1, RFC 7009 s. 2.1).

use zeroize::Zeroizing;

use super::client_auth::{Client, Form, prove};
use super::http::Trust;
use super::redact::Known;
use super::{IssuerError, Transport, wire};
use crate::profile::Endpoint;
use crate::system::secret::Secret;
use crate::token::AccessToken;

impl Transport {
    /// Sends a token back to its issuer and returns the body of a success. The client proves itself as at the token
    /// endpoint.
    pub(super) async fn post_token(
        &self,
        url: &Endpoint,
        client: &Client<'_>,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, IssuerError> {
        self.in_time(url, async {
            let mut form = Form::default();
            form.add("token", token.expose());
            form.add("token_type_hint", "access_token");
            let mut proven = prove(client, form, self.clock().wall())?;
            proven.secrets.push(Secret::from(token.expose()));
            let answer = self.post(&self.client(url, trust)?, url, &proven, Vec::new()).await?;
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            let secrets: Vec<_> = proven.secrets.iter().collect();
            Err(wire::failed(answer.unsuccessful(), Known { secrets: &secrets, urls: &client.urls }))
        })
        .await
    }
}
