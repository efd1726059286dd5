//! Directories, configuration and environment -> a wired keeper.
//!
//! [`home`] finds the directories, [`profiles`] reads the profile, [`wiring`] makes the keeper of both. [`warm`] looks
//! for a kept token without one.

mod endpoints;
pub(crate) mod environment;
mod fleet;
#[cfg(feature = "cli")]
pub(crate) mod generations;
mod home;
#[cfg(feature = "cli")]
mod named;
mod options;
pub(crate) mod profiles;
#[cfg_attr(not(feature = "ledger"), path = "no_recording.rs")]
pub(crate) mod recording;
#[cfg(feature = "cli")]
mod sharing;
#[cfg(feature = "cli")]
mod verification;
#[cfg(any(feature = "cli", feature = "front"))]
mod warm;
mod wiring;

#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use environment::text_variable;
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use home::Home;
#[cfg(feature = "cli")]
pub(crate) use home::is_gone;
#[cfg(feature = "cli")]
pub(crate) use named::Named;
pub use options::OpenOptions;
#[cfg(feature = "cli")]
pub(crate) use sharing::fleet_key_file;
#[cfg(feature = "cli")]
pub(crate) use wiring::Opened;

#[cfg(doc)]
use crate::error::Code;
use crate::error::Error;
use crate::keeper::Keeper;

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
#[doc = include_str!("../../examples/profile.rs")]
/// ```
pub fn open(profile: &str) -> Result<Keeper, Error> {
    OpenOptions::new().open(profile)
}
