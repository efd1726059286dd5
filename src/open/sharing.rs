//! How this host shares, for commands that set credentials or the key of the fleet.

use std::path::Path;

use super::home::Home;
use crate::error::{Code, Error, Remedy};
use crate::keeper::Sharing;
use crate::secrets::{ItemName, Keys, SecretsError, read_key_file};
use crate::system::files::EscapedPath;
use crate::system::secret::Secret;

impl Home {
    /// Returns how this host shares; `None` if the configuration names no fleet store.
    ///
    /// # Errors
    /// When there is an explicit key and it cannot be read, or the file of vouched clients cannot.
    pub(crate) fn sharing(&self, keys: &Keys) -> Result<Option<Sharing>, Error> {
        let Some(shared) = &self.config.fleet else { return Ok(None) };
        let bytes = match &shared.key_file {
            Some(path) => Some(fleet_key_file(path)?),
            None => self.stored_key(keys)?,
        };
        Ok(Some(Sharing::new(&shared.namespace, bytes.as_ref(), keys.vouched()?)))
    }

    /// Reads the fleet key that was made or imported here; `None` if none was.
    pub(crate) fn stored_key(&self, keys: &Keys) -> Result<Option<Secret>, Error> {
        let Some(id) = keys.fleet_state()?.key else { return Ok(None) };
        let item = ItemName::fleet_key(&keys.choice().store_id, &id);
        let gone = || {
            Error::new(Code::KeyFileMissing, "the fleet key is gone; import it again")
                .with_remedy(Remedy::BringFleetKey)
        };
        Ok(Some(keys.read(&item)?.ok_or_else(gone)?))
    }

    /// Lists the items that hold what is derived for the fleet: whatever becomes of them, they are derived again.
    pub(crate) fn derived_items(&self, keys: &Keys) -> Vec<ItemName> {
        let Ok(Some(sharing)) = self.sharing(keys) else { return Vec::new() };
        let names = self.profile_names().unwrap_or_default();
        let profiles = names.iter().filter_map(|name| self.profile(name).ok());
        profiles.map(|profile| sharing.item(&profile)).collect()
    }
}

/// Reads the file that a fleet key is in. Whatever is wrong with it, another key in its place would part this host from
/// its fleet.
pub(crate) fn fleet_key_file(path: &Path) -> Result<Secret, Error> {
    match read_key_file(path) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => {
            let message = format!("the file of the fleet key, {}, is missing; nothing was changed", EscapedPath(path));
            Err(Error::new(Code::KeyFileMissing, message).with_remedy(Remedy::BringFleetKey))
        }
        Err(error @ SecretsError::KeyFileShort { .. }) => {
            Err(Error::new(Code::KeyFileInsecure, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::BringFleetKey))
        }
        Err(error) => Err(error.into()),
    }
}
