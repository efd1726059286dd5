use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::cache::store::{FileStore, RecordStore};
use crate::keeper::Want;
use crate::profile::{Endpoint, Profile, ProfileName, Request};
use crate::seal::DataKey;
use crate::system::clock::{Clock as _, ManualClock, WallTime};
use crate::token::{LifetimeFrom, Validity};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A data directory that several processes share, under one clock.
struct Host {
    root: tempfile::TempDir,
    key: DataKey,
    clock: Arc<ManualClock>,
    heard: Arc<Mutex<Vec<Warning>>>,
}

impl Host {
    fn new() -> Host {
        Host {
            root: tempfile::tempdir().expect("a temporary directory"),
            key: DataKey::random().expect("randomness"),
            clock: Arc::new(ManualClock::new(WallTime(1_800_000_000_000_000_000))),
            heard: Arc::default(),
        }
    }

    fn store(&self) -> FileStore {
        FileStore::open(self.root.path().join("data")).expect("opened")
    }

    /// A keeper as another process has it: nothing is shared but the directory.
    fn process(&self) -> Keeper {
        let heard = self.heard.clone();
        let builder = Keeper::builder(profile()).secret("a secret").data_key(self.key.clone());
        let builder = builder.store(Arc::new(self.store())).clock(self.clock.clone());
        let observer = move |warning: &Warning| heard.lock().expect("no holder panics").push(warning.clone());
        builder.on_warning(observer).build().expect("all parts are there")
    }

    /// Keeps a token that the issuer gave now.
    fn keep(&self, value: &str) -> AccessToken {
        let keeper = self.process();
        let validity = Validity { sent: self.clock.now(), lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer };
        let token = AccessToken::new(Secret::from(value), "Bearer", None, validity).expect("visible ASCII");
        let cache = keeper.parts.lazy_cache.cache().expect("it is at hand");
        cache.keep(&keeper.memory.request().identity, &token, WriteMode::Exclusive, &*self.clock).expect("kept");
        token
    }

    async fn refuse(&self, value: &str) {
        self.process().refused_by_client(&Secret::from(value)).await.expect("a usable profile");
    }

    fn kept(&self) -> Option<String> {
        self.process().cached().expect("a usable profile").map(|token| token.expose().to_owned())
    }

    fn heard(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.heard.lock().expect("no holder panics"))
    }
}

fn profile() -> Profile {
    let name = ProfileName::parse("a").expect("a name");
    Profile::new(name, "client", Endpoint::parse("https://issuer.example/token").expect("https"))
}

#[tokio::test]
async fn the_kept_token_is_taken_out_and_no_other() {
    let host = Host::new();
    host.keep("new");
    host.refuse("old").await;
    assert_eq!(host.kept().as_deref(), Some("new"), "an old token changes nothing");
    host.refuse("new").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
    host.refuse("new").await;
    assert_eq!(host.heard(), [], "it is gone already");
}

#[tokio::test]
async fn an_old_token_does_not_use_up_the_minute() {
    let host = Host::new();
    host.keep("new");
    for _ in 0..3 {
        host.refuse("old").await;
    }
    host.refuse("new").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn a_second_one_within_a_minute_stays_with_a_warning() {
    let host = Host::new();
    host.keep("a");
    host.refuse("a").await;
    host.keep("b");
    for passed in [0, 20, 39] {
        host.clock.advance(Duration::from_secs(passed));
        host.refuse("b").await;
        assert_eq!(host.kept().as_deref(), Some("b"));
        assert!(matches!(host.heard()[..], [Warning::RejectionsLimited(left)] if left <= MINUTE), "{passed}");
    }
    host.clock.advance(Duration::from_secs(1));
    host.refuse("b").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn a_token_that_the_issuer_gives_again_is_not_rejected_again() {
    let host = Host::new();
    host.keep("a");
    host.refuse("a").await;
    host.clock.advance(MINUTE * 2);
    host.keep("a");
    assert_eq!(host.kept().as_deref(), Some("a"), "it was requested since");
    host.refuse("a").await;
    assert_eq!((host.kept().as_deref(), host.heard()), (Some("a"), vec![Warning::RejectedAgain]));
    // The issuer gives another one at last.
    host.keep("b");
    host.refuse("b").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn requests_of_a_profile_are_limited_by_themselves() {
    let host = Host::new();
    host.keep("a");
    host.refuse("a").await;
    let request = Request::default().with_audience("another").expect("an audience");
    let other = host.process().with_request(request);
    let validity = Validity { sent: host.clock.now(), lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer };
    let token = AccessToken::new(Secret::from("b"), "Bearer", None, validity).expect("visible ASCII");
    let cache = other.parts.lazy_cache.cache().expect("it is at hand");
    cache.keep(&other.memory.request().identity, &token, WriteMode::Exclusive, &*host.clock).expect("kept");
    other.refused_by_client(&Secret::from("b")).await.expect("a usable profile");
    assert_eq!((other.cached().expect("usable"), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_keep_a_token_in_use() {
    let host = Host::new();
    host.keep("a");
    host.refuse("a").await;
    host.clock.set_wall(WallTime(1_700_000_000_000_000_000));
    host.keep("b");
    host.refuse("b").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn a_damaged_record_is_replaced_and_what_cannot_be_remembered_is_not_rejected() {
    let host = Host::new();
    host.keep("a");
    let keeper = host.process();
    let name = keeper.memory.request().identity.name();
    let slot = crate::cache::store::RecordKey::new(name, crate::cache::store::RecordKind::Rejection);
    host.store().save(slot, b"junk", WriteMode::Exclusive).expect("planted");
    host.refuse("a").await;
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
    host.clock.advance(MINUTE);
    host.keep("b");
    let path = host.root.path().join("data/tokens").join(name.to_hex() + ".rejected");
    std::fs::remove_file(&path).expect("it is there");
    std::fs::create_dir(&path).expect("something else in its place");
    host.refuse("b").await;
    assert_eq!(host.kept().as_deref(), Some("b"));
    assert!(matches!(host.heard()[..], [Warning::CachePathInsecure(_)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_processes_that_report_the_same_token_at_once_one_takes_it_out() {
    let host = Arc::new(Host::new());
    host.keep("a");
    let processes = (0..20).map(|_| {
        let host = host.clone();
        tokio::spawn(async move { host.refuse("a").await })
    });
    for process in processes.collect::<Vec<_>>() {
        process.await.expect("no panic");
    }
    assert_eq!((host.kept(), host.heard()), (None, vec![]));
}

#[tokio::test]
async fn the_fleet_does_not_bring_a_rejected_token_back() {
    let host = Host::new();
    let token = host.keep("a");
    let judge = |keeper: &Keeper, token: &AccessToken| {
        let want = Want::Valid { min_ttl: Duration::ZERO };
        let mut judge = crate::keeper::judge::Judge::new(keeper, want, crate::keeper::WaitStart::NotWaiting);
        judge.of(crate::fleet::Found::Token { token: token.clone(), order: 1, stayed: false });
        judge.good.is_some()
    };
    assert!(judge(&host.process(), &token));
    host.clock.advance(Duration::from_secs(1));
    host.refuse("a").await;
    // The store could not be reached when it was withdrawn, so it is still there.
    assert!(!judge(&host.process(), &token));
    host.clock.advance(Duration::from_secs(1));
    assert!(judge(&host.process(), &host.keep("b")), "another one");
    assert!(judge(&host.process(), &host.keep("a")), "the issuer gave it again");
}
