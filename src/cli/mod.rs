//! The command line: reads arguments and terminal, prints, and knows no protocol.

mod args;
mod completions;
mod credentials;
mod diagnostics;
mod doctor;
mod examples;
mod fleet;
mod format;
#[cfg(test)]
mod hinted;
mod init;
mod issuer;
mod manual;
mod operator;
mod request;
mod secret_input;
mod stats;
mod suggestions;
mod token;
mod ui;
mod urls;
mod usage;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Command, Typed};
use issuer::Lookup;
use ui::Ui;

use crate::consumers::format::Format;
use crate::error::warning::Warning;
use crate::error::{Code, Error, chain};
use crate::exit;
use crate::keeper::Observer;
use crate::ledger::{Condition, LedgerError};
use crate::manage::Warn;
pub(crate) use crate::manage::block_on;
use crate::open::recording::Recording;
use crate::open::{Home, text_variable};
use crate::secrets::PassphraseReader;
use crate::system::hardening::harden;

/// Runs a command line and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    harden();
    #[cfg(unix)]
    crate::system::process::end_with_caller();
    diagnostics::report_panics(words::wants_json(&arguments));
    let parsed = command_line().try_get_matches_from(&arguments).and_then(|matches| Typed::from_arg_matches(&matches));
    let mut typed = match parsed {
        Ok(typed) => typed,
        Err(error) => return usage::refused(&error, &arguments),
    };
    // The same word twice: results and errors as JSON.
    if matches!(&typed.command, Command::Token(args::Token::Get(get)) if get.format == Format::Json) {
        typed.global.json = true;
    }
    let ui = Ui::new(&typed.global);
    let recording = Recording::at_end();
    let outcome = diagnostics::start(&typed.global).and_then(|()| command(typed, &ui, &recording));
    let exit = match outcome {
        Ok(exit) => ExitCode::from(exit),
        Err(error) => {
            let error = match (error.code(), error.remedy()) {
                (Code::Usage, None) => error.with_remedy(words::help_of(&arguments)),
                _ => error,
            };
            ui.error(&error);
            ExitCode::from(exit::code(error.code()))
        }
    };
    settle(&recording, &ui);
    exit
}

/// Returns every command and flag, with examples.
fn command_line() -> clap::Command {
    examples::added(Typed::command())
}

/// The surroundings that a command needs to know.
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) home: Home,
    pub(crate) profile: Option<String>,
}

impl Context<'_> {
    /// Returns what prints the warnings of others.
    pub(crate) fn warner(&self) -> Warn {
        let ui = self.ui.clone();
        Warn::new(move |warning| ui.warn(warning))
    }

    /// Returns what prints the warnings of a keeper.
    pub(crate) fn observer(&self) -> Observer {
        let ui = self.ui.clone();
        Box::new(move |warning| ui.warn(warning))
    }
}

fn command(typed: Typed, ui: &Ui, recording: &Recording) -> Result<u8, Error> {
    let Typed { global, command } = typed;
    match command {
        Command::Completions { shell } => {
            return ui.data(completions::script(shell).as_bytes()).map(|()| 0);
        }
        Command::Man { directory } => return manual::write(ui, Typed::command(), directory.as_deref()),
        _ => {}
    }
    let home = Home::find(global.config_dir, global.data_dir)?;
    let context = Context {
        ui,
        home: Home {
            recording: recording.clone(),
            passphrase: PassphraseReader::asking(secret_input::passphrase),
            ..home
        },
        profile: match global.profile {
            Some(profile) => Some(profile),
            None => text_variable("TOKENKEEP_PROFILE")?,
        },
    };
    // Only a command that requests something looks up the issuer's endpoints. `doctor` reports what comes of it.
    let endpoints = match &command {
        Command::Token(args::Token::Get(get)) if get.refresh => issuer::of_environment(&context, Lookup::Always)?,
        Command::Token(args::Token::Get(get)) if !get.offline => issuer::of_environment(&context, Lookup::IfOld)?,
        Command::Token(args::Token::Validate(validate)) if !validate.offline => {
            issuer::of_environment(&context, Lookup::IfOld)?
        }
        _ => None,
    };
    let context = Context { home: Home { endpoints, ..context.home }, ..context };
    match command {
        Command::Init(init) => init::run(&context, &init),
        Command::Credentials(command) => credentials::run(&context, command),
        Command::Token(command) => token::run(&context, command),
        Command::Fleet(command) => fleet::run(&context, command),
        Command::Doctor { online, all, fix, yes } => doctor::run(&context, &doctor::Typed { online, all, fix, yes }),
        Command::Lock => init::lock(&context),
        Command::Rekey(args) => init::rekey(&context, &args),
        Command::Stats { since, prometheus } => {
            let form = if prometheus { stats::Form::Prometheus } else { stats::Form::Report };
            stats::run(&context, since.as_deref(), form)
        }
        Command::Completions { .. } | Command::Man { .. } => Ok(0),
    }
}

/// Writes the requests to issuers into the ledger. Whatever the outcome, the answer was given.
fn settle(recording: &Recording, ui: &Ui) {
    match recording.settle() {
        Ok(Condition::Sound) => {}
        Ok(Condition::Quarantined) => ui.warn(&Warning::LedgerQuarantined),
        Err(LedgerError::Place(place)) if place.is_insecure() => {
            ui.warn(&Warning::CachePathInsecure(chain(&place)));
        }
        Err(error) => tracing::debug!("the history of requests was not written: {}", chain(&error)),
    }
}
