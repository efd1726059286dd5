//! The two directories of a user, the content of `config.toml`, and which files in them are tokenkeep's own.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::ProjectDirs;

use super::endpoints::{ENDPOINTS, Endpoints};
use super::recording::Recording;
use crate::config::{BackendName, Config, NamedBackend};
use crate::error::{Code, Error, Remedy};
#[cfg(feature = "cli")]
use crate::secrets::Protection;
use crate::secrets::{Backend, KeySource, PassphraseReader, is_credential_name};
use crate::system::clock::{Clock, SystemClock};
use crate::system::files::{EscapedPath, Given, absolute, judge_config_dir, read_given};

const CONFIG_CAP: usize = 64 * 1024;
/// Names a key file by itself, if config.toml names no place for secrets.
pub(super) const KEY_FILE: &str = "TOKENKEEP_KEY_FILE";

/// The two directories of a user, and the content of `config.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) config_dir: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recording: Recording,
    /// Reads the passphrase of sealed files; the command line hands in how a user is asked.
    pub(crate) passphrase: PassphraseReader,
    /// Whether this process holds the lock of the data directory, which it cannot take twice.
    pub(crate) holds_lock: bool,
    /// What was found about an issuer that the environment names without endpoints.
    pub(crate) endpoints: Option<Endpoints>,
}

impl Home {
    /// Finds the directories: as given, else by environment, else the usual ones of this system.
    pub(crate) fn find(config_dir: Option<PathBuf>, data_dir: Option<PathBuf>) -> Result<Home, Error> {
        let config_dir = located(config_dir, "TOKENKEEP_CONFIG_DIR", ProjectDirs::config_dir)?;
        let data_dir = located(data_dir, "TOKENKEEP_DATA_DIR", ProjectDirs::data_local_dir)?;
        judge_config_dir(&config_dir)?;
        let path = config_dir.join("config.toml");
        let mut config = match read_given(&path, Given::Open, CONFIG_CAP)? {
            Some(bytes) => Config::parse(bytes).map_err(|error| Error::in_document(&path, &error))?,
            None => Config::default(),
        };
        if let (None, Some(key_file)) = (&config.backend, env::var_os(KEY_FILE).filter(|path| !path.is_empty())) {
            let key_file = PathBuf::from(key_file);
            if !key_file.is_absolute() {
                return Err(Error::new(Code::Usage, format!("{KEY_FILE} must be an absolute path")));
            }
            (config.backend, config.key_file) = (Some(NamedBackend::Known(BackendName::File)), Some(key_file));
            config.backend_by_variable = true;
        }
        Ok(Home {
            config_dir,
            data_dir,
            config,
            clock: Arc::new(SystemClock),
            recording: Recording::default(),
            passphrase: PassphraseReader::default(),
            holds_lock: false,
            endpoints: None,
        })
    }

    /// Returns the same for a process that holds the lock of the data directory: it makes no choice and no key.
    #[cfg(feature = "cli")]
    pub(crate) fn under_lock(&self) -> Home {
        Home { holds_lock: true, ..self.clone() }
    }

    /// Returns the directory that profiles are written to.
    pub(crate) fn profiles_dir(&self) -> PathBuf {
        self.config_dir.join("profiles")
    }

    /// Returns the place for secrets that `config.toml` names, if it names one.
    pub(crate) fn configured(&self) -> Result<Option<Backend>, Error> {
        let path = self.config_dir.join("config.toml");
        let invalid = |what: &str| {
            Error::new(Code::ConfigInvalid, format!("{}: {what}", EscapedPath(&path)))
                .with_remedy(Remedy::EditFile(path.clone()))
        };
        let named = match self.config.backend {
            None => return Ok(None),
            Some(NamedBackend::Known(named)) => named,
            Some(NamedBackend::Unknown) => {
                let names = BackendName::ALL.map(|(_, name)| format!("\"{name}\"")).join(", ");
                return Err(invalid(&format!("`secrets.backend` must be one of {names}")));
            }
        };
        Ok(Some(match (named, &self.config.key_file, &self.config.key_credential) {
            (BackendName::Keyring, None, None) => Backend::Keyring,
            (BackendName::None, None, None) => Backend::None,
            (BackendName::Keyring | BackendName::None, _, _) => {
                return Err(invalid("a key belongs to the backend \"file\""));
            }
            (BackendName::File, Some(_), Some(_)) => {
                return Err(invalid("`key_file` and `key_credential` exclude each other"));
            }
            (BackendName::File, None, Some(name)) if is_credential_name(name) => {
                Backend::File(KeySource::Credential(name.clone()))
            }
            (BackendName::File, None, Some(_)) => return Err(invalid("`key_credential` must be a file name")),
            (BackendName::File, Some(path), None) if self.is_own_file(path) => {
                return Err(invalid("`key_file` names a file of tokenkeep's own"));
            }
            (BackendName::File, _, None) => Backend::File(KeySource::KeyFile(self.key_file())),
        }))
    }

    /// Returns the key file of the file backend: as configured, else `key` beside the configuration.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.config.key_file.clone().unwrap_or_else(|| self.config_dir.join("key"))
    }

    /// Returns whether a path is, or would be, a file that tokenkeep writes itself: a key there would be overwritten or
    /// swept away. Links are followed as far as something is there.
    pub(crate) fn is_own_file(&self, path: &Path) -> bool {
        let real = |path: &Path| {
            let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
            there.map_or_else(
                || path.to_owned(),
                |(part, real)| path.strip_prefix(part).map_or_else(|_| path.to_owned(), |rest| real.join(rest)),
            )
        };
        let path = real(path);
        let below = |directory: &Path| path.strip_prefix(real(directory)).ok().map(Path::to_owned);
        let first =
            |rest: &Path| rest.iter().next().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_temporary = |name: &str| name.ends_with(".tmp");
        let is_data = below(&self.data_dir).is_some_and(|rest| {
            let name = first(&rest);
            let folders = ["secrets", "tokens", "locks", "ledger.pending"];
            let files = ["", "store", "store.lock", "configurations", "shared", "vouched", "callers", ENDPOINTS];
            folders.contains(&name.as_str())
                || files.contains(&name.as_str())
                || name.starts_with("ledger.")
                || is_temporary(&name)
        });
        let is_config = below(&self.config_dir).is_some_and(|rest| {
            let name = first(&rest);
            ["", "profiles", "config.toml"].contains(&name.as_str()) || is_temporary(&name)
        });
        is_data || is_config
    }

    /// Returns what protects the secrets of a backend.
    #[cfg(feature = "cli")]
    pub(crate) fn protection(&self, backend: &Backend) -> Protection {
        backend.protection(|path| self.is_beside(path))
    }

    /// Returns whether a key file lies where a copy of the data takes it along: beside the configuration, in the data
    /// directory, or in the same home.
    #[cfg(feature = "cli")]
    fn is_beside(&self, key_file: &Path) -> bool {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let same_home = home.is_some_and(|home| key_file.starts_with(&home) && self.data_dir.starts_with(&home));
        same_home || key_file.starts_with(&self.config_dir) || key_file.starts_with(&self.data_dir)
    }
}

/// A path that was typed may be relative to the current directory; one from the environment may not: it would mean
/// another directory in each process.
fn located(typed: Option<PathBuf>, variable: &str, default: fn(&ProjectDirs) -> &Path) -> Result<PathBuf, Error> {
    if let Some(typed) = typed {
        return Ok(absolute(&typed)?);
    }
    if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(value);
        if path.is_absolute() {
            return Ok(path);
        }
        return Err(Error::new(Code::Usage, format!("{variable} must be an absolute path")));
    }
    let dirs = ProjectDirs::from("", "", "tokenkeep");
    dirs.as_ref().map(default).map(Path::to_owned).filter(|path| path.is_absolute()).ok_or_else(|| {
        let is_relative = env::var_os("HOME").is_some_and(|home| Path::new(&home).is_relative() && !home.is_empty());
        let message = if is_relative { "HOME is not an absolute path" } else { "this user has no home directory" };
        Error::new(Code::Usage, message).with_remedy(Remedy::GiveDirectories)
    })
}

/// Returns whether nothing is at a path, for certain: what cannot be looked at may be there.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
