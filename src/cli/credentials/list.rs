//! `credentials list`: the profiles, one on each line.

use serde_json::{Value, json};

use crate::cli::Context;
use crate::error::Error;
use crate::manage::credential::{one_line, place_of};
use crate::profile::{Profile, ProfileName};

/// Prints the names of the profiles: what completes `-p` in a shell.
pub(super) fn names(context: &Context<'_>) -> Result<u8, Error> {
    let names = context.home.profile_names()?;
    if context.ui.is_json() {
        return context.ui.json(&names.iter().map(ProfileName::as_str).collect::<Value>());
    }
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    context.ui.data(lines.as_bytes())
}

pub(super) fn run(context: &Context<'_>) -> Result<u8, Error> {
    let default = context.home.config.default_profile.as_deref();
    let mut rows = Vec::new();
    for name in context.home.profile_names()? {
        rows.push((name.clone(), context.home.profile(&name)));
    }
    if context.ui.is_json() {
        let row = |(name, profile): &(ProfileName, Result<Profile, Error>)| match profile {
            Ok(profile) => json!({
                "profile": name.as_str(),
                "client_id": profile.client_id,
                "token_url": profile.token_url.as_str(),
                "auth": profile.auth.name(),
                "secret": place_of(&profile.secret).0,
                "default": default == Some(name.as_str()),
            }),
            Err(error) => json!({
                "profile": name.as_str(),
                "error": {"code": error.code().name(), "message": error.to_string()},
                "default": default == Some(name.as_str()),
            }),
        };
        return context.ui.json(&rows.iter().map(row).collect::<Value>());
    }
    let mut lines = String::new();
    for (name, profile) in &rows {
        let mark = if default == Some(name.as_str()) { "*" } else { " " };
        lines.push_str(&match profile {
            Ok(profile) => {
                format!("{mark} {:<24} {:<20} {}\n", name.as_str(), one_line(&profile.client_id), profile.token_url)
            }
            Err(error) => format!("{mark} {:<24} cannot be used: {error}\n", name.as_str()),
        });
    }
    context.ui.data(lines.as_bytes())
}
