//! Whether two files are one, on a system whose files have no numbers in their status: Windows.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Returns whether an open file is the one at `path`, which may not be a symlink.
pub(super) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(there) if !there.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let held = system::identity_of(file.try_clone()?)?;
    match File::open(path) {
        Ok(there) => Ok(held == system::identity_of(there)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Distinguishes one file from another in a stamp; 0 if that is not possible, and then size and time have to do.
pub(super) fn identity(path: &Path) -> u64 {
    File::open(path).and_then(system::identity_of).unwrap_or(0)
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::MetadataExt as _;

    pub(super) fn identity_of(file: File) -> io::Result<u64> {
        file.metadata().map(|there| there.ino())
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::File;
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    use std::io;

    /// A number made of those of the volume and of the file on it.
    pub(super) fn identity_of(file: File) -> io::Result<u64> {
        let handle = same_file::Handle::from_file(file)?;
        let mut hasher = DefaultHasher::new();
        handle.hash(&mut hasher);
        Ok(hasher.finish())
    }
}
