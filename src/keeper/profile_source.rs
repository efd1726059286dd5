//! Where a keeper's profile comes from, and how it notices that it has changed.

use std::fmt;

use crate::error::Error;
use crate::place::Stamp;
use crate::profile::Profile;

type Load = Box<dyn Fn() -> Result<Profile, Error> + Send + Sync>;
type Look = Box<dyn Fn() -> Result<Option<Stamp>, Error> + Send + Sync>;

/// Where a profile comes from.
pub(crate) enum ProfileSource {
    /// The program made it; it never changes.
    Fixed,
    /// A file, which `credentials set` and people change.
    File {
        /// Reads it.
        load: Load,
        /// Tells one state of it from another.
        stamp: Look,
    },
}

impl ProfileSource {
    /// Reads the profile; `None` where it never changes.
    pub(crate) fn load(&self) -> Result<Option<Profile>, Error> {
        match self {
            ProfileSource::Fixed => Ok(None),
            ProfileSource::File { load, .. } => load().map(Some),
        }
    }

    /// Tells one state of the profile from another; always the same where it never changes.
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
