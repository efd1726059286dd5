//! What each lower part's failure means to the caller: code, message, hint.

use std::error::Error as StdError;

use super::{Code, Error};
use crate::cache::CacheFault;
use crate::document::DocumentError;
#[cfg(feature = "ledger")]
use crate::ledger::LedgerError;
use crate::oauth::IssuerError;
use crate::place::{PlaceError, Shown};
use crate::profile::{ProfileError, RequestError};
use crate::secrets::{ChoiceError, EstablishError, ReferenceError, SecretsError};
use crate::shared::SharedError;
use crate::store::StoreError;

const CHOICES: &str = "run tokenkeep init --backend keyring, or --backend file";
const MOVE: &str = "run tokenkeep init --backend file --move while logged in";

/// Joins an error and its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

impl From<&PlaceError> for Error {
    fn from(error: &PlaceError) -> Error {
        let code = if error.is_insecure() { Code::InsecurePath } else { Code::WriteFailed };
        let made = Error::new(code, chain(error));
        match (error.fix(), error) {
            (Some(fix), _) => made.with_hint(format!("run {fix}")),
            (None, PlaceError::Insecure { .. } | PlaceError::Foreign { .. }) => {
                made.with_hint("look at what is there, and move it away")
            }
            (None, PlaceError::Io { .. }) => made.with_hint("check its permissions and the free space there"),
            (None, PlaceError::TooLarge { .. }) => made.with_hint("check that it is the right file"),
        }
    }
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Error {
        Error::from(&error)
    }
}

impl From<&SecretsError> for Error {
    fn from(error: &SecretsError) -> Error {
        let set_again = "run tokenkeep credentials set again";
        match error {
            SecretsError::NotChosen => {
                Error::new(Code::KeyringUnavailable, "no place for secrets was chosen yet; nothing was stored")
                    .with_hint(CHOICES)
            }
            SecretsError::KeepsNothing => Error::new(Code::CredentialMissing, format!("{error}; nothing was stored"))
                .with_hint("name a secret that is read at each fetch: --secret-at-fetch file:PATH"),
            SecretsError::Unusable(_) => Error::new(Code::ConfigInvalid, chain(error))
                .with_hint("restore the file `store`, or start anew with an empty data directory"),
            SecretsError::MembershipUnusable => Error::new(Code::ConfigInvalid, chain(error))
                .with_hint("move it away, run tokenkeep doctor --fix, and fleet key import and fleet login set again"),
            SecretsError::ConfigurationsUnusable => {
                Error::new(Code::ConfigInvalid, chain(error)).with_hint("move it away, and run tokenkeep doctor --fix")
            }
            SecretsError::NoPlace(_) => Error::new(Code::WriteFailed, chain(error)),
            SecretsError::Locked => {
                Error::new(Code::KeyringLocked, format!("{error}; nothing was changed")).with_hint(MOVE)
            }
            SecretsError::Unreachable(_) => {
                tracing::info!("{error}");
                let what = if cfg!(target_os = "linux") { "Secret Service" } else { "OS keyring" };
                let message = format!("no {what} for {}; nothing was changed", crate::place::caller_id());
                Error::new(Code::KeyringUnavailable, message).with_hint(MOVE)
            }
            SecretsError::TimedOut(_) => {
                Error::new(Code::KeyringTimeout, format!("{error}; nothing was changed")).with_hint(MOVE)
            }
            SecretsError::Ambiguous => Error::new(Code::KeyringAmbiguous, format!("{error}; nothing was changed"))
                .with_hint("remove the ones that are not from tokenkeep with the keyring's own program"),
            SecretsError::TooLarge(_) => {
                Error::new(Code::WriteFailed, format!("{error}; the old credential is as it was")).with_hint(MOVE)
            }
            SecretsError::KeyringUnverified => {
                Error::new(Code::KeyringWriteUnverified, format!("{error}; the old credential is as it was"))
                    .with_hint(MOVE)
            }
            SecretsError::PassphraseWrong => Error::new(Code::PassphraseWrong, format!("{error}; nothing was changed"))
                .with_hint("type it once more"),
            SecretsError::KeyGone => {
                Error::new(Code::KeyringUnavailable, format!("{error}; nothing was changed")).with_hint("run it again")
            }
            SecretsError::NoPassphrase(_) => Error::new(Code::Usage, chain(error))
                .with_hint("give it on a descriptor: TOKENKEEP_PASSPHRASE_FD=3 tokenkeep ... 3< file"),
            SecretsError::UnbearableCost => Error::new(Code::PassphraseWrong, format!("{error}; nothing was computed"))
                .with_hint("restore the file `store`, or start anew with an empty data directory"),
            SecretsError::NoCredential(_) => Error::new(Code::KeyFileMissing, chain(error))
                .with_hint("run it as a systemd service with LoadCredentialEncrypted=, see docs/secrets.md"),
            SecretsError::Unreadable => Error::new(Code::KeyFileWrong, chain(error)).with_hint(set_again),
            SecretsError::WriteUnverified => {
                Error::new(Code::WriteFailed, format!("{}; the old credential is as it was", chain(error)))
            }
            SecretsError::KeyFileMissing { path } => {
                Error::new(Code::KeyFileMissing, format!("{error}; the stored secrets need it")).with_hint(format!(
                    "restore {}, or run tokenkeep init --backend file where there never was one",
                    Shown(path)
                ))
            }
            SecretsError::KeyFileInsecure(place) => {
                let made = Error::new(Code::KeyFileInsecure, chain(place));
                match place.fix() {
                    Some(fix) => made.with_hint(format!("run {fix}")),
                    None => made,
                }
            }
            SecretsError::KeyFileShort { path } => Error::new(Code::KeyFileInsecure, chain(error))
                .with_hint(format!("run head -c 32 /dev/urandom > {}", Shown(path))),
            SecretsError::KeyFileWrong { .. } => {
                Error::new(Code::KeyFileWrong, chain(error)).with_hint("restore the key file that was used first")
            }
            SecretsError::Place(place) => Error::from(place),
            SecretsError::Seal(_) => Error::new(Code::WriteFailed, chain(error)),
        }
    }
}

impl From<SecretsError> for Error {
    fn from(error: SecretsError) -> Error {
        Error::from(&error)
    }
}

impl From<ChoiceError> for Error {
    fn from(error: ChoiceError) -> Error {
        match &error {
            ChoiceError::Place(place) => Error::from(place),
            ChoiceError::NewerVersion => {
                Error::new(Code::ConfigInvalid, chain(&error)).with_hint("update this tokenkeep")
            }
            ChoiceError::Damaged { .. } => Error::new(Code::ConfigInvalid, chain(&error))
                .with_hint("restore the file `store`, or start anew with an empty data directory"),
            ChoiceError::Held | ChoiceError::Lost | ChoiceError::NoLocks | ChoiceError::Randomness => {
                Error::new(Code::WriteFailed, chain(&error))
            }
        }
    }
}

impl From<EstablishError> for Error {
    fn from(error: EstablishError) -> Error {
        match error {
            EstablishError::Differs(present) => {
                let message = format!("secrets are kept in {} already; nothing was changed", present.shown());
                Error::new(Code::BackendDiffers, message).with_hint("add --move to move them")
            }
            EstablishError::Choice(error) => Error::from(error),
            EstablishError::Secrets(error) => Error::from(error),
        }
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Error {
        match &error {
            // What cannot be read is not missing.
            ReferenceError::Place(place) => Error::from(place),
            _ => Error::new(Code::CredentialMissing, chain(&error))
                .with_hint("put the secret there, or name another place with --secret-at-fetch WHERE"),
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Error {
        Error::new(Code::Usage, error.to_string())
    }
}

impl Error {
    /// Makes the error for a file that people wrote.
    pub(crate) fn in_document(path: &std::path::Path, error: &DocumentError) -> Error {
        Error::new(Code::ConfigInvalid, format!("{} {error}", Shown(path))).with_hint(format!("edit {}", Shown(path)))
    }

    /// Makes the error for a profile's file.
    pub(crate) fn in_profile(path: &std::path::Path, error: &ProfileError) -> Error {
        let message = format!("{}: {error}", Shown(path));
        match error {
            ProfileError::Document(error) => Error::in_document(path, error),
            ProfileError::Missing(_) | ProfileError::Contradiction(_) => {
                Error::new(Code::ConfigInvalid, message).with_hint(format!("edit {}", Shown(path)))
            }
            ProfileError::InsecureEndpoint { .. } => {
                Error::new(Code::InsecureEndpoint, format!("{message}; nothing was sent"))
                    .with_hint(format!("edit {}", Shown(path)))
            }
            ProfileError::BindingDiffers(_) => {
                Error::new(Code::BindingMismatch, format!("{message}; nothing was sent"))
                    .with_hint("run tokenkeep credentials set to bind the secret to the new place, or undo the edit")
            }
        }
    }
}

impl Error {
    /// Makes the error for a fleet store that is required and unavailable.
    pub(crate) fn required(error: &SharedError) -> Error {
        let (code, hint) = match error {
            SharedError::Guessable => {
                (Code::SecretTooWeak, "run tokenkeep fleet key new, and import that key on every host")
            }
            SharedError::Exposed => (Code::InsecureEndpoint, "use rediss:// in `url` of [fleet]"),
            SharedError::OtherHosts => (Code::BindingMismatch, "run tokenkeep fleet login set"),
            SharedError::NoKey(_) => (Code::FleetUnavailable, "run tokenkeep doctor"),
            _ => (Code::FleetUnavailable, "check the store and [fleet] of config.toml: tokenkeep doctor"),
        };
        Error::new(code, format!("the fleet store is required: {error}; the issuer was not asked")).with_hint(hint)
    }
}

impl Error {
    /// Makes the error for what the fleet was to forget and may still have.
    pub(crate) fn unforgotten(error: &SharedError) -> Error {
        Error::new(
            Code::FleetUnavailable,
            format!("the fleet store is unavailable: {error}; nothing was forgotten there"),
        )
        .with_hint("run it again when tokenkeep doctor finds the store")
    }
}

/// Returns the code of what an issuer, or the way to it, did.
pub(crate) fn issuer_code(error: &IssuerError) -> Code {
    match error {
        IssuerError::Dns { .. } => Code::Dns,
        IssuerError::Connect { .. } => Code::Connect,
        IssuerError::Tls { .. } | IssuerError::Roots { .. } | IssuerError::CaFile(_) => Code::Tls,
        IssuerError::Timeout { .. } => Code::Timeout,
        IssuerError::Reset { .. } => Code::ConnectionReset,
        IssuerError::Redirect { .. } => Code::RedirectRefused,
        IssuerError::Refused { error, .. } => refused(error),
        IssuerError::RateLimited { .. } => Code::RateLimited,
        IssuerError::Server { .. } => Code::ServerError,
        IssuerError::Malformed { .. } => Code::ResponseMalformed,
        IssuerError::TooLarge { .. } => Code::ResponseTooLarge,
        IssuerError::Token => Code::TokenMalformed,
        IssuerError::Credential(_) => Code::CredentialMissing,
        IssuerError::Downgrade => Code::DowngradeRefused,
        IssuerError::IssuerDiffers => Code::IssuerMismatch,
    }
}

impl From<IssuerError> for Error {
    fn from(error: IssuerError) -> Error {
        let code = issuer_code(&error);
        let made = Error::new(code, chain(&error));
        let mut made = match code {
            Code::InvalidClient => made.with_hint("run tokenkeep credentials set with the right client id and secret"),
            Code::RedirectRefused | Code::ResponseMalformed => made.with_hint("check token_url of the profile"),
            Code::Tls => made.with_hint("give the right certificates with --ca-file PEM, or check the clock"),
            Code::Dns | Code::Connect => made.with_hint("check the network, and token_url of the profile"),
            Code::UnauthorizedClient | Code::AccessDenied | Code::InvalidGrant | Code::UnsupportedGrantType => {
                made.with_hint("ask the issuer to let this client use the grant client_credentials")
            }
            Code::InvalidScope => made.with_hint("check --scope, and scopes of the profile"),
            Code::InvalidTarget => made.with_hint("check --resource and --audience, and those of the profile"),
            Code::InvalidRequest | Code::IssuerError => {
                made.with_hint("compare what tokenkeep credentials show says with what the issuer wants")
            }
            Code::CredentialMissing => {
                made.with_hint("run tokenkeep credentials set with the right key, or mend what the profile says of it")
            }
            Code::DowngradeRefused => made.with_hint("leave dpop out of the profile where the issuer has none"),
            Code::IssuerMismatch => made.with_hint("give --issuer exactly as the issuer writes it"),
            Code::ResponseTooLarge | Code::TokenMalformed => made.with_hint("check token_url of the profile"),
            _ => made.with_hint("try again later; nothing that is stored was changed"),
        };
        made.http_status = error.status();
        match error {
            IssuerError::Refused { error, .. } => made.oauth_error = Some(error),
            IssuerError::RateLimited { retry_after, .. } | IssuerError::Server { retry_after, .. } => {
                made.retry_after = retry_after;
            }
            _ => {}
        }
        made
    }
}

fn refused(error: &str) -> Code {
    match Code::parse(error) {
        Some(
            code @ (Code::InvalidClient
            | Code::UnauthorizedClient
            | Code::AccessDenied
            | Code::InvalidScope
            | Code::InvalidTarget
            | Code::InvalidRequest
            | Code::InvalidGrant
            | Code::UnsupportedGrantType),
        ) => code,
        _ => Code::IssuerError,
    }
}

impl From<CacheFault> for Error {
    fn from(fault: CacheFault) -> Error {
        match &fault {
            CacheFault::Store(
                StoreError::Insecure(place) | StoreError::ReadOnly(place) | StoreError::Failed(place),
            ) => Error::from(place),
            _ => Error::new(Code::WriteFailed, chain(&fault)),
        }
    }
}

#[cfg(feature = "ledger")]
impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Error {
        let made = match &error {
            LedgerError::Place(place) if place.is_insecure() => return Error::from(place),
            _ => Error::new(Code::LedgerUnreadable, format!("{}; no token depends on it", chain(&error))),
        };
        match error {
            LedgerError::Busy => made.with_hint("run it again, or end the program that has ledger.db open"),
            LedgerError::NewerVersion => made.with_hint("update this tokenkeep"),
            _ => made.with_hint("check the permissions and the free space of the data directory"),
        }
    }
}
