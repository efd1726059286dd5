//! Configuration and environment -> a wired keeper: the only file that knows every concrete type.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::ProjectDirs;

use crate::cache::Cache;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::credentials::{PROFILE_CAP, profile_names};
use crate::error::{Code, Error, chain};
use crate::flight::Flight;
use crate::keeper::{Keeper, NoCache, Observer, Parts, ProfileSource, Secrets};
use crate::oauth::Transport;
use crate::place::{Dir, Given, Missing, Shown, Stamp, caller, judge_config_dir, read_given};
use crate::profile::{Profile, ProfileFile, ProfileName};
use crate::seal::DataKey;
use crate::secret::Secret;
use crate::secrets::{self, Backend, Choice, EstablishError, MissingKey, SealedFiles, SecretStore, SecretsError};
use crate::store::{FileStore, StoreError};
use crate::warning::Warning;

const CONFIG_CAP: usize = 64 * 1024;
/// Profiles that an administrator gives to everybody on this machine.
const SYSTEM_PROFILES: &str = "/etc/tokenkeep/profiles";

/// Opens the profile that the command line would use, as it would.
///
/// # Errors
/// When the profile or the configuration is missing, ambiguous or unusable.
///
/// # Examples
/// See the crate's example.
pub fn open(profile: &str) -> Result<Keeper, Error> {
    let home = Home::find(None, None)?;
    let name = home.profile_name(Some(profile))?;
    home.keeper(&name, Box::new(|warning: &Warning| tracing::warn!(code = warning.code(), "{warning}")))
}

/// The two directories of a user, and what `config.toml` says.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) config_dir: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is known about the place of secrets.
pub(crate) struct Opened {
    pub(crate) dir: Arc<Dir>,
    pub(crate) key: Result<DataKey, SecretsError>,
}

impl Home {
    /// Finds the directories: as given, else by environment, else where this system keeps such.
    pub(crate) fn find(config_dir: Option<PathBuf>, data_dir: Option<PathBuf>) -> Result<Home, Error> {
        let config_dir = located(config_dir, "TOKENKEEP_CONFIG_DIR", ProjectDirs::config_dir)?;
        let data_dir = located(data_dir, "TOKENKEEP_DATA_DIR", ProjectDirs::data_local_dir)?;
        judge_config_dir(&config_dir)?;
        let path = config_dir.join("config.toml");
        let config = match read_given(&path, Given::Open, CONFIG_CAP)? {
            Some(bytes) => Config::parse(bytes).map_err(|error| Error::in_document(&path, &error))?,
            None => Config::default(),
        };
        Ok(Home { config_dir, data_dir, config, clock: Arc::new(SystemClock) })
    }

    /// Returns the directory that profiles are written to.
    pub(crate) fn profiles_dir(&self) -> PathBuf {
        self.config_dir.join("profiles")
    }

    /// Returns the profile that is meant: the one named, else the default, else the only one.
    pub(crate) fn profile_name(&self, typed: Option<&str>) -> Result<ProfileName, Error> {
        let rule = "a-z, 0-9 and . _ - after the first, 64 characters at most";
        if let Some(name) = typed {
            return ProfileName::parse(name)
                .ok_or_else(|| Error::new(Code::Usage, format!("a profile name is {rule}")));
        }
        if let Some(name) = &self.config.default_profile {
            let path = self.config_dir.join("config.toml");
            let message = format!("{} `default_profile` is no profile name: {rule}", Shown(&path));
            return ProfileName::parse(name)
                .ok_or_else(|| Error::new(Code::ConfigInvalid, message).with_hint(format!("edit {}", Shown(&path))));
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
                    .with_hint(format!("add -p NAME, or set default_profile in {}", Shown(&config))))
            }
        }
    }

    /// Lists all profiles, the user's and the machine's, sorted.
    pub(crate) fn profile_names(&self) -> Result<Vec<ProfileName>, Error> {
        let mut names = profile_names(&self.profiles_dir())?;
        names.extend(profile_names(Path::new(SYSTEM_PROFILES)).unwrap_or_default());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Reads a profile, and where it stands.
    pub(crate) fn profile_file(&self, name: &ProfileName) -> Result<(PathBuf, ProfileFile), Error> {
        for directory in [self.profiles_dir(), PathBuf::from(SYSTEM_PROFILES)] {
            let path = directory.join(name.file_name());
            if let Some(bytes) = read_given(&path, Given::Open, PROFILE_CAP)? {
                let file = ProfileFile::parse(bytes).map_err(|error| Error::in_profile(&path, &error));
                return file.map(|file| (path, file)).map_err(|error| error.for_profile(name));
            }
        }
        if self.profile_names()?.is_empty() {
            return Err(self.no_profile());
        }
        let message = format!("there is no profile {name} in {}", Shown(&self.profiles_dir()));
        Err(Error::new(Code::ProfileNotFound, message)
            .with_hint(format!("run tokenkeep credentials set -p {name} --token-url URL --client-id ID"))
            .for_profile(name))
    }

    /// Reads a profile and makes it usable.
    pub(crate) fn profile(&self, name: &ProfileName) -> Result<Profile, Error> {
        let (path, file) = self.profile_file(name)?;
        file.resolve(name).map_err(|error| Error::in_profile(&path, &error).for_profile(name))
    }

    /// Returns the place for secrets that `config.toml` names, where it names one.
    pub(crate) fn configured(&self) -> Result<Option<Backend>, Error> {
        match self.config.backend.as_deref() {
            None => Ok(None),
            Some("file") => Ok(Some(Backend::File { key_file: self.key_file() })),
            Some(_) => {
                let path = self.config_dir.join("config.toml");
                let message = format!("{}: `secrets.backend` must be \"file\" in this version", Shown(&path));
                Err(Error::new(Code::ConfigInvalid, message).with_hint(format!("edit {}", Shown(&path))))
            }
        }
    }

    /// Returns the key file of the file backend: as configured, else `key` beside the configuration.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.config.key_file.clone().unwrap_or_else(|| self.config_dir.join("key"))
    }

    /// Returns the key file that the data directory was sealed with; `None` where nothing was chosen.
    pub(crate) fn chosen_key_file(&self) -> Result<Option<PathBuf>, Error> {
        let Some(dir) = Dir::open(&self.data_dir, Missing::Leave)? else { return Ok(None) };
        Ok(Choice::load(&dir)?.map(|choice| {
            let Backend::File { key_file } = choice.backend;
            key_file
        }))
    }

    /// Opens the data directory with its key, where a place for secrets was chosen; `None` where
    /// none was. A choice in `config.toml` is made here, as `init` would have.
    pub(crate) fn opened(&self) -> Result<Option<Opened>, Error> {
        let configured = self.configured()?;
        let missing = if configured.is_some() { Missing::Create } else { Missing::Leave };
        let Some(dir) = Dir::open(&self.data_dir, missing)?.map(Arc::new) else { return Ok(None) };
        match (Choice::load(&dir)?, configured) {
            (None, None) => Ok(None),
            (Some(choice), Some(configured)) if choice.backend != configured => {
                let Backend::File { key_file } = &choice.backend;
                let message = format!(
                    "config.toml names another key file than {}, which the data directory was sealed with",
                    Shown(key_file)
                );
                Err(Error::new(Code::ConfigInvalid, message).with_hint("use one of the two, or another --data-dir"))
            }
            (Some(choice), _) if choice.key_id.is_some() => Ok(Some(Opened { dir, key: secrets::data_key(&choice) })),
            (Some(Choice { backend, .. }), _) | (None, Some(backend)) => {
                match secrets::establish(&dir, &backend, MissingKey::Leave) {
                    Ok((_, key)) => Ok(Some(Opened { dir, key: Ok(key) })),
                    Err(EstablishError::Secrets(error)) => Ok(Some(Opened { dir, key: Err(error) })),
                    Err(error) => Err(Error::from(error)),
                }
            }
        }
    }

    /// Wires a keeper for a profile.
    pub(crate) fn keeper(&self, name: &ProfileName, observer: Observer) -> Result<Keeper, Error> {
        let path = self.profiles_dir().join(name.file_name());
        // Before the file is read: a change that comes between is noticed. What is wrong with the file is told first.
        let stamp = Stamp::of_path(&path);
        let profile = self.profile(name)?;
        let stamp = stamp?;
        let (home, own) = (self.clone(), name.clone());
        let source = ProfileSource::File {
            load: Box::new(move || home.profile(&own)),
            stamp: Box::new(move || Ok(Stamp::of_path(&path)?)),
        };
        let Kept { cache, secrets, flight } = self.kept()?;
        let parts = self.parts(cache, Secrets::Profile(secrets), flight, source, observer);
        Ok(Keeper::from_parts(parts, profile, stamp))
    }

    /// Wires a keeper for a credential that is not set yet.
    pub(crate) fn keeper_on_trial(
        &self,
        profile: Profile,
        secret: Secret,
        observer: Observer,
    ) -> Result<Keeper, Error> {
        let Kept { cache, secrets: _, flight } = self.kept()?;
        let parts = self.parts(cache, Secrets::Given(secret), flight, ProfileSource::Fixed, observer);
        Ok(Keeper::from_parts(parts, profile, None))
    }

    fn parts(
        &self,
        cache: Result<Cache, NoCache>,
        secrets: Secrets,
        flight: Flight,
        source: ProfileSource,
        observer: Observer,
    ) -> Parts {
        Parts {
            clock: self.clock.clone(),
            transport: Transport::new(self.clock.clone(), self.config.connect_timeout, self.config.timeout),
            flight,
            cache,
            secrets,
            source,
            observer,
        }
    }

    /// Opens what records and secrets are kept in. Only a place that must not be trusted, or a
    /// choice that contradicts itself, keeps the caller from a token.
    fn kept(&self) -> Result<Kept, Error> {
        match self.opened() {
            Ok(Some(Opened { dir, key: Ok(key) })) => Ok(Kept {
                cache: Ok(self.cache(dir.clone(), key.clone())),
                flight: Flight::new(Some(dir.clone())),
                secrets: Ok(Arc::new(SealedFiles::new(dir, key))),
            }),
            Ok(Some(Opened { dir, key: Err(error) })) => Ok(Kept {
                cache: Err(NoCache::DataKey(chain(&error))),
                flight: Flight::new(Some(dir)),
                secrets: Err(error),
            }),
            Ok(None) => {
                Ok(Kept::nothing(NoCache::DataKey(SecretsError::NotChosen.to_string()), SecretsError::NotChosen))
            }
            // The disk is to blame, not the place: what can be had without it is handed out.
            Err(error) if error.code() == Code::WriteFailed => {
                let reason = match Dir::open(&self.data_dir, Missing::Create) {
                    Err(place) => NoCache::Place(StoreError::from(place)),
                    Ok(_) => NoCache::DataKey(error.to_string()),
                };
                Ok(Kept::nothing(reason, SecretsError::NoPlace(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the cache of an opened data directory.
    pub(crate) fn cache(&self, dir: Arc<Dir>, key: DataKey) -> Cache {
        Cache::new(Arc::new(FileStore::new(dir, self.clock.clone())), key)
    }

    fn no_profile(&self) -> Error {
        let message = format!("no profile is set up for {} in {}", user(), Shown(&self.config_dir));
        Error::new(Code::ProfileNotFound, message)
            .with_hint("run tokenkeep credentials set --provider spotify --client-id ID")
    }
}

/// What a keeper keeps things in, or why it cannot.
struct Kept {
    cache: Result<Cache, NoCache>,
    secrets: Result<Arc<dyn SecretStore>, SecretsError>,
    flight: Flight,
}

impl Kept {
    fn nothing(reason: NoCache, error: SecretsError) -> Kept {
        Kept { cache: Err(reason), secrets: Err(error), flight: Flight::new(None) }
    }
}

/// A path that was typed may be relative to where it was typed; one from the environment may not:
/// it would mean another directory in each process.
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
        Error::new(Code::Usage, "this user has no home directory").with_hint("give --config-dir DIR and --data-dir DIR")
    })
}

/// Names the caller: by the system's list of users, else by number.
fn user() -> String {
    let uid = caller().to_string();
    let by_list = std::fs::read_to_string("/etc/passwd").ok().and_then(|list| {
        let mut lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
        lines.find(|fields| fields.get(2) == Some(&uid.as_str())).map(|fields| fields[0].to_owned())
    });
    by_list.unwrap_or_else(|| format!("uid {uid}"))
}

/// Reads an environment variable that holds text; an empty one is as if it were not set.
pub(crate) fn text_variable(name: &str) -> Result<Option<String>, Error> {
    let text = env::var_os(name).map(OsString::into_string).transpose();
    let text = text.map_err(|_| Error::new(Code::Usage, format!("{name} is not UTF-8 text")))?;
    Ok(text.filter(|text| !text.is_empty()))
}
