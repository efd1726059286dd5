//! Keeping a token that the issuer gave: in memory, and in the cache if that can be done.

use std::collections::BTreeSet;
use std::time::Duration;

use super::memory::{self, ResolvedRequest};
use super::{Keeper, NoCache, Want};
use crate::cache::single_flight::{NoLock, TurnGuard, forget_lock};
use crate::cache::store::{RecordError, WriteMode};
use crate::cache::{self, Cache, CacheFault, Extent};
use crate::error::warning::Warning;
use crate::error::{Code, Error, ErrorKind, Remedy, chain};
use crate::oauth::Granted;
use crate::profile::Request;
use crate::secrets::SecretsError;
use crate::system::clock::Moment;
use crate::system::files::Missing;
use crate::system::secret::Secret;
use crate::token::{AccessToken, Freshness, LifetimeFrom, Validity};

/// What happens to a token that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is handed out with a warning: the next call requests another one.
    IfPossible,
    /// It is an error: each call would cost a request to the issuer.
    Required,
}

impl Keeper {
    /// If tokens have to be kept, checks that this can be done, as far as that shows before a request to the issuer.
    pub(super) fn can_keep(&self, ticket: &TurnGuard) -> Result<(), Error> {
        if self.parts.keeping == Keeping::IfPossible {
            return Ok(());
        }
        let name = self.profile().name;
        let without = |error: Error| Err(unkept(error, "the issuer was not asked").for_profile(&name));
        if self.parts.lazy_cache.cache().is_none() {
            return without(match self.parts.lazy_cache.reason() {
                Some(NoCache::DataKey(error)) => Error::of_secrets(error),
                Some(NoCache::NotChosen) => Error::of_secrets(&SecretsError::NotChosen),
                Some(NoCache::Unusable(why)) => Error::of_secrets(&SecretsError::Unusable(why.clone())),
                Some(NoCache::Place(error)) => of_store(error),
                Some(NoCache::Chosen) => Error::new(Code::CacheUnavailable, "it was chosen that nothing is kept")
                    .with_remedy(Remedy::MoveToFiles),
                None => Error::new(Code::CacheUnavailable, "there is no cache"),
            });
        }
        if let Some(Err(place)) = self.parts.flight.data_dir().map(|dir| dir.dir("tokens", Missing::Create)) {
            return without(Error::new(Code::CacheUnavailable, chain(&place)).with_remedy(Remedy::CheckDataDirectory));
        }
        match ticket.lock_error() {
            Some(NoLock::Place(place)) => {
                without(Error::new(Code::CacheUnavailable, chain(place)).with_remedy(Remedy::CheckDataDirectory))
            }
            Some(NoLock::TimedOut | NoLock::NoPlace | NoLock::Unsupported) | None => Ok(()),
        }
    }

    /// Makes the error for a token that was issued, and could not be kept as it has to be.
    pub(super) fn not_kept(&self, fault: &CacheFault) -> Error {
        let error = match fault {
            CacheFault::Store(error) => of_store(error),
            CacheFault::Unsealed | CacheFault::NewerVersion | CacheFault::Seal(_) => {
                Error::new(Code::CacheUnavailable, chain(fault)).with_remedy(Remedy::Diagnose)
            }
        };
        unkept(error, "the issuer gave a token, which was not kept")
    }
}

impl Keeper {
    /// Makes the token and keeps it. A failure to keep it is a warning, and the token is handed out, unless tokens have
    /// to be kept.
    pub(super) fn keep(
        &self,
        request: &ResolvedRequest,
        want: &Want,
        granted: Granted,
        proof_key: Option<Secret>,
        sent: Moment,
        writer: WriteMode,
    ) -> Result<AccessToken, Error> {
        let assumed = request.profile.default_lifetime;
        let (lifetime, lifetime_from) = match granted.lifetime {
            Some(lifetime) => (lifetime, LifetimeFrom::Issuer),
            None => (assumed.min(crate::token::LONGEST_LIFETIME), LifetimeFrom::Assumed),
        };
        if granted.lacks_type && request.profile.token_type.is_none() {
            self.observe(&Warning::TokenTypeMissing);
        }
        if lifetime_from == LifetimeFrom::Assumed {
            self.observe(&Warning::LifetimeAssumed(lifetime));
        }
        if let Some(scope) = granted.scope.as_deref().and_then(|granted| narrowed(&request.profile.request, granted)) {
            self.observe(&Warning::ScopeNarrowed(scope));
        }
        let mut validity = Validity { sent, lifetime, lifetime_from };
        if validity.at(&self.parts.clock.now()) == Freshness::Stale {
            validity.lifetime = Duration::ZERO;
        }
        self.warn_of_lifetime(&validity, want);
        let token = AccessToken::new(granted.value, granted.token_type, granted.scope.as_deref(), validity)
            .ok_or_else(|| Error::new(Code::TokenMalformed, "the issuer's token cannot be used"))?;
        let token = if proof_key.is_some() { token.bound_to(proof_key) } else { token };
        // Also if it is over by now: the callers that waited for it would get no better one.
        let kept = match self.keep_in_cache(request, &token, writer) {
            Some(Ok(())) => memory::Kept::Yes,
            Some(Err(fault)) if self.parts.keeping == Keeping::Required => {
                return Err(self.not_kept(&fault).for_profile(&request.profile.name));
            }
            Some(Err(fault)) => {
                self.warn(&fault);
                memory::Kept::No
            }
            None => {
                self.parts.lazy_cache.reason().iter().for_each(|reason| self.warn_without_cache(reason));
                memory::Kept::No
            }
        };
        let least_life = self.valid().least_life(token.validity().lifetime);
        self.memory.hold_for(request, &token, kept, &self.parts.clock.now(), least_life);
        Ok(token)
    }
}

impl Keeper {
    /// Keeps a token in the cache; `None` if there is no cache. Afterwards it checks what changed while the record was
    /// written: the process that changed it looked for records before this one was there.
    pub(super) fn keep_in_cache(
        &self,
        request: &ResolvedRequest,
        token: &AccessToken,
        writer: WriteMode,
    ) -> Option<Result<(), CacheFault>> {
        let keep = |cache: Cache| cache.keep(&request.identity, token, writer, &*self.parts.clock);
        self.parts.lazy_cache.follow();
        let mut kept = keep(self.parts.lazy_cache.cache()?);
        // It was sealed with a key that is no longer in effect.
        if self.parts.lazy_cache.follow()
            && let Some(cache) = self.parts.lazy_cache.cache()
        {
            kept = keep(cache);
        }
        if self.memory.is_rejected(token, &self.parts.clock.now()) {
            self.forget_rejected(request);
        }
        self.take_back_if_retired(request);
        if writer == WriteMode::Exclusive {
            self.sweep_now_and_then();
        }
        Some(kept)
    }

    /// Erases the records of a generation that was retired while they were written. The command that retired it looked
    /// for records before these were there, and nothing names them any more.
    pub(super) fn take_back_if_retired(&self, request: &ResolvedRequest) {
        let Some(generation) = request.profile.generation() else { return };
        let is_retired = match self.memory.follow(&self.parts.source) {
            Ok(()) => self.memory.request().profile.generation() != Some(generation),
            // A profile that cannot be read is not absent.
            Err(error) => error.code() == Code::ProfileNotFound,
        };
        if !is_retired {
            return;
        }
        let name = request.identity.name();
        if let Some(Err(fault)) = self.parts.lazy_cache.cache().map(|cache| cache.forget(name)) {
            self.warn(&fault);
        }
        if let Some(Err(error)) = self.parts.flight.data_dir().map(|dir| forget_lock(dir, name)) {
            tracing::debug!("the lock of a retired generation stays: {}", chain(&error));
        }
    }

    /// Removes some of what no caller needs any more, once in 64 times.
    fn sweep_now_and_then(&self) {
        let mut random = [0; 1];
        let is_now = crate::system::random::fill(&mut random).is_ok() && random[0] % 64 == 0;
        let (true, Some(dir), Some(cache)) = (is_now, self.parts.flight.data_dir(), self.parts.lazy_cache.cache())
        else {
            return;
        };
        // The token is kept by now; another caller tries again to remove what stays.
        if let Err(fault) = cache::sweep(dir, Some(&cache), &*self.parts.clock, Extent::Sample) {
            tracing::debug!("what is not needed any more stays: {}", chain(&fault));
        }
    }
}

impl Keeper {
    /// Warns of a token that no later caller can use: each call is a request to the issuer, which bills or throttles.
    fn warn_of_lifetime(&self, validity: &Validity, want: &Want) {
        let lifetime = validity.lifetime;
        match want {
            _ if lifetime.is_zero() => self.observe(&Warning::LifetimeZero),
            Want::Valid { min_ttl } if *min_ttl >= lifetime => {
                self.observe(&Warning::MinTtlAboveLifetime { min_ttl: *min_ttl, lifetime });
            }
            _ => {}
        }
    }
}

/// Makes an error of a kind that a script can distinguish from a refused credential.
fn unkept(error: Error, end: &str) -> Error {
    let code = if error.code().kind() == ErrorKind::Store { error.code() } else { Code::CacheUnavailable };
    let made = Error::new(code, format!("tokens have to be kept (`required`), and cannot be: {error}; {end}"));
    match error.remedy() {
        Some(remedy) => made.with_remedy(remedy.clone()),
        None => made.with_remedy(Remedy::Diagnose),
    }
}

fn of_store(error: &RecordError) -> Error {
    Error::new(Code::CacheUnavailable, chain(error)).with_remedy(Remedy::CheckDataDirectory)
}

/// Returns the granted scope if it lacks one that was requested.
fn narrowed(request: &Request, granted: &str) -> Option<String> {
    let granted_set: BTreeSet<&str> = granted.split(' ').collect();
    let lacks = request.scopes().any(|scope| !granted_set.contains(scope));
    // In the caller's own words: what else the issuer wrote there may be a part of the token.
    let granted = || request.scopes().filter(|scope| granted_set.contains(scope)).collect::<Vec<_>>().join(" ");
    lacks.then(|| crate::oauth::one_line(&granted(), 300))
}
