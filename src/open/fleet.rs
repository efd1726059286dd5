//! `[fleet]` of the configuration -> the fleet that a keeper belongs to.

use std::path::Path;

use super::home::Home;
use crate::error::{Code, Error, Remedy};
use crate::fleet::Fleet;
use crate::keeper::Sharing;
use crate::secrets::{ItemName, Keys, SecretsError, read_key_file};
use crate::system::files::EscapedPath;
use crate::system::secret::Secret;

impl Home {
    /// Wires the fleet; `None` if the configuration names none. It makes no connection.
    #[cfg(feature = "redis")]
    pub(crate) fn fleet(&self) -> Result<Option<Fleet>, Error> {
        use std::sync::Arc;

        use crate::fleet::{FleetKeyFrom, RedisStore};

        let Some(shared) = &self.config.fleet else { return Ok(None) };
        let home = self.clone();
        let store = RedisStore::with_source(shared.url.clone(), Arc::new(move || access(&home)), shared.budget);
        let key = shared.key_file.clone().map_or(FleetKeyFrom::Backend, FleetKeyFrom::File);
        let namespace = shared.namespace.clone();
        Ok(Some(Fleet::new(Arc::new(store), namespace, key, shared.required, shared.budget)))
    }

    /// An error if the configuration names a fleet: continuing without it would cost a request per host.
    #[cfg(not(feature = "redis"))]
    pub(crate) fn fleet(&self) -> Result<Option<Fleet>, Error> {
        if self.config.fleet.is_none() {
            return Ok(None);
        }
        let path = self.config_dir.join("config.toml");
        let message =
            format!("{} has `fleet`, and this program was built without the feature `redis`", EscapedPath(&path));
        Err(Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::BuildWithRedis))
    }
}

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

/// Reads what a connection to the store needs; in a thread, when one is made.
#[cfg(feature = "redis")]
fn access(home: &Home) -> Result<crate::fleet::Access, crate::fleet::FleetError> {
    use crate::error::chain;
    use crate::fleet::{Access, FleetError, Login};
    use crate::secrets::read_reference;
    use crate::system::files::{Given, read_given};

    const CA_FILE_CAP: usize = 4 << 20;
    let Some(shared) = &home.config.fleet else { return Ok(Access::default()) };
    let ca = match &shared.ca_file {
        None => None,
        Some(path) => match read_given(path, Given::Open, CA_FILE_CAP) {
            Ok(Some(pem)) => Some(pem),
            Ok(None) => return Err(FleetError::Tls("the file that `ca_file` names is missing".to_owned())),
            Err(error) => return Err(FleetError::Tls(chain(&error))),
        },
    };
    let login = match &shared.password {
        Some(reference) => {
            let read = read_reference(reference, home.config.command_timeout)
                .map_err(|error| FleetError::NoPassword(chain(&error)))?;
            Some(Login { user: shared.user.clone(), password: read.secret })
        }
        None => stored_login(home, shared)?,
    };
    Ok(Access { login, ca })
}

/// Reads the login that was set here; it goes to the hosts that it was set for, and to no others.
#[cfg(feature = "redis")]
fn stored_login(
    home: &Home,
    shared: &crate::config::FleetConfig,
) -> Result<Option<crate::fleet::Login>, crate::fleet::FleetError> {
    use crate::error::chain;
    use crate::fleet::{FleetError, Login};
    use crate::secrets::{FleetLogin, ItemName};

    let unreadable = |error: &dyn std::error::Error| FleetError::NoPassword(chain(error));
    let Some(opened) = home.opened().map_err(|error| unreadable(&error))? else { return Ok(None) };
    let fleet_state = opened.keys.fleet_state().map_err(|error| unreadable(&error))?;
    let Some(id) = fleet_state.login else { return Ok(None) };
    let item = ItemName::fleet_login(&opened.keys.choice().store_id, &id);
    let read = opened.keys.read(&item).map_err(|error| unreadable(&error))?;
    let gone = || FleetError::LoginGone;
    let login = FleetLogin::decode(&read.ok_or_else(gone)?).map_err(|error| unreadable(&error))?;
    if login.hosts != shared.url.to_string() {
        return Err(FleetError::OtherHosts);
    }
    Ok(Some(Login { user: login.user.or_else(|| shared.user.clone()), password: login.password }))
}
