//! Opening, creating and replacing files: the only folder that knows modes, owners and links.
//!
//! Three classes of files. *The data directory* ([`Dir`]) holds the first: no symlink, one link, owned by the caller,
//! closed to every other user from the first open on. *External* files ([`read_given`]) were put there by users or
//! orchestrators: symlinks are followed, then the opened file is judged by its descriptor. A *secret reference* is as
//! given; one that others can read causes a warning, not a refusal.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

mod absolute;
// On a system without modes, owners and descriptors to judge by, the access lists of the user's own folders protect the
// files. There std opens them. `--cfg tokenkeep_portable` builds and tests that part on a Unix system too.
mod beside;
#[cfg(all(unix, not(tokenkeep_portable), feature = "cli"))]
mod config;
#[cfg(all(unix, not(tokenkeep_portable)))]
mod data_dir;
#[cfg(all(unix, not(tokenkeep_portable)))]
mod directories;
#[cfg(all(unix, not(tokenkeep_portable)))]
mod external;
#[cfg(any(not(unix), tokenkeep_portable))]
mod identity;
mod path_text;
#[cfg(all(unix, not(tokenkeep_portable)))]
mod permissions;
#[cfg(any(not(unix), tokenkeep_portable))]
mod portable;

pub(crate) use absolute::{NoPlace, absolute};
#[cfg(all(unix, not(tokenkeep_portable), feature = "cli"))]
pub(crate) use config::{remove_config, remove_config_temporaries, replace_config};
#[cfg(all(unix, not(tokenkeep_portable)))]
pub(crate) use data_dir::Dir;
#[cfg(all(unix, not(tokenkeep_portable)))]
pub(crate) use external::{
    create_config, judge_config_dir, list_config_dir, make_config_dir, read_given, read_reference,
};
#[cfg(any(not(unix), tokenkeep_portable))]
use identity::is_at;
pub(crate) use path_text::{path_from_text, path_to_text};
#[cfg(all(unix, not(tokenkeep_portable)))]
use permissions::is_at;
#[cfg(all(unix, not(tokenkeep_portable)))]
pub(crate) use permissions::{caller_id, caller_name, path_bytes, path_from_bytes};
#[cfg(any(not(unix), tokenkeep_portable))]
pub(crate) use portable::{
    Dir, caller_id, caller_name, create_config, judge_config_dir, list_config_dir, make_config_dir, path_bytes,
    path_from_bytes, read_given, read_reference,
};
#[cfg(all(any(not(unix), tokenkeep_portable), feature = "cli"))]
pub(crate) use portable::{remove_config, remove_config_temporaries, replace_config};

/// Removes what a kill left beside a file while [`create_config`] made it.
pub(crate) fn remove_left_beside(path: &Path) -> Result<(), PlaceError> {
    beside::remove_left(path).map_err(|error| PlaceError::io(path, "clear up beside", error))
}

/// What others have to lose so that a place can be used, if they should lose anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mend {
    /// Every right to a file that only its owner may read and write.
    OwnerOnlyFile,
    /// Every right to a directory that only its owner may enter.
    OwnerOnlyDirectory,
    /// The right to write.
    NoOtherWriter,
    /// Nothing: the directory serves others too, and one inside it is to be used instead.
    DirectoryInside,
    /// Every right to a file that belongs to root: a volume takes its modes from what mounts it.
    OwnerOnlyInVolume,
}

/// What is wrong with a place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Something is there that must not be trusted. Nothing was read from it or written to it.
    #[error("{} {what}", EscapedPath(.path))]
    Insecure {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong, as the predicate of a sentence.
        what: &'static str,
        /// What mends it, if something does.
        mend: Option<Mend>,
    },
    /// It belongs to another user.
    #[error("{} belongs to uid {owner}, you are uid {caller}", EscapedPath(.path))]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// The user that it belongs to.
        owner: u32,
        /// The user of this process.
        caller: u32,
    },
    /// It belongs to a user that does not exist here.
    #[error("{} belongs to an owner outside this user namespace", EscapedPath(.path))]
    Unmapped {
        /// The file or directory.
        path: PathBuf,
    },
    /// The system could not do it. A stat that fails is this, never "absent".
    #[error("cannot {doing} {}", EscapedPath(.path))]
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
    #[error("{} is larger than {cap} bytes", EscapedPath(.path))]
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

    fn insecure(path: &Path, what: &'static str, mend: Option<Mend>) -> PlaceError {
        PlaceError::Insecure { path: path.to_owned(), what, mend }
    }

    /// Returns whether the place is to blame rather than the disk: insecure or another user's.
    pub fn is_insecure(&self) -> bool {
        matches!(self, PlaceError::Insecure { .. } | PlaceError::Foreign { .. } | PlaceError::Unmapped { .. })
    }

    /// Returns whether the directory or its file system does not let us write.
    pub fn is_read_only(&self) -> bool {
        // If a system denies access while another process reads the file, a denial reveals nothing about the place.
        let denied = cfg!(all(unix, not(tokenkeep_portable)));
        matches!(self, PlaceError::Io { source, .. } if match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => true,
            io::ErrorKind::PermissionDenied => denied,
            _ => false,
        })
    }
}

/// Returns whether a path lies below HOME, which may be another user's after `sudo` or `su`.
pub(crate) fn is_in_home(path: &Path) -> bool {
    std::env::var_os("HOME").is_some_and(|home| !home.is_empty() && path.starts_with(home))
}

/// Lists the other files of a configuration, `config.toml` and the profiles, that others can write too. A file that
/// cannot be examined is reported when it is used.
pub(crate) fn writable_beside(path: &Path) -> Vec<PathBuf> {
    let Some(folder) = path.parent() else { return Vec::new() };
    let is_profile = folder.file_name().is_some_and(|name| name == "profiles");
    let Some(config_dir) = (if is_profile { folder.parent() } else { Some(folder) }) else { return Vec::new() };
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    if !is_toml(&path.to_owned()) {
        return Vec::new();
    }
    let profiles = std::fs::read_dir(config_dir.join("profiles")).into_iter().flatten();
    let profiles = profiles.filter_map(|entry| Some(entry.ok()?.path())).filter(is_toml);
    let mut all: Vec<PathBuf> = [config_dir.join("config.toml")].into_iter().chain(profiles).collect();
    all.retain(|other| other != path && is_writable_by_others(other));
    all.sort();
    all
}

#[cfg(unix)]
fn is_writable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    path.symlink_metadata().is_ok_and(|file| file.is_file() && file.mode() & 0o022 != 0)
}

#[cfg(not(unix))]
fn is_writable_by_others(_path: &Path) -> bool {
    false
}

/// Shows a path on one line, whatever bytes it holds.
pub(crate) struct EscapedPath<'a>(pub &'a Path);

impl fmt::Display for EscapedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::encoding::escape::Escaped(&self.0.to_string_lossy()).fmt(f)
    }
}

/// The kind of file system that a directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// One whose locks hold.
    Local,
    /// One that other hosts share; this program cannot promise its locks.
    #[cfg_attr(
        any(not(target_os = "linux"), tokenkeep_portable),
        expect(dead_code, reason = "only Linux names the kind of a file system by a number that is known")
    )]
    Network(&'static str),
}

/// Distinguishes one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: i64,
    seconds: i64,
    nanos: i64,
}

impl Stamp {
    /// Makes the stamp of something that is not a file: the `n`-th state of it.
    pub fn numbered(n: u64) -> Stamp {
        Stamp { inode: n, size: 0, seconds: 0, nanos: 0 }
    }
}

/// The purpose of a file that was given to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A configuration file, a profile or a CA file: any user may read it.
    Open,
    /// A key: only its owner reads it, or a group if root chose the group.
    Key,
}

/// A secret read through a reference.
pub(crate) struct Referenced {
    /// What the file holds.
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
    /// Whether users other than the owner can read the file: worth a warning.
    pub readable_by_others: bool,
    /// The owner, if that is neither root nor the caller: only root reads such a file.
    pub foreign_owner: Option<u32>,
}

/// Whether a missing directory is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Make it, closed to others.
    Create,
    /// Answer that it is absent.
    Leave,
}

/// Whether a write has to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// The file and its directory are synced before the answer.
    Yes,
    /// Not synced: what a cut leaves half-written is found out by its reader.
    No,
}

/// Returns 16 hexadecimal digits that cannot be guessed.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn random_name() -> Result<String, PlaceError> {
    let bytes: [u8; 8] = crate::system::random::bytes()
        .map_err(|e| PlaceError::io(Path::new("the system's randomness"), "read", io::Error::other(e)))?;
    Ok(crate::encoding::hex::encode(&bytes))
}

/// Reads a file of `size` bytes, as its status reports: one that turns out to be longer is read on, up to the cap.
fn read_capped(mut file: File, size: u64, path: &Path, cap: usize) -> Result<Vec<u8>, PlaceError> {
    let fail = |error| PlaceError::io(path, "read", error);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(cap) + 1];
    let mut length = 0;
    // Most files come in one read: the byte of room that is left shows that nothing follows.
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(fail(error)),
        }
        if length == bytes.len() || u64::try_from(length).unwrap_or(u64::MAX) == size {
            break;
        }
    }
    let full = length == bytes.len();
    bytes.truncate(length);
    if full {
        let rest = u64::try_from(cap.saturating_sub(length)).unwrap_or(u64::MAX).saturating_add(1);
        file.take(rest).read_to_end(&mut bytes).map_err(fail)?;
    }
    if bytes.len() > cap {
        return Err(PlaceError::TooLarge { path: path.to_owned(), cap });
    }
    Ok(bytes)
}
