//! Files that were given to us: configuration, keys, CA files, referenced secrets.

use std::fs::File;
use std::io::{self, Write as _};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, CWD};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::directories::{is_sticky, judge_access, judge_dir, make_path, parent};
use super::permissions::{FILE_MODE, READ, caller, foreign, protect, size, sync_directory};
use super::{Given, Mend, PlaceError, Referenced, beside, read_capped, remove_left_beside};

/// Reads a file that was given to us, or returns `None` if there is none.
pub(crate) fn read_given(path: &Path, given: Given, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
    let close = match given {
        Given::Open => Mend::NoOtherWriter,
        Given::Key => Mend::OwnerOnlyFile,
    };
    let Some((file, stat)) = open_given(path, close, Owner::RootOrCaller)? else { return Ok(None) };
    if given == Given::Key {
        let group_reads = stat.st_mode & 0o040 != 0 && stat.st_uid != 0;
        if stat.st_mode & 0o004 != 0 || group_reads {
            let close = if stat.st_uid == 0 && caller() != 0 { Mend::OwnerOnlyInVolume } else { close };
            return Err(PlaceError::insecure(path, "can be read by other users", Some(close)));
        }
    }
    read_capped(file, size(&stat), path, cap).map(Some)
}

/// Reads a file that a profile names as the place of a secret; `None` if there is none.
pub(crate) fn read_reference(path: &Path, cap: usize) -> Result<Option<Referenced>, PlaceError> {
    // A container that runs as root is given files of the host's users. root may read them, and only their content is
    // used.
    let owner = if caller() == 0 { Owner::Anybody } else { Owner::RootOrCaller };
    let Some((file, stat)) = open_given(path, Mend::NoOtherWriter, owner)? else { return Ok(None) };
    let bytes = zeroize::Zeroizing::new(read_capped(file, size(&stat), path, cap)?);
    Ok(Some(Referenced {
        bytes,
        readable_by_others: stat.st_mode & 0o004 != 0,
        foreign_owner: (stat.st_uid != 0 && stat.st_uid != caller()).then_some(stat.st_uid),
    }))
}

/// The users that a file may belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// root's or the caller's.
    RootOrCaller,
    /// Any user's.
    Anybody,
}

/// Opens a file and judges it; `close` is what takes it out of the hands of others.
fn open_given(path: &Path, close: Mend, owner: Owner) -> Result<Option<(File, Stat)>, PlaceError> {
    // NONBLOCK: opening a FIFO must not wait for a writer.
    let fd = match rustix::fs::open(path, READ, Mode::empty()) {
        Ok(fd) => fd,
        // The target of a symlink is missing: that is not the absence of the file.
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
    if owner == Owner::RootOrCaller && stat.st_uid != 0 && stat.st_uid != caller() {
        return Err(foreign(path, stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(PlaceError::insecure(path, "can be written by other users", Some(close)));
    }
    judge_holder(path, &stat, owner)?;
    Ok(Some((File::from(fd), stat)))
}

/// Judges the directory that holds the name of an opened file: its writers decide which file has that name.
fn judge_holder(path: &Path, opened: &Stat, owner: Owner) -> Result<(), PlaceError> {
    let holder = parent(path);
    let stat = rustix::fs::stat(holder).map_err(|e| PlaceError::io(holder, "stat", e))?;
    match owner {
        Owner::RootOrCaller => judge_dir(holder, &stat)?,
        Owner::Anybody => judge_access(holder, &stat)?,
    }
    if stat.st_mode & 0o022 == 0 || !is_sticky(&stat) {
        return Ok(());
    }
    // In such a directory no user takes the name of another user's file, but any user may have put a link there first.
    let name = rustix::fs::lstat(path).map_err(|e| PlaceError::io(path, "stat", e))?;
    if owner == Owner::RootOrCaller && name.st_uid != 0 && name.st_uid != caller() {
        return Err(foreign(path, name.st_uid));
    }
    let is_link = FileType::from_raw_mode(name.st_mode) == FileType::Symlink;
    let is_opened = (name.st_dev, name.st_ino) == (opened.st_dev, opened.st_ino);
    if name.st_nlink > 1 || !(is_link || is_opened) {
        return Err(PlaceError::insecure(path, "may have been put there by another user", None));
    }
    Ok(())
}

/// Checks a configuration directory: it belongs to root or the caller, and no other user exchanges what is in it.
/// `false` if there is none.
pub(crate) fn judge_config_dir(path: &Path) -> Result<bool, PlaceError> {
    match rustix::fs::stat(path) {
        Ok(stat) => judge_dir(path, &stat).map(|()| true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(PlaceError::io(path, "stat", error)),
    }
}

/// Makes a configuration directory with its parents if it is missing.
pub(crate) fn make_config_dir(path: &Path) -> Result<(), PlaceError> {
    if !judge_config_dir(path)? {
        make_path(path)?;
    }
    Ok(())
}

/// Lists the names in a configuration directory; `None` if there is none.
pub(crate) fn list_config_dir(path: &Path) -> Result<Option<Vec<String>>, PlaceError> {
    if !judge_config_dir(path)? {
        return Ok(None);
    }
    let fail = |error: rustix::io::Errno| PlaceError::io(path, "list", error);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(fail)?;
    let mut names = Vec::new();
    // std's `read_dir` panics if the directory cannot be closed.
    for entry in rustix::fs::Dir::new(directory).map_err(fail)? {
        if let Ok(name) = entry.map_err(fail)?.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(Some(names))
}

/// Creates a file in a configuration directory, durably and readable only by its owner; `false` if something is there
/// already, which stays as it is. On any error nothing is there.
pub(crate) fn create_config(path: &Path, bytes: &[u8]) -> Result<bool, PlaceError> {
    let holder = parent(path);
    let stat = rustix::fs::stat(holder).map_err(|e| PlaceError::io(path, "write", e))?;
    judge_dir(holder, &stat)?;
    remove_left_beside(path)?;
    let fail = |error| PlaceError::io(path, "write", error);
    // Opened first: when it cannot be, nothing was made yet.
    let directory = File::open(holder).map_err(fail)?;
    let made = match nameless(holder, path, bytes).map_err(fail)? {
        Some(made) => made,
        None => beside::create(path, bytes).map_err(fail)?,
    };
    if made && let Err(error) = sync_directory(&directory) {
        // It would be in the way of the next try. The first failure is the one to report.
        let _ = std::fs::remove_file(path);
        return Err(fail(error));
    }
    Ok(made)
}

/// Writes a file that has no name until it is whole, so that a kill leaves no copy of it. `None` if the file system has
/// no such files.
#[cfg(target_os = "linux")]
fn nameless(holder: &Path, path: &Path, bytes: &[u8]) -> io::Result<Option<bool>> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let fd = match rustix::fs::open(holder, flags, FILE_MODE) {
        Ok(fd) => fd,
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    protect(&fd, FILE_MODE)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    file.sync_all()?;
    let through = format!("/proc/self/fd/{}", file.as_raw_fd());
    match rustix::fs::linkat(CWD, through, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(Some(true)),
        Err(Errno::EXIST) => Ok(Some(false)),
        // No /proc, or a file system that takes no name later.
        Err(Errno::NOENT | Errno::XDEV | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn nameless(_holder: &Path, _path: &Path, _bytes: &[u8]) -> io::Result<Option<bool>> {
    Ok(None)
}
