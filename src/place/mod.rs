//! Opening, creating and replacing files: the only file that knows modes, owners and links.
//!
//! Three classes of files. *Ours* ([`Dir`]) lie in the data directory: no symlink, one link, owned
//! by the caller, closed to everybody else from the first open on. *Given* ([`read_given`]) were
//! put there by people or orchestrators: symlinks are followed, then the opened file is judged by
//! its descriptor. A *secret reference* is as given; one that others can read is told, not refused.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

mod given;
mod ours;

pub(crate) use given::{
    Given, create_config, judge_config_dir, list_config_dir, make_config_dir, read_given, read_reference,
    remove_config, remove_config_temporaries, replace_config,
};
pub(crate) use ours::{Dir, Durable, Missing};

/// What is wrong with a place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Something is there that must not be trusted. Nothing was read from it or written to it.
    #[error("{} {what}", Shown(.path))]
    Insecure {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong, as the predicate of a sentence.
        what: &'static str,
        /// The command that mends it, where one does.
        fix: Option<String>,
    },
    /// It belongs to somebody else.
    #[error("{} belongs to uid {owner}, you are uid {caller}", Shown(.path))]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        caller: u32,
    },
    /// The system could not do it. A stat that fails is this, never "absent".
    #[error("cannot {doing} {}", Shown(.path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as an infinitive.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It is larger than anything tokenkeep keeps there.
    #[error("{} is larger than {cap} bytes", Shown(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        cap: usize,
    },
}

impl PlaceError {
    fn io(path: &Path, doing: &'static str, source: impl Into<io::Error>) -> PlaceError {
        PlaceError::Io { path: path.to_owned(), doing, source: source.into() }
    }

    fn insecure(path: &Path, what: &'static str, fix: Option<String>) -> PlaceError {
        PlaceError::Insecure { path: path.to_owned(), what, fix }
    }

    /// Tells whether the place is to blame rather than the disk: insecure or somebody else's.
    pub fn is_insecure(&self) -> bool {
        matches!(self, PlaceError::Insecure { .. } | PlaceError::Foreign { .. })
    }

    /// Tells whether the directory or its file system does not let us write.
    pub fn is_read_only(&self) -> bool {
        matches!(self, PlaceError::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
        ))
    }

    /// Returns the command that mends it, where one does.
    pub fn fix(&self) -> Option<String> {
        match self {
            PlaceError::Insecure { fix, .. } => fix.clone(),
            PlaceError::Foreign { owner, .. } => Some(format!("sudo -u '#{owner}' tokenkeep ...")),
            PlaceError::Io { .. } | PlaceError::TooLarge { .. } => None,
        }
    }
}

/// Shows a path on one line, whatever bytes it holds.
pub(crate) struct Shown<'a>(pub &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symbol in self.0.to_string_lossy().chars() {
            if symbol.is_control() || matches!(symbol, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
                write!(f, "{}", symbol.escape_unicode())?;
            } else {
                write!(f, "{symbol}")?;
            }
        }
        Ok(())
    }
}

/// Quotes a path for a shell command in a hint.
fn quoted(path: &Path) -> String {
    let text = Shown(path).to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    if text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const DIR_MODE: Mode = Mode::from_raw_mode(0o700);

/// What kind of file system a directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// One whose locks hold.
    Local,
    /// One that other hosts share; its locks are not ours to promise.
    Network(&'static str),
}

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: i64,
    seconds: i64,
    nanos: i64,
}

impl Stamp {
    #[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ between platforms")]
    fn of(stat: &Stat) -> Stamp {
        Stamp {
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            seconds: stat.st_mtime as i64,
            nanos: stat.st_mtime_nsec as i64,
        }
    }

    /// Makes the stamp of something that is not a file: the `n`-th state of it.
    pub fn numbered(n: u64) -> Stamp {
        Stamp { inode: n, size: 0, seconds: 0, nanos: 0 }
    }

    /// Reads the state of a file that symlinks may lead to; `None` where there is none.
    pub fn of_path(path: &Path) -> Result<Option<Stamp>, PlaceError> {
        match rustix::fs::stat(path) {
            Ok(stat) => Ok(Some(Stamp::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(PlaceError::io(path, "stat", error)),
        }
    }
}

/// Returns 16 hexadecimal digits that nobody can guess.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn random_name() -> Result<String, PlaceError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|e| PlaceError::io(Path::new("the system's randomness"), "read", io::Error::other(e)))?;
    Ok(crate::hex::encode(&bytes))
}

fn read_capped(file: File, path: &Path, cap: usize) -> Result<Vec<u8>, PlaceError> {
    let mut bytes = Vec::with_capacity(1024);
    let limit = u64::try_from(cap).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| PlaceError::io(path, "read", e))?;
    if bytes.len() > cap {
        return Err(PlaceError::TooLarge { path: path.to_owned(), cap });
    }
    Ok(bytes)
}

fn judge_ours(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PlaceError::insecure(path, "is not a regular file", None));
    }
    judge_owner(path, stat)?;
    if stat.st_nlink > 1 {
        return Err(PlaceError::insecure(path, "has more than one link", None));
    }
    if stat.st_mode & 0o077 != 0 {
        let fix = format!("chmod 600 {}", quoted(path));
        return Err(PlaceError::insecure(path, "is open to other users", Some(fix)));
    }
    Ok(())
}

fn judge_owner(path: &Path, stat: &Stat) -> Result<(), PlaceError> {
    if stat.st_uid == caller() {
        return Ok(());
    }
    Err(PlaceError::Foreign { path: path.to_owned(), owner: stat.st_uid, caller: caller() })
}

/// Returns the user who asks: the effective one.
pub(crate) fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn make_dir(at: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<(), PlaceError> {
    match rustix::fs::mkdirat(at, name, DIR_MODE) {
        // A umask may have taken the owner's bits too.
        Ok(()) => {
            rustix::fs::chmodat(at, name, DIR_MODE, AtFlags::empty()).map_err(|e| PlaceError::io(path, "protect", e))
        }
        Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) => match name.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                make_dir(at, parent, path.parent().unwrap_or(path))?;
                make_dir(at, name, path)
            }
            _ => Err(PlaceError::io(path, "create", Errno::NOENT)),
        },
        Err(error) => Err(PlaceError::io(path, "create", error)),
    }
}
