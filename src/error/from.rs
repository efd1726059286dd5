//! What each lower part's failure means to the caller: code, message, remedy.

use std::error::Error as StdError;

use url::Url;

use super::{Code, Error, Remedy};
use crate::cache::CacheFault;
use crate::document::DocumentError;
#[cfg(feature = "ledger")]
use crate::ledger::LedgerError;
use crate::oauth::{CaFault, IssuerError, Meaning, ProxyFault};
use crate::place::{Mend, PlaceError, Shown, is_in_home, writable_beside};
use crate::profile::{Endpoint, EndpointError, ProfileError, RequestError};
use crate::secrets::{ChoiceError, EstablishError, KeyFileRole, ReferenceError, SecretsError};
use crate::shared::SharedError;
use crate::store::StoreError;

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

fn of_place(error: &PlaceError) -> Error {
    let code = if error.is_insecure() { Code::InsecurePath } else { Code::WriteFailed };
    Error::new(code, chain(error)).with_remedy(match error {
        PlaceError::Insecure { path, mend: Some(Mend::DirectoryInside), .. } => {
            Remedy::UseDirectoryInside(path.clone())
        }
        PlaceError::Insecure { path, mend: Some(mend), .. } => Remedy::Protect {
            path: path.clone(),
            // A umask makes all files alike: they are mended at once.
            also: if *mend == Mend::NoOtherWriter { writable_beside(path) } else { Vec::new() },
            mend: *mend,
        },
        PlaceError::Insecure { mend: None, .. } => Remedy::LookAndMoveAway,
        PlaceError::Foreign { owner, .. } => Remedy::RunAs(*owner),
        PlaceError::Unmapped { .. } => Remedy::MapOwner,
        PlaceError::Io { doing: "create", .. } if error.is_read_only() => Remedy::GiveWritableDirectories,
        PlaceError::Io { path, doing: "stat" | "open", .. } if error.is_read_only() && is_in_home(path) => {
            Remedy::SetHome
        }
        PlaceError::Io { .. } => Remedy::CheckPermissions,
        PlaceError::TooLarge { .. } => Remedy::CheckRightFile,
    })
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Error {
        of_place(&error).caused_by(error)
    }
}

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
            SecretsError::MembershipUnusable => {
                Error::new(Code::ConfigInvalid, chain(error)).with_remedy(Remedy::MoveFleetStateAway)
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
                let message = format!("no {what} for {}; nothing was changed", crate::place::caller_id());
                Error::new(Code::KeyringUnavailable, message).with_remedy(Remedy::UseSession)
            }
            SecretsError::NoBus(socket) => {
                let message = format!("no Secret Service for {}; nothing was changed", crate::place::caller_id());
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
            SecretsError::KeyFileInsecure(place) => Error { code: Code::KeyFileInsecure, ..of_place(place) },
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
            SecretsError::Place(place) => of_place(place),
            SecretsError::Seal(_) => Error::new(Code::WriteFailed, chain(error)),
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
            ChoiceError::Place(place) => of_place(place),
            ChoiceError::NewerVersion => Error::new(Code::ConfigInvalid, chain(&error)).with_remedy(Remedy::Update),
            ChoiceError::Damaged { .. } => {
                Error::new(Code::ConfigInvalid, chain(&error)).with_remedy(Remedy::RestoreChoice)
            }
            ChoiceError::NoLocks => Error::new(Code::WriteFailed, format!("{error}; nothing was changed"))
                .with_remedy(Remedy::UseLockingDirectory),
            ChoiceError::Held | ChoiceError::Lost | ChoiceError::Randomness => {
                Error::new(Code::WriteFailed, chain(&error))
            }
        };
        made.caused_by(error)
    }
}

impl From<EstablishError> for Error {
    fn from(error: EstablishError) -> Error {
        match error {
            EstablishError::Differs(present) => {
                let message = format!("secrets are kept in {} already; nothing was changed", present.shown());
                Error::new(Code::BackendDiffers, message).with_remedy(Remedy::MoveStored)
            }
            EstablishError::Choice(error) => Error::from(error),
            EstablishError::Secrets(error) => Error::from(error),
        }
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Error {
        let made = match &error {
            // What cannot be read is not missing.
            ReferenceError::Place(place) => of_place(place),
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

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Error {
        Error::new(Code::Usage, error.to_string())
    }
}

impl Error {
    /// Makes the error for a file that a user wrote.
    pub(crate) fn in_document(path: &std::path::Path, error: &DocumentError) -> Error {
        Error::new(Code::ConfigInvalid, format!("{} {error}", Shown(path))).with_remedy(match error {
            DocumentError::BindingDamaged { .. } => Remedy::RemoveBinding(path.to_owned()),
            _ => Remedy::EditFile(path.to_owned()),
        })
    }

    /// Makes the error for a profile's file.
    pub(crate) fn in_profile(path: &std::path::Path, error: &ProfileError) -> Error {
        let message = format!("{}: {error}", Shown(path));
        match error {
            ProfileError::Document(error) => Error::in_document(path, error),
            ProfileError::Missing(_) | ProfileError::Contradiction(_) => {
                Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::EditFile(path.to_owned()))
            }
            ProfileError::InsecureEndpoint { .. } | ProfileError::PublicHost => {
                Error::new(Code::InsecureEndpoint, format!("{message}; nothing was sent"))
                    .with_remedy(Remedy::EditFile(path.to_owned()))
            }
            ProfileError::BindingDiffers(key) => {
                Error::new(Code::BindingMismatch, format!("{message}; nothing was sent"))
                    .with_remedy(Remedy::BindAgain(key))
            }
        }
    }
}

impl Error {
    /// Makes the error for a fleet store that is required and unavailable.
    pub(crate) fn required(error: &SharedError) -> Error {
        let (code, remedy) = match error {
            SharedError::Guessable => (Code::SecretTooWeak, Remedy::MakeFleetKeyForAll),
            SharedError::Exposed => (Code::InsecureEndpoint, Remedy::UseFleetTls),
            SharedError::OtherHosts => (Code::BindingMismatch, Remedy::SetFleetLogin),
            SharedError::LoginGone => (Code::FleetUnavailable, Remedy::SetFleetLogin),
            SharedError::NoKey(_) => (Code::FleetUnavailable, Remedy::Diagnose),
            _ => (Code::FleetUnavailable, Remedy::DiagnoseFleetStore),
        };
        Error::new(code, format!("the fleet store is required: {error}; the issuer was not asked")).with_remedy(remedy)
    }
}

impl Error {
    /// Makes the error for what the fleet was to forget and may still have.
    pub(crate) fn unforgotten(error: &SharedError) -> Error {
        Error::new(
            Code::FleetUnavailable,
            format!("the fleet store is unavailable: {error}; nothing was forgotten there"),
        )
        .with_remedy(Remedy::RepeatWithFleetStore)
    }
}

/// Returns the code of a failure of an issuer, or of the way to it.
pub(crate) fn issuer_code(error: &IssuerError) -> Code {
    match error {
        IssuerError::Dns { .. } | IssuerError::Proxy { fault: ProxyFault::Name, .. } => Code::Dns,
        IssuerError::Connect { .. } | IssuerError::Proxy { .. } => Code::Connect,
        IssuerError::ProxySetting { .. }
        | IssuerError::CertificateVariable { .. }
        | IssuerError::CaContent { .. }
        | IssuerError::CaFile(_) => Code::ConfigInvalid,
        IssuerError::Tls { .. } | IssuerError::OwnCertificate { .. } | IssuerError::Roots { .. } => Code::Tls,
        IssuerError::PublicAddress { .. } => Code::InsecureEndpoint,
        IssuerError::Timeout { .. } => Code::Timeout,
        IssuerError::Reset { .. } => Code::ConnectionReset,
        IssuerError::Redirect { .. } => Code::RedirectRefused,
        IssuerError::Refused { meaning: Meaning::Client, .. } => Code::InvalidClient,
        IssuerError::Refused { meaning: Meaning::Access | Meaning::Before, .. } => Code::AccessDenied,
        IssuerError::Refused { error, .. } => refused(error.as_deref()),
        IssuerError::RateLimited { .. } => Code::RateLimited,
        IssuerError::Server { .. } => Code::ServerError,
        IssuerError::Malformed { .. }
        | IssuerError::NoAnswer { .. }
        | IssuerError::Encoded { .. }
        | IssuerError::TokenType { .. } => Code::ResponseMalformed,
        IssuerError::TooLarge { .. } => Code::ResponseTooLarge,
        IssuerError::Token => Code::TokenMalformed,
        IssuerError::Credential(_) => Code::CredentialMissing,
        IssuerError::Downgrade => Code::DowngradeRefused,
        IssuerError::IssuerDiffers { .. } => Code::IssuerMismatch,
    }
}

impl From<IssuerError> for Error {
    fn from(error: IssuerError) -> Error {
        let code = issuer_code(&error);
        let mut made = Error::new(code, chain(&error)).with_remedy(match code {
            Code::InvalidClient => Remedy::SetRightClient,
            Code::RedirectRefused | Code::ResponseMalformed | Code::ResponseTooLarge | Code::TokenMalformed => {
                Remedy::CheckTokenUrl
            }
            Code::Tls => Remedy::GiveCertificates,
            Code::InsecureEndpoint => Remedy::GiveIssuerUrl,
            Code::Dns | Code::Connect => Remedy::CheckNetwork,
            Code::UnauthorizedClient | Code::AccessDenied | Code::InvalidGrant | Code::UnsupportedGrantType => {
                Remedy::AllowGrant
            }
            Code::InvalidScope => Remedy::CheckScope,
            Code::InvalidTarget => Remedy::CheckTarget,
            Code::InvalidRequest | Code::IssuerError => Remedy::CompareProfile,
            Code::CredentialMissing => Remedy::SetRightKey,
            Code::DowngradeRefused => Remedy::LeaveDpopOut,
            _ => Remedy::TryLater,
        });
        made.http_status = error.status();
        made.is_final = error.is_final();
        match &error {
            IssuerError::IssuerDiffers { asked, found } => made = made.with_remedy(right_issuer(asked, found)),
            IssuerError::OwnCertificate { .. } => made = made.with_remedy(Remedy::MakeServerCertificate),
            IssuerError::CertificateVariable { variable, .. } => {
                made = made.with_remedy(Remedy::UnsetCertificates(variable));
            }
            IssuerError::CaContent { path, fault } => {
                made = made.with_remedy(match fault {
                    CaFault::Der | CaFault::Trusted(_) => Remedy::ConvertToPem(path.clone()),
                    _ => Remedy::RestoreCaFile,
                });
            }
            IssuerError::CaFile(_) => made = made.with_remedy(Remedy::RestoreCaFile),
            IssuerError::ProxySetting { variable, .. } => {
                made = made.with_remedy(Remedy::UnsetProxy(variable));
            }
            IssuerError::Proxy { variable, fault, .. } => {
                made = made.with_remedy(match fault {
                    ProxyFault::NoPassword | ProxyFault::Password => Remedy::GiveProxyPassword(variable),
                    fault if fault.is_final() => Remedy::AllowThroughProxy,
                    _ => Remedy::CheckProxy(variable),
                });
            }
            IssuerError::Refused { meaning: Meaning::Before, .. } => made = made.with_remedy(Remedy::CheckWayToIssuer),
            IssuerError::Refused { error, clock, .. } => {
                made.oauth_error = error.clone();
                let is_of_proof =
                    matches!(code, Code::InvalidClient | Code::InvalidGrant | Code::InvalidRequest | Code::IssuerError);
                if let Some(seconds) = clock.filter(|_| is_of_proof) {
                    made = made.with_remedy(Remedy::SetClockLikeIssuer { seconds });
                }
            }
            IssuerError::NoAnswer { error, .. } => made.oauth_error = error.clone(),
            IssuerError::TokenType { may_be_bearer: true, .. } => made = made.with_remedy(Remedy::TakeTypeAsBearer),
            IssuerError::RateLimited { retry_after, .. } | IssuerError::Server { retry_after, .. } => {
                made.retry_after = *retry_after;
            }
            _ => {}
        }
        made.caused_by(error)
    }
}

/// Advises to take the issuer that the metadata names, if it is the same server: another one could be a trap.
fn right_issuer(asked: &str, found: &str) -> Remedy {
    let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let port = |url: &str| Url::parse(url).ok().and_then(|url| url.port_or_known_default());
    let is_same_host = host(found).is_some() && host(found) == host(asked);
    // Another port may be another server's.
    let is_same_server = is_same_host && port(found) == port(asked);
    let is_plain_text = found.bytes().all(|byte| byte.is_ascii_graphic());
    // An https server is not the plain http server that the metadata names: a proxy stands before it.
    let is_downgrade = asked.starts_with("https:") && found.starts_with("http:");
    match Endpoint::parse(found) {
        Ok(_) if is_same_host && is_downgrade => Remedy::MendIssuerName,
        Ok(_) if is_same_server && is_plain_text => Remedy::TakeIssuer(found.to_owned()),
        // Plain http was allowed for it, or the two would not have met.
        Err(EndpointError::Insecure) if is_same_server && is_plain_text && asked.starts_with("http://") => {
            Remedy::TakeIssuer(found.to_owned())
        }
        Err(EndpointError::Insecure) if is_same_host => Remedy::MendIssuerName,
        _ => Remedy::GiveExactIssuer,
    }
}

fn refused(error: Option<&str>) -> Code {
    match error.and_then(Code::parse) {
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
        let made = match &fault {
            CacheFault::Store(
                StoreError::Insecure(place) | StoreError::ReadOnly(place) | StoreError::Failed(place),
            ) => of_place(place),
            _ => Error::new(Code::WriteFailed, chain(&fault)),
        };
        made.caused_by(fault)
    }
}

#[cfg(feature = "ledger")]
impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Error {
        let remedy = match &error {
            LedgerError::Place(place) if place.is_insecure() => return of_place(place).caused_by(error),
            LedgerError::Busy => Remedy::FreeLedger,
            LedgerError::NewerVersion => Remedy::Update,
            _ => Remedy::CheckDataDirectory,
        };
        let message = format!("{}; no token depends on it", chain(&error));
        Error::new(Code::LedgerUnreadable, message).with_remedy(remedy).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_of_the_metadata_is_advised_only_if_it_is_the_same_server() {
        let asked = "https://id.example.com";
        for found in ["https://id.example.com/", "https://id.example.com:443", "https://ID.example.com/realms/a"] {
            assert_eq!(right_issuer(asked, found), Remedy::TakeIssuer(found.to_owned()), "{found}");
        }
        assert_eq!(right_issuer(asked, "http://id.example.com/"), Remedy::MendIssuerName);
        assert_eq!(right_issuer("https://localhost:8443", "http://localhost:8443"), Remedy::MendIssuerName);
        let plain = "http://keycloak:8080/".to_owned();
        assert_eq!(right_issuer("http://keycloak:8080", &plain), Remedy::TakeIssuer(plain));
        for found in [
            "https://evil.example/",
            "http://evil.example/",
            "https://id.example.com:8443",
            "https://id.example.com/{tenantid}/",
            "",
            "x",
            "https://id.example.com/\u{202e}",
        ] {
            assert_eq!(right_issuer(asked, found), Remedy::GiveExactIssuer, "{found}");
        }
    }
}
