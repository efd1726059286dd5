//! Configuration and environment -> a wired keeper: the only file that knows every concrete type.

pub(crate) mod environment;
mod fleet;
#[cfg(feature = "cli")]
mod named;
mod options;
pub(crate) mod profiles;
pub(crate) mod recording;

#[cfg(feature = "cli")]
pub(crate) use fleet::fleet_key_file;
#[cfg(feature = "cli")]
pub(crate) use named::Named;
pub use options::OpenOptions;
use profiles::{PROFILE_CAP, generations_in, profile_names};

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::ProjectDirs;

use crate::cache::Cache;
use crate::cache::single_flight::Flight;
use crate::cache::store::{FileStore, RecordError};
use crate::config::Config;
use crate::error::{Code, Error, Remedy};
use crate::keeper::{
    Keeper, Keeping, LazyCache, NoCache, Observer, Parts, ProfileSource, Secrets, identity_of, read_certificate,
};
use crate::oauth::Transport;
use crate::open::recording::Recording;
use crate::profile::{ClientCertificate, Generation, NAME_RULE, Profile, ProfileFile, ProfileName};
use crate::seal::DataKey;
use crate::secrets::{
    self, Backend, BackendChoice, ChoiceError, EstablishError, KeySource, Keys, MissingKey, SecretsError,
    is_credential_name,
};
use crate::system::clock::{Clock, SystemClock};
use crate::system::files::{self, Dir, EscapedPath, Given, Missing, Stamp, caller_name, judge_config_dir, read_given};
use crate::system::secret::Secret;
use crate::token::AccessToken;

const CONFIG_CAP: usize = 64 * 1024;
/// Profiles that an administrator gives to all users of this machine. There are none on a system on which any user may
/// make a folder of this name.
const SYSTEM_PROFILES: Option<&str> = if cfg!(unix) { Some("/etc/tokenkeep/profiles") } else { None };

/// What stands for the path of a profile that the environment makes.
const ENVIRONMENT: &str = "TOKENKEEP_*";
/// Names a key file by itself, if config.toml names no place for secrets.
const KEY_FILE: &str = "TOKENKEEP_KEY_FILE";

/// Opens a profile that was set up with `tokenkeep credentials set`, in the directories and with the configuration of
/// the command line. [`OpenOptions`] opens others.
///
/// Reads files only: the secret and the issuer are left until a token is needed.
///
/// # Errors
/// [`Code::ProfileNotFound`], [`Code::ConfigInvalid`] when a file does not hold what it must, [`Code::Usage`] when
/// `profile` is no name or this user has no home, [`Code::InsecurePath`] when others can change a file that it reads.
///
/// # Examples
/// ```no_run
#[doc = include_str!("../../examples/library.rs")]
/// ```
pub fn open(profile: &str) -> Result<Keeper, Error> {
    OpenOptions::new().open(profile)
}

/// The two directories of a user, and the content of `config.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) config_dir: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recording: Recording,
    /// Whether this process holds the lock of the data directory, which it cannot take twice.
    pub(crate) holds_lock: bool,
    /// What was found about an issuer that the environment names without endpoints.
    pub(crate) endpoints: Option<environment::Endpoints>,
}

/// A data directory for which a place of secrets was chosen.
pub(crate) struct Opened {
    pub(crate) dir: Arc<Dir>,
    pub(crate) keys: Keys,
}

impl Opened {
    /// Returns the same for a process that holds the lock of the data directory.
    #[cfg(feature = "cli")]
    pub(crate) fn under_lock(&self) -> Opened {
        Opened { dir: self.dir.clone(), keys: self.keys.clone().under_lock() }
    }
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
            (config.backend, config.key_file) = (Some("file".to_owned()), Some(key_file));
            config.backend_by_variable = true;
        }
        Ok(Home {
            config_dir,
            data_dir,
            config,
            clock: Arc::new(SystemClock),
            recording: Recording::default(),
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

    /// Returns the profile that is meant: the one named, else the default, else the only one.
    pub(crate) fn profile_name(&self, typed: Option<&str>) -> Result<ProfileName, Error> {
        if let Some(name) = typed {
            return ProfileName::parse(name)
                .ok_or_else(|| Error::new(Code::Usage, format!("a profile name is {NAME_RULE}")));
        }
        // A container names its profile by variables; what else is set up there is for commands that name it.
        if let Some(name) = environment::name() {
            return Ok(name);
        }
        if let Some(name) = &self.config.default_profile {
            let path = self.config_dir.join("config.toml");
            let message = format!("{} `default_profile` is no profile name: {NAME_RULE}", EscapedPath(&path));
            return ProfileName::parse(name)
                .ok_or_else(|| Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::EditFile(path.clone())));
        }
        let mut names = self.profile_names()?;
        match (names.pop(), names.is_empty()) {
            (Some(name), true) => Ok(name),
            (None, _) => Err(self.no_profile()),
            (Some(last), false) => {
                names.push(last);
                let list = names.iter().map(ProfileName::as_str).collect::<Vec<_>>().join(", ");
                let config = self.config_dir.join("config.toml");
                Err(Error::new(Code::ProfileAmbiguous, format!("several profiles ({list}) and no default"))
                    .with_remedy(Remedy::NameProfileOrDefault(config)))
            }
        }
    }

    /// Lists all profiles, the user's and the machine's, sorted.
    pub(crate) fn profile_names(&self) -> Result<Vec<ProfileName>, Error> {
        let mut names = profile_names(&self.profiles_dir())?;
        if let Some(directory) = SYSTEM_PROFILES {
            names.extend(profile_names(Path::new(directory)).unwrap_or_default());
        }
        names.extend(environment::name());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Reads a profile, and returns its path too.
    pub(crate) fn profile_file(&self, name: &ProfileName) -> Result<(PathBuf, ProfileFile), Error> {
        if let Some(file) = environment::profile(name, self).map_err(|error| error.for_profile(name))? {
            return Ok((PathBuf::from(ENVIRONMENT), file));
        }
        for directory in [self.profiles_dir()].into_iter().chain(SYSTEM_PROFILES.map(PathBuf::from)) {
            let path = directory.join(name.file_name());
            if let Some(bytes) = read_given(&path, Given::Open, PROFILE_CAP)? {
                let file = ProfileFile::parse(bytes).map_err(|error| Error::in_profile(&path, &error));
                return file.map(|file| (path, file)).map_err(|error| error.for_profile(name));
            }
        }
        if self.profile_names()?.is_empty() {
            return Err(self.no_profile().with_remedy(Remedy::SetProfile(name.to_string())).for_profile(name));
        }
        let message = format!("there is no profile {name} in {}", EscapedPath(&self.profiles_dir()));
        let is_near = |other: &ProfileName| strsim::damerau_levenshtein(other.as_str(), name.as_str()) <= 2;
        let remedy = match self.profile_names()?.into_iter().find(is_near) {
            Some(near) if name.as_str().len() > 3 => Remedy::UseProfile(near.to_string()),
            _ => Remedy::SetProfile(name.to_string()),
        };
        Err(Error::new(Code::ProfileNotFound, message).with_remedy(remedy).for_profile(name))
    }

    /// Returns the error for a stored secret that another data directory keeps. A sandbox or a variable may name
    /// another one than the terminal in which it was set. `None` if there is no such directory.
    pub(crate) fn kept_elsewhere(&self, name: &ProfileName) -> Option<Error> {
        let (_, file) = self.profile_file(name).ok()?;
        file.binding.as_ref()?;
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_other = |other: &PathBuf| real(other) != real(&self.data_dir) && !is_gone(&other.join("store"));
        // Profiles that were set by an earlier version do not name it, and a home may have moved since.
        let other = file.kept_in.into_iter().chain(usual_data_dir()).find(is_other)?;
        let variable = ["TOKENKEEP_DATA_DIR", "XDG_DATA_HOME"].into_iter().find(|name| {
            let value = env::var_os(name).filter(|value| !value.is_empty());
            value.is_some_and(|value| self.data_dir.starts_with(value))
        });
        let by = variable.map(|variable| format!(" (by {variable})")).unwrap_or_default();
        let message = format!(
            "the secret of {name} is kept in the data directory {}, and this command uses {}{by}",
            EscapedPath(&other),
            EscapedPath(&self.data_dir)
        );
        let error = Error::new(Code::CredentialMissing, format!("{message}; nothing was changed"));
        Some(error.with_remedy(Remedy::UseDataDirectory { path: other, variable }).for_profile(name))
    }

    /// Lists the stored secrets that profiles name, the user's and the machine's. A profile or a directory that cannot
    /// be read may name any of them, and is an error.
    pub(crate) fn generations(&self) -> Result<Vec<Generation>, Error> {
        let mut generations = generations_in(&self.profiles_dir())?;
        if let Some(directory) = SYSTEM_PROFILES {
            generations.extend(generations_in(Path::new(directory))?);
        }
        Ok(generations)
    }

    /// Reads a profile and makes it usable.
    pub(crate) fn profile(&self, name: &ProfileName) -> Result<Profile, Error> {
        let (path, file) = self.profile_file(name)?;
        certified(file.resolve(name).map_err(|error| Error::in_profile(&path, &error).for_profile(name))?)
    }

    /// Returns the place for secrets that `config.toml` names, if it names one.
    pub(crate) fn configured(&self) -> Result<Option<Backend>, Error> {
        let path = self.config_dir.join("config.toml");
        let invalid = |what: &str| {
            Error::new(Code::ConfigInvalid, format!("{}: {what}", EscapedPath(&path)))
                .with_remedy(Remedy::EditFile(path.clone()))
        };
        match (self.config.backend.as_deref(), &self.config.key_file, &self.config.key_credential) {
            (None, _, _) => Ok(None),
            (Some("keyring"), None, None) => Ok(Some(Backend::Keyring)),
            (Some("none"), None, None) => Ok(Some(Backend::None)),
            (Some("file"), Some(_), Some(_)) => Err(invalid("`key_file` and `key_credential` exclude each other")),
            (Some("file"), None, Some(name)) if is_credential_name(name) => {
                Ok(Some(Backend::File(KeySource::Credential(name.clone()))))
            }
            (Some("file"), None, Some(_)) => Err(invalid("`key_credential` must be a file name")),
            (Some("file"), Some(path), None) if self.is_own_file(path) => {
                Err(invalid("`key_file` names a file of tokenkeep's own"))
            }
            (Some("file"), _, None) => Ok(Some(Backend::File(KeySource::KeyFile(self.key_file())))),
            (Some("keyring" | "none"), _, _) => Err(invalid("a key belongs to the backend \"file\"")),
            (Some(_), _, _) => Err(invalid("`secrets.backend` must be one of \"keyring\", \"file\", \"none\"")),
        }
    }

    /// Returns the key file of the file backend: as configured, else `key` beside the configuration.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.config.key_file.clone().unwrap_or_else(|| self.config_dir.join("key"))
    }

    /// Opens the data directory if a place for secrets was chosen; `None` if none was. A choice in `config.toml` is
    /// made here, as `init` would have.
    pub(crate) fn opened(&self) -> Result<Option<Opened>, Error> {
        let configured = self.configured()?;
        let missing = if configured.is_some() { Missing::Create } else { Missing::Leave };
        let Some(dir) = Dir::open(&self.data_dir, missing)?.map(Arc::new) else { return Ok(None) };
        // Before the choice is read: a rekey that comes between is noticed later.
        let stamp = BackendChoice::stamp(&dir);
        let choice = match (BackendChoice::load(&dir)?, configured) {
            (None, None) => return Ok(None),
            (Some(choice), Some(configured)) if choice.backend != configured && !has_moved(&choice, &configured) => {
                let who = if self.config.backend_by_variable { KEY_FILE } else { "config.toml" };
                let message = format!(
                    "{who} says {}, and the data directory was set up for {}",
                    configured.shown(),
                    choice.backend.shown()
                );
                return Err(Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::UseOneBackend));
            }
            (Some(choice), _) => choice,
            // A key that needs a daemon or a user is not requested here; `Keys` requests it when it is needed.
            (None, Some(backend @ (Backend::Keyring | Backend::File(KeySource::Passphrase(_))))) => {
                BackendChoice::new(backend)?
            }
            (None, Some(backend)) if self.holds_lock => BackendChoice::new(backend)?,
            (None, Some(backend)) => {
                match secrets::establish(&dir, &backend, MissingKey::Leave, self.config.keyring_timeout) {
                    Ok((choice, _)) => choice,
                    // Without its first key the choice stays open; a caller that needs the key gets the reason.
                    Err(EstablishError::Secrets(_)) => BackendChoice::new(backend)?,
                    Err(error) => return Err(Error::from(error)),
                }
            }
        };
        let keys = Keys::new(dir.clone(), choice, self.config.keep_unlocked, self.config.keyring_timeout)
            .with_moved_key(self.key_file())
            .with_stamp(stamp);
        let keys = if self.holds_lock { keys.under_lock() } else { keys };
        Ok(Some(Opened { dir, keys }))
    }

    /// Removes the temporaries that a kill left in both directories. The lock shows that no other process writes one.
    pub(crate) fn remove_temporaries(&self, dir: &Dir, lock: &secrets::DataDirLock) -> Result<(), Error> {
        secrets::remove_temporaries(dir, lock)?;
        files::remove_config_temporaries(&self.config_dir)?;
        Ok(files::remove_config_temporaries(&self.profiles_dir())?)
    }

    /// Wires a keeper for a profile.
    pub(crate) fn keeper(&self, name: &ProfileName, observer: Observer) -> Result<Keeper, Error> {
        let path = self.profiles_dir().join(name.file_name());
        // Before the file is read: a change that comes between is noticed. A fault of the file is reported first.
        let stamp = Stamp::of_path(&path);
        let profile = self.profile(name)?;
        let stamp = stamp?;
        let (home, own) = (self.clone(), name.clone());
        let (elsewhere, of) = (self.clone(), name.clone());
        let source = ProfileSource::File {
            load: Box::new(move || home.profile(&own)),
            stamp: Box::new(move || Ok(Stamp::of_path(&path)?)),
        };
        let parts = Parts {
            fleet: self.fleet()?,
            elsewhere: Box::new(move || elsewhere.kept_elsewhere(&of)),
            ..self.parts(Secrets::Profile, source, observer)?
        };
        Ok(Keeper::from_parts(parts, profile, stamp))
    }

    /// Returns the token of a profile that is kept and valid, as the first look of a keeper would, but without a
    /// keeper. A process that asks once needs neither its turns nor its transport.
    pub(crate) fn cached(&self, name: &ProfileName) -> Result<Option<(Profile, AccessToken)>, Error> {
        let profile = self.profile(name)?;
        let Some(Opened { dir, keys }) = self.opened()? else { return Ok(None) };
        // What keeps the key from being at hand, or the record from opening, is reported when a fresh one is requested.
        let Ok(Some(key)) = keys.key_if_cached() else { return Ok(None) };
        let kept = self.cache(dir, key).token(&identity_of(&profile)).ok().flatten();
        let valid = kept.filter(|token| token.validity().outlasts(profile.min_ttl, &self.clock.now()));
        Ok(valid.map(|token| (profile, token)))
    }

    /// Wires a keeper for a credential that is not set yet; without `secret`, the profile names its place.
    pub(crate) fn keeper_for_verification(
        &self,
        profile: Profile,
        secret: Option<Secret>,
        observer: Observer,
    ) -> Result<Keeper, Error> {
        let secrets = secret.map_or(Secrets::Profile, Secrets::Given);
        let parts = self.parts(secrets, ProfileSource::Fixed, observer)?;
        Ok(Keeper::from_parts(parts, certified(profile)?, None))
    }

    fn parts(&self, secrets: Secrets, source: ProfileSource, observer: Observer) -> Result<Parts, Error> {
        let (cache_access, shared) = self.cache_access()?;
        Ok(Parts {
            clock: self.clock.clone(),
            transport: self.transport(),
            recorder: self.recording.recorder(shared.clone(), self.clock.clone()),
            flight: Flight::new(shared),
            cache_access,
            secrets,
            elsewhere: Box::new(|| None),
            command_timeout: self.config.command_timeout,
            keeping: if self.config.required { Keeping::Required } else { Keeping::IfPossible },
            source,
            // A credential that is tried is tried on its issuer.
            fleet: None,
            observer,
        })
    }

    /// Opens what records and secrets are kept in, and the directory for what processes share. Only a place that must
    /// not be trusted, or a choice that contradicts itself, keeps the caller from a token.
    fn cache_access(&self) -> Result<(LazyCache, Option<Arc<Dir>>), Error> {
        match self.opened() {
            Ok(Some(Opened { dir, keys })) => {
                let store = Arc::new(FileStore::new(dir.clone(), self.clock.clone()));
                // If nothing is kept, a turn would make each caller wait for all before it.
                let shared = (keys.choice().backend != Backend::None).then_some(dir);
                Ok((LazyCache::sealed(store, keys), shared))
            }
            Ok(None) => Ok((LazyCache::nowhere(NoCache::NotChosen), None)),
            // The disk is to blame, not the place: what can be had without it is handed out.
            Err(error) if error.code() == Code::WriteFailed => {
                let reason = match Dir::open(&self.data_dir, Missing::Create) {
                    Err(place) => NoCache::Place(RecordError::from(place)),
                    Ok(_) => NoCache::DataKey(SecretsError::NoPlace(error.to_string())),
                };
                Ok((LazyCache::nowhere(reason), None))
            }
            Err(error) => match self.unusable_store() {
                // Nothing can be kept; a profile whose secret lies elsewhere gets a token all the same.
                Some(why) => Ok((LazyCache::nowhere(NoCache::Unusable(why)), None)),
                None => Err(error),
            },
        }
    }

    /// Returns what is wrong with the file `store`, if it is damaged or of a newer version.
    fn unusable_store(&self) -> Option<String> {
        let dir = Dir::open(&self.data_dir, Missing::Leave).ok().flatten()?;
        match BackendChoice::load(&dir) {
            Err(error @ (ChoiceError::Damaged { .. } | ChoiceError::NewerVersion)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Makes the cache of an opened data directory.
    pub(crate) fn cache(&self, dir: Arc<Dir>, key: DataKey) -> Cache {
        Cache::new(Arc::new(FileStore::new(dir, self.clock.clone())), key)
    }

    /// Makes the transport of this configuration.
    pub(crate) fn transport(&self) -> Transport {
        Transport::new(self.clock.clone(), self.config.connect_timeout, self.config.timeout)
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
            let files = ["", "store", "store.lock", "configurations", "shared", "vouched", environment::ENDPOINTS];
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

    /// Returns whether a backend's key file lies where a copy of the data takes it along: beside the configuration, in
    /// the data directory, or in the same home.
    pub(crate) fn is_beside(&self, backend: &Backend) -> bool {
        let Backend::File(KeySource::KeyFile(path)) = backend else { return false };
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let same_home = home.is_some_and(|home| path.starts_with(&home) && self.data_dir.starts_with(&home));
        same_home || path.starts_with(&self.config_dir) || path.starts_with(&self.data_dir)
    }

    fn no_profile(&self) -> Error {
        let message = format!("no profile is set up for {} in {}", caller_name(), EscapedPath(&self.config_dir));
        Error::new(Code::ProfileNotFound, message).with_remedy(Remedy::SetFirstProfile)
    }
}

/// A path that was typed may be relative to the current directory; one from the environment may not: it would mean
/// another directory in each process.
fn located(typed: Option<PathBuf>, variable: &str, default: fn(&ProjectDirs) -> &Path) -> Result<PathBuf, Error> {
    if let Some(typed) = typed {
        return std::path::absolute(&typed)
            .map_err(|_| Error::new(Code::Usage, "a directory that was given is not a path"));
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

/// Returns the data directory of a session that names no other, on systems on which a variable may.
fn usual_data_dir() -> Option<PathBuf> {
    let home = directories::BaseDirs::new()?.home_dir().to_owned();
    cfg!(target_os = "linux").then(|| home.join(".local/share/tokenkeep"))
}

/// Reads an environment variable that holds text; an empty one is as if it were not set.
pub(crate) fn text_variable(name: &str) -> Result<Option<String>, Error> {
    let text = env::var_os(name).map(OsString::into_string).transpose();
    let text = text.map_err(|_| Error::new(Code::Usage, format!("{name} is not UTF-8 text")))?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Returns whether the configuration names another place of the key file, and the file that `store` names is gone.
fn has_moved(choice: &BackendChoice, configured: &Backend) -> bool {
    let (Backend::File(KeySource::KeyFile(old)), Backend::File(KeySource::KeyFile(_))) = (&choice.backend, configured)
    else {
        return false;
    };
    is_gone(old)
}

/// Returns whether nothing is at a path, for certain: what cannot be looked at may be there.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Adds the thumbprint of the certificate: a token belongs to the one that it was obtained with (RFC 8705 s. 3).
fn certified(mut profile: Profile) -> Result<Profile, Error> {
    if let Some(certificate) = profile.certificate.clone() {
        let (_, thumbprint) = read_certificate(&profile, &certificate)?;
        profile.certificate = Some(ClientCertificate { thumbprint: Some(thumbprint), ..certificate });
    }
    Ok(profile)
}
