//! The backend that keeps secrets: choosing it, moving to another one, and another data key.

mod moving;
mod relocation;

use std::sync::Arc;

pub(crate) use moving::{destroy, keyed, rekey};
pub(crate) use relocation::finish;

use super::locked::created;
use super::operator::Operator;
use crate::error::{Code, Error, Remedy};
use crate::open::{Home, is_gone};
use crate::secrets::{
    Backend, BackendChoice, DataDirLock, KeySource, Keys, MissingKey, SealedFiles, Staging as _, establish,
};
use crate::system::files::{Dir, EscapedPath, Missing, make_config_dir, remove_left_beside};

/// What becomes of the secrets that are stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// They stay where they are: another backend than the present one is refused.
    Stay,
    /// They move to the backend.
    Move,
}

/// Whether a command changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    No,
}

/// Makes `backend` the one that keeps secrets.
pub(crate) fn init(home: &Home, backend: &Backend, stored: Stored, operator: &dyn Operator) -> Result<Changed, Error> {
    check(home, backend)?;
    let before = choice(home)?;
    match stored {
        Stored::Stay => choose(home, backend)?,
        Stored::Move => moving::move_to(home, backend, operator)?,
    }
    // The work is done: a read that fails now must not report otherwise.
    let is_same = choice(home).is_ok_and(|after| after == before);
    Ok(if is_same { Changed::No } else { Changed::Yes })
}

/// Refuses a backend that contradicts the configuration, and a key in a file that tokenkeep writes.
fn check(home: &Home, backend: &Backend) -> Result<(), Error> {
    if let Some(path) = backend.key_file()
        && home.is_own_file(path)
    {
        let message =
            format!("{} is a file of tokenkeep's own, and no place for a key; nothing was changed", EscapedPath(path));
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::NameAnotherFile));
    }
    if home.configured()?.is_some_and(|configured| configured != *backend) {
        return Err(Error::new(Code::ConfigInvalid, "config.toml names another place; nothing was changed")
            .with_remedy(Remedy::TakeBackendOut));
    }
    Ok(())
}

/// Returns the choice that the data directory records; `None` if no choice was made yet.
fn choice(home: &Home) -> Result<Option<BackendChoice>, Error> {
    match Dir::open(&home.data_dir, Missing::Leave)? {
        Some(dir) => Ok(BackendChoice::load(&dir)?),
        None => Ok(None),
    }
}

/// Chooses the OS keyring if no backend was chosen yet.
pub(super) fn choose_keyring(home: &Home) -> Result<(), Error> {
    match home.opened()? {
        Some(_) => Ok(()),
        None => choose(home, &Backend::Keyring).map_err(advise_files),
    }
}

/// Records the choice of a backend, or finds that it was made before.
fn choose(home: &Home, backend: &Backend) -> Result<(), Error> {
    make_config_dir(&home.config_dir)?;
    let dir = created(home)?;
    let options = home.unlock_options();
    // A command must not advise itself for what it cannot do.
    let advised = |error: Error| match error.code() {
        // Nothing is stored yet that would have to be moved.
        Code::KeyringUnavailable if *backend == Backend::Keyring => advise_files(error),
        Code::KeyFileMissing => error.with_remedy(Remedy::RestoreKeyFileOrStartOver),
        _ => error,
    };
    let (choice, _) = establish(&dir, backend, MissingKey::Create, &options).map_err(|e| advised(e.into()))?;
    remove_interrupted(home, &dir, backend)?;
    if backend.keeps_nothing() {
        return Ok(());
    }
    // An earlier choice is tried: the same choice again must not hide a lost key.
    let keys = Keys::new(dir.clone(), choice, options);
    let key = keys.key().map_err(|e| advised(e.into()))?;
    if backend.seals_secrets() {
        let _lock = DataDirLock::take(&dir)?;
        // Ends what a killed move left there; with any key other than the present one it would be lost.
        if BackendChoice::load(&dir)?.and_then(|choice| choice.key_id) == Some(key.id()) {
            SealedFiles::new(dir.clone(), key).commit_staged()?;
        }
    }
    Ok(())
}

/// Removes what a killed `init` left there. Under the lock, so that no other process is writing it.
fn remove_interrupted(home: &Home, dir: &Arc<Dir>, backend: &Backend) -> Result<(), Error> {
    let lock = DataDirLock::take(dir)?;
    crate::manage::locked::remove_temporaries(home, dir, &lock)?;
    if let Some(path) = backend.key_file() {
        remove_left_beside(path)?;
    }
    Ok(())
}

/// Records the present place of a key file that moved with its home. This comes before anything is written that depends
/// on it: a new key must not go to the old place.
pub(super) fn adopt_moved_key(home: &Home) -> Result<(), Error> {
    let Some(opened) = home.opened()? else { return Ok(()) };
    let Some(old) = opened.keys.choice().backend.key_file() else { return Ok(()) };
    let present = home.key_file();
    if !is_gone(old) || present == old {
        return Ok(());
    }
    match choose(home, &Backend::File(KeySource::KeyFile(present))) {
        // Another key is there: the one in `store` is missing, and the command that needs it reports that.
        Err(error) if error.code() == Code::BackendDiffers => Ok(()),
        outcome => outcome,
    }
}

/// Advises sealed files in place of a keyring that does not answer.
pub(super) fn advise_files(error: Error) -> Error {
    let advised = |remedy| Error::new(error.code(), error.to_string()).with_remedy(remedy);
    match (error.code(), error.remedy()) {
        (_, Some(Remedy::MakeCollection | Remedy::BuildWithKeyring | Remedy::ChooseFilesOrMendBus(_))) => error,
        (Code::KeyringUnavailable, Some(Remedy::MendBusAddress(socket))) => {
            advised(Remedy::ChooseFilesOrMendBus(socket.clone()))
        }
        (Code::KeyringUnavailable | Code::KeyringTimeout, _) => advised(Remedy::ChooseFiles),
        _ => error,
    }
}
