//! The sums of the ledger: requests, outcomes and latencies by profile and day.

use std::collections::BTreeMap;

use super::Entry;
use super::entry::{GRANTED, RANDOM_BITS};
use crate::system::clock::WallTime;

const DAY_MS: i64 = 86_400_000;
/// The bounds of `latency_up_to` in the ledger, in milliseconds.
const BOUNDS: [i64; 15] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// Requests since a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    from: WallTime,
    only: Option<String>,
    days: BTreeMap<String, BTreeMap<i64, Row>>,
    last: BTreeMap<String, Last>,
}

/// The last requests of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Last {
    /// When the last one was sent that was granted.
    pub(crate) success: Option<WallTime>,
    /// When the last one was sent that failed, and the code of its error.
    pub(crate) failure: Option<(WallTime, String)>,
}

/// The requests of one profile on one day, or of several days together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// How many requests had each outcome: "granted", or the code of the error.
    pub(crate) outcomes: BTreeMap<String, i64>,
    /// How many took up to so many milliseconds.
    buckets: BTreeMap<i64, i64>,
    total_ms: i64,
    max_ms: i64,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency {
    /// The mean.
    pub(crate) mean: i64,
    /// What half of the requests did not exceed, rounded up to 1, 2, 5, 10, 20 ...
    pub(crate) p50: i64,
    /// What 95 of 100 requests did not exceed, rounded up alike.
    pub(crate) p95: i64,
    /// The longest.
    pub(crate) max: i64,
}

/// Requests with one outcome and about the same latency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summed {
    pub(super) up_to: i64,
    pub(super) requests: i64,
    pub(super) total: i64,
    pub(super) max: i64,
}

impl Summed {
    pub(super) fn one(latency: i64) -> Summed {
        let up_to = BOUNDS.into_iter().find(|bound| latency <= *bound).unwrap_or(i64::MAX);
        Summed { up_to, requests: 1, total: latency, max: latency }
    }
}

impl Stats {
    /// Makes empty sums of the time since `from`.
    pub(crate) fn since(from: WallTime) -> Stats {
        Stats::of(from, None)
    }

    /// Makes empty sums of the time since `from`, of only one profile if it is named.
    pub(super) fn of(from: WallTime, only: Option<&str>) -> Stats {
        Stats { from, only: only.map(str::to_owned), days: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// Returns the one profile that is counted, if not all are.
    pub(super) fn only(&self) -> Option<&str> {
        self.only.as_deref()
    }

    /// Returns the time from which on requests are counted.
    pub(crate) fn from(&self) -> WallTime {
        self.from
    }

    /// Returns the first day, since 1970, that lies in the time as a whole.
    pub(super) fn first_whole_day(&self) -> i64 {
        let ms = self.from.0.div_euclid(1_000_000);
        ms.div_euclid(DAY_MS) + i64::from(ms.rem_euclid(DAY_MS) != 0)
    }

    pub(super) fn add(&mut self, day: i64, profile: &str, outcome: &str, summed: &Summed) {
        // A profile's name is copied once, not for each of its days.
        if !self.days.contains_key(profile) {
            self.days.insert(profile.to_owned(), BTreeMap::new());
        }
        if let Some(days) = self.days.get_mut(profile) {
            days.entry(day).or_default().add(outcome, summed);
        }
    }

    pub(super) fn count(&mut self, entry: &Entry) {
        let sent = sent_ms(entry);
        if self.only.as_ref().is_none_or(|only| *only == entry.profile) && sent >= self.from.0.div_euclid(1_000_000) {
            self.add(sent.div_euclid(DAY_MS), &entry.profile, &entry.outcome, &Summed::one(entry.latency_ms.into()));
            self.note(&entry.profile, &entry.outcome, WallTime(sent.saturating_mul(1_000_000)));
        }
    }

    /// Notes a request that may be the last one of its profile.
    pub(super) fn note(&mut self, profile: &str, outcome: &str, sent: WallTime) {
        let last = self.last.entry(profile.to_owned()).or_default();
        if outcome == GRANTED {
            last.success = last.success.max(Some(sent));
        } else if last.failure.as_ref().is_none_or(|(before, _)| *before < sent) {
            last.failure = Some((sent, outcome.to_owned()));
        }
    }

    /// Returns the last requests of a profile; nothing of one that has sent none.
    pub(crate) fn last(&self, profile: &str) -> Last {
        self.last.get(profile).cloned().unwrap_or_default()
    }

    /// Returns each profile with its days since 1970, both in order.
    pub(crate) fn days(&self) -> impl Iterator<Item = (&str, i64, &Row)> {
        self.days.iter().flat_map(|(profile, days)| days.iter().map(move |(day, row)| (profile.as_str(), *day, row)))
    }

    /// Returns each profile with the sum of its days.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = (&str, Row)> {
        self.days.iter().map(|(profile, days)| {
            let mut sum = Row::default();
            days.values().for_each(|row| sum.merge(row));
            (profile.as_str(), sum)
        })
    }
}

impl Row {
    fn add(&mut self, outcome: &str, summed: &Summed) {
        match self.outcomes.get_mut(outcome) {
            Some(count) => *count = count.saturating_add(summed.requests),
            None => drop(self.outcomes.insert(outcome.to_owned(), summed.requests)),
        }
        let bucket = self.buckets.entry(summed.up_to).or_default();
        *bucket = bucket.saturating_add(summed.requests);
        self.total_ms = self.total_ms.saturating_add(summed.total);
        self.max_ms = self.max_ms.max(summed.max);
    }

    fn merge(&mut self, other: &Row) {
        for (outcome, count) in &other.outcomes {
            let sum = self.outcomes.entry(outcome.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (up_to, count) in &other.buckets {
            let sum = self.buckets.entry(*up_to).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.total_ms = self.total_ms.saturating_add(other.total_ms);
        self.max_ms = self.max_ms.max(other.max_ms);
    }

    /// Returns how many requests there were.
    pub(crate) fn requests(&self) -> i64 {
        self.outcomes.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns how long they took.
    pub(crate) fn latency(&self) -> Latency {
        let requests = self.requests().max(1);
        let quantile = |percent: i64| {
            let rank = requests.saturating_mul(percent).div_euclid(100).max(1);
            let mut seen = 0_i64;
            let bucket = self.buckets.iter().find(|(_, count)| {
                seen = seen.saturating_add(**count);
                seen >= rank
            });
            bucket.map_or(0, |(up_to, _)| *up_to).min(self.max_ms)
        };
        Latency { mean: self.total_ms / requests, p50: quantile(50), p95: quantile(95), max: self.max_ms }
    }
}

/// Returns when a request was sent, in milliseconds since 1970.
fn sent_ms(entry: &Entry) -> i64 {
    entry.id >> RANDOM_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_rounded_up_to_a_bound_and_never_exceed_the_longest() {
        let mut row = Row::default();
        for latency in 1..=100 {
            row.add("granted", &Summed::one(latency));
        }
        assert_eq!(row.latency(), Latency { mean: 50, p50: 50, p95: 100, max: 100 });
        row.add("timeout", &Summed::one(90_000));
        assert_eq!((row.latency().p95, row.latency().max, row.requests()), (100, 90_000, 101));
    }

    proptest! {
        #[test]
        fn a_quantile_lies_between_the_true_one_and_the_longest(latencies in prop::collection::vec(0_i64..200_000, 1..50)) {
            let mut row = Row::default();
            latencies.iter().for_each(|latency| row.add("granted", &Summed::one(*latency)));
            let mut sorted = latencies;
            sorted.sort_unstable();
            let rank = (sorted.len() * 95 / 100).max(1);
            let latency = row.latency();
            prop_assert!(latency.p50 <= latency.p95 && latency.p95 <= latency.max);
            prop_assert!(sorted[rank - 1] <= latency.p95);
        }
    }
}
