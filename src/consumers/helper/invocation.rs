//! How a helper is called: by the name of its program, or as `tokenkeep helper CLIENT`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{HELPERS, Helper};

/// A call of a helper, as it was typed.
pub(crate) struct Invocation {
    pub(crate) helper: &'static Helper,
    pub(crate) profile: Option<String>,
    pub(crate) config_dir: Option<PathBuf>,
    pub(crate) data_dir: Option<PathBuf>,
    /// What is no option of ours: the words of the client.
    pub(crate) words: Vec<String>,
}

impl Invocation {
    /// Reads the name that the program was called by, and its arguments; `None` if no helper is called, or its call is
    /// none that a client makes: then a person typed it, and the command line explains it.
    pub(crate) fn parse(own_name: &OsStr, arguments: &[OsString]) -> Option<Invocation> {
        let mut arguments = arguments.iter().map(|argument| argument.to_str());
        let (helper, suffix) = match by_program(own_name) {
            Some((helper, suffix)) => (Some(helper), suffix),
            None => (None, None),
        };
        let mut call = Draft { profile: suffix, ..Draft::default() };
        let mut is_named = helper.is_some();
        let mut helper = helper;
        while let Some(argument) = arguments.next() {
            let argument = argument?;
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument, None),
            };
            let mut value = || attached.map_or_else(|| arguments.next().flatten(), Some).map(str::to_owned);
            match name {
                "-h" | "--help" => return None,
                "-p" | "--profile" => call.profile = Some(value()?),
                "--config-dir" => call.config_dir = Some(value()?.into()),
                "--data-dir" => call.data_dir = Some(value()?.into()),
                "helper" if !is_named => is_named = true,
                _ if !is_named => return None,
                _ => match helper {
                    Some(_) => call.words.push(argument.to_owned()),
                    None => helper = Some(HELPERS.iter().find(|helper| helper.name == argument)?),
                },
            }
        }
        let Draft { profile, config_dir, data_dir, words } = call;
        Some(Invocation { helper: helper?, profile, config_dir, data_dir, words })
    }
}

#[derive(Default)]
struct Draft {
    profile: Option<String>,
    config_dir: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    words: Vec<String>,
}

/// Returns the helper whose program has this name, and the profile that the name ends in: a client that passes no
/// arguments has no other way to choose one.
fn by_program(own_name: &OsStr) -> Option<(&'static Helper, Option<String>)> {
    let name = Path::new(own_name).file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let exact = HELPERS.iter().find(|helper| helper.program == name);
    exact.map(|helper| (helper, None)).or_else(|| {
        HELPERS.iter().find_map(|helper| {
            let profile = name.strip_prefix(helper.program)?.strip_prefix('-')?;
            (helper.program != "keyring" && !profile.is_empty()).then(|| (helper, Some(profile.to_owned())))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(String, Option<String>, Vec<String>)> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let call = Invocation::parse(&words[0], &words[1..])?;
        Some((call.helper.name.to_owned(), call.profile, call.words))
    }

    #[test]
    fn a_helper_is_called_by_its_name_or_by_that_of_its_program() {
        let of = |profile: Option<&str>| Some(("git".to_owned(), profile.map(str::to_owned), vec!["get".to_owned()]));
        assert_eq!(parsed("tokenkeep helper git get"), of(None));
        assert_eq!(parsed("/usr/bin/git-credential-tokenkeep get"), of(None));
        assert_eq!(parsed("git-credential-tokenkeep -p forge get"), of(Some("forge")));
        assert_eq!(parsed("tokenkeep --profile=forge helper git get"), of(Some("forge")));
        assert_eq!(parsed("git-credential-tokenkeep-forge get"), of(Some("forge")));
    }

    #[test]
    fn whatever_else_is_typed_is_for_the_command_line() {
        for line in ["tokenkeep", "tokenkeep token get", "tokenkeep helper", "tokenkeep helper svn get", "tokenkeep -p"]
        {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
