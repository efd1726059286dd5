//! `token validate --as-resource-server`: what the owner of an API checks.

use super::args::Validate;
use super::{Context, block_on, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::keeper::validate::{Check, Outcome, Report, Verdict};
use crate::keeper::{Keeper, read_ca_file};
use crate::oauth::{ResourceServer, Roots};
use crate::profile::Endpoint;
use crate::system::secret::Secret;

/// Checks a token by the issuer's keys; no profile is needed if everything was typed.
pub(crate) fn validate(context: &Context<'_>, args: &Validate) -> Result<Report, Error> {
    let request = &args.request;
    if !request.scope.is_empty() || !request.resource.is_empty() || !request.param.is_empty() {
        return Err(Error::new(Code::Usage, "--as-resource-server takes --audience and no other request flag"));
    }
    if args.offline {
        return Err(Error::new(Code::Usage, "--as-resource-server needs the issuer's keys, so it cannot be --offline"));
    }
    let missing =
        |what: &str, remedy: Remedy| Error::new(Code::Usage, format!("{what} is missing")).with_remedy(remedy);
    let audience =
        request.audience.clone().ok_or_else(|| missing("whom the token must be for", Remedy::GiveAudience))?;
    let alone = args.token_stdin && args.jwks.is_some() && args.issuer.is_some();
    let keeper = match (!alone).then(|| super::token::keeper(context, &Default::default())).transpose() {
        // A token on stdin needs no profile; the check below names what is missing.
        Err(error) if error.code() == Code::ProfileNotFound && args.token_stdin && context.profile.is_none() => None,
        keeper => keeper?,
    };
    let profile = keeper.as_ref().map(Keeper::profile);
    let jwks = match &args.jwks {
        Some(url) => Some(Endpoint::parse(url).map_err(|why| {
            let code = if why.is_insecure() { Code::InsecureEndpoint } else { Code::Usage };
            Error::new(code, format!("--jwks {why}; nothing was sent")).with_remedy(Remedy::GiveIssuerUrl)
        })?),
        None => profile.as_ref().and_then(|profile| profile.jwks_url.clone()),
    };
    let jwks = jwks.ok_or_else(|| missing("where the issuer's keys are", Remedy::GiveKeysUrl))?;
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
