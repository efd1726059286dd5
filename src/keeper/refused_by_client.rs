//! What a client reports that a server refused: the one way in which it takes effect.
//!
//! A token is rejected once, and one token of an identity in a minute: a server that refuses every token would use up
//! the quota of the issuer. What was rejected is remembered beside the token, for every process on this host.

use super::Keeper;
use super::in_thread;
use crate::cache::CacheFault;
use crate::cache::single_flight::Turn;
use crate::cache::store::WriteMode;
use crate::error::Error;
use crate::error::warning::Warning;
use crate::system::clock::Moment;
use crate::system::runtime;
use crate::system::secret::Secret;
use crate::token::AccessToken;
use crate::token::rejection::Rejection;

/// How long a refusal waits for another process that has the turn. It requests a token, perhaps in place of this one.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl Keeper {
    /// Takes a token out of use that a server refused, as a client reports: on this host, and in the fleet. Nothing
    /// happens if it is not the one that is kept. If it is too early for another rejection, it stays, with a warning.
    ///
    /// # Errors
    /// When the profile has become unusable. What cannot be remembered is a warning, and the token stays.
    pub(crate) async fn refused_by_client(&self, refused: &Secret) -> Result<(), Error> {
        runtime::run(self.take_out(refused)).await.map_err(Error::no_runtime)?
    }

    async fn take_out(&self, refused: &Secret) -> Result<(), Error> {
        if self.parts.lazy_cache.cache().is_none() {
            let keeper = self.clone();
            in_thread(move || keeper.open_cache()).await?;
        }
        let request = self.memory.request();
        // Without a cache there is nothing to take out: each call requests a token.
        let Some(cache) = self.parts.lazy_cache.cache() else { return Ok(()) };
        let is_gone = || Ok::<_, Error>(if self.kept_as(refused)?.is_none() { Some(()) } else { None });
        if is_gone()?.is_some() {
            return Ok(());
        }
        // Of the processes that report the same token, one is first; and no process is putting another one there.
        let turn = match self.parts.flight.turn(request.identity.name(), PATIENCE, is_gone).await? {
            Turn::Answered(()) => return Ok(()),
            Turn::Taken(turn) => turn,
        };
        let Some(token) = self.kept_as(refused)? else { return Ok(()) };
        let now = self.parts.clock.now();
        let writer = if turn.lock_error().is_none() { WriteMode::Exclusive } else { WriteMode::Concurrent };
        let rejected = cache.rejection(&request.identity).or_else(unless_replaceable).and_then(|last| {
            let warning = last.and_then(|last| staying(&last, &token, &now));
            if warning.is_none() {
                // Before the token goes: what cannot be remembered cannot be limited.
                cache.keep_rejection(&request.identity, &Rejection::new(&token, now), writer)?;
            }
            Ok(warning)
        });
        match rejected {
            Ok(None) => {
                self.reject(&token)?;
                self.take_back_if_retired(&request);
                // A process that looks into the fleet meanwhile finds what was remembered.
                drop(turn);
                self.withdraw(&token).await;
            }
            Ok(Some(warning)) => self.observe(&warning),
            Err(fault) => self.warn(&fault),
        }
        Ok(())
    }

    /// Returns the token that is kept, if it is this one; compared in constant time.
    fn kept_as(&self, refused: &Secret) -> Result<Option<AccessToken>, Error> {
        Ok(self.kept()?.filter(|token| refused.holds(token.expose().as_bytes())))
    }
}

/// Returns the warning for a token that stays in use, if it does.
fn staying(last: &Rejection, token: &AccessToken, now: &Moment) -> Option<Warning> {
    if last.is_of(token, now) {
        return Some(Warning::RejectedAgain);
    }
    last.pause(now).map(|left| Warning::RejectionsLimited(super::rounded_up(left)))
}

/// A record that does not open is replaced; one that cannot be read may be there.
fn unless_replaceable(fault: CacheFault) -> Result<Option<Rejection>, CacheFault> {
    match fault {
        CacheFault::Unsealed => Ok(None),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests;
