//! Entries that could not be written at once: one small file each, in the folder `ledger.pending`.

use super::Entry;
use crate::system::clock::WallTime;
use crate::system::files::{Dir, Durable, Missing, PlaceError};

const FOLDER: &str = "ledger.pending";
/// The most that are written at once.
const MOST: usize = 10_000;
const LARGEST: usize = 4_096;
const TEMPORARY: &str = ".tmp";
/// After how many seconds a temporary is one that a kill left.
const STALE_AFTER: i64 = 600;

/// The entries that wait in a data directory.
pub(super) struct Pending<'a> {
    data_dir: &'a Dir,
}

impl<'a> Pending<'a> {
    pub(super) fn of(data_dir: &'a Dir) -> Pending<'a> {
        Pending { data_dir }
    }

    /// Puts an entry down.
    pub(super) fn add(&self, entry: &Entry) -> Result<(), PlaceError> {
        let Some(folder) = self.data_dir.dir(FOLDER, Missing::Create)? else { return Ok(()) };
        // If no process ever writes them, the history has a gap instead of the disk a leak.
        if folder.names()?.len() >= MOST {
            return Ok(());
        }
        let name = format!("{:016x}", entry.id);
        let bytes = serde_json::to_vec(entry).unwrap_or_default();
        folder.replace(&name, &format!("{name}{TEMPORARY}"), &bytes, Durable::No)
    }

    /// Reads the entries that wait, with their names. A file that is no entry is removed.
    pub(super) fn entries(&self) -> Result<Vec<(String, Entry)>, PlaceError> {
        let Some(folder) = self.data_dir.dir(FOLDER, Missing::Leave)? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for name in folder.names()?.into_iter().filter(|name| !name.ends_with(TEMPORARY)).take(MOST) {
            // Another process may have written and removed it meanwhile.
            let entry = match folder.read(&name, LARGEST) {
                Ok(Some(bytes)) => serde_json::from_slice(&bytes).ok(),
                Ok(None) => continue,
                Err(PlaceError::TooLarge { .. }) => None,
                Err(error) => return Err(error),
            };
            match entry {
                Some(entry) => entries.push((name, entry)),
                None => drop(folder.remove(&name)?),
            }
        }
        Ok(entries)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), PlaceError> {
        if let Some(folder) = self.data_dir.dir(FOLDER, Missing::Leave)? {
            folder.remove(name)?;
        }
        Ok(())
    }

    /// Removes what killed processes left while they put an entry down.
    pub(super) fn sweep(&self, now: WallTime) -> Result<(), PlaceError> {
        let Some(folder) = self.data_dir.dir(FOLDER, Missing::Leave)? else { return Ok(()) };
        for name in folder.names()?.iter().filter(|name| name.ends_with(TEMPORARY)) {
            let stale = folder.modified(name)?.is_some_and(|at| now.seconds().saturating_sub(at) > STALE_AFTER);
            if stale {
                folder.remove(name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::entry::Kind;
    use super::*;
    use crate::system::clock::{Clock as _, SystemClock};
    use crate::token::RecordName;

    fn data_dir() -> (tempfile::TempDir, Arc<Dir>) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        (root, Arc::new(dir))
    }

    fn put(dir: &Dir, name: &str, bytes: &[u8]) {
        let folder = dir.dir(FOLDER, Missing::Create).expect("made").expect("there");
        folder.replace(name, "made", bytes, Durable::No).expect("written");
    }

    prop_compose! {
        fn any_entry()(
            id in any::<i64>(),
            profile in "[a-z0-9][a-z0-9._-]{0,63}",
            identity in any::<[u8; 32]>(),
            outcome in "[a-z_]{1,30}",
            http_status in any::<Option<u16>>(),
            latency_ms in any::<u32>(),
            lifetime_s in any::<Option<i64>>(),
            pid in any::<u32>(),
            program in "\\PC{0,64}",
        ) -> Entry {
            let identity = RecordName::from_hex(&crate::encoding::hex::encode(&identity)).expect("64 digits");
            let entry = Entry::new(&profile, identity, Kind::Token, WallTime(0), Duration::ZERO);
            Entry { id, outcome, http_status, latency_ms, lifetime_s, pid, program, ..entry }
        }
    }

    proptest! {
        #[test]
        fn an_entry_that_is_put_down_is_read_as_it_was(entry in any_entry()) {
            let (_root, dir) = data_dir();
            let pending = Pending::of(&dir);
            pending.add(&entry).expect("put down");
            let waiting = pending.entries().expect("read");
            prop_assert_eq!(waiting.iter().map(|(_, entry)| entry).collect::<Vec<_>>(), [&entry]);
            pending.remove(&waiting[0].0).expect("removed");
            prop_assert!(pending.entries().expect("read").is_empty());
        }

        #[test]
        fn any_bytes_in_place_of_an_entry_are_passed_over_and_removed(
            bytes in prop::collection::vec(any::<u8>(), 0..6_000),
        ) {
            let (root, dir) = data_dir();
            put(&dir, "0000000000000001", &bytes);
            prop_assert!(Pending::of(&dir).entries().expect("read").is_empty());
            prop_assert!(!root.path().join("data/ledger.pending/0000000000000001").exists());
        }

        #[test]
        fn an_entry_that_was_edited_is_an_entry_or_passed_over(
            entry in any_entry(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let (_root, dir) = data_dir();
            let mut bytes = serde_json::to_vec(&entry).expect("plain data");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            put(&dir, "0000000000000001", &bytes);
            prop_assert!(Pending::of(&dir).entries().expect("read").len() <= 1);
        }
    }

    #[test]
    fn a_latency_that_no_sum_could_hold_is_no_entry() {
        let (_root, dir) = data_dir();
        let identity = RecordName::from_hex(&"0".repeat(64)).expect("64 digits");
        let entry = Entry::new("main", identity, Kind::Token, WallTime(0), Duration::from_secs(u64::MAX));
        let text = serde_json::to_string(&entry).expect("plain data");
        let longest = format!("\"latency_ms\":{}", u32::MAX);
        assert!(text.contains(&longest), "{text}");
        for latency in ["-1".to_owned(), i64::MAX.to_string()] {
            put(&dir, "1", text.replace(&longest, &format!("\"latency_ms\":{latency}")).as_bytes());
            assert!(Pending::of(&dir).entries().expect("read").is_empty(), "{latency}");
        }
    }

    #[test]
    fn a_temporary_is_removed_when_nobody_can_be_writing_it_any_more() {
        let (root, dir) = data_dir();
        put(&dir, "0000000000000001.tmp", b"torn");
        let left = root.path().join("data/ledger.pending/0000000000000001.tmp");
        let now = SystemClock.wall();
        Pending::of(&dir).sweep(now).expect("swept");
        assert!(left.exists(), "somebody may be writing it");
        Pending::of(&dir).sweep(now.plus(Duration::from_secs(700))).expect("swept");
        assert!(!left.exists());
    }
}
