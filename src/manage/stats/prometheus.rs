//! The text format of Prometheus, for the textfile collector of its node exporter.

use std::fmt::Write as _;

use super::state::State;
use crate::encoding::escape::Escaped;
use crate::ledger::Stats;
use crate::system::clock::WallTime;

/// Writes the sums as counters and the state of each profile as times, in seconds since 1970.
pub(crate) fn prometheus(stats: &Stats, states: &[State]) -> String {
    let mut text = String::new();
    head(&mut text, "tokenkeep_requests_total", "counter", "Requests to the issuer, repeats included.");
    for (profile, row) in stats.profiles() {
        for (outcome, count) in &row.outcomes {
            let labels = format!("profile=\"{}\",outcome=\"{}\"", label(profile), label(outcome));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "tokenkeep_requests_total{{{labels}}} {count}");
        }
    }
    times(&mut text, "last_success", "When a token was last granted.", states, |state| state.last_success);
    times(&mut text, "last_failure", "When a request last failed.", states, |state| state.last_failure);
    times(&mut text, "token_expiry", "When the cached token expires.", states, |state| state.token_expires_at);
    times(&mut text, "secret_set", "When the stored secret was set.", states, |state| state.secret_set_at);
    text
}

/// Writes one time of each profile that has it.
fn times(text: &mut String, what: &str, help: &str, states: &[State], of: impl Fn(&State) -> Option<WallTime>) {
    let name = format!("tokenkeep_{what}_timestamp_seconds");
    head(text, &name, "gauge", help);
    for (state, wall) in states.iter().filter_map(|state| Some((state, of(state)?))) {
        let _ = writeln!(text, "{name}{{profile=\"{}\"}} {}", label(&state.profile), wall.seconds());
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes the value of a label: a damaged ledger may hold anything.
fn label(value: &str) -> String {
    Escaped(value).to_string().replace('\\', "\\\\").replace('"', "\\\"")
}
