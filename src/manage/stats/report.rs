//! The sums as JSON.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Serialize;

use super::state::State;
use crate::error::{Code, Error};
use crate::ledger::{Row, Stats};

const DAY_S: i64 = 86_400;

/// The sums, with the state of each profile.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    since: Option<String>,
    requests: i64,
    profiles: Vec<Line<'a>>,
    days: Vec<Line<'a>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(stats: &'a Stats, states: &'a [State]) -> Report<'a> {
        let rows: BTreeMap<&str, Row> = stats.profiles().collect();
        // A profile that was never used gets a line too: its secret has an age.
        let none = Row::default();
        let of = |profile: &str| rows.get(profile).unwrap_or(&none);
        let profiles: Vec<Line<'_>> =
            states.iter().map(|state| Line::new(&state.profile, None, of(&state.profile), Some(state))).collect();
        Report {
            since: stats.from().to_utc(),
            requests: profiles.iter().fold(0, |sum, line| sum.saturating_add(line.requests)),
            days: stats.days().map(|(profile, day, row)| Line::new(profile, Some(day), row, None)).collect(),
            profiles,
        }
    }

    /// Writes it as JSON, on one line.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut text = serde_json::to_vec(self).map_err(|_| Error::new(Code::Internal, "numbers are no JSON"))?;
        text.push(b'\n');
        Ok(text)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    profile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    requests: i64,
    outcomes: BTreeMap<String, i64>,
    latency_ms: Latencies,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    state: Option<&'a State>,
}

#[derive(Serialize)]
struct Latencies {
    mean: i64,
    p50: i64,
    p95: i64,
    max: i64,
}

impl<'a> Line<'a> {
    fn new(profile: &'a str, day: Option<i64>, row: &Row, state: Option<&'a State>) -> Line<'a> {
        let latency = row.latency();
        Line {
            profile,
            day: day.map(date),
            requests: row.requests(),
            outcomes: row.outcomes.clone(),
            latency_ms: Latencies { mean: latency.mean, p50: latency.p50, p95: latency.p95, max: latency.max },
            state,
        }
    }
}

/// Writes a day since 1970 as a date.
pub(crate) fn date(day: i64) -> String {
    let time = day.checked_mul(DAY_S).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    // No calendar reaches there: a number is better than nothing.
    time.map_or_else(|| format!("day {day}"), |time| time.format("%Y-%m-%d").to_string())
}
