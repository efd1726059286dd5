//! `token list`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Context;
use crate::encoding::duration;
use crate::encoding::escape::Escaped;
use crate::error::Error;
use crate::manage::token::{Listed, Place, list};
use crate::system::clock::Moment;
use crate::token::Freshness;

pub(super) fn run(context: &Context<'_>) -> Result<u8, Error> {
    let listed = list(&context.home, &context.observer())?;
    let now = context.home.clock.now();
    if context.ui.is_json() {
        return context.ui.json(&listed.iter().map(|token| as_json(token, &now)).collect());
    }
    let lines: String = listed.iter().map(|token| as_line(token, &now)).collect();
    context.ui.data(lines.as_bytes())
}

fn as_json(token: &Listed, now: &Moment) -> Value {
    json!({
        "profile": token.profile.as_ref().map(|name| name.as_str()),
        "place": token.place.name(),
        "client_id": token.outline.client_id,
        "token_url": token.outline.token_endpoint,
        "scope": token.outline.scopes.join(" "),
        "audience": token.outline.audience,
        "expires_at": token.validity.expires_at().to_utc(),
        "expires_in": seconds_left(token, now),
    })
}

fn as_line(token: &Listed, now: &Moment) -> String {
    let left = match seconds_left(token, now) {
        0 => "expired".to_owned(),
        left => duration::show(Duration::from_secs(left)),
    };
    let place = if token.place == Place::Fleet { token.place.name() } else { "" };
    let profile = token.profile.as_ref().map_or("(no profile)", |name| name.as_str());
    let scope = token.outline.scopes.join(" ");
    let line = format!("{profile:<24} {left:<10} {place:<7} {}", Escaped(&scope));
    format!("{}\n", line.trim_end())
}

fn seconds_left(token: &Listed, now: &Moment) -> u64 {
    match token.validity.at(now) {
        Freshness::Fresh(left) => left.as_secs(),
        Freshness::Stale | Freshness::Unknown => 0,
    }
}
