//! `stats`: what was requested from issuers, by profile and day, and how each profile stands.

mod metrics;
mod state;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::DateTime;
use serde::Serialize;

use super::Context;
use super::format::time;
use crate::encoding::duration;
use crate::encoding::escape::Escaped;
use crate::error::warning::Warning;
use crate::error::{Code, Error};
use crate::ledger::{Condition, Ledger, Row, Stats};
use crate::profile::ProfileName;
use crate::system::clock::WallTime;
use crate::system::files::{Dir, Missing};
use state::State;

const DAY_S: i64 = 86_400;

/// How far back the sums go if nothing is typed.
const USUAL: &str = "30d";

/// The form in which the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a table, or as JSON if that is wanted of each command.
    Report,
    /// As Prometheus reads it.
    Metrics,
}

pub(crate) fn run(context: &Context<'_>, since: Option<&str>, form: Form) -> Result<u8, Error> {
    let since = match (since, form) {
        // A counter never goes back: it counts from the first request that is known.
        (None, Form::Metrics) => std::time::Duration::MAX,
        (since, _) => window(since.unwrap_or(USUAL))?,
    };
    // A removed profile still has a history.
    let only = context.profile.as_deref().map(|name| context.home.profile_name(Some(name))).transpose()?;
    let nanos = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    let from = WallTime(context.home.clock.wall().0.saturating_sub(nanos));
    let stats = read(context, from, only.as_ref())?;
    let text = match form {
        Form::Metrics => metrics::of(&stats, &state::of(context, &stats, only.as_ref())).into_bytes(),
        Form::Report if context.ui.is_json() => as_json(&stats, &state::of(context, &stats, only.as_ref()))?,
        Form::Report => as_table(&stats).into_bytes(),
    };
    context.ui.data(&text)?;
    Ok(0)
}

fn window(text: &str) -> Result<std::time::Duration, Error> {
    duration::parse(text).ok_or_else(|| Error::new(Code::Usage, "--since takes a duration such as 24h, 30d or 1d12h"))
}

fn read(context: &Context<'_>, from: WallTime, only: Option<&ProfileName>) -> Result<Stats, Error> {
    let Some(dir) = Dir::open(&context.home.data_dir, Missing::Leave)? else { return Ok(Stats::since(from)) };
    let ledger = Ledger::new(Arc::new(dir), context.home.clock.clone());
    let (stats, condition) = ledger.stats(from, only.map(ProfileName::as_str))?;
    if condition == Condition::Quarantined {
        context.ui.warn(&Warning::LedgerQuarantined);
    }
    Ok(stats)
}

#[derive(Serialize)]
struct Report<'a> {
    since: Option<String>,
    requests: i64,
    profiles: Vec<Line<'a>>,
    days: Vec<Line<'a>>,
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

fn as_json(stats: &Stats, states: &[State]) -> Result<Vec<u8>, Error> {
    let rows: BTreeMap<&str, Row> = stats.profiles().collect();
    // A profile that was never used gets a line too: its secret has an age.
    let none = Row::default();
    let of = |profile: &str| rows.get(profile).unwrap_or(&none);
    let profiles: Vec<Line<'_>> =
        states.iter().map(|state| Line::new(&state.profile, None, of(&state.profile), Some(state))).collect();
    let report = Report {
        since: time(stats.from()),
        requests: profiles.iter().fold(0, |sum, line| sum.saturating_add(line.requests)),
        days: stats.days().map(|(profile, day, row)| Line::new(profile, Some(day), row, None)).collect(),
        profiles,
    };
    let mut text = serde_json::to_vec(&report).map_err(|_| Error::new(Code::Internal, "numbers are no JSON"))?;
    text.push(b'\n');
    Ok(text)
}

/// The most symbols that are shown of a name.
const WIDEST: usize = 100;

fn as_table(stats: &Stats) -> String {
    // The longest name of a profile; a longer one, from a damaged ledger, stands out of line.
    let widest = stats.profiles().map(|(profile, _)| shown(profile).chars().count()).max().unwrap_or(0);
    let widest = widest.clamp("profile".len(), 64);
    let mut table = String::new();
    let mut line = |profile: &str, day: &str, cells: [&str; 5], outcomes: &str| {
        let [requests, mean, p50, p95, max] = cells;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{profile:<widest$}  {day:<10}  {requests:>8}  {mean:>8}  {p50:>8}  {p95:>8}  {max:>8}  {outcomes}"
        );
    };
    line("profile", "day", ["requests", "mean ms", "p50", "p95", "max"], "outcomes");
    let mut total = |profile: &str, day: &str, row: &Row| {
        let latency = row.latency();
        let cells = [row.requests(), latency.mean, latency.p50, latency.p95, latency.max].map(|cell| cell.to_string());
        line(&shown(profile), day, cells.each_ref().map(String::as_str), &outcomes(row));
    };
    stats.days().for_each(|(profile, day, row)| total(profile, &date(day), row));
    stats.profiles().for_each(|(profile, row)| total(profile, "all", &row));
    table
}

fn outcomes(row: &Row) -> String {
    let each = row.outcomes.iter().map(|(outcome, count)| format!("{} {count}", shown(outcome)));
    each.collect::<Vec<_>>().join(", ")
}

/// Writes a text on one line, and without what a terminal obeys: a damaged ledger may hold anything.
fn shown(text: &str) -> String {
    let line = Escaped(text).to_string();
    // No name of ours is longer, and a column has a width that a formatter takes.
    line.chars().take(WIDEST).collect()
}

fn date(day: i64) -> String {
    let time = day.checked_mul(DAY_S).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    // No calendar reaches there: a number is better than nothing.
    time.map_or_else(|| format!("day {day}"), |time| time.format("%Y-%m-%d").to_string())
}
