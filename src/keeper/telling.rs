//! What a keeper reports to its observer: each fault as the warning that users know it by.

use super::{Keeper, Keeping, NoCache};
use crate::cache::CacheFault;
use crate::error::{Code, Error, ErrorKind, Remedy, chain};
use crate::flight::{NoLock, Ticket};
use crate::place::Missing;
use crate::secrets::SecretsError;
use crate::store::StoreError;
use crate::warning::Warning;

impl Keeper {
    /// Returns whether there may be records that could not be looked at.
    pub(crate) fn is_unseen(&self) -> bool {
        matches!(self.parts.vault.reason(), Some(NoCache::DataKey(_) | NoCache::Unusable(_) | NoCache::Place(_)))
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

    /// If tokens have to be kept, checks that this can be done, as far as that shows before a request to the issuer.
    pub(super) fn can_keep(&self, ticket: &Ticket) -> Result<(), Error> {
        if self.parts.keeping == Keeping::IfPossible {
            return Ok(());
        }
        let name = self.profile().name;
        let without = |error: Error| Err(unkept(error, "the issuer was not asked").for_profile(&name));
        if self.parts.vault.cache().is_none() {
            return without(match self.parts.vault.reason() {
                Some(NoCache::DataKey(error)) => Error::of_secrets(error),
                Some(NoCache::NotChosen) => Error::of_secrets(&SecretsError::NotChosen),
                Some(NoCache::Unusable(why)) => Error::of_secrets(&SecretsError::Unusable(why.clone())),
                Some(NoCache::Place(error)) => of_store(error),
                Some(NoCache::Chosen) => Error::new(Code::CacheUnavailable, "it was chosen that nothing is kept")
                    .with_remedy(Remedy::MoveToFiles),
                None => Error::new(Code::CacheUnavailable, "there is no cache"),
            });
        }
        if let Some(Err(place)) = self.parts.flight.data_dir().map(|dir| dir.dir("tokens", Missing::Create)) {
            return without(Error::new(Code::CacheUnavailable, chain(&place)).with_remedy(Remedy::CheckDataDirectory));
        }
        match ticket.without_lock() {
            Some(NoLock::Place(place)) => {
                without(Error::new(Code::CacheUnavailable, chain(place)).with_remedy(Remedy::CheckDataDirectory))
            }
            Some(NoLock::TimedOut | NoLock::NoPlace | NoLock::Unsupported) | None => Ok(()),
        }
    }

    /// Makes the error for a token that was issued, and could not be kept as it has to be.
    pub(super) fn not_kept(&self, fault: &CacheFault) -> Error {
        let error = match fault {
            CacheFault::Store(error) => of_store(error),
            CacheFault::Unsealed | CacheFault::NewerVersion | CacheFault::Seal(_) => {
                Error::new(Code::CacheUnavailable, chain(fault)).with_remedy(Remedy::Diagnose)
            }
        };
        unkept(error, "the issuer gave a token, which was not kept")
    }

    pub(super) fn warn_without_lock(&self, ticket: &Ticket) {
        if let Some(kind) = self.parts.flight.network() {
            self.observe(&Warning::NetworkFilesystem(kind));
        }
        match ticket.without_lock() {
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

/// Makes an error of a kind that a script can distinguish from a refused credential.
fn unkept(error: Error, end: &str) -> Error {
    let code = if error.code().kind() == ErrorKind::Store { error.code() } else { Code::CacheUnavailable };
    let made = Error::new(code, format!("tokens have to be kept (`required`), and cannot be: {error}; {end}"));
    match error.remedy() {
        Some(remedy) => made.with_remedy(remedy.clone()),
        None => made.with_remedy(Remedy::Diagnose),
    }
}

fn of_store(error: &StoreError) -> Error {
    Error::new(Code::CacheUnavailable, chain(error)).with_remedy(Remedy::CheckDataDirectory)
}

fn store_warning(error: &StoreError) -> Warning {
    match error {
        StoreError::Insecure(place) => Warning::CachePathInsecure(chain(place)),
        StoreError::ReadOnly(place) => Warning::CacheReadOnly(chain(place)),
        StoreError::Failed(place) => Warning::CacheWriteFailed(chain(place)),
        StoreError::Occupied(_) | StoreError::Other(_) => Warning::CacheWriteFailed(chain(error)),
    }
}
