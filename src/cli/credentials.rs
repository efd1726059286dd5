//! `credentials`: set, list, show, remove.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::args::Credentials;
use super::format::time;
use super::{Context, secret_input, set};
use crate::cache::Cache;
use crate::config::Config;
use crate::encoding::duration;
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::keeper::Sharing;
use crate::manage::credentials::CredentialEditor;
use crate::open::Opened;
use crate::profile::{ProfileName, Reference, SecretSource};
use crate::secrets::{
    Backend, BackendChoice, Credential, DataDirLock, ItemName, KeySource, Keys, SealedFiles, SecretStore, SecretsError,
};
use crate::system::clock::WallTime;
use crate::system::files::{Dir, EscapedPath, Given, Missing, make_config_dir, read_given, replace_config};

pub(crate) fn run(context: &Context<'_>, command: Credentials) -> Result<u8, Error> {
    match command {
        Credentials::Set(set) => set::run(context, &set),
        Credentials::List { names: true } => names(context),
        Credentials::List { names: false } => list(context),
        Credentials::Show => show(context),
        Credentials::Remove { yes, revoke } => remove(context, yes, revoke),
    }
}

/// What holds secrets and tokens, opened and locked for a change.
pub(super) struct Writable {
    lock: DataDirLock,
    dir: Arc<Dir>,
    secrets: Result<Arc<dyn SecretStore>, SecretsError>,
    keys: Option<Keys>,
    cache: Option<Cache>,
    sharing: Option<Sharing>,
}

impl Writable {
    pub(super) fn open(context: &Context<'_>) -> Result<Writable, Error> {
        super::init::adopt_moved_key(context)?;
        let home = &context.home;
        let (dir, secrets, keys, cache, choice, sharing) = match home.opened()? {
            Some(Opened { dir, keys }) => {
                let secrets = keys.secrets();
                // Records that cannot be opened now are void without being erased.
                let key = keys.key().ok();
                let cache = key.map(|key| home.cache(dir.clone(), key));
                // Loaded again after the key was obtained: that may have been the first key.
                let choice = BackendChoice::load(&dir)?;
                let sharing = home.sharing(&keys).unwrap_or_else(|error| {
                    context.ui.warn(&Warning::FleetUnavailable(error.to_string()));
                    None
                });
                (dir, secrets, Some(keys), cache, choice, sharing)
            }
            None => {
                let dir = Dir::open(&home.data_dir, Missing::Create)?;
                let vanished = || Error::new(Code::WriteFailed, "the data directory vanished while it was made");
                (Arc::new(dir.ok_or_else(vanished)?), Err(SecretsError::NotChosen), None, None, None, None)
            }
        };
        let lock = DataDirLock::take(&dir)?;
        if BackendChoice::load(&dir)? != choice {
            // A rekey or a move came in between: what was opened is the old place, whose key is dead.
            drop(lock);
            return Writable::open(context);
        }
        home.remove_temporaries(&dir, &lock)?;
        if let Some(keys) = &keys
            && let Err(error) = settled(&dir, keys)
        {
            context.ui.warn_with("cache_write_failed", &format!("an interrupted change is not ended: {error}"));
        }
        Ok(Writable { lock, dir, secrets, keys, cache, sharing })
    }

    /// Makes an editor of credentials, which works under the lock.
    pub(super) fn with_registry<T>(&self, context: &Context<'_>, work: impl FnOnce(&CredentialEditor<'_>) -> T) -> T {
        work(&CredentialEditor {
            profiles_dir: context.home.profiles_dir(),
            data_dir: &self.dir,
            secrets: self.secrets.as_deref(),
            erase: &|retired| match &self.keys {
                Some(keys) => keys.remove(retired),
                None => SealedFiles::remove_named(&self.dir, retired),
            },
            cache: self.cache.as_ref(),
            clock: &*context.home.clock,
            sharing: self.sharing.as_ref(),
            lock: &self.lock,
        })
    }
}

/// Ends a rekey or a move that was interrupted after its commit. Called under the lock.
fn settled(dir: &Arc<Dir>, keys: &Keys) -> Result<(), Error> {
    // Only if the key is at hand: nothing else needs it here.
    if let (Backend::File(_), Ok(Some(key))) = (&keys.choice().backend, keys.key_if_cached()) {
        SealedFiles::new(dir.clone(), key).commit_staged()?;
    }
    Ok(())
}

pub(super) fn set_default(context: &Context<'_>, name: Option<&ProfileName>) -> Result<(), Error> {
    let path = context.home.config_dir.join("config.toml");
    let present = read_given(&path, Given::Open, 64 * 1024)?;
    let text = Config::with_default_profile(present, name.map(ProfileName::as_str));
    let text = text.map_err(|error| Error::in_document(&path, &error))?;
    make_config_dir(&context.home.config_dir)?;
    Ok(replace_config(&path, text.as_bytes())?)
}

pub(super) fn tell_leftovers(context: &Context<'_>, left: &[String]) {
    for leftover in left {
        context.ui.warn_with("cache_write_failed", &format!("something old was left behind: {leftover}"));
    }
}

/// Prints the names of the profiles: what completes `-p` in a shell.
fn names(context: &Context<'_>) -> Result<u8, Error> {
    let names = context.home.profile_names()?;
    if context.ui.is_json() {
        context.ui.json(&names.iter().map(ProfileName::as_str).collect::<Value>())?;
        return Ok(0);
    }
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    context.ui.data(lines.as_bytes()).map(|()| 0)
}

fn list(context: &Context<'_>) -> Result<u8, Error> {
    let default = context.home.config.default_profile.as_deref();
    let mut rows = Vec::new();
    for name in context.home.profile_names()? {
        rows.push((name.clone(), context.home.profile(&name)));
    }
    if context.ui.is_json() {
        let row = |(name, profile): &(ProfileName, Result<crate::profile::Profile, Error>)| match profile {
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
        context.ui.json(&rows.iter().map(row).collect::<Value>())?;
        return Ok(0);
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
    context.ui.data(lines.as_bytes()).map(|()| 0)
}

fn show(context: &Context<'_>) -> Result<u8, Error> {
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
    let protection = kept_in
        .as_ref()
        .map(|backend| crate::manage::doctor::protection(backend, context.home.is_beside(backend)).to_owned());
    let key_file = match &kept_in {
        Some(Backend::File(KeySource::KeyFile(path))) => Some(path.clone()),
        _ => None,
    };
    let first = [
        ("profile", Some(name.to_string())),
        ("file", Some(EscapedPath(&path).to_string())),
        ("backend", Some(place.to_owned())),
        ("secret_from", detail),
        ("protection", protection),
        ("key_file", key_file.map(|path| EscapedPath(&path).to_string())),
    ];
    let last = [
        ("generation", profile.generation().map(|generation| generation.to_string())),
        ("fingerprint", fingerprint),
        ("set_at", set_at.and_then(time)),
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

/// Names the place of a secret, with its details if it has any.
fn place_of(secret: &SecretSource) -> (&'static str, Option<String>) {
    match secret {
        SecretSource::Stored(_) => ("stored", None),
        SecretSource::Reference(Reference::File(path)) => ("reference", Some(format!("file {}", EscapedPath(path)))),
        SecretSource::Reference(Reference::Env(name)) => {
            ("reference", Some(format!("environment variable {}", one_line(name))))
        }
        SecretSource::Reference(Reference::Command(words)) => (
            "reference",
            Some(format!("command {}", words.first().map(|program| one_line(program)).unwrap_or_default())),
        ),
        SecretSource::Reference(Reference::GithubActions { audience, .. }) => {
            ("reference", Some(format!("GitHub Actions, for {}", one_line(audience))))
        }
        SecretSource::Absent => ("none", None),
    }
}

/// Refuses a command that would separate a profile from its secret, which another data directory keeps.
pub(super) fn kept_here(context: &Context<'_>, name: &ProfileName) -> Result<(), Error> {
    let Some(elsewhere) = context.home.kept_elsewhere(name) else { return Ok(()) };
    let present = crate::open::profiles::present(&context.home.profiles_dir(), name)?;
    let Some(binding) = present.and_then(|file| file.binding) else { return Ok(()) };
    let is_here = match context.home.opened()? {
        Some(opened) => opened.keys.read(&ItemName::credential(binding.generation))?.is_some(),
        None => false,
    };
    if is_here {
        return Ok(());
    }
    // Not missing: another place has it.
    let refused = Error::new(Code::BindingMismatch, elsewhere.to_string()).for_profile(name);
    Err(match elsewhere.remedy() {
        Some(remedy) => refused.with_remedy(remedy.clone()),
        None => refused,
    })
}

fn one_line(text: &str) -> String {
    EscapedPath(Path::new(text)).to_string()
}

fn remove(context: &Context<'_>, yes: bool, revoke: bool) -> Result<u8, Error> {
    let name = match &context.profile {
        Some(_) => context.home.profile_name(context.profile.as_deref())?,
        // No user should lose the only profile through a command that names none.
        None => {
            return Err(Error::new(Code::Usage, "which profile to remove is missing").with_remedy(Remedy::NameProfile));
        }
    };
    let path = context.home.profiles_dir().join(name.file_name());
    // A file whose state cannot be read may exist.
    if !path.try_exists().unwrap_or(true) {
        // A profile of the machine is not this user's to remove.
        return match context.home.profile_file(&name) {
            Ok((path, _)) => {
                context.ui.unchanged(&format!("{} is the machine's; nothing was changed", EscapedPath(&path)))
            }
            Err(error) if error.code() == Code::ProfileNotFound => {
                context.ui.unchanged(&format!("there is no profile {name}; nothing was changed"))
            }
            Err(error) => Err(error),
        };
    }
    kept_here(context, &name)?;
    if !yes && !secret_input::confirmed(&format!("remove {name} with its secret and tokens?"), Remedy::Confirm)? {
        return context.ui.unchanged("nothing was changed");
    }
    if revoke {
        // Revoke all of them first: a token that could not be revoked is still valid, and its credential is still
        // needed.
        let revoked = super::token::revoke_all(context, &name)?;
        context.ui.done(&format!("revoked {revoked} token(s) of {name}"));
    }
    let writable = Writable::open(context)?;
    let left = writable.with_registry(context, |registry| registry.remove(&name))?;
    if context.home.config.default_profile.as_deref() == Some(name.as_str()) {
        set_default(context, None)?;
    }
    tell_leftovers(context, &left);
    context.ui.changed(&format!("removed {name} with its secret and tokens from {}", EscapedPath(writable.dir.path())))
}
