//! Which stored items are named, by this configuration directory and by others that store secrets in the same place.

use std::path::Path;

use super::generations;
use super::home::Home;
use super::wiring::Opened;
use crate::error::Error;
use crate::profile::Generation;
use crate::secrets::{Configurations, ItemName};
use crate::system::files::{EscapedPath, judge_config_dir};

impl Home {
    /// Lists the stored items that are named: the fleet key, the login of the fleet store, and credentials. Profiles of
    /// every configuration directory that stores secrets here name credentials.
    pub(crate) fn named_items(&self, opened: &Opened) -> Result<Named, Error> {
        let Opened { dir, keys } = opened;
        let mut items: Vec<ItemName> = self.generations()?.into_iter().map(ItemName::credential).collect();
        let configurations = Configurations::load(dir)?;
        let mut all_read = configurations.are_all_known();
        for other in configurations.others(&self.config_dir) {
            match generations_of(other) {
                Ok(Some(generations)) => items.extend(generations.into_iter().map(ItemName::credential)),
                // It is absent, perhaps not mounted: what it names is not known.
                Ok(None) => all_read = false,
                Err(error) => {
                    tracing::info!("{} cannot be read: {error}", EscapedPath(other));
                    all_read = false;
                }
            }
        }
        items.extend(keys.fleet_state()?.items(&keys.choice().store_id));
        Ok(Named { items, all_read })
    }
}

/// The stored items that are named.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) items: Vec<ItemName>,
    /// Whether every configuration directory that stores secrets here was read: then nothing else names any.
    pub(crate) all_read: bool,
}

/// Lists the stored secrets that the profiles of another configuration directory name; `None` if it is not there.
fn generations_of(config_dir: &Path) -> Result<Option<Vec<Generation>>, Error> {
    if !judge_config_dir(config_dir)? {
        return Ok(None);
    }
    generations::generations_in(&config_dir.join("profiles")).map(Some)
}
