//! The file `store`: which place for secrets was chosen, once, for a data directory.

use std::fmt;
use std::path::Path;

use super::key::WantedKey;
use super::{Backend, DataDirLock, LockError, SecretsError, UnlockOptions};
use crate::encoding::hex;
use crate::seal::KeyId;
use crate::system::files::{Dir, Durable, PlaceError, Stamp};
use crate::system::random::{self, NoRandomness};

pub(super) const NAME: &str = "store";
pub(super) const TEMPORARY: &str = "store.tmp";
const FIRST_LINE: &str = "tokenkeep-store";
const FORMAT: u32 = 1;
const CAP: usize = 64 * 1024;

/// The content of the file `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackendChoice {
    /// Names this data directory for ever.
    pub store_id: [u8; 16],
    /// The place that keeps secrets.
    pub backend: Backend,
    /// Mixed into the data key; another one makes another key of the same key file.
    pub rekey_salt: [u8; 16],
    /// The data key that everything here is sealed with; none before the first.
    pub key_id: Option<KeyId>,
}

/// Why the file `store` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It cannot be read or written, or must not be trusted.
    #[error("the file `store` of the data directory cannot be used")]
    Place(#[from] PlaceError),
    /// It is of a format newer than this program.
    #[error("the data directory was written by a newer version of tokenkeep")]
    NewerVersion,
    /// It is not what tokenkeep writes.
    #[error("the file `store` of the data directory is damaged (line {line})")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// The data directory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system has no randomness to give.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<ChoiceError> for SecretsError {
    fn from(error: ChoiceError) -> SecretsError {
        match error {
            ChoiceError::Place(error) => SecretsError::Place(error),
            ChoiceError::Randomness(error) => SecretsError::from(error),
            ChoiceError::Lock(error) => SecretsError::from(error),
            other @ (ChoiceError::NewerVersion | ChoiceError::Damaged { .. }) => {
                SecretsError::NoPlace(other.to_string())
            }
        }
    }
}

impl BackendChoice {
    /// Makes a choice for a new data directory.
    pub(crate) fn new(backend: Backend) -> Result<BackendChoice, ChoiceError> {
        Ok(BackendChoice { store_id: random::bytes()?, backend, rekey_salt: random::bytes()?, key_id: None })
    }

    /// Names the key that belongs to the choice. `moved_to` is the key file in the present configuration.
    pub(super) fn wanted_key<'a>(&'a self, options: &'a UnlockOptions, moved_to: Option<&'a Path>) -> WantedKey<'a> {
        let BackendChoice { store_id, rekey_salt, key_id, .. } = self;
        WantedKey { store_id, rekey_salt, id: *key_id, moved_to, options }
    }

    /// Reads the choice; `None` if none was made yet.
    pub(crate) fn load(data_dir: &Dir) -> Result<Option<BackendChoice>, ChoiceError> {
        match data_dir.read(NAME, CAP)? {
            Some(bytes) => BackendChoice::parse(&bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Distinguishes one state of the file from another; `None` if there is no file, or its state cannot be read.
    pub(crate) fn stamp(data_dir: &Dir) -> Option<Stamp> {
        data_dir.stamp(NAME).ok().flatten()
    }

    /// Writes the choice durably, in one step.
    pub(crate) fn save(&self, data_dir: &Dir, lock: &DataDirLock) -> Result<(), ChoiceError> {
        lock.still_holds(data_dir)?;
        Ok(data_dir.replace(NAME, TEMPORARY, self.to_string().as_bytes(), Durable::Yes)?)
    }

    /// Reads what [`BackendChoice`]'s `Display` writes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<BackendChoice, ChoiceError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ChoiceError::Damaged { line: 1 })?;
        let mut lines = Lines { lines: text.lines(), at: 0 };
        match lines.value(FIRST_LINE)?.parse::<u32>() {
            Ok(FORMAT) => {}
            Ok(newer) if newer > FORMAT => return Err(ChoiceError::NewerVersion),
            _ => return Err(lines.damaged()),
        }
        let store_id = hex::decode(lines.value("id")?).ok_or(lines.damaged())?;
        let name = lines.value("backend")?;
        let backend = Backend::parse(name, || lines.next()).ok_or(lines.damaged())?;
        let rekey_salt = hex::decode(lines.value("salt")?).ok_or(lines.damaged())?;
        let key_id = match lines.next() {
            None => None,
            Some(line) => {
                let id = line.strip_prefix("key ").and_then(hex::decode);
                Some(KeyId(id.ok_or(lines.damaged())?))
            }
        };
        match lines.next() {
            Some(_) => Err(lines.damaged()),
            None => Ok(BackendChoice { store_id, backend, rekey_salt, key_id }),
        }
    }
}

/// The lines of the file, and which was read last.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.lines.next()
    }

    fn value(&mut self, key: &str) -> Result<&'a str, ChoiceError> {
        let line = self.next().unwrap_or_default();
        line.strip_prefix(key).and_then(|rest| rest.strip_prefix(' ')).ok_or(self.damaged())
    }

    fn damaged(&self) -> ChoiceError {
        ChoiceError::Damaged { line: self.at }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE} {FORMAT}")?;
        writeln!(f, "id {}", hex::encode(&self.store_id))?;
        writeln!(f, "backend {}", self.backend)?;
        writeln!(f, "salt {}", hex::encode(&self.rekey_salt))?;
        if let Some(id) = &self.key_id {
            writeln!(f, "key {id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::path::PathBuf;

    use super::*;
    use crate::secrets::{Argon2Cost, KeySource};
    use crate::system::files::{Missing, path_from_bytes};

    fn choice(path: &[u8]) -> BackendChoice {
        let key_file = path_from_bytes(path.to_vec()).unwrap_or_else(|| PathBuf::from("/k"));
        let mut choice = BackendChoice::new(Backend::File(KeySource::KeyFile(key_file))).expect("randomness");
        choice.key_id = Some(KeyId([5; 32]));
        choice
    }

    #[test]
    fn a_format_that_is_newer_is_told_apart_from_damage() {
        let text = choice(b"/k").to_string();
        let newer = text.replace("tokenkeep-store 1", "tokenkeep-store 2");
        assert!(matches!(BackendChoice::parse(newer.as_bytes()), Err(ChoiceError::NewerVersion)));
        let damaged = text.replace("backend file", "backend cloud");
        assert!(matches!(BackendChoice::parse(damaged.as_bytes()), Err(ChoiceError::Damaged { line: 3 })));
        let longer = format!("{text}x\n");
        assert!(matches!(BackendChoice::parse(longer.as_bytes()), Err(ChoiceError::Damaged { line: 7 })));
        assert!(matches!(BackendChoice::parse(b""), Err(ChoiceError::Damaged { line: 1 })));
    }

    #[test]
    fn a_choice_is_kept_in_the_data_directory() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        assert!(BackendChoice::load(&dir).expect("loads").is_none());
        let lock = DataDirLock::take(&dir).expect("free");
        choice(b"/k").save(&dir, &lock).expect("saved");
        assert!(BackendChoice::load(&dir).expect("loads").is_some());
    }

    #[test]
    fn every_backend_and_key_source_is_read_back() {
        let sources = [KeySource::Credential("tk.key".to_owned()), KeySource::Passphrase(Argon2Cost::DEFAULT)];
        let files = sources.into_iter().map(Backend::File);
        for backend in [Backend::Keyring, Backend::None].into_iter().chain(files) {
            let choice = BackendChoice::new(backend).expect("randomness");
            assert_eq!(BackendChoice::parse(choice.to_string().as_bytes()).ok(), Some(choice));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_whatever_the_path(path in prop::collection::vec(1_u8.., 0..64)) {
            let choice = choice(&[b"/", path.as_slice()].concat());
            let text = choice.to_string();
            prop_assert_eq!(text.lines().count(), 6);
            prop_assert_eq!(BackendChoice::parse(text.as_bytes()).ok(), Some(choice));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..128), cut in 0_usize..200) {
            let _ = BackendChoice::parse(&bytes);
            let text = choice(b"/k%").to_string();
            let _ = BackendChoice::parse(&text.as_bytes()[..cut.min(text.len())]);
        }
    }
}
