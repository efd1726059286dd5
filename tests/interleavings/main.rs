//! What threads of one keeper share, under every order of steps that a scheduler thinks of.
//!
//! The files below are those of the program; only the locks are others. Each claim has a second test that gives the
//! scheduler a version which is wrong, and expects it to be found: so the claim is no accident.

#[path = "../../src/keeper/hand_out.rs"]
mod hand_out;
#[path = "../../src/keeper/opened_cache.rs"]
mod opened_cache;
#[path = "../../src/cache/single_flight/queues.rs"]
mod queues;

mod handed_out;
mod keys;
mod turns;

/// The locks that the scheduler knows.
mod system {
    pub(crate) mod sync {
        pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
        pub(crate) use shuttle::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
        pub(crate) use std::sync::PoisonError;
    }
}

/// How many orders are tried: enough that each wrong version below is found many times over.
const ORDERS: usize = 5_000;

/// Tries many orders of the steps of `scene`.
fn in_every_order(scene: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(scene, ORDERS);
}

/// Returns whether an order is found in which `scene` fails.
fn is_found_wrong(scene: impl Fn() + Send + Sync + 'static) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_every_order(scene))).is_err()
}
