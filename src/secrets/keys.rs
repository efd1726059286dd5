//! The data key of one data directory, from any source, and what it opens.

use std::path::PathBuf;
use std::sync::Arc;

use super::key::{Found, KernelTier, WantedKey};
use super::{
    BackendChoice, DataDirLock, EstablishError, FleetState, ItemName, MissingKey, SealedFiles, SecretStore,
    SecretsError, UnlockOptions, Vouched, establish, keep_in_kernel,
};
use crate::seal::{DataKey, KeyId};
use crate::system::files::{Dir, Stamp};
use crate::system::secret::Secret;

/// Hands out the data key of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    dir: Arc<Dir>,
    choice: BackendChoice,
    options: UnlockOptions,
    creates: Creates,
    /// The key file in the present configuration: a home may have moved since `store` was written.
    moved_to: Option<PathBuf>,
    /// The state of the file `store` that the choice was read from.
    stamp: Option<Stamp>,
}

/// A key that was requested.
#[derive(Debug)]
pub(crate) enum UnlockedKey {
    /// The one that `store` names.
    Present(DataKey),
    /// A new one: the one that `store` named was gone, and old records are void.
    Replaced(DataKey),
}

impl UnlockedKey {
    /// Returns the key.
    pub(crate) fn into_key(self) -> DataKey {
        match self {
            UnlockedKey::Present(key) | UnlockedKey::Replaced(key) => key,
        }
    }
}

/// Whether a key that is absent may be made, which takes the lock of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Creates {
    /// It may.
    IfAbsent,
    /// It may not: this process holds the lock already.
    Never,
}

impl Keys {
    /// Makes the keys of a choice.
    pub(crate) fn new(dir: Arc<Dir>, choice: BackendChoice, options: UnlockOptions) -> Keys {
        let stamp = BackendChoice::stamp(&dir);
        Keys { dir, choice, options, creates: Creates::IfAbsent, moved_to: None, stamp }
    }

    /// Names the place of the key file that is tried if the one in `store` is missing. Only the key that `store` names
    /// is taken from there.
    pub(crate) fn with_moved_key(self, path: PathBuf) -> Keys {
        Keys { moved_to: Some(path), ..self }
    }

    /// Returns the same keys for a process that holds the lock of the data directory.
    pub(crate) fn under_lock(self) -> Keys {
        Keys { creates: Creates::Never, ..self }
    }

    /// Sets the state of the file `store` that the choice was read from, if it was looked at before the choice was
    /// read.
    pub(crate) fn with_stamp(self, stamp: Option<Stamp>) -> Keys {
        Keys { stamp, ..self }
    }

    /// Returns the keys as they are now, if the file `store` has changed; `None` if it has not, or cannot be read.
    pub(crate) fn reloaded(&self) -> Option<Keys> {
        let stamp = BackendChoice::stamp(&self.dir);
        if stamp == self.stamp {
            return None;
        }
        self.read_again()
    }

    /// Returns the keys as they are now, whether or not the stamp of the file `store` has changed; `None` if the file
    /// cannot be read.
    pub(crate) fn read_again(&self) -> Option<Keys> {
        let stamp = BackendChoice::stamp(&self.dir);
        let choice = BackendChoice::load(&self.dir).ok().flatten()?;
        Some(Keys { choice, stamp, ..self.clone() })
    }

    /// Returns the choice that the keys belong to.
    pub(crate) fn choice(&self) -> &BackendChoice {
        &self.choice
    }

    /// Returns what this host keeps of its fleet.
    pub(crate) fn fleet_state(&self) -> Result<FleetState, SecretsError> {
        FleetState::load(&self.dir)
    }

    /// Returns the clients that a user vouched for.
    pub(crate) fn vouched(&self) -> Result<Vouched, SecretsError> {
        Vouched::load(&self.dir)
    }

    /// Returns the key if it is at hand; `None` if it has to be requested.
    pub(crate) fn key_if_cached(&self) -> Result<Option<DataKey>, SecretsError> {
        match self.choice.backend.key_at_hand().at_hand(&self.wanted())? {
            Some(key) => Ok(Some(key)),
            None => Ok(self.choice.key_id.and_then(|id| self.tier(id)?.read(id))),
        }
    }

    /// Returns the key, requested if it is not at hand.
    pub(crate) fn key(&self) -> Result<DataKey, SecretsError> {
        match self.key_if_cached()? {
            Some(key) => Ok(key),
            None => self.unlock().map(UnlockedKey::into_key),
        }
    }

    /// Requests the key, and fills the kernel tier with it.
    pub(crate) fn unlock(&self) -> Result<UnlockedKey, SecretsError> {
        let source = self.choice.backend.key_source();
        if source.needs_unlock() && self.choice.key_id.is_none() {
            return self.initialize();
        }
        match source.unlock(&self.wanted())? {
            Found::Key(key) => Ok(UnlockedKey::Present(self.kept_in_kernel(key))),
            Found::Gone(refusal) => self.replace(refusal),
        }
    }

    /// Returns the store of secrets that the choice names.
    pub(crate) fn secrets(&self) -> Result<Arc<dyn SecretStore>, SecretsError> {
        // A rekey or a move may have come since the choice was read.
        if let Some(newer) = self.reloaded() {
            return newer.secrets();
        }
        self.choice.backend.store(&self.dir, self.options.timeout, || self.key())
    }

    /// Reads an item from the backend; again, if a rekey or a move came between.
    pub(crate) fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        let mut keys = self.clone();
        loop {
            match keys.secrets().and_then(|secrets| secrets.read(item)) {
                Ok(Some(secret)) => return Ok(Some(secret)),
                missed => match keys.reloaded() {
                    Some(newer) => keys = newer,
                    None => return missed,
                },
            }
        }
    }

    fn wanted(&self) -> WantedKey<'_> {
        self.choice.wanted_key(&self.options, self.moved_to.as_deref())
    }

    fn tier(&self, id: KeyId) -> Option<KernelTier> {
        if !self.choice.backend.needs_unlock() {
            return None;
        }
        Some(KernelTier::new(&self.choice.store_id, id, keep_in_kernel(self.options.keep)?))
    }

    fn kept_in_kernel(&self, key: DataKey) -> DataKey {
        self.tier(key.id()).iter().for_each(|tier| tier.fill(&key));
        key
    }

    /// Makes the choice that `config.toml` names, as `init` would have.
    fn initialize(&self) -> Result<UnlockedKey, SecretsError> {
        if self.creates == Creates::Never {
            return Err(SecretsError::NotChosen);
        }
        let made = establish(&self.dir, &self.choice.backend, MissingKey::Leave, &self.options);
        let (choice, key) = made.map_err(|error| match error {
            EstablishError::Secrets(error) => error,
            EstablishError::BackendChoice(error) => error.into(),
            EstablishError::Lock(error) => error.into(),
            EstablishError::Differs(other) => SecretsError::NoPlace(format!("it was set up for {}", other.shown())),
        })?;
        let keys = Keys { choice, ..self.clone() };
        match key {
            Some(key) => Ok(UnlockedKey::Present(keys.kept_in_kernel(key))),
            None => keys.unlock(),
        }
    }

    /// Makes or takes another key in place of one that is certainly gone: cached tokens are disposable. A stored secret
    /// is not, so a key that one was sealed with stays the only one.
    fn replace(&self, refusal: SecretsError) -> Result<UnlockedKey, SecretsError> {
        if self.creates == Creates::Never || self.seals_any_secret()? {
            return Err(refusal);
        }
        let lock = DataDirLock::take(&self.dir)?;
        let present = BackendChoice::load(&self.dir)?.ok_or(SecretsError::NotChosen)?;
        if present != self.choice {
            // Another process was faster. It made a new key and dropped the old records, or it moved all secrets to
            // another backend, whose key is elsewhere.
            let keys = Keys { choice: present, stamp: BackendChoice::stamp(&self.dir), ..self.clone() };
            drop(lock);
            return keys.unlock();
        }
        // Again: a command may have stored a secret while this process waited for the lock.
        if self.seals_any_secret()? {
            return Err(refusal);
        }
        let made = present.backend.key_source().create(&self.wanted(), MissingKey::Leave)?;
        let key = made.ok_or(SecretsError::KeepsNothing)?;
        BackendChoice { key_id: Some(key.id()), ..present }.save(&self.dir, &lock)?;
        Ok(UnlockedKey::Replaced(self.kept_in_kernel(key)))
    }

    fn seals_any_secret(&self) -> Result<bool, SecretsError> {
        Ok(self.choice.backend.seals_secrets() && SealedFiles::any(&self.dir)?)
    }
}

#[cfg(feature = "cli")]
mod closing;
#[cfg(test)]
mod tests;
