//! The profile and the request that a command means.

use crate::cli::{Context, request};
use crate::error::Error;
use crate::keeper::{Keeper, identity_of};
use crate::manage::token::Meant;
use crate::profile::Profile;
use crate::usage::args::RequestArgs;

/// Wires a keeper for the selected profile, and for the request that was typed.
pub(super) fn keeper(context: &Context<'_>, typed: &RequestArgs) -> Result<Keeper, Error> {
    let name = context.profile_name()?;
    let keeper = context.home.keeper(&name, context.observer())?;
    let asked = request::typed(typed, &keeper.profile().request)?;
    request::warn_of_resources(typed, context.ui);
    Ok(match asked {
        Some(request) => keeper.with_request(request),
        None => keeper,
    })
}

/// Returns the tokens of the selected profile, or the one of the request that was typed.
pub(super) fn tokens(context: &Context<'_>, typed: &RequestArgs) -> Result<Meant, Error> {
    let profile = context.home.profile(&context.profile_name()?)?;
    Ok(match request::typed(typed, &profile.request)? {
        None => Meant::Of(Box::new(profile)),
        Some(request) => {
            let identity = identity_of(&Profile { request, ..profile.clone() });
            Meant::Only(Box::new(profile), identity)
        }
    })
}
