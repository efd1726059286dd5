//! A store that failed is not used for a while. Then one caller tries it, and the others continue without it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::system::clock::BootTime;

const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Decides whether a store may be used.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Option<Open>>);

#[derive(Clone, Copy, Debug)]
struct Open {
    until: BootTime,
    pause: Duration,
    /// Whether a caller is trying it.
    tried: bool,
}

/// What a failure was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The first: it should be reported.
    Begins,
    /// One more of the same.
    GoesOn,
}

impl Breaker {
    /// Returns whether the store may be used. After a failure, one caller may try it after each pause.
    pub(crate) fn admits(&self, now: BootTime) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *open {
            None => true,
            Some(open) if now >= open.until => {
                // Callers that come during this attempt continue without the store. If the attempt never reports back,
                // the next caller may try after the pause.
                open.until = now.plus(open.pause);
                open.tried = true;
                true
            }
            Some(_) => false,
        }
    }

    /// Notes that the store answered.
    pub(crate) fn succeeded(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes that the store failed.
    pub(crate) fn failed(&self, now: BootTime) -> Outage {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (outage, pause) = match *open {
            None => (Outage::Begins, FIRST_PAUSE),
            Some(Open { pause, tried: true, .. }) => (Outage::GoesOn, (pause * 2).min(LONGEST_PAUSE)),
            // One of several that were under way when it broke.
            Some(Open { tried: false, .. }) => return Outage::GoesOn,
        };
        *open = Some(Open { until: now.plus(pause), pause, tried: false });
        outage
    }

    /// Returns for how long the store is not used.
    pub(crate) fn pause(&self, now: BootTime) -> Option<Duration> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.and_then(|open| open.until.0.checked_sub(now.0)).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime(seconds * 1_000_000_000)
    }

    #[test]
    fn after_a_failure_one_caller_tries_after_each_pause_and_the_pauses_grow() {
        let breaker = Breaker::default();
        assert!(breaker.admits(at(0)));
        assert_eq!(breaker.failed(at(0)), Outage::Begins);
        assert!(!breaker.admits(at(4)));
        assert!(breaker.admits(at(5)), "one may try");
        assert!(!breaker.admits(at(5)), "the others go on without");
        assert_eq!(breaker.failed(at(5)), Outage::GoesOn);
        let mut now = 5;
        let pauses: Vec<u64> = (0..6)
            .map(|_| {
                let began = now;
                while !breaker.admits(at(now)) {
                    now += 1;
                }
                breaker.failed(at(now));
                now - began
            })
            .collect();
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn an_answer_ends_an_outage_and_the_next_one_is_told_again() {
        let breaker = Breaker::default();
        breaker.failed(at(0));
        assert!(breaker.admits(at(5)));
        breaker.succeeded();
        assert!(breaker.admits(at(5)));
        assert_eq!(breaker.failed(at(6)), Outage::Begins);
    }

    #[test]
    fn a_caller_who_never_tells_does_not_keep_the_others_away_for_ever() {
        let breaker = Breaker::default();
        breaker.failed(at(0));
        assert!(breaker.admits(at(5)));
        assert!(!breaker.admits(at(9)));
        assert!(breaker.admits(at(10)));
    }

    #[test]
    fn callers_who_fail_together_lengthen_the_pause_once() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(at(0));
        }
        assert_eq!(breaker.pause(at(0)), Some(Duration::from_secs(5)));
    }
}
