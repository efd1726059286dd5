//! One caller and the store: each question within the rest of the caller's budget, each answer judged.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Outage;
use super::protocol::{Failure, Notice, Permit};
use super::{Answer, Fleet, FleetError, Found, Joined, Owner, Publication, RENEWAL, RequestKey, Store, Value};
use crate::seal::SealError;
use crate::system::clock::{BootTime, Clock};
use crate::token::refusal::Refusal;
use crate::token::{AccessToken, Freshness, Validity};

/// A caller of a store. Its total cost is bounded. Waiting for another host is not the store's fault and costs nothing.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    fleet: &'a Fleet,
    clock: Arc<dyn Clock>,
    request_key: RequestKey,
    owner: Owner,
    left: Duration,
}

/// Whether an answer is paid for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    Charged,
    /// The caller would wait anyway. A question still fails if it gets no answer within the rest of the budget or half
    /// of the whole, whichever is longer. A store that was near enough to be looked at and joined is near enough to be
    /// asked again.
    Free,
}

/// In place of an error's code: a host could not ask the issuer, or two hosts in a row could not.
const FAILED: &str = "failed";
const ALONE: &str = "alone";

/// Reads what a host that failed reports to the others.
pub(crate) fn notice(refusal: &Refusal) -> Notice {
    match refusal.code.as_str() {
        FAILED => Notice::Unreachable,
        ALONE => Notice::StopWaiting,
        _ => Notice::Refused,
    }
}

impl<'a> Session<'a> {
    /// Begins a session; [`FleetError::Broken`] if the store failed a moment ago and is not required.
    pub(crate) async fn begin(
        fleet: &'a Fleet,
        clock: Arc<dyn Clock>,
        request_key: RequestKey,
    ) -> Result<Session<'a>, FleetError> {
        let mut owner = [0; 16];
        getrandom::fill(&mut owner).map_err(|_| FleetError::NoKey(SealError::Randomness.to_string()))?;
        let left = fleet.budget;
        // If no caller may continue without the store, there is nothing to be spared.
        if !fleet.breaker.admits(clock.boot()) && !fleet.required {
            return Err(FleetError::Broken);
        }
        fleet.store.prepare().await?;
        Ok(Session { fleet, clock, request_key, owner: Owner(owner), left })
    }

    /// Looks.
    pub(crate) async fn look(&mut self) -> Result<Found, FleetError> {
        let name = self.request_key.name();
        let (value, ago) = self.ask(Cost::Charged, |store| store.look(name)).await?;
        Ok(self.opened(value, ago))
    }

    /// Requests the lease; returns its order, if it came, and what is there.
    pub(crate) async fn join(&mut self, floor: u64) -> Result<(Option<u64>, Found), FleetError> {
        self.joined(Cost::Charged, floor).await
    }

    /// As [`Session::join`], for a caller that waits for another host.
    pub(crate) async fn join_again(&mut self, floor: u64) -> Result<(Option<u64>, Found), FleetError> {
        self.joined(Cost::Free, floor).await
    }

    async fn joined(&mut self, cost: Cost, floor: u64) -> Result<(Option<u64>, Found), FleetError> {
        let (name, owner) = (self.request_key.name(), self.owner);
        match self.ask(cost, |store| store.join(name, owner, floor)).await? {
            (Joined::Holder { order, value }, ago) => Ok((Some(order), self.opened(value, ago))),
            (Joined::Waiter { value }, ago) => Ok((None, self.opened(value, ago))),
        }
    }

    fn opened(&self, value: Option<Value>, asked_ago: Duration) -> Found {
        self.request_key.open(value, &self.clock.now(), asked_ago)
    }

    /// Erases what is there; if `only` is given, only if it is that token.
    pub(crate) async fn forget(&mut self, only: Option<&AccessToken>) -> Result<bool, FleetError> {
        let name = self.request_key.name();
        let Some(only) = only else {
            return Ok(self.ask(Cost::Charged, |store| store.forget(name, None)).await?.0);
        };
        let (value, ago) = self.ask(Cost::Charged, |store| store.look(name)).await?;
        match (value.clone(), self.opened(value, ago)) {
            (Some(value), Found::Token { token, .. } | Found::Told { beside: Some(token), .. })
                if token.is_same_as(only) =>
            {
                Ok(self.ask(Cost::Charged, |store| store.forget(name, Some(value.bytes.clone()))).await?.0)
            }
            _ => Ok(false),
        }
    }

    /// Turns the session into the lease that it took. The caller keeps the lease alive while it fetches, and publishes
    /// or gives it back. A report of a failure leaves the token there that is good for others.
    pub(crate) fn hold(self, permit: Permit, beside: Option<AccessToken>) -> Lease<'a> {
        Lease { session: self, permit, beside, returned: false }
    }

    /// Gives the lease back if what came with it is good enough.
    pub(crate) async fn leave(&mut self) {
        let (name, owner) = (self.request_key.name(), self.owner);
        if let Err(error) = self.ask(Cost::Charged, |store| store.leave(name, owner)).await {
            tracing::debug!("a lease was not given back, and ends by itself: {error}");
        }
    }

    async fn ask<'s, T>(
        &'s mut self,
        cost: Cost,
        question: impl FnOnce(&'a dyn Store) -> Answer<'a, T>,
    ) -> Result<(T, Duration), FleetError> {
        let began = self.clock.boot();
        let budget = match cost {
            Cost::Charged => self.left,
            Cost::Free => self.left.max(self.fleet.budget / 2),
        };
        let (answer, waited) = within(budget, question(&*self.fleet.store)).await;
        let took = since(began, &*self.clock);
        if cost == Cost::Charged || answer.is_none() {
            // With what it used of its last tick.
            let used = waited + took.saturating_sub(waited).min(TICK);
            self.left = self.left.saturating_sub(used);
        }
        let answer = answer.unwrap_or(Err(FleetError::TimedOut))?;
        self.fleet.breaker.succeeded();
        Ok((answer, took))
    }
}

/// What a budget is counted in.
const TICK: Duration = Duration::from_millis(10);
/// What a tick takes at most on a machine that is not busy: timers are rounded up.
const LONGEST_TICK: Duration = Duration::from_millis(13);
/// However late the ticks are, a caller does not wait longer than so many budgets.
const LATEST: u32 = 4;

/// Waits for an answer within a budget, and returns how much of it was used. The budget is counted in ticks. If a
/// machine is so busy that a caller comes late to its own tick, the store was not the cause.
async fn within<T>(budget: Duration, answer: Answer<'_, T>) -> (Option<Result<T, FleetError>>, Duration) {
    let mut answer = answer;
    let mut waited = Duration::ZERO;
    let counting = async {
        loop {
            let (tick, began) = (TICK.min(budget.saturating_sub(waited)), Instant::now());
            match tokio::time::timeout(tick, &mut answer).await {
                Ok(answer) => return Some(answer),
                Err(_) => waited += began.elapsed().clamp(tick, LONGEST_TICK),
            }
            if waited >= budget {
                return None;
            }
        }
    };
    let counted = tokio::time::timeout(budget * LATEST, counting).await.ok().flatten();
    let waited = if counted.is_some() { waited } else { budget };
    (counted, waited)
}

impl Fleet {
    /// Notes that the store failed a caller; returns whether that has to be reported.
    pub(crate) fn has_failed(&self, error: &FleetError, now: BootTime) -> bool {
        !matches!(error, FleetError::Broken) && self.breaker.failed(now) == Outage::Begins
    }

    /// Returns for how long the store is not used.
    pub(crate) fn pause(&self, now: BootTime) -> Option<Duration> {
        self.breaker.pause(now)
    }
}

/// A lease that this caller holds.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    session: Session<'a>,
    permit: Permit,
    beside: Option<AccessToken>,
    /// Whether it was given back, as far as that could be done.
    returned: bool,
}

impl Lease<'_> {
    /// Does some work, and renews the lease meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let (mut work, mut renewing) = (pin!(work), pin!(self.renew()));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => {
                // It never ends.
                let _ = renewing.as_mut().poll(context);
                Poll::Pending
            }
        })
        .await
    }

    async fn renew(&self) {
        let Session { fleet, request_key, owner, .. } = &self.session;
        loop {
            tokio::time::sleep(RENEWAL).await;
            // A renewal that gets no answer is repeated while the lease still holds.
            let renewed = tokio::time::timeout(RENEWAL / 2, fleet.store.renew(request_key.name(), *owner)).await;
            match renewed.unwrap_or(Err(FleetError::TimedOut)) {
                Ok(true) => {}
                Ok(false) => tracing::debug!("the lease was lost; another host may ask as well"),
                Err(error) => tracing::debug!("the lease was not renewed: {error}"),
            }
        }
    }

    /// Hands a token to the fleet, and gives the lease back.
    pub(crate) async fn publish(mut self, token: &AccessToken) -> Result<(), FleetError> {
        let sealed = self.session.request_key.seal(token, self.permit.order);
        self.published(sealed, &[token.validity()]).await
    }

    /// Reports a failed fetch to the fleet, if there is something to report, and gives the lease back.
    pub(crate) async fn report(mut self, failure: Failure, refusal: Refusal) -> Result<(), FleetError> {
        let code = match self.permit.notice(failure) {
            None => {
                self.given_back().await;
                return Ok(());
            }
            Some(Notice::Refused) => refusal.code.clone(),
            Some(Notice::Unreachable) => FAILED.to_owned(),
            Some(Notice::StopWaiting) => ALONE.to_owned(),
        };
        let refusal = Refusal { code, ..refusal };
        let beside = self.beside.take();
        let sealed = self.session.request_key.seal_refusal(&refusal, beside.as_ref(), self.permit.order);
        let validities = [Some(&refusal.validity), beside.as_ref().map(AccessToken::validity)];
        self.published(sealed, validities.into_iter().flatten().collect::<Vec<_>>().as_slice()).await
    }

    /// Publishes until the last of these is over.
    async fn published(
        &mut self,
        sealed: Result<Vec<u8>, SealError>,
        validities: &[&Validity],
    ) -> Result<(), FleetError> {
        let now = self.session.clock.now();
        let left = validities.iter().filter_map(|validity| match validity.at(&now) {
            Freshness::Fresh(left) => Some(left),
            Freshness::Stale | Freshness::Unknown => None,
        });
        let left = left.max().filter(|left| *left >= Duration::from_millis(1) && !self.permit.only_fetch);
        let (bytes, lifetime) = match (sealed, left) {
            (Ok(bytes), Some(left)) => (bytes, left),
            (sealed, _) => {
                self.given_back().await;
                return sealed.map(drop).map_err(|error| FleetError::NoKey(error.to_string()));
            }
        };
        let (name, owner) = (self.session.request_key.name(), self.session.owner);
        let publication = Publication { owner, bytes, lifetime, instead_of: self.permit.instead_of.clone() };
        let published = self.session.ask(Cost::Charged, |store| store.publish(name, publication)).await;
        // If that failed, the store is not asked again: a lease that stays ends by itself.
        self.returned = true;
        let (stored, _) = published?;
        if !stored {
            tracing::debug!("another host was later, and what it shared stays");
        }
        Ok(())
    }

    /// Gives the lease back without anything to share.
    pub(crate) async fn leave(mut self) {
        self.given_back().await;
    }

    async fn given_back(&mut self) {
        self.session.leave().await;
        self.returned = true;
    }
}

impl Drop for Lease<'_> {
    /// A cancelled caller gives the lease back, if there is a runtime to do it: otherwise the next caller would wait
    /// until the lease ends.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.returned {
            return;
        }
        let Session { fleet, request_key, owner, .. } = &self.session;
        let (store, name, owner, budget) = (fleet.store.clone(), request_key.name(), *owner, fleet.budget);
        runtime.spawn(async move {
            match tokio::time::timeout(budget, store.leave(name, owner)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!("a lease was not given back, and ends by itself: {error}"),
                Err(_) => tracing::debug!("a lease was not given back in time, and ends by itself"),
            }
        });
    }
}

fn since(began: BootTime, clock: &dyn Clock) -> Duration {
    Duration::from_nanos(clock.boot().0.saturating_sub(began.0))
}
