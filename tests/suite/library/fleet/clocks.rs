//! Hosts whose clocks disagree, and an hour of a fleet.

use std::sync::Arc;
use std::time::Duration;

use tokenkeep::Keeper;
use tokenkeep::clock::{Clock, ManualClock, WallTime};
use tokenkeep::keeper::Source;

use super::super::Heard;
use super::store::WatchedStore;
use super::{are_one, host_over, obtained};
use crate::common::Issuer;

const START: WallTime = WallTime(1_800_000_000_000_000_000);
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Some hosts, each with a clock of its own, and a store that has another.
struct Fleet {
    issuer: Issuer,
    store: Arc<WatchedStore>,
    heard: Heard,
}

impl Fleet {
    fn new() -> Self {
        Self { issuer: Issuer::start(), store: WatchedStore::new(), heard: Heard::default() }
    }

    /// A cold host whose clock is ahead by so many nanoseconds.
    fn host_ahead_by(&self, nanos: i64) -> Keeper {
        let clock = Arc::new(ManualClock::new(WallTime(START.0 + nanos)));
        let builder = host_over(&self.issuer, &self.store).clock(clock).on_warning(self.heard.observer());
        builder.build().expect("all parts are there")
    }

    /// Asserts where a host gets its token from, and that it keeps it.
    async fn assert_source(&self, keeper: &Keeper, wanted: Source) {
        let (token, source) = obtained(keeper).await;
        assert_eq!(source, wanted);
        for _ in 0..3 {
            let (kept, source) = obtained(keeper).await;
            assert!(source == Source::Cache && are_one([&token, &kept]), "{source:?}");
        }
    }
}

#[tokio::test]
async fn a_host_whose_clock_is_slow_uses_what_the_others_share() {
    let fleet = Fleet::new();
    fleet.assert_source(&fleet.host_ahead_by(0), Source::Issuer).await;
    for slow in [HOUR / 60, HOUR, DAY, 3_653 * DAY, START.0, START.0 + DAY] {
        fleet.assert_source(&fleet.host_ahead_by(-slow), Source::Fleet).await;
    }
    assert_eq!(fleet.issuer.count("/token"), 1);
    assert_eq!(fleet.heard.codes(), [""; 0]);
}

#[tokio::test]
async fn a_host_whose_clock_is_fast_costs_a_request_and_takes_nothing_from_the_others() {
    let fleet = Fleet::new();
    for fast in [HOUR, DAY, 3_653 * DAY] {
        fleet.assert_source(&fleet.host_ahead_by(0), if fast == HOUR { Source::Issuer } else { Source::Fleet }).await;
        fleet.assert_source(&fleet.host_ahead_by(fast), Source::Issuer).await;
        // What it shares was asked for in the future, as the others see it; the store says how long it lasts.
        let other = fleet.host_ahead_by(0);
        fleet.assert_source(&other, Source::Fleet).await;
        let token = other.cached().expect("warm").expect("it was just got");
        let ends = token.validity().sent.wall.plus(token.validity().lifetime);
        assert!(ends <= START.plus(Duration::from_secs(3_600)), "no longer than the issuer said");
    }
    assert_eq!(fleet.issuer.count("/token"), 4);
    assert_eq!(fleet.heard.codes(), [""; 0]);
}

#[tokio::test]
async fn a_host_that_asks_with_a_slow_clock_is_asked_after_once_more_by_those_with_a_right_one() {
    let fleet = Fleet::new();
    let slow = fleet.host_ahead_by(-3_653 * DAY);
    fleet.assert_source(&slow, Source::Issuer).await;
    fleet.assert_source(&fleet.host_ahead_by(0), Source::Issuer).await;
    for ahead in [0, -3_653 * DAY, 0] {
        fleet.assert_source(&fleet.host_ahead_by(ahead), Source::Fleet).await;
    }
    assert_eq!(obtained(&slow).await.1, Source::Cache);
    assert_eq!(fleet.issuer.count("/token"), 2);
    assert_eq!(fleet.heard.codes(), [""; 0]);
}

#[tokio::test]
async fn an_hour_is_an_hour_for_whoever_comes_when() {
    let (issuer, clock) = (Issuer::start(), Arc::new(ManualClock::new(START)));
    let store = WatchedStore::with_clock(clock.clone());
    let cold = || host_over(&issuer, &store).clock(clock.clone()).build().expect("all parts are there");
    for requests in 1..4 {
        let (first, second) = (cold(), cold());
        let (token, source) = obtained(&first).await;
        assert_eq!(source, Source::Issuer);
        for passed in [0, 1_800, 1_799] {
            clock.advance(Duration::from_secs(passed));
            let (shared, source) = obtained(&cold()).await;
            assert!(source == Source::Fleet && are_one([&token, &shared]), "{source:?}");
            let left = shared.validity().sent.wall.plus(shared.validity().lifetime).0 - clock.wall().0;
            assert!(left > 0 && left <= 3_600_000_000_000, "{left}");
        }
        assert_eq!(obtained(&second).await.1, Source::Fleet);
        clock.advance(Duration::from_secs(1));
        for keeper in [&first, &second] {
            assert!(keeper.cached().expect("no error").is_none(), "it is over for all");
        }
        assert_eq!(issuer.count("/token"), requests);
    }
}
