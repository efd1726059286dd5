//! Moving secrets to another place, or under another key, so that a kill leaves them whole.
//!
//! Copy and read back, replace the file `store` at one stroke (the commit), erase the old. Tokens
//! are not moved: they are cheap, and what the old key sealed is void.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Code, Error, chain};
use crate::place::Dir;
use crate::seal::DataKey;
use crate::secrets::{
    Backend, Choice, ItemName, KeySource, Keys, Membership, MissingKey, OsKeyring, SealedFiles, SecretStore, StoreLock,
    first_key,
};
use crate::store::RecordStore;

/// What is moved, and from where.
pub(crate) struct Relocation<'a> {
    pub(crate) dir: Arc<Dir>,
    pub(crate) lock: &'a StoreLock,
    pub(crate) old: &'a Keys,
    /// The stored secrets that profiles name, and what the fleet needs.
    pub(crate) items: Vec<ItemName>,
    /// What is derived from them, and is derived again.
    pub(crate) derived: Vec<ItemName>,
    pub(crate) records: &'a dyn RecordStore,
    pub(crate) timeout: Duration,
}

impl Relocation<'_> {
    /// Moves everything to `backend`, which may be the present one: then it gets another key.
    /// Returns what was left behind and does no harm.
    pub(crate) fn to(&self, backend: &Backend) -> Result<Vec<String>, Error> {
        let old = self.old.choice();
        if *backend == Backend::None && !self.items.is_empty() {
            return Err(Error::new(Code::Usage, "stored secrets cannot be kept nowhere; nothing was changed")
                .with_hint("remove the profiles, or have their secrets read at each fetch: --secret-at-fetch"));
        }
        let items = &self.items;
        if matches!(old.backend, Backend::File(KeySource::Passphrase(_))) {
            // A slip of the pen must not become the new passphrase.
            self.old.ask()?;
        }
        let from = if items.is_empty() { None } else { Some(self.old.secrets()?) };
        if let (Backend::File(_), false) = (&old.backend, items.is_empty()) {
            // What an earlier move left beside is the copy that counts: into its place, before another is put there.
            SealedFiles::new(self.dir.clone(), self.old.key()?).settle()?;
        }
        let mut choice = Choice::new(backend.clone())?;
        choice.store_id = old.store_id;
        let key = first_key(&choice, MissingKey::Create, self.timeout)?;
        choice.key_id = key.as_ref().map(DataKey::id);
        let stay = (&old.backend, backend) == (&Backend::Keyring, &Backend::Keyring);
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
        }
        choice.save(&self.dir, self.lock)?;
        Ok(self.clear_up(&choice, key, from.as_deref()))
    }

    /// Erases what the old choice needed. The new one counts already.
    fn clear_up(&self, choice: &Choice, key: Option<DataKey>, from: Option<&dyn SecretStore>) -> Vec<String> {
        let mut left = Vec::new();
        let old = self.old.choice();
        if let (Backend::File(_), Some(key)) = (&choice.backend, key)
            && let Err(error) = SealedFiles::new(self.dir.clone(), key).settle()
        {
            left.push(chain(&error));
        }
        if old.backend.name() != choice.backend.name()
            && let Some(from) = from
        {
            left.extend(self.items.iter().filter_map(|item| from.remove(item).err()).map(|error| chain(&error)));
        }
        left.extend(self.erase_derived());
        if let (Backend::Keyring, Some(id)) = (&old.backend, old.key_id)
            && let Err(error) = OsKeyring::new(self.timeout).remove(&ItemName::data_key(&old.store_id, id))
        {
            left.push(chain(&error));
        }
        self.old.lock();
        if let Err(error) = crate::store::clear(self.records) {
            left.push(chain(&error));
        }
        left
    }

    /// Erases what was derived for the fleet from the old place; it is derived again in the new one.
    fn erase_derived(&self) -> Vec<String> {
        let erased = match self.old.choice().backend {
            Backend::Keyring => {
                let keyring = OsKeyring::new(self.timeout);
                self.derived.iter().filter_map(|item| keyring.remove(item).err()).collect::<Vec<_>>()
            }
            Backend::File(_) => SealedFiles::remove_items(&self.dir, &self.derived).err().into_iter().collect(),
            Backend::None => Vec::new(),
        };
        erased.iter().map(|error| chain(error)).collect()
    }

    /// Destroys the key and with it everything that it sealed, here and in every copy.
    pub(crate) fn destroy(&self) -> Vec<String> {
        let mut left = Vec::new();
        let old = self.old.choice();
        match &old.backend {
            Backend::Keyring => {
                let keyring = OsKeyring::new(self.timeout);
                let key = old.key_id.map(|id| ItemName::data_key(&old.store_id, id));
                let items = key.iter().chain(&self.items).chain(&self.derived);
                left.extend(items.filter_map(|item| keyring.remove(item).err()).map(|error| chain(&error)));
            }
            Backend::File(_) => {
                // The salt is half of the key: without it a copy of the key file opens nothing.
                if let Err(error) = SealedFiles::erase_all(&self.dir) {
                    left.push(chain(&error));
                }
            }
            Backend::None => {}
        }
        self.old.lock();
        if let Err(error) = crate::store::clear(self.records) {
            left.push(chain(&error));
        }
        if let Err(error) = Membership::erase(&self.dir, self.lock) {
            left.push(chain(&error));
        }
        if let Err(error) = Choice::erase(&self.dir, self.lock) {
            left.push(chain(&error));
        }
        left
    }
}
