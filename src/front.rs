//! The warm path as a program of its own: `token get` and the helpers of clients, with a valid token in the cache.
//!
//! It links no network, no database and no D-Bus code, so it starts in a third of the time. The full program handles
//! whatever this one does not know, or finds amiss: this one prints nothing and becomes it. It writes one file only, for
//! one format: which process has which token (`callers`).

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use zeroize::Zeroizing;

use crate::consumers::callers::Meaning;
use crate::consumers::format::{Format, Rendering};
use crate::consumers::handed::Handed;
#[cfg(target_os = "linux")]
use crate::consumers::helper::{HelperCall, Input, Invocation, KeptTokens};
use crate::error::{Code, Error, Remedy};
use crate::exit;
use crate::hints::style::{Style, is_colored};
use crate::keeper::{Obtained, Source};
use crate::open::{Home, environment, text_variable};
use crate::profile::{Profile, ProfileName};
use crate::system::clock::{Clock as _, Moment, SystemClock};
use crate::system::hardening::harden;
use crate::system::process::{self, FRONT_GREETED, FRONT_PROCESS, with_core_limit_of_caller};

/// The program that does everything else; it lies beside this one.
const FULL: &str = "tokenkeep-full";

/// Prints the cached token that a command line asks for, or becomes the full program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    harden();
    let mut arguments = arguments.into_iter();
    let own_name = arguments.next().unwrap_or_else(|| OsString::from("tokenkeep"));
    let arguments: Vec<OsString> = arguments.collect();
    #[cfg(target_os = "linux")]
    if let Some(invocation) = Invocation::parse(&own_name, &arguments) {
        return helped(invocation, &own_name, &arguments);
    }
    match Typed::parse(&arguments).and_then(Answer::of) {
        Some(answer) => answer.print(),
        None => fail(&become_full(&own_name, &arguments, Greeted::No), style(&arguments)),
    }
}

/// Answers a client from the cache, or becomes the full program, which finds what the client has sent on its stdin.
#[cfg(target_os = "linux")]
fn helped(invocation: Invocation, own_name: &OsStr, arguments: &[OsString]) -> ExitCode {
    let Invocation { helper, profile, config_dir, data_dir, words } = invocation;
    let mut input = Input::new(io::stdin());
    let mut greeted = Greeted::No;
    let looked = || {
        if needs_full_program() {
            return None;
        }
        let home = Home::find(config_dir, data_dir).ok()?;
        let profile = match profile {
            Some(profile) => Some(profile),
            None => text_variable("TOKENKEEP_PROFILE").ok()?,
        };
        let profile = match profile {
            Some(profile) => Some(ProfileName::parse(&profile)?),
            None => None,
        };
        let (input, tokens) = (&mut input, &mut KeptTokens);
        let mut call = HelperCall { helper, home: &home, profile, words, input, tokens, is_greeted: false };
        let reply = call.run();
        if call.is_greeted {
            greeted = Greeted::Yes;
        }
        reply
    };
    match looked() {
        // What is to be reported to a person is reported by the full program, which reads the same.
        Some(reply) if reply.stderr.is_empty() => {
            match crate::error::written(crate::system::stdout::write(reply.stdout.as_bytes())) {
                Ok(()) => ExitCode::from(reply.exit.number(exit::code)),
                Err(error) => fail(&error, Style::default()),
            }
        }
        _ => {
            let error = match hand_on(input.read_so_far()) {
                Ok(()) => become_full(own_name, arguments, greeted),
                Err(error) => Error::new(Code::Internal, format!("what the client sent cannot be handed on: {error}")),
            };
            fail(&error, Style::default())
        }
    }
}

/// Makes what was read the stdin of the program that this one becomes. A client sends nothing more before it is answered.
#[cfg(target_os = "linux")]
fn hand_on(read: &[u8]) -> io::Result<()> {
    if !read.is_empty() {
        rustix::stdio::dup2_stdin(&process::readable(read)?)?;
    }
    Ok(())
}

/// Whether the client of a helper was greeted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeted {
    Yes,
    No,
}

/// Returns whether diagnostics were requested, or a profile is made of variables.
fn needs_full_program() -> bool {
    std::env::var_os("TOKENKEEP_LOG").is_some_and(|level| !level.is_empty()) || environment::is_set()
}

/// What was typed, if it names no more than a profile, the directories and a format.
#[derive(Debug, Default, PartialEq, Eq)]
struct Typed {
    profile: Option<String>,
    config_dir: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    format: Option<Format>,
    /// The variable that the format sets.
    variable: Option<String>,
    json: Option<()>,
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
                "--format" => once(&mut typed.format, Format::named(arguments.next()?.to_str()?)?)?,
                "--env" => once(&mut typed.variable, arguments.next()?.to_str()?.to_owned())?,
                "--json" => once(&mut typed.json, ())?,
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

/// A kept token, and how it is written.
struct Answer {
    rendering: Rendering,
    profile: Profile,
    obtained: Obtained,
    now: Moment,
}

impl Answer {
    /// Looks where the full program would look first. If it finds no token, the full program reports the reason.
    fn of(typed: Typed) -> Option<Answer> {
        let format = typed.format.unwrap_or_default();
        // A proof is signed by what this program does not link.
        if needs_full_program() || format == Format::Dpop {
            return None;
        }
        let rendering = Rendering::new(format, typed.variable.as_deref()).ok()?;
        let look = || {
            let home = Home::find(typed.config_dir, typed.data_dir)?;
            let profile = match typed.profile {
                Some(profile) => Some(profile),
                None => text_variable("TOKENKEEP_PROFILE")?,
            };
            let Some(profile) = home.profile_of_file(&home.profile_name(profile.as_deref())?)? else {
                return Ok(None);
            };
            let token = home.cached(&profile, format.row().client.preferred)?;
            let now = home.clock.now();
            Ok::<_, Error>(token.map(|token| (profile, token, now, home.data_dir)))
        };
        let (profile, token, now, data_dir) = look().ok().flatten()?;
        rendering.check(&profile).ok()?;
        let obtained = Obtained { token, source: Source::Cache };
        let answer = Answer { rendering, profile, obtained, now };
        match answer.rendering.hand_over(&data_dir, &answer.handed()) {
            Meaning::Wanted if typed.json.is_some() => Some(Answer { rendering: answer.rendering.in_json(), ..answer }),
            Meaning::Wanted => Some(answer),
            // A token that was refused is taken out of use by the full program.
            Meaning::Refused => None,
        }
    }

    fn handed(&self) -> Handed<'_> {
        Handed { obtained: &self.obtained, profile: &self.profile, now: &self.now }
    }

    fn print(&self) -> ExitCode {
        let handed = self.handed();
        let written = |text: Zeroizing<String>| crate::error::written(crate::system::stdout::write(text.as_bytes()));
        let printed =
            self.rendering.text(&handed, None).and_then(written).and_then(|()| self.rendering.finish(&handed));
        match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, Style { json: self.rendering.format == Format::Json, ..style(&[]) }),
        }
    }
}

/// Replaces this process by the full program; returns only if that cannot be.
fn become_full(own_name: &OsStr, arguments: &[OsString], greeted: Greeted) -> Error {
    let marker = std::env::var(FRONT_PROCESS).ok();
    let error = if marker.is_some_and(|marker| is_this_process(&marker)) {
        io::Error::other("it is another copy of the small program")
    } else {
        match folder() {
            Ok(folder) => {
                let mut full = Command::new(folder.join(FULL));
                let this_process = this_process();
                full.arg0(own_name).args(arguments).env(FRONT_PROCESS, &this_process).env_remove(FRONT_GREETED);
                if greeted == Greeted::Yes {
                    full.env(FRONT_GREETED, &this_process);
                }
                crate::system::stdout::pass_on();
                // The full program lowers the limit itself, and gives it back to what it starts.
                with_core_limit_of_caller(|| full.exec())
            }
            Err(error) => error,
        }
    };
    Error::new(Code::FullBinaryMissing, format!("{FULL} cannot be started from beside tokenkeep: {error}"))
        .with_remedy(Remedy::InstallBoth(FULL))
}

/// Returns the folder of this program. Its own name does not matter: an upgrade may have replaced the file since.
fn folder() -> io::Result<PathBuf> {
    let own = match std::env::current_exe() {
        // Linux names the file itself, with a note at the end if it is gone.
        Ok(own) if cfg!(target_os = "linux") => own,
        Ok(own) => own.canonicalize().unwrap_or(own),
        Err(error) => without_proc().ok_or(error)?,
    };
    own.parent().map(Path::to_owned).ok_or_else(|| io::Error::other("its folder is not known"))
}

/// Finds this program by the name that it was started by, which the kernel passes on, on a system without /proc.
fn without_proc() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    return Path::new(OsStr::from_bytes(rustix::param::linux_execfn().to_bytes())).canonicalize().ok();
    #[cfg(not(target_os = "linux"))]
    None
}

/// How long an exec may take, in nanoseconds.
const AN_EXEC: u64 = 10_000_000_000;

/// Names this process: a process keeps its number over an exec, so a program that finds it there was started in place
/// of the full program. The time distinguishes it from another process of the same number, in another PID namespace.
fn this_process() -> String {
    format!("{}@{}", std::process::id(), SystemClock.boot().0)
}

fn is_this_process(marker: &str) -> bool {
    let Some((process, at)) = marker.split_once('@') else { return false };
    let since = at.parse().ok().and_then(|at| SystemClock.boot().0.checked_sub(at));
    process.parse() == Ok(std::process::id()) && since.is_some_and(|since| since < AN_EXEC)
}

fn fail(error: &Error, style: Style) -> ExitCode {
    // When stderr is gone no reader is left.
    let _ = writeln!(io::stderr().lock(), "{}", style.error(error));
    ExitCode::from(exit::code(error.code()))
}

/// Reads how errors are wanted, as the full program would.
fn style(arguments: &[OsString]) -> Style {
    let typed = |flag: &str, value: &str| {
        arguments.iter().any(|argument| *argument == *format!("{flag}={value}"))
            || arguments.windows(2).any(|pair| pair[0] == flag && pair[1] == value)
    };
    let json = arguments.iter().any(|argument| argument == "--json") || typed("--format", "json");
    let colored = typed("--color", "always") || (!typed("--color", "never") && is_colored());
    Style { json, colored, ..Style::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_process_over_an_exec_is_recognized() {
        let (number, now) = (std::process::id(), SystemClock.boot().0);
        assert!(is_this_process(&this_process()));
        for other in [format!("{number}"), format!("{}@{now}", number + 1), format!("{number}@{}", now - AN_EXEC)] {
            assert!(!is_this_process(&other), "{other}");
        }
        assert!(!is_this_process(&format!("{number}@{}", u64::MAX)), "another clock");
    }

    #[test]
    fn errors_are_wanted_as_the_full_program_would_write_them() {
        let of = |line: &str| style(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["token get --json", "--json token list", "token get --format json", "token get --format=json"] {
            assert!(of(line).json, "{line}");
        }
        assert!(!of("token get --format token").json);
        assert!(of("token get --color always").colored && of("token get --color=always").colored);
        assert!(!of("token get --color never").colored);
    }

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
    fn a_format_is_understood() {
        let of = |format| Typed { format: Some(format), ..Typed::default() };
        assert_eq!(parsed("token get --format curl"), Some(of(Format::Curl)));
        let named = Typed { variable: Some("A".to_owned()), ..of(Format::Env) };
        assert_eq!(parsed("token --env A get --format env"), Some(named));
        assert_eq!(parsed("token get --json"), Some(Typed { json: Some(()), ..Typed::default() }));
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
            "token get --json --json",
            "token get --format",
            "token get --format x",
            "token get --format=env",
            "token get --format env --format env",
            "token get -v",
            "token get --refresh",
            "token get x",
            "token get -p",
            "token get -p a -p b",
            "--data-dir -p token get",
            "--help",
            "token validate",
            "token get --",
            "-p=a token get",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
