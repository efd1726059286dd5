//! What a caller wants of a token, and the one rule for which token is good enough.

use std::time::Duration;

use crate::system::clock::Moment;
use crate::token::Validity;

/// What a caller wants of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// One that is still valid for longer than this.
    Valid {
        /// How much longer.
        min_ttl: Duration,
    },
    /// One that is still valid for longer than `min_ttl`, and for longer than `preferred` too, unless tokens live too
    /// briefly for that: then half of its lifetime is enough. For clients that hold on to what they were handed.
    Lasting {
        /// How much longer in any case.
        min_ttl: Duration,
        /// How much longer if its lifetime allows it.
        preferred: Duration,
    },
    /// One that was requested at or after this moment.
    IssuedAfter(Moment),
}

/// The state when a caller began to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitStart {
    /// The caller does not wait.
    NotWaiting,
    /// It began to wait at this moment.
    At(Moment, TokenAtStart),
}

/// The token that was there when a caller began to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenAtStart {
    /// This one, or none.
    Known(Option<Validity>),
    /// Another one: the order of the fleet's value is higher now.
    Replaced,
    /// Nothing shows which one it was. The key that opens it was not at hand, perhaps.
    Unknown,
}

impl Want {
    /// Returns whether a token is good enough for a caller that began to wait at `start`.
    ///
    /// It is if it is as the caller wants it. It is too if it came while the caller waited: another request would give
    /// no better one. If many callers want a token that lives too briefly, the first request was sent before most of
    /// them began.
    pub(super) fn accepts(&self, validity: &Validity, now: &Moment, start: &WaitStart) -> bool {
        let is_alive = validity.outlasts(Duration::ZERO, now);
        let is_as_wanted = match self {
            Want::Valid { .. } | Want::Lasting { .. } => validity.outlasts(self.least_life(validity.lifetime), now),
            Want::IssuedAfter(then) => is_alive && validity.sent_since(then, now),
        };
        // If a token was over when it arrived, none is better: a caller that waited would get another of that kind.
        let is_usable = is_alive || validity.lifetime.is_zero();
        is_as_wanted || is_usable && self.came_since(start, validity, now)
    }

    /// Returns how much longer a token of this lifetime must be valid.
    pub(crate) fn least_life(&self, lifetime: Duration) -> Duration {
        match self {
            Want::Valid { min_ttl } => *min_ttl,
            // A token that lives too briefly would be requested again by each call.
            Want::Lasting { min_ttl, preferred } => (*min_ttl).max((*preferred).min(lifetime / 2)),
            Want::IssuedAfter(_) => Duration::ZERO,
        }
    }

    fn came_since(&self, start: &WaitStart, validity: &Validity, now: &Moment) -> bool {
        let WaitStart::At(began, token) = start else { return false };
        match (self, token) {
            (Want::Valid { .. } | Want::Lasting { .. }, TokenAtStart::Known(present)) => *present != Some(*validity),
            (Want::Valid { .. } | Want::Lasting { .. }, TokenAtStart::Replaced) => true,
            (_, TokenAtStart::Unknown) | (Want::IssuedAfter(_), _) => validity.sent_since(began, now),
        }
    }
}

impl WaitStart {
    /// The same start, with what is known of another place that a token may lie in.
    pub(super) fn with(self, token: TokenAtStart) -> WaitStart {
        match self {
            WaitStart::NotWaiting => WaitStart::NotWaiting,
            WaitStart::At(began, _) => WaitStart::At(began, token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::clock::{Clock as _, ManualClock, WallTime};
    use crate::token::LifetimeFrom;

    const MINUTE: Duration = Duration::from_secs(60);
    const VALID: Want = Want::Valid { min_ttl: MINUTE };

    fn clock() -> ManualClock {
        ManualClock::new(WallTime(1_800_000_000_000_000_000))
    }

    fn living(sent: Moment, lifetime: Duration) -> Validity {
        Validity { sent, lifetime, lifetime_from: LifetimeFrom::Issuer }
    }

    #[test]
    fn a_caller_that_does_not_wait_gets_only_what_it_wants() {
        let clock = clock();
        let now = clock.now();
        let accepts = |want: Want, lifetime| want.accepts(&living(now, lifetime), &now, &WaitStart::NotWaiting);
        assert!(accepts(VALID, MINUTE * 2) && !accepts(VALID, MINUTE) && !accepts(VALID, Duration::ZERO));
        assert!(accepts(Want::IssuedAfter(now), MINUTE) && !accepts(Want::IssuedAfter(now), Duration::ZERO));
        clock.advance(MINUTE);
        let later = clock.now();
        assert!(!Want::IssuedAfter(later).accepts(&living(now, MINUTE * 9), &later, &WaitStart::NotWaiting));
    }

    #[test]
    fn a_client_that_holds_on_to_a_token_gets_half_of_a_brief_lifetime_at_least() {
        let clock = clock();
        let sent = clock.now();
        let want = Want::Lasting { min_ttl: Duration::from_secs(10), preferred: MINUTE * 5 };
        let accepts = |lifetime| want.accepts(&living(sent, lifetime), &clock.now(), &WaitStart::NotWaiting);
        assert!(accepts(MINUTE * 60) && accepts(MINUTE) && !accepts(Duration::from_secs(10)));
        clock.advance(MINUTE);
        // Five minutes are left of six, and one of two.
        assert!(accepts(MINUTE * 6 + Duration::from_secs(1)) && !accepts(MINUTE * 2));
    }

    #[test]
    fn a_token_that_came_while_the_caller_waited_is_accepted_though_it_lives_too_briefly() {
        let clock = clock();
        let before = living(clock.now(), MINUTE);
        clock.advance(MINUTE / 2);
        let began = clock.now();
        clock.advance(MINUTE / 4);
        let now = clock.now();
        let after = living(now, MINUTE / 2);
        let start = |token| WaitStart::At(began, token);
        for (token, validity, is_accepted) in [
            (TokenAtStart::Known(Some(before)), before, false),
            (TokenAtStart::Known(Some(before)), after, true),
            (TokenAtStart::Known(None), before, true),
            (TokenAtStart::Replaced, before, true),
            (TokenAtStart::Unknown, before, false),
            (TokenAtStart::Unknown, after, true),
        ] {
            assert_eq!(VALID.accepts(&validity, &now, &start(token)), is_accepted, "{token:?}");
        }
        // A token that replaced another one may still have been requested before the call.
        assert!(!Want::IssuedAfter(began).accepts(&before, &now, &start(TokenAtStart::Replaced)));
    }

    #[test]
    fn a_token_that_was_over_when_it_arrived_ends_the_wait_and_one_that_ran_out_does_not() {
        let clock = clock();
        let began = clock.now();
        let start = WaitStart::At(began, TokenAtStart::Known(None));
        assert!(VALID.accepts(&living(began, Duration::ZERO), &began, &start));
        let brief = living(began, Duration::from_secs(1));
        clock.advance(MINUTE);
        assert!(!VALID.accepts(&brief, &clock.now(), &start));
    }
}
