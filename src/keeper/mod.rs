//! START HERE: where a token comes from.
//!
//! [`Keeper::cached`] looks, and waits for nothing. [`Keeper::token`] looks, takes the turn, looks again, asks the
//! fleet (if hosts share a store), fetches, keeps. Everything else in this file and below serves these two.

mod access;
mod builder;
mod credential;
mod fetch;
mod fleet;
mod hand_out;
mod headers;
mod keeping;
mod lazy_cache;
mod memory;
mod opened_cache;
mod profile_source;
mod refusals;
mod revoke;
pub(crate) mod validate;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use access::Sharing;
pub use builder::KeeperBuilder;
use credential::Proof;
pub(crate) use credential::read_certificate;
#[cfg(feature = "cli")]
pub(crate) use credential::{read_ca_bytes, read_ca_file, read_ca_file_at};
use fleet::FleetOutcome;
pub(crate) use keeping::Keeping;
pub(crate) use lazy_cache::{LazyCache, NoCache};
pub(crate) use memory::identity_of;
use memory::{InMemory, ResolvedRequest};
pub(crate) use profile_source::ProfileSource;

use crate::cache::single_flight::{Flight, Turn};
use crate::cache::{Cache, CacheFault};
use crate::error::warning::Warning;
use crate::error::{Code, Error, ErrorKind, Remedy};
use crate::fleet::Fleet;
use crate::ledger::Entry;
use crate::oauth::Transport;
use crate::profile::{Profile, Request};
use crate::system::clock::{Clock, Moment};
use crate::system::runtime;
use crate::system::secret::Secret;
use crate::token::{AccessToken, Freshness, Validity};

/// Hands out the access token of one profile and request. Cloning is cheap; clones share the token.
#[derive(Clone, Debug)]
pub struct Keeper {
    parts: Arc<Parts>,
    held: Arc<InMemory>,
    min_ttl: Option<Duration>,
}

/// What a keeper works with; shared by all keepers of a profile.
pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Transport,
    pub(crate) flight: Flight,
    pub(crate) cache_access: LazyCache,
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
pub(crate) type Observer = Box<dyn Fn(&Warning) + Send + Sync>;

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

/// What a caller wants of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// One that is still valid for longer than this.
    Valid {
        /// How much longer.
        min_ttl: Duration,
    },
    /// One that was requested at or after this moment.
    IssuedAfter(Moment),
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

/// What ended a wait.
enum Waited {
    /// A token that is good enough.
    Found(AccessToken),
    /// The profile was set again.
    ProfileChanged,
}

/// The state when a caller began to wait.
struct WaitStart {
    at: Moment,
    present: TokenAtStart,
}

/// The token that was there when a caller began to wait.
enum TokenAtStart {
    /// This one, or none.
    Known(Option<Validity>),
    /// The key that would have shown it was not at hand.
    Unknown,
}

impl WaitStart {
    /// Returns whether a token came while the caller waited, so that another request would give no better one. If many
    /// callers want a token that lives too briefly, the first request was sent before most of them began.
    fn is_followed_by(&self, validity: &Validity, want: &Want, now: &Moment) -> bool {
        match (want, &self.present) {
            (Want::Valid { .. }, TokenAtStart::Known(present)) => *present != Some(*validity),
            (Want::Valid { .. }, TokenAtStart::Unknown) | (Want::IssuedAfter(_), _) => {
                validity.sent_since(&self.at, now)
            }
        }
    }
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
        match self.held.token_at(self.parts.clock.boot()) {
            Some(token) => Ok(Some(token)),
            None => self.look(&self.valid(), None),
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

    async fn obtained(&self, want: Want) -> Result<Obtained, Error> {
        let started = self.started();
        if let Some(token) = self.look(&want, None)? {
            return Ok(Obtained { token, source: Source::Cache });
        }
        let mut moved = false;
        loop {
            let asked = self.held.asked();
            let look = || self.look_while_waiting(&asked, &want, &started);
            match self.parts.flight.turn(asked.identity.name(), self.patience(), look).await? {
                Turn::Answered(Waited::Found(token)) => return Ok(Obtained { token, source: Source::Cache }),
                // Another secret is another turn.
                Turn::Answered(Waited::ProfileChanged) => continue,
                Turn::Taken(ticket) => {
                    match self.look_with_key(&asked, &want, &started).await? {
                        Some(Waited::Found(token)) => return Ok(Obtained { token, source: Source::Cache }),
                        Some(Waited::ProfileChanged) => continue,
                        None => {}
                    }
                    self.can_keep(&ticket)?;
                    let chance = match self.ask_fleet(&asked, &want, &started, &ticket).await? {
                        FleetOutcome::Token(token) => return Ok(Obtained { token, source: Source::Fleet }),
                        FleetOutcome::ProfileChanged => continue,
                        FleetOutcome::Fetch(chance) => chance,
                    };
                    if let Some(token) = self.fetch(&asked, &want, &ticket, chance, &mut moved).await? {
                        return Ok(Obtained { token, source: Source::Issuer });
                    }
                }
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
        self.held.reject(token, self.parts.clock.now());
        let asked = self.held.asked();
        self.forget_rejected(&asked);
        Ok(())
    }

    /// Erases the record of a request if it holds a token that was rejected.
    fn forget_rejected(&self, asked: &ResolvedRequest) {
        let kept = match self.in_cache(asked) {
            Ok(kept) => kept,
            // No caller gets a token from it; a caller that looks for one gets the warning.
            Err(_) => return,
        };
        if let Some((cache, token)) = kept
            && self.held.is_rejected(&token, &self.parts.clock.now())
            && let Err(fault) = cache.forget(asked.identity.name())
        {
            self.warn(&fault);
        }
    }

    /// Returns the token in the cache, however old. A record that does not open may be sealed with a key that took
    /// effect a moment ago: then that key is taken.
    fn in_cache(&self, asked: &ResolvedRequest) -> Result<Option<(Cache, AccessToken)>, CacheFault> {
        let token = || match self.parts.cache_access.cache() {
            Some(cache) => cache.token(&asked.identity).map(|token| token.map(|token| (cache, token))),
            None => Ok(None),
        };
        match token() {
            Err(CacheFault::Unsealed) if self.parts.cache_access.follow_key() => token(),
            token => token,
        }
    }

    /// Returns a keeper for another request of the same profile; the identity is encoded here, once.
    pub fn request(&self, request: Request) -> Keeper {
        // Before the profile: one that is newer than its stamp is only read again.
        let stamp = self.held.profile_stamp();
        let profile = Profile { request: request.clone(), ..self.profile() };
        Keeper { held: Arc::new(InMemory::new(ResolvedRequest::new(profile), Some(request), stamp)), ..self.clone() }
    }

    /// Returns a keeper that hands out only tokens that are valid for longer than `min_ttl`.
    pub fn with_min_ttl(&self, min_ttl: Duration) -> Keeper {
        Keeper { held: Arc::new(self.held.sibling()), min_ttl: Some(min_ttl), ..self.clone() }
    }

    /// Returns the profile as it was last read, with the request of this keeper.
    pub fn profile(&self) -> Profile {
        self.held.asked().profile.clone()
    }

    /// Returns what [`Keeper::cached`] wants.
    pub fn valid(&self) -> Want {
        Want::Valid { min_ttl: self.min_ttl.unwrap_or(self.held.asked().profile.min_ttl) }
    }

    /// Requests the data key if it is not at hand, and looks again with it.
    async fn look_with_key(
        &self,
        asked: &ResolvedRequest,
        want: &Want,
        started: &WaitStart,
    ) -> Result<Option<Waited>, Error> {
        if self.parts.cache_access.cache().is_some() {
            return Ok(None);
        }
        let keeper = self.clone();
        in_thread(move || keeper.open_cache()).await?;
        match self.parts.cache_access.cache() {
            Some(_) => self.look_while_waiting(asked, want, started),
            None => Ok(None),
        }
    }

    /// Requests the data key if it is not at hand; blocks for as long as the backend takes.
    pub(crate) fn open_cache(&self) {
        if self.parts.cache_access.unlock() == lazy_cache::Unlocked::KeyReplaced {
            self.observe(&Warning::DataKeyReplaced);
        }
    }

    fn started(&self) -> WaitStart {
        let unkept = self.held.unkept().map(|(token, _)| token);
        let validity = |token: Option<AccessToken>| token.map(|token| *token.validity());
        let present = match self.parts.cache_access.cache() {
            Some(_) => {
                let kept = self.in_cache(&self.held.asked()).ok().flatten().map(|(_, token)| token);
                TokenAtStart::Known(validity(kept.or(unkept)))
            }
            // The cache may hold one that shows only after the key was requested.
            None if self.parts.cache_access.is_sealed() && unkept.is_none() => TokenAtStart::Unknown,
            None => TokenAtStart::Known(validity(unkept)),
        };
        WaitStart { at: self.parts.clock.now(), present }
    }

    fn look_while_waiting(
        &self,
        asked: &ResolvedRequest,
        want: &Want,
        started: &WaitStart,
    ) -> Result<Option<Waited>, Error> {
        match self.look(want, Some(started))? {
            Some(token) => Ok(Some(Waited::Found(token))),
            None if self.held.differs_from(asked) => Ok(Some(Waited::ProfileChanged)),
            None => self.refusal(asked).map_or(Ok(None), Err),
        }
    }

    /// Looks for a token that is good enough: in memory and in the cache, where another process may have put it. One
    /// that came while the caller waited is accepted: another request would give no better one.
    fn look(&self, want: &Want, started: Option<&WaitStart>) -> Result<Option<AccessToken>, Error> {
        self.held.follow(&self.parts.source)?;
        self.parts.cache_access.follow();
        let asked = self.held.asked();
        let kept = self.in_cache(&asked);
        let unkept = || self.held.unkept();
        let candidate = match kept {
            Ok(Some((_, token))) => Some((token, memory::Kept::Yes)),
            Ok(None) => unkept(),
            Err(fault) => {
                self.warn(&fault);
                unkept()
            }
        };
        // After the record was read: one that came a moment ago does not lie in the future.
        let now = self.parts.clock.now();
        let Some((token, kept)) = candidate.filter(|(token, _)| !self.held.is_rejected(token, &now)) else {
            self.held.let_go(&now);
            return Ok(None);
        };
        let validity = token.validity();
        let good = match want {
            Want::Valid { min_ttl } => validity.outlasts(*min_ttl, &now),
            Want::IssuedAfter(then) => validity.sent_since(then, &now) && validity.outlasts(Duration::ZERO, &now),
        };
        // If a token was over when it arrived, none is better: a caller that waited would get another of that kind.
        let is_usable = validity.lifetime.is_zero() || validity.outlasts(Duration::ZERO, &now);
        let as_good_as_it_gets =
            is_usable && started.is_some_and(|started| started.is_followed_by(validity, want, &now));
        if validity.at(&now) == Freshness::Unknown {
            self.observe(&Warning::ClockJump);
        }
        if !good && !as_good_as_it_gets {
            return Ok(None);
        }
        if let Want::Valid { min_ttl } = want {
            self.held.hold_for(&asked, &token, kept, &now, *min_ttl);
        }
        Ok(Some(token))
    }

    /// If the issuer does not answer, adds that there is a token, which is not the one that was wanted.
    fn with_kept_token(&self, asked: &ResolvedRequest, want: &Want, error: Error) -> Error {
        if !matches!(error.code().kind(), ErrorKind::Unavailable | ErrorKind::RateLimited) {
            return error;
        }
        let kept = self.in_cache(asked).ok().flatten();
        match kept.map(|(_, token)| token.validity().at(&self.parts.clock.now())) {
            Some(Freshness::Fresh(left)) => error.with_remedy(match want {
                Want::Valid { .. } => Remedy::LowerMinTtl(left),
                Want::IssuedAfter(_) => Remedy::AcceptCached(left),
            }),
            _ => error,
        }
    }

    /// How long a caller waits for a turn: the request deadline, its repeats included, and 5 s. The holder of the turn
    /// may have to wait for another host first.
    fn patience(&self) -> Duration {
        let own = self.parts.transport.timeout() + Duration::from_secs(5);
        if self.parts.fleet.is_some() { own + self.patience_with_hosts() } else { own }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the token that is kept, however old, without judging it.
    pub(crate) fn kept(&self) -> Result<Option<AccessToken>, Error> {
        self.held.follow(&self.parts.source)?;
        if self.parts.cache_access.cache().is_none() {
            return Ok(self.held.unkept().map(|(token, _)| token));
        }
        Ok(match self.in_cache(&self.held.asked()) {
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
        self.proof(&self.held.asked()).await
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("transport", &self.transport)
            .field("vault", &self.cache_access)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// Runs work that may wait for a keyring or a user, in a thread of its own. It must not hold a runtime, and the
/// blocking calls of D-Bus may not run inside one.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let run = move || {
        // No receiver is left if the caller was dropped.
        let _ = tell.send(work());
    };
    let no_thread = |_| Error::new(Code::Internal, "no thread can be started");
    std::thread::Builder::new().spawn(run).map_err(no_thread)?;
    told.await.map_err(|_| Error::new(Code::Internal, "a thread that read a secret failed"))
}

/// Rounds up to whole seconds, which are not over too early.
fn rounded_up(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}
