//! The guard of every change: the data directory is locked, and what was opened of it is what is in effect.

use std::sync::Arc;

use crate::error::{Code, Error};
use crate::open::{Home, Opened};
use crate::secrets::{self, BackendChoice, DataDirLock, Keys, SecretsError};
use crate::system::files::{self, Dir, Missing};

/// A data directory that no other process changes.
pub(crate) struct Locked {
    pub(crate) dir: Arc<Dir>,
    /// The keys of the chosen backend; `None` if none was chosen yet.
    pub(crate) keys: Option<Keys>,
    pub(crate) lock: DataDirLock,
}

impl Locked {
    /// Prepares a change, then takes the lock. `prepare` gets `None` if no backend was chosen yet. It may wait for a
    /// user, and it may make the first key, which takes the lock itself. If another process changes the backend before
    /// the lock is held, it runs again.
    pub(crate) fn prepared<T>(
        home: &Home,
        mut prepare: impl FnMut(Option<&Opened>) -> Result<T, Error>,
    ) -> Result<(Locked, T), Error> {
        loop {
            let opened = home.opened()?;
            let prepared = prepare(opened.as_ref())?;
            let (dir, keys, choice) = match opened {
                // Read after the key was obtained: that may have been the first key.
                Some(Opened { dir, keys }) => {
                    let choice = BackendChoice::load(&dir)?;
                    (dir, Some(keys), choice)
                }
                None => (created(home)?, None, None),
            };
            let lock = DataDirLock::take(&dir)?;
            // Otherwise a rekey or a move came in between: what was opened is the old place, whose key is dead.
            if BackendChoice::load(&dir)? == choice {
                remove_temporaries(home, &dir, &lock)?;
                return Ok((Locked { dir, keys, lock }, prepared));
            }
        }
    }

    /// Takes the lock, then opens what is in effect, for a change that prepares nothing.
    pub(crate) fn first(home: &Home, dir: &Dir) -> Result<Locked, Error> {
        let lock = DataDirLock::take(dir)?;
        let Opened { dir, keys } = home.under_lock().opened()?.ok_or(SecretsError::NotChosen)?;
        remove_temporaries(home, &dir, &lock)?;
        Ok(Locked { dir, keys: Some(keys), lock })
    }

    /// Returns the keys of the chosen backend.
    pub(crate) fn keys(&self) -> Result<&Keys, SecretsError> {
        self.keys.as_ref().ok_or(SecretsError::NotChosen)
    }
}

/// Opens the data directory, and makes it if it is not there.
pub(crate) fn created(home: &Home) -> Result<Arc<Dir>, Error> {
    let vanished = || Error::new(Code::WriteFailed, "the data directory vanished while it was made");
    Dir::open(&home.data_dir, Missing::Create)?.map(Arc::new).ok_or_else(vanished)
}

/// Removes the temporaries that a kill left in both directories. The lock shows that no other process writes one.
pub(crate) fn remove_temporaries(home: &Home, dir: &Dir, lock: &DataDirLock) -> Result<(), Error> {
    secrets::remove_temporaries(dir, lock)?;
    files::remove_config_temporaries(&home.config_dir)?;
    Ok(files::remove_config_temporaries(&home.profiles_dir())?)
}
