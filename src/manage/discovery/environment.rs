//! The endpoints of an issuer that the environment names without any: kept in the data directory.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use super::unfound;
use crate::error::Error;
use crate::keeper::read_ca_file_at;
use crate::manage::urls::{LeadsTo, endpoint};
use crate::oauth::Roots;
use crate::open::environment::{self, Endpoints};
use crate::open::{Home, text_variable};
use crate::profile::PlainHosts;
use crate::system::clock::Deadline;
use crate::system::files::{Dir, Missing};

/// Whether endpoints that are known are looked up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// After a day: the issuer may have moved.
    IfOld,
    /// Always: the caller wants nothing from the cache.
    Always,
}

/// What is known about the issuer of the environment.
pub(crate) enum OfEnvironment {
    /// The environment names none without endpoints, or another profile is meant.
    NotNamed,
    /// These are its endpoints.
    Known(Box<Endpoints>),
    /// They have to be requested.
    Unknown(Search),
}

/// Looks for the endpoints of the issuer of the environment in the data directory, as far as `lookup` allows; `profile`
/// is the one that the command names.
pub(crate) fn of_environment(home: &Home, profile: Option<&str>, lookup: Lookup) -> Result<OfEnvironment, Error> {
    let is_meant = environment::is_set() && profile.is_none_or(|name| name == environment::NAME);
    let Some(issuer) = environment::lone_issuer()?.filter(|_| is_meant) else { return Ok(OfEnvironment::NotNamed) };
    let usable = || {
        let is_usable = lookup == Lookup::IfOld && !Endpoints::is_old(&home.data_dir);
        Endpoints::load(&home.data_dir, &issuer).filter(|_| is_usable)
    };
    if let Some(known) = usable() {
        return Ok(OfEnvironment::Known(Box::new(known)));
    }
    // If there is no directory, nothing is kept and no turn is taken.
    let dir = Dir::open(&home.data_dir, Missing::Create).ok().flatten();
    let turn = dir.as_ref().and_then(|dir| turn(dir, home.config.timeout));
    Ok(match usable() {
        Some(known) => OfEnvironment::Known(Box::new(known)),
        None => OfEnvironment::Unknown(Search { issuer, dir, _turn: turn }),
    })
}

/// Takes the turn to request endpoints, so that one process does it for all that start at once. `None` if there are no
/// locks, or if a holder does not end within `patience`: then this process sends its own request.
fn turn(dir: &Dir, patience: Duration) -> Option<File> {
    const PAUSE: Duration = Duration::from_millis(20);
    let deadline = Deadline::after(patience);
    let lock = dir.lock_file(environment::LOCK).ok()?;
    loop {
        match lock.try_lock() {
            Ok(()) => return Some(lock),
            Err(TryLockError::WouldBlock) if !deadline.left().is_zero() => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
    }
}

/// A request for the endpoints of the issuer of the environment.
pub(crate) struct Search {
    issuer: String,
    /// The directory to keep them in.
    dir: Option<Dir>,
    /// Held until they are kept.
    _turn: Option<File>,
}

impl Search {
    /// Requests the endpoints and keeps them. If the request fails, those of an earlier one are taken.
    pub(crate) async fn run(self, home: &Home) -> Result<Endpoints, Error> {
        let found = match (self.found(home).await, Endpoints::load(&home.data_dir, &self.issuer)) {
            // The lookup failed now, but an earlier one succeeded.
            (Err(_), Some(known)) => return Ok(known),
            (found, _) => found?,
        };
        // If they cannot be kept, the next command finds them again; the write of the token reports what is wrong with
        // the place.
        if let Some(Err(error)) = self.dir.map(|dir| found.save(&dir)) {
            tracing::debug!("the endpoints of the issuer are not kept: {error}");
        }
        Ok(found)
    }

    async fn found(&self, home: &Home) -> Result<Endpoints, Error> {
        endpoint("TOKENKEEP_ISSUER", Some(&self.issuer), LeadsTo::Issuer, &PlainHosts::default())?;
        let ca_file = text_variable("TOKENKEEP_CA_FILE")?.map(PathBuf::from);
        let name = home.profile_name(Some(environment::NAME))?;
        let ca = read_ca_file_at(ca_file.as_deref(), &name)?;
        let roots = ca.as_deref().map_or(Roots::System, Roots::Only).into();
        let found = home.transport().discover(&self.issuer, None, &roots, &PlainHosts::default()).await;
        let found = found.map_err(|error| unfound(error).for_profile(&name))?;
        Ok(Endpoints {
            issuer: self.issuer.clone(),
            token_url: found.token_url,
            introspection_url: found.introspection_url,
            revocation_url: found.revocation_url,
            jwks_url: found.jwks_url,
        })
    }
}
