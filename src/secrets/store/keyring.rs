//! Secrets in the OS keyring: Secret Service, Keychain, Credential Manager.
//!
//! Each call runs in a thread of its own with a deadline. A daemon that hangs, or a prompt that is not answered, must
//! not hold up a script. Another reason: blocking calls of D-Bus may not run inside an async runtime. A missing item
//! counts as absent only if the collection reports that it is unlocked: a locked one answers "not found" for
//! everything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::SecretStore;
use crate::secrets::{ItemName, Retired, SecretsError};
use crate::system::secret::Secret;
use crate::system::thread::{self, NoAnswer};

/// The service of all our items.
const SERVICE: &str = "tokenkeep";
/// The most that every keyring holds in one item: Windows allows 2560 bytes.
const LARGEST: usize = 2_560;

/// Keeps items in the OS keyring.
#[derive(Clone, Debug)]
pub(crate) struct OsKeyring {
    timeout: Duration,
}

impl OsKeyring {
    /// Makes a store whose every call ends within `timeout`.
    pub(crate) fn new(timeout: Duration) -> OsKeyring {
        OsKeyring { timeout }
    }

    fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SecretsError> + Send + 'static,
    ) -> Result<T, SecretsError> {
        thread::within("tokenkeep-keyring", self.timeout, work).unwrap_or_else(|error| {
            Err(match error {
                NoAnswer::NoThread(_) => SecretsError::Unreachable(error.to_string()),
                NoAnswer::Late => SecretsError::TimedOut(self.timeout),
                // It panicked, inside a library.
                NoAnswer::Failed => SecretsError::Unreachable("its library failed".to_owned()),
            })
        })
    }
}

impl SecretStore for OsKeyring {
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        let item = item.clone();
        self.within(move || read(&item))
    }

    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        // Base64: some keyrings hold only text.
        let text = Zeroizing::new(STANDARD.encode(secret.expose()));
        if cfg!(windows) && text.len() > LARGEST {
            return Err(SecretsError::TooLarge(LARGEST));
        }
        let (item, secret) = (item.clone(), secret.clone());
        self.within(move || {
            if read(&item)?.is_some() {
                return Err(SecretsError::KeyringUnverified);
            }
            let entry = entry(&item)?;
            entry.set_secret(text.as_bytes()).map_err(failed)?;
            match read(&item) {
                Ok(Some(read)) if read == secret => Ok(()),
                _ => Err(SecretsError::KeyringUnverified),
            }
        })
    }

    fn remove(&self, retired: &Retired) -> Result<bool, SecretsError> {
        let item = retired.item().clone();
        self.within(move || {
            match read(&item) {
                Ok(None) => return Ok(false),
                // It is there, whatever it holds.
                Ok(Some(_)) | Err(SecretsError::Unreadable) => {}
                Err(error) => return Err(error),
            }
            entry(&item)?.delete_credential().map_err(failed)?;
            Ok(true)
        })
    }
}

fn entry(item: &ItemName) -> Result<keyring::Entry, SecretsError> {
    keyring::Entry::new(SERVICE, item.as_str()).map_err(|error| match (error, keyring::Entry::store_status()) {
        (keyring::Error::NoDefaultStore, Err(status)) => unreachable(cause(status)),
        (error, _) => failed(error),
    })
}

fn read(item: &ItemName) -> Result<Option<Secret>, SecretsError> {
    match entry(item)?.get_secret().map(Zeroizing::new) {
        Ok(text) => {
            let bytes = STANDARD.decode(text.as_slice()).map_err(|_| SecretsError::Unreadable)?;
            if bytes.is_empty() { Err(SecretsError::Unreadable) } else { Ok(Some(Secret::new(bytes))) }
        }
        Err(keyring::Error::NoEntry) => collection::is_open().map(|()| None),
        Err(error) => Err(failed(error)),
    }
}

/// Decides which of the four answers a failure is. The message of a library is not shown if it may quote what the
/// library read.
fn failed(error: keyring::Error) -> SecretsError {
    use keyring::Error;
    match error {
        Error::NoStorageAccess(_) => SecretsError::Locked,
        Error::Ambiguous(_) => SecretsError::Ambiguous,
        Error::TooLong(_, most) => SecretsError::TooLarge(usize::try_from(most).unwrap_or(LARGEST)),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => SecretsError::Unreadable,
        Error::PlatformFailure(ref inner) if is_refusal(inner.as_ref()) => SecretsError::Locked,
        other => unreachable(cause(&other)),
    }
}

/// Makes the error of a keyring that does not answer, with the reason if the environment shows one.
fn unreachable(why: String) -> SecretsError {
    #[cfg(target_os = "linux")]
    if let Some(socket) = collection::silent_bus() {
        return SecretsError::NoBus(socket);
    }
    SecretsError::Unreachable(why)
}

/// macOS reports by number that it may not ask, that the user refused, or that the answer was wrong.
fn is_refusal(error: &(dyn std::error::Error + Send + Sync)) -> bool {
    let text = error.to_string();
    cfg!(target_os = "macos") && ["-25308", "-128", "-25293"].iter().any(|number| text.contains(number))
}

fn cause(error: &keyring::Error) -> String {
    match error {
        keyring::Error::PlatformFailure(inner) | keyring::Error::NoStorageAccess(inner) => {
            inner.to_string().chars().take(200).flat_map(char::escape_debug).collect()
        }
        _ => "it has no place for secrets".to_owned(),
    }
}

#[cfg(target_os = "linux")]
mod collection {
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::sync::{Mutex, PoisonError};

    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;

    use crate::secrets::SecretsError;

    /// The connection that is used, kept: gnome-keyring 42 ends itself now and then when many clients come and go. (It
    /// answers one as if it were not there.)
    static SERVICE: Mutex<Option<SecretService<'static>>> = Mutex::new(None);

    /// Checks that the default collection is unlocked; no secret passes, so the session is plain.
    pub(super) fn is_open() -> Result<(), SecretsError> {
        let mut kept = SERVICE.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().map(is_unlocked) {
            // The bus may be another since.
            None | Some(Err(SecretsError::Unreachable(_) | SecretsError::NoBus(_))) => {}
            Some(answer) => return answer,
        }
        let connected = SecretService::connect(EncryptionType::Plain);
        is_unlocked(kept.insert(connected.map_err(unreachable)?))
    }

    fn unreachable(error: secret_service::Error) -> SecretsError {
        super::unreachable(error.to_string())
    }

    /// Returns the socket of the session bus that the environment names, if nothing listens there: a terminal
    /// multiplexer outlives the session whose address it keeps.
    pub(super) fn silent_bus() -> Option<PathBuf> {
        let address = std::env::var("DBUS_SESSION_BUS_ADDRESS").ok()?;
        // One address of a kind that is no file may be alive.
        let sockets: Option<Vec<PathBuf>> = address.split(';').filter(|one| !one.is_empty()).map(socket).collect();
        let sockets = sockets?;
        let is_silent = |socket: &PathBuf| UnixStream::connect(socket).is_err();
        if sockets.iter().all(is_silent) { sockets.into_iter().next() } else { None }
    }

    /// Returns the path of an address such as `unix:path=/run/user/1000/bus`.
    fn socket(address: &str) -> Option<PathBuf> {
        let path = address.strip_prefix("unix:")?.split(',').find_map(|pair| pair.strip_prefix("path="))?;
        // Bytes other than letters and digits may be escaped, which a path that is shown does not need to be.
        (!path.contains('%')).then(|| PathBuf::from(path))
    }

    fn is_unlocked(service: &SecretService<'_>) -> Result<(), SecretsError> {
        let collection = match service.get_default_collection() {
            Ok(collection) => collection,
            Err(secret_service::Error::NoResult) => {
                return Err(SecretsError::NoCollection);
            }
            Err(error) => return Err(unreachable(error)),
        };
        if collection.is_locked().map_err(unreachable)? { Err(SecretsError::Locked) } else { Ok(()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod collection {
    use crate::secrets::SecretsError;

    /// Here only an open keychain answers "not found"; a locked one reports that it is locked.
    pub(super) fn is_open() -> Result<(), SecretsError> {
        Ok(())
    }
}
