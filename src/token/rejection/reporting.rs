//! What the report of a client makes of a token. A program of the library rejects in memory.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{Rejection, digest};
use crate::encoding::tlv::Writer;
use crate::system::clock::Moment;
use crate::token::{AccessToken, Freshness, LifetimeFrom, Validity};

/// How long no other token of an identity is rejected: a server that refuses every token must not use up a quota.
pub(crate) const BETWEEN_REJECTIONS: Duration = Duration::from_secs(60);

impl Rejection {
    /// Makes the rejection of a token. It is remembered for as long as the token lives: an issuer may give it again.
    pub(crate) fn new(token: &AccessToken, now: Moment) -> Rejection {
        let left = match token.validity().at(&now) {
            Freshness::Fresh(left) => left,
            Freshness::Stale | Freshness::Unknown => token.validity().lifetime,
        };
        let lifetime = Duration::from_secs(left.as_secs() + 1).max(BETWEEN_REJECTIONS);
        Rejection {
            token: digest(token),
            validity: Validity { sent: now, lifetime, lifetime_from: LifetimeFrom::Issuer },
        }
    }

    /// Returns for how much longer no other token is rejected, if it is too early for that.
    pub(crate) fn pause(&self, now: &Moment) -> Option<Duration> {
        match (Validity { lifetime: BETWEEN_REJECTIONS, ..self.validity }).at(now) {
            Freshness::Fresh(left) => Some(left),
            // A clock that was set back must not keep a token in use for long.
            Freshness::Stale | Freshness::Unknown => None,
        }
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::default();
        writer.bytes(1, self.token.as_bytes());
        self.validity.encode(&mut writer);
        writer.finish()
    }
}
