//! Configuration -> a wired keeper: the only file that knows every concrete type.

use std::sync::Arc;

use super::home::{Home, KEY_FILE, is_gone};
use crate::cache::single_flight::Flight;
use crate::cache::store::{FileStore, RecordError};
use crate::config::Config;
use crate::error::{Code, Error, Remedy};
use crate::keeper::{Keeper, Keeping, LazyCache, NoCache, Observer, Parts, ProfileSource, Secrets};
use crate::oauth::Transport;
use crate::profile::ProfileName;
use crate::secrets::{
    self, Backend, BackendChoice, ChoiceError, EstablishError, Keys, MissingKey, SecretsError, UnlockOptions,
};
use crate::system::files::{Dir, Missing, Stamp};

/// A data directory for which a place of secrets was chosen.
pub(crate) struct Opened {
    pub(crate) dir: Arc<Dir>,
    pub(crate) keys: Keys,
}

impl Opened {
    /// Returns the same for a process that holds the lock of the data directory.
    #[cfg(feature = "cli")]
    pub(crate) fn under_lock(&self) -> Opened {
        Opened { dir: self.dir.clone(), keys: self.keys.clone().under_lock() }
    }
}

impl Home {
    /// Wires a keeper for a profile.
    pub(crate) fn keeper(&self, name: &ProfileName, observer: Observer) -> Result<Keeper, Error> {
        let path = self.profiles_dir().join(name.file_name());
        // Before the file is read: a change that comes between is noticed. A fault of the file is reported first.
        let stamp = Stamp::of_path(&path);
        let profile = self.profile(name)?;
        let stamp = stamp?;
        let (home, own) = (self.clone(), name.clone());
        let (elsewhere, of) = (self.clone(), name.clone());
        let source = ProfileSource::File {
            load: Box::new(move || home.profile(&own)),
            stamp: Box::new(move || Ok(Stamp::of_path(&path)?)),
        };
        let parts = Parts {
            fleet: self.fleet()?,
            elsewhere: Box::new(move || elsewhere.kept_elsewhere(&of)),
            ..self.parts(Secrets::Profile, source, observer)?
        };
        Ok(Keeper::from_parts(parts, profile, stamp))
    }

    pub(super) fn parts(&self, secrets: Secrets, source: ProfileSource, observer: Observer) -> Result<Parts, Error> {
        let (lazy_cache, shared) = self.lazy_cache()?;
        Ok(Parts {
            clock: self.clock.clone(),
            transport: self.transport(),
            recorder: self.recording.recorder(shared.clone(), self.clock.clone()),
            flight: Flight::new(shared),
            lazy_cache,
            secrets,
            elsewhere: Box::new(|| None),
            command_timeout: self.config.command_timeout,
            keeping: if self.config.required { Keeping::Required } else { Keeping::IfPossible },
            source,
            // A credential that is tried is tried on its issuer.
            fleet: None,
            observer,
        })
    }

    /// Opens what records and secrets are kept in, and the directory for what processes share. Only a place that must
    /// not be trusted, or a choice that contradicts itself, keeps the caller from a token.
    fn lazy_cache(&self) -> Result<(LazyCache, Option<Arc<Dir>>), Error> {
        match self.opened() {
            Ok(Some(Opened { dir, keys })) => {
                let store = Arc::new(FileStore::new(dir.clone(), self.clock.clone()));
                // If nothing is kept, a turn would make each caller wait for all before it.
                let shared = (!keys.choice().backend.keeps_nothing()).then_some(dir);
                Ok((LazyCache::sealed(store, keys), shared))
            }
            Ok(None) => Ok((LazyCache::nowhere(NoCache::NotChosen), None)),
            // The disk is to blame, not the place: what can be had without it is handed out.
            Err(error) if error.code() == Code::WriteFailed => {
                let reason = match Dir::open(&self.data_dir, Missing::Create) {
                    Err(place) => NoCache::Place(RecordError::from(place)),
                    Ok(_) => NoCache::DataKey(SecretsError::NoPlace(error.to_string())),
                };
                Ok((LazyCache::nowhere(reason), None))
            }
            Err(error) => match self.unusable_store() {
                // Nothing can be kept; a profile whose secret lies elsewhere gets a token all the same.
                Some(why) => Ok((LazyCache::nowhere(NoCache::Unusable(why)), None)),
                None => Err(error),
            },
        }
    }

    /// Returns what is wrong with the file `store`, if it is damaged or of a newer version.
    fn unusable_store(&self) -> Option<String> {
        let dir = Dir::open(&self.data_dir, Missing::Leave).ok().flatten()?;
        match BackendChoice::load(&dir) {
            Err(error @ (ChoiceError::Damaged { .. } | ChoiceError::NewerVersion)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Opens the data directory if a place for secrets was chosen; `None` if none was. A choice in `config.toml` is
    /// made here, as `init` would have.
    pub(crate) fn opened(&self) -> Result<Option<Opened>, Error> {
        let configured = self.configured()?;
        let missing = if configured.is_some() { Missing::Create } else { Missing::Leave };
        let Some(dir) = Dir::open(&self.data_dir, missing)?.map(Arc::new) else { return Ok(None) };
        // Before the choice is read: a rekey that comes between is noticed later.
        let stamp = BackendChoice::stamp(&dir);
        let choice = match (chosen(&dir, configured.as_ref(), &self.config)?, configured) {
            (None, None) => return Ok(None),
            (Some(choice), _) => choice,
            // A key that needs a daemon or a user is not requested here; `Keys` requests it when it is needed.
            (None, Some(backend)) if self.holds_lock || backend.needs_unlock() => BackendChoice::new(backend)?,
            (None, Some(backend)) => {
                match secrets::establish(&dir, &backend, MissingKey::Leave, &self.unlock_options()) {
                    Ok((choice, _)) => choice,
                    // Without its first key the choice stays open; a caller that needs the key gets the reason.
                    Err(EstablishError::Secrets(_)) => BackendChoice::new(backend)?,
                    Err(error) => return Err(Error::from(error)),
                }
            }
        };
        Ok(Some(self.opened_with(dir, choice, stamp)))
    }

    /// Opens the data directory as it was chosen; `None` if nothing was chosen yet. Makes nothing.
    #[cfg(any(feature = "cli", feature = "front"))]
    pub(super) fn opened_as_chosen(&self) -> Result<Option<Opened>, Error> {
        let configured = self.configured()?;
        let Some(dir) = Dir::open(&self.data_dir, Missing::Leave)?.map(Arc::new) else { return Ok(None) };
        // Before the choice is read, as above.
        let stamp = BackendChoice::stamp(&dir);
        let choice = chosen(&dir, configured.as_ref(), &self.config)?;
        Ok(choice.map(|choice| self.opened_with(dir, choice, stamp)))
    }

    fn opened_with(&self, dir: Arc<Dir>, choice: BackendChoice, stamp: Option<Stamp>) -> Opened {
        let keys =
            Keys::new(dir.clone(), choice, self.unlock_options()).with_moved_key(self.key_file()).with_stamp(stamp);
        let keys = if self.holds_lock { keys.under_lock() } else { keys };
        Opened { dir, keys }
    }

    /// Returns how a key is obtained that takes a daemon or a user.
    pub(crate) fn unlock_options(&self) -> UnlockOptions {
        let (keep, timeout) = (self.config.keep_unlocked, self.config.keyring_timeout);
        UnlockOptions { keep, timeout, passphrase: self.passphrase.clone() }
    }

    /// Makes the transport of this configuration.
    pub(crate) fn transport(&self) -> Transport {
        Transport::new(self.clock.clone(), self.config.connect_timeout, self.config.timeout)
    }
}

/// Reads which backend was chosen; an error if the configuration names another one.
fn chosen(dir: &Dir, configured: Option<&Backend>, config: &Config) -> Result<Option<BackendChoice>, Error> {
    let choice = BackendChoice::load(dir)?;
    if let (Some(choice), Some(configured)) = (&choice, configured)
        && choice.backend != *configured
        && !has_moved(choice, configured)
    {
        let who = if config.backend_by_variable { KEY_FILE } else { "config.toml" };
        let message = format!(
            "{who} says {}, and the data directory was set up for {}",
            configured.shown(),
            choice.backend.shown()
        );
        return Err(Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::UseOneBackend));
    }
    Ok(choice)
}

/// Returns whether the configuration names another place of the key file, and the file that `store` names is gone.
fn has_moved(choice: &BackendChoice, configured: &Backend) -> bool {
    let (Some(old), Some(_)) = (choice.backend.key_file(), configured.key_file()) else { return false };
    is_gone(old)
}
