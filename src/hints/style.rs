//! How an error is written on stderr: one form for the front and for the full program.

use std::io::IsTerminal as _;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::hints::{self, Directories};

/// How messages are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) colored: bool,
    /// What a hint's command needs as well.
    pub(crate) directories: Directories,
}

impl Style {
    /// Returns the text of an error, in one line or two, without the last newline.
    pub(crate) fn error(&self, error: &Error) -> String {
        if self.json {
            return crate::encoding::escape::json(&json!({"error": self.members(error)}).to_string());
        }
        let mut text = format!("{} {error}", self.paint("error:", "31"));
        if let Some(hint) = hints::of(error, &self.directories) {
            text.push_str(&format!("\n{} {hint}", self.paint("hint:", "36")));
        }
        text
    }

    pub(crate) fn paint(&self, text: &str, color: &str) -> String {
        if self.colored { format!("\x1b[1;{color}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn members(&self, error: &Error) -> Value {
        let mut members = Map::new();
        members.insert("code".to_owned(), json!(error.code().name()));
        members.insert("message".to_owned(), json!(error.to_string()));
        members.insert("hint".to_owned(), json!(hints::of(error, &self.directories)));
        members.insert("retryable".to_owned(), json!(error.is_retryable()));
        let optional = [
            ("retry_after_s", error.retry_after().map(|after| json!(after.as_secs()))),
            ("remembered", error.is_remembered().then_some(json!(true))),
            ("http_status", error.http_status().map(|status| json!(status))),
            ("oauth_error", error.oauth_error().map(|code| json!(code))),
            ("profile", error.profile().map(|profile| json!(profile))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        Value::Object(members)
    }
}

/// Returns whether messages are coloured if no flag decides it.
pub(crate) fn is_colored() -> bool {
    std::io::stderr().is_terminal()
        && !is_dumb_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns whether the terminal shows control sequences instead of obeying them, as that of Emacs does.
pub(crate) fn is_dumb_terminal() -> bool {
    cfg!(unix) && std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}
