//! One call for a token: of which request, what it wants, and since when it waits.

use std::sync::Arc;

use super::memory::ResolvedRequest;
use super::want::{WaitStart, Want};
use super::{Keeper, in_thread};
use crate::cache::single_flight::Turn;
use crate::error::{Error, ErrorKind, Remedy};
use crate::token::{AccessToken, Freshness};

/// A call of one caller.
pub(super) struct Call<'a> {
    pub(super) keeper: &'a Keeper,
    pub(super) request: Arc<ResolvedRequest>,
    pub(super) want: Want,
    pub(super) start: WaitStart,
}

/// What ended a wait.
pub(super) enum Waited {
    /// A token that is good enough.
    Found(AccessToken),
    /// The profile was set again.
    ProfileChanged,
}

impl Call<'_> {
    /// Waits for the turn to request a token, and looks meanwhile.
    pub(super) async fn take_turn(&self) -> Result<Turn<Waited>, Error> {
        let name = self.request.identity.name();
        self.keeper.parts.flight.turn(name, self.keeper.patience(), || self.look()).await
    }

    /// Unlocks the data key if it is not at hand, and looks again with it.
    pub(super) async fn look_with_key(&self) -> Result<Option<Waited>, Error> {
        if self.keeper.parts.lazy_cache.cache().is_some() {
            return Ok(None);
        }
        let keeper = self.keeper.clone();
        in_thread(move || keeper.open_cache()).await?;
        match self.keeper.parts.lazy_cache.cache() {
            Some(_) => self.look(),
            None => Ok(None),
        }
    }

    fn look(&self) -> Result<Option<Waited>, Error> {
        match self.keeper.look(&self.want, &self.start)? {
            Some(token) => Ok(Some(Waited::Found(token))),
            None if self.keeper.memory.differs_from(&self.request) => Ok(Some(Waited::ProfileChanged)),
            None => self.keeper.refusal(&self.request).map_or(Ok(None), Err),
        }
    }

    /// If the issuer does not answer, adds that there is a token, which is not the one that was wanted.
    pub(super) fn with_kept_token(&self, error: Error) -> Error {
        if !matches!(error.code().kind(), ErrorKind::Unavailable | ErrorKind::RateLimited) {
            return error;
        }
        let kept = self.keeper.in_cache(&self.request).ok().flatten();
        match kept.map(|(_, token)| token.validity().at(&self.keeper.parts.clock.now())) {
            Some(Freshness::Fresh(left)) => error.with_remedy(match self.want {
                Want::Valid { .. } | Want::Lasting { .. } => Remedy::LowerMinTtl(left),
                Want::IssuedAfter(_) => Remedy::AcceptCached(left),
            }),
            _ => error,
        }
    }
}
