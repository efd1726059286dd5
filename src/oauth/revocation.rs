//! Revoking a token that is not needed any more (RFC 7009).

use super::client_auth::Client;
use super::http::Trust;
use super::{IssuerError, Transport};
use crate::profile::Endpoint;
use crate::token::AccessToken;

impl Transport {
    /// Revokes a token. A server that does not know it reports success as well (s. 2.2); after 503 it still holds.
    pub(crate) async fn revoke(
        &self,
        url: &Endpoint,
        client: &Client<'_>,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<(), IssuerError> {
        self.post_token(url, client, token, trust).await.map(|_| ())
    }
}
