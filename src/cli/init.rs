//! `init`, `rekey`, `lock`: where secrets are kept, and the key that seals them.

use super::{Context, secret_input};
use crate::config::BackendName;
use crate::error::{Code, Error, Remedy};
use crate::manage::backend::{self, Changed, Stored};
use crate::secrets::{Argon2Cost, Backend, KeySource, is_credential_name};
use crate::system::files::{EscapedPath, absolute};
use crate::usage::args::{Init, Rekey};

pub(crate) fn run(context: &Context<'_>, init: &Init) -> Result<u8, Error> {
    let backend = typed(context, init)?;
    let stored = if init.relocate { Stored::Move } else { Stored::Stay };
    let changed = backend::init(&context.home, &backend, stored, context.ui)?;
    let what = match &backend {
        Backend::None => "no secret and no token is kept".to_owned(),
        _ => format!("secrets are kept in {}", backend.shown()),
    };
    let message = format!("{what}; the data directory is {}", EscapedPath(&context.home.data_dir));
    match changed {
        Changed::Yes => context.ui.changed(&message),
        Changed::No => context.ui.unchanged(&message),
    }
}

/// Makes another data key, or destroys the present one.
pub(crate) fn rekey(context: &Context<'_>, args: &Rekey) -> Result<u8, Error> {
    let home = &context.home;
    if !args.destroy {
        backend::rekey(home, context.ui)?;
        return context.ui.changed("there is another data key; cached tokens are requested again");
    }
    let Some(opened) = backend::keyed(home)? else { return context.ui.unchanged("nothing is stored here") };
    if !args.yes && !secret_input::confirmed("destroy every stored secret and token?", Remedy::Confirm)? {
        return context.ui.unchanged("nothing was changed");
    }
    backend::destroy(home, &opened, context.ui)?;
    context.ui.changed("the data key is destroyed, and every secret and token that it sealed")
}

/// Empties the kernel's copy of the data key.
pub(crate) fn lock(context: &Context<'_>) -> Result<u8, Error> {
    let emptied = context.home.opened()?.is_some_and(|opened| opened.keys.lock());
    if emptied {
        context.ui.changed("the kernel's copy of the data key is gone; the next get needs it again")
    } else {
        context.ui.unchanged("the kernel holds no copy of the data key")
    }
}

/// Reads the backend that was typed.
fn typed(context: &Context<'_>, init: &Init) -> Result<Backend, Error> {
    let keyed = init.key_file.is_some() || init.key_credential.is_some() || init.passphrase;
    match init.backend {
        BackendName::Keyring | BackendName::None if keyed => {
            Err(Error::new(Code::Usage, "--key-file, --key-credential and --passphrase go with --backend file"))
        }
        BackendName::Keyring => Ok(Backend::Keyring),
        BackendName::None => Ok(Backend::None),
        BackendName::File => Ok(Backend::File(match (&init.key_file, &init.key_credential, init.passphrase) {
            (Some(path), _, _) => KeySource::KeyFile(absolute(path)?),
            (None, Some(name), _) if is_credential_name(name) => KeySource::Credential(name.clone()),
            (None, Some(_), _) => {
                return Err(Error::new(Code::Usage, "--key-credential takes the name of a credential"));
            }
            (None, None, true) => KeySource::Passphrase(Argon2Cost::DEFAULT),
            (None, None, false) => match context.home.configured()? {
                Some(Backend::File(source)) => source,
                _ => KeySource::KeyFile(context.home.key_file()),
            },
        })),
    }
}
