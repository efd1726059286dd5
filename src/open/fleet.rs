//! `[fleet]` of the configuration -> the fleet that a keeper belongs to.

use std::sync::Arc;

use super::home::Home;
use crate::config::FleetConfig;
use crate::error::Error;
use crate::fleet::{Fleet, FleetKeyFrom, Store};

impl Home {
    /// Wires the fleet; `None` if the configuration names none. It makes no connection.
    pub(crate) fn fleet(&self) -> Result<Option<Fleet>, Error> {
        let Some(shared) = &self.config.fleet else { return Ok(None) };
        let store = self.fleet_store(shared)?;
        let key = shared.key_file.clone().map_or(FleetKeyFrom::Backend, FleetKeyFrom::File);
        Ok(Some(Fleet::new(store, shared.namespace.clone(), key, shared.required, shared.budget)))
    }

    #[cfg(feature = "redis")]
    fn fleet_store(&self, shared: &FleetConfig) -> Result<Arc<dyn Store>, Error> {
        let home = self.clone();
        let source = Arc::new(move || access(&home));
        Ok(Arc::new(crate::fleet::RedisStore::with_source(shared.url.clone(), source, shared.budget)))
    }

    /// An error: continuing without the fleet would cost a request per host.
    #[cfg(not(feature = "redis"))]
    fn fleet_store(&self, _shared: &FleetConfig) -> Result<Arc<dyn Store>, Error> {
        let path = self.config_dir.join("config.toml");
        let message = format!(
            "{} has `fleet`, and this program was built without the feature `redis`",
            crate::system::files::EscapedPath(&path)
        );
        Err(Error::new(crate::error::Code::ConfigInvalid, message).with_remedy(crate::error::Remedy::BuildWithRedis))
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
fn stored_login(home: &Home, shared: &FleetConfig) -> Result<Option<crate::fleet::Login>, crate::fleet::FleetError> {
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
