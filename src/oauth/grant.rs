//! Requesting a token (RFC 6749 s. 4.4): again if that can help, with a proof of possession if one is wanted.

use reqwest::header::{HeaderName, HeaderValue};
use tracing::{debug, info};

use super::attempt::{Ended, InFlight, OnAttempt};
use super::client_auth::{Client, Form, prove};
use super::dpop::{ProofKey, Use};
use super::http::{Trust, sensitive};
use super::redact::Known;
use super::retry::{Next, next};
use super::wire::{self, Granted, Wanted};
use super::{IssuerError, Transport};
use crate::profile::{Endpoint, Grant, Repeats, Request, TokenBinding, TokenType};
use crate::system::clock::Moment;
use crate::system::secret::Secret;

/// What a token request needs.
#[derive(Clone, Copy)]
pub(crate) struct TokenRequest<'a> {
    /// The token endpoint.
    pub token_url: &'a Endpoint,
    /// The headers that a gateway there requires.
    pub headers: &'a [GatewayHeader],
    /// The requesting client.
    pub client: Client<'a>,
    /// The grant.
    pub grant: Grant,
    /// What is requested.
    pub request: &'a Request,
    /// The key that the token is to be bound to (RFC 9449).
    pub proof_key: Option<&'a ProofKey>,
    /// What the type of its tokens means, whatever the issuer calls it.
    pub token_type: Option<TokenType>,
    /// Whether a request that failed is sent again.
    pub repeats: Repeats,
    /// Earlier tokens of this client: an answer may repeat one.
    pub earlier: &'a [Secret],
}

/// A header that a gateway before the token endpoint requires.
#[derive(Debug)]
pub(crate) struct GatewayHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// Whether the value is masked in a server's text.
    pub is_masked: bool,
}

/// Writes the parts of a token request that are no credential.
pub(super) fn form(grant: Grant, request: &Request) -> Form {
    let mut form = Form::default();
    form.add("grant_type", grant.name());
    let scope = request.scope_text();
    // An empty scope is left out: some issuers refuse it.
    if !scope.is_empty() {
        form.add("scope", &scope);
    }
    if let Some(audience) = request.audience() {
        form.add("audience", audience);
    }
    request.resources().for_each(|resource| form.add("resource", resource));
    request.params().for_each(|(name, value)| form.add(name, value));
    form
}

impl Transport {
    /// Requests a token, and returns it with the time at which the request that brought it was sent. `told` is called
    /// for every request, repeats included. Must run inside a tokio runtime.
    pub(crate) async fn token(
        &self,
        asked: &TokenRequest<'_>,
        trust: &Trust<'_>,
        told: OnAttempt<'_>,
    ) -> Result<(Granted, Moment), IssuerError> {
        self.in_time(asked.token_url, async {
            let client = self.client(asked.token_url, trust)?;
            let begun = self.clock().boot();
            let mut nonce: Option<String> = None;
            let mut failures = 0;
            loop {
                let late = (self.timeout().saturating_sub(self.passed_since(begun)), self.too_late(asked.token_url));
                let flight = InFlight::new(self.clock().clone(), told, late);
                let sent = flight.sent();
                let (error, offered) = match self.attempt(&client, asked, nonce.as_deref()).await {
                    Ok(granted) => {
                        flight.end(Ended::Granted(granted.lifetime));
                        return Ok((granted, sent));
                    }
                    Err(failure) => failure,
                };
                flight.end(Ended::Failed(&error));
                // Once: an issuer that wants a nonce each time would be asked for ever (RFC 9449 s. 8).
                if nonce.is_none() && is_use_dpop_nonce(&error) && offered.is_some() {
                    nonce = offered;
                    continue;
                }
                let left = self.timeout().saturating_sub(self.passed_since(begun));
                match next(&error, failures, left, random_byte()) {
                    Next::Pause(pause) if asked.repeats == Repeats::Bounded => {
                        debug!(failures, ?pause, "the token request failed and is repeated: {error}");
                        tokio::time::sleep(pause).await;
                    }
                    _ => return Err(error),
                }
                failures += 1;
            }
        })
        .await
    }

    /// Sends one request; a failure comes with the nonce that the issuer offered.
    async fn attempt(
        &self,
        client: &reqwest::Client,
        asked: &TokenRequest<'_>,
        nonce: Option<&str>,
    ) -> Result<Granted, (IssuerError, Option<String>)> {
        let plain = |error| (error, None);
        let now = self.clock().wall();
        let mut proven = prove(&asked.client, form(asked.grant, asked.request), now).map_err(plain)?;
        proven
            .secrets
            .extend(asked.headers.iter().filter(|header| header.is_masked).map(|header| header.value.clone()));
        let mut headers = written(asked.headers).map_err(plain)?;
        if let Some(key) = asked.proof_key {
            let of = Use { method: "POST", url: asked.token_url.url(), token: None, nonce };
            let proof = key.proof(&of, now).map_err(plain)?;
            headers.push((HeaderName::from_static("dpop"), sensitive(&proof).map_err(plain)?));
        }
        info!(url = %asked.token_url, method = asked.client.auth.name(), "asking the issuer for a token");
        let answer = self.post(client, asked.token_url, &proven, headers).await.map_err(plain)?;
        let secrets: Vec<_> = proven.secrets.iter().chain(asked.earlier).collect();
        let known = Known { secrets: &secrets, urls: &asked.client.urls };
        if answer.status.is_success() {
            let binding = if asked.proof_key.is_some() { TokenBinding::Dpop } else { TokenBinding::Bearer };
            let wanted = Wanted { binding, token_type: asked.token_type };
            wire::granted(answer.status.as_u16(), &answer.body, known, wanted).map_err(plain)
        } else {
            // What was signed holds the time: an issuer with another clock takes it for past or future.
            let has_signed = asked.client.auth.signs() || asked.proof_key.is_some();
            let clock = answer.clock_difference.filter(|_| has_signed);
            Err((wire::failed(answer.unsuccessful(), known).under_clock(clock), answer.dpop_nonce))
        }
    }
}

fn written(headers: &[GatewayHeader]) -> Result<Vec<(HeaderName, HeaderValue)>, IssuerError> {
    let one = |header: &GatewayHeader| {
        let unusable = |_| IssuerError::Credential("a header for the gateway cannot be written");
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(unusable)?;
        let value = sensitive(header.value.expose_text().unwrap_or_default())?;
        Ok((name, value))
    };
    headers.iter().map(one).collect()
}

fn is_use_dpop_nonce(error: &IssuerError) -> bool {
    matches!(error, IssuerError::Refused { error: Some(error), .. } if error == "use_dpop_nonce")
}

/// Jitter need not be unguessable: without randomness it is the middle.
fn random_byte() -> u8 {
    let mut byte = [128];
    let _ = crate::system::random::fill(&mut byte);
    byte[0]
}
