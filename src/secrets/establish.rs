//! Making the choice of a place for secrets, once.

use super::{Backend, Choice, ChoiceError, SecretsError, StoreLock, create_key_file, read_key_file};
use crate::place::Dir;
use crate::seal::DataKey;

/// Whether a key file that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingKey {
    /// Make it: somebody asked for it.
    Create,
    /// Leave it: somebody else brings it.
    Leave,
}

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EstablishError {
    /// Another choice was made before; it stays.
    #[error("secrets are kept elsewhere already")]
    Differs(Box<Backend>),
    /// The file `store` cannot be used.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The key cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Records the choice of `backend`, or finds that it was made before, and returns it with its data
/// key. However many call it at once, one key is made.
pub(crate) fn establish(
    data_dir: &Dir,
    backend: &Backend,
    missing: MissingKey,
) -> Result<(Choice, DataKey), EstablishError> {
    let lock = StoreLock::take(data_dir)?;
    let mut choice = match Choice::load(data_dir)? {
        Some(choice) if choice.backend != *backend => return Err(EstablishError::Differs(Box::new(choice.backend))),
        Some(choice) => choice,
        None => Choice::new(backend.clone())?,
    };
    if choice.key_id.is_none() {
        let Backend::File { key_file } = backend;
        let key = match (read_key_file(key_file)?, missing) {
            (Some(key), _) => key,
            (None, MissingKey::Create) => create_key_file(key_file)?,
            (None, MissingKey::Leave) => return Err(SecretsError::KeyFileMissing { path: key_file.clone() }.into()),
        };
        choice.key_id = Some(DataKey::from_key_file(&key, &choice.store_id, &choice.rekey_salt).id());
        choice.save(data_dir, &lock)?;
    }
    let key = super::data_key(&choice)?;
    Ok((choice, key))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::place::Missing;

    fn place() -> (tempfile::TempDir, Arc<Dir>, PathBuf) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        let key_file = root.path().join("config/key");
        (root, Arc::new(dir), key_file)
    }

    #[test]
    fn twenty_first_runs_at_once_make_one_data_key() {
        for _ in 0..20 {
            let (_root, dir, key_file) = place();
            let runs = (0..20).map(|_| {
                let (dir, backend) = (dir.clone(), Backend::File { key_file: key_file.clone() });
                std::thread::spawn(move || establish(&dir, &backend, MissingKey::Create).expect("made").1.id())
            });
            let ids: Vec<_> = runs.collect::<Vec<_>>().into_iter().map(|run| run.join().expect("no panic")).collect();
            assert!(ids.iter().all(|id| *id == ids[0]));
        }
    }

    #[test]
    fn a_choice_that_was_made_stays() {
        let (root, dir, key_file) = place();
        establish(&dir, &Backend::File { key_file }, MissingKey::Create).expect("made");
        let other = Backend::File { key_file: root.path().join("other") };
        assert!(matches!(establish(&dir, &other, MissingKey::Create), Err(EstablishError::Differs(_))));
        assert!(!root.path().join("other").exists(), "nothing is made for a choice that is refused");
    }

    #[test]
    fn a_key_file_that_is_lost_is_not_made_anew() {
        let (_root, dir, key_file) = place();
        let backend = Backend::File { key_file: key_file.clone() };
        establish(&dir, &backend, MissingKey::Create).expect("made");
        std::fs::remove_file(&key_file).expect("lost");
        let again = establish(&dir, &backend, MissingKey::Create);
        assert!(matches!(again, Err(EstablishError::Secrets(SecretsError::KeyFileMissing { .. }))));
        assert!(!key_file.exists());
    }

    #[test]
    fn another_key_in_the_key_file_is_told_apart() {
        let (_root, dir, key_file) = place();
        let backend = Backend::File { key_file: key_file.clone() };
        establish(&dir, &backend, MissingKey::Create).expect("made");
        std::fs::write(&key_file, [9; 32]).expect("replaced");
        let again = establish(&dir, &backend, MissingKey::Create);
        assert!(matches!(again, Err(EstablishError::Secrets(SecretsError::KeyFileWrong { .. }))));
    }

    #[test]
    fn a_key_that_somebody_else_brings_is_waited_for_not_made() {
        let (_root, dir, key_file) = place();
        let backend = Backend::File { key_file: key_file.clone() };
        assert!(establish(&dir, &backend, MissingKey::Leave).is_err());
        assert!(!key_file.exists());
    }
}
