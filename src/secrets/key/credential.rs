//! A systemd credential: a file that the service manager hands to this process.

use std::path::PathBuf;

use super::file::{KeyFileRole, as_role, found, read_key_file, read_recorded};
use super::{DataKeySource, Found, KeyAtHand, MissingKey, WantedKey};
use crate::seal::DataKey;
use crate::secrets::SecretsError;

/// A file of this name in `$CREDENTIALS_DIRECTORY`.
pub(crate) struct KeyCredential<'a>(pub(crate) &'a str);

impl KeyAtHand for KeyCredential<'_> {
    fn at_hand(&self, wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError> {
        self.read(wanted).map(Some)
    }
}

impl DataKeySource for KeyCredential<'_> {
    fn unlock(&self, wanted: &WantedKey<'_>) -> Result<Found, SecretsError> {
        found(self.read(wanted))
    }

    fn create(&self, wanted: &WantedKey<'_>, _missing: MissingKey) -> Result<Option<DataKey>, SecretsError> {
        let path = self.path()?;
        let bytes = read_key_file(&path).map_err(as_role(KeyCredential::role(wanted)))?;
        Ok(Some(wanted.derived(&bytes.ok_or(SecretsError::KeyFileMissing { path })?)))
    }
}

impl KeyCredential<'_> {
    fn read(&self, wanted: &WantedKey<'_>) -> Result<DataKey, SecretsError> {
        read_recorded(&self.path()?, KeyCredential::role(wanted), wanted)
    }

    fn role(wanted: &WantedKey<'_>) -> KeyFileRole {
        if wanted.id.is_some() { KeyFileRole::InUse } else { KeyFileRole::HandedIn }
    }

    fn path(&self) -> Result<PathBuf, SecretsError> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|path| path.is_absolute());
        Ok(directory.ok_or_else(|| SecretsError::NoCredential(self.0.to_owned()))?.join(self.0))
    }
}

/// Returns whether a text is the name of a systemd credential: a file name without surprises.
pub(crate) fn is_credential_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(plain) && !matches!(text, "." | "..")
}
