//! pip and uv, which start a program named `keyring`: `keyring get SERVICE [USER]`, options in any order.
//!
//! The real keyring may be installed too. What is not for one of our hosts is handed on to the next program of that name
//! in PATH.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::{Exit, Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::format::json::quoted;
use crate::error::{Code, Error};
use crate::profile::Target;
use crate::system::files::EscapedPath;
use crate::system::process;

/// Holds the path of the program that a call was handed to, for that program: if it comes back here, it is not called
/// again.
const HANDED_TO: &str = "TOKENKEEP_KEYRING_HANDED_TO";

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Password,
    /// The user name, and the password.
    Creds,
}

/// How it is printed: a line for each, or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Output {
    #[default]
    Plain,
    Json,
}

/// What a client typed. Without a debug form outside of tests: a service may hold a password.
#[cfg_attr(test, derive(Debug))]
#[derive(Default, PartialEq, Eq)]
struct Typed {
    mode: Mode,
    output: Output,
    words: Vec<String>,
}

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    let typed = Typed::parse(&call.words).unwrap_or_default();
    let words: Vec<&str> = typed.words.iter().map(String::as_str).collect();
    let ([verb @ ("get" | "set" | "del"), service] | [verb @ ("get" | "set" | "del"), service, _]) = words[..] else {
        return handed_on(&call.words);
    };
    // What is no server is a service of another kind.
    let Ok(target) = Target::parse(service) else { return handed_on(&call.words) };
    if verb != "get" {
        return match call.hosts()?.chosen(&target)? {
            Some(_) => Err(refused().into()),
            None => handed_on(&call.words),
        };
    }
    let user = words.get(2).copied();
    if user.is_some_and(|user| user.contains(char::is_control)) {
        return Err(malformed("the client named a user with a control character").into());
    }
    match call.token_for(&target)? {
        Some(granted) => Ok(Reply::answer(typed.text(user, &granted))),
        None => handed_on(&call.words),
    }
}

fn refused() -> Error {
    Error::new(
        Code::Usage,
        "tokenkeep requests tokens by itself and keeps no password for this host; nothing was changed",
    )
}

impl Typed {
    /// Reads the arguments; `None` if they are of a version that has more of them.
    fn parse(arguments: &[String]) -> Option<Typed> {
        let mut typed = Typed::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument.as_str(), None),
            };
            let mut value = || attached.or_else(|| arguments.next().map(String::as_str));
            match name {
                "--mode" => {
                    typed.mode = match value()? {
                        "creds" => Mode::Creds,
                        "password" => Mode::Password,
                        _ => return None,
                    }
                }
                "--output" => {
                    typed.output = match value()? {
                        "json" => Output::Json,
                        "plain" => Output::Plain,
                        _ => return None,
                    }
                }
                _ if name.starts_with('-') => return None,
                _ => typed.words.push(argument.clone()),
            }
        }
        Some(typed)
    }

    fn text(&self, user: Option<&str>, granted: &Granted) -> String {
        let handed = granted.handed();
        let token = handed.token().expose();
        // The client sends the name that it asked with.
        let user = user.unwrap_or(granted.username());
        match (self.mode, self.output) {
            (Mode::Password, Output::Plain) => format!("{token}\n"),
            (Mode::Creds, Output::Plain) => format!("{user}\n{token}\n"),
            (Mode::Password, Output::Json) => format!("{{\"password\":{}}}\n", *quoted(token)),
            (Mode::Creds, Output::Json) => {
                format!("{{\"username\":{},\"password\":{}}}\n", *quoted(user), *quoted(token))
            }
        }
    }
}

/// Becomes the next keyring in PATH. Without one the client goes on without a password.
fn handed_on(words: &[String]) -> Result<Reply, Stop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let handed_to = std::env::var_os(HANDED_TO);
    let Some(next) = next(&path, handed_to.as_deref(), &own_programs()) else {
        return Ok(Reply { exit: Exit::Failure, ..Reply::default() });
    };
    let mut command = process::command(&next);
    command.args(words).env(HANDED_TO, &next);
    let error = process::become_program(&mut command);
    let what = format!("{} cannot be started: {error}", EscapedPath(&next));
    Err(Error::new(Code::Internal, what).into())
}

/// Returns the first keyring in PATH that is not this program. A program that was called from here and calls this one in
/// turn, such as a script, is not called again: the search goes on behind it.
fn next(path: &OsStr, handed_to: Option<&OsStr>, own: &[PathBuf]) -> Option<PathBuf> {
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    let mut programs = directories.map(|directory| directory.join("keyring"));
    if let Some(last) = handed_to {
        programs.find(|program| program == last)?;
    }
    programs.find(|program| program.canonicalize().is_ok_and(|file| !own.contains(&file) && process::may_start(&file)))
}

/// Returns the files that this program is: itself, and the other half of a release, which lies beside it.
fn own_programs() -> Vec<PathBuf> {
    let own = std::env::current_exe().and_then(|own| own.canonicalize());
    let with_other_half = |own: PathBuf| [own.with_file_name("tokenkeep"), own.with_file_name("tokenkeep-full"), own];
    own.map(with_other_half).into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(line: &str) -> Option<Typed> {
        Typed::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_stand_in_any_order() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let creds = Typed { mode: Mode::Creds, output: Output::Json, words: words("get https://h.example.com/ u") };
        for line in [
            "--mode=creds --output=json get https://h.example.com/ u",
            "get https://h.example.com/ u --output json --mode creds",
            "--mode creds get https://h.example.com/ --output=json u",
        ] {
            assert_eq!(typed(line).as_ref(), Some(&creds), "{line}");
        }
        let plain = Typed { words: words("get h.example.com u"), ..Typed::default() };
        assert_eq!(typed("get h.example.com u"), Some(plain));
        for line in ["--mode", "--mode=other get x", "--keyring-backend x get y", "get x --disable"] {
            assert_eq!(typed(line), None, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_next_keyring_is_neither_this_program_nor_one_that_was_called() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let root = tempfile::tempdir().expect("a temporary directory");
        let root = root.path().canonicalize().expect("it is there");
        for (directory, mode) in [("own", 0o755), ("script", 0o755), ("data", 0o644), ("real", 0o755)] {
            std::fs::create_dir(root.join(directory)).expect("a new directory");
            let program = root.join(directory).join("keyring");
            std::fs::write(&program, "").expect("a new file");
            std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).expect("it is ours");
        }
        std::fs::create_dir(root.join("link")).expect("a new directory");
        symlink(root.join("own/keyring"), root.join("link/keyring")).expect("a new link");
        let own = [root.join("own/keyring")];
        let path = |names: &[&str]| std::env::join_paths(names.iter().map(|name| root.join(name))).expect("a path");
        let all = path(&["link", "own", "absent", "data", "script", "own", "real"]);
        let (script, real) = (root.join("script/keyring"), root.join("real/keyring"));
        assert_eq!(next(&all, None, &own).as_ref(), Some(&script));
        assert_eq!(next(&all, Some(script.as_os_str()), &own).as_ref(), Some(&real));
        assert_eq!(next(&all, Some(real.as_os_str()), &own), None);
        assert_eq!(next(&all, Some(OsStr::new("/elsewhere/keyring")), &own), None, "PATH was changed");
        assert_eq!(next(&path(&["link", "data"]), None, &own), None);
        assert_eq!(next(OsStr::new(".:real:"), None, &own), None, "a relative directory is anyone's");
    }

    proptest! {
        #[test]
        fn any_arguments_are_read_or_left(arguments in prop::collection::vec("(--)?[a-z=]{0,10}", 0..6)) {
            Typed::parse(&arguments);
        }
    }
}
