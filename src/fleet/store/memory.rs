//! A store that the keepers of one process share: for tests, and for programs that stand for several hosts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::slot::Slot;
use super::{Answer, FleetName, Joined, Owner, Publication, Store, Value};
use crate::system::clock::{Clock, SystemClock};

/// Keeps what is shared in memory.
#[derive(Debug)]
pub struct MemoryFleet {
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<FleetName, Slot>>,
}

impl MemoryFleet {
    /// Makes an empty store; leases and values end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryFleet {
        MemoryFleet { clock, slots: Mutex::default() }
    }

    fn with<T: Send + 'static>(&self, name: FleetName, step: impl FnOnce(&mut Slot, Duration) -> T) -> Answer<'_, T> {
        let now = Duration::from_nanos(self.clock.boot().0);
        // No step panics.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(name).or_default();
        slot.expire(now);
        let done = step(slot, now);
        Box::pin(std::future::ready(Ok(done)))
    }
}

impl Default for MemoryFleet {
    fn default() -> MemoryFleet {
        MemoryFleet::new(Arc::new(SystemClock))
    }
}

impl Store for MemoryFleet {
    fn look(&self, name: FleetName) -> Answer<'_, Option<Value>> {
        self.with(name, |slot, now| slot.look(now))
    }

    fn join(&self, name: FleetName, owner: Owner, floor: u64) -> Answer<'_, Joined> {
        self.with(name, |slot, now| slot.join(owner, floor, now))
    }

    fn renew(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        self.with(name, |slot, now| slot.renew(owner, now))
    }

    fn leave(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        self.with(name, |slot, _| slot.leave(owner))
    }

    fn publish(&self, name: FleetName, publication: Publication) -> Answer<'_, bool> {
        self.with(name, |slot, now| slot.publish(&publication, now))
    }

    fn forget(&self, name: FleetName, only: Option<Vec<u8>>) -> Answer<'_, bool> {
        self.with(name, |slot, _| slot.forget(only.as_deref()))
    }
}
