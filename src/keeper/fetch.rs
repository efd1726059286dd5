//! Requesting a token from the issuer, and keeping it.

use super::Keeper;
use super::call::Call;
use super::credential::Proof;
use super::fleet::FleetLease;
use super::memory::ResolvedRequest;
use crate::cache::single_flight::TurnGuard;
use crate::cache::store::WriteMode;
use crate::error::Error;
use crate::error::warning::Warning;
use crate::fleet::{FleetAccess, Lease};
use crate::ledger::{Entry, Kind};
use crate::oauth::issuer_code;
use crate::oauth::{Attempt, Ended, ProofKey, TokenRequest};
use crate::profile::TokenBinding;
use crate::system::secret::Secret;
use crate::token::AccessToken;

/// What came of a fetch.
pub(super) enum Fetched {
    /// The issuer gave a token.
    Token(AccessToken),
    /// The profile was set again meanwhile: the next request has to use it as it is now.
    ProfileChanged,
    /// The secret is another one than the fleet knows by now. The hosts that have it, or are about to, have another turn.
    SecretChanged,
}

/// Whether a call has met another secret before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FleetAttempt {
    First,
    AfterSecretChanged,
}

/// The proof of a client, and whether the fleet knows the secret that it is made of.
enum FleetProof {
    Known(Proof),
    Changed(Proof),
    ProfileChanged,
}

impl Call<'_> {
    /// Requests a token for this host only.
    pub(super) async fn fetch(&self, turn: &TurnGuard, proof: Option<Proof>) -> Result<Fetched, Error> {
        self.keeper.warn_without_lock(turn);
        let proof = match proof {
            Some(proof) => Some(proof),
            None => self.keeper.proof(&self.request).await?,
        };
        match proof {
            Some(proof) => self.request_token(turn, proof).await.map(Fetched::Token),
            None => Ok(Fetched::ProfileChanged),
        }
    }

    /// Requests a token for all hosts, and hands it to them. If the secret changes with each reading, or cannot be
    /// kept, this host continues without the fleet.
    pub(super) async fn fetch_for_fleet(
        &self,
        turn: &TurnGuard,
        held: FleetLease<'_>,
        attempt: FleetAttempt,
    ) -> Result<Fetched, Error> {
        self.keeper.warn_without_lock(turn);
        let FleetLease { lease, access, proof } = held;
        let proof = match lease.during(self.proof_for_fleet(&access, proof)).await {
            Ok(FleetProof::Known(proof)) => proof,
            otherwise => {
                lease.leave().await;
                return self.without_lease(turn, otherwise?, attempt).await;
            }
        };
        let fetched = lease.during(self.request_token(turn, proof)).await;
        match &fetched {
            Ok(token) => self.keeper.share(lease, token).await,
            Err(error) => self.keeper.report(&self.request, lease, error).await,
        }
        fetched.map(Fetched::Token)
    }

    async fn without_lease(
        &self,
        turn: &TurnGuard,
        proof: FleetProof,
        attempt: FleetAttempt,
    ) -> Result<Fetched, Error> {
        match proof {
            FleetProof::Changed(_) if attempt == FleetAttempt::First => Ok(Fetched::SecretChanged),
            FleetProof::Changed(proof) | FleetProof::Known(proof) => {
                self.request_token(turn, proof).await.map(Fetched::Token)
            }
            FleetProof::ProfileChanged => Ok(Fetched::ProfileChanged),
        }
    }

    /// Reads the proof if it was not read on the way, and compares its secret with the one that the fleet knows.
    async fn proof_for_fleet(&self, access: &FleetAccess, proof: Option<Proof>) -> Result<FleetProof, Error> {
        if let Some(proof) = proof {
            return Ok(FleetProof::Known(proof));
        }
        let Some(proof) = self.keeper.proof(&self.request).await? else { return Ok(FleetProof::ProfileChanged) };
        match self.keeper.renewed(&self.request, access, &proof).await {
            true => Ok(FleetProof::Changed(proof)),
            false => Ok(FleetProof::Known(proof)),
        }
    }

    async fn request_token(&self, turn: &TurnGuard, proof: Proof) -> Result<AccessToken, Error> {
        let (keeper, request) = (self.keeper, &self.request);
        let profile = &request.profile;
        // A key for each token (RFC 9449): what one token gives away reveals nothing about the next.
        let key = (profile.token_binding == TokenBinding::Dpop).then(ProofKey::generate).transpose();
        let key = key.map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let proof_key = key.as_ref().map(ProofKey::new).transpose();
        let proof_key = proof_key.map_err(|error| Error::from(error).for_profile(&profile.name))?;
        let headers = keeper.headers(request).await?;
        let form = TokenRequest {
            token_url: &profile.token_url,
            headers: &headers,
            client: proof.client(profile),
            grant: profile.grant,
            request: &profile.request,
            proof_key: proof_key.as_ref(),
            token_type: profile.token_type,
            repeats: profile.repeats,
            earlier: &keeper.earlier(request),
        };
        let writer = if turn.lock_error().is_none() { WriteMode::Exclusive } else { WriteMode::Concurrent };
        let record = |attempt: &Attempt<'_>| (keeper.parts.recorder)(entry(request, attempt));
        match keeper.parts.transport.token(&form, &proof.trust(), &record).await {
            Ok((granted, sent)) => keeper.keep(request, &self.want, granted, key, sent, writer),
            Err(error) => {
                let error = keeper.failed(request, error);
                keeper.keep_refusal_of(request, &error, writer);
                Err(self.with_kept_token(error))
            }
        }
    }
}

impl Keeper {
    /// Hands a token to the fleet. Whatever fails is a warning: the token is handed out.
    async fn share(&self, lease: Lease<'_>, token: &AccessToken) {
        let Some(fleet) = &self.parts.fleet else { return };
        if let Err(error) = lease.publish(token).await
            && self.warning_is_due(fleet, &error)
        {
            self.observe(&Warning::FleetUnavailable(error.to_string()));
        }
    }

    /// Reports a failed fetch to the fleet.
    async fn report(&self, request: &ResolvedRequest, lease: Lease<'_>, error: &Error) {
        let (failure, refusal) = self.reported(request, error);
        if let Err(error) = lease.report(failure, refusal).await {
            tracing::debug!("the failure was not reported to the fleet: {error}");
        }
    }

    /// Returns the tokens that this host has: an issuer may repeat one in the answer to a later request.
    fn earlier(&self, request: &ResolvedRequest) -> Vec<Secret> {
        // A cache that cannot be read has been reported by now, and gives no token away.
        let cached = self.in_cache(request).ok().flatten().map(|(_, token)| token);
        let unkept = self.memory.unkept().map(|(token, _)| token);
        cached.into_iter().chain(unkept).map(|token| Secret::from(token.expose())).collect()
    }
}

/// Makes the ledger's entry of a request that has ended.
fn entry(request: &ResolvedRequest, attempt: &Attempt<'_>) -> Entry {
    let name = request.profile.name.as_str();
    let entry = Entry::new(name, request.identity.name(), Kind::Token, attempt.sent.wall, attempt.latency);
    match attempt.ended {
        Ended::Granted(lifetime) => entry.granted(lifetime),
        Ended::Failed(error) => entry.failed(issuer_code(error).name(), error.status()),
        Ended::Abandoned => entry.failed("abandoned", None),
    }
}
