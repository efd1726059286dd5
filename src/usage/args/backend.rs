//! The flags of `init` and `rekey`.

use std::path::PathBuf;

use clap::Args;

use super::one_of;
use crate::config::BackendName;

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The place for secrets: the OS keyring, sealed files, or none.
    #[arg(long, value_name = "BACKEND", value_parser = one_of(BackendName::ALL))]
    pub(crate) backend: BackendName,
    /// The key file; made if it is not there [default: `key` in the config directory].
    #[arg(long, value_name = "PATH", group = "key")]
    pub(crate) key_file: Option<PathBuf>,
    /// The systemd credential that holds the key.
    #[arg(long, value_name = "NAME", group = "key")]
    pub(crate) key_credential: Option<String>,
    /// Derive the key from a passphrase, typed at a hidden prompt.
    #[arg(long, group = "key")]
    pub(crate) passphrase: bool,
    /// Move the stored secrets: copy, read back, switch, delete.
    #[arg(long = "move")]
    pub(crate) relocate: bool,
}

/// `rekey`
#[derive(Debug, Args)]
pub(crate) struct Rekey {
    /// Destroy the stored secrets and tokens, and the key if the keyring holds it.
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Destroy without asking.
    #[arg(long, requires = "destroy")]
    pub(crate) yes: bool,
}
