//! Records as files: `tokens/NAME`, `tokens/NAME.refused` and `tokens/NAME.rejected` in the data directory.

use std::path::Path;
use std::sync::Arc;

use super::{LockDir, RecordError, RecordKey, RecordKind, RecordStore, WriteMode};
use crate::seal::LARGEST_RECORD;
use crate::system::clock::{Clock, SystemClock};
use crate::system::files::{Dir, Durable, Missing, NoPlace, PlaceError, Stamp, absolute, random_name};
use crate::token::RecordName;

/// Temporaries of writers without the turn are removed when they are older than this, in seconds.
const STALE_AFTER: i64 = 600;

/// Keeps records in files, so that they outlive the process and processes share them. The files are sealed with the key
/// of [`KeeperBuilder::data_key`](crate::KeeperBuilder::data_key), which has to outlive the process too.
///
/// Keepers on one directory request a token once, in whichever processes they are.
///
/// ```no_run
/// # fn of(profile: tokenkeep::Profile, secret: &str, key: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use tokenkeep::Keeper;
/// use tokenkeep::store::{DataKey, FileStore};
///
/// let store = FileStore::open("/var/cache/billing/tokens")?;
/// let keeper = Keeper::builder(profile)
///     .secret(secret)
///     .store(Arc::new(store))
///     .data_key(DataKey::new(key.into())) // 32 random bytes, kept as well as the secret
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FileStore {
    data_dir: Arc<Dir>,
    clock: Arc<dyn Clock>,
}

impl FileStore {
    /// Opens a directory that holds only records, and makes it if it is not there, for this user only (0700). A
    /// relative path is taken from the current directory, once.
    ///
    /// # Errors
    /// When it cannot be made or opened, when others can write there, or when it belongs to another user. Also when it
    /// is a data directory of the command line, whose records have another key.
    pub fn open(path: impl AsRef<Path>) -> Result<FileStore, RecordError> {
        let path = path.as_ref();
        let path = absolute(path).map_err(|NoPlace(source)| PlaceError::Io {
            path: path.to_owned(),
            doing: "find",
            source,
        })?;
        let dir = LockDir::open(&path)?.0;
        if dir.stamp("store")?.is_some() {
            return Err(RecordError::Occupied(path));
        }
        Ok(FileStore::new(dir, Arc::new(SystemClock)))
    }

    /// Makes a store below a data directory; the clock shows which temporaries are stale.
    pub(crate) fn new(data_dir: Arc<Dir>, clock: Arc<dyn Clock>) -> FileStore {
        FileStore { data_dir, clock }
    }

    fn tokens(&self, missing: Missing) -> Result<Option<Dir>, RecordError> {
        Ok(self.data_dir.dir("tokens", missing)?)
    }

    /// Removes the temporaries of this record that killed writers without the turn left. The record is saved by now: if
    /// one cannot be removed, the next holder tries again. The folder is not listed: it may hold a hundred thousand
    /// records.
    fn sweep(&self, tokens: &Dir, name: &str) {
        for digit in DIGITS.chars() {
            let left = alone(name, digit);
            let swept = tokens.modified(&left).and_then(|modified| {
                let stale = modified.is_some_and(|at| self.clock.wall().seconds().saturating_sub(at) > STALE_AFTER);
                if stale { tokens.remove(&left) } else { Ok(false) }
            });
            if let Err(error) = swept {
                tracing::debug!("a stale temporary stays: {error}");
            }
        }
    }
}

impl RecordStore for FileStore {
    fn load(&self, slot: RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        match self.tokens(Missing::Leave)? {
            Some(tokens) => match tokens.read(&file_name(slot), LARGEST_RECORD) {
                // No writer seals one as large as that: it does not open, and is replaced.
                Err(PlaceError::TooLarge { .. }) => Ok(Some(Vec::new())),
                read => Ok(read?),
            },
            None => Ok(None),
        }
    }

    fn save(&self, slot: RecordKey, record: &[u8], writer: WriteMode) -> Result<(), RecordError> {
        let Some(tokens) = self.tokens(Missing::Create)? else { return Ok(()) };
        let name = file_name(slot);
        let temporary = match writer {
            WriteMode::Exclusive => format!("{name}.tmp"),
            WriteMode::Concurrent => free(&tokens, &name)?,
        };
        // Not synced: a record that a power cut tore does not open, and is requested again.
        tokens.replace(&name, &temporary, record, Durable::No)?;
        if writer == WriteMode::Exclusive {
            self.sweep(&tokens, &name);
        }
        Ok(())
    }

    fn remove(&self, slot: RecordKey) -> Result<bool, RecordError> {
        match self.tokens(Missing::Leave)? {
            Some(tokens) => Ok(tokens.remove(&file_name(slot))?),
            None => Ok(false),
        }
    }

    fn list(&self) -> Result<Vec<RecordKey>, RecordError> {
        match self.tokens(Missing::Leave)? {
            Some(tokens) => Ok(tokens.names()?.iter().filter_map(|name| slot(name)).collect()),
            None => Ok(Vec::new()),
        }
    }

    fn stamp(&self, slot: RecordKey) -> Result<Option<Stamp>, RecordError> {
        match self.tokens(Missing::Leave)? {
            Some(tokens) => Ok(tokens.stamp(&file_name(slot))?),
            None => Ok(None),
        }
    }

    fn locks(&self) -> Option<LockDir> {
        Some(LockDir(self.data_dir.clone()))
    }
}

/// One of 16 names: enough for the writers without the turn at the same time, few enough to look at each later.
const DIGITS: &str = "0123456789abcdef";

/// Returns the name of a temporary that is not in use. Two writers that chose the same one at the same moment may tear
/// the record between them; a torn one does not open, and is requested again.
fn free(tokens: &Dir, name: &str) -> Result<String, PlaceError> {
    let first = random_name()?.chars().find_map(|digit| DIGITS.find(digit)).unwrap_or(0);
    let mut names = DIGITS.chars().cycle().skip(first).take(DIGITS.len()).map(|digit| alone(name, digit));
    let unused = names.find(|temporary| !matches!(tokens.stamp(temporary), Ok(Some(_))));
    Ok(unused.unwrap_or_else(|| alone(name, '0')))
}

fn alone(name: &str, digit: char) -> String {
    format!("{name}.{digit}.tmp")
}

const REFUSED: &str = ".refused";
const REJECTED: &str = ".rejected";

fn file_name(slot: RecordKey) -> String {
    let name = slot.name.to_hex();
    match slot.holds {
        RecordKind::Token => name,
        RecordKind::Refusal => name + REFUSED,
        RecordKind::Rejection => name + REJECTED,
    }
}

fn slot(file_name: &str) -> Option<RecordKey> {
    let (name, holds) = match (file_name.strip_suffix(REFUSED), file_name.strip_suffix(REJECTED)) {
        (Some(name), _) => (name, RecordKind::Refusal),
        (None, Some(name)) => (name, RecordKind::Rejection),
        (None, None) => (file_name, RecordKind::Token),
    };
    RecordName::from_hex(name).map(|name| RecordKey { name, holds })
}

/// What lies in the folder of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// A record.
    Record(RecordKind),
    /// The temporary of the holder of the turn.
    OfHolder,
    /// A temporary of another writer.
    OfAnother,
}

/// Returns what a file is, and of which record; `None` if it is no file of ours.
pub(crate) fn leftover(file_name: &str) -> Option<(Option<RecordName>, Leftover)> {
    if let Some(slot) = slot(file_name) {
        return Some((Some(slot.name), Leftover::Record(slot.holds)));
    }
    let temporary = file_name.strip_suffix(".tmp")?;
    if let Some(slot) = slot(temporary) {
        return Some((Some(slot.name), Leftover::OfHolder));
    }
    // What `doctor` writes, or that and its temporary.
    if temporary.starts_with("doctor.") {
        return Some((None, Leftover::OfAnother));
    }
    let of = temporary.strip_suffix(|digit| DIGITS.contains(digit))?.strip_suffix('.')?;
    slot(of).map(|slot| (Some(slot.name), Leftover::OfAnother))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::clock::{ManualClock, SystemClock, WallTime};

    fn store(clock: Arc<dyn Clock>) -> (tempfile::TempDir, FileStore) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        (root, FileStore::new(Arc::new(dir), clock))
    }

    #[test]
    fn files_keep_the_contract_of_a_record_store() {
        let (_root, store) = store(Arc::new(SystemClock));
        super::super::contract::check(&store);
    }

    #[test]
    fn a_holder_removes_temporaries_over_ten_minutes_old_and_no_others() {
        let clock = Arc::new(ManualClock::new(SystemClock.wall()));
        let (root, store) = store(clock.clone());
        let slot = super::super::contract::slot(b"a");
        store.save(slot, b"x", WriteMode::Exclusive).expect("saved");
        let left = root.path().join("data/tokens").join(format!("{}.0.tmp", slot.name.to_hex()));
        std::fs::write(&left, b"torn").expect("left behind");
        store.save(slot, b"x", WriteMode::Exclusive).expect("saved");
        assert!(left.exists(), "somebody may be writing it");
        clock.set_wall(WallTime(clock.wall().0 + 700_000_000_000));
        store.save(slot, b"x", WriteMode::Exclusive).expect("saved");
        assert!(!left.exists());
    }

    #[test]
    fn what_is_no_record_is_not_listed() {
        for name in [
            "",
            "x",
            ".refused",
            ".rejected",
            "00.tmp",
            &"0".repeat(63),
            &"G".repeat(64),
            &format!("{}.tmp", "0".repeat(64)),
        ] {
            assert_eq!(slot(name), None, "{name}");
        }
    }
}
