//! When a failed request is tried again: bounded, with full jitter, obeying `Retry-After`.

use std::time::Duration;

use chrono::DateTime;

use super::IssuerError;
use crate::system::clock::WallTime;

/// How often a request is repeated after the first attempt.
const REPEATS: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest `Retry-After` that is believed, in memory of a refusal as in a pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait, then try again.
    Pause(Duration),
    /// Give up: trying again would not help, or not in time.
    GiveUp,
}

/// Decides what follows the `attempt`-th failure (from 0), with `left` until the deadline and
/// `jitter` in 0..=255.
pub(super) fn next(error: &IssuerError, attempt: u32, left: Duration, jitter: u8) -> Next {
    let asked = match error {
        IssuerError::Connect { .. } | IssuerError::Dns { .. } => None,
        IssuerError::Proxy { fault, .. } if !fault.is_final() => None,
        IssuerError::RateLimited { retry_after, .. } | IssuerError::Server { retry_after, .. } => *retry_after,
        // Never a refusal: a wrong secret that is tried again locks the account. Never a broken answer: the
        // issuer may have granted a token, and at some issuers the next one kills it.
        _ => return Next::GiveUp,
    };
    if attempt >= REPEATS {
        return Next::GiveUp;
    }
    let jittered = FIRST_PAUSE.saturating_mul(1 << attempt).mul_f64(f64::from(jitter) / 255.0);
    let pause = asked.map_or(jittered, |asked| asked.saturating_add(jittered));
    if pause < left { Next::Pause(pause) } else { Next::GiveUp }
}

/// Reads `Retry-After` (RFC 9110 s. 10.2.3): seconds or a date. `None` if it is neither.
pub(super) fn retry_after(value: &str, now: WallTime) -> Option<Duration> {
    let value = value.trim();
    let seconds = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().unwrap_or(u64::MAX)
    } else {
        let date = DateTime::parse_from_rfc2822(value).ok()?.timestamp();
        u64::try_from(date.saturating_sub(now.seconds())).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Meaning;
    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    /// 1994-11-06T08:49:37Z
    const NOW: WallTime = WallTime(784_111_777_000_000_000);

    fn server(retry_after: Option<u64>) -> IssuerError {
        IssuerError::Server { status: 503, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn a_fault_is_tried_twice_more_and_no_longer() {
        assert_eq!(next(&server(None), 0, LONG, 255), Next::Pause(FIRST_PAUSE));
        assert_eq!(next(&server(None), 1, LONG, 255), Next::Pause(2 * FIRST_PAUSE));
        assert_eq!(next(&server(None), 2, LONG, 255), Next::GiveUp);
    }

    #[test]
    fn a_refusal_is_never_tried_again() {
        let refused =
            IssuerError::Refused { status: 401, meaning: Meaning::Client, error: None, description: None, clock: None };
        assert_eq!(next(&refused, 0, LONG, 0), Next::GiveUp);
    }

    #[test]
    fn a_pause_beyond_the_deadline_is_not_waited_for() {
        assert_eq!(next(&server(Some(2)), 0, LONG, 0), Next::Pause(Duration::from_secs(2)));
        assert_eq!(next(&server(Some(30)), 0, LONG, 0), Next::GiveUp);
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        for (value, seconds) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, NOW), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn jitter_never_shortens_what_was_asked_for(asked in 0_u64..40, attempt in 0_u32..4, jitter: u8, left in 0_u64..60) {
            let left = Duration::from_secs(left);
            for error in [server(Some(asked)), IssuerError::RateLimited { status: 429, retry_after: Some(Duration::from_secs(asked)) }] {
                match next(&error, attempt, left, jitter) {
                    Next::Pause(pause) => prop_assert!(pause >= Duration::from_secs(asked) && pause < left && attempt < REPEATS),
                    Next::GiveUp => prop_assert!(attempt >= REPEATS || Duration::from_secs(asked + 1) > left),
                }
            }
        }

        #[test]
        fn any_retry_after_is_read_or_ignored(value in ".{0,40}") {
            if let Some(pause) = retry_after(&value, NOW) {
                prop_assert!(pause <= LONGEST_PAUSE);
            }
        }
    }
}
