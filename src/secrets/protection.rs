//! What protects the secrets of a backend.

use std::path::Path;

use super::{Backend, KeySource};

/// What protects the secrets of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// The OS keyring.
    Keyring,
    /// A passphrase.
    Passphrase,
    /// The service manager.
    SystemdCredential,
    /// A key file that lies elsewhere.
    KeyFile,
    /// Nothing: the key file is copied together with the data.
    PlaintextEquivalent,
    /// There is nothing to protect.
    NothingKept,
}

impl Protection {
    /// Returns the name in the contract.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protection::Keyring => "keyring",
            Protection::Passphrase => "passphrase",
            Protection::SystemdCredential => "systemd-credential",
            Protection::KeyFile => "key-file",
            Protection::PlaintextEquivalent => "plaintext-equivalent",
            Protection::NothingKept => "nothing-kept",
        }
    }
}

impl Backend {
    /// Returns what protects the secrets; `lies_beside` decides whether a copy of the data takes a key file along.
    pub(crate) fn protection(&self, lies_beside: impl FnOnce(&Path) -> bool) -> Protection {
        match self {
            Backend::Keyring => Protection::Keyring,
            Backend::File(KeySource::KeyFile(path)) if lies_beside(path) => Protection::PlaintextEquivalent,
            Backend::File(KeySource::KeyFile(_)) => Protection::KeyFile,
            Backend::File(KeySource::Credential(_)) => Protection::SystemdCredential,
            Backend::File(KeySource::Passphrase(_)) => Protection::Passphrase,
            Backend::None => Protection::NothingKept,
        }
    }
}
