//! Time by a clock that moves when it is told to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokenkeep::clock::{Clock, ManualClock, WallTime};
use tokenkeep::store::{DataKey, MemoryStore};
use tokenkeep::{AccessToken, Keeper};

use super::{Heard, builder};
use crate::common::Issuer;

const START: WallTime = WallTime(1_800_000_000_000_000_000);

/// A keeper under a manual clock, and what another process would need to share its token.
struct Timed {
    issuer: Issuer,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    key: DataKey,
    heard: Heard,
}

impl Timed {
    fn new(expires_in: u64) -> Self {
        let issuer = Issuer::start();
        issuer.set(json!({ "expires_in": expires_in }));
        Self {
            issuer,
            clock: Arc::new(ManualClock::new(START)),
            store: Arc::default(),
            key: DataKey::random().expect("randomness"),
            heard: Heard::default(),
        }
    }

    /// As a program that starts now has it.
    fn keeper(&self) -> Keeper {
        let builder = builder(&self.issuer).clock(self.clock.clone()).store(self.store.clone());
        builder.data_key(self.key.clone()).on_warning(self.heard.observer()).build().expect("all parts are there")
    }

    /// Asserts that the token is still the one that is kept, for those who run and for those who start.
    async fn assert_kept(&self, keeper: &Keeper, token: &AccessToken) {
        let requests = self.issuer.count("/token");
        for keeper in [keeper, &self.keeper()] {
            assert_eq!(keeper.cached().expect("warm").as_ref(), Some(token));
            assert_eq!(&keeper.token().await.expect("warm"), token);
        }
        assert_eq!(self.issuer.count("/token"), requests);
    }

    /// Asserts that the token is handed out no more, and that one request mends it.
    async fn assert_fetched(&self, keeper: &Keeper, token: &AccessToken) -> AccessToken {
        let requests = self.issuer.count("/token");
        for keeper in [keeper, &self.keeper()] {
            assert!(keeper.cached().expect("no error").is_none());
        }
        let fresh = keeper.token().await.expect("a token");
        assert_ne!(&fresh, token);
        assert_eq!(self.issuer.count("/token"), requests + 1);
        self.assert_kept(keeper, &fresh).await;
        fresh
    }
}

#[tokio::test]
async fn an_hour_is_an_hour() {
    let timed = Timed::new(3_600);
    let keeper = timed.keeper();
    let mut token = keeper.token().await.expect("a token");
    for _ in 0..3 {
        timed.assert_kept(&keeper, &token).await;
        timed.clock.advance(Duration::from_secs(3_599));
        timed.assert_kept(&keeper, &token).await;
        timed.clock.advance(Duration::from_secs(1));
        token = timed.assert_fetched(&keeper, &token).await;
    }
    assert_eq!(timed.heard.codes(), [""; 0]);
}

#[tokio::test]
async fn with_a_minimum_validity_the_hour_is_shorter_by_it() {
    let timed = Timed::new(3_600);
    let keeper = timed.keeper();
    let careful = keeper.with_min_ttl(Duration::from_secs(600));
    let token = careful.token().await.expect("a token");
    timed.clock.advance(Duration::from_secs(2_999));
    assert_eq!(careful.token().await.expect("warm"), token);
    timed.clock.advance(Duration::from_secs(1));
    // It lives for ten minutes, and not for longer.
    assert_eq!(keeper.token().await.expect("warm"), token);
    assert!(careful.cached().expect("no error").is_none());
    let fresh = careful.token().await.expect("a token");
    assert_ne!(fresh, token);
    timed.assert_kept(&keeper.with_min_ttl(Duration::from_secs(600)), &fresh).await;
    timed.clock.advance(Duration::from_secs(2));
    assert_eq!(keeper.token().await.expect("warm"), fresh, "the other keeper finds it too");
    assert_eq!(timed.issuer.count("/token"), 2);
}

#[tokio::test]
async fn a_token_that_lives_too_briefly_for_its_caller_is_returned_once_and_no_loop_begins() {
    let timed = Timed::new(60);
    let keeper = timed.keeper().with_min_ttl(Duration::from_secs(600));
    for requests in 1..4 {
        keeper.token().await.expect("a token");
        assert_eq!(timed.issuer.count("/token"), requests);
    }
    timed.keeper().token().await.expect("good enough for others");
    assert_eq!(timed.issuer.count("/token"), 3);
}

#[tokio::test]
async fn a_lifetime_of_nothing_is_handed_out_and_kept_for_nobody_who_comes_later() {
    for lifetime in [json!(0), json!(-1), json!("0")] {
        let timed = Timed::new(0);
        timed.issuer.set(json!({ "expires_in": lifetime }));
        let keeper = timed.keeper();
        for requests in 1..4 {
            keeper.token().await.expect("a token");
            assert!(keeper.cached().expect("no error").is_none());
            assert_eq!(timed.issuer.count("/token"), requests);
        }
        // The record is for those who wait while it comes; no later caller is given it.
        assert_eq!(tokenkeep::store::RecordStore::list(&*timed.store).expect("memory").len(), 1);
        let other = timed.keeper();
        assert!(other.cached().expect("no error").is_none());
        other.token().await.expect("a token");
        assert_eq!(timed.issuer.count("/token"), 4);
    }
}

#[tokio::test]
async fn a_suspended_machine_wakes_up_with_the_token_expired() {
    let timed = Timed::new(3_600);
    let keeper = timed.keeper();
    let token = keeper.token().await.expect("a token");
    // Boot time goes on while the machine sleeps.
    timed.clock.advance(Duration::from_secs(3 * 3_600));
    timed.assert_fetched(&keeper, &token).await;
    // Even where the wall clock did not: the earlier deadline counts.
    let wall = timed.clock.wall();
    let token = keeper.token().await.expect("warm");
    timed.clock.advance(Duration::from_secs(3_600));
    timed.clock.set_wall(wall);
    timed.assert_fetched(&keeper, &token).await;
}

#[tokio::test]
async fn after_a_reboot_the_wall_clock_alone_counts() {
    let timed = Timed::new(3_600);
    let token = timed.keeper().token().await.expect("a token");
    timed.clock.reboot();
    timed.clock.set_wall(START.plus(Duration::from_secs(3_599)));
    timed.assert_kept(&timed.keeper(), &token).await;
    timed.clock.set_wall(START.plus(Duration::from_secs(3_600)));
    timed.assert_fetched(&timed.keeper(), &token).await;
}

#[tokio::test]
async fn a_clock_set_back_is_told_and_costs_one_request_and_no_token_lives_for_ever() {
    const DAY: i64 = 86_400_000_000_000;
    let timed = Timed::new(3_600);
    let keeper = timed.keeper();
    let mut token = keeper.token().await.expect("a token");
    for wall in [START.0 - 3_653 * DAY, START.0 - 3_654 * DAY, 0, -DAY] {
        timed.clock.advance(Duration::from_secs(2));
        timed.clock.set_wall(WallTime(wall));
        token = timed.assert_fetched(&keeper, &token).await;
        assert!(timed.heard.codes().contains(&"clock_jump".to_owned()));
    }
    for wall in [DAY, START.0, START.0 + 3_653 * DAY, 2_147_483_648_000_000_000, 4_294_967_296_000_000_000] {
        timed.clock.advance(Duration::from_secs(2));
        timed.clock.set_wall(WallTime(wall));
        token = timed.assert_fetched(&keeper, &token).await;
    }
    assert_eq!(timed.heard.codes(), ["clock_jump"; 0]);
    timed.clock.advance(Duration::from_secs(3_600));
    timed.assert_fetched(&keeper, &token).await;
}
