//! The change of what this host keeps of its fleet: the new item, then the file that names it, then the old item goes.

use crate::error::{Code, Error, Remedy, chain};
use crate::manage::locked::Locked;
use crate::open::Home;
use crate::secrets::{Configurations, FleetState, ItemName, Keys, Retired, SecretStore, SecretsError};

/// Whether anything is different after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsNew {
    Yes,
    No,
}

/// What came of a change.
pub(crate) struct Changed {
    pub(crate) is_new: IsNew,
    /// What could not be erased and does no harm.
    pub(crate) left: Vec<String>,
}

impl Changed {
    pub(super) const NOTHING: Changed = Changed { is_new: IsNew::No, left: Vec::new() };
    pub(super) const CLEANLY: Changed = Changed { is_new: IsNew::Yes, left: Vec::new() };
}

/// Changes the state. `next` writes what is new, and returns the state that names it.
pub(super) fn change(
    home: &Home,
    next: impl FnOnce(&Keys, &dyn SecretStore, FleetState) -> Result<FleetState, Error>,
) -> Result<Changed, Error> {
    let (locked, secrets) = Locked::prepared(home, |opened| {
        opened.ok_or(SecretsError::NotChosen)?.keys.secrets().map_err(|error| match error {
            SecretsError::KeepsNothing => Error::new(Code::CredentialMissing, "nothing is kept here, by choice")
                .with_remedy(Remedy::NameFleetFile),
            error => error.into(),
        })
    })?;
    let (Locked { dir, lock, .. }, keys) = (&locked, locked.keys()?);
    Configurations::note(dir, &home.config_dir, lock)?;
    let old = keys.fleet_state()?;
    let store_id = &keys.choice().store_id;
    // What was derived with the old key is derived again with the new one.
    let derived = home.derived_items(keys);
    let present = next(keys, &*secrets, old)?;
    let named = present.items(store_id);
    if let Err(error) = present.save(dir, lock) {
        // New items are removed only if the file is read back and does not name them: a write may fail after its
        // rename.
        let is_unnamed = matches!(keys.fleet_state(), Ok(now) if now == old);
        for item in named.iter().filter(|item| is_unnamed && !old.items(store_id).contains(item)) {
            if let Err(error) = secrets.remove(&Retired::by_name(item.clone())) {
                tracing::debug!("what was new was left behind: {}", chain(&error));
            }
        }
        return Err(error.into());
    }
    let derived: Vec<ItemName> = derived.into_iter().filter(|_| present.key != old.key).collect();
    let old_items = old.items(store_id);
    let retired = old_items.iter().chain(&derived).filter(|item| !named.contains(item));
    let failed = retired.filter_map(|item| secrets.remove(&Retired::by_name(item.clone())).err());
    let left = failed.map(|error| format!("something old was left behind: {}", chain(&error))).collect();
    Ok(Changed { is_new: if present == old { IsNew::No } else { IsNew::Yes }, left })
}
