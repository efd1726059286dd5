//! What is known of one key of a profile's file.

#[cfg(feature = "cli")]
use super::Profile;
use super::file::{ProfileError, ProfileFile};
use super::reading::Source;
use crate::encoding::kind::Kind;

/// A key of a profile's file.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) variable: Variable,
    pub(super) field: Field,
    #[cfg(any(test, feature = "cli"))]
    pub(super) topic: Topic,
    #[cfg(feature = "cli")]
    pub(super) shown: Shown,
    #[cfg(test)]
    pub(super) page: Page,
}

/// Whether the variable `TOKENKEEP_KEY` sets a key of the profile that the environment makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// It does, and there is such a profile if it is set.
    Names,
    /// It does.
    Sets,
    /// The profile cannot be used if it is set, for this reason.
    Refused(&'static str),
    /// It has no meaning.
    Ignored,
}

/// What a key is about. Keys of one topic stand together in what is printed.
#[cfg(any(test, feature = "cli"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Client,
    Request,
    Endpoints,
    Proof,
    Token,
    Place,
}

/// How `credentials show` prints a key.
#[cfg(feature = "cli")]
#[derive(Clone, Copy)]
pub(super) enum Shown {
    /// Under its name.
    Value(fn(&ProfileFile, &Profile) -> Option<String>),
    /// Under another name, which scripts know.
    As(&'static str, fn(&ProfileFile, &Profile) -> Option<String>),
    /// With what is found in the place of the secrets.
    Apart,
}

/// How the key stands in a file and in its typed content.
pub(super) struct Field {
    pub(super) read: fn(&Source<'_>, &mut ProfileFile) -> Result<(), ProfileError>,
    #[cfg(any(test, feature = "cli"))]
    pub(super) edit: super::writing::Edit,
    /// The words that it takes, if it takes no others.
    #[cfg(test)]
    pub(super) words: fn() -> Vec<&'static str>,
}

/// What documents and the schema say of a key.
#[cfg(test)]
pub(super) struct Page {
    pub(super) about: &'static str,
    /// What holds if the key is missing.
    pub(super) otherwise: &'static str,
    /// A value as a file has it.
    pub(super) example: &'static str,
}
