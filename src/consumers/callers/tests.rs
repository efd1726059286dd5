use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000;

struct Place {
    root: tempfile::TempDir,
    dir: Dir,
}

impl Place {
    fn new() -> Place {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        Place { root, dir }
    }

    /// A process asks at this second, and is handed a token whose end is an hour later.
    fn ask(&self, process: u32, token: &str, at: i64) -> Meaning {
        self.asked(process, token, at, |_| true).expect("noted")
    }

    fn asked(
        &self,
        process: u32,
        token: &str,
        at: i64,
        is_running: impl Fn(ProcessId) -> bool,
    ) -> Result<Meaning, Unnoted> {
        let caller = ProcessId { number: process, started: 7 };
        let entry = Holder { caller, digest: digest(token, caller), since: at, end: at + 3_600 };
        note(&self.dir, &entry, WallTime(at * 1_000_000_000), is_running)
    }

    fn text(&self) -> String {
        String::from_utf8(self.dir.read(CALLERS, 1 << 20).expect("reads").unwrap_or_default()).expect("text")
    }

    fn entries(&self) -> usize {
        self.text().lines().count().saturating_sub(1)
    }

    fn plant(&self, content: &[u8]) {
        self.dir.replace(CALLERS, "callers.tmp", content, crate::system::files::Durable::No).expect("planted");
    }
}

#[test]
fn a_process_that_asks_again_after_ten_seconds_reports_a_refusal() {
    let place = Place::new();
    assert_eq!(place.ask(1, "a", NOW), Meaning::Wanted);
    for at in [0, 5, 10] {
        assert_eq!(place.ask(1, "a", NOW + at), Meaning::Wanted, "{at}");
    }
    for at in [11, 12, 3_599] {
        assert_eq!(place.ask(1, "a", NOW + at), Meaning::Refused, "{at}: counted from the first time");
    }
    assert_eq!(place.ask(1, "b", NOW + 12), Meaning::Wanted, "another token");
    assert_eq!(place.ask(2, "a", NOW + 12), Meaning::Wanted, "another process");
}

#[test]
fn a_process_of_the_same_number_is_another_one() {
    let place = Place::new();
    place.ask(1, "a", NOW);
    let later = ProcessId { number: 1, started: 8 };
    let entry = Holder { caller: later, digest: digest("a", later), since: NOW + 60, end: NOW + 3_600 };
    let asked = note(&place.dir, &entry, WallTime((NOW + 60) * 1_000_000_000), |process| process == later);
    assert_eq!(asked.expect("noted"), Meaning::Wanted);
    assert_eq!(place.entries(), 1, "the first one is gone");
}

#[test]
fn a_client_that_asks_when_the_token_is_over_for_it_reports_nothing() {
    let place = Place::new();
    place.ask(1, "a", NOW);
    assert_eq!(place.ask(1, "a", NOW + 3_600), Meaning::Wanted);
    assert_eq!(place.ask(1, "a", NOW + 3_605), Meaning::Wanted, "from then on it is counted again");
    assert_eq!(place.ask(1, "a", NOW + 3_611), Meaning::Refused);
}

#[test]
fn a_clock_that_was_set_back_is_no_refusal() {
    let place = Place::new();
    place.ask(1, "a", NOW);
    assert_eq!(place.ask(1, "a", NOW - 1_000), Meaning::Wanted);
    assert_eq!(place.ask(1, "a", NOW - 900), Meaning::Refused);
}

#[test]
fn what_is_over_or_gone_is_removed_and_at_most_64_are_kept() {
    let place = Place::new();
    for process in 1..=70 {
        place.ask(process, "a", NOW + i64::from(process));
    }
    assert_eq!(place.entries(), MOST);
    assert_eq!(place.ask(1, "a", NOW + 100), Meaning::Wanted, "the oldest went first");
    assert_eq!(place.ask(70, "a", NOW + 100), Meaning::Refused);
    let even = |process: ProcessId| process.number.is_multiple_of(2);
    place.asked(200, "a", NOW + 100, even).expect("noted");
    assert_eq!(place.entries(), 33);
    place.ask(201, "a", NOW + 3_800);
    assert_eq!(place.entries(), 1);
}

#[test]
fn the_file_holds_no_token_and_nothing_that_two_processes_have_in_common() {
    let place = Place::new();
    place.ask(1, "the-token", NOW);
    place.ask(2, "the-token", NOW);
    let text = place.text();
    assert!(!text.contains("the-token"), "{text}");
    let digests: Vec<_> = text.lines().skip(1).filter_map(|line| line.split(' ').nth(3)).collect();
    assert!(digests.len() == 2 && digests[0] != digests[1], "{text}");
}

#[test]
fn a_call_that_changes_nothing_writes_nothing() {
    let place = Place::new();
    place.ask(1, "a", NOW);
    let before = place.dir.stamp(CALLERS).expect("stamps");
    place.ask(1, "a", NOW + 5);
    place.ask(1, "a", NOW + 50);
    assert_eq!(place.dir.stamp(CALLERS).expect("stamps"), before);
}

#[test]
fn a_file_of_a_newer_version_stays_as_it_is_and_a_damaged_one_is_begun_again() {
    let place = Place::new();
    place.plant(b"tokenkeep-callers 2\nx\n");
    assert!(matches!(place.asked(1, "a", NOW, |_| true), Err(Unnoted::Newer)));
    assert_eq!(place.text(), "tokenkeep-callers 2\nx\n");
    for damaged in [&b"junk"[..], b"", b"\xff\xfe\0", b"tokenkeep-callers x\n"] {
        place.plant(damaged);
        assert_eq!(place.ask(1, "a", NOW), Meaning::Wanted);
        assert_eq!(place.entries(), 1);
    }
}

#[test]
fn a_process_that_holds_the_file_is_not_waited_for() {
    let place = Place::new();
    place.ask(1, "a", NOW);
    let held = place.dir.lock_file(CALLERS).expect("opened");
    held.try_lock().expect("free");
    assert!(matches!(place.asked(1, "a", NOW + 60, |_| true), Err(Unnoted::Busy)));
    drop(held);
    assert_eq!(place.ask(1, "a", NOW + 60), Meaning::Refused);
}

#[test]
fn the_file_is_one_of_our_own() {
    let place = Place::new();
    let data_dir = place.root.path().join("data");
    let config_dir = place.root.path().join("config");
    let home = crate::open::Home::find(Some(config_dir), Some(data_dir.clone())).expect("two directories");
    assert!(home.is_own_file(&data_dir.join(CALLERS)));
}

proptest! {
    #[test]
    fn any_content_is_read_or_passed_over(content in prop::collection::vec(any::<u8>(), 0..400), line in "[ -~]{0,80}") {
        let place = Place::new();
        for text in [content, format!("tokenkeep-callers 1\ncaller {line}\n{line}\n").into_bytes()] {
            place.plant(&text);
            prop_assert!(matches!(place.asked(1, "a", NOW, |_| true), Ok(Meaning::Wanted) | Err(Unnoted::Newer)));
        }
    }
}
