//! `token validate`: as the client that uses the token, or as the owner of the API that it is for.

use serde_json::json;

use super::meant;
use crate::cli::{Context, block_on, secret_input};
use crate::error::{Code, Error, ErrorKind, Remedy};
use crate::exit;
use crate::keeper::Keeper;
use crate::keeper::validate::{Check, Reach, Report, Verdict};
use crate::manage::resource_server::{self, Accepted};
use crate::profile::Endpoint;
use crate::system::secret::Secret;
use crate::usage::args::Validate;

pub(super) fn run(context: &Context<'_>, args: &Validate) -> Result<u8, Error> {
    let report = if args.as_resource_server { as_resource_server(context, args)? } else { as_client(context, args)? };
    print(context, &report)
}

fn as_client(context: &Context<'_>, args: &Validate) -> Result<Report, Error> {
    let keeper = meant::keeper(context, &args.request)?;
    keeper.open_cache();
    let given = if args.token_stdin { Some(secret_input::from_stdin("the token")?) } else { None };
    let reach = if args.offline { Reach::Local } else { Reach::Everything };
    let _waiting = context.ui.waiting("checking the token");
    block_on(keeper.validate(given, reach))
}

fn print(context: &Context<'_>, report: &Report) -> Result<u8, Error> {
    let verdict = report.verdict;
    if context.ui.is_json() {
        let check = |check: &Check| json!({"name": check.name, "result": check.result.name(), "detail": check.detail});
        context.ui.json(&json!({
            "verdict": verdict.name(),
            "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
            "expires_at": report.validity.and_then(|validity| validity.expires_at().to_utc()),
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

/// Checks a token by the issuer's keys; no profile is needed if everything was typed.
fn as_resource_server(context: &Context<'_>, args: &Validate) -> Result<Report, Error> {
    let request = &args.request;
    if !request.scope.is_empty() || !request.resource.is_empty() || !request.param.is_empty() {
        return Err(Error::new(Code::Usage, "--as-resource-server takes --audience and no other request flag"));
    }
    if args.offline {
        return Err(Error::new(Code::Usage, "--as-resource-server needs the issuer's keys, so it cannot be --offline"));
    }
    let audience = request.audience.clone().ok_or_else(|| {
        Error::new(Code::Usage, "the audience of the token is missing").with_remedy(Remedy::GiveAudience)
    })?;
    let needs_profile = !args.token_stdin || args.jwks.is_none() || args.issuer.is_none();
    let keeper = match needs_profile.then(|| meant::keeper(context, &Default::default())).transpose() {
        // A token on stdin needs no profile; the check below names what is missing.
        Err(error) if error.code() == Code::ProfileNotFound && args.token_stdin && context.profile.is_none() => None,
        keeper => keeper?,
    };
    let profile = keeper.as_ref().map(Keeper::profile);
    let accepted = Accepted { audience, issuer: args.issuer.clone(), keys: keys_url(args)? };
    let server = accepted.server(profile.as_ref())?;
    let Some(token) = token(args, keeper.as_ref())? else { return Ok(resource_server::nothing_cached()) };
    let _waiting = context.ui.waiting("checking the token");
    resource_server::check(&context.home, &server, profile.as_ref(), &token)
}

/// Reads the place of the issuer's keys.
fn keys_url(args: &Validate) -> Result<Option<Endpoint>, Error> {
    args.jwks.as_deref().map(Endpoint::parse).transpose().map_err(|why| {
        let code = if why.is_insecure() { Code::InsecureEndpoint } else { Code::Usage };
        Error::new(code, format!("--jwks {why}; nothing was sent")).with_remedy(Remedy::GiveIssuerUrl)
    })
}

fn token(args: &Validate, keeper: Option<&Keeper>) -> Result<Option<Secret>, Error> {
    if args.token_stdin {
        return secret_input::from_stdin("the token").map(Some);
    }
    let Some(keeper) = keeper else { return Ok(None) };
    keeper.open_cache();
    Ok(keeper.kept()?.map(|token| Secret::from(token.expose())))
}
