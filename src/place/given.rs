//! Files that were given to us: configuration, keys, CA files, referenced secrets.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::judge::{FILE_MODE, READ, caller, make_dir, quoted, size};
use super::{Given, PlaceError, Referenced, random_name, read_capped};

/// Reads a file that was given to us, or answers `None` where there is none.
pub(crate) fn read_given(path: &Path, given: Given, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
    let close = match given {
        Given::Open => "chmod go-w",
        Given::Key => "chmod 600",
    };
    let Some((file, stat)) = open_given(path, close)? else { return Ok(None) };
    if given == Given::Key {
        let group_reads = stat.st_mode & 0o040 != 0 && stat.st_uid != 0;
        if stat.st_mode & 0o004 != 0 || group_reads {
            let fix = format!("{close} {}", quoted(path));
            return Err(PlaceError::insecure(path, "can be read by other users", Some(fix)));
        }
    }
    read_capped(file, size(&stat), path, cap).map(Some)
}

/// Reads a file that a profile names as the place of a secret; `None` where there is none.
pub(crate) fn read_reference(path: &Path, cap: usize) -> Result<Option<Referenced>, PlaceError> {
    let Some((file, stat)) = open_given(path, "chmod go-w")? else { return Ok(None) };
    let bytes = zeroize::Zeroizing::new(read_capped(file, size(&stat), path, cap)?);
    Ok(Some(Referenced { bytes, readable_by_others: stat.st_mode & 0o004 != 0 }))
}

/// Opens a file and judges it; `close` is the command that takes it out of the hands of others.
fn open_given(path: &Path, close: &str) -> Result<Option<(File, Stat)>, PlaceError> {
    // NONBLOCK: opening a FIFO must not wait for a writer.
    let fd = match rustix::fs::open(path, READ, Mode::empty()) {
        Ok(fd) => fd,
        // What a symlink promises is missing: that is not the absence of the file.
        Err(Errno::NOENT) if !path.is_symlink() => return Ok(None),
        Err(Errno::NOENT | Errno::LOOP) => {
            return Err(PlaceError::insecure(path, "is a symlink that leads nowhere", None));
        }
        Err(error) => return Err(PlaceError::io(path, "open", error)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|e| PlaceError::io(path, "stat", e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PlaceError::insecure(path, "is not a regular file", None));
    }
    if stat.st_uid != 0 && stat.st_uid != caller() {
        return Err(PlaceError::Foreign { path: path.to_owned(), owner: stat.st_uid, caller: caller() });
    }
    if stat.st_mode & 0o022 != 0 {
        let fix = format!("{close} {}", quoted(path));
        return Err(PlaceError::insecure(path, "can be written by other users", Some(fix)));
    }
    Ok(Some((File::from(fd), stat)))
}

/// Checks a configuration directory: it belongs to root or the caller. `false` where there is none.
pub(crate) fn judge_config_dir(path: &Path) -> Result<bool, PlaceError> {
    let stat = match rustix::fs::stat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(PlaceError::io(path, "stat", error)),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(PlaceError::insecure(path, "is not a directory", None));
    }
    if stat.st_uid != 0 && stat.st_uid != caller() {
        return Err(PlaceError::Foreign { path: path.to_owned(), owner: stat.st_uid, caller: caller() });
    }
    Ok(true)
}

/// Makes a configuration directory with its parents where it is missing.
pub(crate) fn make_config_dir(path: &Path) -> Result<(), PlaceError> {
    if !judge_config_dir(path)? {
        make_dir(rustix::fs::CWD, path, path)?;
    }
    Ok(())
}

/// Lists the names in a configuration directory; `None` where there is none.
pub(crate) fn list_config_dir(path: &Path) -> Result<Option<Vec<String>>, PlaceError> {
    if !judge_config_dir(path)? {
        return Ok(None);
    }
    let fail = |error| PlaceError::io(path, "list", error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        if let Ok(name) = entry.map_err(fail)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(Some(names))
}

/// Replaces a file in a configuration directory at one stroke, durably. A symlink stays and what
/// it leads to is replaced.
pub(crate) fn replace_config(path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let target = resolve_config(path)?;
    let directory = target.parent().unwrap_or(Path::new("/"));
    let temporary = directory.join(format!(".{}.tmp", random_name()?));
    let fail = |doing| move |source| PlaceError::io(path, doing, source);
    let create = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    // There is nothing secret in it, and others may want to read what this machine calls.
    let mode = Mode::from_raw_mode(0o644);
    let fd = rustix::fs::open(&temporary, create, FILE_MODE).map_err(|e| PlaceError::io(path, "write", e))?;
    let written = rustix::fs::fchmod(&fd, mode).map_err(io::Error::from).and_then(|()| {
        let mut file = File::from(fd);
        file.write_all(bytes)?;
        file.sync_all()?;
        // Opened first: when it cannot be, nothing was replaced yet.
        let directory = File::open(directory)?;
        std::fs::rename(&temporary, &target)?;
        directory.sync_all()
    });
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(fail("write"))
}

/// Creates a file in a configuration directory, durably and readable by its owner alone; `false`
/// where something is there already, which stays as it is.
pub(crate) fn create_config(path: &Path, bytes: &[u8]) -> Result<bool, PlaceError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let temporary = directory.join(format!(".{}.tmp", random_name()?));
    let create = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let fd = rustix::fs::open(&temporary, create, FILE_MODE).map_err(|e| PlaceError::io(path, "write", e))?;
    let made = rustix::fs::fchmod(&fd, FILE_MODE).map_err(io::Error::from).and_then(|()| {
        let mut file = File::from(fd);
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link, not a rename: it never replaces what another process made meanwhile.
        match std::fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        }
    });
    let removed = std::fs::remove_file(&temporary).and_then(|()| File::open(directory)?.sync_all());
    made.and_then(|made| removed.map(|()| made)).map_err(|e| PlaceError::io(path, "write", e))
}

/// Removes a file from a configuration directory, durably; `false` where there was none.
pub(crate) fn remove_config(path: &Path) -> Result<bool, PlaceError> {
    match std::fs::remove_file(path) {
        Ok(()) => {
            let directory = path.parent().unwrap_or(Path::new("/"));
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|e| PlaceError::io(path, "sync", e)).map(|()| true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PlaceError::io(path, "remove", error)),
    }
}

/// Removes the temporaries that a kill left in a configuration directory. Called under the store
/// lock, where nobody else writes.
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
