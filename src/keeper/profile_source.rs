//! The source of a keeper's profile, and how the keeper notices that it has changed.

use std::fmt;

use crate::error::Error;
use crate::profile::Profile;
use crate::system::files::Stamp;

type Load = Box<dyn Fn() -> Result<Profile, Error> + Send + Sync>;
type Look = Box<dyn Fn() -> Result<Option<Stamp>, Error> + Send + Sync>;

/// The source of a profile.
pub(crate) enum ProfileSource {
    /// The program made it; it never changes.
    Fixed,
    /// A file, which `credentials set` and users change.
    File {
        /// Reads it.
        load: Load,
        /// Distinguishes its states.
        stamp: Look,
    },
}

impl ProfileSource {
    /// Reads the profile; `None` if it never changes.
    pub(crate) fn load(&self) -> Result<Option<Profile>, Error> {
        match self {
            ProfileSource::Fixed => Ok(None),
            ProfileSource::File { load, .. } => load().map(Some),
        }
    }

    /// Distinguishes the states of the profile; always the same if it never changes.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, Error> {
        match self {
            ProfileSource::Fixed => Ok(None),
            ProfileSource::File { stamp, .. } => stamp(),
        }
    }
}

impl fmt::Debug for ProfileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProfileSource::Fixed => "Fixed",
            ProfileSource::File { .. } => "File",
        })
    }
}
