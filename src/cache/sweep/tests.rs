use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::cache::store::{FileStore, WriteMode};
use crate::seal::DataKey;
use crate::system::clock::{ManualClock, SystemClock};
use crate::system::secret::Secret;
use crate::token::{Dimensions, LifetimeFrom, TokenIdentity};

const HOUR: Duration = Duration::from_secs(3_600);

/// A data directory with a cache in it, under a clock that starts at the files' times.
struct Place {
    root: tempfile::TempDir,
    dir: Arc<Dir>,
    cache: Cache,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Place {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        let (dir, clock) = (Arc::new(dir), Arc::new(ManualClock::new(SystemClock.wall())));
        let store = FileStore::new(dir.clone(), clock.clone());
        let cache = Cache::new(Arc::new(store), DataKey::random().expect("randomness"));
        Place { root, dir, cache, clock }
    }

    /// Keeps a token of an hour under a name of its own, as the holder of a turn does.
    fn keep(&self, client_id: &str) -> RecordName {
        let identity = identity(client_id);
        let validity = Validity { sent: self.clock.now(), lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer };
        let token = AccessToken::new(Secret::from("x"), "Bearer", None, validity).expect("visible ASCII");
        self.cache.keep(&identity, &token, WriteMode::Exclusive, &*self.clock).expect("kept");
        single_flight::if_free(&self.dir, &identity.name().to_hex(), |_| ()).expect("free");
        identity.name()
    }

    fn path(&self, folder: &str, file: &str) -> PathBuf {
        self.root.path().join("data").join(folder).join(file)
    }

    fn plant(&self, folder: &str, file: &str) {
        drop(self.dir.dir(folder, Missing::Create).expect("made"));
        std::fs::write(self.path(folder, file), b"").expect("planted");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let closed = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(self.path(folder, file), closed).expect("closed to others");
        }
    }

    /// Dates a lock by the manual clock: the system dates it by its own, which is a day behind by then.
    fn date(&self, lock: &str) {
        let seconds = u64::try_from(self.clock.wall().seconds()).expect("after 1970");
        let lock = std::fs::File::options().write(true).open(self.path("locks", lock)).expect("there");
        lock.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).expect("ours");
    }

    fn files(&self, folder: &str) -> usize {
        std::fs::read_dir(self.path(folder, "")).map_or(0, Iterator::count)
    }

    fn sweep(&self, extent: Extent) -> usize {
        sweep(&self.dir, Some(&self.cache), &*self.clock, extent).expect("swept")
    }
}

fn identity(client_id: &str) -> TokenIdentity {
    TokenIdentity::new(&Dimensions {
        token_endpoint: "https://issuer.example/token",
        issuer: None,
        client_id,
        auth_method: "client_secret_basic",
        scopes: &[],
        audience: None,
        resources: &[],
        params: &[],
        generation: None,
        certificate: None,
        binding: None,
        grant: None,
        headers: None,
    })
}

#[test]
fn what_was_over_for_a_day_goes_with_its_lock_and_nothing_goes_before() {
    for extent in [Extent::Everything, Extent::Sample] {
        let place = Place::new();
        for n in 0..100 {
            place.keep(&n.to_string());
        }
        place.clock.advance(23 * HOUR);
        assert_eq!(place.sweep(extent), 0, "{extent:?}");
        assert_eq!((place.files("tokens"), place.files("locks")), (100, 100), "{extent:?}");
        // An hour of life, a day, and a minute: files are dated by the system, whose time goes on.
        place.clock.advance(2 * HOUR + Duration::from_secs(60));
        let another = place.keep("another");
        place.date(&another.to_hex());
        assert_eq!(place.sweep(extent), 200, "{extent:?}");
        assert_eq!((place.files("tokens"), place.files("locks")), (1, 1), "{extent:?}");
    }
}

#[cfg(feature = "cli")]
#[test]
fn a_rejection_goes_a_day_after_the_token_that_it_is_of() {
    let place = Place::new();
    place.keep("a");
    let token = place.cache.token(&identity("a")).expect("loads").expect("there");
    let rejection = Rejection::new(&token, place.clock.now());
    place.cache.keep_rejection(&identity("a"), &rejection, WriteMode::Exclusive).expect("kept");
    place.clock.advance(24 * HOUR);
    assert_eq!(place.sweep(Extent::Everything), 0);
    place.clock.advance(HOUR + Duration::from_secs(60));
    assert_eq!(place.sweep(Extent::Everything), 3, "the token, its rejection and the lock");
    assert_eq!((place.files("tokens"), place.files("locks")), (0, 0));
}

#[test]
fn a_sample_of_many_is_two_hundred() {
    let place = Place::new();
    for n in 0..250 {
        place.keep(&n.to_string());
    }
    place.clock.advance(50 * HOUR);
    place.sweep(Extent::Sample);
    assert_eq!(place.files("tokens"), 50);
    place.sweep(Extent::Sample);
    assert_eq!(place.files("tokens"), 0);
}

#[test]
fn a_record_that_does_not_open_stays_however_old() {
    let place = Place::new();
    let name = place.keep("a");
    std::fs::write(place.path("tokens", &name.to_hex()), b"of another key").expect("planted");
    place.clock.advance(5_000 * HOUR);
    place.sweep(Extent::Everything);
    assert_eq!(place.files("tokens"), 1);
    // Without a key nothing is judged.
    assert_eq!(sweep(&place.dir, None, &*place.clock, Extent::Everything).expect("swept"), 0);
}

#[test]
fn nothing_is_swept_under_a_process_that_has_the_turn() {
    let place = Place::new();
    let name = place.keep("a").to_hex();
    place.plant("tokens", &format!("{name}.tmp"));
    place.clock.advance(50 * HOUR);
    single_flight::if_free(&place.dir, &name, |_| assert_eq!(place.sweep(Extent::Everything), 0)).expect("free");
    assert_eq!((place.files("tokens"), place.files("locks")), (2, 1));
    assert_eq!(place.sweep(Extent::Everything), 3);
    assert_eq!((place.files("tokens"), place.files("locks")), (0, 0));
}

#[test]
fn locks_of_no_record_go_when_a_command_sweeps() {
    let place = Place::new();
    for n in 0..50 {
        let name = identity(&n.to_string()).name().to_hex();
        place.plant("locks", &name);
        place.plant("locks", &format!("{name}.alone"));
    }
    place.plant("locks", "of-another-program");
    place.sweep(Extent::Sample);
    assert_eq!(place.files("locks"), 101);
    assert_eq!(place.sweep(Extent::Everything), 100);
    assert_eq!(place.files("locks"), 1, "what is not ours stays");
}

#[test]
fn temporaries_of_writers_without_the_turn_go_when_they_are_old() {
    let place = Place::new();
    let name = place.keep("a").to_hex();
    for file in [format!("{name}.0.tmp"), format!("{name}.refused.f.tmp"), "doctor.0123456789abcdef.tmp".to_owned()] {
        place.plant("tokens", &file);
    }
    place.sweep(Extent::Everything);
    assert_eq!(place.files("tokens"), 4, "another process may be writing them");
    place.clock.advance(Duration::from_secs(700));
    place.sweep(Extent::Sample);
    assert_eq!(place.files("tokens"), 4);
    place.sweep(Extent::Everything);
    assert_eq!(place.files("tokens"), 1);
}
