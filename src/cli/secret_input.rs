//! How secrets come in: a hidden prompt, stdin, a file. Never an argument.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use super::ui::Ui;
use crate::error::{Code, Error, Remedy};
use crate::profile::Reference;
use crate::secrets::{PassphraseKind, SecretsError, read_reference};
use crate::system::files::absolute;
use crate::system::secret::Secret;
use crate::system::terminal::hidden;

const CAP: u64 = 64 * 1024;

/// Reads a secret from stdin, to its end; one newline there is cut. On a terminal the user types it, hidden.
pub(crate) fn from_stdin(what: &str) -> Result<Secret, Error> {
    if io::stdin().is_terminal() {
        return from_prompt(what, what);
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(8 * 1024));
    io::stdin()
        .lock()
        .take(CAP + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Code::Usage, format!("stdin cannot be read: {error}; nothing was changed")))?;
    if bytes.len() as u64 > CAP {
        return Err(Error::new(Code::Usage, format!("stdin holds more than {CAP} bytes; nothing was changed")));
    }
    let secret = Secret::from_text(&bytes)
        .map_err(|no_text| Error::new(Code::Usage, format!("{what} {no_text}; nothing was changed")))?;
    usable(secret, what)
}

/// Copies a secret from a file.
pub(crate) fn from_file(path: &Path, ui: &Ui) -> Result<Secret, Error> {
    let path = absolute(path)?;
    let read = read_reference(&Reference::File(path.clone()), None).map_err(|error| {
        let made = Error::from(error);
        match made.code() {
            Code::CredentialMissing => Error::new(Code::Usage, format!("{made}; nothing was changed"))
                .with_remedy(Remedy::CheckFile(path.clone())),
            _ => made,
        }
    })?;
    read.exposed.iter().for_each(|warning| ui.warn(warning));
    Ok(read.secret)
}

/// Asks for a secret on the terminal, hidden; `question` is what the user reads.
pub(crate) fn from_prompt(what: &str, question: &str) -> Result<Secret, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(Code::Usage, format!("{what} is needed, and there is no terminal to ask on"))
            .with_remedy(Remedy::GiveSecret));
    }
    usable(typed(question)?, what)
}

/// Asks for a secret other than the present one, hidden; an empty answer keeps it, and so does a run without a
/// terminal.
pub(crate) fn another_from_prompt(what: &str, question: &str) -> Result<Option<Secret>, Error> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let secret = typed(question)?;
    if secret.is_empty() { Ok(None) } else { usable(secret, what).map(Some) }
}

/// Asks for the passphrase of sealed files, hidden; a new one twice.
pub(crate) fn passphrase(kind: PassphraseKind) -> Result<Secret, SecretsError> {
    let none = SecretsError::NoPassphrase("a passphrase is needed, and there is no terminal to ask on");
    if !io::stdin().is_terminal() {
        return Err(none);
    }
    let first = hidden("the passphrase: ").map_err(|_| none)?;
    let first = Secret::from(first.as_str());
    if kind == PassphraseKind::New {
        let second = hidden("the passphrase again: ");
        if !second.is_ok_and(|second| Secret::from(second.as_str()) == first) {
            return Err(SecretsError::NoPassphrase("the two passphrases differ"));
        }
    }
    Ok(first)
}

fn typed(question: &str) -> Result<Secret, Error> {
    hidden(&format!("{question}: "))
        .and_then(|typed| Secret::from_text(typed.as_bytes()).map_err(io::Error::other))
        .map_err(|error| Error::new(Code::Usage, format!("no secret was taken: {error}; nothing was changed")))
}

/// Asks whether to continue; without a terminal the answer has to be given beforehand.
pub(crate) fn confirmed(question: &str, beforehand: Remedy) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(
            Error::new(Code::Usage, "an answer is needed, and there is no terminal to ask on").with_remedy(beforehand)
        );
    }
    Ok(matches!(line(&format!("{question} [y/N] "))?.as_str(), "y" | "Y" | "yes"))
}

/// Asks for a line that is no secret; without a terminal it has to be given beforehand, as the remedy advises.
pub(crate) fn asked(question: &str, beforehand: Remedy) -> Result<String, Error> {
    if !io::stdin().is_terminal() {
        let message = format!("{question} is missing, and there is no terminal to ask on; nothing was changed");
        return Err(Error::new(Code::Usage, message).with_remedy(beforehand));
    }
    line(&format!("{question}: "))
}

/// Reads a line that the user types after a prompt.
fn line(prompt: &str) -> Result<String, Error> {
    let typed = write!(io::stderr().lock(), "{prompt}").and_then(|()| {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    });
    typed.map_err(|error| Error::new(Code::Usage, format!("nothing could be read: {error}; nothing was changed")))
}

fn usable(secret: Secret, what: &str) -> Result<Secret, Error> {
    if secret.is_empty() {
        return Err(Error::new(Code::Usage, format!("{what} is empty; nothing was changed")));
    }
    if secret.expose_text().is_none() {
        return Err(Error::new(Code::Usage, format!("{what} is not UTF-8 text; nothing was changed")));
    }
    Ok(secret)
}
