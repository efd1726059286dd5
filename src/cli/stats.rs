//! `stats`: what was requested from issuers, by profile and day, and how each profile stands.

use std::fmt::Write as _;
use std::time::Duration;

use super::Context;
use crate::encoding::duration;
use crate::encoding::escape::Escaped;
use crate::error::{Code, Error};
use crate::ledger::{Row, Stats};
use crate::manage::stats::{self, Report, date};

/// How far back the sums go if nothing is typed.
const USUAL: &str = "30d";

/// The form in which the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a table, or as JSON if that is wanted of each command.
    Report,
    /// As Prometheus reads it.
    Prometheus,
}

pub(crate) fn run(context: &Context<'_>, since: Option<&str>, form: Form) -> Result<u8, Error> {
    let since = match (since, form) {
        // A counter never goes back: it counts from the first request that is known.
        (None, Form::Prometheus) => Duration::MAX,
        (since, _) => window(since.unwrap_or(USUAL))?,
    };
    let home = &context.home;
    // A removed profile still has a history.
    let only = context.profile.as_deref().map(|name| home.profile_name(Some(name))).transpose()?;
    let sums = stats::sums(home, since, only.as_ref(), &context.observer())?;
    let states = || stats::states(home, &sums, only.as_ref());
    let text = match form {
        Form::Prometheus => stats::prometheus(&sums, &states()).into_bytes(),
        Form::Report if context.ui.is_json() => Report::new(&sums, &states()).to_json()?,
        Form::Report => as_table(&sums).into_bytes(),
    };
    context.ui.data(&text)
}

fn window(text: &str) -> Result<Duration, Error> {
    duration::parse(text).ok_or_else(|| Error::new(Code::Usage, "--since takes a duration such as 24h, 30d or 1d12h"))
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
