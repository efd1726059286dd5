//! `token forget` and `token revoke`.

use super::meant;
use crate::cli::{Context, block_on};
use crate::error::Error;
use crate::manage::token::{self, Forgotten, Meant};
use crate::profile::ProfileName;
use crate::usage::args::RequestArgs;

/// What was typed for `token forget`.
pub(super) struct Typed {
    pub(super) request: RequestArgs,
    pub(super) all: bool,
    pub(super) fleet: bool,
}

pub(super) fn run(context: &Context<'_>, typed: &Typed) -> Result<u8, Error> {
    let home = &context.home;
    let meant = if typed.all { Meant::All } else { meant::tokens(context, &typed.request)? };
    let fleet = typed.fleet.then(|| context.observer());
    let Forgotten { cached, shared } = token::forget(home, &meant, fleet.as_ref())?;
    let whose = match &meant {
        Meant::All => "all profiles".to_owned(),
        Meant::Of(profile) | Meant::Only(profile, _) => profile.name.to_string(),
    };
    let message = match shared {
        None if home.config.fleet.is_some() => {
            format!("forgot {cached} cached token(s) of {whose}; what the fleet has stays: --fleet")
        }
        None => format!("forgot {cached} cached token(s) of {whose}"),
        Some(shared) => format!("forgot {cached} cached and {shared} shared token(s) of {whose}"),
    };
    let is_gone = cached > 0 || shared.is_some_and(|count| count > 0);
    if is_gone { context.ui.changed(&message) } else { context.ui.unchanged(&message) }
}

/// Revokes the cached token of a request.
pub(super) fn revoke(context: &Context<'_>, typed: &RequestArgs) -> Result<u8, Error> {
    let keeper = meant::keeper(context, typed)?;
    token::open_cache(&context.home, &keeper)?;
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

/// Revokes every cached token of a profile.
pub(in crate::cli) fn revoke_all(context: &Context<'_>, name: &ProfileName) -> Result<usize, Error> {
    let _waiting = context.ui.waiting("revoking the tokens");
    token::revoke_all(&context.home, name, &context.observer())
}
