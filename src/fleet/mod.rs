//! The fleet: hosts that share one token over a store that they run already.
//!
//! One host requests the token, and the others take it from the store. A store that is down costs requests, not tokens:
//! each host continues without it. The profile of a command line joins a fleet by `[fleet]` in its `config.toml`; a
//! keeper that is built joins by [`KeeperBuilder::fleet`](crate::KeeperBuilder::fleet), with a store and a
//! [`FleetKey`].
//!
//! | the hosts have | store |
//! |---|---|
//! | Redis, Valkey, a cluster or sentinels of them | [`RedisStore`], with the feature `redis` |
//! | something else | an own [`Store`]: one value and one lease for each name |
//! | nothing: one process, or a test | [`MemoryFleet`] |
//!
//! The store is handed sealed values under names that reveal nothing, and is not trusted.

// `access` finds the key, or makes it; `session` is one caller and the store, `protocol` what it decides at each answer,
// `record` what is sealed before it reaches the store, `store` the engines.

mod access;
mod breaker;
mod client_key;
mod failure;
#[cfg(test)]
mod model;
mod protocol;
mod record;
mod session;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use access::{CachedAccess, FleetAccess, KeyKeeper};
use breaker::Breaker;
#[cfg(feature = "cli")]
pub(crate) use client_key::KeyOrigin;
pub(crate) use client_key::{ClientKey, ClientKeyName};
pub use failure::FleetError;
pub(crate) use protocol::{Caller, Event, Failure, Judged, Step};
pub(crate) use record::{Found, RequestKey};
pub(crate) use session::{Lease, Session, notice};
#[cfg(feature = "redis")]
pub(crate) use store::Access;
pub(crate) use store::RENEWAL;
#[cfg(test)]
pub(crate) use store::order_of;
pub use store::{Answer, Joined, LARGEST_VALUE, LEASE, MemoryFleet, Owner, Publication, Store, Value};
#[cfg(feature = "redis")]
pub use store::{Login, RedisStore};

pub use crate::config::{FleetUrl, FleetUrlError, Topology};
pub use crate::seal::fleet::{FleetKey, FleetName};

/// The fleet that a keeper belongs to.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Keeps fleets apart that use one store.
    pub(crate) namespace: String,
    /// The source of the fleet key.
    pub(crate) key: FleetKeyFrom,
    /// Whether a caller gets no token without the store.
    pub(crate) required: bool,
    /// How long the store may keep a caller, all of it together.
    pub(crate) budget: Duration,
    breaker: Breaker,
}

/// The source of a fleet key.
#[derive(Clone, Debug)]
pub(crate) enum FleetKeyFrom {
    /// The program handed it over.
    Given(FleetKey),
    /// A file.
    File(PathBuf),
    /// The backend, if it was made or imported there; otherwise it is derived from the client's secret, if that is known
    /// to be random.
    Backend,
}

impl Fleet {
    /// Makes a fleet.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        namespace: String,
        key: FleetKeyFrom,
        required: bool,
        budget: Duration,
    ) -> Fleet {
        Fleet { store, namespace, key, required, budget, breaker: Breaker::default() }
    }
}
