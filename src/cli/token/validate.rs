//! `token validate`: as the client that uses the token, or as the owner of the API that it is for.

use serde_json::json;

use super::meant;
use crate::cli::{Context, block_on, secret_input};
use crate::error::{Code, Error, ErrorKind, Remedy};
use crate::exit;
use crate::keeper::validate::{Check, Outcome, Reach, Report, Verdict};
use crate::keeper::{Keeper, read_ca_file};
use crate::oauth::{ResourceServer, Roots};
use crate::profile::{Endpoint, Profile};
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
    let audience = request.audience.clone();
    let audience = audience.ok_or_else(|| missing("whom the token must be for", Remedy::GiveAudience))?;
    let alone = args.token_stdin && args.jwks.is_some() && args.issuer.is_some();
    let keeper = match (!alone).then(|| meant::keeper(context, &Default::default())).transpose() {
        // A token on stdin needs no profile; the check below names what is missing.
        Err(error) if error.code() == Code::ProfileNotFound && args.token_stdin && context.profile.is_none() => None,
        keeper => keeper?,
    };
    let profile = keeper.as_ref().map(Keeper::profile);
    let jwks = keys_url(args, profile.as_ref())?;
    let issuer = args.issuer.clone().or_else(|| profile.as_ref().and_then(|profile| profile.issuer.clone()));
    let issuer = issuer.ok_or_else(|| missing("whose tokens are taken", Remedy::GiveAcceptedIssuer))?;
    let Some(token) = token(args, keeper.as_ref())? else {
        return Ok(report(Outcome::Fail, "no token is cached"));
    };
    let ca = profile.as_ref().map(read_ca_file).transpose()?.flatten();
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only);
    let server = ResourceServer::new(jwks, issuer, audience);
    let text = token.expose_text().unwrap_or_default();
    let _waiting = context.ui.waiting("checking the token");
    let transport = context.home.transport();
    let checked = block_on(async { Ok(server.check(&transport, &roots.into(), text).await) })?;
    Ok(match checked {
        Ok(Ok(())) => report(Outcome::Pass, "signature, typ, iss, aud and exp are as they must be"),
        Ok(Err(rejected)) => report(Outcome::Fail, &rejected.to_string()),
        Err(error) => report(Outcome::Unknown, &error.to_string()),
    })
}

fn missing(what: &str, remedy: Remedy) -> Error {
    Error::new(Code::Usage, format!("{what} is missing")).with_remedy(remedy)
}

/// Returns the place of the issuer's keys: as typed, else the profile's.
fn keys_url(args: &Validate, profile: Option<&Profile>) -> Result<Endpoint, Error> {
    let typed = args.jwks.as_deref().map(Endpoint::parse).transpose().map_err(|why| {
        let code = if why.is_insecure() { Code::InsecureEndpoint } else { Code::Usage };
        Error::new(code, format!("--jwks {why}; nothing was sent")).with_remedy(Remedy::GiveIssuerUrl)
    })?;
    let url = typed.or_else(|| profile.and_then(|profile| profile.jwks_url.clone()));
    url.ok_or_else(|| missing("where the issuer's keys are", Remedy::GiveKeysUrl))
}

fn token(args: &Validate, keeper: Option<&Keeper>) -> Result<Option<Secret>, Error> {
    if args.token_stdin {
        return secret_input::from_stdin("the token").map(Some);
    }
    let Some(keeper) = keeper else { return Ok(None) };
    keeper.open_cache();
    Ok(keeper.kept()?.map(|token| Secret::from(token.expose())))
}

fn report(result: Outcome, detail: &str) -> Report {
    let verdict = match result {
        Outcome::Pass => Verdict::Valid,
        Outcome::Fail => Verdict::NotValid,
        Outcome::Unknown | Outcome::Skipped => Verdict::Indeterminate,
    };
    let check = Check { name: "signature", result, detail: detail.to_owned() };
    Report { verdict, checks: vec![check], validity: None, left: None }
}
