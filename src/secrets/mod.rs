//! Secrets: items by name, in a place that was chosen explicitly and is remembered.

mod backend;
#[cfg(feature = "cli")]
mod changes;
mod choice;
#[cfg(feature = "cli")]
mod configurations;
mod establish;
mod failure;
mod fleet;
#[cfg(any(feature = "cli", feature = "redis"))]
mod fleet_login;
mod item;
mod key;
mod keys;
mod lock;
#[cfg(feature = "cli")]
mod new_item;
mod program;
#[cfg(feature = "cli")]
mod protection;
mod reference;
#[cfg(feature = "cli")]
mod removal;
mod store;
mod vouched;

use std::path::PathBuf;
use std::time::Duration;

use crate::seal::SealError;
use crate::system::files::{EscapedPath, Mend, PlaceError};
use crate::system::random::NoRandomness;

pub(crate) use backend::{Backend, KeySource};
#[cfg(feature = "cli")]
pub(crate) use changes::remove_temporaries;
pub(crate) use choice::{BackendChoice, ChoiceError};
#[cfg(feature = "cli")]
pub(crate) use configurations::Configurations;
#[cfg(feature = "cli")]
pub(crate) use establish::first_key;
pub(crate) use establish::{EstablishError, establish};
pub(crate) use fleet::{FleetState, replace};
#[cfg(any(feature = "cli", feature = "redis"))]
pub(crate) use fleet_login::FleetLogin;
pub(crate) use item::{Credential, ItemName};
#[cfg(feature = "cli")]
pub(crate) use key::PassphraseKind;
pub(crate) use key::{
    Argon2Cost, KeyFileRole, MissingKey, PassphraseReader, UnlockOptions, is_credential_name, keep_in_kernel,
    read_key_file,
};
pub(crate) use keys::{Keys, UnlockedKey};
pub(crate) use lock::{DataDirLock, LockError};
pub(crate) use program::ProgramError;
#[cfg(feature = "cli")]
pub(crate) use protection::Protection;
pub(crate) use reference::{ReferenceError, exposure, place_of, read_reference};
#[cfg(feature = "cli")]
pub(crate) use removal::CopyElsewhere;
#[cfg(all(test, feature = "cli"))]
pub(crate) use store::Fault;
#[cfg(test)]
pub(crate) use store::MemorySecrets;
pub(crate) use store::{OsKeyring, Retired, SealedFiles, SecretStore};
#[cfg(feature = "cli")]
pub(crate) use store::{Staging, Stray, StrayKind};
pub(crate) use vouched::{ClientDigest, Vouched};

/// Why a secret cannot be read or kept. A definite absence is none of these: it is `None`.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// No place was chosen yet, and none is taken silently.
    #[error("no place for secrets was chosen yet")]
    NotChosen,
    /// The data directory cannot be opened.
    #[error("the data directory cannot be used: {0}")]
    NoPlace(String),
    /// The file `store` of the data directory is damaged, or of a newer version.
    #[error("{0}")]
    Unusable(String),
    /// The file `shared` of the data directory is damaged, or of a newer version.
    #[error("the file `shared` of the data directory is damaged, or of a newer version")]
    FleetStateUnusable,
    /// The file `vouched` of the data directory is damaged, or of a newer version.
    #[error("the file `vouched` of the data directory is damaged, or of a newer version")]
    VouchedUnusable,
    /// The file `configurations` of the data directory is damaged, or of a newer version.
    #[error("the file `configurations` of the data directory is damaged, or of a newer version")]
    ConfigurationsUnusable,
    /// The place is there and locked.
    #[error("the keyring is locked")]
    Locked,
    /// The place cannot be reached.
    #[error("the keyring cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing listens at the address of the bus.
    #[error("DBUS_SESSION_BUS_ADDRESS names {}, where nothing listens", EscapedPath(.0))]
    NoBus(PathBuf),
    /// The place is there, and has no keyring to put anything into.
    #[error("the Secret Service has no default collection")]
    NoCollection,
    /// This program was built without support for keyrings.
    #[error("this program was built without the feature `keyring`")]
    NotBuilt,
    /// The place did not answer in time.
    #[error("the keyring did not answer within {}", crate::encoding::duration::show(*.0))]
    TimedOut(Duration),
    /// Several items have this name.
    #[error("the keyring holds several items of this name")]
    Ambiguous,
    /// It is larger than the place takes.
    #[error("the keyring takes no more than {0} bytes an item")]
    TooLarge(usize),
    /// The choice is to keep nothing.
    #[error("it was chosen that nothing is kept")]
    KeepsNothing,
    /// The passphrase is not the one that was chosen.
    #[error("the passphrase is not the one that was chosen")]
    PassphraseWrong,
    /// The data key is gone from the keyring.
    #[error("the data key is gone from the keyring")]
    KeyGone,
    /// No passphrase is available.
    #[error("{0}")]
    NoPassphrase(&'static str),
    /// The cost of the passphrase in `store` is out of bounds.
    #[error("the cost of the passphrase in the file `store` is out of bounds")]
    UnbearableCost,
    /// systemd gave no credentials.
    #[error("there is no $CREDENTIALS_DIRECTORY with the credential {0}")]
    NoCredential(String),
    /// What is there does not open: it was damaged, moved, or sealed with another key.
    #[error("the stored secret does not open")]
    Unreadable,
    /// What was written does not read back.
    #[error("the secret that was written does not read back")]
    WriteUnverified,
    /// What was written into the keyring does not read back, or something else was there.
    #[error("the secret that was written into the keyring does not read back")]
    KeyringUnverified,
    /// The key file is missing.
    #[error("the key file {} is missing", EscapedPath(.path))]
    KeyFileMissing {
        /// Its path.
        path: PathBuf,
    },
    /// The key file is not safe to use.
    #[error("the key file must not be used")]
    KeyFileInsecure(#[source] PlaceError),
    /// The key file is too short to be a key.
    #[error("the key file {} is shorter than 32 bytes", EscapedPath(.path))]
    KeyFileShort {
        /// Its path.
        path: PathBuf,
        /// What it is to this data directory.
        role: KeyFileRole,
    },
    /// The key file holds another key than the one that sealed this data directory.
    #[error("the key file {} holds another key than the one this data directory was sealed with", EscapedPath(.path))]
    KeyFileWrong {
        /// Its path.
        path: PathBuf,
    },
    /// A file of ours cannot be read or written, or must not be trusted.
    #[error("the place of a secret cannot be used")]
    Place(#[from] PlaceError),
    /// It could not be sealed.
    #[error("the secret cannot be sealed")]
    Seal(#[from] SealError),
}

impl From<NoRandomness> for SecretsError {
    fn from(error: NoRandomness) -> SecretsError {
        SecretsError::Seal(error.into())
    }
}

impl SecretsError {
    /// Returns whether a key file is too open, and belongs to root: a volume that was mounted with its usual modes.
    pub(crate) fn is_of_volume(&self) -> bool {
        let volume = Some(Mend::OwnerOnlyInVolume);
        matches!(self, SecretsError::KeyFileInsecure(PlaceError::Insecure { mend, .. }) if *mend == volume)
    }
}
