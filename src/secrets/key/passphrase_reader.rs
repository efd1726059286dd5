//! Reading a passphrase: from a descriptor that the caller named, else from the user that the program asks.

use std::ffi::OsStr;
use std::fmt;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(unix)]
use zeroize::Zeroizing;

use crate::secrets::SecretsError;
#[cfg(unix)]
use crate::system::clock::Deadline;
use crate::system::process::PASSPHRASE_FD;
use crate::system::secret::Secret;

/// The longest passphrase, in bytes.
#[cfg(unix)]
const CAP: usize = 4_096;
const NO_DESCRIPTOR: &str = "a passphrase is needed; name its descriptor in TOKENKEEP_PASSPHRASE_FD";
/// How long it may take to come; other processes wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the passphrase is a new one, which is typed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassphraseKind {
    /// It was chosen before.
    Known,
    /// It is chosen now.
    New,
}

/// Reads the passphrase, once: a user does not type it again, and a pipe can be read only once. Clones share it.
///
/// The library asks no user: a program that can do so hands in a closure.
#[derive(Clone, Default)]
pub(crate) struct PassphraseReader(Arc<Reader>);

#[derive(Default)]
struct Reader {
    ask: Option<Box<Ask>>,
    given: Mutex<Option<Secret>>,
}

/// Asks a user for a passphrase.
type Ask = dyn Fn(PassphraseKind) -> Result<Secret, SecretsError> + Send + Sync;

impl PassphraseReader {
    /// Makes a reader that asks a user if the caller named no descriptor.
    #[cfg(feature = "cli")]
    pub(crate) fn asking(
        ask: impl Fn(PassphraseKind) -> Result<Secret, SecretsError> + Send + Sync + 'static,
    ) -> PassphraseReader {
        PassphraseReader(Arc::new(Reader { ask: Some(Box::new(ask)), given: Mutex::default() }))
    }

    /// Reads the passphrase; one newline at its end is cut.
    pub(super) fn read(&self, kind: PassphraseKind) -> Result<Secret, SecretsError> {
        let mut given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = &*given {
            return Ok(given.clone());
        }
        let read = match (std::env::var_os(PASSPHRASE_FD), &self.0.ask) {
            (Some(number), _) => from_descriptor(&number, PATIENCE)?,
            (None, Some(ask)) => ask(kind)?,
            (None, None) => return Err(SecretsError::NoPassphrase(NO_DESCRIPTOR)),
        };
        if read.is_empty() {
            return Err(SecretsError::NoPassphrase("the passphrase is empty"));
        }
        *given = Some(read.clone());
        Ok(read)
    }
}

impl fmt::Debug for PassphraseReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassphraseReader")
    }
}

/// Reads the first line that comes on a descriptor, or all of it if it ends before. A pipe may stay open for as long as
/// its writer likes.
#[cfg(unix)]
fn from_descriptor(number: &OsStr, within: Duration) -> Result<Secret, SecretsError> {
    use std::os::fd::AsFd as _;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    let wrong = SecretsError::NoPassphrase("TOKENKEEP_PASSPHRASE_FD names no readable descriptor");
    let number =
        number.to_str().and_then(|number| number.parse::<u32>().ok()).and_then(|number| number.try_into().ok());
    let Some(Ok(descriptor)) = number.map(duplicate) else { return Err(wrong) };
    let deadline = Deadline::after(within);
    let mut line = Zeroizing::new(Vec::with_capacity(CAP + 1));
    let mut byte = Zeroizing::new([0]);
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(SecretsError::NoPassphrase("no passphrase came on TOKENKEEP_PASSPHRASE_FD within 30s"));
        }
        let left = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return Err(wrong),
        }
        // Byte by byte: what comes after the line is for another reader.
        match rustix::io::read(descriptor.as_fd(), byte.as_mut_slice()) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if line.len() == CAP => {
                return Err(SecretsError::NoPassphrase("the passphrase is longer than 4096 bytes"));
            }
            Ok(_) => line.push(byte[0]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Err(wrong),
        }
    }
    Ok(Secret::new(line.as_slice()))
}

/// Duplicates a descriptor that is known by its number only. Not by its name in the file system, if that can be
/// avoided: opening it again checks the permission again, and a socket cannot be opened.
#[cfg(unix)]
fn duplicate(number: i32) -> std::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

        let duplicated = pidfd_open(getpid(), PidfdFlags::empty())
            .and_then(|process| pidfd_getfd(process, number, PidfdGetfdFlags::empty()));
        match duplicated {
            // An older kernel, or a container that allows no such call.
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
            duplicated => return Ok(duplicated?),
        }
    }
    Ok(std::fs::File::open(format!("/dev/fd/{number}"))?.into())
}

/// Descriptors are not inherited by number there.
#[cfg(not(unix))]
fn from_descriptor(_number: &OsStr, _within: Duration) -> Result<Secret, SecretsError> {
    Err(SecretsError::NoPassphrase("TOKENKEEP_PASSPHRASE_FD does not exist on this system"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn read(descriptor: &impl std::os::fd::AsRawFd, within: Duration) -> Result<Secret, SecretsError> {
        from_descriptor(descriptor.as_raw_fd().to_string().as_ref(), within)
    }

    #[cfg(unix)]
    #[test]
    fn the_first_line_of_a_pipe_or_a_socket_that_stays_open_is_the_passphrase() {
        use std::io::Write as _;

        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"open sesame\nand more\n").expect("it is read");
        assert_eq!(read(&reader, PATIENCE).ok(), Some(Secret::from("open sesame")));
        assert_eq!(read(&reader, PATIENCE).ok(), Some(Secret::from("and more")), "what follows was left");
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a socket");
        theirs.write_all(b"open sesame\n").expect("it is read");
        if cfg!(target_os = "linux") {
            assert_eq!(read(&ours, PATIENCE).ok(), Some(Secret::from("open sesame")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_descriptor_on_which_nothing_comes_is_waited_for_until_the_deadline_only() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let late = read(&reader, Duration::from_millis(50));
        assert!(matches!(late, Err(SecretsError::NoPassphrase(why)) if why.contains("no passphrase came")));
    }

    #[cfg(unix)]
    #[test]
    fn a_passphrase_that_is_too_long_is_refused_and_not_cut() {
        use std::io::Write as _;

        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(&[b'x'; CAP]).expect("it fits");
        drop(writer);
        assert_eq!(read(&reader, PATIENCE).ok(), Some(Secret::new([b'x'; CAP])));
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(&[b'x'; CAP + 1]).expect("it fits");
        assert!(read(&reader, PATIENCE).is_err());
    }
}
