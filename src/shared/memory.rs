//! A store that the keepers of one process share: for tests, and for programs that stand for several hosts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::slot::Slot;
use super::{Answer, Joined, Owner, Publication, SharedName, SharedStore, Value};
use crate::clock::{Clock, SystemClock};

/// Keeps what is shared in memory.
#[derive(Debug)]
pub struct MemoryShared {
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<SharedName, Slot>>,
}

impl MemoryShared {
    /// Makes an empty store; leases and values end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryShared {
        MemoryShared { clock, slots: Mutex::default() }
    }

    fn with<T: Send + 'static>(&self, name: SharedName, step: impl FnOnce(&mut Slot, Duration) -> T) -> Answer<'_, T> {
        let now = Duration::from_nanos(self.clock.boot().0);
        // No step panics.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(name).or_default();
        slot.expire(now);
        let done = step(slot, now);
        Box::pin(std::future::ready(Ok(done)))
    }
}

impl Default for MemoryShared {
    fn default() -> MemoryShared {
        MemoryShared::new(Arc::new(SystemClock))
    }
}

impl SharedStore for MemoryShared {
    fn look(&self, name: SharedName) -> Answer<'_, Option<Value>> {
        self.with(name, |slot, now| slot.look(now))
    }

    fn join(&self, name: SharedName, owner: Owner, floor: u64) -> Answer<'_, Joined> {
        self.with(name, |slot, now| slot.join(owner, floor, now))
    }

    fn renew(&self, name: SharedName, owner: Owner) -> Answer<'_, bool> {
        self.with(name, |slot, now| slot.renew(owner, now))
    }

    fn leave(&self, name: SharedName, owner: Owner) -> Answer<'_, bool> {
        self.with(name, |slot, _| slot.leave(owner))
    }

    fn publish(&self, name: SharedName, publication: Publication) -> Answer<'_, bool> {
        self.with(name, |slot, now| slot.publish(&publication, now))
    }

    fn forget(&self, name: SharedName, only: Option<Vec<u8>>) -> Answer<'_, bool> {
        self.with(name, |slot, _| slot.forget(only.as_deref()))
    }
}
