//! What a keeper has to know to share: the store, the key, and how long it may take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::{SharedKey, SharedStore};

/// The fleet that a keeper belongs to.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The store.
    pub(crate) store: Arc<dyn SharedStore>,
    /// Keeps fleets apart that use one store.
    pub(crate) namespace: String,
    /// The source of the fleet key.
    pub(crate) key: KeyFrom,
    /// Whether a caller gets no token without the store.
    pub(crate) required: bool,
    /// How long the store may keep a caller, all of it together.
    pub(crate) budget: Duration,
    pub(super) breaker: Breaker,
}

/// The source of a fleet key.
#[derive(Clone, Debug)]
pub(crate) enum KeyFrom {
    /// The program handed it over.
    Given(SharedKey),
    /// A file.
    File(PathBuf),
    /// The backend, if it was made or imported there; otherwise it is derived from the client's secret.
    Backend,
}

impl Fleet {
    /// Makes a fleet.
    pub(crate) fn new(
        store: Arc<dyn SharedStore>,
        namespace: String,
        key: KeyFrom,
        required: bool,
        budget: Duration,
    ) -> Fleet {
        Fleet { store, namespace, key, required, budget, breaker: Breaker::default() }
    }
}
