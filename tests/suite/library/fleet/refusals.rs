//! What the issuer refuses to one host, and what one host cannot do, is known to the others for a while.

use std::sync::Arc;
use std::time::Duration;

use tokenkeep::clock::{Clock, ManualClock, WallTime};
use tokenkeep::keeper::{Source, Want};
use tokenkeep::profile::Repeats;
use tokenkeep::{Code, Error, Keeper};

use super::super::{Heard, profile};
use super::store::WatchedStore;
use super::{are_one, key, obtained};
use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_SECRET, Point};

/// Hosts and a store under one manual clock; a request is not repeated.
struct Fleet {
    issuer: Issuer,
    clock: Arc<ManualClock>,
    store: Arc<WatchedStore>,
    heard: Heard,
}

impl Fleet {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(WallTime(1_800_000_000_000_000_000)));
        let store = WatchedStore::with_clock(clock.clone());
        Self { issuer: Issuer::start(), clock, store, heard: Heard::default() }
    }

    /// A cold host.
    fn host(&self) -> Keeper {
        let mut profile = profile(&self.issuer);
        profile.repeats = Repeats::Never;
        let builder = Keeper::builder(profile).secret(CLIENT_SECRET).fleet(self.store.clone(), key());
        let builder = builder.clock(self.clock.clone()).on_warning(self.heard.observer());
        builder.build().expect("all parts are there")
    }

    fn answers(&self, times: u32, status: u16, headers: &[(&str, &str)], error: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = format!(r#"{{"error":"{error}"}}"#).into();
        self.issuer.behave_times("/token", times, Behaviour::Answer { status, headers, body });
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn requests(&self) -> usize {
        self.issuer.count("/token")
    }
}

async fn refused(keeper: &Keeper) -> Error {
    keeper.token().await.expect_err("the issuer does not give a token")
}

#[tokio::test]
async fn a_client_that_is_refused_on_one_host_is_not_tried_on_the_others() {
    let fleet = Fleet::new();
    fleet.answers(1, 401, &[], "invalid_client");
    let first = refused(&fleet.host()).await;
    assert!(first.code() == Code::InvalidClient && !first.is_remembered());
    fleet.advance(4);
    for keeper in [fleet.host(), fleet.host()] {
        for _ in 0..2 {
            let again = refused(&keeper).await;
            assert!(again.code() == Code::InvalidClient && again.is_remembered());
            assert_eq!((again.http_status(), again.oauth_error()), (first.http_status(), first.oauth_error()));
            assert!(again.retry_after().is_some_and(|after| after <= Duration::from_secs(6)));
        }
    }
    assert_eq!(fleet.requests(), 1);
    fleet.advance(6);
    assert_eq!(obtained(&fleet.host()).await.1, Source::Issuer, "after ten seconds it is tried again");
    assert_eq!(obtained(&fleet.host()).await.1, Source::Fleet);
    assert_eq!((fleet.requests(), fleet.heard.codes()), (2, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_wait_for_one_that_is_refused_are_refused_with_it() {
    let fleet = Fleet::new();
    fleet.answers(1, 401, &[], "unauthorized_client");
    let hosts: Vec<_> = (0..10).map(|_| fleet.host()).collect();
    let callers = hosts.iter().flat_map(|keeper| vec![keeper.clone(); 3]);
    let tasks: Vec<_> = callers.map(|keeper| tokio::spawn(async move { refused(&keeper).await })).collect();
    let mut remembered = 0;
    for task in tasks {
        let error = task.await.expect("no panic");
        assert_eq!(error.code(), Code::UnauthorizedClient);
        remembered += usize::from(error.is_remembered());
    }
    assert_eq!((fleet.requests(), remembered), (1, 29));
}

#[tokio::test]
async fn an_issuer_that_is_busy_is_left_alone_by_all_hosts_for_a_minute_at_most() {
    let fleet = Fleet::new();
    fleet.answers(1, 429, &[("Retry-After", "300")], "slow_down");
    let (first, second) = (fleet.host(), fleet.host());
    let busy = refused(&first).await;
    assert_eq!((busy.code(), busy.retry_after()), (Code::RateLimited, Some(Duration::from_secs(300))));
    fleet.advance(59);
    let told = refused(&second).await;
    assert!(told.code() == Code::RateLimited && told.is_remembered(), "{told}");
    assert!(told.retry_after().is_some_and(|after| after <= Duration::from_secs(1)), "what others say holds a minute");
    assert_eq!(fleet.requests(), 1);
    fleet.advance(1);
    assert_eq!(refused(&first).await.retry_after(), Some(Duration::from_secs(240)), "what it was told itself holds on");
    assert_eq!(fleet.requests(), 1);
    assert_eq!(obtained(&second).await.1, Source::Issuer);
    assert_eq!(obtained(&first).await.1, Source::Fleet, "it may not ask the issuer, but it may look");
    assert_eq!((fleet.requests(), fleet.heard.codes()), (2, vec![]));
}

#[tokio::test]
async fn a_refusal_does_not_take_a_token_from_those_it_is_good_enough_for() {
    let fleet = Fleet::new();
    let first = fleet.host();
    let (token, _) = obtained(&first).await;
    fleet.advance(1);
    fleet.answers(1, 429, &[], "slow_down");
    let fresh = first.obtain(Want::IssuedAfter(fleet.clock.now())).await.expect_err("the issuer is busy");
    assert_eq!(fresh.code(), Code::RateLimited);
    let (shared, source) = obtained(&fleet.host()).await;
    assert!(source == Source::Fleet && are_one([&token, &shared]), "{source:?}");
    assert_eq!(fleet.requests(), 2);
}

#[tokio::test]
async fn when_two_hosts_cannot_reach_the_issuer_the_others_try_by_themselves_and_wait_for_nobody() {
    let fleet = Fleet::new();
    fleet.issuer.behave("/token", Behaviour::Close { at: Point::AfterReading });
    for (host, asked) in [["look", "join", "publish"].as_slice(), &["look", "join", "publish"], &["look"], &["look"]]
        .into_iter()
        .enumerate()
    {
        let error = refused(&fleet.host()).await;
        assert!(!error.is_remembered(), "it is the error of this host: {error}");
        assert_eq!((fleet.store.questions().as_slice(), fleet.requests()), (asked, host + 1));
    }
    fleet.issuer.behave("/token", Behaviour::Normal);
    // Some can: they are not kept from it, and after five seconds the fleet meets again.
    assert_eq!(obtained(&fleet.host()).await.1, Source::Issuer);
    fleet.advance(5);
    let requests = fleet.requests();
    assert_eq!(obtained(&fleet.host()).await.1, Source::Issuer);
    assert_eq!(obtained(&fleet.host()).await.1, Source::Fleet);
    assert_eq!((fleet.requests(), fleet.heard.codes()), (requests + 1, vec![]));
}

#[tokio::test]
async fn one_host_that_cannot_reach_the_issuer_is_followed_by_one_that_can() {
    let fleet = Fleet::new();
    fleet.issuer.behave_times("/token", 1, Behaviour::Close { at: Point::AfterReading });
    let first = fleet.host();
    refused(&first).await;
    assert_eq!(obtained(&fleet.host()).await.1, Source::Issuer);
    assert_eq!(obtained(&first).await.1, Source::Fleet, "it is served as well");
    assert_eq!(fleet.requests(), 2);
}
