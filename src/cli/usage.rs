//! What was typed and is not a command: reported without a word of what was typed, which may be a secret.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command_line;
use super::ui::Ui;
use crate::error::{Code, Error, Remedy};
use crate::exit;
use crate::open::Home;

/// Answers help and version on stdout, and everything else as a usage error. A command that ends too early is answered
/// by its help.
pub(crate) fn refused(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let ui = Ui::plain(wants_json(arguments));
    let answered = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ui.data(error.render().to_string().as_bytes()),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ui.data(help(arguments).as_bytes())
        }
        kind => Err(told(kind, error, arguments)),
    };
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            ExitCode::from(exit::code(error.code()))
        }
    }
}

/// Returns whether errors are wanted as JSON, for what goes wrong before the flags are understood.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
}

/// Names the help of the command that was typed.
pub(crate) fn help_of(arguments: &[OsString]) -> Remedy {
    let words = words(arguments).0;
    if words.is_empty() { Remedy::ReadHelp } else { Remedy::ReadCommandHelp(words.join(" ")) }
}

/// Returns the words of a command line that are commands of ours, and the first one that stands in the place of such
/// and is none.
fn words(arguments: &[OsString]) -> (Vec<String>, Option<&OsString>) {
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

fn help(arguments: &[OsString]) -> String {
    let mut command = command_line();
    command.build();
    for word in words(arguments).0 {
        match command.find_subcommand(&word).cloned() {
            Some(next) => command = next,
            None => break,
        }
    }
    command.render_help().to_string()
}

/// Makes the message of what clap knows by itself: names of flags and values of its own, and
/// nothing that was typed, which may be a secret.
fn told(kind: ErrorKind, error: &clap::Error, arguments: &[OsString]) -> Error {
    let of = |kind| own(error, kind);
    if kind == ErrorKind::UnknownArgument && arguments.iter().any(gives_secret) {
        let message = "a secret is never given as an argument; nothing was changed";
        return Error::new(Code::Usage, message).with_remedy(Remedy::GiveSecretUnseen);
    }
    let message = match kind {
        ErrorKind::UnknownArgument => "a flag or argument is not known".to_owned(),
        ErrorKind::InvalidSubcommand => "the command is not known".to_owned(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            match (of(ContextKind::InvalidArg), of(ContextKind::ValidValue)) {
                (Some(flag), Some(values)) => format!("{flag} takes one of {values}"),
                (Some(flag), None) => format!("{flag} needs another value"),
                (None, _) => "a value is not valid".to_owned(),
            }
        }
        ErrorKind::MissingRequiredArgument => match of(ContextKind::InvalidArg) {
            Some(flags) => format!("{flags} is missing{}", values_of(&flags, arguments)),
            None => "a required argument is missing".to_owned(),
        },
        ErrorKind::ArgumentConflict => match (of(ContextKind::InvalidArg), of(ContextKind::PriorArg)) {
            (Some(one), Some(other)) if one != other => format!("{one} and {other} exclude each other"),
            _ => "two flags exclude each other, or one is given twice".to_owned(),
        },
        _ => "the command line is not valid".to_owned(),
    };
    Error::new(Code::Usage, message).with_remedy(suggestion(kind, error, arguments))
}

/// Lists what a flag takes, if that is one of few words.
fn values_of(flags: &str, arguments: &[OsString]) -> String {
    let mut command = command_line();
    command.build();
    for word in words(arguments).0 {
        match command.find_subcommand(&word).cloned() {
            Some(next) => command = next,
            None => break,
        }
    }
    let flag = flags.split(' ').next().unwrap_or_default().trim_start_matches("--");
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let values: Vec<String> = argument
        .map(|argument| argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect())
        .unwrap_or_default();
    if values.is_empty() { String::new() } else { format!("; it takes one of {}", values.join(", ")) }
}

fn suggestion(kind: ErrorKind, error: &clap::Error, arguments: &[OsString]) -> Remedy {
    if let Some(now) = renamed(arguments) {
        return Remedy::UsePresentName(now);
    }
    let (words, other) = words(arguments);
    let meant = match kind {
        ErrorKind::InvalidSubcommand => command_meant(error, &words, other, arguments),
        ErrorKind::UnknownArgument => other.and_then(|name| with_profile(&words.join(" "), name, arguments)),
        _ => None,
    };
    match meant {
        Some(command) => Remedy::UseCommand(command),
        None => own(error, ContextKind::SuggestedArg).map_or_else(|| help_of(arguments), Remedy::UseSimilar),
    }
}

/// Words that other programs have for the same thing. Nothing that destroys is suggested but for its own word.
const HABITS: &[(&str, &[&str], &str)] = &[
    ("", &["get", "token-get", "fetch", "access-token"], "token get"),
    ("", &["refresh", "renew"], "token get --refresh"),
    ("", &["login", "add", "set", "auth", "configure", "setup"], "credentials set"),
    ("", &["list", "ls", "profiles"], "credentials list"),
    ("", &["show", "config", "whoami"], "credentials show"),
    ("", &["validate", "check", "verify"], "token validate"),
    ("", &["status", "health"], "doctor"),
    ("", &["version"], "--version"),
    ("credentials", &["add", "create", "new", "login", "update", "rotate", "edit", "save", "store"], "credentials set"),
    ("credentials", &["delete", "rm", "del"], "credentials remove"),
    ("credentials", &["ls"], "credentials list"),
    ("credentials", &["get", "cat", "view"], "credentials show"),
    ("token", &["show", "print", "fetch", "new", "access"], "token get"),
    ("token", &["refresh", "renew"], "token get --refresh"),
    ("token", &["check", "verify", "test", "status"], "token validate"),
    ("token", &["ls"], "token list"),
    ("token", &["delete", "rm", "clear"], "token forget"),
];

/// Commands that take something away: a word that only looks like one must not lead there.
const DESTROYING: [&str; 5] = ["remove", "forget", "revoke", "rekey", "lock"];

/// Returns the command that was meant by a word that is none.
fn command_meant(
    error: &clap::Error,
    words: &[String],
    other: Option<&OsString>,
    arguments: &[OsString],
) -> Option<String> {
    let (other, path) = (other?, words.join(" "));
    let typed = other.to_str()?;
    let by_habit = HABITS.iter().find(|(at, names, _)| *at == path && names.contains(&typed)).map(|(_, _, to)| *to);
    let similar = || {
        let word = own(error, ContextKind::SuggestedSubcommand)?;
        let word = word.split(", ").next()?.to_owned();
        let distance = strsim::damerau_levenshtein(&word, typed);
        let command = words.iter().cloned().chain([word.clone()]).collect::<Vec<_>>().join(" ");
        (distance <= if DESTROYING.contains(&word.as_str()) { 1 } else { 2 }).then_some(command)
    };
    let command = by_habit.map(str::to_owned).or_else(similar)?;
    // A profile's name may follow it.
    let next = arguments.iter().skip_while(|argument| *argument != other).nth(1);
    Some(next.and_then(|name| with_profile(&command, name, arguments)).unwrap_or(command))
}

/// Returns a command with `-p NAME`, if a word is the name of a profile: then it is no secret.
fn with_profile(command: &str, word: &OsString, arguments: &[OsString]) -> Option<String> {
    let given = |flag: &str| {
        let mut after = arguments.iter().skip_while(|argument| *argument != flag);
        after.nth(1).map(Into::into)
    };
    let names = Home::find(given("--config-dir"), given("--data-dir")).ok()?.profile_names().ok()?;
    let name = names.iter().find(|name| *word == *name.as_str())?;
    Some(format!("{command} -p {name}"))
}

/// Flags that other programs take a secret by.
const SECRETS: [&str; 9] = [
    "--secret",
    "--client-secret",
    "--client_secret",
    "--password",
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
