//! The store of the fleet, and the key that tokens are shared with.

use std::time::Duration;

use super::finding::{Finding, Status};
use crate::encoding::hex;
use crate::error::{Error, Remedy};
use crate::fleet::{Fleet, FleetError, FleetKeyFrom, FleetName, Owner, Publication};
use crate::keeper::{Observer, identity_of};
use crate::manage::block_on;
use crate::manage::fleet::derived::derived_sources;
use crate::open::Home;
use crate::profile::ProfileName;

/// Tries the fleet store as a fetch would, with a name of its own.
pub(super) fn check(home: &Home, observer: &Observer) -> Result<Option<Finding>, Error> {
    let Some(fleet) = home.fleet()? else { return Ok(None) };
    let began = home.clock.boot();
    let tried = block_on(async {
        if let Err(error) = fleet.store.prepare().await {
            return Ok(Err(error));
        }
        let trial = tokio::time::timeout(fleet.budget, trial(&fleet)).await;
        Ok(trial.unwrap_or(Err(FleetError::TimedOut)))
    })?;
    let took = Duration::from_nanos(home.clock.boot().0.saturating_sub(began.0));
    let url = home.config.fleet.as_ref().map(|shared| shared.url.to_string()).unwrap_or_default();
    let key = match key(home, &fleet) {
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
    let unshared = if tried.is_ok() { unshared(home, observer)? } else { None };
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
fn unshared(home: &Home, observer: &Observer) -> Result<Option<(ProfileName, FleetError)>, Error> {
    for name in home.profile_names()? {
        let Ok(profile) = home.profile(&name) else { continue };
        let keeper = home.keeper(&name, observer.clone())?;
        let found = block_on(async { Ok(keeper.shared(identity_of(&profile)).await) })?;
        if let Err(error @ (FleetError::NoKey(_) | FleetError::KeyMissing)) = found {
            return Ok(Some((name, error)));
        }
    }
    Ok(None)
}

fn key(home: &Home, fleet: &Fleet) -> Result<String, Error> {
    let of = |place: &str, id: &[u8; 32]| format!("{} {place}", hex::encode(&id[..4]));
    let sharing = match home.opened()? {
        Some(opened) => home.sharing(&opened.keys)?,
        None => None,
    };
    Ok(match (&fleet.key, sharing.and_then(|sharing| sharing.explicit_id())) {
        (FleetKeyFrom::File(_), Some(id)) => of("from `key_file`", &id),
        (_, Some(id)) => of("from the backend", &id),
        (FleetKeyFrom::File(_), None) => "from `key_file`".to_owned(),
        (_, None) => format!("derived from each client's secret{}", derived_sources(home)?),
    })
}

/// The name whose lease the doctor requests: one name for all runs, so that no run leaves a counter of its own.
const TRIAL: FleetName = FleetName::new([0; 32]);

async fn trial(fleet: &Fleet) -> Result<(), FleetError> {
    let mut random = [0; 48];
    crate::system::random::fill(&mut random)
        .map_err(|_| FleetError::NoKey("the system gives no randomness".to_owned()))?;
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
