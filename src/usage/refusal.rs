//! What was typed and is not a command: reported without quoting what was typed, which may be a secret.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};

use super::suggestions;
use super::words::{command_of, own};
use crate::error::{Code, Error, Remedy};

/// Makes the message from what clap knows by itself, the names of flags and values of its own. It quotes nothing that
/// was typed, which may be a secret.
pub(super) fn of(error: &clap::Error, arguments: &[OsString]) -> Error {
    let kind = error.kind();
    let known = |kind| own(error, kind);
    if kind == ErrorKind::UnknownArgument && arguments.iter().any(gives_secret) {
        let message = "a secret is never given as an argument; nothing was changed";
        return Error::new(Code::Usage, message).with_remedy(Remedy::GiveSecretUnseen);
    }
    let message = match kind {
        ErrorKind::UnknownArgument => "a flag or argument is not known".to_owned(),
        ErrorKind::InvalidSubcommand => "the command is not known".to_owned(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            match (known(ContextKind::InvalidArg), known(ContextKind::ValidValue)) {
                (Some(flag), Some(values)) => format!("{flag} takes one of {values}"),
                (Some(flag), None) => format!("{flag} needs another value"),
                (None, _) => "a value is not valid".to_owned(),
            }
        }
        ErrorKind::MissingRequiredArgument => match known(ContextKind::InvalidArg) {
            Some(flags) => format!("{flags} is missing{}", values_of(&flags, arguments)),
            None => "a required argument is missing".to_owned(),
        },
        ErrorKind::ArgumentConflict => match (known(ContextKind::InvalidArg), known(ContextKind::PriorArg)) {
            (Some(one), Some(other)) if one != other => format!("{one} and {other} exclude each other"),
            _ => "two flags exclude each other, or one is given twice".to_owned(),
        },
        _ => "the command line is not valid".to_owned(),
    };
    Error::new(Code::Usage, message).with_remedy(suggestions::of(kind, error, arguments))
}

/// Lists what a flag takes, if that is one of few words.
fn values_of(flags: &str, arguments: &[OsString]) -> String {
    let command = command_of(arguments);
    let flag = flags.split(' ').next().unwrap_or_default().trim_start_matches("--");
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let values: Vec<String> = argument
        .map(|argument| argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect())
        .unwrap_or_default();
    if values.is_empty() { String::new() } else { format!("; it takes one of {}", values.join(", ")) }
}

/// Flags that other programs take a secret by.
const SECRETS: [&str; 11] = [
    "--secret",
    "--client-secret",
    "--client_secret",
    "--password",
    "--passwd",
    "--pass",
    "--secret-key",
    "--private-key",
    "--token",
    "--access-token",
    "--api-key",
];

fn gives_secret(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    SECRETS.contains(&text.split('=').next().unwrap_or_default())
}
