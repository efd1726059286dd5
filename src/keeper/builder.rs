//! Building a keeper from parts that the program brings: no environment and no file is read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::memory::{InMemory, ResolvedRequest};
use super::{Keeper, Keeping, LazyCache, Observer, Parts, ProfileSource, Secrets};
use crate::cache::Cache;
use crate::cache::single_flight::Flight;
use crate::cache::store::{LockDir, MemoryStore, RecordStore};
use crate::config::BUDGET;
use crate::error::warning::Warning;
use crate::error::{Code, Error};
use crate::fleet::{Fleet, FleetKey, FleetKeyFrom, Store};
use crate::oauth::Transport;
use crate::profile::Profile;
use crate::seal::DataKey;
use crate::system::clock::{Clock, SystemClock};
use crate::system::files::Stamp;
use crate::system::secret::Secret;

/// Builds a [`Keeper`] of parts that the program brings. A secret is required; everything else has a default.
///
/// | not called | then |
/// |---|---|
/// | [`store`](Self::store) | records are kept in memory |
/// | [`data_key`](Self::data_key) | a random key, which ends with the process |
/// | [`clock`](Self::clock) | the clocks of the system |
/// | [`timeout`](Self::timeout), [`connect_timeout`](Self::connect_timeout) | 30 s, 5 s |
/// | [`fleet`](Self::fleet) | no other host is asked |
/// | [`on_warning`](Self::on_warning) | warnings are events of [`tracing`] |
#[must_use = "a builder keeps nothing until `build` is called"]
pub struct KeeperBuilder {
    profile: Profile,
    secret: Option<Secret>,
    store: Option<Arc<dyn RecordStore>>,
    key: Option<DataKey>,
    clock: Arc<dyn Clock>,
    connect_timeout: Duration,
    timeout: Duration,
    fleet: Option<Fleet>,
    observer: Observer,
}

impl KeeperBuilder {
    pub(super) fn new(profile: Profile) -> KeeperBuilder {
        KeeperBuilder {
            profile,
            secret: None,
            store: None,
            key: None,
            clock: Arc::new(SystemClock),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            fleet: None,
            observer: Arc::new(|warning: &Warning| tracing::warn!(code = warning.code(), "{warning}")),
        }
    }

    /// Hands the client's secret over: the password of RFC 6749 s. 2.3.1, or the private key in PEM if the profile
    /// proves itself with one (RFC 7523). Required.
    pub fn secret(mut self, secret: impl Into<Secret>) -> KeeperBuilder {
        self.secret = Some(secret.into());
        self
    }

    /// Keeps sealed records in this store instead of in memory; [`FileStore`](crate::store::FileStore) is one whose records
    /// outlive the process. Without [`data_key`](Self::data_key) they open in this process only.
    pub fn store(mut self, store: Arc<dyn RecordStore>) -> KeeperBuilder {
        self.store = Some(store);
        self
    }

    /// Seals records with this key instead of a random one that ends with the process. Records that another key sealed
    /// are a warning, and are replaced.
    pub fn data_key(mut self, key: DataKey) -> KeeperBuilder {
        self.key = Some(key);
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> KeeperBuilder {
        self.clock = clock;
        self
    }

    /// Bounds each request as a whole, its repeats included. 30 s if not called.
    pub fn timeout(mut self, timeout: Duration) -> KeeperBuilder {
        self.timeout = timeout;
        self
    }

    /// Bounds the time until a connection stands. 5 s if not called.
    pub fn connect_timeout(mut self, timeout: Duration) -> KeeperBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// Shares tokens over this store with every keeper, here or on another host, that has the same key and secret. It
    /// may delay a caller by 250 ms in all; any failure is a warning.
    pub fn fleet(mut self, store: Arc<dyn Store>, key: FleetKey) -> KeeperBuilder {
        self.fleet = Some(Fleet::new(store, String::new(), FleetKeyFrom::Given(key), false, BUDGET));
        self
    }

    /// Passes every warning to `observer`, in any thread and often inside a call of the keeper; it should return soon.
    pub fn on_warning(mut self, observer: impl Fn(&Warning) + Send + Sync + 'static) -> KeeperBuilder {
        self.observer = Arc::new(observer);
        self
    }

    /// Builds the keeper.
    ///
    /// # Errors
    /// [`Code::CredentialMissing`] when there is no secret, [`Code::Internal`] when the system gives no randomness for a
    /// key.
    pub fn build(self) -> Result<Keeper, Error> {
        let missing = || Error::new(Code::CredentialMissing, "a keeper that is built needs a secret");
        let secret = self.secret.filter(|secret| !secret.is_empty()).ok_or_else(missing)?;
        let key = match self.key {
            Some(key) => key,
            None => DataKey::random()?,
        };
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::default()));
        let parts = Parts {
            transport: Transport::new(self.clock.clone(), self.connect_timeout, self.timeout),
            clock: self.clock,
            flight: Flight::new(store.locks().map(|LockDir(dir)| dir)),
            lazy_cache: LazyCache::ready(Cache::new(store, key)),
            secrets: Secrets::Given(secret),
            elsewhere: Box::new(|| None),
            command_timeout: None,
            keeping: Keeping::IfPossible,
            source: ProfileSource::Fixed,
            fleet: self.fleet,
            observer: self.observer,
            recorder: Box::new(|_| ()),
        };
        Ok(Keeper::from_parts(parts, self.profile, None))
    }
}

impl Keeper {
    /// Makes a keeper of wired parts and a profile, with the stamp that its file had before it was read.
    pub(crate) fn from_parts(parts: Parts, profile: Profile, profile_stamp: Option<Stamp>) -> Keeper {
        let memory = InMemory::new(ResolvedRequest::new(profile), None, profile_stamp);
        Keeper { parts: Arc::new(parts), memory: Arc::new(memory), min_ttl: None, preferred: None }
    }
}

impl fmt::Debug for KeeperBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeeperBuilder")
            .field("profile", &self.profile)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}
