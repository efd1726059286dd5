//! The backend that `config.toml` or a command names, before it is known where its key comes from.

/// A backend, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackendName {
    /// The OS keyring.
    Keyring,
    /// Sealed files.
    File,
    /// None: nothing is kept.
    None,
}

impl BackendName {
    /// Every backend with its name in the contract.
    pub(crate) const ALL: [(BackendName, &'static str); 3] =
        [(BackendName::Keyring, "keyring"), (BackendName::File, "file"), (BackendName::None, "none")];

    /// Returns the name in the contract.
    pub(crate) fn name(self) -> &'static str {
        BackendName::ALL.into_iter().find(|(known, _)| *known == self).map(|(_, name)| name).unwrap_or_default()
    }

    /// Reads a name in the contract.
    pub(crate) fn parse(text: &str) -> Option<BackendName> {
        BackendName::ALL.into_iter().find(|(_, name)| *name == text).map(|(known, _)| known)
    }
}

/// What `backend` of `config.toml` names. A word that is no backend is an error when secrets are needed, and no earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBackend {
    Known(BackendName),
    Unknown,
}

impl NamedBackend {
    pub(super) fn of(text: &str) -> NamedBackend {
        BackendName::parse(text).map_or(NamedBackend::Unknown, NamedBackend::Known)
    }
}
