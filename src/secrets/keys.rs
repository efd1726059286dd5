//! The data key of one data directory, from any source.
//!
//! Two ways. *Fast*: a key file, a systemd credential, the kernel tier: microseconds, at any time. *Asked*: the OS
//! keyring or a passphrase: milliseconds to minutes, inside the turn, once for a whole herd, because the answer fills
//! the tier.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::key_file::as_role;
use super::passphrase::{Typed, passphrase, stretched};
use super::tier::{KernelTier, keep_by_default};
use super::{
    Backend, BackendChoice, ChoiceError, DataDirLock, FleetState, ItemName, KeyFileRole, KeySource, OsKeyring, Retired,
    SealedFiles, SecretStore, SecretsError, Vouched, create_key_file, read_key_file,
};
use crate::seal::{DataKey, KeyId, SealError};
use crate::system::files::{Dir, Stamp};
use crate::system::secret::Secret;

/// Hands out the data key of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    dir: Arc<Dir>,
    choice: BackendChoice,
    /// As written in the configuration; `None` if it is not set there.
    keep: Option<Option<Duration>>,
    timeout: Duration,
    creates: Creates,
    /// The key file in the present configuration: a home may have moved since `store` was written.
    moved_to: Option<PathBuf>,
    /// The state of the file `store` that the choice was read from.
    stamp: Option<Stamp>,
}

/// A key that was requested.
#[derive(Debug)]
pub(crate) struct AskedKey {
    pub(crate) key: DataKey,
    /// Whether the key that `store` named was gone, and this is a new one: old records are void.
    pub(crate) replaced: bool,
}

/// Whether a key file that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingKey {
    /// Make it: the user requested it.
    Create,
    /// Leave it: it is brought from outside.
    Leave,
}

/// Whether a key that is absent may be made, which takes the lock of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creates {
    /// It may.
    IfAbsent,
    /// It may not: this process holds the lock already.
    Never,
}

impl Keys {
    /// Makes the keys of a choice. `keep` is how long the kernel tier keeps a requested key, if the configuration sets
    /// it; `timeout` bounds each call of the keyring.
    pub(crate) fn new(dir: Arc<Dir>, choice: BackendChoice, keep: Option<Option<Duration>>, timeout: Duration) -> Keys {
        let stamp = BackendChoice::stamp(&dir);
        Keys { dir, choice, keep, timeout, creates: Creates::IfAbsent, moved_to: None, stamp }
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
        match &self.choice.backend {
            Backend::None => Err(SecretsError::KeepsNothing),
            Backend::File(KeySource::KeyFile(path)) => self.read_from_file(path.clone()).map(Some),
            Backend::File(KeySource::Credential(name)) => self.read_from_file(credential_path(name)?).map(Some),
            Backend::Keyring | Backend::File(KeySource::Passphrase(_)) => {
                Ok(self.choice.key_id.and_then(|id| self.tier(id)?.read(id)))
            }
        }
    }

    /// Returns the key, requested if it is not at hand.
    pub(crate) fn key(&self) -> Result<DataKey, SecretsError> {
        match self.key_if_cached()? {
            Some(key) => Ok(key),
            None => Ok(self.unlock()?.key),
        }
    }

    /// Requests the key, and fills the kernel tier with it.
    pub(crate) fn unlock(&self) -> Result<AskedKey, SecretsError> {
        let asked_for = matches!(self.choice.backend, Backend::Keyring | Backend::File(KeySource::Passphrase(_)));
        if asked_for && self.choice.key_id.is_none() {
            return self.initialize();
        }
        let asked = match &self.choice.backend {
            Backend::Keyring => self.read_from_keyring()?,
            Backend::File(KeySource::Passphrase(_)) => {
                let key = derived(&self.choice, Typed::Known)?;
                match self.choice.key_id {
                    Some(id) if id != key.id() => return Err(SecretsError::PassphraseWrong),
                    _ => AskedKey { key, replaced: false },
                }
            }
            Backend::File(_) => {
                return match self.key_if_cached() {
                    Ok(key) => key.map(|key| AskedKey { key, replaced: false }).ok_or(SecretsError::KeepsNothing),
                    Err(SecretsError::KeyFileWrong { path }) => self.rotated(path),
                    Err(error) => Err(error),
                };
            }
            Backend::None => {
                return self
                    .key_if_cached()?
                    .map(|key| AskedKey { key, replaced: false })
                    .ok_or(SecretsError::KeepsNothing);
            }
        };
        if let Some(tier) = self.tier(asked.key.id()) {
            tier.fill(&asked.key);
        }
        Ok(asked)
    }

    /// Empties the kernel tier; `true` if a key was there.
    pub(crate) fn lock(&self) -> bool {
        let tier = self.choice.key_id.map(|id| KernelTier::new(&self.choice, id, Duration::ZERO));
        tier.is_some_and(|tier| tier.empty())
    }

    /// Returns how long the kernel still keeps the key, for people; `None` if it holds none.
    pub(crate) fn tier_remaining(&self) -> Option<String> {
        let id = self.choice.key_id?;
        let tier = self.tier(id)?;
        tier.read(id).map(|_| tier.remaining().unwrap_or_else(|| "an unknown time".to_owned()))
    }

    /// Returns the store of secrets that the choice names.
    pub(crate) fn secrets(&self) -> Result<Arc<dyn SecretStore>, SecretsError> {
        // A rekey or a move may have come since the choice was read.
        if let Some(newer) = self.reloaded() {
            return newer.secrets();
        }
        match &self.choice.backend {
            Backend::None => Err(SecretsError::KeepsNothing),
            Backend::Keyring => Ok(Arc::new(OsKeyring::new(self.timeout))),
            Backend::File(_) => Ok(Arc::new(SealedFiles::new(self.dir.clone(), self.key()?))),
        }
    }

    fn tier(&self, id: KeyId) -> Option<KernelTier> {
        let asked_for = matches!(self.choice.backend, Backend::Keyring | Backend::File(KeySource::Passphrase(_)));
        if !asked_for {
            return None;
        }
        // Looked up only here: it takes a dozen system calls to recognize a container.
        let keep = self.keep.unwrap_or_else(keep_by_default)?;
        Some(KernelTier::new(&self.choice, id, keep))
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

    /// Erases a retired item from the backend. Sealed files go without their key.
    pub(crate) fn remove(&self, retired: &Retired) -> Result<bool, SecretsError> {
        match &self.choice.backend {
            Backend::None => Ok(false),
            Backend::Keyring => OsKeyring::new(self.timeout).remove(retired),
            Backend::File(_) => SealedFiles::remove_named(&self.dir, retired),
        }
    }

    /// Makes the choice that `config.toml` names, as `init` would have.
    fn initialize(&self) -> Result<AskedKey, SecretsError> {
        if self.creates == Creates::Never {
            return Err(SecretsError::NotChosen);
        }
        let made = establish(&self.dir, &self.choice.backend, MissingKey::Leave, self.timeout);
        let (choice, key) = made.map_err(|error| match error {
            EstablishError::Secrets(error) => error,
            EstablishError::BackendChoice(error) => failed(error),
            EstablishError::Differs(other) => SecretsError::NoPlace(format!("it was set up for {}", other.shown())),
        })?;
        let keys = Keys { choice, ..self.clone() };
        match key {
            Some(key) => {
                keys.tier(key.id()).iter().for_each(|tier| tier.fill(&key));
                Ok(AskedKey { key, replaced: false })
            }
            None => keys.unlock(),
        }
    }

    fn read_from_file(&self, path: PathBuf) -> Result<DataKey, SecretsError> {
        let role = match (self.choice.key_id, &self.choice.backend) {
            (Some(_), _) => KeyFileRole::InUse,
            (None, Backend::File(KeySource::Credential(_))) => KeyFileRole::HandedIn,
            (None, _) => KeyFileRole::New,
        };
        let Some(bytes) = read_key_file(&path).map_err(as_role(role))? else {
            return self.moved_key()?.ok_or(SecretsError::KeyFileMissing { path });
        };
        let key = DataKey::derived(&bytes, &self.choice.store_id, &self.choice.rekey_salt);
        match self.choice.key_id {
            Some(id) if id != key.id() => Err(SecretsError::KeyFileWrong { path }),
            _ => Ok(key),
        }
    }

    /// Reads the key file of the present configuration; `None` if that is not the key that `store` names.
    fn moved_key(&self) -> Result<Option<DataKey>, SecretsError> {
        match &self.moved_to {
            Some(path) => key_in(path, &self.choice),
            None => Ok(None),
        }
    }

    /// Takes the key that is now in the place of the first one, as after the rotation of a Secret in a cluster: cached
    /// tokens are disposable. A stored secret is not, so a key that one was sealed with stays the only one.
    fn rotated(&self, path: PathBuf) -> Result<AskedKey, SecretsError> {
        let wrong = || SecretsError::KeyFileWrong { path: path.clone() };
        if self.creates == Creates::Never || SealedFiles::any(&self.dir)? {
            return Err(wrong());
        }
        let lock = DataDirLock::take(&self.dir).map_err(failed)?;
        let present = BackendChoice::load(&self.dir).map_err(failed)?.ok_or(SecretsError::NotChosen)?;
        if present != self.choice {
            // Another process was faster, or a command moved the secrets meanwhile.
            let keys = Keys { choice: present, stamp: BackendChoice::stamp(&self.dir), ..self.clone() };
            drop(lock);
            return keys
                .key_if_cached()?
                .map(|key| AskedKey { key, replaced: false })
                .ok_or(SecretsError::KeepsNothing);
        }
        // Again: a command may have stored a secret while this process waited for the lock.
        if SealedFiles::any(&self.dir)? {
            return Err(wrong());
        }
        let bytes = read_key_file(&path).map_err(as_role(KeyFileRole::InUse))?.ok_or_else(wrong)?;
        let key = DataKey::derived(&bytes, &present.store_id, &present.rekey_salt);
        BackendChoice { key_id: Some(key.id()), ..present }.save(&self.dir, &lock).map_err(failed)?;
        Ok(AskedKey { key, replaced: true })
    }

    fn read_from_keyring(&self) -> Result<AskedKey, SecretsError> {
        let keyring = OsKeyring::new(self.timeout);
        let id = self.choice.key_id.ok_or(SecretsError::Unreadable)?;
        let item = ItemName::data_key(&self.choice.store_id, id);
        match keyring.read(&item)? {
            Some(secret) => {
                let root: [u8; 32] = secret.expose().try_into().map_err(|_| SecretsError::Unreadable)?;
                let key = DataKey::new(Zeroizing::new(root));
                // Another key under this name is never overwritten: its owner is unknown.
                if key.id() == id { Ok(AskedKey { key, replaced: false }) } else { Err(SecretsError::Unreadable) }
            }
            // Absent from an unlocked collection: a new key. What the old one sealed is void.
            None if self.creates == Creates::Never => Err(SecretsError::KeyGone),
            None => {
                let lock = DataDirLock::take(&self.dir).map_err(failed)?;
                let present = BackendChoice::load(&self.dir).map_err(failed)?.ok_or(SecretsError::NotChosen)?;
                if present.key_id != Some(id) {
                    // Another process was faster. It made a new key and dropped the old records, or it moved all
                    // secrets to another backend, whose key is not in the keyring.
                    let keys = Keys { choice: present, stamp: BackendChoice::stamp(&self.dir), ..self.clone() };
                    drop(lock);
                    return keys.unlock();
                }
                let key = DataKey::random()?;
                keyring.write(&ItemName::data_key(&present.store_id, key.id()), &Secret::new(*key.expose_root()))?;
                BackendChoice { key_id: Some(key.id()), ..present }.save(&self.dir, &lock).map_err(failed)?;
                Ok(AskedKey { key, replaced: true })
            }
        }
    }
}

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EstablishError {
    /// Another choice was made before; it stays.
    #[error("secrets are kept elsewhere already")]
    Differs(Box<Backend>),
    /// The file `store` cannot be used.
    #[error(transparent)]
    BackendChoice(#[from] ChoiceError),
    /// The key cannot be obtained.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Records the choice of `backend`, or finds that it was made before, and returns it, with its key if that is a new
/// one. However many processes call it at once, one key is made, and only if there is certainly none.
pub(crate) fn establish(
    dir: &Dir,
    backend: &Backend,
    missing: MissingKey,
    timeout: Duration,
) -> Result<(BackendChoice, Option<DataKey>), EstablishError> {
    let lock = DataDirLock::take(dir)?;
    let mut choice = match BackendChoice::load(dir)? {
        Some(choice) if same(&choice.backend, backend) => choice,
        Some(choice) => match adopted(&choice, backend)? {
            Some(choice) => {
                choice.save(dir, &lock)?;
                choice
            }
            None => return Err(EstablishError::Differs(Box::new(choice.backend))),
        },
        None => BackendChoice::new(backend.clone())?,
    };
    if choice.key_id.is_some() {
        return Ok((choice, None));
    }
    let key = first_key(&choice, missing, timeout)?;
    choice.key_id = key.as_ref().map(DataKey::id);
    choice.save(dir, &lock)?;
    Ok((choice, key))
}

/// Returns a choice with another key file, if that holds the very key that everything is sealed with: it was moved.
fn adopted(choice: &BackendChoice, backend: &Backend) -> Result<Option<BackendChoice>, SecretsError> {
    let (Backend::File(KeySource::KeyFile(_)), Backend::File(KeySource::KeyFile(path))) = (&choice.backend, backend)
    else {
        return Ok(None);
    };
    Ok(key_in(path, choice)?.map(|_| BackendChoice { backend: backend.clone(), ..choice.clone() }))
}

/// Reads the data key from a key file; `None` if the file is missing or makes another key than the one that `store`
/// names.
fn key_in(path: &Path, choice: &BackendChoice) -> Result<Option<DataKey>, SecretsError> {
    let Some(id) = choice.key_id else { return Ok(None) };
    let bytes = read_key_file(path).map_err(as_role(KeyFileRole::InUse))?;
    let key = bytes.map(|bytes| DataKey::derived(&bytes, &choice.store_id, &choice.rekey_salt));
    Ok(key.filter(|key| key.id() == id))
}

/// Returns whether two choices are the same; what a passphrase costs was decided by the first.
fn same(a: &Backend, b: &Backend) -> bool {
    let passphrase = |backend: &Backend| matches!(backend, Backend::File(KeySource::Passphrase(_)));
    a == b || (passphrase(a) && passphrase(b))
}

/// Makes the first data key of a choice, or finds the one that is brought; `None` if nothing is kept.
pub(crate) fn first_key(
    choice: &BackendChoice,
    missing: MissingKey,
    timeout: Duration,
) -> Result<Option<DataKey>, SecretsError> {
    let from_file = |path: PathBuf, bytes: Option<Secret>| {
        let bytes = bytes.ok_or(SecretsError::KeyFileMissing { path })?;
        Ok(Some(DataKey::derived(&bytes, &choice.store_id, &choice.rekey_salt)))
    };
    match &choice.backend {
        Backend::None => Ok(None),
        Backend::File(KeySource::KeyFile(path)) => {
            let bytes = match read_key_file(path)? {
                None if missing == MissingKey::Create => Some(create_key_file(path)?),
                bytes => bytes,
            };
            from_file(path.clone(), bytes)
        }
        Backend::File(KeySource::Credential(name)) => {
            let path = credential_path(name)?;
            let bytes = read_key_file(&path).map_err(as_role(KeyFileRole::HandedIn))?;
            from_file(path, bytes)
        }
        Backend::File(KeySource::Passphrase(_)) => derived(choice, Typed::New).map(Some),
        Backend::Keyring => {
            let key = DataKey::random()?;
            let item = ItemName::data_key(&choice.store_id, key.id());
            OsKeyring::new(timeout).write(&item, &Secret::new(*key.expose_root()))?;
            Ok(Some(key))
        }
    }
}

fn derived(choice: &BackendChoice, typed: Typed) -> Result<DataKey, SecretsError> {
    let Backend::File(KeySource::Passphrase(cost)) = &choice.backend else { return Err(SecretsError::KeepsNothing) };
    if !cost.is_within_limits() {
        return Err(SecretsError::UnbearableCost);
    }
    let mut salt = [0; 32];
    salt[..16].copy_from_slice(&choice.store_id);
    salt[16..].copy_from_slice(&choice.rekey_salt);
    let stretched = stretched(&passphrase(typed)?, &salt, *cost)?;
    Ok(DataKey::derived(&stretched, &choice.store_id, &choice.rekey_salt))
}

/// Returns the path of the systemd credential of this name.
fn credential_path(name: &str) -> Result<PathBuf, SecretsError> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|path| path.is_absolute());
    Ok(directory.ok_or_else(|| SecretsError::NoCredential(name.to_owned()))?.join(name))
}

pub(super) fn failed(error: ChoiceError) -> SecretsError {
    match error {
        ChoiceError::Place(error) => SecretsError::Place(error),
        ChoiceError::Randomness => SecretsError::Seal(SealError::Randomness),
        other => SecretsError::NoPlace(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
