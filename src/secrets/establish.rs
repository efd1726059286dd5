//! The first choice of a backend, with the first data key.

use super::{Backend, BackendChoice, ChoiceError, DataDirLock, LockError, MissingKey, SecretsError, UnlockOptions};
use crate::seal::DataKey;
use crate::system::files::Dir;

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EstablishError {
    /// Another choice was made before; it stays.
    #[error("secrets are kept elsewhere already")]
    Differs(Box<Backend>),
    /// The file `store` cannot be used.
    #[error(transparent)]
    BackendChoice(#[from] ChoiceError),
    /// The data directory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
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
    options: &UnlockOptions,
) -> Result<(BackendChoice, Option<DataKey>), EstablishError> {
    let lock = DataDirLock::take(dir)?;
    let mut choice = match BackendChoice::load(dir)? {
        Some(choice) if choice.backend.is_same_as(backend) => choice,
        Some(choice) => match adopted(&choice, backend, options)? {
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
    let key = first_key(&choice, missing, options)?;
    choice.key_id = key.as_ref().map(DataKey::id);
    choice.save(dir, &lock)?;
    Ok((choice, key))
}

/// Returns a choice with another key file, if that holds the very key that everything is sealed with: it was moved.
fn adopted(
    choice: &BackendChoice,
    backend: &Backend,
    options: &UnlockOptions,
) -> Result<Option<BackendChoice>, SecretsError> {
    let (Some(_), Some(path)) = (choice.backend.key_file(), backend.key_file()) else { return Ok(None) };
    let key = choice.wanted_key(options, None).in_key_file(path)?;
    Ok(key.map(|_| BackendChoice { backend: backend.clone(), ..choice.clone() }))
}

/// Makes the first data key of a choice, or finds the one that is brought; `None` if nothing is kept.
pub(crate) fn first_key(
    choice: &BackendChoice,
    missing: MissingKey,
    options: &UnlockOptions,
) -> Result<Option<DataKey>, SecretsError> {
    choice.backend.key_source().create(&choice.wanted_key(options, None), missing)
}
