use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::KeepUnlocked;
use crate::secrets::{Backend, KeySource, PassphraseReader};
use crate::system::files::Missing;

fn options() -> UnlockOptions {
    UnlockOptions {
        keep: KeepUnlocked::ByDefault,
        timeout: Duration::from_secs(5),
        passphrase: PassphraseReader::default(),
    }
}

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
            let (dir, backend) = (dir.clone(), Backend::File(KeySource::KeyFile(key_file.clone())));
            std::thread::spawn(move || {
                establish(&dir, &backend, MissingKey::Create, &options()).expect("made").0.key_id
            })
        });
        let ids: Vec<_> = runs.collect::<Vec<_>>().into_iter().map(|run| run.join().expect("no panic")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
    }
}

#[test]
fn a_choice_that_was_made_stays() {
    let (root, dir, key_file) = place();
    establish(&dir, &Backend::File(KeySource::KeyFile(key_file)), MissingKey::Create, &options()).expect("made");
    let other = Backend::File(KeySource::KeyFile(root.path().join("other")));
    assert!(matches!(establish(&dir, &other, MissingKey::Create, &options()), Err(EstablishError::Differs(_))));
    assert!(!root.path().join("other").exists(), "nothing is made for a choice that is refused");
}

#[test]
fn a_key_file_that_is_lost_is_not_made_anew() {
    let (_root, dir, key_file) = place();
    let backend = Backend::File(KeySource::KeyFile(key_file.clone()));
    establish(&dir, &backend, MissingKey::Create, &options()).expect("made");
    std::fs::remove_file(&key_file).expect("lost");
    let (choice, _) = establish(&dir, &backend, MissingKey::Create, &options()).expect("made before");
    let again = Keys::new(dir, choice, options()).key_if_cached();
    assert!(matches!(again, Err(SecretsError::KeyFileMissing { .. })));
    assert!(!key_file.exists());
}

#[test]
fn another_key_in_the_key_file_is_told_apart() {
    let (_root, dir, key_file) = place();
    let backend = Backend::File(KeySource::KeyFile(key_file.clone()));
    establish(&dir, &backend, MissingKey::Create, &options()).expect("made");
    std::fs::write(&key_file, [9; 32]).expect("replaced");
    let (choice, _) = establish(&dir, &backend, MissingKey::Create, &options()).expect("made before");
    let again = Keys::new(dir, choice, options()).key_if_cached();
    assert!(matches!(again, Err(SecretsError::KeyFileWrong { .. })));
}

#[test]
fn a_key_that_somebody_else_brings_is_waited_for_not_made() {
    let (_root, dir, key_file) = place();
    let backend = Backend::File(KeySource::KeyFile(key_file.clone()));
    assert!(establish(&dir, &backend, MissingKey::Leave, &options()).is_err());
    assert!(!key_file.exists());
}
