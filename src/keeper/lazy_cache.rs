//! The place of a keeper's records, and the key that opens them once it is there.

use std::sync::{Arc, OnceLock};

use super::opened_cache::{Epoch, OpenedCache};
use crate::cache::Cache;
use crate::cache::store::{RecordError, RecordStore};
use crate::error::chain;
use crate::secrets::{FleetState, ItemName, Keys, SecretStore, SecretsError, UnlockedKey, Vouched};
use crate::system::secret::Secret;

/// The cache of a keeper, if there is one, or how to open it.
#[derive(Debug)]
pub(crate) struct LazyCache {
    place: Place,
    failed: OnceLock<NoCache>,
}

#[derive(Debug)]
enum Place {
    /// The cache is there from the beginning.
    Ready(Cache),
    /// Records lie here; the key is at hand or has to be requested.
    Sealed { store: Arc<dyn RecordStore>, unlocked: OpenedCache<Keys, Cache> },
    /// Nothing can be kept.
    Nowhere(NoCache),
}

/// How often keys are looked at again because others took effect meanwhile.
const ATTEMPTS: usize = 3;

/// Why nothing can be kept.
#[derive(Debug)]
pub(crate) enum NoCache {
    /// No place was chosen yet.
    NotChosen,
    /// There is no data key.
    DataKey(SecretsError),
    /// The file `store` is damaged, or of a newer version.
    Unusable(String),
    /// There is no place to keep anything in.
    Place(RecordError),
    /// It was chosen that nothing is kept.
    Chosen,
}

/// What came of the request for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocked {
    /// Nothing that needs a warning.
    Unchanged,
    /// The key is a new one, for the old one was gone; old records are void.
    KeyReplaced,
}

impl LazyCache {
    /// Makes a cache that is open.
    pub(crate) fn ready(cache: Cache) -> LazyCache {
        LazyCache { place: Place::Ready(cache), failed: OnceLock::new() }
    }

    /// Makes a cache whose key comes from `keys`.
    pub(crate) fn sealed(store: Arc<dyn RecordStore>, keys: Keys) -> LazyCache {
        LazyCache { place: Place::Sealed { store, unlocked: OpenedCache::new(keys) }, failed: OnceLock::new() }
    }

    /// Makes a cache that keeps nothing.
    pub(crate) fn nowhere(reason: NoCache) -> LazyCache {
        LazyCache { place: Place::Nowhere(reason), failed: OnceLock::new() }
    }

    /// Returns the cache if the key is at hand. Requests neither keyring nor user.
    pub(crate) fn cache(&self) -> Option<Cache> {
        let (store, unlocked) = match &self.place {
            Place::Ready(cache) => return Some(cache.clone()),
            Place::Sealed { store, unlocked } => (store, unlocked),
            Place::Nowhere(_) => return None,
        };
        for _ in 0..ATTEMPTS {
            if let Some(cache) = unlocked.cache() {
                return Some(cache);
            }
            let (keys, epoch) = unlocked.keys();
            // What keeps a key from being at hand is reported when it is requested.
            let cache = Cache::new(store.clone(), keys.key_if_cached().ok().flatten()?);
            if unlocked.open(epoch, cache.clone()) {
                return Some(cache);
            }
        }
        None
    }

    /// Notices that another key took effect, by a rekey or a move in another process; `true` if one did.
    pub(crate) fn follow(&self) -> bool {
        let Place::Sealed { unlocked, .. } = &self.place else { return false };
        let (keys, epoch) = unlocked.keys();
        keys.reloaded().is_some_and(|newer| taken(unlocked, &keys, epoch, newer))
    }

    /// Looks which key is in effect, whatever the stamp of the file `store`: a record did not open. Returns `true` if
    /// it is another one than before.
    pub(crate) fn follow_key(&self) -> bool {
        let Place::Sealed { unlocked, .. } = &self.place else { return false };
        let (keys, epoch) = unlocked.keys();
        let reloaded = keys.read_again().filter(|reloaded| reloaded.choice().key_id != keys.choice().key_id);
        reloaded.is_some_and(|reloaded| taken(unlocked, &keys, epoch, reloaded))
    }

    fn keys(&self) -> Option<Arc<Keys>> {
        match &self.place {
            Place::Sealed { unlocked, .. } => Some(unlocked.keys().0),
            Place::Ready(_) | Place::Nowhere(_) => None,
        }
    }

    /// Returns whether there are records that a key would open.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.place, Place::Sealed { .. })
    }

    /// Requests the key, inside the turn: it may take as long as a keyring takes.
    pub(crate) fn unlock(&self) -> Unlocked {
        let Place::Sealed { store, unlocked } = &self.place else { return Unlocked::Unchanged };
        let mut opening = Unlocked::Unchanged;
        for _ in 0..ATTEMPTS {
            if self.cache().is_some() {
                break;
            }
            let (keys, epoch) = unlocked.keys();
            let key = match keys.unlock() {
                Ok(UnlockedKey::Present(key)) => key,
                Ok(UnlockedKey::Replaced(key)) => {
                    opening = Unlocked::KeyReplaced;
                    if let Err(error) = crate::cache::store::clear(&**store) {
                        tracing::debug!("records that no key opens stay: {}", chain(&error));
                    }
                    key
                }
                Err(error) => {
                    let reason = match error {
                        SecretsError::KeepsNothing => NoCache::Chosen,
                        error => NoCache::DataKey(error),
                    };
                    // Reported when a token could not be kept, and at no other time.
                    self.failed.get_or_init(|| reason);
                    break;
                }
            };
            let id = key.id();
            let cache = Cache::new(store.clone(), key);
            // A first or a new key was written into the file `store` by this very call.
            let opened = match keys.reloaded() {
                Some(newer) if newer.choice().key_id == Some(id) => unlocked.replace(epoch, newer, Some(cache)),
                // Another key took effect while this one was requested.
                Some(newer) => {
                    unlocked.replace(epoch, newer, None);
                    false
                }
                None => unlocked.open(epoch, cache),
            };
            if opened {
                break;
            }
        }
        opening
    }

    /// Returns why nothing can be kept.
    pub(crate) fn reason(&self) -> Option<&NoCache> {
        match &self.place {
            Place::Nowhere(reason) => Some(reason),
            Place::Ready(_) | Place::Sealed { .. } => self.failed.get(),
        }
    }

    /// Returns what this host keeps of its fleet, and the id of its store.
    pub(crate) fn fleet_state(&self) -> Result<(FleetState, [u8; 16]), SecretsError> {
        match self.keys() {
            Some(keys) => Ok((keys.fleet_state()?, keys.choice().store_id)),
            None => Ok((FleetState::default(), [0; 16])),
        }
    }

    /// Returns the clients that a user vouched for on this host.
    pub(crate) fn vouched(&self) -> Result<Vouched, SecretsError> {
        self.keys().map_or(Ok(Vouched::default()), |keys| keys.vouched())
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
            Place::Sealed { unlocked, .. } => unlocked.keys().0.secrets(),
            Place::Ready(_) | Place::Nowhere(NoCache::Chosen) => Err(SecretsError::KeepsNothing),
            Place::Nowhere(NoCache::NotChosen) => Err(SecretsError::NotChosen),
            Place::Nowhere(NoCache::Unusable(why)) => Err(SecretsError::Unusable(why.clone())),
            Place::Nowhere(NoCache::DataKey(error)) => Err(SecretsError::NoPlace(chain(error))),
            Place::Nowhere(NoCache::Place(error)) => Err(SecretsError::NoPlace(chain(error))),
        }
    }
}

/// Takes newer keys. The cache stays if they are the same key in another place.
fn taken(unlocked: &OpenedCache<Keys, Cache>, keys: &Keys, epoch: Epoch, newer: Keys) -> bool {
    let same = newer.choice().key_id.is_some() && newer.choice().key_id == keys.choice().key_id;
    let cache = if same { unlocked.cache() } else { None };
    unlocked.replace(epoch, newer, cache)
}
