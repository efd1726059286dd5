//! A backend: where secrets lie, and where the key comes from that seals them.
//!
//! A new one is a variant here, and a file in `key/` or in `store/`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::key::{DataKeySource, KeyAtHand, KeyCredential, KeyFile, KeyInKeyring, NoKey, PassphraseKey};
use super::{Argon2Cost, OsKeyring, SealedFiles, SecretStore, SecretsError, is_credential_name};
use crate::config::BackendName;
use crate::seal::DataKey;
use crate::system::files::{Dir, EscapedPath, path_from_text, path_to_text};

/// The place that keeps secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In the OS keyring, the data key among them.
    Keyring,
    /// In sealed files; the key comes from here.
    File(KeySource),
    /// Nowhere: nothing is kept.
    None,
}

/// The source of the key of sealed files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A key file, by its absolute path.
    KeyFile(PathBuf),
    /// A systemd credential: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// A passphrase, typed or read from a descriptor.
    Passphrase(Argon2Cost),
}

/// Makes the source of a backend's data key.
macro_rules! key_source {
    ($backend:expr) => {
        match $backend {
            Backend::Keyring => Box::new(KeyInKeyring),
            Backend::File(KeySource::KeyFile(path)) => Box::new(KeyFile(path)),
            Backend::File(KeySource::Credential(name)) => Box::new(KeyCredential(name)),
            Backend::File(KeySource::Passphrase(cost)) => Box::new(PassphraseKey(*cost)),
            Backend::None => Box::new(NoKey),
        }
    };
}

impl Backend {
    /// Returns the name in the contract.
    pub(crate) fn name(&self) -> &'static str {
        let name = match self {
            Backend::Keyring => BackendName::Keyring,
            Backend::File(_) => BackendName::File,
            Backend::None => BackendName::None,
        };
        name.name()
    }

    /// Reads what `Display` writes: a name, and the line after it if the backend has one.
    pub(super) fn parse<'a>(name: &str, next_line: impl FnOnce() -> Option<&'a str>) -> Option<Backend> {
        Some(match BackendName::parse(name)? {
            BackendName::Keyring => Backend::Keyring,
            BackendName::File => Backend::File(KeySource::parse(next_line()?)?),
            BackendName::None => Backend::None,
        })
    }

    /// Describes it for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Backend::Keyring => "the OS keyring".to_owned(),
            Backend::File(source) => format!("sealed files with {}", source.shown()),
            Backend::None => "nowhere".to_owned(),
        }
    }

    /// Returns where the data key comes from.
    pub(super) fn key_source(&self) -> Box<dyn DataKeySource + '_> {
        key_source!(self)
    }

    /// Returns the same for a look. The front links no more of a source than this.
    pub(super) fn key_at_hand(&self) -> Box<dyn KeyAtHand + '_> {
        key_source!(self)
    }

    /// Returns whether a daemon or a user hands the key out.
    pub(crate) fn needs_unlock(&self) -> bool {
        self.key_at_hand().needs_unlock()
    }

    /// Returns whether neither a secret nor a token is kept.
    pub(crate) fn keeps_nothing(&self) -> bool {
        matches!(self, Backend::None)
    }

    /// Returns whether secrets lie in sealed files, which the data key opens.
    pub(crate) fn seals_secrets(&self) -> bool {
        matches!(self, Backend::File(_))
    }

    /// Returns the key file, if the key comes from one.
    pub(crate) fn key_file(&self) -> Option<&Path> {
        match self {
            Backend::File(KeySource::KeyFile(path)) => Some(path),
            Backend::File(KeySource::Credential(_) | KeySource::Passphrase(_)) | Backend::Keyring | Backend::None => {
                None
            }
        }
    }

    /// Returns whether two choices are the same; what a passphrase costs was decided by the first.
    pub(super) fn is_same_as(&self, other: &Backend) -> bool {
        self == other || (self.has_passphrase() && other.has_passphrase())
    }

    /// Returns the store of secrets; `key` is called if it takes the data key.
    pub(crate) fn store(
        &self,
        dir: &Arc<Dir>,
        timeout: Duration,
        key: impl FnOnce() -> Result<DataKey, SecretsError>,
    ) -> Result<Arc<dyn SecretStore>, SecretsError> {
        match self {
            Backend::Keyring => Ok(Arc::new(OsKeyring::new(timeout))),
            Backend::File(_) => Ok(Arc::new(SealedFiles::new(dir.clone(), key()?))),
            Backend::None => Err(SecretsError::KeepsNothing),
        }
    }

    /// Returns whether the key comes from a passphrase.
    pub(crate) fn has_passphrase(&self) -> bool {
        matches!(self, Backend::File(KeySource::Passphrase(_)))
    }
}

/// In the file `store`.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Backend::File(source) => write!(f, "\n{source}"),
            Backend::Keyring | Backend::None => Ok(()),
        }
    }
}

impl KeySource {
    fn parse(text: &str) -> Option<KeySource> {
        let (kind, rest) = text.split_once(' ')?;
        match kind {
            "key-file" => path_from_text(rest).filter(|path| path.is_absolute()).map(KeySource::KeyFile),
            "key-credential" => is_credential_name(rest).then(|| KeySource::Credential(rest.to_owned())),
            "argon2id" => {
                let mut words = rest.split(' ');
                let mut number = |key: &str| words.next()?.strip_prefix(key)?.parse().ok();
                let cost = Argon2Cost { memory: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
                words.next().is_none().then_some(KeySource::Passphrase(cost))
            }
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            KeySource::KeyFile(path) => format!("the key file {}", EscapedPath(path)),
            KeySource::Credential(name) => format!("the systemd credential {name}"),
            KeySource::Passphrase(_) => "a passphrase".to_owned(),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::KeyFile(path) => write!(f, "key-file {}", path_to_text(path)),
            KeySource::Credential(name) => write!(f, "key-credential {name}"),
            KeySource::Passphrase(cost) => {
                write!(f, "argon2id m={} t={} p={}", cost.memory, cost.passes, cost.lanes)
            }
        }
    }
}
