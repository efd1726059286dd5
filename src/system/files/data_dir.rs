//! Files of ours: a directory held open and what lies in it.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::directories::{make_in, make_path, serves_others};
use super::permissions::{FILE_MODE, READ, caller, judge_ours, judge_owner, protect, size, sync_directory};
use super::{Durable, FileSystem, Mend, Missing, PlaceError, Stamp, read_capped};

/// A directory of ours, held open: names below it cannot be moved elsewhere between a check and
/// its use.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory of ours by its path. Parents are not judged; they may be symlinks. So may the directory
    /// itself, if the link belongs to root or the caller.
    pub(crate) fn open(path: &Path, missing: Missing) -> Result<Option<Dir>, PlaceError> {
        let opened = match open_dir(CWD, path, OFlags::NOFOLLOW) {
            Err(Errno::NOENT) if missing == Missing::Create => {
                make_path(path)?;
                open_dir(CWD, path, OFlags::NOFOLLOW)
            }
            Err(Errno::NOTDIR | Errno::LOOP) if link_may_be_followed(path) => {
                match open_dir(CWD, path, OFlags::empty()) {
                    Err(Errno::NOENT | Errno::LOOP) => {
                        return Err(PlaceError::insecure(path, "is a symlink that leads nowhere", None));
                    }
                    other => other,
                }
            }
            other => other,
        };
        judged(CWD, path, path, opened, Level::DataDirectory)
    }

    /// Opens a directory of ours inside this one.
    pub(crate) fn dir(&self, name: &str, missing: Missing) -> Result<Option<Dir>, PlaceError> {
        let (name, path) = (Path::new(name), self.path.join(name));
        let opened = match open_dir(self.fd.as_fd(), name, OFlags::NOFOLLOW) {
            Err(Errno::NOENT) if missing == Missing::Create => {
                make_in(self.fd.as_fd(), name, &path)?;
                open_dir(self.fd.as_fd(), name, OFlags::NOFOLLOW)
            }
            other => other,
        };
        judged(self.fd.as_fd(), name, &path, opened, Level::Below)
    }

    /// Returns the kind of file system it lies on; an unknown one is taken for local.
    pub(crate) fn file_system(&self) -> FileSystem {
        #[cfg(target_os = "linux")]
        {
            // The magic numbers of statfs(2).
            const NETWORK: [(u64, &str); 6] = [
                (0x6969, "nfs"),
                (0xff53_4d42, "cifs"),
                (0xfe53_4d42, "smb2"),
                (0x0102_1997, "9p"),
                (0x00c3_6400, "ceph"),
                (0x5346_414f, "afs"),
            ];
            let kind = rustix::fs::fstatfs(&self.fd).ok().map(|stat| stat.f_type);
            #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "its type differs between platforms")]
            let kind = kind.map(|kind| kind as u64 & 0xffff_ffff);
            if let Some((_, name)) = NETWORK.into_iter().find(|(magic, _)| Some(*magic) == kind) {
                return FileSystem::Network(name);
            }
        }
        FileSystem::Local
    }

    /// Reads one of our files whole, or returns `None` if there is none.
    pub(crate) fn read(&self, name: &str, cap: usize) -> Result<Option<Vec<u8>>, PlaceError> {
        let path = self.path.join(name);
        match self.open_judged(name, READ)? {
            Some((file, stat)) => read_capped(file, size(&stat), &path, cap).map(Some),
            None => Ok(None),
        }
    }

    /// Returns what identifies the present state of a file, without opening it: inode, size and time of the last
    /// change. `None` if there is none.
    pub(crate) fn stamp(&self, name: &str) -> Result<Option<Stamp>, PlaceError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Stamp::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(PlaceError::io(&self.path.join(name), "stat", error)),
        }
    }

    /// Opens one of our files for locking, made if absent.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, PlaceError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
        loop {
            if let Some(file) = self.open_file(name, flags)? {
                return Ok(file);
            }
            if let Some(file) = self.create(name)? {
                return Ok(file);
            }
        }
    }

    /// Opens the directory itself for locking: unlike a file in it, it cannot be deleted while it is in use.
    pub(crate) fn lockable(&self) -> Result<Option<File>, PlaceError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let opened = rustix::fs::openat(&self.fd, ".", flags, Mode::empty());
        opened.map(|fd| Some(File::from(fd))).map_err(|e| PlaceError::io(&self.path, "open", e))
    }

    /// Writes `temporary` and renames it to `name`: a reader sees the old file or the new one.
    pub(crate) fn replace(
        &self,
        name: &str,
        temporary: &str,
        bytes: &[u8],
        durable: Durable,
    ) -> Result<(), PlaceError> {
        let path = self.path.join(name);
        let mut file = match self.create(temporary)? {
            Some(file) => file,
            // Left by a kill: removed if it is a plain file of ours, otherwise not touched.
            None => {
                self.open_file(temporary, READ)?;
                self.remove(temporary)?;
                self.create(temporary)?
                    .ok_or_else(|| PlaceError::io(&self.path.join(temporary), "create", Errno::EXIST))?
            }
        };
        let written = file.write_all(bytes).and_then(|()| match durable {
            Durable::Yes => file.sync_all(),
            Durable::No => Ok(()),
        });
        let renamed =
            written.map_err(|e| PlaceError::io(&path, "write", e)).and_then(|()| self.judge(name)).and_then(|()| {
                rustix::fs::renameat(&self.fd, temporary, &self.fd, name)
                    .map_err(|e| PlaceError::io(&path, "replace", e))
            });
        if renamed.is_err() {
            // The first failure is the one to report; a temporary that stays is removed by the next holder.
            let _ = rustix::fs::unlinkat(&self.fd, temporary, AtFlags::empty());
        }
        renamed?;
        if durable == Durable::Yes {
            self.sync()?;
        }
        Ok(())
    }

    /// Removes a file of ours; `false` if there was none. One that became readable to others goes too, but what is not
    /// ours stays as it is.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, PlaceError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(mut stat) => {
                stat.st_mode &= !0o077;
                judge_ours(&self.path.join(name), &stat)?;
            }
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(PlaceError::io(&self.path.join(name), "stat", error)),
        }
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(PlaceError::io(&self.path.join(name), "remove", error)),
        }
    }

    /// Lists the names in it, in no order; names that are not UTF-8 are not ours and left out.
    pub(crate) fn names(&self) -> Result<Vec<String>, PlaceError> {
        let fail = |error: Errno| PlaceError::io(&self.path, "list", error);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Returns a file's last change in seconds since 1970, or `None` if there is none.
    pub(crate) fn modified(&self, name: &str) -> Result<Option<i64>, PlaceError> {
        Ok(self.stamp(name)?.map(|stamp| stamp.seconds))
    }

    fn sync(&self) -> Result<(), PlaceError> {
        sync_directory(&self.fd).map_err(|e| PlaceError::io(&self.path, "sync", e))
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<File>, PlaceError> {
        Ok(self.open_judged(name, flags)?.map(|(file, _)| file))
    }

    fn open_judged(&self, name: &str, flags: OFlags) -> Result<Option<(File, Stat)>, PlaceError> {
        let path = self.path.join(name);
        match rustix::fs::openat(&self.fd, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => {
                let stat = rustix::fs::fstat(&fd).map_err(|e| PlaceError::io(&path, "stat", e))?;
                judge_ours(&path, &stat)?;
                Ok(Some((File::from(fd), stat)))
            }
            Err(Errno::NOENT) => Ok(None),
            // Reported here, because something else may lie there by the time it is judged.
            Err(Errno::LOOP) => Err(PlaceError::insecure(&path, "is not a regular file", None)),
            Err(error) => Err(self.judge(name).err().unwrap_or_else(|| PlaceError::io(&path, "open", error))),
        }
    }

    /// Refuses what stands in place of a file of ours, without opening it.
    pub(crate) fn judge(&self, name: &str) -> Result<(), PlaceError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => judge_ours(&self.path.join(name), &stat),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(PlaceError::io(&self.path.join(name), "stat", error)),
        }
    }

    /// Creates a file that must not exist yet; `None` if something is there.
    fn create(&self, name: &str) -> Result<Option<File>, PlaceError> {
        let path = self.path.join(name);
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        match rustix::fs::openat(&self.fd, name, flags, FILE_MODE) {
            Ok(fd) => {
                // A umask may have taken the owner's bits too; it never adds any.
                protect(&fd, FILE_MODE).map_err(|e| PlaceError::io(&path, "protect", e))?;
                Ok(Some(File::from(fd)))
            }
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(PlaceError::io(&path, "create", error)),
        }
    }

    /// Returns whether an open file is still the one at `name`: a lock on a file that was deleted or replaced protects
    /// nothing.
    pub(crate) fn still_holds(&self, name: &str, file: &File) -> Result<bool, PlaceError> {
        let path = self.path.join(name);
        let held = rustix::fs::fstat(file).map_err(|e| PlaceError::io(&path, "stat", e))?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok((held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(PlaceError::io(&path, "stat", error)),
        }
    }
}

/// For files that another library opens by their path.
#[cfg(feature = "ledger")]
impl Dir {
    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames a file of ours in place of another, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), PlaceError> {
        self.judge(from)?;
        self.judge(to)?;
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
            .map_err(|e| PlaceError::io(&self.path.join(to), "replace", e))?;
        self.sync()
    }
}

fn open_dir(at: BorrowedFd<'_>, name: &Path, follow: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | follow;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

/// Which directory is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The one that was named: by a slip it may be any other.
    DataDirectory,
    /// One that this program makes below it.
    Below,
}

/// Judges a directory of ours that was opened, or reports why it could not be.
fn judged(
    at: BorrowedFd<'_>,
    name: &Path,
    path: &Path,
    opened: Result<OwnedFd, Errno>,
    level: Level,
) -> Result<Option<Dir>, PlaceError> {
    match opened {
        Ok(fd) => {
            let stat = rustix::fs::fstat(&fd).map_err(|e| PlaceError::io(path, "stat", e))?;
            let is_open = stat.st_mode & 0o077 != 0;
            // First: `/tmp` belongs to root, and to run as root there helps no more than to close it.
            if is_open && level == Level::DataDirectory && serves_others(fd.as_fd(), path, &stat) {
                return Err(PlaceError::insecure(path, "is open to other users", Some(Mend::DirectoryInside)));
            }
            judge_owner(path, &stat)?;
            if is_open {
                return Err(PlaceError::insecure(path, "is open to other users", Some(Mend::OwnerOnlyDirectory)));
            }
            Ok(Some(Dir { fd, path: path.to_owned() }))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(error @ (Errno::NOTDIR | Errno::LOOP)) => match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(PlaceError::insecure(path, "is not a directory of its own", None)),
            // A loop of links, or a file, above it: nothing was put in its place.
            Err(_) => Err(PlaceError::io(path, "open", error)),
        },
        // Another user's closed directory: the error names the owner, which helps.
        Err(error) => match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if stat.st_uid != caller() => {
                Err(judge_owner(path, &stat).expect_err("an owner other than the caller is refused"))
            }
            _ => Err(PlaceError::io(path, "open", error)),
        },
    }
}

/// Returns whether there is a symlink at a path, and its owner is trusted. A link that cannot be examined is not
/// followed.
fn link_may_be_followed(path: &Path) -> bool {
    let is_link = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    rustix::fs::lstat(path).is_ok_and(|stat| is_link(&stat) && (stat.st_uid == 0 || stat.st_uid == caller()))
}
