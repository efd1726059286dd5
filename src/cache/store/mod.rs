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

/// The place of one record of an identity: its token, or what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RecordKey {
    /// The name of the identity.
    pub name: RecordName,
    /// Which of its records.
    pub holds: RecordKind,
}

impl RecordKey {
    /// Makes the key of what a store finds again, for [`RecordStore::list`].
    pub fn new(name: RecordName, holds: RecordKind) -> RecordKey {
        RecordKey { name, holds }
    }
}

/// Which record of an identity lies in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// Its token.
    Token,
    /// Its remembered refusal.
    Refusal,
    /// The last of its tokens that a client reported as refused by a server.
    Rejection,
}

/// The writer: the holder of the turn, or one that continues without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteMode {
    /// The only writer of this identity now.
    Exclusive,
    /// Perhaps one of several.
    Concurrent,
}

/// Why a record cannot be read or written. Absence is none of these.
///
/// None of these keeps a token from a caller: it is a [`Warning`](crate::Warning), with the text of the cause. A store
/// written elsewhere returns the one that fits, or [`Other`](RecordError::Other). The text of a cause must hold neither
/// secret nor token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Something that must not be trusted lies there. It was not touched.
    #[error("the place of a record must not be trusted")]
    Insecure(#[source] Cause),
    /// The place cannot be written.
    #[error("the place of a record is read-only")]
    ReadOnly(#[source] Cause),
    /// The disk or the system failed.
    #[error("a record cannot be read or written")]
    Failed(#[source] Cause),
    /// This directory is a data directory of the command line.
    #[error("{} is a data directory of the command line; records need a directory of their own", EscapedPath(.0))]
    Occupied(PathBuf),
    /// A store that is not files failed.
    #[error("a record cannot be read or written")]
    Other(#[source] Cause),
}

/// What a store says of its failure.
type Cause = Box<dyn std::error::Error + Send + Sync>;

impl RecordError {
    /// Returns what is wrong with a file, if the store is one of files.
    pub(crate) fn place(&self) -> Option<&PlaceError> {
        match self {
            RecordError::Insecure(cause) | RecordError::ReadOnly(cause) | RecordError::Failed(cause) => {
                cause.downcast_ref()
            }
            RecordError::Occupied(_) | RecordError::Other(_) => None,
        }
    }
}

impl From<PlaceError> for RecordError {
    fn from(error: PlaceError) -> RecordError {
        match error {
            _ if error.is_insecure() => RecordError::Insecure(error.into()),
            _ if error.is_read_only() => RecordError::ReadOnly(error.into()),
            _ => RecordError::Failed(error.into()),
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

/// Keeps sealed records by their key. What it keeps is opaque, and disposable: a record that is lost or changed costs one
/// request to the issuer.
///
/// Calls come from any thread, several at a time, and block their caller. A record is at most 1 MiB.
///
/// ```
/// use std::error::Error;
/// use tokenkeep::store::{RecordError, RecordKey, RecordName, RecordStore, Stamp, WriteMode};
///
/// /// Whatever maps text to bytes: a table, a bucket.
/// trait Table: std::fmt::Debug + Send + Sync {
///     fn get(&self, row: &str) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>;
/// #   fn set(&self, row: &str, bytes: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>>;
/// #   fn delete(&self, row: &str) -> Result<bool, Box<dyn Error + Send + Sync>>;
/// #   fn rows(&self) -> Result<Vec<RecordKey>, Box<dyn Error + Send + Sync>>;
/// #   fn version(&self, row: &str) -> Result<Option<u64>, Box<dyn Error + Send + Sync>>;
///     // set, delete, rows, version
/// }
///
/// #[derive(Debug)]
/// struct InTable<T>(T);
///
/// fn row(key: RecordKey) -> String {
///     format!("{}/{:?}", key.name.to_hex(), key.holds)
/// }
///
/// impl<T: Table> RecordStore for InTable<T> {
///     fn load(&self, key: RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
///         self.0.get(&row(key)).map_err(RecordError::Other)
///     }
/// #   fn save(&self, key: RecordKey, record: &[u8], _: WriteMode) -> Result<(), RecordError> {
/// #       self.0.set(&row(key), record).map_err(RecordError::Other)
/// #   }
/// #   fn remove(&self, key: RecordKey) -> Result<bool, RecordError> {
/// #       self.0.delete(&row(key)).map_err(RecordError::Other)
/// #   }
/// #   fn list(&self) -> Result<Vec<RecordKey>, RecordError> {
/// #       self.0.rows().map_err(RecordError::Other)
/// #   }
///     fn stamp(&self, key: RecordKey) -> Result<Option<Stamp>, RecordError> {
///         Ok(self.0.version(&row(key)).map_err(RecordError::Other)?.map(Stamp::numbered))
///     }
///     // save, remove, list
/// }
/// ```
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Returns the record of a key, or `None` if there is none.
    ///
    /// # Errors
    /// When it is not known whether there is one: a record that cannot be read is not absent. The same holds for the
    /// other functions.
    fn load(&self, slot: RecordKey) -> Result<Option<Vec<u8>>, RecordError>;

    /// Puts a record in place of the present one: a reader sees the old or the new, never a part. It need not survive a
    /// power cut.
    ///
    /// # Errors
    /// When it is not kept. The token is handed out all the same.
    fn save(&self, slot: RecordKey, record: &[u8], writer: WriteMode) -> Result<(), RecordError>;

    /// Removes the record of a key; `false` if there was none.
    ///
    /// # Errors
    /// When it may still be there.
    fn remove(&self, slot: RecordKey) -> Result<bool, RecordError>;

    /// Lists the keys that have a record, in no order.
    ///
    /// # Errors
    /// When there may be more.
    fn list(&self) -> Result<Vec<RecordKey>, RecordError>;

    /// Distinguishes one state of a record from another without reading it; `None` if there is none.
    ///
    /// # Errors
    /// When its state is not known.
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
