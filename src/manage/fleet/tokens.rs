//! The tokens that the fleet has for the requests that this host knows.

use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::fleet::FleetError;
use crate::keeper::{Observer, identity_of};
use crate::manage::block_on;
use crate::manage::credential::belongs_to;
use crate::open::{Home, Opened};
use crate::profile::{Profile, ProfileName};
use crate::token::{Outline, TokenIdentity, Validity};

/// What is shared for one request.
pub(crate) struct Shared {
    pub(crate) outline: Outline,
    pub(crate) validity: Validity,
}

/// Lists the tokens that the fleet has for the requests that this host knows: those of its profiles, and those in its
/// cache. If the store is unavailable, one warning reports it.
pub(crate) fn list(home: &Home, observer: &Observer) -> Result<Vec<Shared>, Error> {
    let mut listed = Vec::new();
    if home.config.fleet.is_none() {
        return Ok(listed);
    }
    for name in home.profile_names()? {
        let Ok(profile) = home.profile(&name) else { continue };
        let keeper = home.keeper(&name, observer.clone())?;
        for identity in identities(home, &profile)? {
            let found = block_on(async { Ok(keeper.shared(identity.clone()).await) })?;
            match (found, identity.outline()) {
                (Ok(Some(token)), Ok(outline)) => {
                    // Two profiles may have the same client.
                    if !listed.iter().any(|shared: &Shared| shared.outline == outline) {
                        listed.push(Shared { outline, validity: *token.validity() });
                    }
                }
                (Ok(_), _) => {}
                (Err(error @ (FleetError::NoKey(_) | FleetError::KeyMissing)), _) => {
                    observer(&Warning::of_fleet(&error, &name));
                    break;
                }
                (Err(error), _) => {
                    observer(&Warning::FleetUnavailable(error.to_string()));
                    return Ok(listed);
                }
            }
        }
    }
    Ok(listed)
}

/// Takes tokens back from the fleet: those of the requests that this host knows, or of one; returns how many.
pub(crate) fn forget(
    home: &Home,
    name: &ProfileName,
    only: Option<&TokenIdentity>,
    observer: &Observer,
) -> Result<usize, Error> {
    if home.config.fleet.is_none() {
        return Err(Error::new(Code::Usage, "no fleet store is configured; nothing was forgotten")
            .with_remedy(Remedy::LeaveFleetOut));
    }
    let profile = home.profile(name)?;
    let keeper = home.keeper(name, observer.clone())?;
    let identities = match only {
        Some(only) => vec![only.clone()],
        None => identities(home, &profile)?,
    };
    block_on(async {
        let mut forgotten = 0;
        for identity in identities {
            match keeper.forget_in_fleet(identity).await {
                Ok(there) => forgotten += usize::from(there),
                // This host cannot have shared any token of it.
                Err(error @ (FleetError::NoKey(_) | FleetError::KeyMissing)) => {
                    observer(&Warning::of_fleet(&error, name));
                    return Ok(forgotten);
                }
                // The caller wants the token gone: otherwise another host may continue to use it.
                Err(error) => return Err(Error::unforgotten(&error).for_profile(name)),
            }
        }
        Ok(forgotten)
    })
}

/// Lists the requests of a profile that this host knows.
fn identities(home: &Home, profile: &Profile) -> Result<Vec<TokenIdentity>, Error> {
    let mut identities = vec![identity_of(profile)];
    if let Some(Opened { dir, keys }) = home.opened()?
        && !keys.choice().backend.keeps_nothing()
        && let Ok(key) = keys.key()
    {
        let cached = home.cache(dir, key).identities()?.into_iter();
        identities.extend(cached.filter(|(_, outline)| belongs_to(outline, profile)).map(|(identity, _)| identity));
        identities.sort_by_key(|identity| *identity.name().as_bytes());
        identities.dedup();
    }
    Ok(identities)
}
