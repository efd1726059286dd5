//! The fleet key: made here, brought from another host, written into a file for one, removed.

use std::path::{Path, PathBuf};

use super::derived::unvouch;
use super::state::{Changed, IsNew, change};
use crate::encoding::hex;
use crate::error::{Code, Error, Remedy};
use crate::fleet::FleetKey;
use crate::open::{Home, fleet_key_file};
use crate::secrets::{FleetState, ItemName, SecretsError, read_key_file, replace};
use crate::system::files::{EscapedPath, create_config, make_config_dir, remove_config};
use crate::system::secret::Secret;

/// A key by its short name, by which an operator can compare the keys of two hosts.
pub(crate) struct Named {
    pub(crate) fingerprint: String,
    pub(crate) changed: Changed,
}

/// Makes a key, and writes a copy of it for the other hosts.
pub(crate) fn make(home: &Home, copy: Option<&Path>) -> Result<Named, Error> {
    let mut bytes = vec![0; 32];
    crate::system::random::fill(&mut bytes).map_err(SecretsError::from)?;
    let key = Secret::new(bytes);
    let file = key_file(home);
    if let Some(file) = file.filter(|file| file.symlink_metadata().is_ok()) {
        return Err(is_there(file));
    }
    // The user may name the file of `key_file` again: it is written only once.
    let copy = copy.filter(|copy| file.is_none_or(|file| file != copy));
    // First, because the present key is gone afterwards.
    if let Some(copy) = copy {
        write(copy, &key)?;
    }
    let kept = match file {
        Some(file) => write_key_file(file, &key),
        None => keep(home, &key),
    };
    if let (Err(_), Some(copy)) = (&kept, copy) {
        // No host has this key.
        let removed = remove_config(copy);
        tracing::debug!("{}: {}", EscapedPath(copy), if removed.is_ok() { "removed" } else { "stays" });
    }
    Ok(Named { fingerprint: fingerprint(&key), changed: kept? })
}

/// Keeps the key that is in a file.
pub(crate) fn import(home: &Home, path: &Path) -> Result<Named, Error> {
    let key = fleet_key_file(path)?;
    let changed = match key_file(home) {
        None => keep(home, &key)?,
        Some(file) => match read_key_file(file)? {
            Some(present) if present == key => Changed::NOTHING,
            Some(_) => return Err(is_there(file)),
            None => write_key_file(file, &key)?,
        },
    };
    Ok(Named { fingerprint: fingerprint(&key), changed })
}

/// Writes the present key into a file; returns its short name.
pub(crate) fn export(home: &Home, path: &Path) -> Result<String, Error> {
    let key = match key_file(home) {
        Some(file) => Some(fleet_key_file(file)?),
        None => match home.opened()? {
            Some(opened) => home.stored_key(&opened.keys)?,
            None => None,
        },
    };
    let none = "no fleet key was made or imported here; one that is derived is not exported";
    let key = key.ok_or_else(|| Error::new(Code::CredentialMissing, none).with_remedy(Remedy::MakeFleetKey))?;
    write(path, &key)?;
    Ok(fingerprint(&key))
}

/// Removes the key that is kept here, and forgets the clients that a user vouched for.
pub(crate) fn remove(home: &Home) -> Result<Changed, Error> {
    if let Some(file) = key_file(home) {
        let message = format!("the fleet key is the file {}; nothing was changed", EscapedPath(file));
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::TakeFleetKeyFileOut));
    }
    let Some(opened) = home.opened()? else { return Ok(Changed::NOTHING) };
    let changed = match opened.keys.fleet_state()?.key {
        Some(_) => change(home, |_, _, state| Ok(FleetState { key: None, ..state }))?,
        None => Changed::NOTHING,
    };
    let is_new = if unvouch(home)? { IsNew::Yes } else { changed.is_new };
    Ok(Changed { is_new, ..changed })
}

/// Makes a key the present one, and erases the one before. It takes the place of derived ones, too.
fn keep(home: &Home, key: &Secret) -> Result<Changed, Error> {
    let mut changed = change(home, |keys, secrets, state| {
        let id = FleetKey::id_of(key);
        replace(secrets, &ItemName::fleet_key(&keys.choice().store_id, &id), key)?;
        Ok(FleetState { key: Some(id), ..state })
    })?;
    // The key is in effect by now: a failure must not report otherwise.
    if let Err(error) = unvouch(home) {
        changed.left.push(format!("something old was left behind: {error}"));
    }
    Ok(changed)
}

/// The key file that the configuration names.
fn key_file(home: &Home) -> Option<&PathBuf> {
    home.config.fleet.as_ref()?.key_file.as_ref()
}

fn write_key_file(file: &Path, key: &Secret) -> Result<Changed, Error> {
    if let Some(directory) = file.parent() {
        make_config_dir(directory)?;
    }
    write(file, key).map(|()| Changed::CLEANLY)
}

fn write(path: &Path, key: &Secret) -> Result<(), Error> {
    if create_config(path, key.expose())? { Ok(()) } else { Err(is_there(path)) }
}

fn is_there(path: &Path) -> Error {
    Error::new(Code::Usage, format!("{} is there already; nothing was changed", EscapedPath(path)))
        .with_remedy(Remedy::NameAnotherFile)
}

fn fingerprint(key: &Secret) -> String {
    hex::encode(&FleetKey::id_of(key)[..4])
}
