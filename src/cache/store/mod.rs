//! The place of sealed records.

#[cfg(test)]
pub(crate) mod contract;
mod files;
mod memory;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::system::files::{Dir, EscapedPath, Missing, PlaceError, Stamp};
use crate::token::RecordName;

pub use files::FileStore;
pub(crate) use files::{Leftover, leftover};
pub use memory::MemoryStore;

/// The place of one record: a token or a remembered refusal of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// The name of the identity.
    pub name: RecordName,
    /// Which of its records.
    pub holds: RecordKind,
}

/// Which record of an identity lies in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Its token.
    Token,
    /// Its remembered refusal.
    Refusal,
}

/// The writer: the holder of the turn, or one that continues without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// The only writer of this identity now.
    Exclusive,
    /// Perhaps one of several.
    Concurrent,
}

/// Why a record cannot be read or written. Absence is none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Something that must not be trusted lies there. It was not touched.
    #[error("the place of a record must not be trusted")]
    Insecure(#[source] PlaceError),
    /// The place cannot be written.
    #[error("the place of a record is read-only")]
    ReadOnly(#[source] PlaceError),
    /// The disk or the system failed.
    #[error("a record cannot be read or written")]
    Failed(#[source] PlaceError),
    /// This directory is a data directory of the command line.
    #[error("{} is a data directory of the command line; records need a directory of their own", EscapedPath(.0))]
    Occupied(PathBuf),
    /// A store that is not files failed. The text must hold neither secret nor token.
    #[error("a record cannot be read or written")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<PlaceError> for RecordError {
    fn from(error: PlaceError) -> RecordError {
        match error {
            _ if error.is_insecure() => RecordError::Insecure(error),
            _ if error.is_read_only() => RecordError::ReadOnly(error),
            _ => RecordError::Failed(error),
        }
    }
}

/// A directory in which processes that share a store take turns, so that one of them requests a token for all.
#[derive(Clone, Debug)]
pub struct LockDir(pub(crate) Arc<Dir>);

impl LockDir {
    /// Opens a directory for locks, and makes it if it is not there, for this user only (0700).
    ///
    /// # Errors
    /// When it cannot be made or opened, when others can write there, or when it belongs to another user.
    pub fn open(path: impl AsRef<Path>) -> Result<LockDir, RecordError> {
        let path = path.as_ref();
        let absent = || PlaceError::Io {
            path: path.to_owned(),
            doing: "open",
            source: std::io::Error::from(std::io::ErrorKind::NotFound),
        };
        Ok(LockDir(Arc::new(Dir::open(path, Missing::Create)?.ok_or_else(absent)?)))
    }
}

/// Keeps sealed records by their slot. What it keeps is opaque, and disposable.
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Returns the record in a slot, or `None` if there is none.
    fn load(&self, slot: RecordKey) -> Result<Option<Vec<u8>>, RecordError>;

    /// Puts a record into a slot, in place of the present one: a reader sees the old or the new.
    fn save(&self, slot: RecordKey, record: &[u8], writer: WriteMode) -> Result<(), RecordError>;

    /// Empties a slot; `false` if it was empty.
    fn remove(&self, slot: RecordKey) -> Result<bool, RecordError>;

    /// Lists the slots that hold something, in no order.
    fn list(&self) -> Result<Vec<RecordKey>, RecordError>;

    /// Distinguishes one state of a slot from another without reading it; `None` if it is empty.
    fn stamp(&self, slot: RecordKey) -> Result<Option<Stamp>, RecordError>;

    /// Returns the directory in which processes that share this store take turns. `None`, as if it is not written: the
    /// callers of one keeper and its clones take turns, and no others.
    fn locks(&self) -> Option<LockDir> {
        None
    }
}

/// Empties every slot; returns how many held a token.
pub(crate) fn clear(store: &dyn RecordStore) -> Result<usize, RecordError> {
    let mut tokens = 0;
    for slot in store.list()? {
        let removed = store.remove(slot)?;
        tokens += usize::from(removed && slot.holds == RecordKind::Token);
    }
    Ok(tokens)
}
