//! Refusals that are remembered, so that a herd of callers, and the next cron run, send one request.

use std::time::Duration;

use super::memory::ResolvedRequest;
use super::{Keeper, Secrets, rounded_up};
use crate::cache::store::WriteMode;
use crate::error::{Code, Error, ErrorKind, Remedy};
use crate::fleet::Failure;
use crate::oauth::{IssuerError, LONGEST_PAUSE, way_to};
use crate::profile::SecretSource;
use crate::token::refusal::Refusal;
use crate::token::{Freshness, LifetimeFrom, Validity};

/// How long hosts that share tokens share a refusal, at most: the operator of the store may put one back.
const LONGEST_SHARED: Duration = Duration::from_secs(60);
/// How long a final refusal is remembered.
const FINAL: Duration = Duration::from_secs(10);
/// How long a busy or faulty issuer gets no request, if it names no time.
const BUSY: Duration = Duration::from_secs(5);
/// How long hosts act on the failure of another host.
const SHARED_FAILURE: Duration = Duration::from_secs(5);

impl Keeper {
    /// Returns the error of a remembered refusal that still holds.
    pub(super) fn refusal(&self, request: &ResolvedRequest) -> Option<Error> {
        let own = self.remembered_of(request).and_then(|refusal| self.refused(request, refusal));
        own.or_else(|| {
            let of_client = self.remembered_of(&request.of_client())?;
            if of_client.code == Code::InvalidClient.name() { self.refused(request, of_client) } else { None }
        })
    }

    fn remembered_of(&self, request: &ResolvedRequest) -> Option<Refusal> {
        self.parts.lazy_cache.cache()?.refusal(&request.identity).unwrap_or_else(|fault| {
            self.warn(&fault);
            None
        })
    }

    /// Returns the error that the first caller got; `None` if it does not hold any more.
    pub(super) fn refused(&self, request: &ResolvedRequest, refusal: Refusal) -> Option<Error> {
        // A user that mended the proxy's variable is not held back.
        if refusal.way.is_some() && refusal.way != way_to(&request.profile.token_url) {
            return None;
        }
        let Freshness::Fresh(left) = refusal.validity.at(&self.parts.clock.now()) else { return None };
        let code = Code::parse(&refusal.code)?;
        let remedy = match code {
            Code::InvalidClient => self.right_client(request),
            _ => Remedy::Wait(rounded_up(left)),
        };
        let mut error = Error::new(code, refusal.message).with_remedy(remedy);
        error.remembered = true;
        error.is_final = refusal.way.is_some();
        error.retry_after = Some(rounded_up(left));
        error.http_status = refusal.http_status;
        error.oauth_error = refusal.oauth_error;
        Some(error.for_profile(&request.profile.name))
    }

    /// Makes the error of a request that failed. A secret that the profile refers to is corrected in its place.
    pub(super) fn failed(&self, request: &ResolvedRequest, error: IssuerError) -> Error {
        let error = Error::from(error).for_profile(&request.profile.name);
        // A signature that was refused because of the clock is no wrong client.
        match error.remedy() {
            Some(Remedy::SetRightClient) => error.with_remedy(self.right_client(request)),
            Some(Remedy::SetRightKey) => match self.right_client(request) {
                Remedy::SetRightClient => error,
                elsewhere => error.with_remedy(elsewhere),
            },
            _ => error,
        }
    }

    fn right_client(&self, request: &ResolvedRequest) -> Remedy {
        match (&self.parts.secrets, &request.profile.secret) {
            (Secrets::Profile, SecretSource::Reference(reference)) => Remedy::CorrectSecretIn(reference.place()),
            _ => Remedy::SetRightClient,
        }
    }

    /// Remembers a refusal if another request soon would do harm.
    pub(super) fn keep_refusal_of(&self, request: &ResolvedRequest, error: &Error, writer: WriteMode) {
        let Some(lifetime) = remembered(error) else { return };
        let mut refusal = self.made(error, lifetime);
        if error.is_refusal_of_proxy() {
            refusal.way = way_to(&request.profile.token_url);
        }
        self.keep_refusal(request, &refusal, writer);
        self.keep_refusal_of_client(request, error, &refusal);
    }

    pub(super) fn keep_refusal(&self, request: &ResolvedRequest, refusal: &Refusal, writer: WriteMode) {
        let Some(cache) = self.parts.lazy_cache.cache() else { return };
        if let Err(fault) = cache.keep_refusal(&request.identity, refusal, writer) {
            self.warn(&fault);
        }
        self.take_back_if_retired(request);
    }

    /// Remembers a wrong credential for every request of the client: each one would be another login with it.
    fn keep_refusal_of_client(&self, request: &ResolvedRequest, error: &Error, refusal: &Refusal) {
        let client = request.of_client();
        if error.code() == Code::InvalidClient && client.identity != request.identity {
            self.keep_refusal(&client, refusal, WriteMode::Concurrent);
        }
    }

    /// Returns how a fetch failed, and the refusal that other hosts get.
    pub(super) fn reported(&self, request: &ResolvedRequest, error: &Error) -> (Failure, Refusal) {
        let has_own_credential = request.profile.fleet_epoch.is_some();
        match (error.code(), error.code().kind(), remembered(error)) {
            // Each host has a credential of its own, and this one's is not valid.
            (Code::InvalidGrant, ..) | (_, ErrorKind::AuthRejected, _) if has_own_credential => {
                (Failure::Here, self.made(error, SHARED_FAILURE))
            }
            // What does not speak the protocol may be in the way of this host only.
            (
                Code::ResponseMalformed
                | Code::ResponseTooLarge
                | Code::TokenMalformed
                | Code::RedirectRefused
                | Code::Connect,
                ..,
            )
            | (_, ErrorKind::Unavailable, None) => (Failure::Underway, self.made(error, SHARED_FAILURE)),
            (_, _, Some(lifetime)) => (Failure::Answered, self.made(error, lifetime.min(LONGEST_SHARED))),
            (_, _, None) => (Failure::Here, self.made(error, SHARED_FAILURE)),
        }
    }

    fn made(&self, error: &Error, lifetime: Duration) -> Refusal {
        Refusal {
            code: error.code().name().to_owned(),
            message: error.to_string(),
            http_status: error.http_status(),
            way: None,
            oauth_error: error.oauth_error().map(str::to_owned),
            validity: Validity { sent: self.parts.clock.now(), lifetime, lifetime_from: LifetimeFrom::Issuer },
        }
    }
}

/// Returns how long an error is remembered, if it is: a final refusal, whatever its code, and a fault of the issuer.
/// Each caller of a herd would get the same, and at some issuers the tenth wrong login locks the account.
fn remembered(error: &Error) -> Option<Duration> {
    match (error.code(), error.code().kind()) {
        // What leads elsewhere, or gives less than was requested, does so again; a directory counts wrong passwords.
        (Code::RedirectRefused | Code::DowngradeRefused, _) => Some(FINAL),
        _ if error.is_refusal_of_proxy() => Some(FINAL),
        (_, ErrorKind::AuthRejected | ErrorKind::Protocol) => Some(FINAL),
        (Code::RateLimited | Code::ServerError, _) => Some(error.retry_after().unwrap_or(BUSY).min(LONGEST_PAUSE)),
        _ => None,
    }
}
