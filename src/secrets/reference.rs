//! Secrets that are read where the profile says, anew at each fetch.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::escape::Escaped;
use crate::place::{self, PlaceError, Shown};
use crate::profile::Reference;
use crate::secret::{NoText, Secret};

/// The largest secret that is read, in bytes.
const CAP: usize = 64 * 1024;

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

/// Runs a program and returns what it prints.
fn printed(words: &[String]) -> Result<Zeroizing<Vec<u8>>, ReferenceError> {
    let Some((program, arguments)) = words.split_first() else { return Err(ReferenceError::NoSecret("is no program")) };
    let failed = |why| ReferenceError::Command { program: PathBuf::from(program), why };
    super::program::printed(program, arguments).map_err(failed)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::clock::Deadline;

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
    fn what_a_program_printed_is_taken_when_it_has_ended_though_its_output_stays_open() {
        let deadline = Deadline::after(std::time::Duration::from_secs(8));
        let read = run(&["/bin/sh", "-c", "printf hunter2; sleep 15 & exit 0"]);
        assert_eq!(read.map(|read| read.secret).ok(), Some(Secret::from("hunter2")));
        assert!(!deadline.left().is_zero(), "it waited for what the program started");
    }

    #[test]
    fn what_a_program_says_on_stderr_is_not_in_the_error() {
        let error = run(&["/bin/sh", "-c", "echo hunter2 >&2; exit 1"]).err().expect("it failed");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
