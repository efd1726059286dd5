//! The login of the fleet store, bound to its hosts.

use super::state::{Changed, change};
use crate::config::FleetUrl;
use crate::error::{Code, Error, Remedy};
use crate::open::Home;
use crate::secrets::{FleetLogin, FleetState, ItemName, SecretsError};
use crate::system::files::EscapedPath;
use crate::system::secret::Secret;

/// Returns the store that a login is for.
///
/// # Errors
/// If the configuration names none, or one that would be sent the password in clear text.
pub(crate) fn store(home: &Home) -> Result<&FleetUrl, Error> {
    let Some(shared) = &home.config.fleet else {
        let path = home.config_dir.join("config.toml");
        let message = format!("{} names no fleet store; nothing was changed", EscapedPath(&path));
        return Err(Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::WriteFleetUrl(path)));
    };
    if shared.url.exposes_passwords() {
        let message = format!("{} would be sent the password without TLS; nothing was changed", shared.url);
        return Err(Error::new(Code::InsecureEndpoint, message).with_remedy(Remedy::UseFleetTls));
    }
    Ok(&shared.url)
}

/// Keeps a login of a store.
pub(crate) fn set(home: &Home, store: &FleetUrl, user: Option<String>, password: Secret) -> Result<Changed, Error> {
    let mut id = [0; 16];
    crate::system::random::fill(&mut id).map_err(SecretsError::from)?;
    let login = FleetLogin { user, password, hosts: store.to_string() };
    change(home, |keys, secrets, state| {
        secrets.write(&ItemName::fleet_login(&keys.choice().store_id, &id), &login.encode())?;
        Ok(FleetState { login: Some(id), ..state })
    })
}

/// Removes the login that is kept here.
pub(crate) fn remove(home: &Home) -> Result<Changed, Error> {
    if home.opened()?.is_none() {
        return Ok(Changed::NOTHING);
    }
    change(home, |_, _, state| Ok(FleetState { login: None, ..state }))
}
