//! The tokens that are kept here: listed, forgotten, revoked.

use super::block_on;
use super::fleet::tokens as fleet;
use crate::cache::store::{FileStore, clear};
use crate::cache::{Cache, CacheFault, Extent, sweep};
use crate::error::{Code, Error, Remedy};
use crate::keeper::{Keeper, Observer, identity_of};
use crate::manage::credential::belongs_to;
use crate::open::{Home, Opened};
use crate::profile::{Profile, ProfileName};
use crate::secrets::SecretsError;
use crate::token::{AccessToken, Freshness, Outline, TokenIdentity, Validity};

/// The place that has a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Cache,
    Fleet,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Cache => "cache",
            Place::Fleet => "fleet",
        }
    }
}

/// A token that is kept, without its value.
pub(crate) struct Listed {
    pub(crate) place: Place,
    /// The profile that requests it, if one does.
    pub(crate) profile: Option<ProfileName>,
    pub(crate) outline: Outline,
    pub(crate) validity: Validity,
}

/// Lists the tokens of the cache and of the fleet by profile, scope and place.
pub(crate) fn list(home: &Home, observer: &Observer) -> Result<Vec<Listed>, Error> {
    let cached = match cache(home)? {
        Some(cache) => cache.list()?,
        None => Vec::new(),
    };
    // One that cannot be used must not hide the tokens of the others.
    let names = home.profile_names()?;
    let profiles: Vec<Profile> = names.iter().filter_map(|name| home.profile(name).ok()).collect();
    let listed = |place, outline: Outline, validity| {
        let profile = profiles.iter().find(|profile| belongs_to(&outline, profile)).map(|profile| profile.name.clone());
        Listed { place, profile, outline, validity }
    };
    let cached = cached.into_iter().map(|it| listed(Place::Cache, it.outline, *it.token.validity()));
    let shared = fleet::list(home, observer)?.into_iter().map(|it| listed(Place::Fleet, it.outline, it.validity));
    let mut all: Vec<Listed> = cached.chain(shared).collect();
    all.sort_by_cached_key(|it| (it.profile.clone(), it.outline.scopes.join(" "), it.place));
    Ok(all)
}

/// Which tokens are meant.
pub(crate) enum Meant {
    /// Those of all profiles.
    All,
    /// Those of a profile.
    Of(Box<Profile>),
    /// The one of a request of a profile.
    Only(Box<Profile>, TokenIdentity),
}

/// How many tokens were forgotten.
pub(crate) struct Forgotten {
    pub(crate) cached: usize,
    /// Those that were taken back from the fleet; `None` if that was not wanted.
    pub(crate) shared: Option<usize>,
}

/// Forgets tokens: those of the cache, and with an observer those of the fleet, which are first: otherwise they would
/// come back from there.
pub(crate) fn forget(home: &Home, meant: &Meant, fleet: Option<&Observer>) -> Result<Forgotten, Error> {
    let shared = fleet.map(|observer| forget_in_fleet(home, meant, observer)).transpose()?;
    Ok(Forgotten { cached: forget_cached(home, meant)?, shared })
}

/// Forgets cached tokens; returns how many. To forget all needs no key.
fn forget_cached(home: &Home, meant: &Meant) -> Result<usize, Error> {
    let (profile, only) = match meant {
        Meant::All => return forget_all(home),
        Meant::Of(profile) => (profile, None),
        Meant::Only(profile, identity) => (profile, Some(identity)),
    };
    let Some(Opened { dir, keys }) = home.opened()?.filter(|opened| !opened.keys.choice().backend.keeps_nothing())
    else {
        return Ok(0);
    };
    let cache = home.cache(dir.clone(), keys.key()?);
    // By its name, whatever the record holds: one that does not open, or is of a newer version, is in no listing.
    let own = only.cloned().unwrap_or_else(|| identity_of(profile));
    let mut forgotten = usize::from(cache.forget(own.name())?);
    for (identity, outline) in cache.identities()? {
        let is_meant = belongs_to(&outline, profile) && only.is_none_or(|only| *only == identity);
        if is_meant && cache.forget(identity.name())? {
            forgotten += 1;
        }
    }
    sweep(&dir, Some(&cache), &*home.clock, Extent::Everything)?;
    Ok(forgotten)
}

fn forget_all(home: &Home) -> Result<usize, Error> {
    let Some(Opened { dir, .. }) = home.opened()? else { return Ok(0) };
    let store = FileStore::new(dir.clone(), home.clock.clone());
    let forgotten = clear(&store).map_err(CacheFault::from)?;
    sweep(&dir, None, &*home.clock, Extent::Everything)?;
    Ok(forgotten)
}

/// Takes tokens back from the fleet; returns how many.
fn forget_in_fleet(home: &Home, meant: &Meant, observer: &Observer) -> Result<usize, Error> {
    match meant {
        Meant::All => home.profile_names()?.iter().map(|name| fleet::forget(home, name, None, observer)).sum(),
        Meant::Of(profile) => fleet::forget(home, &profile.name, None, observer),
        Meant::Only(profile, identity) => fleet::forget(home, &profile.name, Some(identity), observer),
    }
}

/// Revokes every cached token of a profile, and takes it back from the fleet; what is kept here stays. Returns how many.
pub(crate) fn revoke_all(home: &Home, name: &ProfileName, observer: &Observer) -> Result<usize, Error> {
    let profile = home.profile(name)?;
    let Some(cache) = cache(home)? else { return Ok(0) };
    let listed = cache.list()?;
    let keeper = home.keeper(name, observer.clone())?;
    let tokens: Vec<_> = listed.iter().filter(|listed| belongs_to(&listed.outline, &profile)).collect();
    block_on(async {
        for listed in &tokens {
            keeper.revoke_token(&listed.token).await?;
            keeper.withdraw_of(listed.identity.clone(), &listed.token).await;
        }
        Ok(tokens.len())
    })
}

/// Returns the valid token of the cache. The key may have to be requested; the issuer is not contacted.
///
/// # Errors
/// [`Code::TokenNotValid`], or what keeps the cache from being opened.
pub(crate) fn offline(home: &Home, keeper: &Keeper) -> Result<AccessToken, Error> {
    keeper.open_cache();
    match keeper.cached()? {
        Some(token) => Ok(token),
        None => {
            seen(home, keeper)?;
            Err(nothing_cached(keeper)?)
        }
    }
}

/// Opens the cache of a keeper.
///
/// # Errors
/// What keeps it from being opened: its content is unknown.
pub(crate) fn open_cache(home: &Home, keeper: &Keeper) -> Result<(), Error> {
    keeper.open_cache();
    seen(home, keeper)
}

fn seen(home: &Home, keeper: &Keeper) -> Result<(), Error> {
    if !keeper.is_unseen() {
        return Ok(());
    }
    let opened = home.opened()?.ok_or(SecretsError::NotChosen)?;
    opened.keys.key()?;
    Err(Error::new(Code::TokenNotValid, "no valid token is cached"))
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

/// Opens the cache; `None` if nothing is kept here.
fn cache(home: &Home) -> Result<Option<Cache>, Error> {
    match home.opened()? {
        Some(Opened { dir, keys }) if !keys.choice().backend.keeps_nothing() => Ok(Some(home.cache(dir, keys.key()?))),
        _ => Ok(None),
    }
}
