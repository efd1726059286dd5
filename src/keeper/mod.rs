//! The keeper, what can be wanted of it, and what it hands out.
//!
//! [`Keeper::cached`] looks, and waits for nothing. [`Keeper::token`] looks, takes the turn, looks again, asks the
//! fleet (if hosts share a store), fetches, keeps. [`Keeper::obtain`] does it for another [`Want`], and reports the
//! [`Source`].

// START HERE: everything else in this file and below serves `cached` and `token`.

mod access;
mod builder;
mod call;
mod credential;
mod fetch;
mod fleet;
mod hand_out;
mod headers;
#[cfg(feature = "cli")]
mod in_fleet;
mod judge;
mod keeping;
mod lazy_cache;
mod memory;
mod opened_cache;
mod profile_source;
mod refusals;
#[cfg(feature = "cli")]
mod refused_by_client;
mod revoke;
#[cfg(feature = "cli")]
mod sharing;
pub(crate) mod validate;
mod want;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

pub use builder::KeeperBuilder;
use call::{Call, Waited};
use credential::Proof;
pub(crate) use credential::read_certificate;
#[cfg(feature = "cli")]
pub(crate) use credential::{read_ca_bytes, read_ca_file, read_ca_file_at};
use fetch::{Fetched, FleetAttempt};
use fleet::{FetchFor, FleetOutcome};
pub(crate) use keeping::Keeping;
pub(crate) use lazy_cache::{LazyCache, NoCache};
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use memory::identity_of;
use memory::{InMemory, ResolvedRequest};
pub(crate) use profile_source::ProfileSource;
#[cfg(feature = "cli")]
pub(crate) use sharing::Sharing;
use validate::{Reach, Report};
pub use want::Want;
use want::{TokenAtStart, WaitStart};

use crate::cache::single_flight::{Flight, Turn};
use crate::cache::{Cache, CacheFault};
use crate::error::warning::Warning;
use crate::error::{Code, Error};
use crate::fleet::Fleet;
use crate::ledger::Entry;
use crate::oauth::Transport;
use crate::profile::{Profile, Request};
use crate::system::clock::Clock;
use crate::system::runtime;
use crate::system::secret::Secret;
use crate::system::thread::{self, NoAnswer, Stack};
use crate::token::{AccessToken, Freshness};

/// Hands out the access token of one profile and request. Cloning is cheap; clones share the token.
#[derive(Clone, Debug)]
pub struct Keeper {
    parts: Arc<Parts>,
    memory: Arc<InMemory>,
    min_ttl: Option<Duration>,
    /// How much longer a token must be valid, if its lifetime allows it.
    preferred: Option<Duration>,
}

/// What a keeper works with; shared by all keepers of a profile.
pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Transport,
    pub(crate) flight: Flight,
    pub(crate) lazy_cache: LazyCache,
    pub(crate) secrets: Secrets,
    /// Returns the error for a stored secret that another data directory keeps, if one does.
    pub(crate) elsewhere: Box<dyn Fn() -> Option<Error> + Send + Sync>,
    /// How long a program that prints a secret may take; `None` for the default.
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) keeping: Keeping,
    pub(crate) source: ProfileSource,
    pub(crate) fleet: Option<Fleet>,
    pub(crate) observer: Observer,
    pub(crate) recorder: Recorder,
}

/// Receives every warning.
pub(crate) type Observer = Arc<dyn Fn(&Warning) + Send + Sync>;

/// Receives the entry of every request to the issuer.
pub(crate) type Recorder = Box<dyn Fn(Entry) + Send + Sync>;

/// The source of the client's secret.
#[derive(Debug)]
pub(crate) enum Secrets {
    /// The program handed it over.
    Given(Secret),
    /// The profile names its place.
    Profile,
}

/// A token and where it came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Obtained {
    /// The token.
    pub token: AccessToken,
    /// Where it came from.
    pub source: Source,
}

/// The source of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// It was kept, by this process or another.
    Cache,
    /// Another host requested it, and shared it.
    Fleet,
    /// This call requested it from the issuer.
    Issuer,
}

impl Keeper {
    /// Starts to build a keeper for a profile that the program made itself.
    pub fn builder(profile: Profile) -> KeeperBuilder {
        KeeperBuilder::new(profile)
    }

    /// Returns the token that is kept and still valid, or `None`. Requests nothing from an issuer, fleet, keyring or
    /// user: it looks in memory, then in one sealed file.
    ///
    /// # Errors
    /// When the profile has become unusable. A record that cannot be used is a warning and `None`.
    pub fn cached(&self) -> Result<Option<AccessToken>, Error> {
        match self.memory.token_at(self.parts.clock.boot()) {
            Some(token) => Ok(Some(token)),
            None => self.look(&self.valid(), &WaitStart::NotWaiting),
        }
    }

    /// Returns a valid token: the one that is kept, as [`Keeper::cached`] does, or a fresh one. However many callers,
    /// threads and processes want one, one request is sent.
    ///
    /// Any executor may drive the future, inside a runtime or not. Timers and sockets are those of a runtime of this
    /// crate with one thread, which the first wait starts. Dropping the future ends its wait and its request; of the
    /// callers that wait, one sends the next.
    ///
    /// # Errors
    /// When there is no credential, or the issuer does not give a token. A fault of the cache, the disk or the clock is
    /// no error, and a token just obtained is handed out, unless the configuration has `required = true` in `[secrets]`.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        match self.cached()? {
            Some(token) => Ok(token),
            None => Ok(self.obtain(self.valid()).await?.token),
        }
    }

    /// As [`Keeper::token`], for other wants, with where the token came from.
    ///
    /// # Errors
    /// As [`Keeper::token`].
    pub async fn obtain(&self, want: Want) -> Result<Obtained, Error> {
        let obtained = async {
            match self.obtained(want).await {
                // A remembered refusal forbids a request to the issuer, not a look into the fleet.
                Err(error) if error.is_remembered() => match self.look_in_fleet(&want).await {
                    Some(token) => Ok(Obtained { token, source: Source::Fleet }),
                    None => Err(error),
                },
                outcome => outcome,
            }
        };
        runtime::run(obtained).await.map_err(Error::no_runtime)?
    }

    /// The way of a token: look, take the turn, look again, ask the fleet, fetch, keep.
    async fn obtained(&self, want: Want) -> Result<Obtained, Error> {
        let start = self.wait_start();
        if let Some(token) = self.look(&want, &WaitStart::NotWaiting)? {
            return Ok(Obtained { token, source: Source::Cache });
        }
        let mut attempt = FleetAttempt::First;
        loop {
            let call = Call { keeper: self, request: self.memory.request(), want, start };
            let turn = match call.take_turn().await? {
                Turn::Answered(Waited::Found(token)) => return Ok(Obtained { token, source: Source::Cache }),
                // The profile changed: its request has another identity, and another turn.
                Turn::Answered(Waited::ProfileChanged) => continue,
                Turn::Taken(turn) => turn,
            };
            match call.look_with_key().await? {
                Some(Waited::Found(token)) => return Ok(Obtained { token, source: Source::Cache }),
                Some(Waited::ProfileChanged) => continue,
                None => {}
            }
            self.can_keep(&turn)?;
            let fetched = match call.ask_fleet(&turn).await? {
                FleetOutcome::Token(token) => return Ok(Obtained { token, source: Source::Fleet }),
                FleetOutcome::ProfileChanged => continue,
                FleetOutcome::Fetch(FetchFor::ThisHost(proof)) => call.fetch(&turn, proof).await?,
                FleetOutcome::Fetch(FetchFor::Fleet(lease)) => call.fetch_for_fleet(&turn, *lease, attempt).await?,
            };
            match fetched {
                Fetched::Token(token) => return Ok(Obtained { token, source: Source::Issuer }),
                Fetched::ProfileChanged => {}
                Fetched::SecretChanged => attempt = FleetAttempt::AfterSecretChanged,
            }
        }
    }

    /// Reports that a resource refused the token (401). Neither this keeper nor another process that looks into the
    /// same cache hands it out again. All callers that reject the same token cause one request; its token replaces the
    /// one that a fleet shares.
    ///
    /// # Errors
    /// When the profile has become unusable.
    pub fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.memory.reject(token, self.parts.clock.now());
        let request = self.memory.request();
        self.forget_rejected(&request);
        Ok(())
    }

    /// Erases the record of a request if it holds a token that was rejected.
    fn forget_rejected(&self, request: &ResolvedRequest) {
        let kept = match self.in_cache(request) {
            Ok(kept) => kept,
            // No caller gets a token from it; a caller that looks for one gets the warning.
            Err(_) => return,
        };
        if let Some((cache, token)) = kept
            && self.memory.is_rejected(&token, &self.parts.clock.now())
            && let Err(fault) = cache.forget_token(request.identity.name())
        {
            self.warn(&fault);
        }
    }

    /// Returns the token in the cache, however old. A record that does not open may be sealed with a key that took
    /// effect a moment ago: then that key is taken.
    fn in_cache(&self, request: &ResolvedRequest) -> Result<Option<(Cache, AccessToken)>, CacheFault> {
        let token = || match self.parts.lazy_cache.cache() {
            Some(cache) => cache.token(&request.identity).map(|token| token.map(|token| (cache, token))),
            None => Ok(None),
        };
        match token() {
            Err(CacheFault::Unsealed) if self.parts.lazy_cache.follow_key() => token(),
            token => token,
        }
    }

    /// Returns a keeper for another request of the same profile. Both share memory, cache and turns; each request has a
    /// token of its own. Cheap, but keep it if it is used often: the request is encoded here, once.
    pub fn with_request(&self, request: Request) -> Keeper {
        // Before the profile: one that is newer than its stamp is only read again.
        let stamp = self.memory.profile_stamp();
        let profile = Profile { request: request.clone(), ..self.profile() };
        Keeper { memory: Arc::new(InMemory::new(ResolvedRequest::new(profile), Some(request), stamp)), ..self.clone() }
    }

    /// Returns a keeper that hands out only tokens that are valid for longer than `min_ttl`.
    pub fn with_min_ttl(&self, min_ttl: Duration) -> Keeper {
        let memory = Arc::new(self.memory.sibling());
        Keeper { memory, min_ttl: Some(min_ttl), preferred: None, ..self.clone() }
    }

    /// Returns a keeper for a client that holds on to its token: see [`Want::Lasting`].
    #[cfg(feature = "cli")]
    pub(crate) fn with_preferred_life(&self, preferred: Duration) -> Keeper {
        Keeper { memory: Arc::new(self.memory.sibling()), preferred: Some(preferred), ..self.clone() }
    }

    /// Returns the profile as it was last read, with the request of this keeper.
    pub fn profile(&self) -> Profile {
        self.memory.request().profile.clone()
    }

    /// Returns what [`Keeper::cached`] wants.
    pub fn valid(&self) -> Want {
        let min_ttl = self.min_ttl.unwrap_or(self.memory.request().profile.min_ttl);
        match self.preferred {
            Some(preferred) => Want::Lasting { min_ttl, preferred },
            None => Want::Valid { min_ttl },
        }
    }

    /// Unlocks the data key if it is not at hand; blocks for as long as the backend takes.
    pub(crate) fn open_cache(&self) {
        if self.parts.lazy_cache.unlock() == lazy_cache::Unlocked::KeyReplaced {
            self.observe(&Warning::DataKeyReplaced);
        }
    }

    fn wait_start(&self) -> WaitStart {
        let unkept = self.memory.unkept().map(|(token, _)| token);
        let validity = |token: Option<AccessToken>| token.map(|token| *token.validity());
        let present = match self.parts.lazy_cache.cache() {
            Some(_) => {
                let kept = self.in_cache(&self.memory.request()).ok().flatten().map(|(_, token)| token);
                TokenAtStart::Known(validity(kept.or(unkept)))
            }
            // The cache may hold one that shows only after the key was requested.
            None if self.parts.lazy_cache.is_sealed() && unkept.is_none() => TokenAtStart::Unknown,
            None => TokenAtStart::Known(validity(unkept)),
        };
        WaitStart::At(self.parts.clock.now(), present)
    }

    /// Looks for a token that is good enough: in memory and in the cache, where another process may have put it. One
    /// that came while the caller waited is accepted: another request would give no better one.
    fn look(&self, want: &Want, start: &WaitStart) -> Result<Option<AccessToken>, Error> {
        self.memory.follow(&self.parts.source)?;
        self.parts.lazy_cache.follow();
        let request = self.memory.request();
        let kept = self.in_cache(&request);
        let unkept = || self.memory.unkept();
        let candidate = match kept {
            Ok(Some((_, token))) => Some((token, memory::Kept::Yes)),
            Ok(None) => unkept(),
            Err(fault) => {
                self.warn(&fault);
                unkept()
            }
        };
        // Read the clock after the record: a token of a moment ago must not lie in the future.
        let now = self.parts.clock.now();
        let Some((token, kept)) = candidate.filter(|(token, _)| !self.memory.is_rejected(token, &now)) else {
            self.memory.let_go(&now);
            return Ok(None);
        };
        let validity = token.validity();
        if validity.at(&now) == Freshness::Unknown {
            self.observe(&Warning::ClockJump);
        }
        if !want.accepts(validity, &now, start) {
            return Ok(None);
        }
        if !matches!(want, Want::IssuedAfter(_)) {
            self.memory.hold_for(&request, &token, kept, &now, want.least_life(validity.lifetime));
        }
        Ok(Some(token))
    }

    /// How long a caller waits for a turn: the request deadline, its repeats included, and 5 s. The holder of the turn
    /// may have to wait for another host first.
    fn patience(&self) -> Duration {
        let own = self.parts.transport.timeout() + Duration::from_secs(5);
        if self.parts.fleet.is_some() { own + self.patience_with_hosts() } else { own }
    }

    /// Checks the token that is kept, or `given`: by its lifetime, and if the profile names them and `reach` allows it,
    /// at the introspection endpoint (RFC 7662) and at the resource that is probed. Requests no token and does not
    /// parse the token: to its client it is opaque (RFC 9068 s. 6). Any executor may drive the future.
    ///
    /// A token that a resource refuses is dropped from the cache; a given one only if it is the kept one.
    ///
    /// # Errors
    /// When `given` is no token, or when a check needs the credential's binding and that cannot be read or does not
    /// match. A check that fails is no error: it is in the report.
    pub async fn validate(&self, given: Option<Secret>, reach: Reach) -> Result<Report, Error> {
        validate::validate(self, given, reach).await
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the token that is kept, however old, without judging it.
    pub(crate) fn kept(&self) -> Result<Option<AccessToken>, Error> {
        self.memory.follow(&self.parts.source)?;
        if self.parts.lazy_cache.cache().is_none() {
            return Ok(self.memory.unkept().map(|(token, _)| token));
        }
        Ok(match self.in_cache(&self.memory.request()) {
            Ok(kept) => kept.map(|(_, token)| token),
            Err(fault) => {
                self.warn(&fault);
                None
            }
        })
    }

    /// Returns the proof of the client, for checks that send a token: the binding of the stored item has been compared.
    /// `None` if the profile was set again meanwhile.
    pub(crate) async fn bound(&self) -> Result<Option<Proof>, Error> {
        self.proof(&self.memory.request()).await
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("transport", &self.transport)
            .field("cache", &self.lazy_cache)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// Runs work that may wait for a keyring or a user, in a thread of its own. It must not hold a runtime, and the
/// blocking calls of D-Bus may not run inside one.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    thread::detached(Stack::Usual, work).await.map_err(|error| match error {
        NoAnswer::Failed | NoAnswer::Late => Error::new(Code::Internal, "a thread that read a secret failed"),
        NoAnswer::NoThread(_) => Error::new(Code::Internal, error.to_string()),
    })
}

/// Rounds up to whole seconds, which are not over too early.
fn rounded_up(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}
