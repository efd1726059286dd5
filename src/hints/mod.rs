//! What the command line advises about an error: [`advice`](mod@advice) has all of it on one page.

mod advice;
mod directories;
pub(crate) mod style;
#[cfg(all(test, feature = "cli"))]
pub(crate) mod tests;
mod words;

use std::borrow::Cow;

use advice::Seen;
pub(crate) use directories::Directories;

use crate::encoding::duration;
use crate::error::{Error, Remedy};

/// Returns what to do about an error, if something helps.
pub(crate) fn of(error: &Error, directories: &Directories) -> Option<Cow<'static, str>> {
    let seen = Seen { profile: error.profile(), is_being_set: error.is_of_set };
    let remedy = error.remedy()?;
    let advice = directories.added(seen.advice(remedy));
    Some(match (error.retry_after(), remedy) {
        // The same answer comes from the cache until then, whatever was mended meanwhile.
        (Some(left), Remedy::SetRightClient | Remedy::CorrectSecretIn(_)) if error.is_remembered() => {
            format!("{advice}; the issuer is contacted again in {}", duration::show(left)).into()
        }
        _ => advice,
    })
}

/// Words a remedy for the command line, for this profile if there is one.
#[cfg(feature = "cli")]
pub(crate) fn advice(remedy: &Remedy, profile: Option<&str>, directories: &Directories) -> Cow<'static, str> {
    directories.added(Seen { profile, is_being_set: false }.advice(remedy))
}
