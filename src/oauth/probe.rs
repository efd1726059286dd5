//! Showing a token to a resource, to see whether it opens (RFC 6750 s. 3).

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use zeroize::Zeroizing;

use super::dpop::{ProofKey, Use};
use super::http::{Trust, sensitive};
use super::{IssuerError, Transport};
use crate::profile::Endpoint;
use crate::token::AccessToken;

/// What a resource answered to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// It opened, or would for a token with more scope: the token is good.
    Accepted(u16),
    /// It was refused as a token: 401.
    Rejected,
    /// Anything else says nothing about the token.
    Unclear(u16),
}

impl Transport {
    /// Shows a token to a resource (RFC 6750 s. 2.1) and tells what the answer says about it.
    pub(crate) async fn probe(
        &self,
        url: &Endpoint,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<Probed, IssuerError> {
        self.in_time(url, async {
            let authorization = Zeroizing::new(format!("{} {}", token.token_type(), token.expose()));
            let client = self.client(url, trust)?;
            let mut request = client.get(url.url().clone()).header(AUTHORIZATION, sensitive(&authorization)?);
            if let Some(key) = token.proof_key() {
                let of = Use { method: "GET", url: url.url(), token: Some(token.expose()), nonce: None };
                let proof = ProofKey::new(key)?.proof(&of, self.clock().wall())?;
                request = request.header(HeaderName::from_static("dpop"), sensitive(&proof)?);
            }
            let response = self.send(url, request).await?;
            let status = response.status();
            let challenge = self.header(&response, WWW_AUTHENTICATE).unwrap_or_default();
            Ok(match status {
                _ if status.is_success() => Probed::Accepted(status.as_u16()),
                StatusCode::FORBIDDEN if challenge.contains("insufficient_scope") => Probed::Accepted(403),
                StatusCode::UNAUTHORIZED => Probed::Rejected,
                _ => Probed::Unclear(status.as_u16()),
            })
        })
        .await
    }
}
