//! What has to hold before a secret is asked for: nothing is worse than typing one for nothing.

use crate::error::{Code, Error};
use crate::manage::backend::advise_files;
use crate::manage::operator::{Notice, Operator};
use crate::open::generations::present;
use crate::open::{Home, Opened};
use crate::profile::{Binding, ProfileName, Reference};
use crate::seal::KeyId;
use crate::secrets::{ItemName, OsKeyring, ReferenceError, SecretStore as _, read_reference};

/// Checks that a place for a secret answers. Changes nothing.
pub(crate) fn check_backend(home: &Home) -> Result<(), Error> {
    match home.opened()? {
        Some(Opened { keys, .. }) => Ok(keys.secrets().map(|_| ())?),
        None => {
            // This item never exists: what matters is whether the keyring answers.
            let never = ItemName::data_key(&[0; 16], KeyId([0; 32]));
            let asked = OsKeyring::new(home.config.keyring_timeout).read(&never);
            asked.map(|_| ()).map_err(|error| advise_files(error.into()))
        }
    }
}

/// Reads the file of a secret once, so that a file that must not be used is refused now and not at night. A file that
/// is missing may come later, and a program may ask its user, so neither is an error.
pub(crate) fn check_reference(reference: &Reference, operator: &dyn Operator) -> Result<(), Error> {
    let Reference::File(_) = reference else { return Ok(()) };
    match read_reference(reference, None) {
        Ok(read) => read.exposed.iter().for_each(|warning| operator.learn(Notice::Warning(warning))),
        Err(error @ ReferenceError::Place(_)) => return Err(error.into()),
        Err(error) => operator.learn(Notice::SecretUnavailable(&error)),
    }
    Ok(())
}

/// Refuses a change that would separate a profile from its secret, which another data directory keeps.
pub(crate) fn kept_here(home: &Home, name: &ProfileName) -> Result<(), Error> {
    let Some(elsewhere) = home.kept_elsewhere(name) else { return Ok(()) };
    let present = present(&home.profiles_dir(), name)?;
    let Some(binding) = present.and_then(|file| file.binding) else { return Ok(()) };
    if is_stored(home, &binding)? {
        return Ok(());
    }
    // Not missing: another place has it.
    let refused = Error::new(Code::BindingMismatch, elsewhere.to_string()).for_profile(name);
    Err(match elsewhere.remedy() {
        Some(remedy) => refused.with_remedy(remedy.clone()),
        None => refused,
    })
}

/// Returns whether the secret of a binding is stored here.
pub(crate) fn is_stored(home: &Home, binding: &Binding) -> Result<bool, Error> {
    match home.opened()? {
        Some(opened) => Ok(opened.keys.read(&ItemName::credential(binding.generation))?.is_some()),
        None => Ok(false),
    }
}
