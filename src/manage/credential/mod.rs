//! Setting and removing a profile's credential, so that a kill at any point leaves the old one or
//! the new one whole.
//!
//! (1) a new generation in a new item, read back; (2) the profile file, which names the generation, replaced at one
//! stroke: the commit; (3) the old item and its records erased. A failure in (3) is reported and changes nothing: no
//! profile names what is left.

mod change;
mod checks;
mod description;
mod editor;
mod merge;
mod place;
mod preset;
mod records;
mod removal;
mod secret_form;
mod setting;
#[cfg(test)]
mod tests;
mod wish;
mod writable;

use crate::error::Error;
use crate::profile::Profile;
use crate::system::secret::Secret;

pub(crate) use checks::is_stored;
pub(crate) use description::{Description, describe};
pub(crate) use editor::{CredentialEditor, stored};
pub(crate) use place::{one_line, place_of};
pub(crate) use preset::{fill, provider_names};
pub(crate) use records::belongs_to;
pub(crate) use removal::{Presence, presence, remove};
pub(crate) use secret_form::check_form;
pub(crate) use setting::{AsDefault, Done, Setting, check_name, check_place, complete, set, try_credential};
pub(crate) use wish::{GivenSecret, Over, Refusal, Wish, allowed_by, bound_change};

/// What came of setting a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new generation was stored, or another place to read the secret from.
    Stored,
    /// Secret and binding were the same, and the rest of the profile was not: tokens stay, refusals were erased.
    Changed,
    /// All was the same: tokens stay, refusals were erased.
    Unchanged,
}

/// Whether the command names the CA file, and so takes it as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaFile {
    /// It does.
    Named,
    /// It does not: a file that another process has changed is not taken over in passing.
    AsBefore,
}

/// Tries a credential before the old one goes; without a secret it is read from the place that the profile names.
pub(crate) type Verify<'a> = &'a dyn Fn(Profile, Option<Secret>) -> Result<(), Error>;
