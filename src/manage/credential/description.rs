//! A profile as its owner may see it: its place, binding, age and fingerprint, never its secret.

use std::time::Duration;

use super::place::place_of;
use crate::error::Error;
use crate::open::Home;
use crate::profile::{Binding, ProfileName, SecretSource};
use crate::secrets::{Backend, Credential, ItemName, SecretsError};
use crate::system::clock::WallTime;
use crate::system::files::EscapedPath;

/// A profile, without its secret.
pub(crate) struct Description {
    /// What is known of it by name, in order.
    pub(crate) members: Vec<(&'static str, Option<String>)>,
    /// How long ago its credential was set.
    pub(crate) age: Option<Duration>,
}

/// Describes a profile.
pub(crate) fn describe(home: &Home, name: &ProfileName) -> Result<Description, Error> {
    let (path, file) = home.profile_file(name)?;
    let profile = file.resolve(name).map_err(|error| Error::in_profile(&path, &error).for_profile(name))?;
    let stored = match &profile.secret {
        SecretSource::Reference(_) | SecretSource::Absent => None,
        SecretSource::Stored(binding) => Some(stored(home, name, binding)?),
    };
    let (place, detail) = match &stored {
        Some(stored) => (stored.backend.name(), Some(stored.backend.shown())),
        None => place_of(&profile.secret),
    };
    let backend = stored.as_ref().map(|stored| &stored.backend);
    let first = [
        ("profile", Some(name.to_string())),
        ("file", Some(EscapedPath(&path).to_string())),
        ("backend", Some(place.to_owned())),
        ("secret_from", detail),
        ("protection", backend.map(|backend| home.protection(backend).name().to_owned())),
        ("key_file", backend.and_then(Backend::key_file).map(|path| EscapedPath(path).to_string())),
    ];
    let set_at = file.set_at.map(|time| WallTime(time.timestamp().saturating_mul(1_000_000_000)));
    let last = [
        ("generation", profile.generation().map(|generation| generation.to_string())),
        ("fingerprint", stored.as_ref().and_then(|stored| stored.fingerprint.clone())),
        ("set_at", set_at.and_then(WallTime::to_utc)),
    ];
    let members = first.into_iter().chain(file.shown(&profile)).chain(last).collect();
    Ok(Description { members, age: set_at.map(|set_at| age(home, set_at)) })
}

/// A secret that is stored here.
struct Stored {
    backend: Backend,
    /// `None` if it is gone.
    fingerprint: Option<String>,
}

fn stored(home: &Home, name: &ProfileName, binding: &Binding) -> Result<Stored, Error> {
    let opened = home.opened()?;
    let read = || {
        let keys = opened.map(|opened| opened.keys).ok_or(SecretsError::NotChosen)?;
        let item = keys.read(&ItemName::credential(binding.generation))?;
        let credential =
            item.map(|item| Credential::decode(&item).map_err(|_| SecretsError::Unreadable)).transpose()?;
        let fingerprint = credential.map(|credential| credential.fingerprint());
        Ok(Stored { backend: keys.choice().backend.clone(), fingerprint })
    };
    read().map_err(|error: SecretsError| Error::from(error).for_profile(name))
}

fn age(home: &Home, set_at: WallTime) -> Duration {
    let seconds = home.clock.wall().seconds().saturating_sub(set_at.seconds());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
