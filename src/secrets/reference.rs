//! Secrets that are read from the place that the profile names, again at each fetch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::ProgramError;
use crate::encoding::escape::Escaped;
use crate::error::warning::Warning;
use crate::profile::Reference;
use crate::system::files::{self, EscapedPath, PlaceError, Referenced};
use crate::system::secret::{NoText, Secret};

/// The largest secret that is read, in bytes.
const CAP: usize = 64 * 1024;

/// Why a referenced secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// There is no such file.
    #[error("the file {} that the secret is read from is missing", EscapedPath(.path))]
    FileMissing {
        /// The path that is missing.
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
    #[error("the program {} that prints the secret {why}", EscapedPath(.program))]
    Command {
        /// The program.
        program: PathBuf,
        /// The program and its arguments, for a shell. A script among them is left out: it may hold anything.
        command: String,
        /// What it did instead.
        why: ProgramError,
    },
    /// What is there is no secret.
    #[error("{place} {why}")]
    NoSecret {
        /// The place of the secret, as the subject of a sentence.
        place: String,
        /// What is wrong, as its predicate.
        why: &'static str,
    },
}

/// A secret that was read, and whether other users can read it.
pub(crate) struct Read {
    /// The secret.
    pub secret: Secret,
    /// What is worth a warning of its file: other users can read it.
    pub exposed: Option<Warning>,
}

/// Reads a referenced secret; one newline at its end is cut. `timeout` is how long a program that prints it may take,
/// if the configuration sets it.
pub(crate) fn read_reference(reference: &Reference, timeout: Option<Duration>) -> Result<Read, ReferenceError> {
    let no_secret = |why| ReferenceError::NoSecret { place: place_of(reference), why };
    let (bytes, exposed) = match reference {
        Reference::File(path) => {
            let read = files::read_reference(path, CAP).map_err(ReferenceError::Place)?;
            let read = read.ok_or_else(|| ReferenceError::FileMissing { path: path.clone() })?;
            let exposed = exposure(path, &read);
            (read.bytes, exposed)
        }
        Reference::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| ReferenceError::EnvMissing { name: name.clone() })?;
            let text = value.into_string().map_err(|_| no_secret("is not UTF-8 text"))?;
            (Zeroizing::new(text.into_bytes()), None)
        }
        // Requested if there is a network: by the keeper, at each fetch.
        Reference::GithubActions { .. } => return Err(no_secret("gives an assertion at each fetch")),
        Reference::Command(words) => (printed(words, timeout)?, None),
    };
    let secret = Secret::from_text(&bytes).map_err(|no_text| match no_text {
        NoText::Utf16 => no_secret("is UTF-16 text; save it as UTF-8"),
        NoText::NotUtf8 => no_secret("is not UTF-8 text"),
    })?;
    if secret.is_empty() {
        return Err(no_secret("is empty"));
    }
    Ok(Read { secret, exposed })
}

/// Names the users that can read the file of a secret, if there are others than its owner and the caller.
pub(crate) fn exposure(path: &Path, read: &Referenced) -> Option<Warning> {
    let shown = EscapedPath(path);
    match read.foreign_owner {
        _ if read.readable_by_others => Some(format!("the secret in {shown} can be read by other users")),
        Some(owner) => Some(format!("the secret in {shown} belongs to uid {owner}, who can read and change it")),
        None => None,
    }
    .map(Warning::SecretReadable)
}

/// Names the place of a secret.
pub(crate) fn place_of(reference: &Reference) -> String {
    match reference {
        Reference::File(path) => format!("the secret in {}", EscapedPath(path)),
        Reference::Env(name) => format!("the secret in the environment variable {}", Escaped(name)),
        Reference::Command(words) => {
            format!(
                "the secret that {} prints",
                words.first().map(|program| Escaped(program).to_string()).unwrap_or_default()
            )
        }
        Reference::GithubActions { .. } => "the service of GitHub Actions".to_owned(),
    }
}

/// Runs a program and returns what it prints.
fn printed(words: &[String], timeout: Option<Duration>) -> Result<Zeroizing<Vec<u8>>, ReferenceError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(ReferenceError::NoSecret { place: "the secret".to_owned(), why: "has no program that prints it" });
    };
    super::program::printed(program, arguments, timeout).map_err(|why| ReferenceError::Command {
        program: PathBuf::from(program),
        command: [program.as_str()]
            .into_iter()
            .chain(arguments.iter().map(|word| as_typed(word)))
            .collect::<Vec<_>>()
            .join(" "),
        why,
    })
}

/// Shows an argument of a command as it would be typed, or `...` in place of a script or of what may be a secret.
fn as_typed(word: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@:=,%".contains(&byte);
    let is_key = |run: &str| run.len() >= 20 && run.contains(|c: char| c.is_ascii_digit());
    let may_be_secret = word.split(['/', ':', '=', ',', '.', '@']).any(is_key);
    if !word.is_empty() && word.bytes().all(is_plain) && !may_be_secret { word } else { "..." }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::system::clock::Deadline;

    fn run(words: &[&str]) -> Result<Read, ReferenceError> {
        read_reference(&Reference::Command(words.iter().map(|word| (*word).to_owned()).collect()), None)
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
        assert!(matches!(run(&["/bin/true"]), Err(ReferenceError::NoSecret { .. })));
    }

    #[test]
    fn what_a_program_printed_is_taken_when_it_has_ended_though_its_output_stays_open() {
        let deadline = Deadline::after(std::time::Duration::from_secs(8));
        let read = run(&["/bin/sh", "-c", "printf hunter2; sleep 15 & exit 0"]);
        assert_eq!(read.map(|read| read.secret).ok(), Some(Secret::from("hunter2")));
        assert!(!deadline.left().is_zero(), "it waited for what the program started");
    }

    #[test]
    fn a_program_may_take_as_long_as_the_configuration_says_and_no_longer() {
        let words = ["/bin/sh", "-c", "read x"].map(str::to_owned).to_vec();
        let program = Reference::Command([&["/bin/sleep".to_owned(), "60".to_owned()][..]].concat());
        let limit = Some(std::time::Duration::from_millis(50));
        let error = read_reference(&program, limit).err().expect("it does not end");
        assert!(error.to_string().contains("did not end within"), "{error}");
        // Without a stdin to read from it ends at once.
        assert!(read_reference(&Reference::Command(words), limit).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_secret_names_its_place() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("secret");
        for (content, why) in [(&b"\n"[..], "is empty"), (b"\xff\xfe\xfd", "text")] {
            std::fs::write(&path, content).expect("it is ours");
            let error =
                read_reference(&Reference::File(path.clone()), None).err().expect("it is no secret").to_string();
            assert!(error.contains(&path.display().to_string()) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_command_is_shown_without_scripts_and_without_what_may_be_a_secret() {
        for (word, shown) in [
            ("read", "read"),
            ("op://vault/billing/client-secret", "op://vault/billing/client-secret"),
            ("echo $X", "..."),
            ("--token=s3cr3t0123456789abcdef", "..."),
            ("", "..."),
        ] {
            assert_eq!(as_typed(word), shown);
        }
    }

    #[test]
    fn what_a_program_says_on_stderr_is_not_in_the_error() {
        let error = run(&["/bin/sh", "-c", "echo hunter2 >&2; exit 1"]).err().expect("it failed");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
