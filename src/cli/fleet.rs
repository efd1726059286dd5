//! `fleet`: its key, and the login of its store. Keys go through files of their owner, never through arguments.

use super::{Context, secret_input};
use crate::error::{Code, Error};
use crate::manage::fleet::derived::{Vouching, vouch};
use crate::manage::fleet::{Changed, IsNew, key, login};
use crate::system::files::{EscapedPath, absolute};
use crate::usage::args::{Fleet, FleetKey, FleetLoginCommand};

pub(crate) fn run(context: &Context<'_>, command: Fleet) -> Result<u8, Error> {
    match command {
        Fleet::Key(command) => run_key(context, command),
        Fleet::Login(command) => run_login(context, command),
    }
}

fn run_key(context: &Context<'_>, command: FleetKey) -> Result<u8, Error> {
    let home = &context.home;
    match command {
        FleetKey::New { path } => {
            let path = path.as_deref().map(absolute).transpose()?;
            let key::Named { fingerprint, changed } = key::make(home, path.as_deref())?;
            let copy = path.map(|path| format!("; it is in {} as well, for the other hosts", EscapedPath(&path)));
            let copy = copy.unwrap_or_default();
            ended(context, changed, &format!("there is a new fleet key, {fingerprint}{copy}"))
        }
        FleetKey::Import { path } => {
            let key::Named { fingerprint, changed } = key::import(home, &absolute(&path)?)?;
            ended(context, changed, &format!("the fleet key {fingerprint} is kept here"))
        }
        FleetKey::Export { path } => {
            let path = absolute(&path)?;
            let fingerprint = key::export(home, &path)?;
            context.ui.changed(&format!("the fleet key {fingerprint} is in {}", EscapedPath(&path)))
        }
        FleetKey::Derive => derive(context),
        FleetKey::Remove => {
            let message =
                "no fleet key is kept here; one is derived only if a profile's provider makes secrets at random";
            ended(context, key::remove(home)?, message)
        }
    }
}

fn derive(context: &Context<'_>) -> Result<u8, Error> {
    let name = context.profile_name()?;
    let profile = context.home.profile(&name)?;
    match vouch(&context.home, &profile).map_err(|error| error.for_profile(&name))? {
        Vouching::Begun => {
            context.ui.changed(&format!("the fleet key of {name} is derived from its secret from now on"))
        }
        Vouching::There => context.ui.unchanged(&format!("the fleet key of {name} is derived from its secret already")),
        Vouching::NotNeeded => context.ui.unchanged(&format!(
            "the provider of {name} makes secrets at random, so its fleet key is derived from the secret in any case"
        )),
    }
}

fn run_login(context: &Context<'_>, command: FleetLoginCommand) -> Result<u8, Error> {
    let FleetLoginCommand::Set { user, secret_stdin, secret_file } = command else {
        return ended(context, login::remove(&context.home)?, "no login of the fleet store is kept here");
    };
    let store = login::store(&context.home)?;
    if user.as_deref() == Some("") {
        return Err(Error::new(Code::Usage, "--user must not be empty"));
    }
    let what = "the password of the fleet store";
    let password = match &secret_file {
        Some(file) => secret_input::from_file(file, context.ui)?,
        None if secret_stdin => secret_input::from_stdin(what)?,
        None => secret_input::from_prompt(what, what)?,
    };
    let Changed { left, .. } = login::set(&context.home, store, user, password)?;
    warn(context, &left);
    context.ui.changed(&format!("the login of {store} is set"))
}

fn ended(context: &Context<'_>, changed: Changed, message: &str) -> Result<u8, Error> {
    warn(context, &changed.left);
    match changed.is_new {
        IsNew::Yes => context.ui.changed(message),
        IsNew::No => context.ui.unchanged(message),
    }
}

fn warn(context: &Context<'_>, left: &[String]) {
    left.iter().for_each(|left| context.ui.warn_with("cache_write_failed", left));
}
