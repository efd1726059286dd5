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
    Backend, BackendChoice, Configurations, CopyElsewhere, DataDirLock, FleetState, ItemName, Keys, MissingKey,
    Retired, SecretStore, SecretsError, UnlockOptions, Vouched, first_key,
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
    pub(crate) options: UnlockOptions,
}

impl Relocation<'_> {
    /// Moves everything to `backend`, which may be the present one: then it gets another key.
    /// Returns what was left behind.
    pub(crate) fn to(&self, backend: &Backend) -> Result<Leftovers, Error> {
        let old = self.old.choice();
        if backend.keeps_nothing() && !self.items.is_empty() {
            return Err(Error::new(Code::Usage, "stored secrets cannot be kept nowhere; nothing was changed")
                .with_remedy(Remedy::RemoveProfilesOrRefer));
        }
        let items = &self.items;
        if old.backend.has_passphrase() {
            // A slip of the pen must not become the new passphrase.
            self.old.unlock()?;
        }
        let from = if items.is_empty() { None } else { Some(self.old.secrets()?) };
        if let Some(from) = &from {
            // What an earlier move left beside is the copy in effect: into its place, before another is put there.
            from.commit_staged()?;
        }
        let mut choice = BackendChoice::new(backend.clone())?;
        choice.store_id = old.store_id;
        let key = first_key(&choice, MissingKey::Create, &self.options)?;
        choice.key_id = key.as_ref().map(DataKey::id);
        let to = self.store(&choice, key)?;
        let mut moved = Vec::new();
        if let (Some(from), Some(to), true) = (&from, &to, backend.takes_items_of(&old.backend)) {
            for item in items {
                let Some(secret) = from.read(item)? else { continue };
                to.stage(item, &secret)?;
                moved.push((item.clone(), secret));
            }
        }
        choice.save(&self.dir, self.lock)?;
        Ok(self.clear_up(&choice, to.as_deref(), &moved))
    }

    /// Erases what the old choice needed; the new one is in effect. The first failure with a secret ends that part, and
    /// every copy stays.
    fn clear_up(
        &self,
        choice: &BackendChoice,
        to: Option<&dyn SecretStore>,
        moved: &[(ItemName, Secret)],
    ) -> Leftovers {
        let mut left = Leftovers::default();
        if let Err(error) = self.retire(choice, to, moved) {
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
        to: Option<&dyn SecretStore>,
        moved: &[(ItemName, Secret)],
    ) -> Result<(), SecretsError> {
        let old = self.old.choice();
        if let Some(to) = to {
            to.commit_staged()?;
            to.clear_aside()?;
            // Items that only got another key lie in their places already.
            let is_elsewhere = old.backend.name() != choice.backend.name();
            for (item, secret) in moved.iter().filter(|_| is_elsewhere) {
                self.old.remove(&Retired::copied(item, secret, to)?)?;
            }
        }
        for item in &self.derived {
            self.old.remove(&Retired::by_name(item.clone()))?;
        }
        self.old.erase_key()
    }

    /// Returns the store of a choice; `None` if it keeps nothing.
    fn store(
        &self,
        choice: &BackendChoice,
        key: Option<DataKey>,
    ) -> Result<Option<Arc<dyn SecretStore>>, SecretsError> {
        if choice.backend.keeps_nothing() {
            return Ok(None);
        }
        let key = || key.ok_or(SecretsError::KeepsNothing);
        choice.backend.store(&self.dir, self.options.timeout, key).map(Some)
    }

    /// Destroys the key and with it everything that it sealed, here and in every copy.
    pub(crate) fn destroy(&self) -> Leftovers {
        let mut left = Leftovers::default();
        let items = self.items.iter().chain(&self.derived).cloned().map(Retired::by_name);
        let key = self.old.erase_key().err();
        let kept = self.old.choice().backend.erase_all(&self.dir, self.options.timeout, items);
        left.secrets.extend(key.into_iter().chain(kept).map(|error| chain(&error)));
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
        match keys.choice().backend.remove_copy_elsewhere(dir, timeout, &retired)? {
            CopyElsewhere::Removed => removed += 1,
            CopyElsewhere::Absent => {}
            CopyElsewhere::Unknown(error) => {
                tracing::debug!("no copy is looked for in the keyring: {}", chain(&error));
                return Ok(removed);
            }
        }
    }
    Ok(removed)
}
