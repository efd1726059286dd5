//! A keeper for a credential that is tried before it is set.

use super::home::Home;
use super::profiles::certified;
use crate::error::Error;
use crate::keeper::{Keeper, Observer, ProfileSource, Secrets};
use crate::profile::Profile;
use crate::system::secret::Secret;

impl Home {
    /// Wires a keeper for a credential that is not set yet; without `secret`, the profile names its place.
    pub(crate) fn keeper_for_verification(
        &self,
        profile: Profile,
        secret: Option<Secret>,
        observer: Observer,
    ) -> Result<Keeper, Error> {
        let secrets = secret.map_or(Secrets::Profile, Secrets::Given);
        let parts = self.parts(secrets, ProfileSource::Fixed, observer)?;
        Ok(Keeper::from_parts(parts, certified(profile)?, None))
    }
}
