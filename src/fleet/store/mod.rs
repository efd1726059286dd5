//! The engine that hosts share: what it has to do, and the engines there are.
//!
//! For each name, an engine keeps one value and the lease to fetch the next. It is not trusted: values are sealed
//! before they reach it. A wrong or missing answer costs requests to the issuer, or for a minute at most repeats what
//! the issuer answered. [`Store`] is what an engine has to do; `tests/suite/fleet_store/contract.rs` is what it
//! has to show.

mod memory;
#[cfg(feature = "redis")]
mod redis;
pub(super) mod slot;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use memory::MemoryFleet;
#[cfg(feature = "redis")]
pub(crate) use redis::Access;
#[cfg(feature = "redis")]
pub use redis::{Login, RedisStore};

use super::FleetError;
use crate::seal::fleet::FleetName;

/// How long a lease holds without being renewed: a host that is killed costs its fleet this long.
pub const LEASE: Duration = Duration::from_secs(3);
/// How often the holder of a lease renews it.
pub(crate) const RENEWAL: Duration = Duration::from_secs(1);
/// The largest value that is read, in bytes. Of a larger one, one byte more is read, so that it is recognized.
pub const LARGEST_VALUE: usize = 256 * 1024;

/// What an engine answers, once it has.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, FleetError>> + Send + 'a>>;

/// An engine that hosts share. Each call is one atomic step, and may be given up at any time. A deadline is the
/// caller's affair.
///
/// # Errors
/// Each call answers with a [`FleetError`] if its outcome is not known. The host then continues without the store, and
/// does not try it again for a while.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads what a connection takes, if that may wait for something other than the engine. It has deadlines of its
    /// own, and its time does not count as the engine's.
    fn prepare(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns the value of a name, or `None` if there is none.
    fn look(&self, name: FleetName) -> Answer<'_, Option<Value>>;

    /// Takes the lease of a name for [`LEASE`] if no other owner holds it, and looks. Each lease has a higher order
    /// than all before it, and than `floor`. An owner whose first answer was lost may join again, and gets the lease
    /// again.
    fn join(&self, name: FleetName, owner: Owner, floor: u64) -> Answer<'_, Joined>;

    /// Prolongs a lease to [`LEASE`] from now; `false` if `owner` does not hold it any more.
    fn renew(&self, name: FleetName, owner: Owner) -> Answer<'_, bool>;

    /// Gives a lease back; `false` if `owner` does not hold it any more.
    fn leave(&self, name: FleetName, owner: Owner) -> Answer<'_, bool>;

    /// Puts a value in place of one of a lower order, or of the one that the caller read and could not open. Gives the
    /// lease back if `owner` still holds it. `false` if another value stays.
    fn publish(&self, name: FleetName, publication: Publication) -> Answer<'_, bool>;

    /// Erases the value of a name; if `only` is given, only that value. `false` if there was no value, or another one.
    fn forget(&self, name: FleetName, only: Option<Vec<u8>>) -> Answer<'_, bool>;
}

/// Names the holder of a lease: 16 random bytes, made for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub [u8; 16]);

/// A value that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// At most [`LARGEST_VALUE`] bytes and one more.
    pub bytes: Vec<u8>,
    /// How long the engine will still keep it; `None` if it has no end.
    pub left: Option<Duration>,
}

/// The outcome of a request for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is the caller's.
    Holder {
        /// What a publication carries.
        order: u64,
        /// What is there.
        value: Option<Value>,
    },
    /// Another owner has it.
    Waiter {
        /// What is there.
        value: Option<Value>,
    },
}

/// A value that is to be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Publication {
    /// The owner that held the lease.
    pub owner: Owner,
    /// The value: its order in eight bytes, the highest first, then what is sealed.
    pub bytes: Vec<u8>,
    /// How long it is worth keeping; at least a millisecond.
    pub lifetime: Duration,
    /// What was read before and cannot be opened: it is replaced whatever its order.
    pub instead_of: Option<Vec<u8>>,
}

impl Publication {
    /// Returns the order that the value begins with.
    pub fn order(&self) -> u64 {
        order_of(&self.bytes)
    }
}

/// Reads the order that a value begins with; a value that is too short has the order 0.
pub(crate) fn order_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |order| u64::from_be_bytes(*order))
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes, {:?})", self.bytes.len(), self.left)
    }
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publication({} bytes, {:?})", self.bytes.len(), self.lifetime)
    }
}
