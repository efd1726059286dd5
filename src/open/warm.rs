//! The warm path: the token that is kept, for a process that looks once.

use std::sync::Arc;
use std::time::Duration;

use super::home::Home;
use super::wiring::Opened;
use crate::cache::Cache;
use crate::cache::store::FileStore;
use crate::error::Error;
use crate::keeper::{Want, identity_of};
use crate::profile::Profile;
use crate::seal::DataKey;
use crate::system::files::Dir;
use crate::token::AccessToken;

impl Home {
    /// Returns the token of a profile that is kept and valid, as the first look of a keeper would, but without a
    /// keeper. A process that asks once needs neither its turns nor its transport.
    ///
    /// It is valid for longer than `preferred` if its lifetime allows it: see [`Want::Lasting`].
    pub(crate) fn cached(&self, profile: &Profile, preferred: Duration) -> Result<Option<AccessToken>, Error> {
        let Some(Opened { dir, keys }) = self.opened_as_chosen()? else { return Ok(None) };
        // What keeps the key from being at hand, or the record from opening, is reported when a fresh one is requested.
        let Ok(Some(key)) = keys.key_if_cached() else { return Ok(None) };
        let kept = self.cache(dir, key).token(&identity_of(profile)).ok().flatten();
        let want = Want::Lasting { min_ttl: profile.min_ttl, preferred };
        let now = self.clock.now();
        Ok(kept.filter(|token| token.validity().outlasts(want.least_life(token.validity().lifetime), &now)))
    }

    /// Makes the cache of an opened data directory.
    pub(crate) fn cache(&self, dir: Arc<Dir>, key: DataKey) -> Cache {
        Cache::new(Arc::new(FileStore::new(dir, self.clock.clone())), key)
    }
}
