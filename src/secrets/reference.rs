//! Secrets that are read where the profile says, anew at each fetch.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::duration;
use crate::escape::Escaped;
use crate::place::{self, PlaceError, Shown};
use crate::profile::Reference;
use crate::secret::{NoText, Secret};

/// The largest secret that is read, in bytes.
const CAP: usize = 64 * 1024;
/// How long a program may take to print one.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// Why a referenced secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// There is no such file.
    #[error("the file {} that the secret is read from is missing", Shown(.path))]
    FileMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read, or must not be trusted.
    #[error("the file that the secret is read from cannot be used")]
    Place(#[source] PlaceError),
    /// There is no such environment variable.
    #[error("the environment variable {} that the secret is read from is not set", Escaped(.name))]
    EnvMissing {
        /// Its name.
        name: String,
    },
    /// The program that prints it did not.
    #[error("the program {} that prints the secret {why}", Shown(.program))]
    Command {
        /// The program.
        program: PathBuf,
        /// What it did instead.
        why: String,
    },
    /// What is there is no secret.
    #[error("what the secret is read from {0}")]
    NoSecret(&'static str),
}

/// A secret that was read, and whether others can read it too.
pub(crate) struct Read {
    /// The secret.
    pub secret: Secret,
    /// Whether other users can read its file: worth a warning.
    pub readable_by_others: bool,
}

/// Reads a referenced secret; one newline at its end is cut.
pub(crate) fn read_reference(reference: &Reference) -> Result<Read, ReferenceError> {
    let (bytes, readable_by_others) = match reference {
        Reference::File(path) => {
            let read = place::read_reference(path, CAP).map_err(ReferenceError::Place)?;
            let read = read.ok_or_else(|| ReferenceError::FileMissing { path: path.clone() })?;
            (read.bytes, read.readable_by_others)
        }
        Reference::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| ReferenceError::EnvMissing { name: name.clone() })?;
            let text = value.into_string().map_err(|_| ReferenceError::NoSecret("is not UTF-8 text"))?;
            (Zeroizing::new(text.into_bytes()), false)
        }
        // Asked for where there is a network: by the keeper, at each fetch.
        Reference::GithubActions { .. } => {
            return Err(ReferenceError::NoSecret("is a service that gives an assertion at each fetch"));
        }
        Reference::Command(words) => (printed(words)?, false),
    };
    let secret = Secret::from_text(&bytes).map_err(|no_text| match no_text {
        NoText::Utf16 => ReferenceError::NoSecret("is UTF-16 text; save it as UTF-8"),
        NoText::NotUtf8 => ReferenceError::NoSecret("is not UTF-8 text"),
    })?;
    if secret.is_empty() {
        return Err(ReferenceError::NoSecret("is empty"));
    }
    Ok(Read { secret, readable_by_others })
}

/// Runs a program and returns what it prints. No shell, no stdin, a deadline, a cap; what it says on
/// stderr is not shown, for it may hold what it was to print.
fn printed(words: &[String]) -> Result<Zeroizing<Vec<u8>>, ReferenceError> {
    let Some((program, arguments)) = words.split_first() else { return Err(ReferenceError::NoSecret("is no program")) };
    let failed = |why: String| ReferenceError::Command { program: PathBuf::from(program), why };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    let Some(output) = child.stdout.take() else { return Err(failed("has no output".to_owned())) };
    // In a thread: a program that prints nothing must not be waited for without an end.
    let (tell, told) = mpsc::channel();
    let read = move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let read = output.take(CAP as u64 + 1).read_to_end(&mut bytes);
        // Nobody listens any more when the deadline has passed.
        let _ = tell.send(read.map(|_| bytes));
    };
    let answer = match std::thread::Builder::new().spawn(read) {
        Ok(_) => told.recv_timeout(COMMAND_DEADLINE),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    let outcome = match answer {
        Ok(Ok(bytes)) if bytes.len() <= CAP => ended(&mut child).map(|()| bytes).map_err(failed),
        Ok(Ok(_)) => Err(failed(format!("printed more than {CAP} bytes"))),
        Ok(Err(error)) => Err(failed(format!("cannot be read: {error}"))),
        Err(_) => Err(failed(format!("did not end within {}", duration::show(COMMAND_DEADLINE)))),
    };
    if outcome.is_err() {
        // With everything that it started; one that has ended already is not there to be killed.
        #[cfg(unix)]
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::KILL,
        );
        #[cfg(not(unix))]
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

/// Waits, one second at most, for a program whose output has ended.
fn ended(child: &mut Child) -> Result<(), String> {
    for _ in 0..100 {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed ({status})")),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
    Err("closed its output and did not end".to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Read, ReferenceError> {
        read_reference(&Reference::Command(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    #[test]
    fn what_a_program_prints_is_the_secret_without_its_last_newline() {
        assert_eq!(run(&["/bin/echo", "a b"]).map(|read| read.secret).ok(), Some(Secret::from("a b")));
    }

    #[test]
    fn no_shell_reads_the_arguments() {
        assert_eq!(run(&["/bin/echo", "$HOME;x"]).map(|read| read.secret).ok(), Some(Secret::from("$HOME;x")));
    }

    #[test]
    fn a_program_that_fails_prints_nothing_or_too_much_is_no_secret() {
        for words in
            [&["/bin/false"][..], &["/nonexistent"], &["/bin/sh", "-c", "echo x; exit 3"], &["/bin/sh", "-c", "yes"]]
        {
            assert!(matches!(run(words), Err(ReferenceError::Command { .. })), "{words:?}");
        }
        assert!(matches!(run(&["/bin/true"]), Err(ReferenceError::NoSecret(_))));
    }

    #[test]
    fn what_a_program_says_on_stderr_is_not_in_the_error() {
        let error = run(&["/bin/sh", "-c", "echo hunter2 >&2; exit 1"]).err().expect("it failed");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
