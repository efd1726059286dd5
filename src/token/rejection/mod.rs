//! A token that a server refused, as one of its clients reported: remembered, so that clients cause few requests.

#[cfg(feature = "cli")]
mod reporting;

use sha2::{Digest as _, Sha256};

#[cfg(all(test, feature = "cli"))]
pub(crate) use reporting::BETWEEN_REJECTIONS;

use crate::encoding::tlv::{Malformed, Reader};
use crate::system::clock::Moment;
use crate::system::secret::SecretDigest;
use crate::token::{AccessToken, Freshness, Validity};

/// Which token was rejected, and when. It holds the digest of the token only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    token: SecretDigest,
    /// When it was rejected, and for how long that is of use.
    pub validity: Validity,
}

impl Rejection {
    /// Returns whether this is the rejection of a token, whenever that was requested.
    pub(crate) fn is_of(&self, token: &AccessToken, now: &Moment) -> bool {
        self.token == digest(token) && matches!(self.validity.at(now), Freshness::Fresh(_))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Rejection, Malformed> {
        let mut reader = Reader::new(bytes);
        let token = SecretDigest(reader.fixed(1)?);
        let validity = Validity::decode(&mut reader)?;
        reader.finish()?;
        Ok(Rejection { token, validity })
    }
}

fn digest(token: &AccessToken) -> SecretDigest {
    SecretDigest(Sha256::digest(token.expose().as_bytes()).into())
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::system::clock::{BootId, BootTime, Clock as _, ManualClock, WallTime};
    use crate::system::secret::Secret;
    use crate::token::LifetimeFrom;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn token(value: &str, sent: Moment) -> AccessToken {
        let validity = Validity { sent, lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer };
        AccessToken::new(Secret::from(value), "Bearer", None, validity).expect("visible ASCII")
    }

    #[test]
    fn a_rejection_is_of_one_token_for_as_long_as_that_lives() {
        let clock = ManualClock::new(WallTime(1_800_000_000_000_000_000));
        let rejected = token("a", clock.now());
        clock.advance(HOUR / 2);
        let rejection = Rejection::new(&rejected, clock.now());
        let again = token("a", clock.now());
        assert!(rejection.is_of(&rejected, &clock.now()) && rejection.is_of(&again, &clock.now()));
        assert!(!rejection.is_of(&token("b", clock.now()), &clock.now()));
        clock.advance(HOUR / 2);
        assert!(rejection.is_of(&again, &clock.now()));
        clock.advance(Duration::from_secs(1));
        assert!(!rejection.is_of(&again, &clock.now()));
    }

    #[test]
    fn a_minute_lies_between_two_rejections_and_a_clock_that_was_set_back_ends_it() {
        let clock = ManualClock::new(WallTime(1_800_000_000_000_000_000));
        let rejection = Rejection::new(&token("a", clock.now()), clock.now());
        assert_eq!(rejection.pause(&clock.now()), Some(BETWEEN_REJECTIONS));
        clock.advance(BETWEEN_REJECTIONS - Duration::from_nanos(1));
        assert!(rejection.pause(&clock.now()).is_some());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(rejection.pause(&clock.now()), None);
        clock.set_wall(WallTime(1_700_000_000_000_000_000));
        assert_eq!(rejection.pause(&clock.now()), None);
    }

    /// A vector that was made without this code: version 1 is read for ever.
    #[test]
    fn a_body_of_version_1_is_read_and_written() {
        let hex = include_str!("../../../tests/vectors/rejection-v1.hex").trim_end();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| byte(&hex[at..at + 2])).collect();
        let sent = Moment {
            wall: WallTime(1_800_000_000_000_000_000),
            boot: BootTime(5_000_000_000),
            boot_id: Some(BootId([7; 16])),
        };
        let rejection = Rejection::decode(&bytes).expect("version 1");
        assert!(rejection.is_of(&token("the-token", sent), &sent));
        assert_eq!(rejection.validity, Validity { sent, lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer });
        assert_eq!(*rejection.encode(), bytes);
    }

    fn byte(digits: &str) -> u8 {
        u8::from_str_radix(digits, 16).expect("hexadecimal digits")
    }

    #[test]
    fn what_was_written_is_read_and_holds_no_token() {
        let clock = ManualClock::new(WallTime(1_800_000_000_000_000_000));
        let rejection = Rejection::new(&token("the-token", clock.now()), clock.now());
        let bytes = rejection.encode();
        assert_eq!(Rejection::decode(&bytes), Ok(rejection));
        assert!(!bytes.windows(9).any(|part| part == b"the-token"));
        for length in 0..bytes.len() {
            assert!(Rejection::decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}
