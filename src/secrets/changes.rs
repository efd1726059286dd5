//! Changes of the files in which a data directory names what is in effect: `store`, `shared` and `vouched`.

use super::fleet::FleetState;
use super::vouched::{ClientDigest, Vouched};
use super::{
    BackendChoice, ChoiceError, DataDirLock, ItemName, SealedFiles, SecretsError, choice, configurations, fleet,
    vouched,
};
use crate::encoding::hex;
use crate::system::files::{Dir, Durable};

const SHARED_TEMPORARY: &str = "shared.tmp";
const VOUCHED_TEMPORARY: &str = "vouched.tmp";

/// Removes the temporaries that a kill left in a data directory. The lock shows that no other process is writing one.
pub(crate) fn remove_temporaries(data_dir: &Dir, _lock: &DataDirLock) -> Result<(), SecretsError> {
    for name in [choice::TEMPORARY, configurations::TEMPORARY, SHARED_TEMPORARY, VOUCHED_TEMPORARY] {
        data_dir.remove(name)?;
    }
    SealedFiles::sweep(data_dir)
}

impl BackendChoice {
    /// Erases the choice, and with it the salt that the data key was made with.
    pub(crate) fn erase(data_dir: &Dir, lock: &DataDirLock) -> Result<(), ChoiceError> {
        lock.still_holds(data_dir)?;
        data_dir.remove(choice::NAME)?;
        Ok(())
    }
}

impl FleetState {
    /// Writes the file.
    pub(crate) fn save(self, dir: &Dir, lock: &DataDirLock) -> Result<(), SecretsError> {
        lock.still_holds(dir)?;
        Ok(dir.replace(fleet::NAME, SHARED_TEMPORARY, self.text().as_bytes(), Durable::Yes)?)
    }

    /// Erases the file.
    pub(crate) fn erase(dir: &Dir, _lock: &DataDirLock) -> Result<(), SecretsError> {
        dir.remove(fleet::NAME)?;
        Ok(())
    }

    fn text(self) -> String {
        let key = self.key.map(|id| format!("key {}\n", hex::encode(&id)));
        let login = self.login.map(|id| format!("login {}\n", hex::encode(&id)));
        format!("{}\n{}{}", fleet::FIRST_LINE, key.unwrap_or_default(), login.unwrap_or_default())
    }

    /// Lists the items that it names.
    pub(crate) fn items(self, store_id: &[u8; 16]) -> Vec<ItemName> {
        let key = self.key.map(|id| ItemName::fleet_key(store_id, &id));
        key.into_iter().chain(self.login.map(|id| ItemName::fleet_login(store_id, &id))).collect()
    }
}

impl Vouched {
    /// Adds a client; `false` if it is there already.
    pub(crate) fn add(dir: &Dir, client: ClientDigest, lock: &DataDirLock) -> Result<bool, SecretsError> {
        let mut vouched = Vouched::load(dir)?;
        if !vouched.0.insert(client) {
            return Ok(false);
        }
        lock.still_holds(dir)?;
        dir.replace(vouched::NAME, VOUCHED_TEMPORARY, vouched.text().as_bytes(), Durable::Yes)?;
        Ok(true)
    }

    /// Erases the file; `false` if there is none.
    pub(crate) fn erase(dir: &Dir, _lock: &DataDirLock) -> Result<bool, SecretsError> {
        Ok(dir.remove(vouched::NAME)?)
    }

    fn text(&self) -> String {
        let clients = self.0.iter().map(|client| format!("client {}\n", hex::encode(&client.0)));
        format!("{}\n{}", vouched::FIRST_LINE, clients.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The digest of version 1 stays: it is in files.
    #[test]
    fn what_version_1_wrote_is_read() {
        let digest = "00ed62e5ca422a799ccfe8a7b3c753190bdb09f07763a4fb010741e347703041";
        let vouched = Vouched(BTreeSet::from([ClientDigest::new("https://issuer.example/token", "client")]));
        assert_eq!(vouched.text(), format!("tokenkeep-vouched 1\nclient {digest}\n"));
    }

    proptest! {
        #[test]
        fn a_state_that_is_written_is_read_back(key in any::<Option<[u8; 32]>>(), login in any::<Option<[u8; 16]>>()) {
            let fleet_state = FleetState { key, login };
            prop_assert_eq!(FleetState::parse(fleet_state.text().as_bytes()), Some(fleet_state));
        }

        #[test]
        fn vouched_clients_that_are_written_are_read_back(clients in prop::collection::btree_set(any::<[u8; 32]>(), 0..8)) {
            let vouched = Vouched(clients.into_iter().map(ClientDigest).collect());
            prop_assert_eq!(Vouched::parse(vouched.text().as_bytes()), Some(vouched));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = FleetState::parse(&bytes);
            let _ = Vouched::parse(&bytes);
        }
    }
}
