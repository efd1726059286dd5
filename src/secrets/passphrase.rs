//! A passphrase: typed hidden, or read from a descriptor that the caller named.

use std::io::Read as _;
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{Argon2Cost, SecretsError};
use crate::secret::Secret;

/// Names the descriptor that a passphrase is read from.
const DESCRIPTOR: &str = "TOKENKEEP_PASSPHRASE_FD";
const CAP: u64 = 4_096;

/// Whether the passphrase is a new one, which is typed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// It was chosen before.
    Known,
    /// It is chosen now.
    New,
}

/// What was given to this process: nobody types it twice, and a pipe can be read once.
static GIVEN: Mutex<Option<Secret>> = Mutex::new(None);

/// Reads the passphrase, once a process; one newline at its end is cut.
pub(crate) fn passphrase(typed: Typed) -> Result<Secret, SecretsError> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(given) = &*given {
        return Ok(given.clone());
    }
    let read = match std::env::var(DESCRIPTOR) {
        Ok(number) => from_descriptor(&number)?,
        Err(_) => from_terminal(typed)?,
    };
    if read.is_empty() {
        return Err(SecretsError::NoPassphrase("the passphrase is empty"));
    }
    *given = Some(read.clone());
    Ok(read)
}

fn from_descriptor(number: &str) -> Result<Secret, SecretsError> {
    let wrong = || SecretsError::NoPassphrase("TOKENKEEP_PASSPHRASE_FD names no readable descriptor");
    // By its name in the file system: taking it over by number could take somebody else's.
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let file = std::fs::File::open(format!("/dev/fd/{number}")).map_err(|_| wrong())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(CAP).read_to_end(&mut bytes).map_err(|_| wrong())?;
    Ok(Secret::new(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

#[cfg(feature = "cli")]
fn from_terminal(typed: Typed) -> Result<Secret, SecretsError> {
    use std::io::IsTerminal as _;

    let none = SecretsError::NoPassphrase("a passphrase is needed, and there is no terminal to ask on");
    if !std::io::stdin().is_terminal() {
        return Err(none);
    }
    let ask = |prompt| crate::terminal::hidden(prompt);
    let first = ask("the passphrase: ").map_err(|_| none)?;
    if typed == Typed::New {
        let second = ask("the passphrase, once more: ");
        if !second.is_ok_and(|second| *second == *first) {
            return Err(SecretsError::NoPassphrase("the two passphrases differ"));
        }
    }
    Ok(Secret::from(first.as_str()))
}

#[cfg(not(feature = "cli"))]
fn from_terminal(_typed: Typed) -> Result<Secret, SecretsError> {
    Err(SecretsError::NoPassphrase("a passphrase is needed; name its descriptor in TOKENKEEP_PASSPHRASE_FD"))
}

/// Stretches a passphrase to 32 bytes by Argon2id (RFC 9106).
pub(crate) fn stretched(passphrase: &Secret, salt: &[u8; 32], cost: Argon2Cost) -> Result<Secret, SecretsError> {
    // Before anything is computed: the cost stands in a file.
    if !cost.is_bearable() {
        return Err(SecretsError::UnbearableCost);
    }
    let params =
        Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).map_err(|_| SecretsError::UnbearableCost)?;
    let mut output = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, output.as_mut_slice())
        .map_err(|_| SecretsError::UnbearableCost)?;
    Ok(Secret::new(output.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_cost_is_refused_before_it_is_computed() {
        let hostile = Argon2Cost { memory: u32::MAX, passes: u32::MAX, lanes: 1 };
        let refused = stretched(&Secret::from("p"), &[0; 32], hostile);
        assert!(matches!(refused, Err(SecretsError::UnbearableCost)));
    }

    #[test]
    fn passphrase_and_salt_both_matter() {
        let cheap = Argon2Cost { memory: 8 * 1024, passes: 1, lanes: 1 };
        let stretch = |text: &str, salt| stretched(&Secret::from(text), &[salt; 32], cheap).expect("stretched");
        assert_eq!(stretch("p", 0), stretch("p", 0));
        assert_ne!(stretch("p", 0), stretch("q", 0));
        assert_ne!(stretch("p", 0), stretch("p", 1));
    }
}
