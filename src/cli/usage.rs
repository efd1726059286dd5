//! What was typed and is not a command: said without repeating what was typed.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::ui::Ui;
use crate::error::{Code, Error, Remedy};
use crate::exit;

/// Answers help and version on stdout, and everything else as a usage error.
pub(crate) fn refused(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let ui = Ui::plain(wants_json(arguments));
    let answered = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ui.data(error.render().to_string().as_bytes()),
        kind => Err(told(kind, error, renamed(arguments))),
    };
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            ExitCode::from(exit::code(error.code()))
        }
    }
}

/// Tells whether errors are wanted as JSON, for what goes wrong before the flags are understood.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
}

/// Makes the message of what clap knows by itself: names of flags and values of its own, and
/// nothing that was typed, which may be a secret.
fn told(kind: ErrorKind, error: &clap::Error, renamed: Option<&'static str>) -> Error {
    let of = |kind| own(error, kind);
    let message = match kind {
        ErrorKind::UnknownArgument => "a flag or argument is not known".to_owned(),
        ErrorKind::InvalidSubcommand => "the command is not known".to_owned(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing".to_owned()
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            match (of(ContextKind::InvalidArg), of(ContextKind::ValidValue)) {
                (Some(flag), Some(values)) => format!("{flag} takes one of {values}"),
                (Some(flag), None) => format!("{flag} needs another value"),
                (None, _) => "a value is not valid".to_owned(),
            }
        }
        ErrorKind::MissingRequiredArgument => match of(ContextKind::InvalidArg) {
            Some(flags) => format!("{flags} is missing"),
            None => "a required argument is missing".to_owned(),
        },
        ErrorKind::ArgumentConflict => match (of(ContextKind::InvalidArg), of(ContextKind::PriorArg)) {
            (Some(one), Some(other)) if one != other => format!("{one} and {other} exclude each other"),
            _ => "two flags exclude each other, or one is given twice".to_owned(),
        },
        _ => "the command line is not valid".to_owned(),
    };
    let remedy = renamed.map_or_else(|| suggestion(error), Remedy::UsePresentName);
    Error::new(Code::Usage, message).with_remedy(remedy)
}

fn suggestion(error: &clap::Error) -> Remedy {
    let of = |kind| own(error, kind);
    match of(ContextKind::SuggestedArg).or_else(|| of(ContextKind::SuggestedSubcommand)) {
        Some(known) => Remedy::UseSimilar(known),
        None => Remedy::ReadHelp,
    }
}

/// Words of the first landing, and what they are called now.
const RENAMED: [(&str, &str); 4] = [
    ("shared-key", "fleet key"),
    ("shared-login", "fleet login"),
    ("--shared-epoch", "--fleet-epoch"),
    ("--shared", "--fleet"),
];

/// Returns the present name of an earlier word that was typed.
fn renamed(arguments: &[OsString]) -> Option<&'static str> {
    let typed = |word: &str| arguments.iter().any(|argument| argument == word);
    RENAMED.iter().find(|(earlier, _)| typed(earlier)).map(|(_, now)| *now)
}

fn own(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) if !text.is_empty() => Some(text.clone()),
        ContextValue::Strings(texts) if !texts.is_empty() => Some(texts.join(", ")),
        _ => None,
    }
}
