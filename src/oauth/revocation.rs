//! Telling an issuer that a token is not needed any more (RFC 7009).

use super::client_auth::{Client, Form, prove};
use super::http::Trust;
use super::wire;
use super::{IssuerError, Transport};
use crate::profile::Endpoint;
use crate::secret::Secret;
use crate::token::AccessToken;

impl Transport {
    /// Revokes a token. A server that does not know it says yes as well (s. 2.2); after 503 it still holds.
    pub(crate) async fn revoke(
        &self,
        url: &Endpoint,
        client: &Client<'_>,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<(), IssuerError> {
        self.in_time(url, async {
            let mut form = Form::default();
            form.add("token", token.expose());
            form.add("token_type_hint", "access_token");
            let mut proven = prove(client, form, self.clock().wall())?;
            proven.secrets.push(Secret::from(token.expose()));
            let answer = self.post(&self.client(url, trust)?, url, &proven, Vec::new()).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            let secrets: Vec<_> = proven.secrets.iter().collect();
            Err(wire::failed(answer.status.as_u16(), &answer.body, answer.retry_after, &secrets))
        })
        .await
    }
}
