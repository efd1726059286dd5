//! What the files of profiles hold, for commands that change them: which stored secrets they name.

use std::path::Path;

use super::home::Home;
use super::profiles::{PROFILE_CAP, SYSTEM_PROFILES, profile_names};
use crate::error::Error;
use crate::profile::{Generation, ProfileFile, ProfileName};
use crate::system::files::{Given, read_given};

impl Home {
    /// Lists the stored secrets that profiles name, the user's and the machine's. A profile or a directory that cannot
    /// be read may name any of them, and is an error.
    pub(crate) fn generations(&self) -> Result<Vec<Generation>, Error> {
        let mut generations = generations_in(&self.profiles_dir())?;
        if let Some(directory) = SYSTEM_PROFILES {
            generations.extend(generations_in(Path::new(directory))?);
        }
        Ok(generations)
    }
}

/// Returns what a profile's file holds now; `None` if there is no such profile.
pub(crate) fn present(profiles_dir: &Path, name: &ProfileName) -> Result<Option<ProfileFile>, Error> {
    let path = profiles_dir.join(name.file_name());
    match read_given(&path, Given::Open, PROFILE_CAP)? {
        Some(bytes) => ProfileFile::parse(bytes).map(Some).map_err(|error| Error::in_profile(&path, &error)),
        None => Ok(None),
    }
}

/// Lists the stored secrets that the profiles in a directory name. A profile that cannot be read is an error.
pub(crate) fn generations_in(profiles_dir: &Path) -> Result<Vec<Generation>, Error> {
    let mut generations = Vec::new();
    for name in profile_names(profiles_dir)? {
        // One that is gone by now names nothing.
        let file = present(profiles_dir, &name)?;
        generations.extend(file.and_then(|file| file.binding).map(|binding| binding.generation));
    }
    Ok(generations)
}

/// Lists the stored secrets that the profiles in a directory name, those with a mistake in them too. What cannot be read is an
/// error.
pub(crate) fn secrets_in(profiles_dir: &Path) -> Result<Vec<Generation>, Error> {
    let mut generations = Vec::new();
    for name in profile_names(profiles_dir)? {
        let bytes = read_given(&profiles_dir.join(name.file_name()), Given::Open, PROFILE_CAP)?;
        generations.extend(bytes.as_deref().and_then(ProfileFile::generation_in));
    }
    Ok(generations)
}
