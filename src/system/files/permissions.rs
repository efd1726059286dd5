//! The rights to a file: modes, owners, links.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Mend, PlaceError, Stamp};

pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
pub(super) const DIR_MODE: Mode = Mode::from_raw_mode(0o700);

impl Stamp {
    #[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ between platforms")]
    pub(super) fn of(stat: &Stat) -> Stamp {
        Stamp {
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            seconds: stat.st_mtime as i64,
            nanos: stat.st_mtime_nsec as i64,
        }
    }

    /// Reads the state of a file that symlinks may lead to; `None` if there is none.
    pub(crate) fn of_path(path: &Path) -> Result<Option<Stamp>, PlaceError> {
        match rustix::fs::stat(path) {
            Ok(stat) => Ok(Some(Stamp::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(PlaceError::io(path, "stat", error)),
        }
    }
}

/// Returns whether an open file is the one at `path`, which may not be a symlink.
pub(super) fn is_at(path: &Path, file: &std::fs::File) -> io::Result<bool> {
    let held = rustix::fs::fstat(file)?;
    match rustix::fs::lstat(path) {
        Ok(there) => Ok((held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns how many bytes a file has; 0 if its status holds no valid number.
pub(super) fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

pub(super) fn judge_ours(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PlaceError::insecure(path, "is not a regular file", None));
    }
    judge_owner(path, stat)?;
    if stat.st_nlink > 1 {
        return Err(PlaceError::insecure(path, "has more than one link", None));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(PlaceError::insecure(path, "is open to other users", Some(Mend::OwnerOnlyFile)));
    }
    Ok(())
}

pub(super) fn judge_owner(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if stat.st_uid == caller() {
        return Ok(());
    }
    Err(foreign(path, stat.st_uid))
}

/// Makes the error for what belongs to another user.
pub(super) fn foreign(path: &Path, owner: u32) -> PlaceError {
    if is_unmapped(owner) {
        return PlaceError::Unmapped { path: path.to_owned() };
    }
    PlaceError::Foreign { path: path.to_owned(), owner, caller: caller() }
}

/// Returns whether an owner stands for all users that have no number in this user namespace.
#[cfg(target_os = "linux")]
fn is_unmapped(owner: u32) -> bool {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u32>().ok();
    if number("/proc/sys/kernel/overflowuid") != Some(owner) {
        return false;
    }
    // The namespace of the whole machine has all numbers.
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().ne(["0", "0", "4294967295"])
}

#[cfg(not(target_os = "linux"))]
fn is_unmapped(_owner: u32) -> bool {
    false
}

/// Returns the effective user id, read once: this program never changes it.
pub(super) fn caller() -> u32 {
    static CALLER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *CALLER.get_or_init(|| rustix::process::geteuid().as_raw())
}

/// Names the caller by number.
pub(crate) fn caller_id() -> String {
    format!("uid {}", caller())
}

/// Names the caller: by the system's list of users, else by number. The list is read line by line, as far as a machine
/// with a hundred thousand users needs: it must not exhaust memory.
pub(crate) fn caller_name() -> String {
    use std::io::{BufRead as _, BufReader, Read as _};

    const CAP: u64 = 8 * 1024 * 1024;
    let uid = caller().to_string();
    let named = std::fs::File::open("/etc/passwd").ok().and_then(|list| {
        let mut list = BufReader::new(list.take(CAP));
        let mut line = Vec::new();
        loop {
            line.clear();
            // The end, or a list that cannot be read.
            if list.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            let mut fields = line.split(|byte| *byte == b':');
            let (name, _password, number) = (fields.next()?, fields.next(), fields.next());
            if number == Some(uid.as_bytes()) {
                return std::str::from_utf8(name).ok().map(str::to_owned);
            }
        }
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

/// Returns a path as the bytes that name it permanently.
pub(crate) fn path_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// Reads what [`path_bytes`] returned.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

/// Makes the names in a directory durable. Some file systems (CIFS, vboxsf) cannot and report EINVAL, which git ignores
/// too.
pub(super) fn sync_directory(directory: impl AsFd) -> io::Result<()> {
    match rustix::fs::fsync(directory) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives what was just made its mode, unless it has it: file systems without modes refuse even that.
pub(super) fn protect(made: impl AsFd, mode: Mode) -> rustix::io::Result<()> {
    let present = Mode::from_raw_mode(rustix::fs::fstat(&made)?.st_mode);
    if present == mode { Ok(()) } else { rustix::fs::fchmod(made, mode) }
}
