//! Where a helper takes tokens from: the cache only, in the front program, or a keeper.

use std::time::Duration;

use super::{Stop, Tokens};
#[cfg(feature = "cli")]
use crate::keeper::Observer;
use crate::keeper::Obtained;
#[cfg(feature = "front")]
use crate::keeper::Source;
#[cfg(feature = "cli")]
use crate::manage::block_on;
use crate::open::Home;
use crate::profile::{Profile, ProfileName};
use crate::system::secret::Secret;

/// The tokens of the cache.
#[cfg(feature = "front")]
pub(crate) struct KeptTokens;

#[cfg(feature = "front")]
impl Tokens for KeptTokens {
    fn token(&mut self, home: &Home, name: &ProfileName, preferred: Duration) -> Result<(Profile, Obtained), Stop> {
        // What keeps a profile or the cache from being read, the full program finds, too, and reports it.
        let Ok(Some(profile)) = home.profile_of_file(name) else { return Err(Stop::NeedsFullProgram) };
        match home.cached(&profile, preferred) {
            Ok(Some(token)) => Ok((profile, Obtained { token, source: Source::Cache })),
            Ok(None) | Err(_) => Err(Stop::NeedsFullProgram),
        }
    }

    fn reject(&mut self, _: &Home, _: &ProfileName, _: &Secret) -> Result<(), Stop> {
        Err(Stop::NeedsFullProgram)
    }
}

/// The tokens of keepers: kept ones, and fresh ones.
#[cfg(feature = "cli")]
pub(crate) struct KeeperTokens(pub(crate) Observer);

#[cfg(feature = "cli")]
impl Tokens for KeeperTokens {
    fn token(&mut self, home: &Home, name: &ProfileName, preferred: Duration) -> Result<(Profile, Obtained), Stop> {
        let keeper = home.keeper(name, self.0.clone())?.with_preferred_life(preferred);
        let obtained = block_on(keeper.obtain(keeper.valid()))?;
        Ok((keeper.profile(), obtained))
    }

    fn reject(&mut self, home: &Home, name: &ProfileName, refused: &Secret) -> Result<(), Stop> {
        let keeper = home.keeper(name, self.0.clone())?;
        Ok(block_on(keeper.refused_by_client(refused))?)
    }
}
