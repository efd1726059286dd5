//! Moving secrets to another place, or under another key, so that a kill leaves them whole.
//!
//! Copy and read back, replace the file `store` at one stroke (the commit), erase the old. Tokens
//! are not moved: they are cheap, and what the old key sealed is void.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::store::RecordStore;
use crate::error::{Code, Error, Remedy, chain};
use crate::seal::DataKey;
use crate::secrets::{
    Backend, BackendChoice, Configurations, DataDirLock, FleetState, ItemName, KeySource, Keys, MissingKey, OsKeyring,
    Retired, SealedFiles, SecretStore, SecretsError, Vouched, first_key,
};
use crate::system::files::Dir;
use crate::system::secret::Secret;

/// What was left behind after a commit. Nothing is lost: a copy stays that should have gone.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Secrets, or files of them, that are still there.
    pub(crate) secrets: Vec<String>,
    /// Records that no key opens any more.
    pub(crate) records: Vec<String>,
}

/// What is moved, and its source.
pub(crate) struct Relocation<'a> {
    pub(crate) dir: Arc<Dir>,
    pub(crate) lock: &'a DataDirLock,
    pub(crate) old: &'a Keys,
    /// The stored secrets that profiles name or that were put aside, and what the fleet needs.
    pub(crate) items: Vec<ItemName>,
    /// What is derived from them, and is derived again.
    pub(crate) derived: Vec<ItemName>,
    pub(crate) records: &'a dyn RecordStore,
    pub(crate) timeout: Duration,
}

impl Relocation<'_> {
    /// Moves everything to `backend`, which may be the present one: then it gets another key.
    /// Returns what was left behind.
    pub(crate) fn to(&self, backend: &Backend) -> Result<Leftovers, Error> {
        let old = self.old.choice();
        if *backend == Backend::None && !self.items.is_empty() {
            return Err(Error::new(Code::Usage, "stored secrets cannot be kept nowhere; nothing was changed")
                .with_remedy(Remedy::RemoveProfilesOrRefer));
        }
        let items = &self.items;
        if matches!(old.backend, Backend::File(KeySource::Passphrase(_))) {
            // A slip of the pen must not become the new passphrase.
            self.old.unlock()?;
        }
        let from = if items.is_empty() { None } else { Some(self.old.secrets()?) };
        if let (Backend::File(_), false) = (&old.backend, items.is_empty()) {
            // What an earlier move left beside is the copy in effect: into its place, before another is put there.
            SealedFiles::new(self.dir.clone(), self.old.key()?).commit_staged()?;
        }
        let mut choice = BackendChoice::new(backend.clone())?;
        choice.store_id = old.store_id;
        let key = first_key(&choice, MissingKey::Create, self.timeout)?;
        choice.key_id = key.as_ref().map(DataKey::id);
        let stay = (&old.backend, backend) == (&Backend::Keyring, &Backend::Keyring);
        let mut moved = Vec::new();
        for item in items.iter().filter(|_| !stay) {
            let secret = match &from {
                Some(from) => from.read(item)?,
                None => None,
            };
            let Some(secret) = secret else { continue };
            match (backend, &key) {
                (Backend::Keyring, _) => {
                    let keyring = OsKeyring::new(self.timeout);
                    // A move that was killed may have left it there; anything else there is not overwritten.
                    if keyring.read(item)?.as_ref() != Some(&secret) {
                        keyring.write(item, &secret)?;
                    }
                }
                (Backend::File(_), Some(key)) => {
                    SealedFiles::new(self.dir.clone(), key.clone()).write_beside(item, &secret)?;
                }
                (Backend::File(_) | Backend::None, _) => {}
            }
            moved.push((item.clone(), secret));
        }
        choice.save(&self.dir, self.lock)?;
        Ok(self.clear_up(&choice, key, &moved))
    }

    /// Erases what the old choice needed; the new one is in effect. The first failure with a secret ends that part, and
    /// every copy stays.
    fn clear_up(&self, choice: &BackendChoice, key: Option<DataKey>, moved: &[(ItemName, Secret)]) -> Leftovers {
        let mut left = Leftovers::default();
        if let Err(error) = self.retire(choice, key, moved) {
            left.secrets.push(chain(&error));
        }
        self.old.lock();
        if let Err(error) = crate::cache::store::clear(self.records) {
            left.records.push(chain(&error));
        }
        left
    }

    /// Removes the old copy of each item whose new copy is read back, then the old data key.
    fn retire(
        &self,
        choice: &BackendChoice,
        key: Option<DataKey>,
        moved: &[(ItemName, Secret)],
    ) -> Result<(), SecretsError> {
        let old = self.old.choice();
        let to: Option<Box<dyn SecretStore>> = match (&choice.backend, key) {
            (Backend::File(_), Some(key)) => {
                let files = SealedFiles::new(self.dir.clone(), key);
                files.commit_staged()?;
                files.clear_aside()?;
                Some(Box::new(files))
            }
            (Backend::Keyring, _) => Some(Box::new(OsKeyring::new(self.timeout))),
            (Backend::File(_) | Backend::None, _) => None,
        };
        if old.backend.name() != choice.backend.name()
            && let Some(to) = to
        {
            for (item, secret) in moved {
                self.old.remove(&Retired::copied(item, secret, &*to)?)?;
            }
        }
        for item in &self.derived {
            self.old.remove(&Retired::by_name(item.clone()))?;
        }
        if let (Backend::Keyring, Some(id)) = (&old.backend, old.key_id) {
            let data_key = ItemName::data_key(&old.store_id, id);
            OsKeyring::new(self.timeout).remove(&Retired::by_name(data_key))?;
        }
        Ok(())
    }

    /// Destroys the key and with it everything that it sealed, here and in every copy.
    pub(crate) fn destroy(&self) -> Leftovers {
        let mut left = Leftovers::default();
        let old = self.old.choice();
        match &old.backend {
            Backend::Keyring => {
                let keyring = OsKeyring::new(self.timeout);
                let key = old.key_id.map(|id| ItemName::data_key(&old.store_id, id));
                let items = key.iter().chain(&self.items).chain(&self.derived).cloned().map(Retired::by_name);
                left.secrets.extend(items.filter_map(|item| keyring.remove(&item).err()).map(|error| chain(&error)));
            }
            Backend::File(_) => {
                // The salt is half of the key: without it a copy of the key file opens nothing.
                if let Err(error) = SealedFiles::erase_all(&self.dir) {
                    left.secrets.push(chain(&error));
                }
            }
            Backend::None => {}
        }
        self.old.lock();
        if let Err(error) = crate::cache::store::clear(self.records) {
            left.records.push(chain(&error));
        }
        if let Err(error) = FleetState::erase(&self.dir, self.lock) {
            left.secrets.push(chain(&error));
        }
        if let Err(error) = Vouched::erase(&self.dir, self.lock) {
            left.secrets.push(chain(&error));
        }
        if let Err(error) = Configurations::erase(&self.dir, self.lock) {
            left.secrets.push(chain(&error));
        }
        if let Err(error) = BackendChoice::erase(&self.dir, self.lock) {
            left.secrets.push(chain(&error));
        }
        left
    }
}

/// Removes copies that an interrupted move left in another backend than the chosen one; returns how many. A copy goes
/// only if the same secret is read from the chosen backend. Another backend that does not answer holds nothing to do.
pub(crate) fn finish(dir: &Arc<Dir>, keys: &Keys, items: &[ItemName], timeout: Duration) -> Result<usize, Error> {
    let chosen = keys.secrets()?;
    let mut removed = 0;
    for item in items {
        let Some(secret) = chosen.read(item)? else { continue };
        let retired = Retired::copied(item, &secret, &*chosen)?;
        match &keys.choice().backend {
            Backend::Keyring => removed += usize::from(SealedFiles::remove_named(dir, &retired)?),
            Backend::File(_) => match OsKeyring::new(timeout).remove(&retired) {
                Ok(there) => removed += usize::from(there),
                Err(error) => {
                    tracing::debug!("no copy is looked for in the keyring: {}", chain(&error));
                    return Ok(removed);
                }
            },
            Backend::None => return Ok(removed),
        }
    }
    Ok(removed)
}
