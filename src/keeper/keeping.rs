//! Whether a token that cannot be kept is handed out all the same, or is an error.

use super::{Keeper, NoCache};
use crate::cache::CacheFault;
use crate::cache::single_flight::{NoLock, TurnGuard};
use crate::cache::store::RecordError;
use crate::error::{Code, Error, ErrorKind, Remedy, chain};
use crate::secrets::SecretsError;
use crate::system::files::Missing;

/// What happens to a token that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is handed out with a warning: the next call requests another one.
    IfPossible,
    /// It is an error: each call would cost a request to the issuer.
    Required,
}

impl Keeper {
    /// If tokens have to be kept, checks that this can be done, as far as that shows before a request to the issuer.
    pub(super) fn can_keep(&self, ticket: &TurnGuard) -> Result<(), Error> {
        if self.parts.keeping == Keeping::IfPossible {
            return Ok(());
        }
        let name = self.profile().name;
        let without = |error: Error| Err(unkept(error, "the issuer was not asked").for_profile(&name));
        if self.parts.cache_access.cache().is_none() {
            return without(match self.parts.cache_access.reason() {
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
        match ticket.lock_error() {
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

fn of_store(error: &RecordError) -> Error {
    Error::new(Code::CacheUnavailable, chain(error)).with_remedy(Remedy::CheckDataDirectory)
}
