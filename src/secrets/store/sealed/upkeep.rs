//! What commands find, put aside and erase among sealed files, and how another key takes effect.

use std::collections::HashSet;

use super::{ASIDE, BESIDE, Found, SealedFiles, TEMPORARY, folder, place};
use crate::seal::Plain;
use crate::secrets::store::Staging;
use crate::secrets::{ItemName, SecretsError};
use crate::system::files::Dir;
use crate::system::secret::Secret;
use crate::token::RecordName;

/// A file that no profile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stray {
    /// Its name below `secrets/`.
    file: String,
    /// What it is.
    pub(crate) kind: StrayKind,
}

impl std::fmt::Display for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "secrets/{}", self.file)
    }
}

/// What a file is that no profile names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrayKind {
    /// It can be made again: derived for a fleet, a trial, a temporary.
    Disposable,
    /// A stored secret, or a file that does not open.
    Secret,
    /// It could not be read whole, so it is not touched.
    Unreadable,
}

impl SealedFiles {
    /// Removes temporaries that a kill left. Called under the data directory's lock.
    pub(crate) fn sweep(data_dir: &Dir) -> Result<(), SecretsError> {
        if let Some(secrets) = folder(data_dir)? {
            for name in secrets.names()?.iter().filter(|name| name.ends_with(TEMPORARY)) {
                secrets.remove(name)?;
            }
        }
        Ok(())
    }

    /// Lists the files of no item in `named`, but for those that were put aside. Without `sealed`, which has the key, a
    /// file may hold a secret.
    pub(crate) fn unreferenced(
        data_dir: &Dir,
        sealed: Option<&SealedFiles>,
        named: impl Iterator<Item = ItemName>,
    ) -> Result<Vec<Stray>, SecretsError> {
        let Some(secrets) = folder(data_dir)? else { return Ok(Vec::new()) };
        let named: HashSet<String> = named.map(|item| place(&item)).collect();
        let mut strays = Vec::new();
        for file in secrets.names()? {
            if file.ends_with(ASIDE) || named.contains(file.strip_suffix(BESIDE).unwrap_or(&file)) {
                continue;
            }
            let kind = match (sealed, RecordName::from_hex(item_of(&file))) {
                _ if file.ends_with(TEMPORARY) => StrayKind::Disposable,
                (Some(sealed), Some(name)) => match sealed.look(&file, name) {
                    Ok(Found::Opened(plain)) if is_disposable(&plain) => StrayKind::Disposable,
                    Ok(_) => StrayKind::Secret,
                    Err(_) => StrayKind::Unreadable,
                },
                (None, _) | (_, None) => StrayKind::Secret,
            };
            strays.push(Stray { file, kind });
        }
        Ok(strays)
    }

    /// Lists the items that were put aside and open with the present key.
    pub(crate) fn items_aside(&self) -> Result<Vec<ItemName>, SecretsError> {
        let Some(secrets) = folder(&self.data_dir)? else { return Ok(Vec::new()) };
        let mut items = Vec::new();
        for file in secrets.names()? {
            if let Some(name) = file.strip_suffix(ASIDE).and_then(RecordName::from_hex)
                && let Found::Opened(plain) = self.look(&file, name)?
            {
                items.extend(ItemName::from_bytes(&plain.identity));
            }
        }
        Ok(items)
    }

    /// Counts the files that were put aside.
    pub(crate) fn count_aside(data_dir: &Dir) -> Result<usize, SecretsError> {
        let Some(secrets) = folder(data_dir)? else { return Ok(0) };
        Ok(secrets.names()?.iter().filter(|file| file.ends_with(ASIDE)).count())
    }

    /// Erases a file that its owner retired explicitly. Called under the data directory's lock.
    pub(crate) fn erase(data_dir: &Dir, stray: &Stray) -> Result<(), SecretsError> {
        if let Some(secrets) = folder(data_dir)? {
            secrets.remove(&stray.file)?;
        }
        Ok(())
    }

    /// Puts a file aside; a reader still finds it there. Called under the data directory's lock.
    pub(crate) fn put_aside(data_dir: &Dir, stray: &Stray) -> Result<(), SecretsError> {
        if let Some(secrets) = folder(data_dir)? {
            secrets.rename(&stray.file, &format!("{}{ASIDE}", item_of(&stray.file)))?;
        }
        Ok(())
    }

    /// Erases every item. Called under the data directory's lock.
    pub(crate) fn erase_all(data_dir: &Dir) -> Result<(), SecretsError> {
        if let Some(secrets) = folder(data_dir)? {
            for name in secrets.names()? {
                secrets.remove(&name)?;
            }
        }
        Ok(())
    }
}

impl Staging for SealedFiles {
    /// Writes an item beside the present one, which another key sealed, and reads it back. It takes effect once the
    /// file `store` names this store's key.
    fn stage(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        let name = RecordName::of(item.as_str().as_bytes());
        let file = place(item) + BESIDE;
        self.put(&file, item, secret)?;
        match self.look(&file, name)? {
            Found::Opened(plain) if secret.holds(&plain.body) => Ok(()),
            _ => Err(SecretsError::WriteUnverified),
        }
    }

    /// Puts what was written beside into place. Called under the data directory's lock, once `store` names this key.
    /// The next call makes up for a kill in between.
    ///
    /// A file goes only under two conditions. The item in its place was read back with this key. The file itself was
    /// read whole and names another key in its header. Any error ends the call, and every copy stays.
    fn commit_staged(&self) -> Result<(), SecretsError> {
        let Some(secrets) = folder(&self.data_dir)? else { return Ok(()) };
        for file in secrets.names()? {
            let Some(name) = file.strip_suffix(BESIDE).and_then(RecordName::from_hex) else { continue };
            match self.look(&file, name)? {
                Found::Opened(_) => secrets.rename(&file, &name.to_hex())?,
                Found::OfAnotherKey if matches!(self.look(&name.to_hex(), name)?, Found::Opened(_)) => {
                    secrets.remove(&file)?;
                }
                Found::OfAnotherKey | Found::Damaged | Found::Absent => {}
            }
        }
        Ok(())
    }

    /// Erases what was put aside under an earlier key. Called after a move, for items that the new key opens in place.
    fn clear_aside(&self) -> Result<(), SecretsError> {
        let Some(secrets) = folder(&self.data_dir)? else { return Ok(()) };
        for file in secrets.names()? {
            let Some(name) = file.strip_suffix(ASIDE).and_then(RecordName::from_hex) else { continue };
            if matches!(self.look(&name.to_hex(), name)?, Found::Opened(_)) {
                secrets.remove(&file)?;
            }
        }
        Ok(())
    }
}

/// Returns the part of a file's name that the item gave it.
fn item_of(file: &str) -> &str {
    file.split_once('.').map_or(file, |(place, _)| place)
}

fn is_disposable(plain: &Plain) -> bool {
    ItemName::from_bytes(&plain.identity).is_some_and(|item| item.is_disposable())
}
