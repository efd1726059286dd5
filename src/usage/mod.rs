//! What the command line knows about itself: what can be typed, its help and manual, and the advice for what is no
//! command. Nothing here runs a command, prints, or reads a terminal.

pub(crate) mod args;
mod completions;
mod examples;
mod manual;
mod refusal;
mod suggestions;
mod surroundings;
#[cfg(test)]
mod tests;
mod words;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

pub(crate) use completions::script;
pub(crate) use manual::pages;
pub(crate) use words::{help_of, wants_json};

use args::{Command, Token, Typed};

use crate::consumers::format::Format;
use crate::error::Error;

/// What a command line comes to.
pub(crate) enum Parsed {
    /// A command.
    Command(Box<Typed>),
    /// A text that was requested: help or the version.
    Text(String),
    /// No command.
    Refused(Error),
}

/// Reads a command line. A command that ends too early is answered by its help.
pub(crate) fn parse(arguments: &[OsString]) -> Parsed {
    let parsed = command_line().try_get_matches_from(arguments).and_then(|matches| Typed::from_arg_matches(&matches));
    match parsed {
        Ok(typed) => Parsed::Command(Box::new(with_errors_as_data(typed))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Text(error.render().to_string()),
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Parsed::Text(words::command_of(arguments).render_help().to_string())
            }
            _ => Parsed::Refused(refusal::of(&error, arguments)),
        },
    }
}

/// Has errors written as JSON if the token is: the same word twice.
fn with_errors_as_data(mut typed: Typed) -> Typed {
    if matches!(&typed.command, Command::Token(Token::Get(get)) if get.format == Format::Json) {
        typed.global.json = true;
    }
    typed
}

/// Returns every command and flag, with examples.
fn command_line() -> clap::Command {
    examples::added(Typed::command())
}
