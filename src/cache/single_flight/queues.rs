//! One queue for each name that callers wait for, for as long as they do.

use std::collections::HashMap;
use std::hash::Hash;

use crate::system::sync::{Arc, Mutex, PoisonError, Weak};

/// The queues of one process.
#[derive(Debug)]
pub(crate) struct Queues<N, Q> {
    queues: Mutex<HashMap<N, Weak<Q>>>,
}

impl<N: Eq + Hash, Q> Queues<N, Q> {
    /// Starts without a queue.
    pub(crate) fn new() -> Queues<N, Q> {
        Queues { queues: Mutex::new(HashMap::new()) }
    }

    /// Returns the queue of a name: the same for all callers, while one of them has it.
    pub(crate) fn of(&self, name: N, make: impl FnOnce() -> Q) -> Arc<Q> {
        // A panic elsewhere cannot leave the map half-changed.
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&name).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(make());
        queues.insert(name, Arc::downgrade(&queue));
        queue
    }
}
