//! The questions of `credentials set` on a terminal: what a new profile needs, and the secret.

use std::io::{self, IsTerminal as _};

use super::source;
use crate::cli::{Context, secret_input};
use crate::error::{Error, Remedy};
use crate::manage::credential::{bound_change, is_stored, provider_names};
use crate::open::generations;
use crate::profile::{AuthMethod, ProfileFile, ProfileName};
use crate::system::secret::Secret;
use crate::usage::args::Set;

/// Asks the user on a terminal for what a new profile needs and no flag gives: the source of tokens, and the client id.
pub(super) fn answered(context: &Context<'_>, set: &Set) -> Result<Set, Error> {
    let mut answered = set.clone();
    let has_source = set.provider.is_some() || set.token_url.is_some() || set.issuer.is_some();
    if !io::stdin().is_terminal() || has_source && set.client_id.is_some() {
        return Ok(answered);
    }
    let name = source::profile_name(context, set)?;
    if generations::present(&context.home.profiles_dir(), &name)?.is_some() {
        return Ok(answered);
    }
    if !has_source {
        ask_source(context, &mut answered)?;
    }
    if answered.client_id.is_none() {
        answered.client_id = Some(secret_input::asked("client id", Remedy::GiveClientId)?);
    }
    Ok(answered)
}

/// Asks the user for the source of tokens: a provider, an issuer or a token endpoint.
fn ask_source(context: &Context<'_>, set: &mut Set) -> Result<(), Error> {
    let providers = provider_names();
    context.ui.done(&format!("providers: {}", providers.join(", ")));
    let source = secret_input::asked("provider, or URL of the issuer or its token endpoint", Remedy::NameIssuer)?;
    // The last segment of the URL of a token endpoint names it; that of an issuer does not.
    let is_endpoint = source.rsplit('/').next().is_some_and(|last| last.to_ascii_lowercase().contains("token"));
    match source {
        source if providers.contains(&source.as_str()) => set.provider = Some(source),
        source if is_endpoint => set.token_url = Some(source),
        source if source.contains("://") => set.issuer = Some(source),
        source => set.provider = Some(source),
    }
    Ok(())
}

/// Reads the secret as the flags specify, or prompts for it. `None` if the present one stays, or if it is read at each
/// fetch.
pub(super) fn secret(
    context: &Context<'_>,
    set: &Set,
    name: &ProfileName,
    present: Option<&ProfileFile>,
    wanted: &ProfileFile,
) -> Result<Option<Secret>, Error> {
    const WHAT: &str = "the client secret";
    match (&set.secret_file, &wanted.secret) {
        (Some(path), _) => secret_input::from_file(path, context.ui).map(Some),
        (None, _) if set.secret_stdin => secret_input::from_stdin(WHAT).map(Some),
        (None, Some(_)) => Ok(None),
        (None, None) => match asked_for(context, name, present, wanted) {
            Asked::Nothing => Ok(None),
            Asked::Another(question) => secret_input::another_from_prompt(WHAT, &question),
            Asked::Secret(question) => secret_input::from_prompt(WHAT, &question).map(Some),
        },
    }
}

/// What the user is asked for.
enum Asked {
    /// Nothing: the stored secret stays.
    Nothing,
    /// Another secret; an empty answer keeps the stored one.
    Another(String),
    /// A secret.
    Secret(String),
}

fn asked_for(context: &Context<'_>, name: &ProfileName, present: Option<&ProfileFile>, wanted: &ProfileFile) -> Asked {
    let has_key = wanted.auth.is_some_and(AuthMethod::has_private_key);
    let what = format!("{} of {name}", if has_key { "private key" } else { "client secret" });
    let Some(file) = present else { return Asked::Secret(what) };
    let Some(binding) = &file.binding else { return Asked::Secret(what) };
    if let Some(key) = bound_change(binding, wanted, name) {
        return Asked::Secret(format!("{what} (`{key}` changes, so it is needed again)"));
    }
    if !io::stdin().is_terminal() {
        return Asked::Nothing;
    }
    match is_stored(&context.home, binding) {
        Ok(true) => Asked::Another(format!("{what} (new; empty keeps the present one)")),
        Ok(false) => Asked::Secret(format!("{what} (none is stored here)")),
        // What cannot be read is not absent.
        Err(error) => Asked::Secret(format!("{what} (the stored one cannot be read: {error})")),
    }
}
