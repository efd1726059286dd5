//! Store and seal together: what an unreadable record means is decided here, once.

mod failure;
#[cfg(feature = "cli")]
mod listing;
pub(crate) mod single_flight;
pub(crate) mod store;
mod sweep;

use std::sync::Arc;

use zeroize::Zeroizing;

pub(crate) use self::sweep::{Extent, sweep};
use crate::cache::store::{RecordError, RecordKey, RecordKind, RecordStore, WriteMode};
use crate::seal::{self, DataKey, Kind, OpenError, Plain};
use crate::system::clock::Clock;
use crate::token::refusal::Refusal;
use crate::token::rejection::Rejection;
use crate::token::{AccessToken, RecordName, TokenIdentity};

/// Keeps tokens, refusals and rejections sealed in a store.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    store: Arc<dyn RecordStore>,
    key: DataKey,
}

/// Why a record could not be used. None of these keeps a token from the caller: the record is
/// treated as absent, and the caller is warned.
#[derive(Debug, thiserror::Error)]
pub enum CacheFault {
    /// It does not open, whatever the reason.
    #[error("a record does not open")]
    Unsealed,
    /// It is of a newer format; nothing may be written over it.
    #[error("a record was written by a newer version")]
    NewerVersion,
    /// It cannot be sealed.
    #[error("the record cannot be sealed")]
    Seal(#[from] seal::SealError),
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] RecordError),
}

impl Cache {
    /// Makes a cache of a store and the key that its records are sealed with.
    pub(crate) fn new(store: Arc<dyn RecordStore>, key: DataKey) -> Cache {
        Cache { store, key }
    }

    /// Returns the token of an identity, however old; `None` if there is none.
    pub(crate) fn token(&self, identity: &TokenIdentity) -> Result<Option<AccessToken>, CacheFault> {
        let body = self.load(identity, RecordKind::Token)?;
        body.map(|body| AccessToken::decode(&body)).transpose().map_err(|_| CacheFault::Unsealed)
    }

    /// Returns the remembered refusal of an identity, however old; `None` if there is none.
    pub(crate) fn refusal(&self, identity: &TokenIdentity) -> Result<Option<Refusal>, CacheFault> {
        let body = self.load(identity, RecordKind::Refusal)?;
        body.map(|body| Refusal::decode(&body)).transpose().map_err(|_| CacheFault::Unsealed)
    }

    /// Returns the last rejection of an identity, however old; `None` if there is none.
    pub(crate) fn rejection(&self, identity: &TokenIdentity) -> Result<Option<Rejection>, CacheFault> {
        let body = self.load(identity, RecordKind::Rejection)?;
        body.map(|body| Rejection::decode(&body)).transpose().map_err(|_| CacheFault::Unsealed)
    }

    /// Keeps a token, unless one is there that holds at the time that `clock` then shows and was requested later, and
    /// ends a refusal.
    pub(crate) fn keep(
        &self,
        identity: &TokenIdentity,
        token: &AccessToken,
        writer: WriteMode,
        clock: &dyn Clock,
    ) -> Result<(), CacheFault> {
        match self.token(identity) {
            // The clock is read after the record: one that has just come does not lie ahead.
            Ok(Some(present)) if present.validity().is_fresh_and_sent_after(token.validity(), &clock.now()) => {
                return Ok(());
            }
            Err(CacheFault::NewerVersion) => return Err(CacheFault::NewerVersion),
            // Absent, older, or broken: it is replaced. If it cannot be replaced, that is reported below.
            _ => {}
        }
        self.save(identity, RecordKind::Token, token.encode(), writer)?;
        // The token is kept by now, and a refusal is read only if there is none.
        if let Err(error) = self.store.remove(slot(identity.name(), RecordKind::Refusal)) {
            tracing::debug!("a refusal that is over stays: {error}");
        }
        Ok(())
    }

    /// Remembers a refusal.
    pub(crate) fn keep_refusal(
        &self,
        identity: &TokenIdentity,
        refusal: &Refusal,
        writer: WriteMode,
    ) -> Result<(), CacheFault> {
        self.save(identity, RecordKind::Refusal, refusal.encode(), writer)
    }

    /// Remembers a rejection.
    #[cfg(feature = "cli")]
    pub(crate) fn keep_rejection(
        &self,
        identity: &TokenIdentity,
        rejection: &Rejection,
        writer: WriteMode,
    ) -> Result<(), CacheFault> {
        self.save(identity, RecordKind::Rejection, rejection.encode(), writer)
    }

    /// Erases all that is kept of an identity; `true` if there was a token.
    pub(crate) fn forget(&self, name: RecordName) -> Result<bool, CacheFault> {
        let had_token = self.forget_token(name)?;
        self.store.remove(slot(name, RecordKind::Rejection))?;
        Ok(had_token)
    }

    /// Erases the token and refusal of an identity, and leaves what is remembered of tokens that were rejected; `true`
    /// if there was a token.
    pub(crate) fn forget_token(&self, name: RecordName) -> Result<bool, CacheFault> {
        self.store.remove(slot(name, RecordKind::Refusal))?;
        Ok(self.store.remove(slot(name, RecordKind::Token))?)
    }

    fn load(&self, identity: &TokenIdentity, holds: RecordKind) -> Result<Option<Zeroizing<Vec<u8>>>, CacheFault> {
        let Some(record) = self.store.load(slot(identity.name(), holds))? else { return Ok(None) };
        match seal::open(&self.key, kind(holds), identity.name(), &record) {
            // The name is a digest of the identity; compared all the same, byte for byte.
            Ok(plain) if plain.identity == identity.as_bytes() => Ok(Some(plain.body)),
            Err(OpenError::NewerVersion) => Err(CacheFault::NewerVersion),
            Ok(_) | Err(OpenError::Sealed) => Err(CacheFault::Unsealed),
        }
    }

    fn save(
        &self,
        identity: &TokenIdentity,
        holds: RecordKind,
        body: Zeroizing<Vec<u8>>,
        writer: WriteMode,
    ) -> Result<(), CacheFault> {
        let plain = Plain { identity: identity.as_bytes().to_vec(), body };
        let record = seal::seal(&self.key, kind(holds), &plain)?;
        Ok(self.store.save(slot(identity.name(), holds), &record, writer)?)
    }
}

fn slot(name: RecordName, holds: RecordKind) -> RecordKey {
    RecordKey { name, holds }
}

fn kind(holds: RecordKind) -> Kind {
    match holds {
        RecordKind::Token => Kind::Token,
        RecordKind::Refusal => Kind::Refusal,
        RecordKind::Rejection => Kind::Rejection,
    }
}

#[cfg(test)]
mod tests;
