//! What a keeper holds in memory: its request, and the token that it last saw.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ProfileSource;
pub(super) use super::hand_out::Kept;
use super::hand_out::{HandOut, Rejectable, Rejections, Requests};
use crate::error::Error;
use crate::profile::{Grant, Profile, Request, TokenBinding};
use crate::system::clock::{BootTime, Moment};
use crate::system::files::Stamp;
use crate::token::{AccessToken, Dimensions, TokenIdentity};

/// How long a held token is handed out before the cache is looked at again. Within this time a running program notices
/// `credentials set`, `forget` and `revoke`.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often a profile is read again because another thread read it at the same time.
const READINGS: usize = 3;

/// A profile and the identity of its request, encoded once.
#[derive(Debug)]
pub(crate) struct ResolvedRequest {
    pub(crate) profile: Profile,
    pub(crate) identity: TokenIdentity,
}

impl ResolvedRequest {
    pub(crate) fn new(profile: Profile) -> ResolvedRequest {
        let identity = identity_of(&profile);
        ResolvedRequest { profile, identity }
    }

    /// Returns the plain request of the same client: without scopes, audience, resources and parameters.
    pub(crate) fn of_client(&self) -> ResolvedRequest {
        ResolvedRequest::new(Profile { request: Request::default(), ..self.profile.clone() })
    }
}

/// Encodes the identity of what a profile requests.
pub(crate) fn identity_of(profile: &Profile) -> TokenIdentity {
    let scopes: Vec<&str> = profile.request.scopes().collect();
    let resources: Vec<&str> = profile.request.resources().collect();
    let params: Vec<(&str, &str)> = profile.request.params().collect();
    let generation = profile.generation();
    let headers = profile.headers.digest();
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
        headers: headers.as_ref().map(|digest| digest.as_bytes().as_slice()),
    })
}

/// The request of a keeper, and the token that it hands out.
pub(super) struct InMemory {
    /// The request of this keeper, if it is not the profile's own.
    own_request: Option<Request>,
    hand_out: HandOut<ResolvedRequest, AccessToken, Option<Stamp>>,
}

impl Requests for ResolvedRequest {
    fn requests_the_same_as(&self, other: &ResolvedRequest) -> bool {
        self.identity == other.identity
    }
}

impl Rejectable for AccessToken {
    type Moment = Moment;

    /// An issuer may give the same token again: if it was requested since, it is another. Through a fleet it may come
    /// back with a request time that was computed again: it is the same.
    fn is_meant_by(&self, rejected: &AccessToken, at: &Moment, now: &Moment) -> bool {
        self == rejected || (self.is_same_as(rejected) && !self.validity().sent_since(at, now))
    }
}

impl InMemory {
    /// Holds nothing yet; `profile_stamp` is that of the profile as it was read.
    pub(super) fn new(
        request: ResolvedRequest,
        own_request: Option<Request>,
        profile_stamp: Option<Stamp>,
    ) -> InMemory {
        InMemory { own_request, hand_out: HandOut::new(request, profile_stamp, Arc::new(Rejections::new())) }
    }

    /// Returns another holder of the same request; what is rejected through one of them is rejected for both.
    pub(super) fn sibling(&self) -> InMemory {
        // Before the profile: one that is newer than its stamp is only read again.
        let stamp = self.hand_out.stamp();
        let request = ResolvedRequest::new(self.request().profile.clone());
        let hand_out = HandOut::new(request, stamp, self.hand_out.rejections().clone());
        InMemory { own_request: self.own_request.clone(), hand_out }
    }

    /// Returns the token, as long as no look is needed.
    pub(super) fn token_at(&self, now: BootTime) -> Option<AccessToken> {
        self.hand_out.token_at(now.0)
    }

    pub(super) fn request(&self) -> Arc<ResolvedRequest> {
        self.hand_out.request()
    }

    /// Returns the stamp of the profile as it was last read.
    pub(super) fn profile_stamp(&self) -> Option<Stamp> {
        self.hand_out.stamp()
    }

    /// Reads the profile again if its file has changed.
    pub(super) fn follow(&self, source: &ProfileSource) -> Result<(), Error> {
        for _ in 0..READINGS {
            let (before, stamp) = (self.hand_out.stamp(), source.stamp()?);
            if stamp == before || self.read(source, before, stamp)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the profile again, whatever its stamp. Returns whether it requests something else than `request`, which may
    /// have been read before the last look.
    pub(super) fn reload(&self, source: &ProfileSource, request: &ResolvedRequest) -> Result<bool, Error> {
        for _ in 0..READINGS {
            let (before, stamp) = (self.hand_out.stamp(), source.stamp()?);
            if self.read(source, before, stamp)? {
                break;
            }
        }
        Ok(self.differs_from(request))
    }

    /// Returns whether the profile was set again since `request` was made of it.
    pub(super) fn differs_from(&self, request: &ResolvedRequest) -> bool {
        !self.request().requests_the_same_as(request)
    }

    /// Reads the profile; `false` when another thread has read it meanwhile. A file that changes after `stamp` was
    /// taken is read again by the next caller.
    fn read(&self, source: &ProfileSource, before: Option<Stamp>, stamp: Option<Stamp>) -> Result<bool, Error> {
        let request = source.load()?.map(|profile| {
            ResolvedRequest::new(match &self.own_request {
                Some(request) => Profile { request: request.clone(), ..profile },
                None => profile,
            })
        });
        Ok(self.hand_out.ask(before, stamp, request))
    }

    /// Returns the token that could not be kept and lives here only.
    pub(super) fn unkept(&self) -> Option<(AccessToken, Kept)> {
        self.hand_out.unkept().map(|token| (token, Kept::No))
    }

    /// Lets go of what the cache lacks or a resource rejected.
    pub(super) fn let_go(&self, now: &Moment) {
        self.hand_out.let_go(now);
    }

    /// Holds a token that was requested as `request`, unless something else is requested by now, or it was rejected.
    pub(super) fn hold_for(
        &self,
        request: &ResolvedRequest,
        token: &AccessToken,
        kept: Kept,
        now: &Moment,
        min_ttl: Duration,
    ) {
        let deadline = token.validity().boot_deadline(now).0;
        let min_ttl = u64::try_from(min_ttl.as_nanos()).unwrap_or(u64::MAX);
        let until = deadline.saturating_sub(min_ttl).min(now.boot.plus(LOOK_AGAIN).0);
        self.hand_out.hold(request, token, kept, until, now);
    }

    /// Marks a token as rejected: it is not handed out again.
    pub(super) fn reject(&self, token: &AccessToken, now: Moment) {
        let until = now.boot.plus(token.validity().lifetime).0;
        self.hand_out.rejections().add(token, now, now.boot.0, until);
    }

    /// Returns whether a token was rejected.
    pub(super) fn is_rejected(&self, token: &AccessToken, now: &Moment) -> bool {
        self.hand_out.rejections().contains(token, now)
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").field("asked", &self.request()).finish_non_exhaustive()
    }
}
