//! Requesting a token from the issuer, and keeping it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::credential::Proof;
use super::fleet::FleetLease;
use super::memory::{self, ResolvedRequest};
use super::{Keeper, Keeping, Want};
use crate::cache::single_flight::{TurnGuard, forget_lock};
use crate::cache::store::WriteMode;
use crate::cache::{self, Cache, CacheFault, Extent};
use crate::error::warning::Warning;
use crate::error::{Code, Error, chain};
use crate::fleet::Lease;
use crate::ledger::{Entry, Kind};
use crate::oauth::issuer_code;
use crate::oauth::{Attempt, Ended, Granted, ProofKey, TokenRequest};
use crate::profile::{Request, TokenBinding};
use crate::system::clock::Moment;
use crate::system::secret::Secret;
use crate::token::{AccessToken, Freshness, LifetimeFrom, Validity};

/// The hosts that a token is requested for.
pub(super) enum FetchFor<'a> {
    /// All hosts.
    Fleet(Box<FleetLease<'a>>),
    /// This host only; with the proof, if it was read.
    ThisHost(Option<Proof>),
}

impl Keeper {
    /// Requests a token from the issuer, and hands it to the fleet if this host has the turn. Returns `None` if the
    /// profile or its secret was set again meanwhile: the next request has to use it as it is now. `moved` records that
    /// the secret was set again before.
    pub(super) async fn fetch(
        &self,
        asked: &Arc<ResolvedRequest>,
        want: &Want,
        ticket: &TurnGuard,
        chance: FetchFor<'_>,
        moved: &mut bool,
    ) -> Result<Option<AccessToken>, Error> {
        self.warn_without_lock(ticket);
        let turn = match chance {
            FetchFor::Fleet(turn) => turn,
            FetchFor::ThisHost(Some(proof)) => return self.asked_for(asked, want, ticket, proof).await.map(Some),
            FetchFor::ThisHost(None) => {
                let Some(proof) = self.proof(asked).await? else { return Ok(None) };
                return self.asked_for(asked, want, ticket, proof).await.map(Some);
            }
        };
        let FleetLease { lease, member, proof } = *turn;
        let reading = async {
            match proof {
                Some(proof) => Ok(Some((proof, false))),
                None => match self.proof(asked).await? {
                    Some(proof) => {
                        let renewed = self.renewed(asked, &member, &proof).await;
                        Ok::<_, Error>(Some((proof, renewed)))
                    }
                    None => Ok(None),
                },
            }
        };
        let proof = match lease.during(reading).await {
            // The hosts that have the new secret, or are about to, have another turn. If it changes with each reading,
            // or cannot be kept, this host continues without the fleet.
            Ok(Some((proof, true))) => {
                lease.leave().await;
                if std::mem::replace(moved, true) {
                    return self.asked_for(asked, want, ticket, proof).await.map(Some);
                }
                return Ok(None);
            }
            Ok(Some((proof, false))) => proof,
            Ok(None) => {
                lease.leave().await;
                return Ok(None);
            }
            Err(error) => {
                lease.leave().await;
                return Err(error);
            }
        };
        let fetched = lease.during(self.asked_for(asked, want, ticket, proof)).await;
        match &fetched {
            Ok(token) => self.share(lease, token).await,
            Err(error) => self.tell(asked, lease, error).await,
        }
        fetched.map(Some)
    }

    /// Hands a token to the fleet. Whatever fails is a warning: the token is handed out.
    async fn share(&self, lease: Lease<'_>, token: &AccessToken) {
        let Some(fleet) = &self.parts.fleet else { return };
        if let Err(error) = lease.publish(token).await
            && self.is_to_be_told(fleet, &error)
        {
            self.observe(&Warning::FleetUnavailable(error.to_string()));
        }
    }

    /// Reports a failed fetch to the fleet.
    async fn tell(&self, asked: &ResolvedRequest, lease: Lease<'_>, error: &Error) {
        let (failure, refusal) = self.told(asked, error);
        if let Err(error) = lease.report(failure, refusal).await {
            tracing::debug!("the fleet was not told: {error}");
        }
    }

    async fn asked_for(
        &self,
        asked: &Arc<ResolvedRequest>,
        want: &Want,
        ticket: &TurnGuard,
        proof: Proof,
    ) -> Result<AccessToken, Error> {
        let profile = &asked.profile;
        // A key for each token (RFC 9449): what one token gives away reveals nothing about the next.
        let key = (profile.token_binding == TokenBinding::Dpop).then(ProofKey::generate).transpose();
        let key = key.map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let proof_key = key.as_ref().map(ProofKey::new).transpose();
        let proof_key = proof_key.map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let headers = self.headers(asked).await?;
        let request = TokenRequest {
            token_url: &profile.token_url,
            headers: &headers,
            client: proof.client(profile),
            grant: profile.grant,
            request: &profile.request,
            proof_key: proof_key.as_ref(),
            token_type: profile.token_type,
            repeats: profile.repeats,
            earlier: &self.earlier(asked),
        };
        let writer = if ticket.lock_error().is_none() { WriteMode::Exclusive } else { WriteMode::Concurrent };
        let told = |attempt: &Attempt<'_>| (self.parts.recorder)(entry(asked, attempt));
        match self.parts.transport.token(&request, &proof.trust(), &told).await {
            Ok((granted, sent)) => self.keep(asked, want, granted, key, sent, writer),
            Err(error) => {
                let error = self.failed(asked, error);
                self.keep_refusal_of(asked, &error, writer);
                Err(self.with_kept_token(asked, want, error))
            }
        }
    }

    /// Returns the tokens that this host has: an issuer may repeat one in the answer to a later request.
    fn earlier(&self, asked: &ResolvedRequest) -> Vec<Secret> {
        // A cache that cannot be read has been reported by now, and gives no token away.
        let cached = self.in_cache(asked).ok().flatten().map(|(_, token)| token);
        let unkept = self.held.unkept().map(|(token, _)| token);
        cached.into_iter().chain(unkept).map(|token| Secret::from(token.expose())).collect()
    }

    /// Makes the token and keeps it. A failure to keep it is a warning, and the token is handed out, unless tokens have
    /// to be kept.
    fn keep(
        &self,
        asked: &ResolvedRequest,
        want: &Want,
        granted: Granted,
        proof_key: Option<Secret>,
        sent: Moment,
        writer: WriteMode,
    ) -> Result<AccessToken, Error> {
        let assumed = asked.profile.default_lifetime;
        let (lifetime, lifetime_from) = match granted.lifetime {
            Some(lifetime) => (lifetime, LifetimeFrom::Issuer),
            None => (assumed.min(crate::token::LONGEST_LIFETIME), LifetimeFrom::Assumed),
        };
        if granted.lacks_type && asked.profile.token_type.is_none() {
            self.observe(&Warning::TokenTypeMissing);
        }
        if lifetime_from == LifetimeFrom::Assumed {
            self.observe(&Warning::LifetimeAssumed(lifetime));
        }
        if let Some(scope) = granted.scope.as_deref().and_then(|granted| narrowed(&asked.profile.request, granted)) {
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
        let kept = match self.keep_in_cache(asked, &token, writer) {
            Some(Ok(())) => memory::Kept::Yes,
            Some(Err(fault)) if self.parts.keeping == Keeping::Required => {
                return Err(self.not_kept(&fault).for_profile(&asked.profile.name));
            }
            Some(Err(fault)) => {
                self.warn(&fault);
                memory::Kept::No
            }
            None => {
                self.parts.cache_access.reason().iter().for_each(|reason| self.warn_without_cache(reason));
                memory::Kept::No
            }
        };
        let Want::Valid { min_ttl } = self.valid() else { return Ok(token) };
        self.held.hold_for(asked, &token, kept, &self.parts.clock.now(), min_ttl);
        Ok(token)
    }
}

impl Keeper {
    /// Keeps a token in the cache; `None` if there is no cache. Afterwards it checks what changed while the record was
    /// written: the process that changed it looked for records before this one was there.
    pub(super) fn keep_in_cache(
        &self,
        asked: &ResolvedRequest,
        token: &AccessToken,
        writer: WriteMode,
    ) -> Option<Result<(), CacheFault>> {
        let keep = |cache: Cache| cache.keep(&asked.identity, token, writer, &*self.parts.clock);
        self.parts.cache_access.follow();
        let mut kept = keep(self.parts.cache_access.cache()?);
        // It was sealed with a key that is no longer in effect.
        if self.parts.cache_access.follow()
            && let Some(cache) = self.parts.cache_access.cache()
        {
            kept = keep(cache);
        }
        if self.held.is_rejected(token, &self.parts.clock.now()) {
            self.forget_rejected(asked);
        }
        self.take_back_if_retired(asked);
        if writer == WriteMode::Exclusive {
            self.sweep_now_and_then();
        }
        Some(kept)
    }

    /// Erases the records of a generation that was retired while they were written. The command that retired it looked
    /// for records before these were there, and nothing names them any more.
    pub(super) fn take_back_if_retired(&self, asked: &ResolvedRequest) {
        let Some(generation) = asked.profile.generation() else { return };
        let is_retired = match self.held.follow(&self.parts.source) {
            Ok(()) => self.held.asked().profile.generation() != Some(generation),
            // A profile that cannot be read is not absent.
            Err(error) => error.code() == Code::ProfileNotFound,
        };
        if !is_retired {
            return;
        }
        let name = asked.identity.name();
        if let Some(Err(fault)) = self.parts.cache_access.cache().map(|cache| cache.forget(name)) {
            self.warn(&fault);
        }
        if let Some(Err(error)) = self.parts.flight.data_dir().map(|dir| forget_lock(dir, name)) {
            tracing::debug!("the lock of a retired generation stays: {}", chain(&error));
        }
    }

    /// Removes some of what no caller needs any more, once in 64 times.
    fn sweep_now_and_then(&self) {
        let mut random = [0; 1];
        let is_now = getrandom::fill(&mut random).is_ok() && random[0] % 64 == 0;
        let (true, Some(dir), Some(cache)) = (is_now, self.parts.flight.data_dir(), self.parts.cache_access.cache())
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

/// Makes the ledger's entry of a request that has ended.
fn entry(asked: &ResolvedRequest, attempt: &Attempt<'_>) -> Entry {
    let name = asked.profile.name.as_str();
    let entry = Entry::new(name, asked.identity.name(), Kind::Token, attempt.sent.wall, attempt.latency);
    match attempt.ended {
        Ended::Granted(lifetime) => entry.granted(lifetime),
        Ended::Failed(error) => entry.failed(issuer_code(error).name(), error.status()),
        Ended::Abandoned => entry.failed("abandoned", None),
    }
}

/// Returns the granted scope if it lacks one that was requested.
fn narrowed(request: &Request, granted: &str) -> Option<String> {
    let granted_set: BTreeSet<&str> = granted.split(' ').collect();
    let lacks = request.scopes().any(|scope| !granted_set.contains(scope));
    // In the caller's own words: what else the issuer wrote there may be a part of the token.
    let granted = || request.scopes().filter(|scope| granted_set.contains(scope)).collect::<Vec<_>>().join(" ");
    lacks.then(|| crate::oauth::one_line(&granted(), 300))
}
