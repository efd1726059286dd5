//! Secrets in sealed files: `secrets/HEX` in the data directory.

use std::sync::Arc;

use super::{ItemName, SecretStore, SecretsError};
use crate::place::{Dir, Durable, Missing};
use crate::seal::{self, DataKey, Kind, LARGEST_RECORD, Plain};
use crate::secret::Secret;
use crate::token::RecordName;

/// Keeps items in files of ours, sealed with a sub-key of the data key.
#[derive(Debug)]
pub(crate) struct SealedFiles {
    data_dir: Arc<Dir>,
    key: DataKey,
}

impl SealedFiles {
    /// Makes a store below a data directory.
    pub(crate) fn new(data_dir: Arc<Dir>, key: DataKey) -> SealedFiles {
        SealedFiles { data_dir, key }
    }

    /// Removes what a kill left half-written. Called under the store lock.
    pub(crate) fn sweep(data_dir: &Dir) -> Result<(), SecretsError> {
        if let Some(secrets) = data_dir.dir("secrets", Missing::Leave)? {
            for name in secrets.names()?.iter().filter(|name| name.ends_with(".tmp")) {
                secrets.remove(name)?;
            }
        }
        Ok(())
    }

    /// Lists the files that are neither one of `named` nor about to be.
    pub(crate) fn strangers(
        data_dir: &Dir,
        named: impl Iterator<Item = ItemName>,
    ) -> Result<Vec<String>, SecretsError> {
        let Some(secrets) = data_dir.dir("secrets", Missing::Leave)? else { return Ok(Vec::new()) };
        let named: std::collections::HashSet<String> =
            named.map(|item| RecordName::of(item.as_str().as_bytes()).to_hex()).collect();
        let is_named = |file: &String| named.contains(file.strip_suffix(BESIDE).unwrap_or(file));
        Ok(secrets.names()?.into_iter().filter(|file| !is_named(file)).collect())
    }

    /// Removes files that `strangers` listed; returns how many. Called under the store lock.
    pub(crate) fn remove_strangers(data_dir: &Dir, files: &[String]) -> Result<usize, SecretsError> {
        let Some(secrets) = data_dir.dir("secrets", Missing::Leave)? else { return Ok(0) };
        let mut removed = 0;
        for file in files {
            removed += usize::from(secrets.remove(file)?);
        }
        Ok(removed)
    }

    /// Tells whether a file holds what is derived for a fleet, which is derived again whatever becomes of it.
    pub(crate) fn holds_derived(&self, file: &str) -> bool {
        let Some(name) = RecordName::from_hex(file) else { return false };
        let Ok(Some(secrets)) = self.data_dir.dir("secrets", Missing::Leave) else { return false };
        let Ok(Some(record)) = secrets.read(file, LARGEST_RECORD) else { return false };
        let plain = seal::open(&self.key, Kind::SecretItem, name, &record);
        plain.is_ok_and(|plain| plain.identity.starts_with(ItemName::DERIVED.as_bytes()))
    }

    /// Removes items whatever key sealed them. Called under the store lock.
    pub(crate) fn remove_items(data_dir: &Dir, items: &[ItemName]) -> Result<(), SecretsError> {
        if let Some(secrets) = data_dir.dir("secrets", Missing::Leave)? {
            for item in items {
                secrets.remove(&RecordName::of(item.as_str().as_bytes()).to_hex())?;
            }
        }
        Ok(())
    }

    /// Erases every item. Called under the store lock.
    pub(crate) fn erase_all(data_dir: &Dir) -> Result<(), SecretsError> {
        if let Some(secrets) = data_dir.dir("secrets", Missing::Leave)? {
            for name in secrets.names()? {
                secrets.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Writes an item beside the present one, which another key sealed, and reads it back. It counts
    /// once the file `store` names this store's key.
    pub(crate) fn write_beside(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        let name = RecordName::of(item.as_str().as_bytes());
        self.put(&beside(name), item, secret)?;
        match self.open(&beside(name), name)? {
            Some(read) if read == *secret => Ok(()),
            _ => Err(SecretsError::WriteUnverified),
        }
    }

    /// Puts what was written beside into place, and removes what another key sealed. Called under the
    /// store lock; a kill in between is made up for by the next call.
    pub(crate) fn settle(&self) -> Result<(), SecretsError> {
        let Some(secrets) = self.data_dir.dir("secrets", Missing::Leave)? else { return Ok(()) };
        for file in secrets.names()? {
            let Some(name) = file.strip_suffix(BESIDE).and_then(RecordName::from_hex) else { continue };
            match self.open(&file, name) {
                Ok(Some(_)) => secrets.rename(&file, &name.to_hex())?,
                // Of a key that never came to count.
                _ => drop(secrets.remove(&file)?),
            }
        }
        Ok(())
    }

    fn put(&self, file: &str, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        let identity = item.as_str().as_bytes().to_vec();
        let plain = Plain { identity, body: secret.expose().to_vec().into() };
        let record = seal::seal(&self.key, Kind::SecretItem, &plain)?;
        let made = self.data_dir.dir("secrets", Missing::Create)?;
        let secrets = made.ok_or(SecretsError::WriteUnverified)?;
        Ok(secrets.replace(file, &format!("{file}.tmp"), &record, Durable::Yes)?)
    }

    fn open(&self, file: &str, name: RecordName) -> Result<Option<Secret>, SecretsError> {
        let Some(secrets) = self.data_dir.dir("secrets", Missing::Leave)? else { return Ok(None) };
        match secrets.read(file, LARGEST_RECORD)? {
            None => Ok(None),
            Some(record) => match seal::open(&self.key, Kind::SecretItem, name, &record) {
                Ok(plain) => Ok(Some(Secret::new(plain.body.to_vec()))),
                Err(_) => Err(SecretsError::Unreadable),
            },
        }
    }
}

/// What an item's file is called while the key that sealed it does not count yet.
const BESIDE: &str = ".new";

fn beside(name: RecordName) -> String {
    name.to_hex() + BESIDE
}

impl SecretStore for SealedFiles {
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        let name = RecordName::of(item.as_str().as_bytes());
        match self.open(&name.to_hex(), name) {
            // A new key came to count, and a kill kept its items from their places.
            Err(SecretsError::Unreadable) => match self.open(&beside(name), name) {
                Ok(Some(secret)) => Ok(Some(secret)),
                _ => Err(SecretsError::Unreadable),
            },
            Ok(None) => self.open(&beside(name), name).or(Ok(None)),
            other => other,
        }
    }

    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        if self.read(item)?.is_some() {
            return Err(SecretsError::WriteUnverified);
        }
        self.put(&RecordName::of(item.as_str().as_bytes()).to_hex(), item, secret)?;
        match self.read(item)? {
            Some(read) if read == *secret => Ok(()),
            _ => Err(SecretsError::WriteUnverified),
        }
    }

    fn remove(&self, item: &ItemName) -> Result<bool, SecretsError> {
        match self.data_dir.dir("secrets", Missing::Leave)? {
            Some(secrets) => Ok(secrets.remove(&RecordName::of(item.as_str().as_bytes()).to_hex())?),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Generation;

    fn store() -> (tempfile::TempDir, SealedFiles) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        (root, SealedFiles::new(Arc::new(dir), DataKey::random().expect("randomness")))
    }

    #[test]
    fn sealed_files_keep_the_contract_of_a_secret_store() {
        let (_root, store) = store();
        super::super::contract::check(&store);
    }

    #[test]
    fn a_damaged_or_swapped_item_is_unreadable_not_absent() {
        let (root, store) = store();
        let (a, b) = (ItemName::credential(Generation::new([1; 16])), ItemName::credential(Generation::new([2; 16])));
        store.write(&a, &Secret::from("a")).expect("written");
        store.write(&b, &Secret::from("b")).expect("written");
        let path =
            |item: &ItemName| root.path().join("data/secrets").join(RecordName::of(item.as_str().as_bytes()).to_hex());
        std::fs::copy(path(&a), path(&b)).expect("swapped");
        assert!(matches!(store.read(&b), Err(SecretsError::Unreadable)));
        std::fs::write(path(&b), b"").expect("emptied");
        assert!(matches!(store.read(&b), Err(SecretsError::Unreadable)));
    }

    #[test]
    fn another_key_does_not_open_an_item() {
        let (_root, store) = store();
        let item = ItemName::credential(Generation::new([1; 16]));
        store.write(&item, &Secret::from("a")).expect("written");
        let other = SealedFiles::new(store.data_dir.clone(), DataKey::random().expect("randomness"));
        assert!(matches!(other.read(&item), Err(SecretsError::Unreadable)));
    }
}
