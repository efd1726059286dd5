//! `fleet login`: the user and password of the fleet store, bound to its hosts.

use super::args::FleetLogin;
use super::fleet_key::changed;
use super::{Context, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::place::Shown;
use crate::seal::SealError;
use crate::secrets::{ItemName, Membership, SecretsError, StoreLogin};

pub(crate) fn run(context: &Context<'_>, command: FleetLogin) -> Result<u8, Error> {
    let FleetLogin::Set { user, secret_stdin, secret_file } = command else { return remove(context) };
    let path = context.home.config_dir.join("config.toml");
    let Some(shared) = &context.home.config.fleet else {
        let message = format!("{} names no fleet store; nothing was changed", Shown(&path));
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
    getrandom::fill(&mut id).map_err(|_| SecretsError::from(SealError::Randomness))?;
    let login = StoreLogin { user, password, hosts: shared.url.to_string() };
    changed(context, |keys, secrets, membership| {
        secrets.write(&ItemName::shared_login(&keys.choice().store_id, &id), &login.encode())?;
        Ok(Membership { login: Some(id), ..membership })
    })?;
    context.ui.changed(&format!("the login of {} is set", shared.url))
}

fn remove(context: &Context<'_>) -> Result<u8, Error> {
    let message = "no login of the fleet store is kept here";
    if context.home.opened()?.is_none() {
        return context.ui.unchanged(message);
    }
    let was_there = changed(context, |_, _, membership| Ok(Membership { login: None, ..membership }))?;
    if was_there { context.ui.changed(message) } else { context.ui.unchanged(message) }
}
