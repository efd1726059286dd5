//! `credentials show`: a profile, never its secret.

use serde_json::{Value, json};

use super::place::{one_line, place_of};
use crate::cli::Context;
use crate::encoding::duration;
use crate::error::Error;
use crate::profile::SecretSource;
use crate::secrets::{Backend, Credential, ItemName, SecretsError};
use crate::system::clock::WallTime;
use crate::system::files::EscapedPath;

pub(super) fn run(context: &Context<'_>) -> Result<u8, Error> {
    let name = context.home.profile_name(context.profile.as_deref())?;
    let (path, file) = context.home.profile_file(&name)?;
    let profile = file.resolve(&name).map_err(|error| Error::in_profile(&path, &error).for_profile(&name))?;
    let (fingerprint, kept_in) = match &profile.secret {
        SecretSource::Reference(_) | SecretSource::Absent => (None, None),
        SecretSource::Stored(binding) => {
            let opened = context.home.opened()?;
            let keys = opened.map(|opened| opened.keys).ok_or(SecretsError::NotChosen);
            let keys = keys.map_err(|error| Error::from(error).for_profile(&name))?;
            let item = keys.read(&ItemName::credential(binding.generation));
            let stored = item.and_then(|item| {
                item.map(|item| Credential::decode(&item)).transpose().map_err(|_| SecretsError::Unreadable)
            });
            let stored = stored.map_err(|error| Error::from(error).for_profile(&name))?;
            (stored.map(|credential| credential.fingerprint()), Some(keys.choice().backend.clone()))
        }
    };
    let set_at = file.set_at.map(|time| WallTime(time.timestamp().saturating_mul(1_000_000_000)));
    let age = set_at.map(|set_at| {
        let seconds = context.home.clock.wall().seconds().saturating_sub(set_at.seconds());
        u64::try_from(seconds).unwrap_or(0)
    });
    let (place, detail) = match &kept_in {
        Some(backend) => (backend.name(), Some(backend.shown())),
        None => place_of(&profile.secret),
    };
    let protection = kept_in.as_ref().map(|backend| context.home.protection(backend).name().to_owned());
    let key_file = kept_in.as_ref().and_then(Backend::key_file);
    let first = [
        ("profile", Some(name.to_string())),
        ("file", Some(EscapedPath(&path).to_string())),
        ("backend", Some(place.to_owned())),
        ("secret_from", detail),
        ("protection", protection),
        ("key_file", key_file.map(|path| EscapedPath(path).to_string())),
    ];
    let last = [
        ("generation", profile.generation().map(|generation| generation.to_string())),
        ("fingerprint", fingerprint),
        ("set_at", set_at.and_then(WallTime::to_utc)),
    ];
    let members = first.into_iter().chain(file.shown(&profile)).chain(last);
    if context.ui.is_json() {
        let mut object: serde_json::Map<String, Value> =
            members.map(|(name, value)| (name.to_owned(), json!(value))).collect();
        object.insert("age_s".to_owned(), json!(age));
        context.ui.json(&Value::Object(object))?;
        return Ok(0);
    }
    let mut lines = String::new();
    for (name, value) in members {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            lines.push_str(&format!("{name:<18} {}\n", one_line(&value)));
        }
    }
    if let Some(age) = age {
        lines.push_str(&format!("{:<18} {}\n", "age", duration::show(std::time::Duration::from_secs(age))));
    }
    context.ui.data(lines.as_bytes()).map(|()| 0)
}
