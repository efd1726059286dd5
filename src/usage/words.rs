//! The words of a command line that is no valid one, as far as they are ours.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};

use super::command_line;
use crate::error::Remedy;

/// Returns whether errors are wanted as JSON, for errors that come before the flags are understood.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
}

/// Names the help of the command that was typed.
pub(crate) fn help_of(arguments: &[OsString]) -> Remedy {
    let words = words(arguments).0;
    if words.is_empty() { Remedy::ReadHelp } else { Remedy::ReadCommandHelp(words.join(" ")) }
}

/// Returns the words of a command line that are commands of ours, and the first word in the place of a command that is
/// none.
pub(super) fn words(arguments: &[OsString]) -> (Vec<String>, Option<&OsString>) {
    let mut command = command_line();
    let mut words = Vec::new();
    let mut arguments = arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if matches!(text, "-p" | "--profile" | "--config-dir" | "--data-dir" | "--color") {
            arguments.next();
        } else if let Some(next) = command.find_subcommand(text).cloned() {
            words.push(next.get_name().to_owned());
            command = next;
        } else if !text.starts_with('-') {
            return (words, Some(argument));
        }
    }
    (words, None)
}

/// Returns the command that was typed, as far as it is one of ours.
pub(super) fn command_of(arguments: &[OsString]) -> clap::Command {
    let mut command = command_line();
    command.build();
    for word in words(arguments).0 {
        match command.find_subcommand(&word).cloned() {
            Some(next) => command = next,
            None => break,
        }
    }
    command
}

/// Returns what clap knows of an error by itself.
pub(super) fn own(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) if !text.is_empty() => Some(text.clone()),
        ContextValue::Strings(texts) if !texts.is_empty() => Some(texts.join(", ")),
        _ => None,
    }
}
