//! Replacing and removing files of a configuration directory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::directories::parent;
use super::external::list_config_dir;
use super::permissions::{FILE_MODE, protect, sync_directory};
use super::{PlaceError, random_name};

/// Replaces a file in a configuration directory atomically and durably. A symlink stays, and its target is replaced.
pub(crate) fn replace_config(path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let target = resolve_config(path)?;
    let directory = parent(&target);
    let temporary = directory.join(format!(".{}.tmp", random_name()?));
    let fail = |doing| move |source| PlaceError::io(path, doing, source);
    let create = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    // The file holds nothing secret, and other users may want to read what this machine contacts.
    let mode = Mode::from_raw_mode(0o644);
    let fd = rustix::fs::open(&temporary, create, FILE_MODE).map_err(|e| PlaceError::io(path, "write", e))?;
    // On a file system without modes it stays as closed as it is.
    let widened = match protect(&fd, mode) {
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        widened => widened,
    };
    let written = widened.map_err(io::Error::from).and_then(|()| {
        let mut file = File::from(fd);
        file.write_all(bytes)?;
        file.sync_all()?;
        // Opened first: when it cannot be, nothing was replaced yet.
        let directory = File::open(directory)?;
        std::fs::rename(&temporary, &target)?;
        sync_directory(&directory)
    });
    if written.is_err() {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(fail("write"))
}

/// Removes a file from a configuration directory, durably; `false` if there was none.
pub(crate) fn remove_config(path: &Path) -> Result<bool, PlaceError> {
    match std::fs::remove_file(path) {
        Ok(()) => {
            let synced = File::open(parent(path)).and_then(sync_directory);
            synced.map_err(|e| PlaceError::io(path, "sync", e)).map(|()| true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PlaceError::io(path, "remove", error)),
    }
}

/// Removes the temporaries that a kill left in a configuration directory. Called under the store lock: no other process
/// writes then.
pub(crate) fn remove_config_temporaries(path: &Path) -> Result<(), PlaceError> {
    for name in list_config_dir(path)?.unwrap_or_default() {
        if name.starts_with('.') && name.ends_with(".tmp") && name.len() == 21 {
            remove_config(&path.join(name))?;
        }
    }
    Ok(())
}

fn resolve_config(path: &Path) -> Result<PathBuf, PlaceError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(PlaceError::io(path, "stat", error)),
        Ok(_) => {
            let target = std::fs::canonicalize(path)
                .map_err(|_| PlaceError::insecure(path, "is a symlink that leads nowhere", None))?;
            let stat = std::fs::metadata(&target).map_err(|e| PlaceError::io(path, "stat", e))?;
            if stat.is_file() { Ok(target) } else { Err(PlaceError::insecure(path, "is not a regular file", None)) }
        }
    }
}
