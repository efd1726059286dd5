//! Creating a file under another name first, which lies beside it, for file systems that have no files without a name.
//!
//! That name is always the same, so what a kill left there is found by the next one that makes the same file. Each
//! writer holds a lock on its file: a locked file is being written, a free one was left.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often and how long a caller waits for a live writer: five seconds in all.
const TRIES: u32 = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// Creates a file, whole; `false` if something is there already.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = name_beside(path);
    for _ in 0..TRIES {
        let mut file = match options().create_new(true).open(&temporary) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_left(path)?;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Another writer may have taken it for something that was left, before it was locked.
        if !locked(&file)? || !super::is_at(&temporary, &file)? {
            std::thread::sleep(PAUSE);
            continue;
        }
        let made = written(&mut file, &temporary, path, bytes);
        // While the lock is held: another writer would take it for something that was left. After a rename it is gone.
        let removed = match fs::remove_file(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        drop(file);
        if let (Ok(true), Err(error)) = (&made, removed) {
            // The first failure is the one to report.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        return made;
    }
    Err(busy())
}

/// Removes what a kill left beside a file. Waits for a file that is being written.
pub(super) fn remove_left(path: &Path) -> io::Result<()> {
    let left = name_beside(path);
    for _ in 0..TRIES {
        match fs::symlink_metadata(&left) {
            // A name that is too long for the file system cannot have been left.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {
                return Ok(());
            }
            Err(error) => return Err(error),
            // Not made by this program.
            Ok(there) if !there.is_file() => return Ok(()),
            Ok(_) => {}
        }
        let file = match options().open(&left) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if locked(&file)? {
            return if super::is_at(&left, &file)? { fs::remove_file(&left) } else { Ok(()) };
        }
        std::thread::sleep(PAUSE);
    }
    Err(busy())
}

fn written(file: &mut File, temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A umask may have taken the owner's bits too. File systems without modes refuse to set what is set.
        if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    // A link, not a rename: it never replaces what another process made meanwhile.
    match fs::hard_link(temporary, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // FAT, vboxsf and others have no links; a file system in user space may not know the call.
        Err(error) if has_no_links(&error) => renamed(temporary, path),
        Err(error) => Err(error),
    }
}

fn has_no_links(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOSYS.raw_os_error()) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
}

/// Puts a file into a place that is free. The lock on the temporary name keeps every other writer of this crate away.
fn renamed(temporary: &Path, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(temporary, path).map(|()| true),
        Err(error) => Err(error),
        Ok(_) => Ok(false),
    }
}

/// Takes the lock of a writer; `false` while another has it. If a file system has no locks, there is one writer.
fn locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if [rustix::io::Errno::NOSYS, rustix::io::Errno::NOLCK]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
    {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
        #[cfg(not(tokenkeep_portable))]
        {
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
        }
    }
    options
}

fn name_beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tokenkeep.tmp");
    path.with_file_name(name)
}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another process is making it")
}

#[cfg(test)]
mod tests;
