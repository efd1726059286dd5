//! Before a request to the issuer: the fleet's token, or else the lease that lets one host request a token for all.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::access::AccessError;
use super::call::Call;
use super::credential::Proof;
use super::judge::Judge;
use super::memory::{self, ResolvedRequest};
use super::{Keeper, Want};
use crate::cache::single_flight::TurnGuard;
use crate::cache::store::WriteMode;
use crate::error::Error;
use crate::error::warning::Warning;
use crate::fleet::{Caller, Event, Fleet, FleetAccess, FleetError, Lease, Session, Step};
use crate::token::{AccessToken, TokenIdentity};

/// What the fleet answered.
pub(super) enum FleetOutcome<'a> {
    /// It has a token that is good enough.
    Token(AccessToken),
    /// The profile was set again meanwhile: the next request has to use it as it is now.
    ProfileChanged,
    /// This caller has to fetch.
    Fetch(FetchFor<'a>),
}

/// The hosts that a token is requested for.
pub(super) enum FetchFor<'a> {
    /// All hosts.
    Fleet(Box<FleetLease<'a>>),
    /// This host only; with the proof, if it was read.
    ThisHost(Option<Proof>),
}

/// The turn of one host among all.
pub(super) struct FleetLease<'a> {
    pub(super) lease: Lease<'a>,
    pub(super) access: FleetAccess,
    /// What was read on the way there, and need not be read again.
    pub(super) proof: Option<Proof>,
}

impl Call<'_> {
    /// Looks for a token in the fleet, or takes the lease to request one. A failure of the fleet is a warning, unless the
    /// fleet is required.
    pub(super) async fn ask_fleet(&self, turn: &TurnGuard) -> Result<FleetOutcome<'_>, Error> {
        let (keeper, request) = (self.keeper, &self.request);
        let Some(fleet) = keeper.fleet_of(request) else { return Ok(FleetOutcome::Fetch(FetchFor::ThisHost(None))) };
        let (access, proof) = match keeper.fleet_access(request, fleet).await {
            Ok((access, proof)) => (access, proof),
            Err(AccessError::ProfileChanged) => return Ok(FleetOutcome::ProfileChanged),
            Err(AccessError::Failed(error)) => return Err(error),
            Err(AccessError::Unusable(error, proof)) => {
                keeper.without_fleet(fleet, request, &error)?;
                return Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)));
            }
        };
        let session = Session::begin(fleet, keeper.parts.clock.clone(), access.request_key().clone()).await;
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                keeper.without_fleet(fleet, request, &error)?;
                return Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)));
            }
        };
        let mut judge = Judge::new(keeper, self.want, self.start);
        let (step, failed) = keeper.negotiated(&mut session, &mut judge).await;
        if let Some(error) = failed {
            keeper.without_fleet(fleet, request, &error)?;
            return Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)));
        }
        match (step, judge.good.take()) {
            (Step::Take, Some(token)) => {
                keeper.adopt(request, &token, writer_of(turn));
                Ok(FleetOutcome::Token(token))
            }
            (Step::Fetch(Some(permit)), _) => {
                let lease = session.hold(permit, judge.beside.take());
                Ok(FleetOutcome::Fetch(FetchFor::Fleet(Box::new(FleetLease { lease, access, proof }))))
            }
            (Step::Refuse, _) => {
                let refusal = judge.refusal.take();
                let error = refusal.as_ref().and_then(|refusal| keeper.refused(request, refusal.clone()));
                let Some((refusal, error)) = refusal.zip(error) else {
                    return Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)));
                };
                keeper.keep_refusal(request, &refusal, writer_of(turn));
                Err(error)
            }
            _ if judge.newer => {
                keeper.observe(&Warning::CacheNewerVersion);
                Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)))
            }
            // Two hosts in a row could not request one: to wait for the next would be in vain.
            _ if judge.refusal.is_some() => Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof))),
            // Another host has had the turn for longer than a request takes.
            _ => {
                keeper.observe(&Warning::LockTimeout);
                Ok(FleetOutcome::Fetch(FetchFor::ThisHost(proof)))
            }
        }
    }
}

impl Keeper {
    /// Looks whether the fleet has a token, if this host will not request one: what was refused here may have been
    /// given elsewhere since.
    pub(super) async fn look_in_fleet(&self, want: &Want) -> Option<AccessToken> {
        let (request, start) = (self.memory.request(), self.wait_start());
        let fleet = self.fleet_of(&request)?;
        let mut session = self.session(&request, fleet).await.ok().flatten()?;
        let found = session.look().await;
        if let Err(error) = &found {
            // The refusal is the error that the caller gets.
            tracing::debug!("the fleet was not looked at: {error}");
            fleet.has_failed(error, self.parts.clock.boot());
        }
        let mut judge = Judge::new(self, *want, start);
        judge.of(found.ok()?);
        let token = judge.good?;
        self.adopt(&request, &token, WriteMode::Concurrent);
        Some(token)
    }

    /// Carries out what the protocol decides, until it is to take, to fetch or to refuse; returns any failure too.
    async fn negotiated(&self, session: &mut Session<'_>, judge: &mut Judge<'_>) -> (Step, Option<FleetError>) {
        let mut caller = Caller::default();
        let mut waiting = Waiting::new(self.patience_with_hosts());
        let mut event = session.look().await.map(|found| Event::Looked(judge.of(found)));
        loop {
            let holds = matches!(event, Ok(Event::Holds { .. }));
            let step = match event {
                Ok(event) => caller.next(event),
                Err(error) => return (caller.next(Event::Failed), Some(error)),
            };
            let joined = match step {
                Step::Take | Step::Refuse if holds => {
                    session.leave().await;
                    return (step, None);
                }
                Step::Take | Step::Refuse | Step::Fetch(_) => return (step, None),
                Step::Join { floor } => session.join(floor).await,
                Step::Wait { floor } => {
                    waiting.pause().await;
                    session.join_again(floor).await
                }
            };
            event = match joined {
                Ok((Some(order), found)) => Ok(Event::Holds { order, judged: judge.of(found) }),
                Ok((None, found)) => Ok(Event::Waits { judged: judge.of(found), weary: waiting.is_over().await }),
                Err(error) => Err(error),
            };
        }
    }

    /// Returns the fleet that a request is shared with; `None` without one, or if only this host could use the token.
    pub(super) fn fleet_of(&self, request: &ResolvedRequest) -> Option<&Fleet> {
        self.parts.fleet.as_ref().filter(|_| request.profile.is_shareable())
    }

    /// Continues without the fleet, with one warning per outage; an error if the fleet is required.
    pub(super) fn without_fleet(
        &self,
        fleet: &Fleet,
        request: &ResolvedRequest,
        error: &FleetError,
    ) -> Result<(), Error> {
        let tell = self.warning_is_due(fleet, error);
        if fleet.required {
            let mut made = Error::required(error).for_profile(&request.profile.name);
            // Read after the failure was noted: with an earlier time the pause would round up to one second more.
            let now = self.parts.clock.boot();
            made.retry_after = fleet.pause(now).filter(|_| made.is_retryable()).map(super::rounded_up);
            return Err(made);
        }
        if tell {
            self.observe(&Warning::of_fleet(error, &request.profile.name));
        }
        Ok(())
    }

    /// Returns whether a warning is due: once per outage of the store, each time for a fault on this host.
    pub(super) fn warning_is_due(&self, fleet: &Fleet, error: &FleetError) -> bool {
        match error {
            // A fault on this host, before a request to the store, reveals nothing about the store.
            FleetError::NoKey(_) | FleetError::KeyMissing => true,
            error => fleet.has_failed(error, self.parts.clock.boot()),
        }
    }

    /// Keeps here what the fleet has.
    fn adopt(&self, request: &ResolvedRequest, token: &AccessToken, writer: WriteMode) {
        let kept = match self.keep_in_cache(request, token, writer) {
            Some(Ok(())) => memory::Kept::Yes,
            Some(Err(fault)) => {
                self.warn(&fault);
                memory::Kept::No
            }
            None => memory::Kept::No,
        };
        let least_life = self.valid().least_life(token.validity().lifetime);
        self.memory.hold_for(request, token, kept, &self.parts.clock.now(), least_life);
    }

    /// Takes a token back from the fleet, if it is the one that other hosts would get.
    pub(crate) async fn withdraw(&self, token: &AccessToken) {
        self.withdraw_of(self.memory.request().identity.clone(), token).await;
    }

    /// The same for another request of this profile.
    pub(crate) async fn withdraw_of(&self, identity: TokenIdentity, token: &AccessToken) {
        let request = Arc::new(ResolvedRequest { profile: self.profile(), identity });
        let Some(fleet) = self.fleet_of(&request) else { return };
        let outcome = match self.session(&request, fleet).await {
            Ok(Some(mut session)) => session.forget(Some(token)).await.map(|_| ()),
            // Without a key this host shares nothing.
            Ok(None) | Err(FleetError::KeyMissing) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome
            && self.warning_is_due(fleet, &error)
        {
            self.observe(&Warning::FleetUnavailable(format!("{error}; other hosts may go on with the token")));
        }
    }

    /// Begins a session with the fleet about one request; `None` if the profile was set again meanwhile.
    pub(super) async fn session<'a>(
        &self,
        request: &Arc<ResolvedRequest>,
        fleet: &'a Fleet,
    ) -> Result<Option<Session<'a>>, FleetError> {
        match self.fleet_access(request, fleet).await {
            Ok((access, _)) => {
                let request_key = access.request_key().clone();
                Session::begin(fleet, self.parts.clock.clone(), request_key).await.map(Some)
            }
            Err(AccessError::ProfileChanged) => Ok(None),
            Err(AccessError::Failed(error)) => Err(FleetError::NoKey(error.to_string())),
            Err(AccessError::Unusable(error, _)) => Err(error),
        }
    }

    /// How long a caller waits for another host: a request and its repeats, and 5 s.
    pub(super) fn patience_with_hosts(&self) -> Duration {
        self.parts.transport.timeout() + Duration::from_secs(5)
    }
}

fn writer_of(ticket: &TurnGuard) -> WriteMode {
    if ticket.lock_error().is_none() { WriteMode::Exclusive } else { WriteMode::Concurrent }
}

/// How long to wait for another host, and how often to look meanwhile.
struct Waiting {
    ends: Pin<Box<tokio::time::Sleep>>,
    pause: Duration,
}

impl Waiting {
    fn new(patience: Duration) -> Waiting {
        Waiting { ends: Box::pin(tokio::time::sleep(patience)), pause: Duration::from_millis(20) }
    }

    /// Waits from half to one and a half of a pause, so that hosts that began together do not ask together; the next
    /// pause is longer.
    async fn pause(&mut self) {
        let mut random = [0; 2];
        // Without randomness they ask together, which costs the store a little and nothing else.
        let _ = crate::system::random::fill(&mut random);
        let pause = self.pause / 2 + self.pause * u32::from(u16::from_be_bytes(random)) / 65_536;
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 3 / 2).min(Duration::from_millis(200));
    }

    /// Returns whether that was long enough.
    async fn is_over(&mut self) -> bool {
        poll_fn(|context| Poll::Ready(self.ends.as_mut().poll(context).is_ready())).await
    }
}
