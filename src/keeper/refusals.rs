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
    pub(super) fn refusal(&self, asked: &ResolvedRequest) -> Option<Error> {
        let own = self.remembered_of(asked).and_then(|refusal| self.refused(asked, refusal));
        own.or_else(|| {
            let of_client = self.remembered_of(&asked.of_client())?;
            if of_client.code == Code::InvalidClient.name() { self.refused(asked, of_client) } else { None }
        })
    }

    fn remembered_of(&self, asked: &ResolvedRequest) -> Option<Refusal> {
        self.parts.cache_access.cache()?.refusal(&asked.identity).unwrap_or_else(|fault| {
            self.warn(&fault);
            None
        })
    }

    /// Returns the error that the first caller got; `None` if it does not hold any more.
    pub(super) fn refused(&self, asked: &ResolvedRequest, refusal: Refusal) -> Option<Error> {
        // A user that mended the proxy's variable is not held back.
        if refusal.way.is_some() && refusal.way != way_to(&asked.profile.token_url) {
            return None;
        }
        let Freshness::Fresh(left) = refusal.validity.at(&self.parts.clock.now()) else { return None };
        let code = Code::parse(&refusal.code)?;
        let remedy = match code {
            Code::InvalidClient => self.right_client(asked),
            _ => Remedy::Wait(rounded_up(left)),
        };
        let mut error = Error::new(code, refusal.message).with_remedy(remedy);
        error.remembered = true;
        error.is_final = refusal.way.is_some();
        error.retry_after = Some(rounded_up(left));
        error.http_status = refusal.http_status;
        error.oauth_error = refusal.oauth_error;
        Some(error.for_profile(&asked.profile.name))
    }

    /// Makes the error of a request that failed. A secret that the profile refers to is corrected in its place.
    pub(super) fn failed(&self, asked: &ResolvedRequest, error: IssuerError) -> Error {
        let error = Error::from(error).for_profile(&asked.profile.name);
        // A signature that was refused because of the clock is no wrong client.
        match error.remedy() {
            Some(Remedy::SetRightClient) => error.with_remedy(self.right_client(asked)),
            Some(Remedy::SetRightKey) => match self.right_client(asked) {
                Remedy::SetRightClient => error,
                elsewhere => error.with_remedy(elsewhere),
            },
            _ => error,
        }
    }

    fn right_client(&self, asked: &ResolvedRequest) -> Remedy {
        match (&self.parts.secrets, &asked.profile.secret) {
            (Secrets::Profile, SecretSource::Reference(reference)) => Remedy::CorrectSecretIn(reference.place()),
            _ => Remedy::SetRightClient,
        }
    }

    /// Remembers a refusal if another request soon would do harm.
    pub(super) fn keep_refusal_of(&self, asked: &ResolvedRequest, error: &Error, writer: WriteMode) {
        let Some(lifetime) = remembered(error) else { return };
        let mut refusal = self.made(error, lifetime);
        if error.is_refusal_of_proxy() {
            refusal.way = way_to(&asked.profile.token_url);
        }
        self.keep_refusal(asked, &refusal, writer);
        self.keep_refusal_of_client(asked, error, &refusal);
    }

    pub(super) fn keep_refusal(&self, asked: &ResolvedRequest, refusal: &Refusal, writer: WriteMode) {
        let Some(cache) = self.parts.cache_access.cache() else { return };
        if let Err(fault) = cache.keep_refusal(&asked.identity, refusal, writer) {
            self.warn(&fault);
        }
        self.take_back_if_retired(asked);
    }

    /// Remembers a wrong credential for every request of the client: each one would be another login with it.
    fn keep_refusal_of_client(&self, asked: &ResolvedRequest, error: &Error, refusal: &Refusal) {
        let client = asked.of_client();
        if error.code() == Code::InvalidClient && client.identity != asked.identity {
            self.keep_refusal(&client, refusal, WriteMode::Concurrent);
        }
    }

    /// Returns how a fetch failed, and the refusal that other hosts get.
    pub(super) fn told(&self, asked: &ResolvedRequest, error: &Error) -> (Failure, Refusal) {
        let has_own_credential = asked.profile.fleet_epoch.is_some();
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
