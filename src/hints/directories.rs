//! The directories that were typed: a command that is advised needs them too.

use std::borrow::Cow;
#[cfg(feature = "cli")]
use std::path::Path;

#[cfg(feature = "cli")]
use super::words::quoted;

/// The directories that were typed, as flags: a command that is advised needs them too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directories(String);

impl Directories {
    #[cfg(feature = "cli")]
    pub(crate) fn typed(config_dir: Option<&Path>, data_dir: Option<&Path>) -> Directories {
        let flags = [("--config-dir", config_dir), ("--data-dir", data_dir)];
        let typed = flags.into_iter().filter_map(|(flag, path)| Some(format!(" {flag} {}", quoted(path?))));
        Directories(typed.collect())
    }

    /// Returns a command by its words after `tokenkeep`.
    #[cfg(feature = "cli")]
    pub(crate) fn command(&self, words: &str) -> String {
        format!("tokenkeep{} {words}", self.0)
    }

    /// Puts the flags into each command of an advice.
    pub(super) fn added(&self, advice: Cow<'static, str>) -> Cow<'static, str> {
        // Help is the same everywhere.
        if self.0.is_empty() || advice.ends_with(" --help") {
            return advice;
        }
        let before = ["run ", ": ", "or ", "and ", "mean "];
        let flagged = |advice: String, before: &str| {
            advice.replace(&format!("{before}tokenkeep "), &format!("{before}tokenkeep{} ", self.0))
        };
        before.into_iter().fold(advice.into_owned(), flagged).into()
    }
}
