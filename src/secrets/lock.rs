//! The lock of a data directory: one process at a time changes what is stored.

use std::fs::{File, TryLockError};
use std::time::Duration;

use super::SecretsError;
use crate::system::clock::Deadline;
use crate::system::files::{Dir, PlaceError};
use crate::system::thread;

const LOCK: &str = "store.lock";

/// How long another process may hold the lock before the next one gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Held by a process that changes what is stored: `init`, `rekey`, `credentials set`, `credentials remove`, `doctor`.
///
/// The lock is on the file `store.lock`, and on the directory itself if the file system allows that. A deleted lock
/// file then lets no second process in.
#[derive(Debug)]
pub(crate) struct DataDirLock {
    file: File,
    directory: Option<File>,
}

/// Why the data directory cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file cannot be opened, or must not be trusted.
    #[error("the lock of the data directory cannot be used")]
    Place(#[from] PlaceError),
    /// Another process holds the lock and does not release it.
    #[error("another tokenkeep holds the data directory and does not let go")]
    Held,
    /// The file system does not lock files.
    #[error("this file system does not lock files")]
    NoLocks,
    /// The lock file was deleted or replaced while this process held it.
    #[error("the lock of the data directory was taken away; nothing was changed")]
    Lost,
}

impl From<LockError> for SecretsError {
    fn from(error: LockError) -> SecretsError {
        match error {
            LockError::Place(error) => SecretsError::Place(error),
            other @ (LockError::Held | LockError::NoLocks | LockError::Lost) => {
                SecretsError::NoPlace(other.to_string())
            }
        }
    }
}

impl DataDirLock {
    /// Waits for the lock, up to half a minute.
    pub(crate) fn take(data_dir: &Dir) -> Result<DataDirLock, LockError> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let file = locked(data_dir.lock_file(LOCK)?, deadline.left())?;
            let directory = match data_dir.lockable()? {
                Some(directory) => match locked(directory, deadline.left()) {
                    // A network file system may lock files and no directories.
                    Err(LockError::NoLocks) => None,
                    outcome => Some(outcome?),
                },
                None => None,
            };
            // A lock on a file that was deleted or replaced meanwhile protects nothing.
            if data_dir.still_holds(LOCK, &file)? {
                return Ok(DataDirLock { file, directory });
            }
        }
    }

    /// Looks again, before a commit, whether the lock still protects.
    pub(crate) fn still_holds(&self, data_dir: &Dir) -> Result<(), LockError> {
        let holds = self.directory.is_some() || data_dir.still_holds(LOCK, &self.file)?;
        if holds { Ok(()) } else { Err(LockError::Lost) }
    }
}

/// Locks a file, waiting for `patience` at most.
fn locked(file: File, patience: Duration) -> Result<File, LockError> {
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(_)) => return Err(LockError::NoLocks),
    }
    // In a thread: a lock cannot be waited for with a time-out. If the caller has given up, the lock goes with the file.
    match thread::within("tokenkeep-lock", patience, move || file.lock().map(|()| file)) {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(_)) | Err(_) => Err(LockError::Held),
    }
}

#[cfg(all(test, unix, not(tokenkeep_portable)))]
mod tests {
    use super::*;
    use crate::system::files::Missing;

    fn dir(root: &tempfile::TempDir) -> Dir {
        Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there")
    }

    #[test]
    fn a_lock_whose_file_was_deleted_is_found_out_before_a_commit() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = dir(&root);
        let mut lock = DataDirLock::take(&dir).expect("free");
        // As on a file system that locks no directories.
        lock.directory = None;
        assert!(lock.still_holds(&dir).is_ok());
        std::fs::remove_file(root.path().join("data").join(LOCK)).expect("deleted");
        assert!(matches!(lock.still_holds(&dir), Err(LockError::Lost)));
    }

    #[test]
    fn a_deleted_lock_file_lets_no_second_process_in() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = dir(&root);
        let held = DataDirLock::take(&dir).expect("free");
        std::fs::remove_file(root.path().join("data").join(LOCK)).expect("deleted");
        let directory = dir.lockable().expect("opened").expect("directories are locked here");
        assert!(matches!(directory.try_lock(), Err(TryLockError::WouldBlock)));
        assert!(held.still_holds(&dir).is_ok(), "what is under way may end");
        drop(held);
        DataDirLock::take(&dir).expect("free again");
    }
}
