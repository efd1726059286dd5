//! A token that is handed to a client, with all that an answer may hold.

use std::time::Duration;

use zeroize::Zeroizing;

use super::consumer::Consumer;
use crate::keeper::{Obtained, Source};
use crate::profile::Profile;
use crate::system::clock::{Moment, WallTime};
use crate::token::{AccessToken, Freshness};

/// A token, where it came from, for which profile, and when it is handed over.
#[derive(Debug)]
pub(crate) struct Handed<'a> {
    pub(crate) obtained: &'a Obtained,
    pub(crate) profile: &'a Profile,
    pub(crate) now: &'a Moment,
}

impl Handed<'_> {
    pub(crate) fn token(&self) -> &AccessToken {
        &self.obtained.token
    }

    /// Returns what an `Authorization` header holds.
    pub(crate) fn authorization(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{} {}", self.token().token_type(), self.token().expose()))
    }

    /// Returns for how much longer the token is valid.
    pub(crate) fn left(&self) -> Duration {
        let validity = self.token().validity();
        match validity.at(self.now) {
            Freshness::Fresh(left) => left,
            // A fresh token is never judged by the local clock.
            Freshness::Stale | Freshness::Unknown if self.obtained.source == Source::Issuer => validity.lifetime,
            Freshness::Stale | Freshness::Unknown => Duration::ZERO,
        }
    }

    /// Returns the end of the token that is reported to a client which uses it up to the second: never later than its
    /// end, and not in the past while it is valid.
    pub(crate) fn reported_end(&self, client: &Consumer) -> WallTime {
        self.now.wall.plus(self.reported_left(client))
    }

    /// The same as the time that is left.
    pub(crate) fn reported_left(&self, client: &Consumer) -> Duration {
        let left = self.left();
        left.checked_sub(client.margin).filter(|reported| reported.as_secs() > 0).unwrap_or(left)
    }
}
