//! How each profile stands: its last requests, its cached token, the age of its secret.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::keeper::identity_of;
use crate::ledger::Stats;
use crate::open::{Home, Opened};
use crate::profile::ProfileName;
use crate::system::clock::WallTime;

/// How a profile stands. A time is missing if there was no such event, or if it is not known here.
#[derive(Serialize)]
pub(crate) struct State {
    #[serde(skip)]
    pub(super) profile: String,
    #[serde(serialize_with = "as_time")]
    pub(super) last_success: Option<WallTime>,
    #[serde(serialize_with = "as_time")]
    pub(super) last_failure: Option<WallTime>,
    /// The code of the last failure.
    last_failure_code: Option<String>,
    /// When the cached token of the profile's own request expires.
    #[serde(serialize_with = "as_time")]
    pub(super) token_expires_at: Option<WallTime>,
    #[serde(serialize_with = "as_time")]
    pub(super) secret_set_at: Option<WallTime>,
    /// Seconds since the stored secret was set.
    secret_age_s: Option<i64>,
}

fn as_time<S: serde::Serializer>(wall: &Option<WallTime>, to: S) -> Result<S::Ok, S::Error> {
    wall.and_then(WallTime::to_utc).serialize(to)
}

/// Looks at each profile that is set up or has a history, or at the one that is named.
pub(crate) fn states(home: &Home, stats: &Stats, only: Option<&ProfileName>) -> Vec<State> {
    // The doctor reports why a profile or the cache cannot be read; this lists what is known.
    let set_up = home.profile_names().unwrap_or_default();
    let set_up: BTreeSet<String> = set_up.iter().map(|name| name.as_str().to_owned()).collect();
    let recorded = stats.profiles().map(|(profile, _)| profile.to_owned());
    let mut all: BTreeSet<String> = recorded.chain(set_up).collect();
    if let Some(only) = only {
        all.retain(|profile| profile == only.as_str());
    }
    all.into_iter().map(|profile| state(home, stats, profile)).collect()
}

fn state(home: &Home, stats: &Stats, profile: String) -> State {
    let last = stats.last(&profile);
    let name = ProfileName::parse(&profile);
    let set_at = name.as_ref().and_then(|name| home.profile_file(name).ok()?.1.set_at);
    let now = home.clock.wall().seconds();
    let (last_failure, last_failure_code) = last.failure.unzip();
    State {
        profile,
        last_success: last.success,
        last_failure,
        last_failure_code,
        token_expires_at: name.as_ref().and_then(|name| expiry(home, name)),
        secret_set_at: set_at.map(|time| WallTime(time.timestamp().saturating_mul(1_000_000_000))),
        secret_age_s: set_at.map(|time| now.saturating_sub(time.timestamp()).max(0)),
    }
}

/// Returns when the cached token expires, if the data key is at hand: this requests no key.
fn expiry(home: &Home, name: &ProfileName) -> Option<WallTime> {
    let profile = home.profile(name).ok()?;
    let Opened { dir, keys } = home.opened().ok()??;
    let cache = home.cache(dir, keys.key_if_cached().ok()??);
    let token = cache.token(&identity_of(&profile)).ok()??;
    Some(token.validity().expires_at())
}
