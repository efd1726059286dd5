//! A ledger that is damaged page by page, byte by byte, and cut: it costs its history, and nothing else.

use std::sync::mpsc;

use super::*;

const PAGE: usize = 4_096;
/// No test waits for this; it turns a hang into a failure.
const NEVER: Duration = Duration::from_secs(300);

/// The bytes of a ledger with some hundred lines, and with a page of each kind.
fn some_hundred_lines(place: &Place) -> Vec<u8> {
    for day in 0..30 {
        let sent = BEGIN.plus(DAY * day);
        let all = (0..20).flat_map(|profile| entries(&format!("profile-with-a-long-name-{profile}"), sent, 1));
        place.records(&all.collect::<Vec<_>>());
    }
    let bytes = place.bytes(FILE).expect("a ledger");
    assert!(bytes.len() >= 16 * PAGE, "{} pages are too few to be of every kind", bytes.len() / PAGE);
    bytes
}

/// Puts a damaged ledger there, and asserts that a new line is counted in the end, with one ledger put aside at most.
/// Returns how many were, or `None` if the file is marked as of a newer version, or as read-only.
fn survive(place: &Place, damaged: &[u8], what: &str) -> Option<usize> {
    let mut quarantines = 0;
    for read_first in [true, false] {
        for name in [JOURNAL, QUARANTINE, "ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(place.path(name));
        }
        place.put(FILE, damaged);
        let mut put_aside = 0;
        let mut settled = false;
        // The first process that reads the damage may notice it, which is not the first that writes.
        for attempt in 0..3 {
            let now = BEGIN.plus(DAY * 31 + Duration::from_secs(attempt));
            let since = if attempt == 0 { BEGIN.plus(DAY / 2) } else { WallTime(0) };
            let asked = |aside: &mut usize| match place.ledger.stats(since, None) {
                Ok((stats, condition)) => {
                    *aside += usize::from(condition == Condition::Quarantined);
                    Some(requests(&stats, &format!("new-{attempt}")))
                }
                Err(LedgerError::NewerVersion | LedgerError::Database("it is read-only")) => None,
                Err(error) => panic!("{what}: {error:?}"),
            };
            if read_first {
                asked(&mut put_aside)?;
            }
            match place.ledger.record(&[entry(&format!("new-{attempt}"), now)]) {
                Ok(condition) => put_aside += usize::from(condition == Condition::Quarantined),
                Err(LedgerError::NewerVersion | LedgerError::Database("it is read-only")) => return None,
                Err(error) => panic!("{what}: {error:?}"),
            }
            settled = asked(&mut put_aside)? == 1;
            if settled {
                break;
            }
        }
        assert!(settled, "{what}: a new line is counted in the end");
        assert!(put_aside <= 1, "{what}: {put_aside} were put aside");
        let copy = place.bytes(QUARANTINE);
        assert_eq!(copy.is_some(), put_aside == 1, "{what}");
        assert_eq!(place.bytes(JOURNAL), None, "{what}");
        quarantines += put_aside;
    }
    Some(quarantines)
}

/// Fails if the work hangs.
fn bounded(work: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        let _ = ended.send(());
    });
    assert!(end.recv_timeout(NEVER) != Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_ledger_of_which_a_page_was_lost_or_overwritten_costs_its_history_at_most() {
    bounded(|| {
        let place = Place::new();
        let sound = some_hundred_lines(&place);
        let mut noticed = 0;
        for page in 0..sound.len() / PAGE {
            let mut noise = [0; PAGE];
            crate::system::random::fill(&mut noise).expect("randomness");
            let other = sound[(page + 3) * PAGE % sound.len()..][..PAGE].to_vec();
            for (what, content) in [("zeros", &[0; PAGE][..]), ("noise", &noise), ("another page", &other)] {
                let mut damaged = sound.clone();
                damaged[page * PAGE..][..PAGE].copy_from_slice(content);
                let aside = survive(&place, &damaged, &format!("page {page} of {what}"));
                noticed += usize::from(aside.is_some_and(|aside| aside > 0));
            }
        }
        assert!(noticed > sound.len() / PAGE, "most pages are read by somebody: {noticed}");
    });
}

#[test]
fn a_ledger_that_was_cut_costs_its_history_at_most() {
    bounded(|| {
        let place = Place::new();
        let sound = some_hundred_lines(&place);
        let at_pages = (0..sound.len()).step_by(PAGE).flat_map(|at| [at, at + 1, at + 511, at + PAGE / 2 + 7]);
        for length in at_pages.chain([15, 16, 17, 99, 100, sound.len() - 1]) {
            assert!(survive(&place, &sound[..length], &format!("cut to {length} bytes")).is_some(), "{length}");
        }
    });
}

#[test]
fn no_byte_of_the_header_makes_it_panic_or_hang() {
    bounded(|| {
        let place = Place::new();
        let sound = some_hundred_lines(&place);
        for at in 0..100 {
            for byte in [sound[at] ^ 0xff, sound[at] ^ 2] {
                let mut damaged = sound.clone();
                damaged[at] = byte;
                let survived = survive(&place, &damaged, &format!("byte {at} is {byte:#x}"));
                // The version of the format for writing, and the version of the schema.
                assert!(survived.is_some() || at == 18 || (60..64).contains(&at), "byte {at} is {byte:#x}");
            }
        }
    });
}

#[test]
fn what_a_killed_writer_left_in_the_journal_is_taken_back_by_who_reads() {
    let (place, other) = (Place::new(), tempfile::tempdir().expect("a temporary directory"));
    some_hundred_lines(&place);
    let expected = place.stats(WallTime(0));
    let writer = place.connection();
    writer
        .execute_batch("PRAGMA cache_size = 1; BEGIN; UPDATE request SET pid = 0; UPDATE daily SET requests = 7")
        .expect("the ledger is sound");
    // What a kill leaves: the half-written ledger, and the journal that knows how it was.
    for name in [FILE, JOURNAL] {
        fs::copy(place.path(name), other.path().join(name)).expect("it is there");
    }
    drop(writer);
    for name in [FILE, JOURNAL] {
        place.put(name, fs::read(other.path().join(name)).expect("it was copied"));
    }
    assert_eq!(place.stats(WallTime(0)), expected);
    assert_eq!(place.bytes(JOURNAL), None);
}

#[test]
fn the_first_damaged_ledger_is_never_replaced_and_of_those_after_it_the_last_is_kept() {
    let place = Place::new();
    for text in ["the first", "the second", "the third"] {
        place.put(FILE, text.repeat(1_000));
        let condition = place.ledger.record(&[entry("main", BEGIN)]).expect("written");
        assert_eq!(condition, Condition::Quarantined, "{text}");
    }
    assert_eq!(place.bytes(QUARANTINE), Some("the first".repeat(1_000).into_bytes()));
    assert_eq!(place.bytes(LATER_QUARANTINE), Some("the third".repeat(1_000).into_bytes()));
    assert_eq!(place.names(), [FILE, QUARANTINE, LATER_QUARANTINE, LOCK]);
    assert_eq!(place.count("main"), 1);
}
