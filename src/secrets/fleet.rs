//! What a host keeps of its fleet: which shared key and which login of the store are the present ones. It also keeps
//! what is derived, so that reading a shared token loads no client secret.
//!
//! Key and login are items of the backend, as secrets are. A new one is a new item, and the file `shared` of the data
//! directory, replaced in one step, names it.

use super::{ItemName, Retired, SecretStore, SecretsError};
use crate::encoding::hex;
use crate::system::files::Dir;
use crate::system::secret::Secret;

pub(super) const NAME: &str = "shared";
pub(super) const FIRST_LINE: &str = "tokenkeep-shared 1";
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

    pub(super) fn parse(bytes: &[u8]) -> Option<FleetState> {
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

#[cfg(test)]
mod tests {
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
}
