//! `credentials`: set, list, show, remove.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{Credentials, Set};
use super::format::time;
use super::{Context, block_on, issuer, request, secret_input};
use crate::cache::Cache;
use crate::clock::WallTime;
use crate::config::Config;
use crate::credentials::{self, Registry};
use crate::duration;
use crate::error::{Code, Error};
use crate::open::Opened;
use crate::place::{Dir, Given, Missing, Shown, make_config_dir, read_given, replace_config};
use crate::profile::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, Endpoint, ProfileError,
    ProfileFile, ProfileName, Reference, Request, SecretSource, TokenBinding,
};
use crate::secret::Secret;
use crate::secrets::{Backend, Choice, KeySource, SealedFiles, SecretStore, SecretsError, StoreLock};

pub(crate) fn run(context: &Context<'_>, command: Credentials) -> Result<u8, Error> {
    match command {
        Credentials::Set(set) => self::set(context, &set),
        Credentials::List => list(context),
        Credentials::Show => show(context),
        Credentials::Remove { yes, revoke } => remove(context, yes, revoke),
    }
}

/// What holds secrets and tokens, opened and locked for a change.
struct Writable {
    lock: StoreLock,
    dir: Arc<Dir>,
    secrets: Result<Arc<dyn SecretStore>, SecretsError>,
    cache: Option<Cache>,
}

impl Writable {
    fn open(context: &Context<'_>) -> Result<Writable, Error> {
        let home = &context.home;
        let (dir, secrets, cache, choice) = match home.opened()? {
            Some(Opened { dir, keys }) => {
                let secrets = keys.secrets();
                // Records that nobody can open now are void without being erased.
                let cache = keys.key().ok().map(|key| home.cache(dir.clone(), key));
                // As it stands after the key was had: that may have been its first.
                let choice = Choice::load(&dir)?;
                (dir, secrets, cache, choice)
            }
            None => {
                let dir = Dir::open(&home.data_dir, Missing::Create)?;
                let vanished = || Error::new(Code::WriteFailed, "the data directory vanished while it was made");
                (Arc::new(dir.ok_or_else(vanished)?), Err(SecretsError::NotChosen), None, None)
            }
        };
        let lock = StoreLock::take(&dir)?;
        if Choice::load(&dir)? != choice {
            // A rekey or a move came between: what was opened is the old place, whose key is dead.
            drop(lock);
            return Writable::open(context);
        }
        SealedFiles::sweep(&dir)?;
        Ok(Writable { lock, dir, secrets, cache })
    }

    fn registry<'a>(&'a self, context: &'a Context<'_>) -> Registry<'a> {
        Registry {
            profiles_dir: context.home.profiles_dir(),
            data_dir: &self.dir,
            secrets: self.secrets.as_deref().ok(),
            cache: self.cache.as_ref(),
            clock: &*context.home.clock,
            _lock: &self.lock,
        }
    }
}

fn set(context: &Context<'_>, set: &Set) -> Result<u8, Error> {
    // First: a provider that is not known is told with those that are.
    let preset = set.provider.as_deref().map(issuer::preset).transpose()?;
    // Clap drops what an argument requires where that is excluded by another one.
    if preset.is_none() && !set.with.is_empty() {
        return Err(Error::new(Code::Usage, "--with goes with --provider; nothing was changed"));
    }
    let mut typed = typed(set)?;
    let name = match (&context.profile, &set.provider) {
        (Some(_), _) => context.home.profile_name(context.profile.as_deref())?,
        (None, Some(provider)) => named(provider)?,
        (None, None) => named("default")?,
    };
    let profiles_dir = context.home.profiles_dir();
    let present = credentials::present(&profiles_dir, &name)?;
    unedited(set, &typed, present.as_ref(), &name)?;
    let params = match &preset {
        Some(preset) => issuer::filled(set, preset, present.as_ref(), &mut typed)?,
        None => Vec::new(),
    };
    issuer::discovered(context, set, &name, present.as_ref(), &mut typed)?;
    let mut merged = wanted(set, &typed, &params, present.as_ref())?;
    if let Some(preset) = &preset {
        merged.request = issuer::needed(preset, merged.request)?;
        typed.request = merged.request.clone();
    }
    fits(&merged, &name)?;
    if merged.secret.is_none() {
        place_for_secrets(context)?;
    }
    // Before the lock: a person may take long to type.
    let secret = match (&set.secret_file, &merged.secret) {
        (Some(path), _) => Some(secret_input::from_file(path, context.ui)?),
        (None, _) if set.secret_stdin => Some(secret_input::from_stdin("the client secret")?),
        (None, Some(_)) => None,
        // Where a secret is stored already, a change of something else need not ask for it.
        (None, None) if present.as_ref().is_some_and(|file| stays_bound(file, &merged, &name)) => None,
        (None, None) => Some(secret_input::from_prompt("the client secret")?),
    };
    let writable = Writable::open(context)?;
    // Once more, as it stands now: another process may have changed it meanwhile.
    let present = credentials::present(&profiles_dir, &name)?;
    unedited(set, &typed, present.as_ref(), &name)?;
    let merged = wanted(set, &typed, &params, present.as_ref())?;
    let first = credentials::profile_names(&profiles_dir)?.is_empty();
    let verify = |profile, secret| verified(context, profile, secret);
    let verify: Option<credentials::Verify<'_>> = if set.verify { Some(&verify) } else { None };
    let (outcome, left) = writable.registry(context).set(&name, merged, secret, verify)?;
    if set.default || (first && context.home.config.default_profile.is_none()) {
        match set_default(context, Some(&name)) {
            Err(error) if set.default => {
                return Err(Error::new(error.code(), format!("the credential of {name} is set; {error}")));
            }
            Err(error) => context.ui.warn_with("cache_write_failed", &format!("no default profile is set: {error}")),
            Ok(()) => {}
        }
    }
    tell_leftovers(context, &left);
    context.ui.done(&match outcome {
        credentials::Set::Stored => format!("the credential of {name} is set"),
        credentials::Set::Unchanged => format!("the credential of {name} is as it was; its tokens stay"),
    });
    Ok(0)
}

/// Merges what was typed over what is there, and checks that it is enough.
fn wanted(
    set: &Set,
    typed: &ProfileFile,
    params: &[(String, String)],
    present: Option<&ProfileFile>,
) -> Result<ProfileFile, Error> {
    let base = if set.replace { None } else { present.cloned() };
    let request = base.as_ref().map(|file| file.request.clone()).unwrap_or_default();
    // What a provider needs, and what was asked for it.
    let needed = (typed.request != Request::default()).then(|| typed.request.clone());
    let mut wanted_request = request::typed(&set.request, needed.as_ref().unwrap_or(&request))?.or(needed);
    if !params.is_empty() {
        // What the provider's gaps came to stands beside what was typed, and wins.
        let base = wanted_request.unwrap_or(request);
        let own = base.params().filter(|(name, _)| params.iter().all(|(given, _)| given != name));
        let own: Vec<(String, String)> = own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let all = own.iter().chain(params).map(|(name, value)| (name.as_str(), value.as_str()));
        wanted_request = Some(base.clone().with_params(all)?);
    }
    let request = wanted_request;
    let mut wanted = credentials::merged(base, typed.clone(), request);
    if set.secret_stdin || set.secret_file.is_some() {
        wanted.secret = None;
    }
    if wanted.client_id.is_none() {
        return Err(Error::new(Code::Usage, "--client-id is missing; nothing was changed"));
    }
    if wanted.token_url.is_none() && wanted.provider.is_none() {
        return Err(Error::new(Code::Usage, "where to get tokens is missing; nothing was changed")
            .with_hint("add --provider PROVIDER, --issuer URL or --token-url URL"));
    }
    if wanted.basic_encoding == Some(BasicEncoding::Raw) && wanted.client_id.as_ref().is_some_and(|id| id.contains(':'))
    {
        return Err(Error::new(
            Code::Usage,
            "a client id with a colon cannot be sent raw (RFC 7617); nothing was changed",
        ));
    }
    Ok(wanted)
}

/// Refuses to take over a line that somebody wrote into the file of a bound profile: a secret that is given again, by a
/// configuration tool each hour, must not be bound to it in passing.
fn unedited(set: &Set, typed: &ProfileFile, present: Option<&ProfileFile>, name: &ProfileName) -> Result<(), Error> {
    let Some(file) = present.filter(|_| !set.replace) else { return Ok(()) };
    let Err(ProfileError::BindingDiffers(key)) = file.resolve(name) else { return Ok(()) };
    let said = match key {
        "token_url" => {
            typed.token_url.is_some()
                || typed.provider.as_ref().is_some_and(|typed| file.provider.as_ref() != Some(typed))
        }
        "issuer" => typed.issuer.is_some(),
        "client_id" => typed.client_id.is_some(),
        "auth" => typed.auth.is_some(),
        "introspection_url" => typed.introspection_url.is_some(),
        "revocation_url" => typed.revocation_url.is_some(),
        "probe_url" => typed.probe_url.is_some(),
        "assertion_audience" => typed.assertion_audience.is_some() || typed.issuer.is_some(),
        "dpop" => typed.dpop.is_some(),
        _ => false,
    };
    if said {
        return Ok(());
    }
    let message = format!("`{key}` in the file differs from what the secret was set for; nothing was changed");
    let flag = key.replace('_', "-");
    Err(Error::new(Code::BindingMismatch, message)
        .with_hint(format!("undo the edit, or say it: --{flag}; --replace starts anew"))
        .for_profile(name))
}

/// Checks, before anybody types a secret, that the parts of the profile go together.
fn fits(wanted: &ProfileFile, name: &ProfileName) -> Result<(), Error> {
    let usage =
        |why: &str, hint: &str| Err(Error::new(Code::Usage, format!("{why}; nothing was changed")).with_hint(hint));
    match wanted.resolve(name) {
        Err(ProfileError::Contradiction(why)) => match wanted.auth {
            Some(method) if method.shows_certificate() => usage(why, "add --certificate-file PEM"),
            _ => usage(why, "add --issuer URL, or --assertion-audience token_endpoint"),
        },
        // It would be stored, and never used.
        Ok(profile) if profile.auth == AuthMethod::FederatedAssertion && wanted.secret.is_none() => {
            usage("a federated assertion is read at each fetch, not stored", "add --secret-at-fetch WHERE")
        }
        _ => Ok(()),
    }
}

/// Checks, before anybody types a secret, that there is a place for it. Where none was chosen, the
/// OS keyring is, if it answers.
fn place_for_secrets(context: &Context<'_>) -> Result<(), Error> {
    let home = &context.home;
    match home.opened()? {
        Some(Opened { keys, .. }) => Ok(keys.secrets().map(|_| ())?),
        None => super::init::choose(context, &Backend::Keyring).map_err(|error| match error.code() {
            Code::KeyringUnavailable | Code::KeyringTimeout => Error::new(error.code(), error.to_string())
                .with_hint("choose another place: tokenkeep init --backend file"),
            _ => error,
        }),
    }
}

/// Tells whether a stored secret stays bound to the same places.
fn stays_bound(present: &ProfileFile, wanted: &ProfileFile, name: &ProfileName) -> bool {
    let (Some(binding), Ok(profile)) = (&present.binding, wanted.resolve(name)) else { return false };
    binding.differs_in(&profile.binding(binding.generation, binding.ca_digest)).is_none()
}

fn verified(context: &Context<'_>, profile: crate::profile::Profile, secret: Option<Secret>) -> Result<(), Error> {
    let ui = context.ui.clone();
    let keeper = context.home.keeper_on_trial(profile, secret, Box::new(move |warning| ui.warn(warning)))?;
    let _waiting = context.ui.waiting("trying the credential");
    let begun = keeper.parts().clock.now();
    block_on(keeper.obtain(crate::keeper::Want::IssuedAfter(begun))).map(|_| ())
}

fn typed(set: &Set) -> Result<ProfileFile, Error> {
    if set.client_id.as_deref() == Some("") {
        return Err(Error::new(Code::Usage, "--client-id must not be empty"));
    }
    Ok(ProfileFile {
        provider: set.provider.clone(),
        client_id: set.client_id.clone(),
        token_url: endpoint("--token-url", set.token_url.as_deref())?,
        issuer: set.issuer.clone(),
        auth: set.auth.as_deref().and_then(AuthMethod::parse),
        basic_encoding: set.basic_encoding.as_deref().and_then(BasicEncoding::parse),
        assertion_audience: set.assertion_audience.as_deref().and_then(AssertionAudience::parse),
        assertion_typ: set.assertion_typ.as_deref().and_then(AssertionTyp::parse),
        assertion_algorithm: set.assertion_algorithm.as_deref().and_then(AssertionAlgorithm::parse),
        assertion_key_id: set.assertion_key_id.clone(),
        certificate_file: set.certificate_file.as_deref().map(absolute).transpose()?,
        dpop: set.dpop,
        ca_file: set.ca_file.as_deref().map(absolute).transpose()?,
        probe_url: endpoint("--probe-url", set.probe_url.as_deref())?,
        introspection_url: endpoint("--introspection-url", set.introspection_url.as_deref())?,
        revocation_url: endpoint("--revocation-url", set.revocation_url.as_deref())?,
        jwks_url: endpoint("--jwks-url", set.jwks_url.as_deref())?,
        secret: set.secret_at_fetch.as_deref().map(reference).transpose()?,
        ..ProfileFile::default()
    })
}

pub(super) fn endpoint(flag: &str, text: Option<&str>) -> Result<Option<Endpoint>, Error> {
    match text.map(Endpoint::parse) {
        None => Ok(None),
        Some(Ok(endpoint)) => Ok(Some(endpoint)),
        Some(Err(why)) => {
            let code = if why.is_insecure() { Code::InsecureEndpoint } else { Code::Usage };
            Err(Error::new(code, format!("{flag} {why}; nothing was changed")).with_hint("give the issuer's https URL"))
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let path = std::path::absolute(path).map_err(|_| Error::new(Code::Usage, "a path that was given is none"))?;
    // Profiles are text.
    if path.to_str().is_none() {
        return Err(Error::new(Code::Usage, "a path in a profile must be UTF-8 text"));
    }
    Ok(path)
}

fn reference(text: &str) -> Result<Reference, Error> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Reference::File(absolute(Path::new(path))?)),
        Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Reference::Env(name.to_owned())),
        Some(("command", words)) => {
            let words = serde_json::from_str(words).map_err(|_| {
                Error::new(
                    Code::Usage,
                    "--secret-at-fetch command: takes a JSON array of texts: [\"/usr/bin/pass\", \"show\", \"x\"]",
                )
            })?;
            Reference::command(words)
                .map_err(|why| Error::new(Code::Usage, format!("--secret-at-fetch command: {why}")))
        }
        Some(("github-actions", audience)) if !audience.is_empty() => {
            Ok(Reference::GithubActions { audience: audience.to_owned(), host: None })
        }
        _ => Err(Error::new(
            Code::Usage,
            "--secret-at-fetch takes file:PATH, env:NAME, command:JSON-ARRAY or github-actions:AUDIENCE",
        )),
    }
}

fn named(text: &str) -> Result<ProfileName, Error> {
    ProfileName::parse(text).ok_or_else(|| Error::new(Code::Usage, "--provider is not known"))
}

fn set_default(context: &Context<'_>, name: Option<&ProfileName>) -> Result<(), Error> {
    let path = context.home.config_dir.join("config.toml");
    let present = read_given(&path, Given::Open, 64 * 1024)?;
    let text = Config::with_default_profile(present, name.map(ProfileName::as_str));
    let text = text.map_err(|error| Error::in_document(&path, &error))?;
    make_config_dir(&context.home.config_dir)?;
    Ok(replace_config(&path, text.as_bytes())?)
}

fn tell_leftovers(context: &Context<'_>, left: &[String]) {
    for leftover in left {
        context.ui.warn_with("cache_write_failed", &format!("something old was left behind: {leftover}"));
    }
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
            let secrets = keys.secrets().map_err(|error| Error::from(error).for_profile(&name))?;
            let stored = credentials::stored(&*secrets, binding).map_err(|error| error.for_profile(&name))?;
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
    let protection =
        kept_in.as_ref().map(|backend| crate::doctor::protection(backend, context.home.is_beside(backend)).to_owned());
    let key_file = match &kept_in {
        Some(Backend::File(KeySource::KeyFile(path))) => Some(path.clone()),
        _ => None,
    };
    let text = |endpoint: &Option<Endpoint>| endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned());
    let members = [
        ("profile", Some(name.to_string())),
        ("file", Some(Shown(&path).to_string())),
        ("backend", Some(place.to_owned())),
        ("secret_from", detail),
        ("protection", protection),
        ("key_file", key_file.map(|path| Shown(&path).to_string())),
        ("client_id", Some(profile.client_id.clone())),
        ("token_url", Some(profile.token_url.to_string())),
        ("issuer", profile.issuer.clone()),
        ("auth", Some(profile.auth.name().to_owned())),
        ("basic_encoding", Some(profile.basic_encoding.name().to_owned())),
        ("scope", Some(profile.request.scope_text())),
        ("probe_url", text(&profile.probe_url)),
        ("introspection_url", text(&profile.introspection_url)),
        ("revocation_url", text(&profile.revocation_url)),
        ("jwks_url", text(&profile.jwks_url)),
        ("assertion_audience", profile.assertion_audience().filter(|_| profile.auth.signs()).map(str::to_owned)),
        ("certificate_file", profile.certificate.as_ref().map(|shown| Shown(&shown.file).to_string())),
        ("dpop", (profile.token_binding == TokenBinding::Dpop).then(|| "true".to_owned())),
        ("ca_file", profile.ca_file.as_ref().map(|path| Shown(path).to_string())),
        ("generation", profile.generation().map(|generation| generation.to_string())),
        ("fingerprint", fingerprint),
        ("set_at", set_at.and_then(time)),
    ];
    if context.ui.is_json() {
        let mut object: serde_json::Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
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

/// Names the place of a secret, and what is to be said of it.
fn place_of(secret: &SecretSource) -> (&'static str, Option<String>) {
    match secret {
        SecretSource::Stored(_) => ("stored", None),
        SecretSource::Reference(Reference::File(path)) => ("reference", Some(format!("file {}", Shown(path)))),
        SecretSource::Reference(Reference::Env(name)) => ("reference", Some(format!("environment variable {name}"))),
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

fn one_line(text: &str) -> String {
    Shown(Path::new(text)).to_string()
}

fn remove(context: &Context<'_>, yes: bool, revoke: bool) -> Result<u8, Error> {
    let name = match &context.profile {
        Some(_) => context.home.profile_name(context.profile.as_deref())?,
        // Nobody should lose the only profile by a command that names none.
        None => return Err(Error::new(Code::Usage, "which profile to remove is missing").with_hint("add -p NAME")),
    };
    if !context.home.profiles_dir().join(name.file_name()).try_exists().unwrap_or(true) {
        context.home.profile_file(&name)?;
    }
    if !yes && !secret_input::confirmed(&format!("remove {name} with its secret and tokens?"), "--yes")? {
        context.ui.done("nothing was changed");
        return Ok(0);
    }
    if revoke {
        // First, and all of them: what could not be revoked is still good, and its credential is still needed.
        let revoked = super::token::revoke_all(context, &name)?;
        context.ui.done(&format!("revoked {revoked} token(s) of {name}"));
    }
    let writable = Writable::open(context)?;
    let left = writable.registry(context).remove(&name)?;
    if context.home.config.default_profile.as_deref() == Some(name.as_str()) {
        set_default(context, None)?;
    }
    tell_leftovers(context, &left);
    context.ui.done(&format!("removed {name} with its secret and tokens from {}", Shown(writable.dir.path())));
    Ok(0)
}
