//! What a host keeps of its fleet: which shared key and which login of the store are the present ones. It also keeps
//! what is derived, so that reading a shared token loads no client secret.
//!
//! Key and login are items of the backend, as secrets are. A new one is a new item, and the file `shared` of the data
//! directory, replaced in one step, names it.

use super::{DataDirLock, ItemName, Retired, SecretStore, SecretsError};
use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::system::files::{Dir, Durable};
use crate::system::secret::Secret;

const NAME: &str = "shared";
pub(super) const TEMPORARY: &str = "shared.tmp";
const FIRST_LINE: &str = "tokenkeep-shared 1";
const LARGEST: usize = 4096;

/// What the file `shared` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetState {
    /// The fleet key that was made or imported here.
    pub(crate) key: Option<[u8; 32]>,
    /// The user and password of the store.
    pub(crate) login: Option<[u8; 16]>,
}

impl FleetState {
    /// Reads the file; an empty one if there is none.
    pub(crate) fn load(dir: &Dir) -> Result<FleetState, SecretsError> {
        let Some(bytes) = dir.read(NAME, LARGEST)? else { return Ok(FleetState::default()) };
        FleetState::parse(&bytes).ok_or(SecretsError::FleetStateUnusable)
    }

    /// Writes the file.
    pub(crate) fn save(self, dir: &Dir, lock: &DataDirLock) -> Result<(), SecretsError> {
        lock.still_holds(dir)?;
        Ok(dir.replace(NAME, TEMPORARY, self.text().as_bytes(), Durable::Yes)?)
    }

    /// Erases the file.
    pub(crate) fn erase(dir: &Dir, _lock: &DataDirLock) -> Result<(), SecretsError> {
        dir.remove(NAME)?;
        Ok(())
    }

    fn text(self) -> String {
        let key = self.key.map(|id| format!("key {}\n", hex::encode(&id)));
        let login = self.login.map(|id| format!("login {}\n", hex::encode(&id)));
        format!("{FIRST_LINE}\n{}{}", key.unwrap_or_default(), login.unwrap_or_default())
    }

    fn parse(bytes: &[u8]) -> Option<FleetState> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines().peekable();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut read = FleetState::default();
        if let Some(line) = lines.next_if(|line| line.starts_with("key ")) {
            read.key = Some(hex::decode(&line["key ".len()..])?);
        }
        if let Some(line) = lines.next_if(|line| line.starts_with("login ")) {
            read.login = Some(hex::decode(&line["login ".len()..])?);
        }
        lines.next().is_none().then_some(read)
    }

    /// Lists the items that it names.
    pub(crate) fn items(self, store_id: &[u8; 16]) -> Vec<ItemName> {
        let key = self.key.map(|id| ItemName::fleet_key(store_id, &id));
        key.into_iter().chain(self.login.map(|id| ItemName::fleet_login(store_id, &id))).collect()
    }
}

/// Keeps what can be derived again, in place of whatever was there.
pub(crate) fn replace(secrets: &dyn SecretStore, item: &ItemName, content: &Secret) -> Result<(), SecretsError> {
    match secrets.read(item) {
        Ok(Some(present)) if present == *content => return Ok(()),
        Ok(None) => {}
        Ok(Some(_)) | Err(SecretsError::Unreadable) => drop(secrets.remove(&Retired::by_name(item.clone()))?),
        Err(error) => return Err(error),
    }
    secrets.write(item, content)
}

/// A user and a password of a store, and the hosts that they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetLogin {
    pub(crate) user: Option<String>,
    pub(crate) password: Secret,
    /// The address that they were set for, as it is shown.
    pub(crate) hosts: String,
}

impl FleetLogin {
    /// Encodes it for an item.
    pub(crate) fn encode(&self) -> Secret {
        let mut writer = Writer::default();
        writer
            .optional(1, self.user.as_deref().map(str::as_bytes))
            .bytes(2, self.password.expose())
            .bytes(3, self.hosts.as_bytes());
        Secret::new(writer.written())
    }

    /// Decodes what [`FleetLogin::encode`] wrote.
    pub(crate) fn decode(item: &Secret) -> Result<FleetLogin, Malformed> {
        let mut reader = Reader::new(item.expose());
        let user = reader.optional_text(1)?.map(str::to_owned);
        let password = Secret::new(reader.bytes(2)?);
        let hosts = reader.text(3)?.to_owned();
        reader.finish()?;
        Ok(FleetLogin { user, password, hosts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secrets::MemorySecrets;

    #[test]
    fn what_can_be_derived_again_replaces_what_was_there() {
        let (secrets, item) = (MemorySecrets::default(), ItemName::client_key(&[1; 16]));
        for content in ["a", "b", "b"] {
            replace(&secrets, &item, &Secret::from(content)).expect("kept");
            assert_eq!(secrets.read(&item).expect("read"), Some(Secret::from(content)));
        }
    }

    #[test]
    fn a_file_that_is_newer_or_damaged_is_not_used() {
        for text in ["", "tokenkeep-shared 2\n", "tokenkeep-shared 1\nkey 00\n", "tokenkeep-shared 1\nx\n"] {
            assert_eq!(FleetState::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in any::<Option<[u8; 32]>>(), login in any::<Option<[u8; 16]>>()) {
            let fleet_state = FleetState { key, login };
            prop_assert_eq!(FleetState::parse(fleet_state.text().as_bytes()), Some(fleet_state));
        }

        #[test]
        fn a_login_is_read_back(user in any::<Option<String>>(), password in "[ -~]{0,64}", hosts in "[a-z:/]{0,32}") {
            let login = FleetLogin { user, password: Secret::from(password.as_str()), hosts };
            prop_assert_eq!(FleetLogin::decode(&login.encode()), Ok(login));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = FleetState::parse(&bytes);
            let _ = FleetLogin::decode(&Secret::new(bytes));
        }
    }
}
