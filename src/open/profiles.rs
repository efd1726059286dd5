//! Profiles: which is meant, where its file is, what it says.

use std::env;
use std::path::{Path, PathBuf};

use super::environment;
use super::home::{Home, is_gone};
use crate::error::{Code, Error, Remedy};
use crate::keeper::read_certificate;
use crate::profile::{ClientCertificate, NAME_RULE, Profile, ProfileFile, ProfileName};
use crate::system::files::{EscapedPath, Given, caller_name, list_config_dir, read_given};

/// Profiles that an administrator gives to all users of this machine. There are none on a system on which any user may
/// make a folder of this name.
pub(super) const SYSTEM_PROFILES: Option<&str> = if cfg!(unix) { Some("/etc/tokenkeep/profiles") } else { None };
/// What stands for the path of a profile that the environment makes.
const ENVIRONMENT: &str = "TOKENKEEP_*";
/// The largest profile file that is read, in bytes.
pub(crate) const PROFILE_CAP: usize = 64 * 1024;

impl Home {
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

    /// Reads a profile and makes it usable.
    pub(crate) fn profile(&self, name: &ProfileName) -> Result<Profile, Error> {
        let (path, file) = self.profile_file(name)?;
        resolved(name, &path, &file)
    }

    /// Reads a profile that is a file and makes it usable; `None` if there is no such file.
    #[cfg(feature = "front")]
    pub(crate) fn profile_of_file(&self, name: &ProfileName) -> Result<Option<Profile>, Error> {
        self.file_of(name)?.map(|(path, file)| resolved(name, &path, &file)).transpose()
    }

    /// Reads a profile, and returns its path too.
    pub(crate) fn profile_file(&self, name: &ProfileName) -> Result<(PathBuf, ProfileFile), Error> {
        if let Some(file) = environment::profile(name, self).map_err(|error| error.for_profile(name))? {
            return Ok((PathBuf::from(ENVIRONMENT), file));
        }
        if let Some(found) = self.file_of(name)? {
            return Ok(found);
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

    /// Reads the file of a profile, the user's or else the machine's; `None` if there is none.
    fn file_of(&self, name: &ProfileName) -> Result<Option<(PathBuf, ProfileFile)>, Error> {
        for directory in [self.profiles_dir()].into_iter().chain(SYSTEM_PROFILES.map(PathBuf::from)) {
            let path = directory.join(name.file_name());
            if let Some(bytes) = read_given(&path, Given::Open, PROFILE_CAP)? {
                let file = ProfileFile::parse(bytes).map_err(|error| Error::in_profile(&path, &error));
                return file.map(|file| Some((path, file))).map_err(|error| error.for_profile(name));
            }
        }
        Ok(None)
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

    fn no_profile(&self) -> Error {
        let message = format!("no profile is set up for {} in {}", caller_name(), EscapedPath(&self.config_dir));
        Error::new(Code::ProfileNotFound, message).with_remedy(Remedy::SetFirstProfile)
    }
}

/// Lists the names of the profiles in a directory, sorted.
pub(crate) fn profile_names(profiles_dir: &Path) -> Result<Vec<ProfileName>, Error> {
    let names = list_config_dir(profiles_dir)?.unwrap_or_default();
    Ok(names.iter().filter_map(|name| ProfileName::from_file_name(name)).collect())
}

fn resolved(name: &ProfileName, path: &Path, file: &ProfileFile) -> Result<Profile, Error> {
    certified(file.resolve(name).map_err(|error| Error::in_profile(path, &error).for_profile(name))?)
}

/// Adds the thumbprint of the certificate: a token belongs to the one that it was obtained with (RFC 8705 s. 3).
pub(super) fn certified(mut profile: Profile) -> Result<Profile, Error> {
    if let Some(certificate) = profile.certificate.clone() {
        let (_, thumbprint) = read_certificate(&profile, &certificate)?;
        profile.certificate = Some(ClientCertificate { thumbprint: Some(thumbprint), ..certificate });
    }
    Ok(profile)
}

/// Returns the data directory of a session that names no other, on systems on which a variable may.
fn usual_data_dir() -> Option<PathBuf> {
    let home = directories::BaseDirs::new()?.home_dir().to_owned();
    cfg!(target_os = "linux").then(|| home.join(".local/share/tokenkeep"))
}
