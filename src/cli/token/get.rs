//! `token get`.

use std::time::Duration;

use super::meant;
use crate::cli::{Context, block_on};
use crate::consumers::callers::Meaning;
use crate::consumers::format::Rendering;
use crate::consumers::handed::Handed;
use crate::consumers::proof::{ProvenRequest, Typed};
use crate::encoding::duration;
use crate::error::{Code, Error};
use crate::keeper::{Keeper, Obtained, Source, Want};
use crate::manage::token::offline;
use crate::profile::Profile;
use crate::system::secret::Secret;
use crate::token::AccessToken;
use crate::usage::args::Get;

pub(super) fn run(context: &Context<'_>, get: &Get) -> Result<u8, Error> {
    let min_ttl = match get.min_ttl.as_deref().map(duration::parse) {
        Some(None) => return Err(Error::new(Code::Usage, "--min-ttl takes a duration such as 90s, 5m or 1h30m")),
        other => other.flatten(),
    };
    let typed = Typed { method: get.method.as_deref(), url: get.url.as_deref(), nonce: get.nonce.as_deref() };
    let answer = Answer {
        context,
        rendering: Rendering::new(get.format, get.env.as_deref())?,
        proven: ProvenRequest::typed(get.format, typed)?,
    };
    let client = get.format.row().client;
    let preferred = if min_ttl.is_some() { Duration::ZERO } else { client.preferred };
    // Most calls end here. If this look finds no token, the one that follows reports the reason.
    if min_ttl.is_none() && !get.refresh && get.request.is_empty() {
        let name = context.profile_name()?;
        if let Ok(profile) = context.home.profile(&name)
            && let Ok(Some(token)) = context.home.cached(&profile, preferred)
        {
            let obtained = Obtained { token, source: Source::Cache };
            if answer.meaning(&obtained, &profile) == Meaning::Wanted {
                return answer.print(&obtained, &profile);
            }
        }
    }
    let mut keeper = meant::keeper(context, &get.request)?;
    answer.rendering.check(&keeper.profile())?;
    if let Some(min_ttl) = min_ttl {
        keeper = keeper.with_min_ttl(min_ttl);
    } else if !preferred.is_zero() {
        keeper = keeper.with_preferred_life(preferred);
    }
    let want = if get.refresh { Want::IssuedAfter(keeper.parts().clock.now()) } else { keeper.valid() };
    let cached = if get.refresh { None } else { keeper.cached()? };
    let cached = match cached {
        Some(token) if !get.offline && answer.reports_refusal(&token, &keeper.profile()) => {
            block_on(keeper.refused_by_client(&Secret::from(token.expose())))?;
            keeper.cached()?
        }
        cached => cached,
    };
    let obtained = match cached {
        Some(token) => Obtained { token, source: Source::Cache },
        None if get.offline => Obtained { token: offline(&context.home, &keeper)?, source: Source::Cache },
        None => fetched(context, &keeper, want)?,
    };
    // Whatever it means, it is known by now; a token that has just come is noted.
    let _ = answer.meaning(&obtained, &keeper.profile());
    answer.print(&obtained, &keeper.profile())
}

fn fetched(context: &Context<'_>, keeper: &Keeper, want: Want) -> Result<Obtained, Error> {
    let host = keeper.profile().token_url.url().host_str().unwrap_or_default().to_owned();
    let _waiting = context.ui.waiting(&format!("requesting a token from {host}"));
    block_on(keeper.obtain(want))
}

/// The answer to a call, but for the token.
struct Answer<'a> {
    context: &'a Context<'a>,
    rendering: Rendering,
    /// The request that the token is proven for.
    proven: Option<ProvenRequest>,
}

impl Answer<'_> {
    /// Returns what the call means, if this token is to be handed over.
    fn meaning(&self, obtained: &Obtained, profile: &Profile) -> Meaning {
        let home = &self.context.home;
        self.rendering.hand_over(&home.data_dir, &Handed { obtained, profile, now: &home.clock.now() })
    }

    fn reports_refusal(&self, token: &AccessToken, profile: &Profile) -> bool {
        let obtained = Obtained { token: token.clone(), source: Source::Cache };
        self.meaning(&obtained, profile) == Meaning::Refused
    }

    fn print(self, obtained: &Obtained, profile: &Profile) -> Result<u8, Error> {
        let Answer { context, rendering, proven } = self;
        rendering.check(profile)?;
        let rendering = if context.ui.is_json() { rendering.in_json() } else { rendering };
        let handed = Handed { obtained, profile, now: &context.home.clock.now() };
        let proof = proven.map(|request| request.proof(&handed)).transpose()?;
        context.ui.data(rendering.text(&handed, proof.as_deref().map(String::as_str))?.as_bytes())?;
        rendering.finish(&handed).map(|()| 0)
    }
}
