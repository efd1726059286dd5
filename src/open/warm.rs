//! The warm path: the token that is kept, for a process that looks once.

use std::time::Duration;

use super::home::Home;
use super::wiring::Opened;
use crate::error::Error;
use crate::keeper::{Want, identity_of};
use crate::profile::{Profile, ProfileName};
use crate::token::AccessToken;

impl Home {
    /// Returns the token of a profile that is kept and valid, as the first look of a keeper would, but without a
    /// keeper. A process that asks once needs neither its turns nor its transport.
    ///
    /// It is valid for longer than `preferred` if its lifetime allows it: see [`Want::Lasting`].
    pub(crate) fn cached(
        &self,
        name: &ProfileName,
        preferred: Duration,
    ) -> Result<Option<(Profile, AccessToken)>, Error> {
        let profile = self.profile(name)?;
        let Some(Opened { dir, keys }) = self.opened()? else { return Ok(None) };
        // What keeps the key from being at hand, or the record from opening, is reported when a fresh one is requested.
        let Ok(Some(key)) = keys.key_if_cached() else { return Ok(None) };
        let kept = self.cache(dir, key).token(&identity_of(&profile)).ok().flatten();
        let want = Want::Lasting { min_ttl: profile.min_ttl, preferred };
        let now = self.clock.now();
        let valid = kept.filter(|token| token.validity().outlasts(want.least_life(token.validity().lifetime), &now));
        Ok(valid.map(|token| (profile, token)))
    }
}
