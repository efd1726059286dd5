//! `token`: get, validate, list, forget.

use serde_json::json;

use super::args::{Format, Get, Token, Validate};
use super::format::{self, VARIABLE, time};
use super::{Context, block_on, fleet, request, secret_input};
use crate::cache::{self, Extent};
use crate::encoding::duration;
use crate::encoding::escape::Escaped;
use crate::error::{Code, Error, ErrorKind, Remedy};
use crate::exit;
use crate::keeper::validate::{self, Reach, Verdict};
use crate::keeper::{Keeper, Obtained, Source, Want, identity_of};
use crate::manage::credentials::belongs_to;
use crate::oauth::{ProofKey, Use};
use crate::open::Opened;
use crate::profile::{Profile, ProfileName};
use crate::secrets::{Backend, SecretsError};
use crate::system::clock::Moment;
use crate::token::{Freshness, Outline, TokenIdentity};

pub(crate) fn run(context: &Context<'_>, command: Token) -> Result<u8, Error> {
    match command {
        Token::Get(get) => self::get(context, &get),
        Token::Validate(validate) => self::validate(context, &validate),
        Token::List => list(context),
        Token::Revoke { request } => revoke(context, &request),
        Token::Forget { request, all, fleet } => forget(context, &request, all, fleet),
    }
}

fn get(context: &Context<'_>, get: &Get) -> Result<u8, Error> {
    let min_ttl = match get.min_ttl.as_deref().map(duration::parse) {
        Some(None) => return Err(Error::new(Code::Usage, "--min-ttl takes a duration such as 90s, 5m or 1h30m")),
        other => other.flatten(),
    };
    let variable = format::variable(get.env.as_deref().unwrap_or(VARIABLE))?;
    if get.env.is_some() && get.format != Format::Env {
        return Err(Error::new(Code::Usage, "--env goes with --format env"));
    }
    let proves = proven_use(get)?;
    // Most calls end here. If this look finds no token, the one that follows reports the reason.
    if min_ttl.is_none() && !get.refresh && get.request.is_empty() {
        let name = context.home.profile_name(context.profile.as_deref())?;
        if let Ok(Some((profile, token))) = context.home.cached(&name) {
            return print(
                context,
                get,
                variable,
                proves.as_ref(),
                &Obtained { token, source: Source::Cache },
                &profile,
            );
        }
    }
    let mut keeper = keeper(context, &get.request)?;
    if let Some(min_ttl) = min_ttl {
        keeper = keeper.with_min_ttl(min_ttl);
    }
    let want = if get.refresh { Want::IssuedAfter(keeper.parts().clock.now()) } else { keeper.valid() };
    let cached = if get.refresh { None } else { keeper.cached()? };
    let obtained = match cached {
        Some(token) => Obtained { token, source: Source::Cache },
        None if get.offline => {
            // The key may still have to be requested; the issuer is not contacted.
            keeper.open_cache();
            match keeper.cached()? {
                Some(token) => Obtained { token, source: Source::Cache },
                None if keeper.is_unseen() => return Err(unseen(context)?),
                None => return Err(nothing_cached(&keeper)?),
            }
        }
        None => fetched(context, &keeper, want)?,
    };
    print(context, get, variable, proves.as_ref(), &obtained, &keeper.profile())
}

fn print(
    context: &Context<'_>,
    get: &Get,
    variable: &str,
    proves: Option<&Proves>,
    obtained: &Obtained,
    profile: &Profile,
) -> Result<u8, Error> {
    if let Some(proves) = proves {
        return proof(context, proves, obtained, profile).map(|()| 0);
    }
    if get.format == Format::Header && obtained.token.token_type() != "Bearer" {
        return Err(Error::new(Code::Usage, "a DPoP token needs a proof for each request")
            .with_remedy(Remedy::NameProvenRequest));
    }
    let format = if context.ui.is_json() { Format::Json } else { get.format };
    let now = context.home.clock.now();
    context.ui.data(format::written(format, variable, obtained, profile, &now).as_bytes())?;
    Ok(0)
}

/// A request that a token is to be used for (RFC 9449).
struct Proves {
    method: String,
    url: url::Url,
    nonce: Option<String>,
}

fn proven_use(get: &Get) -> Result<Option<Proves>, Error> {
    let usage = |what: &str| Error::new(Code::Usage, what);
    match (get.format, &get.method, &get.url, &get.nonce) {
        (Format::Dpop, Some(method), Some(url), nonce) => {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if method.is_empty() || !method.bytes().all(token) {
                return Err(usage("--method takes an HTTP method such as GET"));
            }
            let plain = |url: &url::Url| url.has_host() && url.username().is_empty() && url.password().is_none();
            let url = url::Url::parse(url).ok().filter(plain);
            let url = url.ok_or_else(|| usage("--url takes an absolute URL"))?;
            // Copied out of a header with its line end, it would be another nonce (RFC 9449 s. 8.1).
            let is_part = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if nonce.as_ref().is_some_and(|nonce| nonce.is_empty() || !nonce.bytes().all(is_part)) {
                return Err(usage("--nonce takes the value of a DPoP-Nonce header"));
            }
            Ok(Some(Proves { method: method.clone(), url, nonce: nonce.clone() }))
        }
        (Format::Dpop, ..) => Err(usage("--format dpop needs --method METHOD and --url URL")),
        (_, None, None, None) => Ok(None),
        _ => Err(usage("--method, --url and --nonce go with --format dpop")),
    }
}

fn proof(context: &Context<'_>, proves: &Proves, obtained: &Obtained, profile: &Profile) -> Result<(), Error> {
    let token = &obtained.token;
    let Some(key) = token.proof_key() else {
        return Err(Error::new(Code::Usage, "the token is a Bearer token, which needs no proof")
            .with_remedy(Remedy::LeaveProofOut)
            .for_profile(&profile.name));
    };
    let Proves { method, url, nonce } = proves;
    let of = Use { method, url, token: Some(token.expose()), nonce: nonce.as_deref() };
    let key = ProofKey::new(key).map_err(Error::from)?;
    let proof = key.proof(&of, context.home.clock.wall()).map_err(Error::from)?;
    if context.ui.is_json() {
        let mut object = format::json_of(obtained, profile, &context.home.clock.now());
        object["dpop"] = json!(*proof);
        let line = zeroize::Zeroizing::new(format!("{object}\n"));
        return context.ui.data(line.as_bytes());
    }
    let now = context.home.clock.now();
    let mut lines = format::written(Format::Dpop, VARIABLE, obtained, profile, &now);
    lines.push_str(&format!("DPoP: {}\n", *proof));
    context.ui.data(lines.as_bytes())
}

pub(super) fn keeper(context: &Context<'_>, args: &super::args::RequestArgs) -> Result<Keeper, Error> {
    let name = context.home.profile_name(context.profile.as_deref())?;
    let ui = context.ui.clone();
    let keeper = context.home.keeper(&name, Box::new(move |warning| ui.warn(warning)))?;
    let asked = request::typed(args, &keeper.profile().request)?;
    request::warn_of_resources(args, context.ui);
    Ok(match asked {
        Some(request) => keeper.with_request(request),
        None => keeper,
    })
}

fn fetched(context: &Context<'_>, keeper: &Keeper, want: Want) -> Result<Obtained, Error> {
    let host = keeper.profile().token_url.url().host_str().unwrap_or_default().to_owned();
    let _waiting = context.ui.waiting(&format!("asking {host} for a token"));
    block_on(keeper.obtain(want))
}

/// Makes the error for a cache that cannot be opened: its content is unknown.
fn unseen(context: &Context<'_>) -> Result<Error, Error> {
    let opened = context.home.opened()?;
    let key = opened.map(|opened| opened.keys.key()).ok_or(SecretsError::NotChosen)?;
    Ok(key.err().map_or_else(|| Error::new(Code::TokenNotValid, "no valid token is cached"), Error::from))
}

fn nothing_cached(keeper: &Keeper) -> Result<Error, Error> {
    let profile = keeper.profile();
    let error = Error::new(Code::TokenNotValid, format!("no valid token of {} is cached", profile.name));
    let now = keeper.parts().clock.now();
    let left = keeper.kept()?.map(|token| token.validity().at(&now));
    let remedy = match left {
        Some(Freshness::Fresh(left)) => Remedy::LowerMinTtl(left),
        _ => Remedy::ContactIssuer,
    };
    Ok(error.with_remedy(remedy).for_profile(&profile.name))
}

fn validate(context: &Context<'_>, args: &Validate) -> Result<u8, Error> {
    let report = if args.as_resource_server {
        super::resource_server::validate(context, args)?
    } else {
        as_client(context, args)?
    };
    reported(context, &report)
}

fn as_client(context: &Context<'_>, args: &Validate) -> Result<validate::Report, Error> {
    let keeper = keeper(context, &args.request)?;
    keeper.open_cache();
    let given = if args.token_stdin { Some(secret_input::from_stdin("the token")?) } else { None };
    let reach = if args.offline { Reach::Local } else { Reach::Everything };
    let _waiting = context.ui.waiting("checking the token");
    block_on(keeper.validate(given, reach))
}

fn reported(context: &Context<'_>, report: &validate::Report) -> Result<u8, Error> {
    let verdict = report.verdict;
    if context.ui.is_json() {
        let check = |check: &validate::Check| json!({"name": check.name, "result": check.result.name(), "detail": check.detail});
        context.ui.json(&json!({
            "verdict": verdict.name(),
            "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
            "expires_at": report.validity.and_then(|validity| time(validity.expires_at())),
            "expires_in": report.validity.map(|_| report.left.map_or(0, |left| left.as_secs())),
        }))?;
    } else {
        let mut lines = format!("{}\n", verdict.name());
        for check in &report.checks {
            lines.push_str(&format!("  {:<14}{:<8} {}\n", check.name, check.result.name(), check.detail));
        }
        context.ui.data(lines.as_bytes())?;
    }
    Ok(match verdict {
        Verdict::Valid => 0,
        Verdict::NotValid => exit::of(ErrorKind::TokenNotValid),
        Verdict::Indeterminate => exit::of(ErrorKind::Indeterminate),
    })
}

fn revoke(context: &Context<'_>, args: &super::args::RequestArgs) -> Result<u8, Error> {
    let keeper = keeper(context, args)?;
    keeper.open_cache();
    if keeper.is_unseen() {
        return Err(unseen(context)?);
    }
    let name = keeper.profile().name;
    let revoked = {
        let _waiting = context.ui.waiting("revoking the token");
        block_on(keeper.revoke())?
    };
    if revoked {
        context.ui.changed(&format!("revoked the cached token of {name}, and forgot it"))
    } else {
        context.ui.unchanged(&format!("no token of {name} is cached; nothing was revoked"))
    }
}

/// Revokes every cached token of a profile, and takes it back from the fleet; what is kept here stays.
pub(super) fn revoke_all(context: &Context<'_>, name: &ProfileName) -> Result<usize, Error> {
    let profile = context.home.profile(name)?;
    let Some(Opened { dir, keys }) = context.home.opened()? else { return Ok(0) };
    if keys.choice().backend == Backend::None {
        return Ok(0);
    }
    let listed = context.home.cache(dir, keys.key()?).list()?;
    let ui = context.ui.clone();
    let keeper = context.home.keeper(name, Box::new(move |warning| ui.warn(warning)))?;
    let tokens: Vec<_> = listed.iter().filter(|listed| belongs_to(&listed.outline, &profile)).collect();
    let _waiting = context.ui.waiting("revoking the tokens");
    block_on(async {
        for listed in &tokens {
            keeper.revoke_token(&listed.token).await?;
            keeper.withdraw_of(listed.identity.clone(), &listed.token).await;
        }
        Ok(tokens.len())
    })
}

fn list(context: &Context<'_>) -> Result<u8, Error> {
    let listed = match context.home.opened()? {
        None => Vec::new(),
        Some(Opened { keys, .. }) if keys.choice().backend == Backend::None => Vec::new(),
        Some(Opened { dir, keys }) => context.home.cache(dir, keys.key()?).list()?,
    };
    let profiles = profiles(context)?;
    let now = context.home.clock.now();
    let cached =
        listed.iter().map(|listed| Row::new("cache", &listed.outline, *listed.token.validity(), &profiles, &now));
    let fleet = fleet::list(context)?;
    let fleet = fleet.iter().map(|listed| Row::new("fleet", &listed.outline, listed.validity, &profiles, &now));
    let mut rows: Vec<Row> = cached.chain(fleet).collect();
    rows.sort_by(|a, b| (&a.profile, &a.scope, a.place).cmp(&(&b.profile, &b.scope, b.place)));
    if context.ui.is_json() {
        let rows = rows.iter().map(|row| {
            json!({
                "profile": row.profile,
                "place": row.place,
                "client_id": row.client_id,
                "token_url": row.token_url,
                "scope": row.scope,
                "audience": row.audience,
                "expires_at": row.expires_at,
                "expires_in": row.left,
            })
        });
        context.ui.json(&rows.collect())?;
        return Ok(0);
    }
    let lines: String = rows
        .iter()
        .map(|row| {
            let left = if row.left == 0 {
                "expired".to_owned()
            } else {
                duration::show(std::time::Duration::from_secs(row.left))
            };
            let place = if row.place == "fleet" { "fleet" } else { "" };
            let line = format!(
                "{:<24} {left:<10} {place:<7} {}",
                row.profile.as_deref().unwrap_or("(no profile)"),
                Escaped(&row.scope)
            );
            format!("{}\n", line.trim_end())
        })
        .collect();
    context.ui.data(lines.as_bytes()).map(|()| 0)
}

struct Row {
    /// `cache`, or `fleet` if the fleet has it.
    place: &'static str,
    profile: Option<String>,
    client_id: String,
    token_url: String,
    scope: String,
    audience: Option<String>,
    expires_at: Option<String>,
    left: u64,
}

impl Row {
    fn new(
        place: &'static str,
        outline: &Outline,
        validity: crate::token::Validity,
        profiles: &[Profile],
        now: &Moment,
    ) -> Row {
        Row {
            place,
            profile: profiles
                .iter()
                .find(|profile| belongs_to(outline, profile))
                .map(|profile| profile.name.to_string()),
            client_id: outline.client_id.clone(),
            token_url: outline.token_endpoint.clone(),
            scope: outline.scopes.join(" "),
            audience: outline.audience.clone(),
            expires_at: time(validity.expires_at()),
            left: match validity.at(now) {
                Freshness::Fresh(left) => left.as_secs(),
                Freshness::Stale | Freshness::Unknown => 0,
            },
        }
    }
}

/// Returns every profile that can be used; one that cannot must not hide the tokens of the others.
fn profiles(context: &Context<'_>) -> Result<Vec<Profile>, Error> {
    let names = context.home.profile_names()?;
    Ok(names.iter().filter_map(|name| context.home.profile(name).ok()).collect())
}

fn forget(context: &Context<'_>, args: &super::args::RequestArgs, all: bool, also_fleet: bool) -> Result<u8, Error> {
    // First: otherwise the token would come back from the fleet.
    let taken_back = match (also_fleet, all) {
        (false, _) => None,
        (true, true) => {
            let names = context.home.profile_names()?;
            Some(names.iter().map(|name| fleet::forget(context, name, None)).sum::<Result<usize, Error>>()?)
        }
        (true, false) => {
            let (profile, only) = meant(context, args)?;
            Some(fleet::forget(context, &profile.name, only.as_ref())?)
        }
    };
    let (forgotten, whose) =
        if all { (forget_all(context)?, "all profiles".to_owned()) } else { forget_of(context, args)? };
    let message = match taken_back {
        None if context.home.config.fleet.is_some() => {
            format!("forgot {forgotten} cached token(s) of {whose}; what the fleet has stays: --fleet")
        }
        None => format!("forgot {forgotten} cached token(s) of {whose}"),
        Some(shared) => format!("forgot {forgotten} cached and {shared} shared token(s) of {whose}"),
    };
    let is_gone = forgotten > 0 || taken_back.is_some_and(|count| count > 0);
    if is_gone { context.ui.changed(&message) } else { context.ui.unchanged(&message) }
}

/// Returns the selected profile, and the request if one was typed.
fn meant(context: &Context<'_>, args: &super::args::RequestArgs) -> Result<(Profile, Option<TokenIdentity>), Error> {
    let profile = context.home.profile(&context.home.profile_name(context.profile.as_deref())?)?;
    let asked = request::typed(args, &profile.request)?;
    let only = asked.map(|request| identity_of(&Profile { request, ..profile.clone() }));
    Ok((profile, only))
}

/// Forgets everything, which needs no key.
fn forget_all(context: &Context<'_>) -> Result<usize, Error> {
    match context.home.opened()? {
        None => Ok(0),
        Some(Opened { dir, .. }) => {
            let store = crate::cache::store::FileStore::new(dir.clone(), context.home.clock.clone());
            let forgotten = crate::cache::store::clear(&store).map_err(cache::CacheFault::from)?;
            cache::sweep(&dir, None, &*context.home.clock, Extent::Everything)?;
            Ok(forgotten)
        }
    }
}

/// Forgets the tokens of the profile, or the one of the request that was typed.
fn forget_of(context: &Context<'_>, args: &super::args::RequestArgs) -> Result<(usize, String), Error> {
    let (profile, only) = meant(context, args)?;
    let whose = profile.name.to_string();
    let mut forgotten = 0;
    if let Some(Opened { dir, keys }) = context.home.opened()?
        && keys.choice().backend != Backend::None
    {
        let cache = context.home.cache(dir.clone(), keys.key()?);
        // By its name, whatever the record holds: one that does not open, or is of a newer version, is in no listing.
        let own = only.clone().unwrap_or_else(|| identity_of(&profile));
        forgotten += usize::from(cache.forget(own.name())?);
        for (identity, outline) in cache.identities()? {
            let is_meant = belongs_to(&outline, &profile) && only.as_ref().is_none_or(|only| *only == identity);
            if is_meant && cache.forget(identity.name())? {
                forgotten += 1;
            }
        }
        cache::sweep(&dir, Some(&cache), &*context.home.clock, Extent::Everything)?;
    }
    Ok((forgotten, whose))
}
