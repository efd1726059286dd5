//! The files of the profiles in a configuration directory: their names, what they say, which secrets they name.

use std::path::Path;

use crate::error::Error;
use crate::profile::{Generation, ProfileFile, ProfileName};
use crate::system::files::{Given, list_config_dir, read_given};

/// The largest profile file that is read, in bytes.
pub(crate) const PROFILE_CAP: usize = 64 * 1024;

/// Returns what a profile's file holds now; `None` if there is no such profile.
pub(crate) fn present(profiles_dir: &Path, name: &ProfileName) -> Result<Option<ProfileFile>, Error> {
    let path = profiles_dir.join(name.file_name());
    match read_given(&path, Given::Open, PROFILE_CAP)? {
        Some(bytes) => ProfileFile::parse(bytes).map(Some).map_err(|error| Error::in_profile(&path, &error)),
        None => Ok(None),
    }
}

/// Lists the names of the profiles in a directory, sorted.
pub(crate) fn profile_names(profiles_dir: &Path) -> Result<Vec<ProfileName>, Error> {
    let names = list_config_dir(profiles_dir)?.unwrap_or_default();
    Ok(names.iter().filter_map(|name| ProfileName::from_file_name(name)).collect())
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
