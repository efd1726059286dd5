//! What commands list, count and erase of a cache.

use super::{Cache, CacheFault, kind, slot};
use crate::cache::store::{RecordKey, RecordKind};
use crate::seal::{self, OpenError};
use crate::token::{AccessToken, Outline, RecordName, TokenIdentity};

/// A cached token as a listing shows it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) identity: TokenIdentity,
    pub(crate) outline: Outline,
    pub(crate) token: AccessToken,
}

impl Cache {
    /// Erases the refusal of an identity.
    pub(crate) fn forget_refusal(&self, name: RecordName) -> Result<(), CacheFault> {
        self.store.remove(slot(name, RecordKind::Refusal))?;
        Ok(())
    }

    /// Lists every token that opens. Records that do not are passed over: they are not tokens.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, CacheFault> {
        let mut listed = Vec::new();
        for slot in self.store.list()?.into_iter().filter(|slot| slot.holds == RecordKind::Token) {
            if let Some(identity) = self.identity_in(slot)?
                && let Ok(outline) = identity.outline()
                && let Ok(Some(token)) = self.token(&identity)
            {
                listed.push(Listed { identity, outline, token });
            }
        }
        Ok(listed)
    }

    /// Lists the identities of every record that opens, whatever it holds.
    pub(crate) fn identities(&self) -> Result<Vec<(TokenIdentity, Outline)>, CacheFault> {
        let mut identities = Vec::new();
        for slot in self.store.list()? {
            if let Some(identity) = self.identity_in(slot)?
                && let Ok(outline) = identity.outline()
            {
                identities.push((identity, outline));
            }
        }
        Ok(identities)
    }

    /// Counts the records that were written by a newer version.
    pub(crate) fn newer(&self) -> Result<usize, CacheFault> {
        let mut newer = 0;
        for slot in self.store.list()? {
            if let Some(record) = self.store.load(slot)? {
                let opened = seal::open(&self.key, kind(slot.holds), slot.name, &record);
                newer += usize::from(opened == Err(OpenError::NewerVersion));
            }
        }
        Ok(newer)
    }

    fn identity_in(&self, slot: RecordKey) -> Result<Option<TokenIdentity>, CacheFault> {
        let Some(record) = self.store.load(slot)? else { return Ok(None) };
        let plain = seal::open(&self.key, kind(slot.holds), slot.name, &record);
        Ok(plain.ok().map(|plain| TokenIdentity::from_bytes(plain.identity)))
    }
}
