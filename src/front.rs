//! The warm path as a program of its own: `token get` with a valid token in the cache, and nothing else.
//!
//! It links no network, no database and no D-Bus code, so it starts in a third of the time. Whatever it does not
//! know, or finds amiss, is the full program's: this one says nothing, changes nothing, and becomes it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::hardening::harden;
use crate::open::{Home, text_variable};
use crate::token::AccessToken;

/// The program that does everything else; it lies beside this one.
const FULL: &str = "tokenkeep-full";

/// Holds, in the full program, the number of the process that it was.
const BECOMING: &str = "TOKENKEEP_FRONT_PROCESS";

/// Prints the cached token that a command line asks for, or becomes the full program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    harden();
    let mut arguments = arguments.into_iter();
    let own_name = arguments.next().unwrap_or_else(|| OsString::from("tokenkeep"));
    let arguments: Vec<OsString> = arguments.collect();
    match Typed::parse(&arguments).and_then(cached) {
        Some(token) => print(&token),
        None => fail(&become_full(&own_name, &arguments)),
    }
}

/// What was typed, where it is no more than which profile's token.
#[derive(Debug, Default, PartialEq, Eq)]
struct Typed {
    profile: Option<String>,
    config_dir: Option<PathBuf>,
    data_dir: Option<PathBuf>,
}

impl Typed {
    fn parse(arguments: &[OsString]) -> Option<Typed> {
        let mut typed = Typed::default();
        let mut words = 0;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str()? {
                "token" if words == 0 => words = 1,
                "get" if words == 1 => words = 2,
                "-p" | "--profile" => once(&mut typed.profile, arguments.next()?.to_str()?.to_owned())?,
                "--config-dir" => once(&mut typed.config_dir, path(arguments.next()?)?)?,
                "--data-dir" => once(&mut typed.data_dir, path(arguments.next()?)?)?,
                _ => return None,
            }
        }
        (words == 2).then_some(typed)
    }
}

/// What stands twice, or looks like a flag, is a mistake that the full program explains.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn path(argument: &OsStr) -> Option<PathBuf> {
    let plain = !argument.is_empty() && !argument.as_encoded_bytes().starts_with(b"-");
    plain.then(|| PathBuf::from(argument))
}

/// Looks where the full program would look first; every reason not to find a token is its to tell.
fn cached(typed: Typed) -> Option<AccessToken> {
    // Diagnostics were asked for.
    if std::env::var_os("TOKENKEEP_LOG").is_some_and(|level| !level.is_empty()) {
        return None;
    }
    let look = || {
        let home = Home::find(typed.config_dir, typed.data_dir)?;
        let profile = match typed.profile {
            Some(profile) => Some(profile),
            None => text_variable("TOKENKEEP_PROFILE")?,
        };
        home.cached(&home.profile_name(profile.as_deref())?)
    };
    look().ok().flatten().map(|(_, token)| token)
}

fn print(token: &AccessToken) -> ExitCode {
    // One write, and no copy that a buffer keeps.
    let mut line = Zeroizing::new(Vec::with_capacity(token.expose().len() + 1));
    line.extend_from_slice(token.expose().as_bytes());
    line.push(b'\n');
    match crate::error::written(io::stdout().lock().write_all(&line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Replaces this process by the full program; returns only where that cannot be.
fn become_full(own_name: &OsStr, arguments: &[OsString]) -> Error {
    let full = std::env::current_exe().and_then(std::fs::canonicalize).map(|own| own.with_file_name(FULL));
    // A process keeps its number over an exec: who finds it there was started in place of the full program.
    let process = std::process::id().to_string();
    let error = match full {
        _ if std::env::var_os(BECOMING).is_some_and(|earlier| *earlier == *process) => {
            io::Error::other("it is another copy of the small program")
        }
        Ok(full) => Command::new(full).arg0(own_name).args(arguments).env(BECOMING, process).exec(),
        Err(error) => error,
    };
    Error::new(Code::FullBinaryMissing, format!("{FULL} cannot be started from beside tokenkeep: {error}"))
        .with_hint(format!("install tokenkeep and {FULL} into the same folder"))
}

fn fail(error: &Error) -> ExitCode {
    let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    // When stderr is gone there is nobody left to tell.
    let _ = write!(io::stderr().lock(), "error: {error}\n{hint}");
    ExitCode::from(error.code().exit() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Typed> {
        Typed::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_plain_get_of_a_profile_is_understood() {
        let of = |profile: &str| Typed { profile: Some(profile.to_owned()), ..Typed::default() };
        assert_eq!(parsed("token get"), Some(Typed::default()));
        assert_eq!(parsed("token get -p billing"), Some(of("billing")));
        assert_eq!(parsed("--profile billing token get"), Some(of("billing")));
        let dirs = parsed("token --config-dir /c get --data-dir /d").expect("understood");
        assert_eq!((dirs.config_dir, dirs.data_dir), (Some("/c".into()), Some("/d".into())));
    }

    #[test]
    fn whatever_else_is_typed_is_for_the_full_program() {
        for line in [
            "",
            "token",
            "get",
            "get token",
            "token get get",
            "token token get",
            "token get --json",
            "token get -v",
            "token get --refresh",
            "token get x",
            "token get -p",
            "token get -p a -p b",
            "--data-dir -p token get",
            "token get --format token",
            "--help",
            "token validate",
            "token get --",
            "-p=a token get",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
