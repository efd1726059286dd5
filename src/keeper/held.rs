//! What a keeper holds in memory: what it asks for, and the token that it last saw.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::ProfileSource;
use crate::clock::{BootTime, Moment};
use crate::error::Error;
use crate::place::Stamp;
use crate::profile::{Grant, Profile, Request, TokenBinding};
use crate::token::{AccessToken, Dimensions, TokenIdentity};

/// How long a held token is handed out before the cache is looked at again: the time in which a
/// running program notices `credentials set`, `forget` and `revoke`.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A profile and the identity of its request, encoded once.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) profile: Profile,
    pub(crate) identity: TokenIdentity,
}

impl Asked {
    pub(crate) fn new(profile: Profile) -> Asked {
        let identity = identity_of(&profile);
        Asked { profile, identity }
    }
}

/// Encodes what a profile asks for.
pub(crate) fn identity_of(profile: &Profile) -> TokenIdentity {
    let scopes: Vec<&str> = profile.request.scopes().collect();
    let resources: Vec<&str> = profile.request.resources().collect();
    let params: Vec<(&str, &str)> = profile.request.params().collect();
    let generation = profile.generation();
    TokenIdentity::new(&Dimensions {
        token_endpoint: profile.token_url.as_str(),
        issuer: profile.issuer.as_deref(),
        client_id: &profile.client_id,
        auth_method: profile.auth.name(),
        scopes: &scopes,
        audience: profile.request.audience(),
        resources: &resources,
        params: &params,
        generation: generation.as_ref().map(crate::profile::Generation::as_bytes),
        certificate: profile.certificate.as_ref().and_then(|c| c.thumbprint.as_ref()).map(<[u8; 32]>::as_slice),
        binding: (profile.token_binding == TokenBinding::Dpop).then_some("dpop"),
        grant: (profile.grant != Grant::ClientCredentials).then(|| profile.grant.name()),
    })
}

/// Whether a token also lies in the cache: then its absence there means that it was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
}

/// What is held, behind one lock: a reader takes it for some nanoseconds.
#[derive(Debug)]
pub(super) struct Held {
    /// The request of this keeper, where it is not the profile's own.
    own_request: Option<Request>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    asked: Arc<Asked>,
    token: Option<AccessToken>,
    kept: Kept,
    /// Up to when `token` is handed out without a further look; boot time alone is read.
    hand_out_until: BootTime,
    /// What a resource refused, and when that was said.
    rejected: Option<(AccessToken, Moment)>,
    profile_stamp: Option<Stamp>,
}

impl Held {
    /// Holds nothing yet; `profile_stamp` is that of the profile as it was read.
    pub(super) fn new(asked: Asked, own_request: Option<Request>, profile_stamp: Option<Stamp>) -> Held {
        let state = State {
            asked: Arc::new(asked),
            token: None,
            kept: Kept::No,
            hand_out_until: BootTime(0),
            rejected: None,
            profile_stamp,
        };
        Held { own_request, state: RwLock::new(state) }
    }

    /// Returns the token, as long as nothing has to be looked at.
    pub(super) fn token_at(&self, now: BootTime) -> Option<AccessToken> {
        let state = self.read();
        if now < state.hand_out_until { state.token.clone() } else { None }
    }

    pub(super) fn asked(&self) -> Arc<Asked> {
        self.read().asked.clone()
    }

    /// Returns the request of this keeper, where it is not the profile's own.
    pub(super) fn own_request(&self) -> Option<&Request> {
        self.own_request.as_ref()
    }

    /// Returns the stamp of the profile as it was last read.
    pub(super) fn profile_stamp(&self) -> Option<Stamp> {
        self.read().profile_stamp
    }

    /// Reads the profile again where its file has changed.
    pub(super) fn follow(&self, source: &ProfileSource) -> Result<(), Error> {
        let stamp = source.stamp()?;
        if stamp == self.read().profile_stamp {
            return Ok(());
        }
        if let Some(profile) = source.load()? {
            self.take(profile);
        }
        self.write().profile_stamp = stamp;
        Ok(())
    }

    /// Reads the profile again, whatever its stamp, and tells whether it asks for something else than `asked`, which
    /// another caller may have found out before.
    pub(super) fn reload(&self, source: &ProfileSource, asked: &Asked) -> Result<bool, Error> {
        if let Some(profile) = source.load()? {
            self.take(profile);
        }
        Ok(self.differs_from(asked))
    }

    /// Tells whether the profile was set again since `asked` was made of it.
    pub(super) fn differs_from(&self, asked: &Asked) -> bool {
        self.read().asked.identity != asked.identity
    }

    fn take(&self, profile: Profile) {
        let profile = match &self.own_request {
            Some(request) => Profile { request: request.clone(), ..profile },
            None => profile,
        };
        let asked = Asked::new(profile);
        let mut state = self.write();
        if asked.identity != state.asked.identity {
            state.token = None;
            state.hand_out_until = BootTime(0);
        }
        state.asked = Arc::new(asked);
    }

    /// Returns the token that could not be kept and lives here alone.
    pub(super) fn unkept(&self) -> Option<(AccessToken, Kept)> {
        let state = self.read();
        state.token.clone().filter(|_| state.kept == Kept::No).map(|token| (token, Kept::No))
    }

    pub(super) fn drop_token(&self) {
        let mut state = self.write();
        state.token = None;
        state.hand_out_until = BootTime(0);
    }

    pub(super) fn hold(&self, token: &AccessToken, kept: Kept, now: &Moment, min_ttl: Duration) {
        let deadline = token.validity().boot_deadline(now).0;
        let min_ttl = u64::try_from(min_ttl.as_nanos()).unwrap_or(u64::MAX);
        let mut state = self.write();
        state.hand_out_until = BootTime(deadline.saturating_sub(min_ttl)).min(now.boot.plus(LOOK_AGAIN));
        state.token = Some(token.clone());
        state.kept = kept;
    }

    /// Holds a token that was asked for as `asked`, unless something else is asked for by now.
    pub(super) fn hold_for(&self, asked: &Asked, token: &AccessToken, kept: Kept, now: &Moment, min_ttl: Duration) {
        if self.asked().identity == asked.identity {
            self.hold(token, kept, now, min_ttl);
        }
    }

    pub(super) fn reject(&self, token: &AccessToken, now: Moment) {
        let mut state = self.write();
        if state.token.as_ref().is_some_and(|held| held.is_same_as(token)) {
            state.token = None;
            state.hand_out_until = BootTime(0);
        }
        state.rejected = Some((token.clone(), now));
    }

    /// Tells whether a token is the one that was refused. An issuer may give the same one again: asked for since, it is
    /// another. Through a fleet it may come back, as asked for at a time that was worked out anew: it is the same.
    pub(super) fn is_rejected(&self, token: &AccessToken) -> bool {
        let state = self.read();
        state.rejected.as_ref().is_some_and(|(rejected, at)| {
            token == rejected || (token.is_same_as(rejected) && !token.validity().sent_since(at))
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Nothing in this file panics while it writes.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
