//! What `credentials set` learns about an issuer: from a preset whose gaps are filled in, or from the issuer itself.

use std::fs::{File, TryLockError};
use std::time::Duration;

use super::args::Set;
use super::urls::{allowed_by, endpoint};
use super::{Context, block_on, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::keeper::read_ca_file_at;
use crate::oauth::{IssuerError, Metadata, Roots};
use crate::open::environment::{self, Endpoints};
use crate::open::text_variable;
use crate::profile::preset::{self, Preset};
use crate::profile::{AuthMethod, Endpoint, PlainHosts, ProfileFile, ProfileName, Request};
use crate::system::clock::Deadline;
use crate::system::files::{Dir, Missing};

/// Lists the providers that are known and not refused.
pub(crate) fn provider_names() -> Vec<&'static str> {
    preset::names()
        .into_iter()
        .filter(|name| preset::find(name).is_some_and(|preset| preset.refuses.is_none()))
        .collect()
}

/// Finds the preset of a provider that was typed.
pub(crate) fn preset(provider: &str) -> Result<Preset, Error> {
    let Some(preset) = preset::find(provider) else {
        let names = provider_names();
        let error = Error::new(Code::Usage, format!("--provider takes one of {}", names.join(", ")));
        let typed = provider.to_ascii_lowercase();
        let nearest = names.into_iter().find(|name| strsim::damerau_levenshtein(name, &typed) <= 2);
        return Err(match nearest {
            Some(name) => error.with_remedy(Remedy::UseSimilar(format!("--provider {name}"))),
            None => error,
        });
    };
    match &preset.refuses {
        Some(why) => {
            Err(Error::new(Code::Usage, format!("{why}; nothing was changed")).with_remedy(Remedy::SeeProviders))
        }
        None => Ok(preset),
    }
}

/// Fills in a preset's gaps: from what was typed, from the present profile, or by a question. Returns the resulting
/// parameters of the token request.
pub(crate) fn filled(
    set: &Set,
    preset: &Preset,
    present: Option<&ProfileFile>,
    file: &mut ProfileFile,
) -> Result<Vec<(String, String)>, Error> {
    let mut values = Vec::new();
    for with in &set.with {
        let (name, value) = with
            .split_once('=')
            .ok_or_else(|| Error::new(Code::Usage, "--with takes NAME=VALUE; nothing was changed"))?;
        if !preset.has_field(name) {
            let fields = preset.fields.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
            let known = if fields.is_empty() { "nothing".to_owned() } else { fields };
            return Err(Error::new(
                Code::Usage,
                format!("--with: {} asks for {known}; nothing was changed", preset.name),
            ));
        }
        values.push((name.to_owned(), value.to_owned()));
    }
    let same = present.is_some_and(|present| present.provider.as_deref() == Some(&preset.name));
    if values.is_empty() && same && !set.replace {
        // Its gaps were filled in when it was set.
        return Ok(Vec::new());
    }
    for (name, what) in &preset.fields {
        if values.iter().all(|(given, _)| given != name) {
            let value = secret_input::asked(&format!("{name} ({what})"), || Remedy::GiveField {
                name: name.clone(),
                what: Some(what.clone()),
            })?;
            values.push((name.clone(), value));
        }
    }
    if preset.fields.is_empty() && preset.token_url().is_some() {
        return Ok(Vec::new());
    }
    let filled = preset.fill(&values).map_err(|error| {
        let (name, what) = (error.field().to_owned(), preset.field(error.field()).map(str::to_owned));
        Error::new(Code::Usage, format!("{error}; nothing was changed")).with_remedy(Remedy::GiveField { name, what })
    })?;
    file.token_url = filled.token_url;
    file.introspection_url = file.introspection_url.take().or(filled.introspection_url);
    file.revocation_url = file.revocation_url.take().or(filled.revocation_url);
    file.jwks_url = file.jwks_url.take().or(filled.jwks_url);
    file.issuer = file.issuer.take().or(filled.issuer);
    // A method that is not typed stays: another method could send what was set as a key.
    let kept = present.filter(|_| same && !set.replace);
    let kept = kept.and_then(|file| file.auth.or(file.binding.as_ref().map(|binding| binding.auth)));
    file.auth = file.auth.or(kept).or(preset.auth);
    Ok(filled.params)
}

/// Asks the user for the parts of the request without which a provider issues no token.
pub(crate) fn needed(preset: &Preset, mut request: Request) -> Result<Request, Error> {
    for (name, why) in &preset.needs {
        let there = match name.as_str() {
            "scope" => request.scopes().len() > 0,
            "audience" => request.audience().is_some(),
            _ => true,
        };
        if there {
            continue;
        }
        let value = secret_input::asked(&format!("{name} ({why})"), || Remedy::GiveRequestPart {
            name: name.clone(),
            why: why.clone(),
        })?;
        request = match name.as_str() {
            "scope" => request.with_scopes([value.as_str()])?,
            _ => request.with_audience(&value)?,
        };
    }
    Ok(request)
}

/// Requests the endpoints of an issuer if only the issuer was named, and reports what it found.
pub(crate) fn discovered(
    context: &Context<'_>,
    set: &Set,
    name: &ProfileName,
    present: Option<&ProfileFile>,
    file: &mut ProfileFile,
) -> Result<(), Error> {
    let Some(issuer) = file.issuer.clone().filter(|_| set.token_url.is_none() && set.provider.is_none()) else {
        return Ok(());
    };
    let kept = present.filter(|_| !set.replace);
    let allowed = file.allow_http.clone().or_else(|| kept.and_then(allowed_by)).unwrap_or_default();
    if endpoint("--issuer", Some(&issuer), &allowed)?.is_some_and(|url| url.url().query().is_some()) {
        let message = "--issuer has a query (?...), which an issuer must not have; nothing was changed";
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::GiveIssuerUrl));
    }
    let bound = |present: &ProfileFile| present.auth.or(present.binding.as_ref().map(|binding| binding.auth));
    let method = file.auth.or_else(|| kept.and_then(bound));
    let ca_file = file.ca_file.as_deref().or_else(|| kept.and_then(|present| present.ca_file.as_deref()));
    let ca = read_ca_file_at(ca_file, name)?;
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only);
    let ask = |issuer: String| {
        let _waiting = context.ui.waiting("asking the issuer for its endpoints");
        let transport = context.home.transport();
        let asked = async { Ok(transport.discover(&issuer, method, &roots.into(), &allowed).await) };
        block_on(asked).map(|found: Result<Metadata, IssuerError>| found.map(|metadata| (issuer.clone(), metadata)))
    };
    // The URL of the metadata does not show whether an issuer ends with a slash.
    let was_cut = set.issuer.as_ref() != Some(&issuer);
    let found = match ask(issuer.clone())? {
        Err(IssuerError::IssuerDiffers { found, .. }) if was_cut && found == format!("{issuer}/") => ask(found)?,
        found => found,
    };
    let (issuer, metadata) = found.map_err(|error| unfound(error).for_profile(name))?;
    if was_cut {
        context.ui.done(&format!("found and pinned: issuer {issuer}"));
    }
    let pinned = kept.and_then(|present| Pinned::of(present, &issuer));
    file.issuer = Some(issuer);
    if let Some(moved) = pinned.as_ref().and_then(|pinned| pinned.differs_in(file, &metadata)) {
        let message = format!("the issuer names another {moved} than the one that was pinned; nothing was sent there");
        return Err(Error::new(Code::BindingMismatch, message)
            .with_remedy(Remedy::AskWhetherIssuerMoved)
            .for_profile(name));
    }
    if method.is_none() {
        file.auth = supported(&metadata);
    }
    file.token_url = Some(metadata.token_url);
    if pinned.is_none() {
        file.introspection_url = file.introspection_url.take().or(metadata.introspection_url);
        file.revocation_url = file.revocation_url.take().or(metadata.revocation_url);
        file.jwks_url = file.jwks_url.take().or(metadata.jwks_url);
    }
    let found = [
        ("token endpoint", &file.token_url),
        ("introspection", &file.introspection_url),
        ("revocation", &file.revocation_url),
        ("keys", &file.jwks_url),
    ];
    for (what, url) in found {
        if let Some(url) = url {
            context.ui.done(&format!("found and pinned: {what} {url}"));
        }
    }
    Ok(())
}

/// Whether endpoints that are known are looked up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// After a day: the issuer may have moved.
    IfOld,
    /// Always: the caller wants nothing from the cache.
    Always,
}

/// Returns the endpoints of the issuer, if the environment names only the issuer and its profile is meant. They are kept in
/// the data directory, and requested if they are not there or as `lookup` says.
pub(crate) fn of_environment(context: &Context<'_>, lookup: Lookup) -> Result<Option<Endpoints>, Error> {
    let home = &context.home;
    let is_meant = environment::is_set() && context.profile.as_deref().is_none_or(|name| name == environment::NAME);
    let Some(issuer) = environment::lone_issuer()?.filter(|_| is_meant) else { return Ok(None) };
    let known = || Endpoints::load(&home.data_dir, &issuer);
    let usable = || known().filter(|_| lookup == Lookup::IfOld && !Endpoints::is_old(&home.data_dir));
    if let Some(known) = usable() {
        return Ok(Some(known));
    }
    // If there is no directory, nothing is kept and no turn is taken.
    let dir = Dir::open(&home.data_dir, Missing::Create).ok().flatten();
    let turn = dir.as_ref().and_then(|dir| turn(dir, home.config.timeout));
    if let Some(known) = usable() {
        return Ok(Some(known));
    }
    let found = match (found(context, &issuer), known()) {
        // The lookup failed now, but an earlier one succeeded.
        (Err(_), Some(known)) => return Ok(Some(known)),
        (found, _) => found?,
    };
    // If they cannot be kept, the next command finds them again; the write of the token reports what is wrong with the
    // place.
    if let Some(Err(error)) = dir.map(|dir| found.save(&dir)) {
        tracing::debug!("the endpoints of the issuer are not kept: {error}");
    }
    drop(turn);
    Ok(Some(found))
}

/// Takes the turn to request endpoints, so that one process does it for all that start at once. `None` if there are no
/// locks, or if a holder does not end within `patience`: then this process sends its own request.
fn turn(dir: &Dir, patience: Duration) -> Option<File> {
    const PAUSE: Duration = Duration::from_millis(20);
    let deadline = Deadline::after(patience);
    let lock = dir.lock_file(environment::LOCK).ok()?;
    loop {
        match lock.try_lock() {
            Ok(()) => return Some(lock),
            Err(TryLockError::WouldBlock) if !deadline.left().is_zero() => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
    }
}

/// Requests the endpoints from the issuer of the environment.
fn found(context: &Context<'_>, issuer: &str) -> Result<Endpoints, Error> {
    endpoint("TOKENKEEP_ISSUER", Some(issuer), &PlainHosts::default())?;
    let ca_file = text_variable("TOKENKEEP_CA_FILE")?.map(std::path::PathBuf::from);
    let name = super::set::named(environment::NAME)?;
    let ca = read_ca_file_at(ca_file.as_deref(), &name)?;
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only);
    let transport = context.home.transport();
    let _waiting = context.ui.waiting("asking the issuer for its endpoints");
    let asked = async { Ok(transport.discover(issuer, None, &roots.into(), &PlainHosts::default()).await) };
    let found = block_on(asked)?.map_err(|error| unfound(error).for_profile(&name))?;
    Ok(Endpoints {
        issuer: issuer.to_owned(),
        token_url: found.token_url,
        introspection_url: found.introspection_url,
        revocation_url: found.revocation_url,
        jwks_url: found.jwks_url,
    })
}

/// The places that an issuer named when the profile was set. A different place is refused, and one that the issuer
/// names only now is not taken: the secret would go to each of them.
struct Pinned {
    token_url: Option<Endpoint>,
    introspection_url: Option<Endpoint>,
    revocation_url: Option<Endpoint>,
    jwks_url: Option<Endpoint>,
}

impl Pinned {
    fn of(present: &ProfileFile, issuer: &str) -> Option<Pinned> {
        let binding = present.binding.as_ref();
        let named = present.issuer.as_deref().or(binding.and_then(|binding| binding.issuer.as_deref()));
        (named == Some(issuer)).then(|| Pinned {
            // The table first: a line in the file may have been edited since.
            token_url: binding.map(|binding| binding.token_url.clone()).or(present.token_url.clone()),
            introspection_url: binding
                .and_then(|binding| binding.introspection_url.clone())
                .or(present.introspection_url.clone()),
            revocation_url: binding
                .and_then(|binding| binding.revocation_url.clone())
                .or(present.revocation_url.clone()),
            jwks_url: present.jwks_url.clone(),
        })
    }

    /// Names the first place that differs and was not typed.
    fn differs_in(&self, typed: &ProfileFile, found: &Metadata) -> Option<&'static str> {
        let moved = |typed: &Option<Endpoint>, was: &Option<Endpoint>, is: Option<&Endpoint>| {
            typed.is_none() && was.as_ref().is_some_and(|was| is.is_some_and(|is| is != was))
        };
        let moves = [
            ("token endpoint", moved(&typed.token_url, &self.token_url, Some(&found.token_url))),
            (
                "introspection endpoint",
                moved(&typed.introspection_url, &self.introspection_url, found.introspection_url.as_ref()),
            ),
            ("revocation endpoint", moved(&typed.revocation_url, &self.revocation_url, found.revocation_url.as_ref())),
            ("place of its keys", moved(&typed.jwks_url, &self.jwks_url, found.jwks_url.as_ref())),
        ];
        moves.iter().find(|(_, moved)| *moved).map(|(name, _)| *name)
    }
}

/// The hints of a token request name the token endpoint, which is not known yet.
fn unfound(error: IssuerError) -> Error {
    let is_of_proxy = matches!(error, IssuerError::Proxy { .. });
    let error = Error::from(error);
    match error.code() {
        _ if is_of_proxy => error,
        Code::Dns | Code::Connect | Code::RedirectRefused | Code::ResponseMalformed | Code::ResponseTooLarge => {
            error.with_remedy(Remedy::CheckIssuer)
        }
        _ => error,
    }
}

/// Takes the other form of a client secret if the issuer's metadata lists no Basic. A user chooses everything else: a
/// key is no secret.
fn supported(metadata: &Metadata) -> Option<AuthMethod> {
    let methods = metadata.auth_methods.as_ref()?;
    let has = |method: AuthMethod| methods.iter().any(|name| name == method.name());
    let post_alone = has(AuthMethod::ClientSecretPost) && !has(AuthMethod::ClientSecretBasic);
    post_alone.then_some(AuthMethod::ClientSecretPost)
}
