//! `token get`.

use super::meant;
use crate::cli::{Context, block_on};
use crate::consumers::format::{Details, Rendering};
use crate::encoding::duration;
use crate::error::{Code, Error};
use crate::keeper::{Keeper, Obtained, Source, Want};
use crate::manage::token::offline;
use crate::profile::Profile;
use crate::usage::args::Get;

pub(super) fn run(context: &Context<'_>, get: &Get) -> Result<u8, Error> {
    let min_ttl = match get.min_ttl.as_deref().map(duration::parse) {
        Some(None) => return Err(Error::new(Code::Usage, "--min-ttl takes a duration such as 90s, 5m or 1h30m")),
        other => other.flatten(),
    };
    let rendering = Rendering::new(
        get.format,
        &Details {
            variable: get.env.as_deref(),
            method: get.method.as_deref(),
            url: get.url.as_deref(),
            nonce: get.nonce.as_deref(),
        },
    )?;
    // Most calls end here. If this look finds no token, the one that follows reports the reason.
    if min_ttl.is_none() && !get.refresh && get.request.is_empty() {
        let name = context.profile_name()?;
        if let Ok(profile) = context.home.profile(&name)
            && let Ok(Some(token)) = context.home.cached(&profile)
        {
            return print(context, rendering, &Obtained { token, source: Source::Cache }, &profile);
        }
    }
    let mut keeper = meant::keeper(context, &get.request)?;
    if let Some(min_ttl) = min_ttl {
        keeper = keeper.with_min_ttl(min_ttl);
    }
    let want = if get.refresh { Want::IssuedAfter(keeper.parts().clock.now()) } else { keeper.valid() };
    let cached = if get.refresh { None } else { keeper.cached()? };
    let obtained = match cached {
        Some(token) => Obtained { token, source: Source::Cache },
        None if get.offline => Obtained { token: offline(&context.home, &keeper)?, source: Source::Cache },
        None => fetched(context, &keeper, want)?,
    };
    print(context, rendering, &obtained, &keeper.profile())
}

fn fetched(context: &Context<'_>, keeper: &Keeper, want: Want) -> Result<Obtained, Error> {
    let host = keeper.profile().token_url.url().host_str().unwrap_or_default().to_owned();
    let _waiting = context.ui.waiting(&format!("requesting a token from {host}"));
    block_on(keeper.obtain(want))
}

fn print(context: &Context<'_>, rendering: Rendering, obtained: &Obtained, profile: &Profile) -> Result<u8, Error> {
    let rendering = if context.ui.is_json() { rendering.in_json(&obtained.token)? } else { rendering };
    let text = rendering.text(obtained, profile, &context.home.clock.now())?;
    context.ui.data(text.as_bytes())
}
