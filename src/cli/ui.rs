//! The one file that prints: data on stdout, everything else on stderr.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::consumers::consumer::Errors;
use crate::consumers::format::google;
use crate::error::warning::Warning;
use crate::error::{Error, Remedy, written};
use crate::exit;
use crate::hints::style::{Style, is_colored, is_dumb_terminal};
use crate::hints::{self, Directories};
use crate::usage::args::{Color, Global};

/// How messages are written.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    style: Style,
    quiet: bool,
    /// Where the client of the command looks for what went wrong.
    errors: Errors,
    warned: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Ui {
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_colored(),
        };
        let directories = Directories::typed(global.config_dir.as_deref(), global.data_dir.as_deref());
        let style = Style { json: global.json, colored, directories };
        Ui { style, quiet: global.quiet, errors: Errors::Stderr, warned: Arc::default() }
    }

    /// Makes one for errors that come before the flags are understood.
    pub(crate) fn plain(json: bool) -> Ui {
        let style = Style { json, ..Style::default() };
        Ui { style, quiet: false, errors: Errors::Stderr, warned: Arc::default() }
    }

    /// Returns the same for a client: it warns only if the client shows stderr to its user.
    pub(crate) fn for_client(self, errors: Errors) -> Ui {
        Ui { quiet: self.quiet || errors != Errors::Stderr, errors, ..self }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.style.json
    }

    /// Writes data, and ends a command with it. A reader that has gone away is no error; a disk that is full is one.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<u8, Error> {
        written(crate::system::stdout::write(bytes)).map(|()| 0)
    }

    /// Writes a JSON value as data.
    pub(crate) fn json(&self, value: &Value) -> Result<u8, Error> {
        self.data(crate::encoding::escape::json(&format!("{value}\n")).as_bytes())
    }

    /// Prints on one line what was done.
    pub(crate) fn done(&self, message: &str) {
        self.say(message);
    }

    /// Ends a command that changed something: one line on stderr, and `{"changed": true}` on stdout if JSON is wanted.
    pub(crate) fn changed(&self, message: &str) -> Result<u8, Error> {
        self.ended(true, message)
    }

    /// Ends a command that had nothing to change.
    pub(crate) fn unchanged(&self, message: &str) -> Result<u8, Error> {
        self.ended(false, message)
    }

    fn ended(&self, changed: bool, message: &str) -> Result<u8, Error> {
        self.done(message);
        if self.style.json {
            self.json(&json!({"changed": changed}))?;
        }
        Ok(0)
    }

    /// Warns of a failure that keeps nothing from the caller; each code once.
    pub(crate) fn warn(&self, warning: &Warning) {
        let first = self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(warning.code());
        if first {
            let hint = warning.remedy().map(|remedy| self.advice(&remedy, warning.profile()));
            self.warned_of(warning.code(), &warning.to_string(), hint.as_deref());
        }
    }

    pub(crate) fn warn_with(&self, code: &str, message: &str) {
        self.warned_of(code, message, None);
    }

    fn warned_of(&self, code: &str, message: &str, hint: Option<&str>) {
        if self.quiet {
            return;
        }
        if self.style.json {
            let mut warning = json!({"code": code, "message": message});
            if let Some(hint) = hint {
                warning["hint"] = json!(hint);
            }
            return self.say(&crate::encoding::escape::json(&json!({"warning": warning}).to_string()));
        }
        self.say(&format!("{} {code}: {message}", self.style.paint("warning:", "33")));
        if let Some(hint) = hint {
            self.say(&format!("{} {hint}", self.style.paint("hint:", "36")));
        }
    }

    /// Returns what to do about something, for a report.
    pub(crate) fn advice(&self, remedy: &Remedy, profile: Option<&str>) -> Cow<'static, str> {
        hints::advice(remedy, profile, &self.style.directories)
    }

    /// Returns a command that works on what this one worked on.
    pub(crate) fn command(&self, words: &str) -> String {
        self.style.directories.command(words)
    }

    /// Prints the error that kept the caller from the result; returns the exit code.
    pub(crate) fn failed(&self, error: &Error) -> u8 {
        // If the answer cannot be written, the client sees that it has none.
        if self.errors == Errors::Answer && self.data(google::failure(error).as_bytes()).is_ok() {
            return 0;
        }
        self.say(&self.style.error(error));
        exit::code(error.code())
    }

    /// Shows that something is waited for: on a terminal only, and after 300 ms only.
    pub(crate) fn waiting(&self, what: &str) -> Waiting {
        let shown = !self.style.json && !self.quiet && !is_dumb_terminal() && io::stderr().is_terminal();
        Waiting::start(shown.then(|| what.to_owned()))
    }

    fn say(&self, line: &str) {
        // If stderr is gone, there is no other place to report to.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// A spinner; it disappears when dropped.
pub(crate) struct Waiting {
    running: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Waiting {
    fn start(what: Option<String>) -> Waiting {
        let running = what.and_then(|what| {
            let (stop, stopped) = mpsc::channel();
            let thread = std::thread::Builder::new().spawn(move || spin(&what, &stopped)).ok()?;
            Some((stop, thread))
        });
        Waiting { running }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // The panic of a spinner needs no report.
            let _ = thread.join();
        }
    }
}

fn spin(what: &str, stopped: &mpsc::Receiver<()>) {
    let mut pause = Duration::from_millis(300);
    let mut shown = false;
    for frame in ["|", "/", "-", "\\"].into_iter().cycle() {
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        // A prompt is not drawn over.
        shown = !crate::system::terminal::is_asking();
        if shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K{frame} {what}");
        }
        pause = Duration::from_millis(100);
    }
    if shown {
        let _ = write!(io::stderr().lock(), "\r\x1b[K");
    }
}
