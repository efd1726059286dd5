//! Directories: which of them others can change, and how one is made.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::permissions::{DIR_MODE, caller, foreign, judge_owner};
use super::{EscapedPath, Mend, PlaceError};

/// The most that is read of a list of users or groups.
const LIST_CAP: u64 = 1 << 20;

/// Opens a directory to find names below it: needs no right to list it if the system can do without.
#[cfg(target_os = "linux")]
const WALK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const WALK: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Returns the directory that a path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

/// Judges a directory that was given to us, as sshd does. It belongs to root or the caller, and no other user can
/// exchange what lies in it. The right to rename a file is a right to its directory, so the file itself does not show
/// it.
pub(super) fn judge_dir(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if stat.st_uid != 0 && stat.st_uid != caller() {
        return Err(foreign(path, stat.st_uid));
    }
    judge_access(path, stat)
}

/// The same for a directory of any owner.
pub(super) fn judge_access(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(PlaceError::insecure(path, "is not a directory", None));
    }
    if is_sticky(stat) { Ok(()) } else { judge_writers(path, stat) }
}

/// Returns whether others may add names to a directory but not take those of its files.
pub(super) fn is_sticky(stat: &Stat) -> bool {
    stat.st_mode & 0o1000 != 0
}

/// The file that a data directory holds from the first command on.
const CHOICE: &str = "store";

/// Returns whether a data directory that others can enter may be open to them for a reason: to close it would do harm.
/// A directory that holds the file of a choice was made by this program. An empty one of the caller serves nothing yet.
/// A directory that cannot be examined counts as serving others.
pub(super) fn serves_others(fd: BorrowedFd<'_>, path: &Path, stat: &Stat) -> bool {
    if stat.st_uid != caller() {
        // root's, and open to every user: a volume, as orchestrators make it.
        let is_volume = stat.st_uid == 0 && stat.st_mode & 0o002 != 0;
        return is_sticky(stat) || is_volume || path.parent().is_none();
    }
    let is_home = std::env::var_os("HOME").is_some_and(|home| {
        rustix::fs::stat(&*home).is_ok_and(|home| (home.st_dev, home.st_ino) == (stat.st_dev, stat.st_ino))
    });
    if is_home || is_sticky(stat) || path.parent().is_none() {
        return true;
    }
    let is_choice = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if rustix::fs::statat(fd, CHOICE, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_choice) {
        return false;
    }
    // root's may be the place of another file system, or of what every user is to find there.
    stat.st_uid == 0 || !is_empty(fd)
}

fn is_empty(fd: BorrowedFd<'_>) -> bool {
    let Ok(mut names) = rustix::fs::Dir::read_from(fd) else { return false };
    names.all(|name| name.is_ok_and(|name| matches!(name.file_name().to_bytes(), b"." | b"..")))
}

fn judge_writers(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    let by_group = stat.st_mode & 0o020 != 0;
    let by_anybody = stat.st_mode & 0o002 != 0;
    if !by_anybody && (!by_group || is_own_group(path, stat)) {
        return Ok(());
    }
    Err(PlaceError::insecure(path, "can be written by other users", Some(Mend::NoOtherWriter)))
}

/// Returns whether the group of a directory has no member but its owner, as on systems with a group for each user. A
/// group that cannot be examined counts as shared.
fn is_own_group(path: &Path, stat: &Stat) -> bool {
    // With an access list the bits of the group are its mask: they stand for every user that it names.
    let listed = has_access_list(path);
    let lists = || Some((list("/etc/passwd")?, list("/etc/group")?));
    !listed && lists().is_some_and(|(users, groups)| has_no_other_member(&users, &groups, stat.st_uid, stat.st_gid))
}

#[cfg(target_os = "linux")]
fn has_access_list(path: &Path) -> bool {
    let mut value = [0_u8; 0];
    let asked = rustix::fs::getxattr(path, "system.posix_acl_access", &mut value);
    !matches!(asked, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// The lists of other systems are not read.
#[cfg(not(target_os = "linux"))]
fn has_access_list(_path: &Path) -> bool {
    true
}

fn list(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LIST_CAP + 1).read_to_end(&mut bytes));
    let whole = read.is_ok_and(|read| u64::try_from(read).is_ok_and(|read| read <= LIST_CAP));
    whole.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the lists of passwd(5) and group(5).
fn has_no_other_member(users: &str, groups: &str, uid: u32, gid: u32) -> bool {
    let (uid, gid) = (uid.to_string(), gid.to_string());
    let lines = |list: &str| list.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>()).collect();
    let (users, groups): (Vec<Vec<String>>, Vec<Vec<String>>) = (lines(users), lines(groups));
    let is = |line: &[String], at: usize, number: &str| line.get(at).is_some_and(|field| field == number);
    let of_group: Vec<_> = users.iter().filter(|user| is(user, 3, &gid)).collect();
    let (names, others): (Vec<_>, Vec<_>) = of_group.into_iter().partition(|user| is(user, 2, &uid));
    let mut known = groups.iter().filter(|group| is(group, 2, &gid)).peekable();
    let is_owner = |name: &str| names.iter().any(|user| user[0] == name);
    others.is_empty()
        && !names.is_empty()
        && known.peek().is_some()
        && known.all(|group| {
            let members = group.get(3).map(String::as_str).unwrap_or_default();
            members.split(',').map(str::trim).all(|member| member.is_empty() || is_owner(member))
        })
}

/// Makes a directory with the parents that are missing, each closed to others. One that is there already is left as it
/// is. Nothing is made below a directory that belongs to neither root nor the caller.
pub(super) fn make_path(path: &Path) -> Result<(), PlaceError> {
    let parts: Vec<_> = path.components().collect();
    let fail = |error: Errno| PlaceError::io(path, "create", error);
    let up_to = |count: usize| match parts[..count].iter().collect::<PathBuf>() {
        empty if empty.as_os_str().is_empty() => PathBuf::from("."),
        prefix => prefix,
    };
    // The last one that is there; it may be reached through symlinks.
    let mut present = parts.len();
    let mut parent = loop {
        present = present.saturating_sub(1);
        match rustix::fs::open(up_to(present), WALK, Mode::empty()) {
            Ok(found) => break found,
            Err(Errno::NOENT) if present > 0 => {}
            Err(error) => return Err(fail(error)),
        }
    };
    for (count, part) in parts.iter().enumerate().skip(present) {
        let (name, made) = (Path::new(part.as_os_str()), up_to(count + 1));
        judge_parent(&up_to(count), parent.as_fd())?;
        parent = match make_in(parent.as_fd(), name, &made)? {
            Some(made) => made,
            // Something is there, and yet could not be opened before: another process made it just now, or it is a
            // link.
            None => rustix::fs::openat(&parent, name, WALK, Mode::empty()).map_err(|error| match error {
                Errno::NOENT => leads_nowhere(path, &made),
                error => fail(error),
            })?,
        };
    }
    Ok(())
}

/// Makes a directory inside an open one, closed to others; `None` if something is there already.
pub(super) fn make_in(at: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<Option<OwnedFd>, PlaceError> {
    match rustix::fs::mkdirat(at, name, DIR_MODE) {
        Ok(()) => made_by_us(at, name, path).map(Some),
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(PlaceError::io(path, "create", error)),
    }
}

/// Opens the directory that was just made. A umask may have taken the owner's bits, which are given back through the
/// descriptor. Through the name, a directory that another user put in its place would be changed.
fn made_by_us(at: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<OwnedFd, PlaceError> {
    let fail = |error: Errno| match error {
        Errno::LOOP | Errno::NOTDIR => exchanged(path),
        error => PlaceError::io(path, "protect", error),
    };
    let list = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let (made, is_readable) = match rustix::fs::openat(at, name, list, Mode::empty()) {
        Ok(made) => (made, true),
        Err(Errno::ACCESS) => {
            (rustix::fs::openat(at, name, WALK | OFlags::NOFOLLOW, Mode::empty()).map_err(fail)?, false)
        }
        Err(error) => return Err(fail(error)),
    };
    let stat = rustix::fs::fstat(&made).map_err(fail)?;
    judge_owner(path, &stat)?;
    // It was requested as 0700, so no umask and no access list made it wider.
    if stat.st_mode & 0o077 != 0 {
        return Err(exchanged(path));
    }
    if stat.st_mode & 0o700 != 0o700 {
        if is_readable {
            rustix::fs::fchmod(&made, DIR_MODE).map_err(fail)?;
        } else {
            // A descriptor that was opened only as a place cannot change the mode; the name of the descriptor can.
            let through = format!("/proc/self/fd/{}", made.as_raw_fd());
            rustix::fs::chmodat(CWD, through, DIR_MODE, AtFlags::empty()).map_err(fail)?;
        }
    }
    Ok(made)
}

fn exchanged(path: &Path) -> PlaceError {
    PlaceError::insecure(path, "was exchanged while it was made", None)
}

/// Refuses to make something if another user decides what becomes of it. A volume that root gives to every user, as
/// orchestrators do, is not refused. What is made there is judged by itself each time it is opened.
fn judge_parent(path: &Path, dir: BorrowedFd<'_>) -> Result<(), PlaceError> {
    let stat = rustix::fs::fstat(dir).map_err(|e| PlaceError::io(path, "stat", e))?;
    if stat.st_uid == 0 { Ok(()) } else { judge_dir(path, &stat) }
}

/// The target of a symlink is missing: a disk that is not there today, for example. That is trouble with the disk, not
/// with trust.
fn leads_nowhere(path: &Path, link: &Path) -> PlaceError {
    let what = format!("{} is a symlink that leads nowhere", EscapedPath(link));
    PlaceError::io(path, "create", io::Error::new(io::ErrorKind::NotFound, what))
}

#[cfg(test)]
mod tests;
