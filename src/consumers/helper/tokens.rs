//! Where a helper takes tokens from: the cache only, in the front program, or a keeper.

use std::time::Duration;

use super::{Stop, Tokens};
use crate::keeper::Obtained;
#[cfg(feature = "front")]
use crate::keeper::Source;
#[cfg(feature = "cli")]
use crate::manage::{Warn, block_on};
use crate::open::Home;
use crate::profile::{Profile, ProfileName};
use crate::system::secret::Secret;

/// The tokens of the cache.
#[cfg(feature = "front")]
pub(crate) struct KeptTokens;

#[cfg(feature = "front")]
impl Tokens for KeptTokens {
    fn token(&mut self, home: &Home, name: &ProfileName, preferred: Duration) -> Result<(Profile, Obtained), Stop> {
        match home.cached(name, preferred) {
            Ok(Some((profile, token))) => Ok((profile, Obtained { token, source: Source::Cache })),
            // The full program finds the same, and reports it.
            Ok(None) | Err(_) => Err(Stop::NeedsFullProgram),
        }
    }

    fn reject(&mut self, _: &Home, _: &ProfileName, _: &Secret) -> Result<(), Stop> {
        Err(Stop::NeedsFullProgram)
    }
}

/// The tokens of keepers: kept ones, and fresh ones.
#[cfg(feature = "cli")]
pub(crate) struct KeeperTokens(pub(crate) Warn);

#[cfg(feature = "cli")]
impl Tokens for KeeperTokens {
    fn token(&mut self, home: &Home, name: &ProfileName, preferred: Duration) -> Result<(Profile, Obtained), Stop> {
        let keeper = self.0.keeper(home, name)?.with_preferred_life(preferred);
        let obtained = block_on(keeper.obtain(keeper.valid()))?;
        Ok((keeper.profile(), obtained))
    }

    fn reject(&mut self, home: &Home, name: &ProfileName, refused: &Secret) -> Result<(), Stop> {
        let keeper = self.0.keeper(home, name)?;
        Ok(block_on(keeper.refused_by_client(refused))?)
    }
}
