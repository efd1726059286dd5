//! What a failure of this part means to the caller: code, message, remedy.

use super::{ChoiceError, EstablishError, KeyFileRole, LockError, ReferenceError, SecretsError};
use crate::error::{Code, Error, Remedy, chain};

impl Error {
    /// Makes the error for secrets that are unavailable, if the failure is needed elsewhere too.
    pub(crate) fn of_secrets(error: &SecretsError) -> Error {
        match error {
            SecretsError::NotChosen => {
                Error::new(Code::KeyringUnavailable, "no place for secrets was chosen yet; nothing was stored")
                    .with_remedy(Remedy::ChooseBackend)
            }
            SecretsError::KeepsNothing => Error::new(Code::CredentialMissing, format!("{error}; nothing was stored"))
                .with_remedy(Remedy::ReferToSecret),
            SecretsError::Unusable(_) => {
                Error::new(Code::ConfigInvalid, chain(error)).with_remedy(Remedy::RestoreChoice)
            }
            SecretsError::FleetStateUnusable => {
                Error::new(Code::ConfigInvalid, chain(error)).with_remedy(Remedy::MoveFleetStateAway)
            }
            SecretsError::VouchedUnusable => {
                Error::new(Code::ConfigInvalid, chain(error)).with_remedy(Remedy::MoveVouchedAway)
            }
            SecretsError::ConfigurationsUnusable => {
                Error::new(Code::ConfigInvalid, chain(error)).with_remedy(Remedy::MoveAwayAndClean)
            }
            SecretsError::NoPlace(_) => Error::new(Code::WriteFailed, chain(error)),
            SecretsError::Locked => Error::new(Code::KeyringLocked, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::UnlockKeyring),
            SecretsError::Unreachable(_) => {
                tracing::info!("{error}");
                let what = if cfg!(target_os = "linux") { "Secret Service" } else { "OS keyring" };
                let message = format!("no {what} for {}; nothing was changed", crate::system::files::caller_id());
                Error::new(Code::KeyringUnavailable, message).with_remedy(Remedy::UseSession)
            }
            SecretsError::NoBus(socket) => {
                let message =
                    format!("no Secret Service for {}; nothing was changed", crate::system::files::caller_id());
                Error::new(Code::KeyringUnavailable, message).with_remedy(Remedy::MendBusAddress(socket.clone()))
            }
            SecretsError::NoCollection => Error::new(Code::KeyringUnavailable, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::MakeCollection),
            SecretsError::NotBuilt => Error::new(Code::KeyringUnavailable, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::BuildWithKeyring),
            SecretsError::TimedOut(_) => Error::new(Code::KeyringTimeout, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::UnlockKeyring),
            SecretsError::Ambiguous => Error::new(Code::KeyringAmbiguous, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::RemoveForeignItems),
            SecretsError::TooLarge(_) => {
                Error::new(Code::WriteFailed, format!("{error}; the old credential is as it was"))
                    .with_remedy(Remedy::MoveToFiles)
            }
            SecretsError::KeyringUnverified => {
                Error::new(Code::KeyringWriteUnverified, format!("{error}; the old credential is as it was"))
                    .with_remedy(Remedy::MoveToFiles)
            }
            SecretsError::PassphraseWrong => Error::new(Code::PassphraseWrong, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::TypePassphraseAgain),
            SecretsError::KeyGone => Error::new(Code::KeyringUnavailable, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::Repeat),
            SecretsError::NoPassphrase(_) => Error::new(Code::Usage, chain(error)).with_remedy(Remedy::GivePassphrase),
            SecretsError::UnbearableCost => Error::new(Code::PassphraseWrong, format!("{error}; nothing was computed"))
                .with_remedy(Remedy::RestoreChoice),
            SecretsError::NoCredential(_) => {
                Error::new(Code::KeyFileMissing, chain(error)).with_remedy(Remedy::RunAsService)
            }
            SecretsError::Unreadable => {
                Error::new(Code::KeyFileWrong, chain(error)).with_remedy(Remedy::SetCredentialAgain)
            }
            SecretsError::WriteUnverified => {
                Error::new(Code::WriteFailed, format!("{}; the old credential is as it was", chain(error)))
            }
            SecretsError::KeyFileMissing { path } => {
                Error::new(Code::KeyFileMissing, format!("{error}; the stored secrets need it"))
                    .with_remedy(Remedy::RestoreKeyFile(path.clone()))
            }
            SecretsError::KeyFileInsecure(place) => Error::of_place(place).with_code(Code::KeyFileInsecure),
            SecretsError::KeyFileShort { path, role } => {
                Error::new(Code::KeyFileInsecure, chain(error)).with_remedy(match role {
                    // Another key in its place would open nothing, and what is left of the first one would be gone.
                    KeyFileRole::InUse => Remedy::RestoreFirstKeyFile,
                    KeyFileRole::HandedIn => Remedy::LengthenCredential,
                    KeyFileRole::New => Remedy::MoveKeyFileAway(path.clone()),
                })
            }
            SecretsError::KeyFileWrong { .. } => {
                Error::new(Code::KeyFileWrong, chain(error)).with_remedy(Remedy::RestoreFirstKeyFile)
            }
            SecretsError::Place(place) => Error::of_place(place),
            SecretsError::Seal(_) => Error::new(Code::WriteFailed, chain(error)),
        }
    }
}

impl Error {
    fn of_lock(error: &LockError) -> Error {
        match error {
            LockError::Place(place) => Error::of_place(place),
            LockError::NoLocks => Error::new(Code::WriteFailed, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::UseLockingDirectory),
            LockError::Held | LockError::Lost => Error::new(Code::WriteFailed, chain(error)),
        }
    }
}

impl From<SecretsError> for Error {
    fn from(error: SecretsError) -> Error {
        Error::of_secrets(&error).caused_by(error)
    }
}

impl From<ChoiceError> for Error {
    fn from(error: ChoiceError) -> Error {
        let made = match &error {
            ChoiceError::Place(place) => Error::of_place(place),
            ChoiceError::NewerVersion => Error::new(Code::ConfigInvalid, chain(&error)).with_remedy(Remedy::Update),
            ChoiceError::Damaged { .. } => {
                Error::new(Code::ConfigInvalid, chain(&error)).with_remedy(Remedy::RestoreChoice)
            }
            ChoiceError::Lock(lock) => Error::of_lock(lock),
            ChoiceError::Randomness(_) => Error::new(Code::WriteFailed, chain(&error)),
        };
        made.caused_by(error)
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Error {
        Error::of_lock(&error).caused_by(error)
    }
}

impl From<EstablishError> for Error {
    fn from(error: EstablishError) -> Error {
        match error {
            EstablishError::Differs(present) => {
                let message = format!("secrets are kept in {} already; nothing was changed", present.shown());
                Error::new(Code::BackendDiffers, message).with_remedy(Remedy::MoveStored)
            }
            EstablishError::BackendChoice(error) => Error::from(error),
            EstablishError::Lock(error) => Error::from(error),
            EstablishError::Secrets(error) => Error::from(error),
        }
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Error {
        let made = match &error {
            // What cannot be read is not missing.
            ReferenceError::Place(place) => Error::of_place(place),
            ReferenceError::Command { command, .. } => {
                Error::new(Code::CredentialMissing, chain(&error)).with_remedy(Remedy::RunProgram(command.clone()))
            }
            ReferenceError::FileMissing { .. }
            | ReferenceError::EnvMissing { .. }
            | ReferenceError::NoSecret { .. } => {
                Error::new(Code::CredentialMissing, chain(&error)).with_remedy(Remedy::PutSecretThere)
            }
        };
        made.caused_by(error)
    }
}
