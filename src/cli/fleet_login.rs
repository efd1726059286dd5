//! `fleet login`: the user and password of the fleet store, bound to its hosts.

use super::args::FleetLoginCommand;
use super::fleet_key::changed;
use super::{Context, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::secrets::{FleetLogin, FleetState, ItemName, SecretsError};
use crate::system::files::EscapedPath;

pub(crate) fn run(context: &Context<'_>, command: FleetLoginCommand) -> Result<u8, Error> {
    let FleetLoginCommand::Set { user, secret_stdin, secret_file } = command else { return remove(context) };
    let path = context.home.config_dir.join("config.toml");
    let Some(shared) = &context.home.config.fleet else {
        let message = format!("{} names no fleet store; nothing was changed", EscapedPath(&path));
        return Err(Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::WriteFleetUrl(path)));
    };
    if shared.url.exposes_passwords() {
        let message = format!("{} would be sent the password without TLS; nothing was changed", shared.url);
        return Err(Error::new(Code::InsecureEndpoint, message).with_remedy(Remedy::UseFleetTls));
    }
    if user.as_deref() == Some("") {
        return Err(Error::new(Code::Usage, "--user must not be empty"));
    }
    let what = "the password of the fleet store";
    let password = match &secret_file {
        Some(file) => secret_input::from_file(file, context.ui)?,
        None if secret_stdin => secret_input::from_stdin(what)?,
        None => secret_input::from_prompt(what, what)?,
    };
    let mut id = [0; 16];
    crate::system::random::fill(&mut id).map_err(SecretsError::from)?;
    let login = FleetLogin { user, password, hosts: shared.url.to_string() };
    changed(context, |keys, secrets, fleet_state| {
        secrets.write(&ItemName::fleet_login(&keys.choice().store_id, &id), &login.encode())?;
        Ok(FleetState { login: Some(id), ..fleet_state })
    })?;
    context.ui.changed(&format!("the login of {} is set", shared.url))
}

fn remove(context: &Context<'_>) -> Result<u8, Error> {
    let message = "no login of the fleet store is kept here";
    if context.home.opened()?.is_none() {
        return context.ui.unchanged(message);
    }
    let was_there = changed(context, |_, _, fleet_state| Ok(FleetState { login: None, ..fleet_state }))?;
    if was_there { context.ui.changed(message) } else { context.ui.unchanged(message) }
}
