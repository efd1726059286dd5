//! Where a keeper's records lie, and the key that opens them once it is there.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::cache::Cache;
use crate::error::chain;
use crate::secret::Secret;
use crate::secrets::{ItemName, Keys, Membership, SecretStore, SecretsError};
use crate::store::{RecordStore, StoreError};

/// The cache of a keeper, if there is one, or how to get there.
#[derive(Debug)]
pub(crate) struct Vault {
    place: Place,
    cache: RwLock<Option<Cache>>,
    failed: OnceLock<NoCache>,
}

#[derive(Debug)]
enum Place {
    /// The cache is there from the beginning.
    Ready,
    /// Records lie here; the key is at hand or has to be asked for.
    Sealed { store: Arc<dyn RecordStore>, keys: RwLock<Keys> },
    /// Nothing can be kept.
    Nowhere(NoCache),
}

/// Why nothing can be kept.
#[derive(Debug)]
pub(crate) enum NoCache {
    /// No place was chosen yet.
    NotChosen,
    /// There is no data key.
    DataKey(String),
    /// The file `store` is damaged, or of a newer version.
    Unusable(String),
    /// There is no place to keep anything in.
    Place(StoreError),
    /// It was chosen that nothing is kept.
    Chosen,
}

/// What came of asking for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing that anybody has to be told.
    Unchanged,
    /// The key is a new one, for the old one was gone; old records are void.
    Replaced,
}

impl Vault {
    /// Makes a vault that is open.
    pub(crate) fn ready(cache: Cache) -> Vault {
        Vault { place: Place::Ready, cache: RwLock::new(Some(cache)), failed: OnceLock::new() }
    }

    /// Makes a vault whose key comes from `keys`.
    pub(crate) fn sealed(store: Arc<dyn RecordStore>, keys: Keys) -> Vault {
        Vault {
            place: Place::Sealed { store, keys: RwLock::new(keys) },
            cache: RwLock::default(),
            failed: OnceLock::new(),
        }
    }

    /// Makes a vault that keeps nothing.
    pub(crate) fn nowhere(reason: NoCache) -> Vault {
        Vault { place: Place::Nowhere(reason), cache: RwLock::default(), failed: OnceLock::new() }
    }

    /// Returns the cache where the key is at hand. Asks nobody.
    pub(crate) fn cache(&self) -> Option<Cache> {
        // Nothing in this file panics while it writes.
        if let Some(cache) = &*self.cache.read().unwrap_or_else(PoisonError::into_inner) {
            return Some(cache.clone());
        }
        let Place::Sealed { store, .. } = &self.place else { return None };
        // What keeps a key from being at hand is told where it is asked for.
        let key = self.keys()?.fast().ok().flatten()?;
        Some(self.opened(Cache::new(store.clone(), key)))
    }

    /// Notices that another key came to count, by a rekey or a move in another process.
    pub(crate) fn follow(&self) {
        let Place::Sealed { keys, .. } = &self.place else { return };
        let newer = keys.read().unwrap_or_else(PoisonError::into_inner).newer();
        if let Some(newer) = newer {
            self.take(newer);
            *self.cache.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn take(&self, newer: Keys) {
        if let Place::Sealed { keys, .. } = &self.place {
            *keys.write().unwrap_or_else(PoisonError::into_inner) = newer;
        }
    }

    fn keys(&self) -> Option<Keys> {
        match &self.place {
            Place::Sealed { keys, .. } => Some(keys.read().unwrap_or_else(PoisonError::into_inner).clone()),
            Place::Ready | Place::Nowhere(_) => None,
        }
    }

    fn opened(&self, cache: Cache) -> Cache {
        *self.cache.write().unwrap_or_else(PoisonError::into_inner) = Some(cache.clone());
        cache
    }

    /// Tells whether there are records that a key would open.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.place, Place::Sealed { .. })
    }

    /// Asks for the key, inside the turn: it may take as long as a keyring takes.
    pub(crate) fn ask(&self) -> Opening {
        let (Place::Sealed { store, .. }, Some(keys)) = (&self.place, self.keys()) else { return Opening::Unchanged };
        if self.cache().is_some() {
            return Opening::Unchanged;
        }
        match keys.ask() {
            Ok(asked) => {
                // A first or a new key was written into the file `store` by this very call.
                if let Some(newer) = keys.newer().filter(|keys| keys.choice().key_id == Some(asked.key.id())) {
                    self.take(newer);
                }
                let void = asked.replaced.then(|| crate::store::clear(&**store));
                if let Some(Err(error)) = void {
                    tracing::debug!("records that no key opens stay: {}", chain(&error));
                }
                self.opened(Cache::new(store.clone(), asked.key));
                if asked.replaced { Opening::Replaced } else { Opening::Unchanged }
            }
            Err(error) => {
                let reason = match error {
                    SecretsError::KeepsNothing => NoCache::Chosen,
                    error => NoCache::DataKey(chain(&error)),
                };
                // Told where a token could not be kept, and nowhere else.
                self.failed.get_or_init(|| reason);
                Opening::Unchanged
            }
        }
    }

    /// Returns why nothing can be kept.
    pub(crate) fn reason(&self) -> Option<&NoCache> {
        match &self.place {
            Place::Nowhere(reason) => Some(reason),
            Place::Ready | Place::Sealed { .. } => self.failed.get(),
        }
    }

    /// Returns what this host keeps of its fleet, and the id of its store.
    pub(crate) fn membership(&self) -> Result<(Membership, [u8; 16]), SecretsError> {
        match self.keys() {
            Some(keys) => Ok((keys.membership()?, keys.choice().store_id)),
            None => Ok((Membership::default(), [0; 16])),
        }
    }

    /// Reads a stored item; again, if a rekey or a move came between.
    pub(crate) fn read_secret(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        match self.keys() {
            Some(keys) => keys.read(item),
            None => self.secrets()?.read(item),
        }
    }

    /// Returns the store that the profile's secret lies in.
    pub(crate) fn secrets(&self) -> Result<Arc<dyn SecretStore>, SecretsError> {
        match &self.place {
            Place::Sealed { keys, .. } => keys.read().unwrap_or_else(PoisonError::into_inner).clone().secrets(),
            Place::Ready | Place::Nowhere(NoCache::Chosen) => Err(SecretsError::KeepsNothing),
            Place::Nowhere(NoCache::NotChosen) => Err(SecretsError::NotChosen),
            Place::Nowhere(NoCache::Unusable(why)) => Err(SecretsError::Unusable(why.clone())),
            Place::Nowhere(NoCache::DataKey(why)) => Err(SecretsError::NoPlace(why.clone())),
            Place::Nowhere(NoCache::Place(error)) => Err(SecretsError::NoPlace(chain(error))),
        }
    }
}
