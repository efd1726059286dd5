//! Sends a token to a resource, to check whether the resource accepts it (RFC 6750 s. 3).

use reqwest::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, StatusCode};

use super::dpop::{ProofKey, Use};
use super::http::{Trust, sensitive};
use super::{IssuerError, Transport};
use crate::profile::Endpoint;
use crate::system::clock::WallTime;
use crate::system::secret::Secret;
use crate::token::AccessToken;

/// What a resource answered to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// It opened, or would for a token with more scope: the token is good.
    Accepted(u16),
    /// It was refused as a token: 401.
    Rejected,
    /// Anything else proves nothing about the token.
    Unclear(u16),
}

impl Transport {
    /// Shows a token to a resource (RFC 6750 s. 2.1) and returns what the answer means for it.
    pub(crate) async fn probe(
        &self,
        url: &Endpoint,
        token: &AccessToken,
        trust: &Trust<'_>,
    ) -> Result<Probed, IssuerError> {
        self.in_time(url, async {
            let client = self.client(url, trust)?;
            let mut nonce: Option<String> = None;
            let secret = Secret::from(token.expose());
            loop {
                let request = shown(&client, url, token, nonce.as_deref(), self.clock().wall())?;
                let response = self.send(url, request, &[&secret]).await?;
                let status = response.status();
                let challenge = self.header(&response, WWW_AUTHENTICATE).unwrap_or_default();
                let about_the_proof = token.proof_key().is_some()
                    && (challenge.contains("use_dpop_nonce") || challenge.contains("invalid_dpop_proof"));
                let offered = self.header(&response, HeaderName::from_static("dpop-nonce"));
                let offered = offered.filter(|offered| offered.len() <= 256 && challenge.contains("use_dpop_nonce"));
                return Ok(match status {
                    _ if status.is_success() => Probed::Accepted(status.as_u16()),
                    StatusCode::FORBIDDEN if challenge.contains("insufficient_scope") => Probed::Accepted(403),
                    // Once (RFC 9449 s. 9): it proves nothing about the token.
                    StatusCode::UNAUTHORIZED if about_the_proof && nonce.is_none() && offered.is_some() => {
                        nonce = offered;
                        continue;
                    }
                    StatusCode::UNAUTHORIZED if about_the_proof => Probed::Unclear(401),
                    StatusCode::UNAUTHORIZED => Probed::Rejected,
                    _ => Probed::Unclear(status.as_u16()),
                });
            }
        })
        .await
    }
}

/// Makes the request that shows a token, with a proof if it needs one.
fn shown(
    client: &Client,
    url: &Endpoint,
    token: &AccessToken,
    nonce: Option<&str>,
    now: WallTime,
) -> Result<RequestBuilder, IssuerError> {
    let request = client.get(url.url().clone()).header(AUTHORIZATION, token.header_value());
    let Some(key) = token.proof_key() else { return Ok(request) };
    let of = Use { method: "GET", url: url.url(), token: Some(token.expose()), nonce };
    let proof = ProofKey::new(key)?.proof(&of, now)?;
    Ok(request.header(HeaderName::from_static("dpop"), sensitive(&proof)?))
}
