//! `credentials set`: what was typed, over what is there, becomes a bound credential.

use std::path::{Path, PathBuf};

use super::args::Set;
use super::credentials::{Writable, kept_here, set_default, tell_leftovers};
use super::{Context, block_on, issuer, questions, request, urls};
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::keeper::read_ca_file_at;
use crate::manage::credentials;
use crate::manage::fleet_key;
use crate::open::Opened;
use crate::open::profiles;
use crate::profile::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, HeaderSource, Headers,
    ProfileError, ProfileFile, ProfileName, Reference, Request, TokenType,
};
use crate::seal::KeyId;
use crate::secrets::{Backend, ItemName, OsKeyring, ReferenceError, SecretStore as _, read_reference};
use crate::system::secret::Secret;

pub(super) fn run(context: &Context<'_>, set: &Set) -> Result<u8, Error> {
    // What was typed is not in the profile yet, so no other command could build on it.
    typed_and_set(context, set).map_err(Error::of_set)
}

fn typed_and_set(context: &Context<'_>, set: &Set) -> Result<u8, Error> {
    let set = &questions::answered(context, set)?;
    // First: the error for an unknown provider lists the known ones.
    let preset = set.provider.as_deref().map(issuer::preset).transpose()?;
    // Clap drops the requirement of an argument if another argument excludes what it requires.
    if preset.is_none() && !set.with.is_empty() {
        return Err(Error::new(Code::Usage, "--with goes with --provider; nothing was changed"));
    }
    let name = match (&context.profile, &set.provider) {
        (Some(_), _) => context.home.profile_name(context.profile.as_deref())?,
        (None, Some(provider)) => named(provider)?,
        (None, None) => named("default")?,
    };
    if name.as_str() == crate::open::environment::NAME && crate::open::environment::is_set() {
        let message =
            "the TOKENKEEP_ variables make the profile env, so a stored one would never be used; nothing was changed";
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::NameProfile));
    }
    let profiles_dir = context.home.profiles_dir();
    let present = profiles::present(&profiles_dir, &name)?;
    if !set.replace {
        kept_here(context, &name).map_err(|error| match error.remedy().cloned() {
            Some(Remedy::UseDataDirectory { path, variable }) => {
                error.with_remedy(Remedy::UseDataDirectoryOrReplace { path, variable })
            }
            _ => error,
        })?;
    }
    let mut typed = typed(set, present.as_ref())?;
    unedited(set, &typed, present.as_ref(), &name)?;
    let params = match &preset {
        Some(preset) => issuer::filled(set, preset, present.as_ref(), &mut typed)?,
        None => Vec::new(),
    };
    issuer::discovered(context, set, &name, present.as_ref(), &mut typed)?;
    let mut merged = wanted(set, &typed, &params, present.as_ref())?;
    request::warn_of_resources(&set.request, context.ui);
    if let Some(preset) = &preset {
        merged.request = issuer::needed(preset, merged.request)?;
        typed.request = merged.request.clone();
    }
    let had_headers = present.as_ref().is_some_and(|file| file.headers.is_some()) && !set.replace;
    if had_headers && merged.headers.is_none() {
        context.ui.done("the headers of the former issuer are left out: give those of the new one with --header");
    }
    fits(&merged, &name)?;
    read_ca_file_at(merged.ca_file.as_deref(), &name)?;
    match &merged.secret {
        None => answers(context)?,
        Some(reference) => tried_once(context, reference)?,
    }
    // Before the lock: a user may take long to type.
    let secret = questions::secret(context, set, &name, present.as_ref(), &merged)?;
    if let (Some(secret), Ok(profile)) = (&secret, merged.resolve(&name))
        && let Some(warning) = credentials::check_form(&profile, secret)?
    {
        context.ui.warn(&warning);
    }
    // Nothing is chosen before the secret is there: an interrupted prompt leaves no trace.
    if merged.secret.is_none() {
        chosen(context)?;
    }
    let writable = Writable::open(context)?;
    // Loaded again: another process may have changed it meanwhile.
    let present = profiles::present(&profiles_dir, &name)?;
    unedited(set, &typed, present.as_ref(), &name)?;
    let merged = wanted(set, &typed, &params, present.as_ref())?;
    let first = profiles::profile_names(&profiles_dir)?.is_empty();
    let is_referenced = merged.secret.is_some();
    let verify = |profile, secret| verified(context, profile, secret);
    let verify: Option<credentials::Verify<'_>> = if set.verify { Some(&verify) } else { None };
    let ca_file = if set.ca_file.is_some() { credentials::CaFile::Named } else { credentials::CaFile::AsBefore };
    let (outcome, left) =
        writable.with_registry(context, |registry| registry.set(&name, merged, secret, ca_file, verify))?;
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
    // The reads from here on may need the lock.
    drop(writable);
    if fleet_key::is_missing(&context.home, &name) {
        context.ui.warn(&Warning::FleetKeyMissing(name.to_string()));
    }
    let was_default = context.home.config.default_profile.as_deref() == Some(name.as_str());
    let is_new_default = set.default && !was_default;
    let default = if is_new_default { format!("; {name} is the default now") } else { String::new() };
    match outcome {
        credentials::Set::Stored => {
            // The credential is set: a failure to name its place must not report otherwise.
            let place =
                if is_referenced { ", and read at each fetch".to_owned() } else { place(context).unwrap_or_default() };
            let get = context.ui.command(&format!("token get -p {name}"));
            context.ui.changed(&format!("the credential of {name} is set{place}{default}; try it: {get}"))
        }
        credentials::Set::Changed => {
            context.ui.changed(&format!("the profile {name} is changed; its secret and tokens stay{default}"))
        }
        credentials::Set::Unchanged if is_new_default => {
            context.ui.changed(&format!("the credential of {name} is as it was{default}"))
        }
        credentials::Set::Unchanged => {
            context.ui.unchanged(&format!("the credential of {name} is as it was; its tokens stay"))
        }
    }
}

/// Names the place of stored secrets, for the last line of the command.
fn place(context: &Context<'_>) -> Result<String, Error> {
    let opened = context.home.opened()?;
    Ok(opened.map(|opened| format!(", in {}", opened.keys.choice().backend.shown())).unwrap_or_default())
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
    // The parts of the request that a provider needs, with the user's answers.
    let needed = (typed.request != Request::default()).then(|| typed.request.clone());
    let mut wanted_request = request::typed(&set.request, needed.as_ref().unwrap_or(&request))?.or(needed);
    if !params.is_empty() {
        // The parameters that filled the provider's gaps stand beside those that were typed, and win.
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
        return Err(
            Error::new(Code::Usage, "--client-id is missing; nothing was changed").with_remedy(Remedy::GiveClientId)
        );
    }
    if wanted.token_url.is_none() && wanted.provider.is_none() {
        return Err(Error::new(Code::Usage, "where to get tokens is missing; nothing was changed")
            .with_remedy(Remedy::NameIssuer));
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

/// Refuses to take over a line that was edited into the file of a bound profile. A configuration tool may give the
/// secret again each hour: that must not bind the secret to the line in passing.
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
        "allow_http" => typed.allow_http.is_some(),
        "headers" => typed.headers.is_some(),
        _ => false,
    };
    if said {
        return Ok(());
    }
    let message = format!("`{key}` in the file differs from what the secret was set for; nothing was changed");
    Err(Error::new(Code::BindingMismatch, message).with_remedy(Remedy::UndoEditOrGive(key)).for_profile(name))
}

/// Checks, before the user types a secret, that the parts of the profile go together.
fn fits(wanted: &ProfileFile, name: &ProfileName) -> Result<(), Error> {
    let usage =
        |why: &str, remedy| Err(Error::new(Code::Usage, format!("{why}; nothing was changed")).with_remedy(remedy));
    match wanted.resolve(name) {
        Err(ProfileError::Contradiction(why)) if wanted.token_type.is_some() && wanted.dpop == Some(true) => {
            usage(why, Remedy::LeaveDpopOut)
        }
        Err(ProfileError::Contradiction(why)) => match wanted.auth {
            Some(method) if method.shows_certificate() => usage(why, Remedy::GiveCertificateFile),
            _ => usage(why, Remedy::GiveAssertionAudience),
        },
        // It would be stored, and never used.
        Ok(profile) if profile.auth == AuthMethod::FederatedAssertion && wanted.secret.is_none() => {
            usage("a federated assertion is read at each fetch, not stored", Remedy::ReferToAssertion)
        }
        _ => Ok(()),
    }
}

/// Checks, before a secret is typed, that a place for it answers. Changes nothing.
fn answers(context: &Context<'_>) -> Result<(), Error> {
    let home = &context.home;
    match home.opened()? {
        Some(Opened { keys, .. }) => Ok(keys.secrets().map(|_| ())?),
        None => {
            // This item never exists: what matters is whether the keyring answers.
            let never = ItemName::data_key(&[0; 16], KeyId([0; 32]));
            let asked = OsKeyring::new(home.config.keyring_timeout).read(&never);
            asked.map(|_| ()).map_err(|error| files_instead(error.into()))
        }
    }
}

/// Reads the file of a secret once, so that a file that must not be used is refused now and not at night. A file that
/// is missing may come later, and a program may ask its user, so neither is an error.
fn tried_once(context: &Context<'_>, reference: &Reference) -> Result<(), Error> {
    let Reference::File(_) = reference else { return Ok(()) };
    match read_reference(reference, None) {
        Ok(read) => read.exposed.iter().for_each(|warning| context.ui.warn(warning)),
        Err(error @ ReferenceError::Place(_)) => return Err(error.into()),
        Err(error) => context.ui.warn_with("secret_unavailable", &format!("no token can be requested yet: {error}")),
    }
    Ok(())
}

/// Chooses the OS keyring if no place for secrets was chosen yet.
fn chosen(context: &Context<'_>) -> Result<(), Error> {
    match context.home.opened()? {
        Some(_) => Ok(()),
        None => super::init::choose(context, &Backend::Keyring).map_err(files_instead),
    }
}

pub(super) fn files_instead(error: Error) -> Error {
    match error.code() {
        _ if matches!(
            error.remedy(),
            Some(Remedy::MakeCollection | Remedy::BuildWithKeyring | Remedy::ChooseFilesOrMendBus(_))
        ) =>
        {
            error
        }
        Code::KeyringUnavailable if let Some(Remedy::MendBusAddress(socket)) = error.remedy() => {
            let remedy = Remedy::ChooseFilesOrMendBus(socket.clone());
            Error::new(error.code(), error.to_string()).with_remedy(remedy)
        }
        Code::KeyringUnavailable | Code::KeyringTimeout => {
            Error::new(error.code(), error.to_string()).with_remedy(Remedy::ChooseFiles)
        }
        _ => error,
    }
}

fn verified(context: &Context<'_>, profile: crate::profile::Profile, secret: Option<Secret>) -> Result<(), Error> {
    let ui = context.ui.clone();
    let keeper = context.home.under_lock().keeper_for_verification(
        profile,
        secret,
        Box::new(move |warning| ui.warn(warning)),
    )?;
    let _waiting = context.ui.waiting("trying the credential");
    let begun = keeper.parts().clock.now();
    block_on(keeper.obtain(crate::keeper::Want::IssuedAfter(begun))).map(|_| ())
}

fn typed(set: &Set, present: Option<&ProfileFile>) -> Result<ProfileFile, Error> {
    if set.client_id.as_deref() == Some("") {
        return Err(Error::new(Code::Usage, "--client-id must not be empty"));
    }
    // RFC 6749, A.1.
    if set.client_id.as_deref().is_some_and(|id| id.contains(char::is_control)) {
        return Err(Error::new(
            Code::Usage,
            "--client-id holds a line end or another control character; nothing was changed",
        ));
    }
    let allow_http = urls::allow_http(&set.allow_http)?;
    let allowed = allow_http.clone().or_else(|| present.filter(|_| !set.replace).and_then(urls::allowed_by));
    let allowed = allowed.unwrap_or_default();
    let endpoint = |flag, text: &Option<String>| urls::endpoint(flag, text.as_deref(), &allowed);
    Ok(ProfileFile {
        provider: set.provider.clone(),
        client_id: set.client_id.clone(),
        token_url: endpoint("--token-url", &set.token_url)?,
        issuer: urls::issuer(set.issuer.as_deref())?,
        allow_http,
        headers: headers(&set.header, present.filter(|_| !set.replace))?,
        auth: set.auth.as_deref().and_then(AuthMethod::parse),
        basic_encoding: set.basic_encoding.as_deref().and_then(BasicEncoding::parse),
        assertion_audience: set.assertion_audience.as_deref().and_then(AssertionAudience::parse),
        assertion_typ: set.assertion_typ.as_deref().and_then(AssertionTyp::parse),
        assertion_algorithm: set.assertion_algorithm.as_deref().and_then(AssertionAlgorithm::parse),
        assertion_key_id: set.assertion_key_id.clone(),
        certificate_file: set.certificate_file.as_deref().map(absolute).transpose()?,
        dpop: set.dpop,
        token_type: set.token_type.as_deref().and_then(TokenType::parse),
        ca_file: set.ca_file.as_deref().map(absolute).transpose()?,
        probe_url: endpoint("--probe-url", &set.probe_url)?,
        introspection_url: endpoint("--introspection-url", &set.introspection_url)?,
        revocation_url: endpoint("--revocation-url", &set.revocation_url)?,
        jwks_url: endpoint("--jwks-url", &set.jwks_url)?,
        secret: set.secret_at_fetch.as_deref().map(reference).transpose()?,
        fleet_epoch: fleet_epoch(set)?,
        ..ProfileFile::default()
    })
}

/// Reads headers, each with the place of its value; a name without one has its plain value in the file.
fn headers(typed: &[String], present: Option<&ProfileFile>) -> Result<Option<Headers>, Error> {
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong =
        |why: &str, remedy| Error::new(Code::Usage, format!("--header {why}; nothing was changed")).with_remedy(remedy);
    let source = |typed: &str| {
        let Some((name, place)) = typed.split_once('=') else {
            let present = present.and_then(|file| file.headers.as_ref()?.get(typed));
            let none = || wrong("names a header whose value does not stand in the profile", Remedy::ReferToHeader);
            return present.cloned().map(|source| (typed.to_owned(), source)).ok_or_else(none);
        };
        let source = match place.split_once(':') {
            Some(("file", path)) if !path.is_empty() => HeaderSource::File(absolute(Path::new(path))?),
            Some(("env", variable)) if !variable.is_empty() && !variable.contains('\0') => {
                HeaderSource::Env(variable.to_owned())
            }
            _ => return Err(wrong("takes the place of a value, never the value", Remedy::ReferToHeader)),
        };
        Ok((name.to_owned(), source))
    };
    let all: Vec<(String, HeaderSource)> = typed.iter().map(|typed| source(typed)).collect::<Result<_, Error>>()?;
    let headers = Headers::new(all.iter().map(|(name, source)| (name.as_str(), source.clone())));
    headers.map(Some).map_err(|why| wrong(&why.to_string(), Remedy::ReadCommandHelp("credentials set".to_owned())))
}

fn fleet_epoch(set: &Set) -> Result<Option<String>, Error> {
    match &set.fleet_epoch {
        Some(text) if text.is_empty() || text.len() > 256 => {
            Err(Error::new(Code::Usage, "--fleet-epoch takes 1 to 256 bytes"))
        }
        epoch => Ok(epoch.clone()),
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

pub(super) fn named(text: &str) -> Result<ProfileName, Error> {
    ProfileName::parse(text).ok_or_else(|| Error::new(Code::Usage, "--provider is not known"))
}
