//! What a keeper reports to its observer: each fault as the warning that users know it by.

use super::{Keeper, NoCache};
use crate::cache::CacheFault;
use crate::cache::single_flight::{NoLock, TurnGuard};
use crate::cache::store::RecordError;
use crate::error::chain;
use crate::error::warning::Warning;

impl Keeper {
    /// Returns whether there may be records that could not be looked at.
    pub(crate) fn is_unseen(&self) -> bool {
        matches!(self.parts.lazy_cache.reason(), Some(NoCache::DataKey(_) | NoCache::Unusable(_) | NoCache::Place(_)))
    }

    pub(crate) fn observe(&self, warning: &Warning) {
        tracing::debug!(code = warning.code(), "{warning}");
        (self.parts.observer)(warning);
    }

    pub(super) fn warn(&self, fault: &CacheFault) {
        self.observe(&match fault {
            CacheFault::Unsealed => Warning::UnsealFailed,
            CacheFault::NewerVersion => Warning::CacheNewerVersion,
            CacheFault::Seal(_) => Warning::CacheWriteFailed(chain(fault)),
            CacheFault::Store(error) => store_warning(error),
        });
    }

    pub(super) fn warn_without_cache(&self, reason: &NoCache) {
        self.observe(&match reason {
            NoCache::NotChosen => Warning::DataKeyUnavailable(crate::secrets::SecretsError::NotChosen.to_string()),
            NoCache::DataKey(error) if error.is_of_volume() => Warning::DataKeyUnavailable(format!(
                "{}; in a pod its Secret needs defaultMode: 0440, and the pod fsGroup",
                chain(error)
            )),
            NoCache::DataKey(error) => Warning::DataKeyUnavailable(chain(error)),
            NoCache::Unusable(why) => Warning::DataKeyUnavailable(why.clone()),
            NoCache::Place(error) => store_warning(error),
            // The user chose this, and needs no warning.
            NoCache::Chosen => return,
        });
    }

    pub(super) fn warn_without_lock(&self, ticket: &TurnGuard) {
        if let Some(kind) = self.parts.flight.network() {
            self.observe(&Warning::NetworkFilesystem(kind));
        }
        match ticket.lock_error() {
            Some(NoLock::TimedOut) => self.observe(&Warning::LockTimeout),
            Some(NoLock::Place(place)) if place.is_insecure() => {
                self.observe(&Warning::CachePathInsecure(chain(place)));
            }
            // Without a place to lock in, the failed save reports what is wrong.
            Some(NoLock::Place(_) | NoLock::NoPlace) | None => {}
            Some(NoLock::Unsupported) => self.observe(&Warning::LockUnsupported),
        }
    }
}

fn store_warning(error: &RecordError) -> Warning {
    match error {
        RecordError::Insecure(cause) => Warning::CachePathInsecure(chain(&**cause)),
        RecordError::ReadOnly(cause) => Warning::CacheReadOnly(chain(&**cause)),
        RecordError::Failed(cause) => Warning::CacheWriteFailed(chain(&**cause)),
        RecordError::Occupied(_) | RecordError::Other(_) => Warning::CacheWriteFailed(chain(error)),
    }
}
