//! `init`: where secrets are kept.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::Init;
use super::{Context, secret_input};
use crate::cache::store::FileStore;
use crate::error::{Code, Error, Remedy};
use crate::manage::relocation::{Leftovers, Relocation};
use crate::open::{Opened, is_gone};
use crate::secrets::{
    Argon2Cost, Backend, BackendChoice, DataDirLock, ItemName, KeySource, Keys, MissingKey, SealedFiles, SecretsError,
    StrayKind, establish, is_credential_name,
};
use crate::system::files::{Dir, EscapedPath, Missing, make_config_dir, remove_left_beside};

pub(crate) fn run(context: &Context<'_>, init: Init) -> Result<u8, Error> {
    let backend = backend(context, &init)?;
    if let Some(path) = backend.key_file()
        && context.home.is_own_file(path)
    {
        let message =
            format!("{} is a file of tokenkeep's own, and no place for a key; nothing was changed", EscapedPath(path));
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::NameAnotherFile));
    }
    if context.home.configured()?.is_some_and(|configured| configured != backend) {
        return Err(Error::new(Code::ConfigInvalid, "config.toml names another place; nothing was changed")
            .with_remedy(Remedy::TakeBackendOut));
    }
    let before = choice(context)?;
    if init.relocate {
        relocated(context, &backend)?;
    } else {
        choose(context, &backend)?;
    }
    let what = if backend.keeps_nothing() {
        "no secret and no token is kept".to_owned()
    } else {
        format!("secrets are kept in {}", backend.shown())
    };
    let message = format!("{what}; the data directory is {}", EscapedPath(&context.home.data_dir));
    // The work is done: a read that fails now must not report otherwise.
    let is_same = choice(context).is_ok_and(|after| after == before);
    if is_same { context.ui.unchanged(&message) } else { context.ui.changed(&message) }
}

/// Returns the choice that the data directory records; `None` if no choice was made yet.
fn choice(context: &Context<'_>) -> Result<Option<BackendChoice>, Error> {
    match Dir::open(&context.home.data_dir, Missing::Leave)? {
        Some(dir) => Ok(BackendChoice::load(&dir)?),
        None => Ok(None),
    }
}

/// Records the choice of a backend, or finds that it was made before.
pub(crate) fn choose(context: &Context<'_>, backend: &Backend) -> Result<(), Error> {
    let home = &context.home;
    make_config_dir(&home.config_dir)?;
    let dir = Dir::open(&home.data_dir, Missing::Create)?;
    let dir = dir.ok_or_else(|| Error::new(Code::WriteFailed, "the data directory vanished while it was made"))?;
    let options = home.unlock_options();
    // A command must not advise itself for what it cannot do.
    let rehinted = |error: Error| match error.code() {
        // Nothing is stored yet that would have to be moved.
        Code::KeyringUnavailable if *backend == Backend::Keyring => super::set::files_instead(error),
        Code::KeyFileMissing => error.with_remedy(Remedy::RestoreKeyFileOrStartOver),
        _ => error,
    };
    let (choice, _) = establish(&dir, backend, MissingKey::Create, &options).map_err(|e| rehinted(e.into()))?;
    {
        // Removes what a killed `init` left there. Under the lock, so that no other process is writing it.
        let lock = DataDirLock::take(&dir)?;
        home.remove_temporaries(&dir, &lock)?;
        if let Some(path) = backend.key_file() {
            remove_left_beside(path)?;
        }
    }
    if !backend.keeps_nothing() {
        // An earlier choice is tried: the same choice again must not hide a lost key.
        let dir = Arc::new(dir);
        let key = Keys::new(dir.clone(), choice, options).key().map_err(|e| rehinted(e.into()))?;
        if backend.seals_secrets() {
            let _lock = DataDirLock::take(&dir)?;
            // Ends what a killed move left there; with any key other than the present one it would be lost.
            if BackendChoice::load(&dir)?.and_then(|choice| choice.key_id) == Some(key.id()) {
                SealedFiles::new(dir.clone(), key).commit_staged()?;
            }
        }
    }
    Ok(())
}

/// Records the present place of a key file that moved with its home. This comes before anything is written that depends
/// on it: a new key must not go to the old place.
pub(super) fn adopt_moved_key(context: &Context<'_>) -> Result<(), Error> {
    let Some(opened) = context.home.opened()? else { return Ok(()) };
    let Some(old) = opened.keys.choice().backend.key_file() else { return Ok(()) };
    let present = context.home.key_file();
    if !is_gone(old) || present == old {
        return Ok(());
    }
    match choose(context, &Backend::File(KeySource::KeyFile(present))) {
        // Another key is there: the one in `store` is missing, and the command that needs it reports that.
        Err(error) if error.code() == Code::BackendDiffers => Ok(()),
        outcome => outcome,
    }
}

/// Moves everything that is stored to a backend; if it is there already, nothing happens.
fn relocated(context: &Context<'_>, backend: &Backend) -> Result<(), Error> {
    loop {
        match context.home.opened()? {
            Some(opened) if opened.keys.choice().backend != *backend => {
                // A key file that the user moved by hand needs no move of its secrets.
                match choose(context, backend) {
                    Err(error) if error.code() == Code::BackendDiffers => {}
                    outcome => return outcome,
                }
                return with_relocation(context, &opened.dir, Guard::EverySecretIsNamed, |relocation| {
                    // Another process may have moved everything there while this one waited for the lock.
                    let arrived = relocation.old.choice().backend == *backend;
                    if arrived { Ok(Leftovers::default()) } else { relocation.to(backend) }
                });
            }
            _ => match choose(context, backend) {
                // Another process chose or moved since `opened`: there is something to move now.
                Err(error) if error.code() == Code::BackendDiffers => {}
                outcome => return outcome,
            },
        }
    }
}

/// Makes another data key, or destroys the present one.
pub(crate) fn rekey(context: &Context<'_>, destroy: bool, yes: bool) -> Result<u8, Error> {
    adopt_moved_key(context)?;
    let Some(opened) = context.home.opened()? else {
        // Nothing is left to destroy.
        return if destroy {
            context.ui.unchanged("nothing is stored here")
        } else {
            Err(SecretsError::NotChosen.into())
        };
    };
    if opened.keys.choice().backend.keeps_nothing() {
        // This is not about a fetch: a key needs another place.
        return Err(Error::from(SecretsError::KeepsNothing).with_remedy(Remedy::MoveToFiles));
    }
    if !destroy {
        with_relocation(context, &opened.dir, Guard::EverySecretIsNamed, |relocation| {
            relocation.to(&relocation.old.choice().backend)
        })?;
        return context.ui.changed("there is another data key; cached tokens are requested again");
    }
    if !yes && !secret_input::confirmed("destroy every stored secret and token?", Remedy::Confirm)? {
        return context.ui.unchanged("nothing was changed");
    }
    with_relocation(context, &opened.dir, Guard::None, |relocation| Ok(relocation.destroy()))?;
    context.ui.changed("the data key is destroyed, and every secret and token that it sealed")
}

/// What must hold before anything is moved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// A secret that no profile here names would be lost: the profiles may be elsewhere.
    EverySecretIsNamed,
    /// Nothing: everything is to be lost.
    None,
}

/// Does `work` under the lock of the data directory, on what is stored once the lock is held.
fn with_relocation(
    context: &Context<'_>,
    dir: &Dir,
    guard: Guard,
    work: impl FnOnce(&Relocation<'_>) -> Result<Leftovers, Error>,
) -> Result<(), Error> {
    let home = &context.home.under_lock();
    let lock = DataDirLock::take(dir)?;
    // Another `init --move`, `rekey` or `rekey --destroy` may have ended while this process waited.
    let Some(opened) = &home.opened()? else { return Err(SecretsError::NotChosen.into()) };
    home.remove_temporaries(&opened.dir, &lock)?;
    let (mut items, derived) = (home.named_items(opened)?.items, home.derived_items(&opened.keys));
    if guard == Guard::EverySecretIsNamed && opened.keys.choice().backend.seals_secrets() {
        items.extend(secrets_aside(opened)?);
        every_secret_is_named(opened, items.iter().chain(&derived).cloned())?;
    }
    let relocation = Relocation {
        dir: opened.dir.clone(),
        lock: &lock,
        old: &opened.keys,
        items,
        derived,
        records: &FileStore::new(opened.dir.clone(), home.clock.clone()),
        options: home.unlock_options(),
    };
    let left = work(&relocation)?;
    for record in &left.records {
        context.ui.warn_with("cache_write_failed", &format!("an old record was left behind: {record}"));
    }
    match left.secrets.first() {
        None => Ok(()),
        Some(why) => {
            let message = format!("the change is done and no secret is lost, but an old copy was left behind: {why}");
            Err(Error::new(Code::WriteFailed, message).with_remedy(Remedy::Clean))
        }
    }
}

/// Lists the secrets that were put aside: they move with the others.
fn secrets_aside(opened: &Opened) -> Result<Vec<ItemName>, Error> {
    if SealedFiles::count_aside(&opened.dir)? == 0 {
        return Ok(Vec::new());
    }
    Ok(SealedFiles::new(opened.dir.clone(), opened.keys.key()?).items_aside()?)
}

/// Refuses to continue if a secret would be lost. An item that can be made again is no such secret, and goes.
fn every_secret_is_named(opened: &Opened, named: impl Iterator<Item = ItemName>) -> Result<(), Error> {
    let named: Vec<ItemName> = named.collect();
    if SealedFiles::unreferenced(&opened.dir, None, named.iter().cloned())?.is_empty() {
        return Ok(());
    }
    let sealed = SealedFiles::new(opened.dir.clone(), opened.keys.key()?);
    let strays = SealedFiles::unreferenced(&opened.dir, Some(&sealed), named.into_iter())?;
    if strays.iter().any(|stray| stray.kind != StrayKind::Disposable) {
        return Err(Error::new(Code::Usage, "secrets are stored that no profile here names; nothing was changed")
            .with_remedy(Remedy::NameProfilesOrClean));
    }
    for stray in &strays {
        SealedFiles::erase(&opened.dir, stray)?;
    }
    Ok(())
}

/// Empties the kernel tier.
pub(crate) fn lock(context: &Context<'_>) -> Result<u8, Error> {
    let emptied = context.home.opened()?.is_some_and(|opened| opened.keys.lock());
    if emptied {
        context.ui.changed("the kernel's copy of the data key is gone; the next get asks for it again")
    } else {
        context.ui.unchanged("the kernel holds no copy of the data key")
    }
}

fn backend(context: &Context<'_>, init: &Init) -> Result<Backend, Error> {
    let keyed = init.key_file.is_some() || init.key_credential.is_some() || init.passphrase;
    match init.backend.as_str() {
        "keyring" | "none" if keyed => {
            Err(Error::new(Code::Usage, "--key-file, --key-credential and --passphrase go with --backend file"))
        }
        "keyring" => Ok(Backend::Keyring),
        "none" => Ok(Backend::None),
        _ => Ok(Backend::File(match (&init.key_file, &init.key_credential, init.passphrase) {
            (Some(path), _, _) => KeySource::KeyFile(absolute(path)?),
            (None, Some(name), _) if is_credential_name(name) => KeySource::Credential(name.clone()),
            (None, Some(_), _) => {
                return Err(Error::new(Code::Usage, "--key-credential takes the name of a credential"));
            }
            (None, None, true) => KeySource::Passphrase(Argon2Cost::DEFAULT),
            (None, None, false) => match context.home.configured()? {
                Some(Backend::File(source)) => source,
                _ => KeySource::KeyFile(context.home.key_file()),
            },
        })),
    }
}

fn absolute(path: &PathBuf) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|_| Error::new(Code::Usage, "--key-file is not a path"))
}
