//! `fleet key`: new, import, export, derive, remove. Keys go through files of their owner, never through arguments.

use std::path::{Path, PathBuf};

use super::Context;
use super::args::FleetKey as Command;
use crate::encoding::hex;
use crate::error::{Code, Error, Remedy, chain};
use crate::fleet::FleetKey;
use crate::manage::fleet_key::{Vouching, unvouch, vouch};
use crate::open::{Opened, fleet_key_file};
use crate::seal::SealError;
use crate::secrets::{
    BackendChoice, Configurations, DataDirLock, FleetState, ItemName, Keys, Retired, SecretStore, SecretsError,
    read_key_file, replace,
};
use crate::system::files::{EscapedPath, create_config, make_config_dir, remove_config};
use crate::system::secret::Secret;

pub(crate) fn run(context: &Context<'_>, command: Command) -> Result<u8, Error> {
    match command {
        Command::New { path } => new(context, path.as_deref()),
        Command::Import { path } => import(context, &path),
        Command::Export { path } => export(context, &path),
        Command::Derive => derive(context),
        Command::Remove => remove(context),
    }
}

fn new(context: &Context<'_>, path: Option<&Path>) -> Result<u8, Error> {
    let path = path.map(absolute).transpose()?;
    let mut bytes = vec![0; 32];
    getrandom::fill(&mut bytes).map_err(|_| SecretsError::from(SealError::Randomness))?;
    let key = Secret::new(bytes);
    let file = key_file(context);
    if let Some(file) = file.filter(|file| file.symlink_metadata().is_ok()) {
        return Err(is_there(file));
    }
    // The user may name the file of `key_file` again: it is written only once.
    let copy = path.as_ref().filter(|path| Some(*path) != file);
    // First, because the present key is gone afterwards.
    if let Some(copy) = copy {
        written(copy, &key)?;
    }
    let kept = match file {
        Some(file) => made(file, &key),
        None => keep(context, &key).map(|_| ()),
    };
    if let (Err(_), Some(copy)) = (&kept, copy) {
        // No host has this key.
        let removed = remove_config(copy);
        tracing::debug!("{}: {}", EscapedPath(copy), if removed.is_ok() { "removed" } else { "stays" });
    }
    kept?;
    let fingerprint = fingerprint(&key);
    match path {
        None => context.ui.changed(&format!("there is a new fleet key, {fingerprint}")),
        Some(path) => context.ui.changed(&format!(
            "there is a new fleet key, {fingerprint}; it is in {} as well, for the other hosts",
            EscapedPath(&path)
        )),
    }
}

fn import(context: &Context<'_>, path: &Path) -> Result<u8, Error> {
    let path = absolute(path)?;
    let key = fleet_key_file(&path)?;
    let is_new = match key_file(context) {
        None => keep(context, &key)?,
        Some(file) => match read_key_file(file)? {
            Some(present) if present == key => false,
            Some(_) => return Err(is_there(file)),
            None => made(file, &key).map(|()| true)?,
        },
    };
    let message = format!("the fleet key {} is kept here", fingerprint(&key));
    if is_new { context.ui.changed(&message) } else { context.ui.unchanged(&message) }
}

fn export(context: &Context<'_>, path: &Path) -> Result<u8, Error> {
    let path = absolute(path)?;
    let key = match key_file(context) {
        Some(file) => Some(fleet_key_file(file)?),
        None => match context.home.opened()? {
            Some(opened) => context.home.stored_key(&opened.keys)?,
            None => None,
        },
    };
    let none = "no fleet key was made or imported here; one that is derived is not exported";
    let key = key.ok_or_else(|| Error::new(Code::CredentialMissing, none).with_remedy(Remedy::MakeFleetKey))?;
    written(&path, &key)?;
    context.ui.changed(&format!("the fleet key {} is in {}", fingerprint(&key), EscapedPath(&path)))
}

fn derive(context: &Context<'_>) -> Result<u8, Error> {
    let name = context.home.profile_name(context.profile.as_deref())?;
    let profile = context.home.profile(&name)?;
    match vouch(&context.home, &profile).map_err(|error| error.for_profile(&name))? {
        Vouching::Begun => {
            context.ui.changed(&format!("the fleet key of {name} is derived from its secret from now on"))
        }
        Vouching::There => context.ui.unchanged(&format!("the fleet key of {name} is derived from its secret already")),
        Vouching::NotNeeded => context.ui.unchanged(&format!(
            "the provider of {name} makes secrets at random, so its fleet key is derived from the secret in any case"
        )),
    }
}

fn remove(context: &Context<'_>) -> Result<u8, Error> {
    if let Some(file) = key_file(context) {
        return Err(Error::new(
            Code::Usage,
            format!("the fleet key is the file {}; nothing was changed", EscapedPath(file)),
        )
        .with_remedy(Remedy::TakeFleetKeyFileOut));
    }
    let message = "no fleet key is kept here; one is derived only if a profile's provider makes secrets at random";
    let Some(opened) = context.home.opened()? else { return context.ui.unchanged(message) };
    let has_key = opened.keys.fleet_state()?.key.is_some();
    let had_key = has_key && changed(context, |_, _, fleet_state| Ok(FleetState { key: None, ..fleet_state }))?;
    let had_derived = unvouch(&context.home)?;
    if had_key || had_derived { context.ui.changed(message) } else { context.ui.unchanged(message) }
}

/// Makes a key the present one, and erases the one before. It takes the place of derived ones, too.
fn keep(context: &Context<'_>, key: &Secret) -> Result<bool, Error> {
    let is_new = changed(context, |keys, secrets, fleet_state| {
        let id = FleetKey::id_of(key);
        replace(secrets, &ItemName::fleet_key(&keys.choice().store_id, &id), key)?;
        Ok(FleetState { key: Some(id), ..fleet_state })
    })?;
    // The key is in effect by now: a failure must not report otherwise.
    if let Err(error) = unvouch(&context.home) {
        context.ui.warn_with("cache_write_failed", &format!("something old was left behind: {error}"));
    }
    Ok(is_new)
}

/// Changes what this host keeps of its fleet: the new item, then the file that names it, then the old item goes.
/// Returns whether anything is different now.
pub(super) fn changed(
    context: &Context<'_>,
    change: impl FnOnce(&Keys, &dyn SecretStore, FleetState) -> Result<FleetState, Error>,
) -> Result<bool, Error> {
    let (Opened { dir, keys }, secrets, lock) = loop {
        let Some(opened) = context.home.opened()? else { return Err(SecretsError::NotChosen.into()) };
        let secrets = opened.keys.secrets().map_err(|error| match error {
            SecretsError::KeepsNothing => Error::new(Code::CredentialMissing, "nothing is kept here, by choice")
                .with_remedy(Remedy::NameFleetFile),
            error => error.into(),
        })?;
        // Loaded again after the key was obtained: that may have been the first key.
        let choice = BackendChoice::load(&opened.dir)?;
        let lock = DataDirLock::take(&opened.dir)?;
        // Otherwise a rekey or a move came in between: what was opened is the old place, whose key is dead.
        if BackendChoice::load(&opened.dir)? == choice {
            break (opened, secrets, lock);
        }
    };
    context.home.remove_temporaries(&dir, &lock)?;
    Configurations::note(&dir, &context.home.config_dir, &lock)?;
    let old = keys.fleet_state()?;
    let store_id = &keys.choice().store_id;
    // What was derived with the old key is derived again with the new one.
    let derived = context.home.derived_items(&keys);
    let present = change(&keys, &*secrets, old)?;
    let named = present.items(store_id);
    if let Err(error) = present.save(&dir, &lock) {
        // New items are removed only if the file is read back and does not name them: a write may fail after its
        // rename.
        let is_unnamed = matches!(keys.fleet_state(), Ok(now) if now == old);
        for item in named.iter().filter(|item| is_unnamed && !old.items(store_id).contains(item)) {
            if let Err(error) = secrets.remove(&Retired::by_name(item.clone())) {
                tracing::debug!("what was new was left behind: {}", chain(&error));
            }
        }
        return Err(error.into());
    }
    let derived = derived.into_iter().filter(|_| present.key != old.key);
    for item in old.items(store_id).iter().chain(&derived.collect::<Vec<_>>()).filter(|item| !named.contains(item)) {
        if let Err(error) = secrets.remove(&Retired::by_name(item.clone())) {
            context.ui.warn_with("cache_write_failed", &format!("something old was left behind: {}", chain(&error)));
        }
    }
    Ok(present != old)
}

fn key_file<'a>(context: &'a Context<'_>) -> Option<&'a PathBuf> {
    context.home.config.fleet.as_ref()?.key_file.as_ref()
}

/// Writes the key file that the configuration names.
fn made(file: &Path, key: &Secret) -> Result<(), Error> {
    if let Some(directory) = file.parent() {
        make_config_dir(directory)?;
    }
    written(file, key)
}

fn written(path: &Path, key: &Secret) -> Result<(), Error> {
    if create_config(path, key.expose())? { Ok(()) } else { Err(is_there(path)) }
}

fn is_there(path: &Path) -> Error {
    Error::new(Code::Usage, format!("{} is there already; nothing was changed", EscapedPath(path)))
        .with_remedy(Remedy::NameAnotherFile)
}

/// Returns a short name of a key, by which an operator can compare the keys of two hosts.
fn fingerprint(key: &Secret) -> String {
    hex::encode(&FleetKey::id_of(key)[..4])
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|_| Error::new(Code::Usage, "what was given is not a path"))
}
