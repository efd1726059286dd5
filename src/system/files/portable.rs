//! Files on a system without modes, owners and descriptors to judge by: Windows.
//!
//! The access lists of the user's own folders protect what lies in them; they are not judged here. A file that is not a
//! plain one is refused all the same, and every write ends in a rename or a link.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::identity::{identity, is_at};
use super::{Durable, FileSystem, Given, Missing, PlaceError, Referenced, Stamp, random_name, read_capped};

/// A directory of ours.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
}

impl Dir {
    /// Opens a directory of ours by its path.
    pub(crate) fn open(path: &Path, missing: Missing) -> Result<Option<Dir>, PlaceError> {
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_dir() => Ok(Some(Dir { path: path.to_owned() })),
            Ok(_) => Err(PlaceError::insecure(path, "is not a directory of its own", None)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match missing {
                Missing::Leave => Ok(None),
                Missing::Create => {
                    fs::create_dir_all(path).map_err(|e| PlaceError::io(path, "create", e))?;
                    Ok(Some(Dir { path: path.to_owned() }))
                }
            },
            Err(error) => Err(PlaceError::io(path, "open", error)),
        }
    }

    /// Opens a directory of ours inside this one.
    pub(crate) fn dir(&self, name: &str, missing: Missing) -> Result<Option<Dir>, PlaceError> {
        Dir::open(&self.path.join(name), missing)
    }

    /// Returns the kind of file system it lies on; here it is not known.
    pub(crate) fn file_system(&self) -> FileSystem {
        FileSystem::Local
    }

    /// Reads one of our files whole, or returns `None` if there is none.
    pub(crate) fn read(&self, name: &str, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
        read_plain(&self.path.join(name), cap)
    }

    /// Returns what identifies the present state of a file; `None` if there is none.
    pub(crate) fn stamp(&self, name: &str) -> Result<Option<Stamp>, PlaceError> {
        Stamp::of_path(&self.path.join(name))
    }

    /// Opens one of our files for locking, made if absent.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, PlaceError> {
        let path = self.path.join(name);
        is_plain(&path)?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        opened.map_err(|e| PlaceError::io(&path, "open", e))
    }

    /// Opens the directory itself for locking; here directories are not locked.
    pub(crate) fn lockable(&self) -> Result<Option<File>, PlaceError> {
        Ok(None)
    }

    /// Writes `temporary` and renames it to `name`: a reader sees the old file or the new one.
    pub(crate) fn replace(
        &self,
        name: &str,
        temporary: &str,
        bytes: &[u8],
        durable: Durable,
    ) -> Result<(), PlaceError> {
        let (path, temporary) = (self.path.join(name), self.path.join(temporary));
        is_plain(&path)?;
        if is_plain(&temporary)? {
            fs::remove_file(&temporary).map_err(|e| PlaceError::io(&temporary, "remove", e))?;
        }
        write_new(&temporary, bytes, durable)
            .and_then(|()| renamed(&temporary, &path))
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
            .map_err(|e| PlaceError::io(&path, "write", e))
    }

    /// Removes a file of ours; `false` if there was none.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, PlaceError> {
        let path = self.path.join(name);
        is_plain(&path)?;
        remove_config(&path)
    }

    /// Lists the names in it, in no order.
    pub(crate) fn names(&self) -> Result<Vec<String>, PlaceError> {
        Ok(list_config_dir(&self.path)?.unwrap_or_default())
    }

    /// Returns a file's last change in seconds since 1970, or `None` if there is none.
    pub(crate) fn modified(&self, name: &str) -> Result<Option<i64>, PlaceError> {
        Ok(self.stamp(name)?.map(|stamp| stamp.seconds))
    }

    /// Refuses what stands in place of a file of ours, without opening it.
    #[cfg(feature = "ledger")]
    pub(crate) fn judge(&self, name: &str) -> Result<(), PlaceError> {
        is_plain(&self.path.join(name)).map(|_| ())
    }

    /// Returns whether an open file is still the one at `name`: a lock on a file that was deleted or replaced protects
    /// nothing.
    pub(crate) fn still_holds(&self, name: &str, file: &File) -> Result<bool, PlaceError> {
        let path = self.path.join(name);
        is_at(&path, file).map_err(|e| PlaceError::io(&path, "stat", e))
    }
}

/// For files that another library opens by their path.
#[cfg(feature = "ledger")]
impl Dir {
    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames a file of ours in place of another.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), PlaceError> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        is_plain(&from)?;
        is_plain(&to)?;
        renamed(&from, &to).map_err(|e| PlaceError::io(&to, "replace", e))
    }
}

impl Stamp {
    /// Reads the state of a file that symlinks may lead to; `None` if there is none.
    ///
    /// # Errors
    /// When the system cannot report it.
    pub(crate) fn of_path(path: &Path) -> Result<Option<Stamp>, PlaceError> {
        let there = match fs::metadata(path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PlaceError::io(path, "stat", error)),
        };
        let modified = there.modified().map_err(|e| PlaceError::io(path, "stat", e))?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Stamp {
            inode: if there.is_file() { identity(path) } else { 0 },
            size: i64::try_from(there.len()).unwrap_or(i64::MAX),
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i64::from(since.subsec_nanos()),
        }))
    }
}

/// Reads a file that was given to us, or returns `None` if there is none.
pub(crate) fn read_given(path: &Path, _given: Given, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
    let target = fs::canonicalize(path);
    match target {
        Ok(target) => read_plain(&target, cap),
        Err(_) if path.is_symlink() => Err(PlaceError::insecure(path, "is a symlink that leads nowhere", None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PlaceError::io(path, "open", error)),
    }
}

/// Reads a file that a profile names as the place of a secret; `None` if there is none.
pub(crate) fn read_reference(path: &Path, cap: usize) -> Result<Option<Referenced>, PlaceError> {
    let read = read_given(path, Given::Open, cap)?;
    Ok(read.map(|bytes| Referenced { bytes: bytes.into(), readable_by_others: false, foreign_owner: None }))
}

/// Checks a configuration directory. `false` if there is none.
pub(crate) fn judge_config_dir(path: &Path) -> Result<bool, PlaceError> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Ok(true),
        Ok(_) => Err(PlaceError::insecure(path, "is not a directory", None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PlaceError::io(path, "stat", error)),
    }
}

/// Makes a configuration directory with its parents if it is missing.
pub(crate) fn make_config_dir(path: &Path) -> Result<(), PlaceError> {
    fs::create_dir_all(path).map_err(|e| PlaceError::io(path, "create", e))
}

/// Lists the names in a configuration directory; `None` if there is none.
pub(crate) fn list_config_dir(path: &Path) -> Result<Option<Vec<String>>, PlaceError> {
    if !judge_config_dir(path)? {
        return Ok(None);
    }
    let fail = |error| PlaceError::io(path, "list", error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        if let Ok(name) = entry.map_err(fail)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(Some(names))
}

/// Replaces a file in a configuration directory atomically. A symlink stays, and its target is replaced.
#[cfg(feature = "cli")]
pub(crate) fn replace_config(path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let target = if path.is_symlink() {
        fs::canonicalize(path).map_err(|_| PlaceError::insecure(path, "is a symlink that leads nowhere", None))?
    } else {
        path.to_owned()
    };
    is_plain(&target)?;
    let temporary = temporary(&target)?;
    write_new(&temporary, bytes, Durable::Yes)
        .and_then(|()| renamed(&temporary, &target))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
        .map_err(|e| PlaceError::io(path, "write", e))
}

/// Creates a file in a configuration directory; `false` if something is there already.
pub(crate) fn create_config(path: &Path, bytes: &[u8]) -> Result<bool, PlaceError> {
    super::remove_left_beside(path)?;
    super::beside::create(path, bytes).map_err(|e| PlaceError::io(path, "write", e))
}

/// Removes a file from a configuration directory; `false` if there was none.
pub(crate) fn remove_config(path: &Path) -> Result<bool, PlaceError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PlaceError::io(path, "remove", error)),
    }
}

/// Removes the temporaries that a kill left in a configuration directory. Called under the store lock: no other process
/// writes then.
#[cfg(feature = "cli")]
pub(crate) fn remove_config_temporaries(path: &Path) -> Result<(), PlaceError> {
    for name in list_config_dir(path)?.unwrap_or_default() {
        if name.starts_with('.') && name.ends_with(".tmp") && name.len() == 21 {
            remove_config(&path.join(name))?;
        }
    }
    Ok(())
}

/// Names the caller.
pub(crate) fn caller_name() -> String {
    let named = ["USERNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "this user".to_owned())
}

/// Names the caller, as there is no number.
pub(crate) fn caller_id() -> String {
    caller_name()
}

/// Returns a path as the bytes that name it permanently: UTF-8.
pub(crate) fn path_bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// Reads what [`path_bytes`] returned; `None` if it is no text.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(feature = "cli")]
fn temporary(path: &Path) -> Result<PathBuf, PlaceError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    Ok(directory.join(format!(".{}.tmp", random_name()?)))
}

/// Renames a file. Waits if a virus scanner, an indexer or another reader has one of the two open just now: the system
/// denies access meanwhile.
fn renamed(from: &Path, to: &Path) -> io::Result<()> {
    retried(|| fs::rename(from, to))
}

fn retried(mut work: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    // 1 + 2 + 4 + ... + 256 ms, then as long again: within a second.
    for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 256] {
        match work() {
            Err(error) if is_transient(&error) => std::thread::sleep(Duration::from_millis(pause)),
            done => return done,
        }
    }
    work()
}

/// Returns whether another program that has a file open may be the reason.
fn is_transient(error: &io::Error) -> bool {
    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION, which have no kind of their own.
    let shared = cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33));
    shared || error.kind() == io::ErrorKind::PermissionDenied
}

fn write_new(path: &Path, bytes: &[u8], durable: Durable) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    match durable {
        Durable::Yes => file.sync_all(),
        Durable::No => Ok(()),
    }
}

fn read_plain(path: &Path, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
    if !is_plain(path)? {
        return Ok(None);
    }
    let file = File::open(path).map_err(|e| PlaceError::io(path, "open", e))?;
    let size = file.metadata().map_err(|e| PlaceError::io(path, "stat", e))?.len();
    read_capped(file, size, path, cap).map(Some)
}

/// Refuses what is no plain file; `false` if nothing is there.
fn is_plain(path: &Path) -> Result<bool, PlaceError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => Ok(true),
        Ok(_) => Err(PlaceError::insecure(path, "is not a regular file", None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PlaceError::io(path, "stat", error)),
    }
}

#[cfg(test)]
mod tests;
