//! Where sealed records lie.

#[cfg(test)]
pub(crate) mod contract;
mod files;
mod memory;

use std::fmt;

use crate::place::{PlaceError, Stamp};
use crate::token::RecordName;

pub(crate) use files::{FileStore, Leftover, leftover};
pub use memory::MemoryStore;

/// The place of one record: a token or a remembered refusal of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The name of the identity.
    pub name: RecordName,
    /// Which of its records.
    pub holds: Holds,
}

/// Which record of an identity lies in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// Its token.
    Token,
    /// Its remembered refusal.
    Refusal,
}

/// Who writes: the holder of the turn, or somebody who goes on without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The only one who writes this identity now.
    Holder,
    /// Perhaps one of several.
    Alone,
}

/// Why a record cannot be read or written. Absence is none of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something that must not be trusted lies there. It was not touched.
    #[error("the place of a record must not be trusted")]
    Insecure(#[source] PlaceError),
    /// The place cannot be written.
    #[error("the place of a record is read-only")]
    ReadOnly(#[source] PlaceError),
    /// The disk or the system failed.
    #[error("a record cannot be read or written")]
    Failed(#[source] PlaceError),
}

impl From<PlaceError> for StoreError {
    fn from(error: PlaceError) -> StoreError {
        match error {
            _ if error.is_insecure() => StoreError::Insecure(error),
            _ if error.is_read_only() => StoreError::ReadOnly(error),
            _ => StoreError::Failed(error),
        }
    }
}

/// Keeps sealed records by their slot. What it keeps is opaque, and disposable.
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Returns the record in a slot, or `None` where there is none.
    fn load(&self, slot: Slot) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts a record into a slot, in place of the present one: a reader sees the old or the new.
    fn save(&self, slot: Slot, record: &[u8], writer: Writer) -> Result<(), StoreError>;

    /// Empties a slot; `false` where it was empty.
    fn remove(&self, slot: Slot) -> Result<bool, StoreError>;

    /// Lists the slots that hold something, in no order.
    fn list(&self) -> Result<Vec<Slot>, StoreError>;

    /// Tells one state of a slot from another without reading it; `None` where it is empty.
    fn stamp(&self, slot: Slot) -> Result<Option<Stamp>, StoreError>;
}

/// Empties every slot; returns how many held a token.
pub(crate) fn clear(store: &dyn RecordStore) -> Result<usize, StoreError> {
    let mut tokens = 0;
    for slot in store.list()? {
        let removed = store.remove(slot)?;
        tokens += usize::from(removed && slot.holds == Holds::Token);
    }
    Ok(tokens)
}
