//! The file `configurations` of a data directory: which configuration directories store secrets here.
//!
//! Several may: a secret that no profile of one of them names may belong to another. Only if all of them can be read is
//! it certain that nothing names a secret.

use std::path::{Path, PathBuf};

use super::{DataDirLock, SealedFiles, SecretsError};
use crate::system::files::{Dir, Durable, path_from_text, path_to_text};

const NAME: &str = "configurations";
pub(super) const TEMPORARY: &str = "configurations.tmp";
const FIRST_LINE: &str = "tokenkeep-configurations 1";
const UNKNOWN: &str = "unknown";
const LARGEST: usize = 256 * 1024;

/// Which configuration directories store secrets in a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configurations {
    /// Secrets were stored before the file was begun, so there may be others.
    earlier_unknown: bool,
    directories: Vec<PathBuf>,
}

impl Configurations {
    /// Reads the file. Without one, secrets that are there may belong to anything.
    pub(crate) fn load(data_dir: &Dir) -> Result<Configurations, SecretsError> {
        match data_dir.read(NAME, LARGEST)? {
            Some(bytes) => Configurations::parse(&bytes).ok_or(SecretsError::ConfigurationsUnusable),
            None => Ok(Configurations { earlier_unknown: SealedFiles::any(data_dir)?, directories: Vec::new() }),
        }
    }

    /// Notes that a configuration directory is about to store a secret here.
    pub(crate) fn note(data_dir: &Dir, directory: &Path, lock: &DataDirLock) -> Result<(), SecretsError> {
        let mut present = Configurations::load(data_dir)?;
        if present.directories.iter().any(|known| known == directory) {
            return Ok(());
        }
        lock.still_holds(data_dir)?;
        present.directories.push(directory.to_owned());
        Ok(data_dir.replace(NAME, TEMPORARY, present.text().as_bytes(), Durable::Yes)?)
    }

    /// Erases the file, with everything that was stored.
    pub(crate) fn erase(data_dir: &Dir, _lock: &DataDirLock) -> Result<(), SecretsError> {
        data_dir.remove(NAME)?;
        Ok(())
    }

    /// Returns whether every configuration directory is known by name.
    pub(crate) fn are_all_known(&self) -> bool {
        !self.earlier_unknown
    }

    /// Lists the configuration directories but for `own`.
    pub(crate) fn others<'a>(&'a self, own: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.directories.iter().map(PathBuf::as_path).filter(move |directory| *directory != own)
    }

    fn text(&self) -> String {
        let unknown = if self.earlier_unknown { "unknown\n" } else { "" };
        let lines = self.directories.iter().map(|directory| format!("directory {}\n", path_to_text(directory)));
        format!("{FIRST_LINE}\n{unknown}{}", lines.collect::<String>())
    }

    fn parse(bytes: &[u8]) -> Option<Configurations> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines().peekable();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let earlier_unknown = lines.next_if(|line| *line == UNKNOWN).is_some();
        let directories = lines.map(|line| path_from_text(line.strip_prefix("directory ")?)).collect::<Option<_>>()?;
        Some(Configurations { earlier_unknown, directories })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::files::Missing;

    #[test]
    fn what_is_noted_is_read_back_and_noted_once() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        let lock = DataDirLock::take(&dir).expect("free");
        let (a, b) = (root.path().join("a b%\n"), root.path().join("b"));
        for directory in [&a, &b, &a] {
            Configurations::note(&dir, directory, &lock).expect("noted");
        }
        let read = Configurations::load(&dir).expect("read");
        assert!(read.are_all_known());
        assert_eq!(read.others(&b).collect::<Vec<_>>(), [a.as_path()]);
    }

    #[test]
    fn secrets_that_were_stored_before_may_belong_to_an_unknown_directory() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        let secrets = dir.dir("secrets", Missing::Create).expect("made").expect("there");
        secrets.replace("x", "x.tmp", b"", Durable::No).expect("written");
        let lock = DataDirLock::take(&dir).expect("free");
        assert!(!Configurations::load(&dir).expect("read").are_all_known());
        Configurations::note(&dir, root.path(), &lock).expect("noted");
        assert!(!Configurations::load(&dir).expect("read").are_all_known());
    }

    #[test]
    fn a_damaged_or_newer_file_is_refused() {
        for text in ["", "tokenkeep-configurations 2\n", "tokenkeep-configurations 1\ndirectory %\n", "x\n"] {
            assert_eq!(Configurations::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
