//! Keys and the cache that they open, which change as one.
//!
//! This file knows no key and no record, so that `tests/interleavings` can try every order of its steps.

use crate::system::sync::{Arc, PoisonError, RwLock};

/// Keys, and the cache that they opened, behind one lock.
#[derive(Debug)]
pub(crate) struct OpenedCache<K, C> {
    state: RwLock<State<K, C>>,
}

#[derive(Debug)]
struct State<K, C> {
    keys: Arc<K>,
    epoch: Epoch,
    cache: Option<C>,
}

/// Which keys are in effect: a cache belongs to the keys of its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl<K, C: Clone> OpenedCache<K, C> {
    /// Makes it of keys that have opened nothing yet.
    pub(crate) fn new(keys: K) -> OpenedCache<K, C> {
        OpenedCache { state: RwLock::new(State { keys: Arc::new(keys), epoch: Epoch(0), cache: None }) }
    }

    /// Returns the cache that the present keys opened.
    pub(crate) fn cache(&self) -> Option<C> {
        // Nothing in this file panics while it writes.
        self.state.read().unwrap_or_else(PoisonError::into_inner).cache.clone()
    }

    /// Returns the present keys.
    pub(crate) fn keys(&self) -> (Arc<K>, Epoch) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.keys.clone(), state.epoch)
    }

    /// Takes the cache that the keys of `epoch` opened; `false` if other keys took effect meanwhile.
    pub(crate) fn open(&self, epoch: Epoch, cache: C) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let is_present = state.epoch == epoch;
        if is_present {
            state.cache = Some(cache);
        }
        is_present
    }

    /// Takes keys that took effect after those of `epoch`, with what they have opened so far; `false` if others came
    /// meanwhile.
    pub(crate) fn replace(&self, epoch: Epoch, keys: K, cache: Option<C>) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.epoch != epoch {
            return false;
        }
        *state = State { keys: Arc::new(keys), epoch: Epoch(epoch.0 + 1), cache };
        true
    }
}
