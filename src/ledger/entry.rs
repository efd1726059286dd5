//! One line of the ledger: a request to an issuer, and how it ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::system::clock::WallTime;
use crate::token::RecordName;

/// The bits of an id that distinguish requests of one millisecond.
pub(super) const RANDOM_BITS: u32 = 20;

/// The outcome of a request that brought a token.
pub(super) const GRANTED: &str = "granted";

/// A request to an issuer. Holds no secret, no token and no text of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When it was sent, and which of that millisecond: the same entry written twice is there once.
    pub(super) id: i64,
    pub(super) profile: String,
    /// The name of the record, 64 hexadecimal digits.
    pub(super) identity: String,
    pub(super) kind: Kind,
    pub(super) outcome: String,
    pub(super) http_status: Option<u16>,
    /// Bounded, so that no number of requests adds up to more than a sum can hold.
    pub(super) latency_ms: u32,
    pub(super) lifetime_s: Option<i64>,
    pub(super) pid: u32,
    pub(super) program: String,
}

/// What was requested from the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A token.
    Token,
}

impl Entry {
    /// Makes the entry of a request of this process that was sent at `sent` and took `latency`. Its outcome is
    /// "granted" until `failed` sets the code of the error.
    pub(crate) fn new(profile: &str, identity: RecordName, kind: Kind, sent: WallTime, latency: Duration) -> Entry {
        Entry {
            id: id_at(sent) | i64::from(random_bits()),
            profile: profile.to_owned(),
            identity: identity.to_hex(),
            kind,
            outcome: GRANTED.to_owned(),
            http_status: None,
            latency_ms: u32::try_from(latency.as_millis()).unwrap_or(u32::MAX),
            lifetime_s: None,
            pid: std::process::id(),
            program: program(),
        }
    }

    /// Adds the lifetime of the token that was granted, if the issuer named one.
    pub(crate) fn granted(self, lifetime: Option<Duration>) -> Entry {
        Entry { lifetime_s: lifetime.map(|lifetime| i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)), ..self }
    }

    /// Makes it one that failed, with the code of the error and the status of the answer.
    pub(crate) fn failed(self, code: &str, http_status: Option<u16>) -> Entry {
        Entry { outcome: code.to_owned(), http_status, ..self }
    }
}

/// Returns the first id of a time; a clock before 1970, or after the year 2248, counts as the nearest that has one.
pub(super) fn id_at(time: WallTime) -> i64 {
    let last = i64::MAX >> RANDOM_BITS;
    time.0.div_euclid(1_000_000).clamp(0, last) << RANDOM_BITS
}

/// Without randomness two requests of one millisecond and of one process may share an id: one line is lost.
fn random_bits() -> u32 {
    let mut bytes = std::process::id().to_be_bytes();
    let _ = crate::system::random::fill(&mut bytes);
    u32::from_be_bytes(bytes) >> (u32::BITS - RANDOM_BITS)
}

/// The name under which this program was started.
fn program() -> String {
    let started_as = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = started_as.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
    name.to_string_lossy().chars().filter(|symbol| !symbol.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_time_of_sending_whatever_the_clock_says() {
        let at = |seconds: i64| id_at(WallTime(seconds.saturating_mul(1_000_000_000)));
        let times = [i64::MIN / 2_000_000_000, -1, 0, 1, 1_800_000_000, 2_147_483_648, 4_294_967_296, 9_000_000_000];
        let ids: Vec<i64> = times.iter().map(|seconds| at(*seconds)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] <= pair[1]) && ids[0] == 0, "{ids:?}");
        assert_eq!(at(1_800_000_000) >> RANDOM_BITS, 1_800_000_000_000);
    }
}
