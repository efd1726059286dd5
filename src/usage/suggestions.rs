//! The known command that the user meant by an unknown one. Of what was typed, only the name of a profile is repeated.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};

use super::words::{help_of, own, words};
use crate::error::Remedy;
use crate::open::Home;

/// Returns what to type in place of what was typed.
pub(super) fn of(kind: ErrorKind, error: &clap::Error, arguments: &[OsString]) -> Remedy {
    if let Some(now) = renamed(arguments) {
        return Remedy::UsePresentName(now);
    }
    let (words, other) = words(arguments);
    let meant = match kind {
        ErrorKind::InvalidSubcommand => command_meant(error, &words, other, arguments),
        // What follows is for curl, so it stands behind two dashes.
        ErrorKind::UnknownArgument if words == ["curl"] => Some("curl -- ARGS".to_owned()),
        ErrorKind::UnknownArgument => other.and_then(|name| with_profile(&words.join(" "), name, arguments)),
        _ => None,
    };
    match meant {
        Some(command) => Remedy::UseCommand(command),
        None => own(error, ContextKind::SuggestedArg).map_or_else(|| help_of(arguments), Remedy::UseSimilar),
    }
}

/// Words that other programs have for the same thing. A command that destroys is suggested only for a word of the same
/// meaning.
const HABITS: &[(&str, &[&str], &str)] = &[
    ("", &["get", "token-get", "fetch", "access-token"], "token get"),
    ("", &["refresh", "renew"], "token get --refresh"),
    // Commands that are still to come: until then a token in `$(...)` does the job.
    ("", &["exec", "run", "watch", "serve"], "token get"),
    ("", &["login", "add", "set", "auth", "configure", "setup"], "credentials set"),
    ("", &["list", "ls", "profiles"], "credentials list"),
    ("", &["show", "config", "whoami"], "credentials show"),
    ("", &["validate", "verify"], "token validate"),
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

/// Returns the command that the user meant by a word that is none.
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

/// Words of the first version, and their present names.
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
