//! A store that fails, callers that go away, and an issuer that takes its time.

use std::sync::Arc;
use std::time::Duration;

use tokenkeep::clock::{ManualClock, WallTime};
use tokenkeep::keeper::Source;
use tokenkeep::profile::Request;
use tokenkeep::{Code, Keeper};

use super::super::Heard;
use super::store::{Mood, WatchedStore};
use super::{are_one, host, host_over, obtained};
use crate::common::Issuer;
use crate::common::issuer::Behaviour;

const UNAVAILABLE: &str = "fleet_unavailable";

/// A host under a manual clock, whose store may fail.
struct Outage {
    issuer: Issuer,
    clock: Arc<ManualClock>,
    store: Arc<WatchedStore>,
    heard: Heard,
    keeper: Keeper,
}

impl Outage {
    fn new() -> Self {
        let (issuer, store, heard) = (Issuer::start(), WatchedStore::new(), Heard::default());
        let clock = Arc::new(ManualClock::new(WallTime(1_800_000_000_000_000_000)));
        let keeper = host_over(&issuer, &store).clock(clock.clone()).on_warning(heard.observer());
        let keeper = keeper.build().expect("all parts are there");
        Self { issuer, clock, store, heard, keeper }
    }

    /// A keeper of the same host for a request that was never made.
    fn cold(&self) -> Keeper {
        let scope = format!("scope-{}", self.issuer.count("/token"));
        self.keeper.with_request(Request::default().with_scopes([scope.as_str()]).expect("a scope"))
    }

    /// Gets a token from the issuer, and says what the store was asked and what was warned of.
    async fn fetch(&self) -> (Vec<&'static str>, Vec<String>) {
        let requests = self.issuer.count("/token");
        assert_eq!(obtained(&self.cold()).await.1, Source::Issuer);
        assert_eq!(self.issuer.count("/token"), requests + 1);
        (self.store.questions(), self.heard.codes())
    }

    /// Asserts that the store is left alone for so long, and is then tried once.
    async fn assert_pause(&self, seconds: u64) {
        assert_eq!(self.fetch().await, (vec![], vec![]));
        self.clock.advance(Duration::from_secs(seconds) - Duration::from_nanos(1));
        assert_eq!(self.fetch().await, (vec![], vec![]), "{seconds} s are not over");
        self.clock.advance(Duration::from_nanos(1));
        assert_eq!(self.fetch().await, (vec!["look"], vec![]), "after {seconds} s it is tried");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_once_and_left_alone_for_longer_and_longer() {
    let outage = Outage::new();
    assert_eq!(outage.fetch().await, (vec!["look", "join", "publish"], vec![]));
    outage.store.is(Mood::Failing);
    assert_eq!(outage.fetch().await, (vec!["look"], vec![UNAVAILABLE.to_owned()]));
    for seconds in [5, 10, 20, 40, 60, 60] {
        outage.assert_pause(seconds).await;
    }
    outage.store.is(Mood::Fine);
    outage.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(outage.fetch().await, (vec!["look", "join", "publish"], vec![]), "it is back");
    }
    outage.store.is(Mood::Failing);
    assert_eq!(outage.fetch().await, (vec!["look"], vec![UNAVAILABLE.to_owned()]), "another outage");
    outage.assert_pause(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_caller_tries_a_store_that_failed_the_others_go_on_alone() {
    let outage = Outage::new();
    outage.store.is(Mood::Silent);
    assert_eq!(outage.fetch().await, (vec!["look"], vec![UNAVAILABLE.to_owned()]), "it costs what it may and no more");
    outage.clock.advance(Duration::from_secs(5));
    let trying = outage.keeper.with_request(Request::default().with_scopes(["trying"]).expect("a scope"));
    let trying = tokio::spawn(async move { trying.token().await.expect("a token") });
    outage.store.wait_for("look", 1).await;
    assert_eq!(outage.store.questions(), ["look"]);
    for _ in 0..10 {
        assert_eq!(outage.fetch().await, (vec![], vec![]));
    }
    trying.await.expect("no panic");
    assert_eq!(outage.fetch().await, (vec![], vec![]), "it failed again");
}

#[tokio::test]
async fn callers_who_meet_the_outage_together_hear_of_it_once() {
    let outage = Outage::new();
    outage.store.is(Mood::Silent);
    let callers = (0..10).map(|number| {
        let scope = format!("scope-{number}");
        outage.keeper.with_request(Request::default().with_scopes([scope.as_str()]).expect("a scope"))
    });
    super::at_once(callers, |keeper| async move { keeper.token().await.expect("a token") }).await;
    assert_eq!(outage.heard.codes(), [UNAVAILABLE]);
    assert_eq!(outage.issuer.count("/token"), 10);
    outage.store.questions();
    outage.assert_pause(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_shared_any_more_is_handed_out() {
    for mood in [Mood::Failing, Mood::Silent] {
        let outage = Outage::new();
        outage.issuer.behave_times("/token", 1, Behaviour::Hold);
        let keeper = outage.keeper.clone();
        let fetching = tokio::spawn(async move { obtained(&keeper).await });
        outage.issuer.wait_for_requests("/token", 1);
        outage.store.is(mood);
        outage.issuer.release();
        let (token, source) = fetching.await.expect("no panic");
        assert_eq!((source, outage.heard.codes()), (Source::Issuer, vec![UNAVAILABLE.to_owned()]));
        assert_eq!(outage.keeper.cached().expect("warm"), Some(token));
        // What comes next does not ask it again.
        outage.store.questions();
        assert_eq!(outage.fetch().await, (vec![], vec![]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_waits_when_the_store_is_lost_goes_on_alone() {
    let (issuer, store, heard) = (Issuer::start(), WatchedStore::new(), Heard::default());
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let (first, second) = (host(&issuer, &store), host_over(&issuer, &store).on_warning(heard.observer()));
    let second = second.build().expect("all parts are there");
    let fetching = tokio::spawn(async move { obtained(&first).await });
    issuer.wait_for_requests("/token", 1);
    let waiting = tokio::spawn(async move { obtained(&second).await });
    store.wait_for("join", 3).await;
    store.is(Mood::Silent);
    assert_eq!(waiting.await.expect("no panic").1, Source::Issuer);
    assert_eq!(heard.codes(), [UNAVAILABLE]);
    issuer.release();
    assert_eq!(fetching.await.expect("no panic").1, Source::Issuer);
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_is_renewed_for_as_long_as_the_issuer_takes() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    let fetching = tokio::spawn(async move { obtained(&first).await });
    issuer.wait_for_requests("/token", 1);
    let waiting = tokio::spawn(async move { obtained(&second).await });
    // One a second: after five a lease that was not renewed would be over.
    store.wait_for("renew", 5).await;
    assert_eq!(issuer.count("/token"), 1);
    issuer.release();
    let ((token, first), (shared, second)) = (fetching.await.expect("no panic"), waiting.await.expect("no panic"));
    assert_eq!((first, second), (Source::Issuer, Source::Fleet));
    assert!(are_one([&token, &shared]));
    assert_eq!(issuer.count("/token"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_dropped_while_another_host_asks_disturbs_nobody() {
    let (issuer, store, heard) = (Issuer::start(), WatchedStore::new(), Heard::default());
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let hosts = [(); 2].map(|()| host_over(&issuer, &store).on_warning(heard.observer()).build().expect("all parts"));
    let [first, second] = hosts;
    let fetching = tokio::spawn(async move { obtained(&first).await });
    issuer.wait_for_requests("/token", 1);
    for _ in 0..5 {
        store.questions();
        let waiting = second.clone();
        let waiting = tokio::spawn(async move { obtained(&waiting).await });
        store.wait_for("join", 2).await;
        waiting.abort();
        assert!(waiting.await.expect_err("it was dropped").is_cancelled());
    }
    issuer.release();
    let (token, _) = fetching.await.expect("no panic");
    let (shared, source) = obtained(&second).await;
    assert!(source == Source::Fleet && are_one([&token, &shared]), "{source:?}");
    assert_eq!((issuer.count("/token"), heard.codes()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_dropped_while_it_asks_for_all_is_followed_by_another_host() {
    let (issuer, store, heard) = (Issuer::start(), WatchedStore::new(), Heard::default());
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let hosts = [(); 2].map(|()| host_over(&issuer, &store).on_warning(heard.observer()).build().expect("all parts"));
    let [first, second] = hosts;
    let dropped = first.clone();
    let fetching = tokio::spawn(async move { obtained(&dropped).await });
    issuer.wait_for_requests("/token", 1);
    let waiting = tokio::spawn(async move { obtained(&second).await });
    store.wait_for("join", 2).await;
    fetching.abort();
    assert!(fetching.await.expect_err("it was dropped").is_cancelled());
    let (token, source) = waiting.await.expect("no panic");
    assert_eq!(source, Source::Issuer);
    let (shared, source) = obtained(&first).await;
    assert!(source == Source::Fleet && are_one([&token, &shared]), "{source:?}");
    assert_eq!((issuer.count("/token"), heard.codes()), (2, vec![]));
}

#[tokio::test]
async fn what_the_issuer_refuses_is_told_with_and_without_the_store() {
    for mood in [Mood::Fine, Mood::Failing] {
        let outage = Outage::new();
        outage.store.is(mood);
        outage.issuer.answer("/token", 401, &serde_json::json!({ "error": "invalid_client" }));
        assert_eq!(outage.keeper.token().await.expect_err("refused").code(), Code::InvalidClient);
    }
}
