//! The shared side of `token list`, `token forget` and `doctor`.

use std::time::Duration;

use super::{Context, block_on};
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::fleet::{Fleet, FleetError, FleetKeyFrom, FleetName, Owner, Publication};
use crate::keeper::{Keeper, identity_of};
use crate::manage::credentials::belongs_to;
use crate::manage::doctor::{Finding, Status};
use crate::manage::fleet_key::derived_sources;
use crate::open::Opened;
use crate::profile::{Profile, ProfileName};
use crate::secrets::Backend;
use crate::token::{Outline, TokenIdentity, Validity};

/// What is shared for one request.
pub(super) struct Shared {
    pub(super) outline: Outline,
    pub(super) validity: Validity,
}

/// Lists the tokens that the fleet has for the requests that this host knows: those of its profiles, and those in its
/// cache. If the store is unavailable, one warning reports it.
pub(super) fn list(context: &Context<'_>) -> Result<Vec<Shared>, Error> {
    let mut listed = Vec::new();
    if context.home.config.fleet.is_none() {
        return Ok(listed);
    }
    for name in context.home.profile_names()? {
        let Ok(profile) = context.home.profile(&name) else { continue };
        let keeper = keeper(context, &name)?;
        for identity in identities(context, &profile)? {
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
                    context.ui.warn(&Warning::of_fleet(&error, &name));
                    break;
                }
                (Err(error), _) => {
                    context.ui.warn(&Warning::FleetUnavailable(error.to_string()));
                    return Ok(listed);
                }
            }
        }
    }
    Ok(listed)
}

/// Takes tokens back from the fleet: those of the requests that this host knows, or of one; returns how many.
pub(super) fn forget(context: &Context<'_>, name: &ProfileName, only: Option<&TokenIdentity>) -> Result<usize, Error> {
    if context.home.config.fleet.is_none() {
        return Err(Error::new(Code::Usage, "no fleet store is configured; nothing was forgotten")
            .with_remedy(Remedy::LeaveFleetOut));
    }
    let profile = context.home.profile(name)?;
    let keeper = keeper(context, name)?;
    let identities = match only {
        Some(only) => vec![only.clone()],
        None => identities(context, &profile)?,
    };
    block_on(async {
        let mut forgotten = 0;
        for identity in identities {
            match keeper.forget_in_fleet(identity).await {
                Ok(there) => forgotten += usize::from(there),
                // This host cannot have shared any token of it.
                Err(error @ (FleetError::NoKey(_) | FleetError::KeyMissing)) => {
                    context.ui.warn(&Warning::of_fleet(&error, name));
                    return Ok(forgotten);
                }
                // The caller wants the token gone: otherwise another host may continue to use it.
                Err(error) => return Err(Error::unforgotten(&error).for_profile(name)),
            }
        }
        Ok(forgotten)
    })
}

fn keeper(context: &Context<'_>, name: &ProfileName) -> Result<Keeper, Error> {
    let ui = context.ui.clone();
    context.home.keeper(name, Box::new(move |warning| ui.warn(warning)))
}

/// Lists the requests of a profile that this host knows.
fn identities(context: &Context<'_>, profile: &Profile) -> Result<Vec<TokenIdentity>, Error> {
    let mut identities = vec![identity_of(profile)];
    if let Some(Opened { dir, keys }) = context.home.opened()?
        && keys.choice().backend != Backend::None
        && let Ok(key) = keys.key()
    {
        let cached = context.home.cache(dir, key).identities()?.into_iter();
        identities.extend(cached.filter(|(_, outline)| belongs_to(outline, profile)).map(|(identity, _)| identity));
        identities.sort_by_key(|identity| *identity.name().as_bytes());
        identities.dedup();
    }
    Ok(identities)
}

/// Tries the fleet store as a fetch would, with a name of its own.
pub(super) fn checked(context: &Context<'_>) -> Result<Option<Finding>, Error> {
    let Some(fleet) = context.home.fleet()? else { return Ok(None) };
    let began = context.home.clock.boot();
    let tried = block_on(async {
        if let Err(error) = fleet.store.prepare().await {
            return Ok(Err(error));
        }
        let trial = tokio::time::timeout(fleet.budget, trial(&fleet)).await;
        Ok(trial.unwrap_or(Err(FleetError::TimedOut)))
    })?;
    let took = Duration::from_nanos(context.home.clock.boot().0.saturating_sub(began.0));
    let url = context.home.config.fleet.as_ref().map(|shared| shared.url.to_string()).unwrap_or_default();
    let key = match key(context, &fleet) {
        Ok(key) => key,
        Err(error) if fleet.required => return Err(error),
        Err(error) => {
            let finding = Finding::new("fleet", Status::Warn, format!("{url}: {error}"));
            return Ok(Some(match error.remedy() {
                Some(remedy) => finding.with_fix(remedy.clone()),
                None => finding,
            }));
        }
    };
    // A store that answers does not help a profile that cannot be shared.
    let unshared = if tried.is_ok() { unshared(context)? } else { None };
    Ok(Some(match (tried, unshared) {
        (Ok(()), Some((name, error))) if fleet.required => return Err(Error::required(&error).for_profile(&name)),
        (Ok(()), Some((name, error))) => {
            let finding =
                Finding::new("fleet", Status::Warn, format!("{name}: {error}; this host continues without it"));
            let fix = match error {
                FleetError::KeyMissing => Remedy::MakeOrDeriveFleetKey,
                _ => Remedy::MakeFleetKey,
            };
            Finding { profile: Some(name.to_string()), ..finding.with_fix(fix) }
        }
        (Ok(()), None) => {
            let detail = format!("{url} took and gave a value within {} ms; the key is {key}", took.as_millis() + 1);
            Finding::new("fleet", Status::Ok, detail)
        }
        (Err(error), _) if fleet.required => return Err(Error::required(&error)),
        (Err(error), _) => {
            let finding =
                Finding::new("fleet", Status::Warn, format!("{url}: {error}; this host continues without it"));
            finding.with_fix(Remedy::CheckFleetStore)
        }
    }))
}

/// Finds a profile whose tokens are not shared because there is no key for them.
fn unshared(context: &Context<'_>) -> Result<Option<(ProfileName, FleetError)>, Error> {
    for name in context.home.profile_names()? {
        let Ok(profile) = context.home.profile(&name) else { continue };
        let keeper = keeper(context, &name)?;
        let found = block_on(async { Ok(keeper.shared(identity_of(&profile)).await) })?;
        if let Err(error @ (FleetError::NoKey(_) | FleetError::KeyMissing)) = found {
            return Ok(Some((name, error)));
        }
    }
    Ok(None)
}

fn key(context: &Context<'_>, fleet: &Fleet) -> Result<String, Error> {
    let of = |place: &str, id: &[u8; 32]| format!("{} {place}", crate::encoding::hex::encode(&id[..4]));
    let sharing = match context.home.opened()? {
        Some(opened) => context.home.sharing(&opened.keys)?,
        None => None,
    };
    Ok(match (&fleet.key, sharing.and_then(|sharing| sharing.explicit)) {
        (FleetKeyFrom::File(_), Some((id, _))) => of("from `key_file`", &id),
        (_, Some((id, _))) => of("from the backend", &id),
        (FleetKeyFrom::File(_), None) => "from `key_file`".to_owned(),
        (_, None) => format!("derived from each client's secret{}", derived_sources(&context.home)?),
    })
}

/// The name whose lease `doctor` requests: one name for all runs, so that no run leaves a counter of its own.
const TRIAL: FleetName = FleetName::new([0; 32]);

async fn trial(fleet: &Fleet) -> Result<(), FleetError> {
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(|_| FleetError::NoKey("the system gives no randomness".to_owned()))?;
    let (name, owner) = random.split_at(32);
    let (Ok(name), Ok(owner)) = (name.try_into(), owner.try_into()) else { return Err(FleetError::Nonsense) };
    let (name, owner) = (FleetName::new(name), Owner(owner));
    // First, as a fetch does. A server reports a missing password here. It takes a command of more words for an attack.
    fleet.store.look(TRIAL).await?;
    // Another host may have it at this moment, which is an answer too.
    fleet.store.join(TRIAL, owner, 0).await?;
    fleet.store.leave(TRIAL, owner).await?;
    let bytes = 1_u64.to_be_bytes().to_vec();
    let publication = Publication { owner, bytes: bytes.clone(), lifetime: Duration::from_secs(5), instead_of: None };
    let stored = fleet.store.publish(name, publication).await?;
    let found = fleet.store.look(name).await?;
    fleet.store.forget(name, None).await?;
    let same = found.is_some_and(|value| value.bytes == bytes);
    if stored && same { Ok(()) } else { Err(FleetError::Nonsense) }
}
