//! The command line: reads arguments and terminal, prints, and knows no protocol.

mod check;
mod credentials;
#[cfg(unix)]
mod curl;
mod diagnostics;
mod doctor;
mod fleet;
mod helper;
mod init;
mod issuer;
mod manual;
mod operator;
mod request;
mod secret_input;
mod stats;
mod token;
mod ui;
mod which;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use issuer::Lookup;
use ui::Ui;

use crate::consumers::helper::Invocation;
use crate::error::warning::Warning;
use crate::error::{Code, Error, chain};
use crate::keeper::Observer;
use crate::ledger::{Condition, LedgerError};
pub(crate) use crate::manage::block_on;
use crate::open::recording::Recording;
use crate::open::{Home, text_variable};
use crate::profile::ProfileName;
use crate::secrets::PassphraseReader;
use crate::system::hardening::harden;
use crate::usage::args::{Command, Token, Typed};
use crate::usage::{self, Parsed};

/// Runs a command line and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    harden();
    #[cfg(unix)]
    crate::system::process::end_with_caller();
    let plain = Ui::plain(usage::wants_json(&arguments));
    diagnostics::report_panics(&plain);
    if let Some((own_name, arguments)) = arguments.split_first()
        && let Some(invocation) = Invocation::parse(own_name, arguments)
    {
        return helper::run(invocation);
    }
    let typed = match usage::parse(&arguments) {
        Parsed::Command(typed) => *typed,
        Parsed::Text(text) => return ended(&plain, plain.data(text.as_bytes())),
        Parsed::Refused(error) => return ended(&plain, Err(error)),
    };
    if let Command::Helper { client, words } = &typed.command {
        return helper::run_typed(&typed.global, client, words);
    }
    let ui = Ui::new(&typed.global).for_client(typed.errors_of_client());
    let recording = Recording::at_end();
    let outcome = diagnostics::start(&typed.global).and_then(|()| command(typed, &ui, &recording));
    let exit = ended(&ui, outcome.map_err(|error| advised(error, &arguments)));
    settle(&recording, &ui);
    exit
}

/// Names the help of the command in an error of usage that has no other advice.
fn advised(error: Error, arguments: &[OsString]) -> Error {
    match (error.code(), error.remedy()) {
        (Code::Usage, None) => error.with_remedy(usage::help_of(arguments)),
        _ => error,
    }
}

/// Prints the error of a command, if there is one, and returns its exit code.
fn ended(ui: &Ui, outcome: Result<u8, Error>) -> ExitCode {
    ExitCode::from(outcome.unwrap_or_else(|error| ui.failed(&error)))
}

/// The surroundings that a command needs to know.
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) home: Home,
    pub(crate) profile: Option<String>,
}

impl Context<'_> {
    /// Returns the profile that is meant.
    pub(crate) fn profile_name(&self) -> Result<ProfileName, Error> {
        self.home.profile_name(self.profile.as_deref())
    }

    /// Returns what prints warnings.
    pub(crate) fn observer(&self) -> Observer {
        let ui = self.ui.clone();
        Arc::new(move |warning| ui.warn(warning))
    }
}

fn command(typed: Typed, ui: &Ui, recording: &Recording) -> Result<u8, Error> {
    let Typed { global, command } = typed;
    match command {
        Command::Completions { shell } => {
            return ui.data(usage::script(shell).as_bytes());
        }
        Command::Schema { of } => return check::schema(ui, of),
        Command::Check { files } => return check::run(ui, &files),
        Command::Man { directory } => return manual::write(ui, directory.as_deref()),
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
        Command::Token(Token::Get(get)) if get.refresh => issuer::of_environment(&context, Lookup::Always)?,
        Command::Token(Token::Get(get)) if !get.offline => issuer::of_environment(&context, Lookup::IfOld)?,
        Command::Token(Token::Validate(validate)) if !validate.offline => {
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
        #[cfg(unix)]
        Command::Curl { arguments } => curl::run(&context, &arguments),
        Command::Which { url } => which::run(&context, &url),
        Command::Lock => init::lock(&context),
        Command::Rekey(args) => init::rekey(&context, &args),
        Command::Stats { since, prometheus } => {
            let form = if prometheus { stats::Form::Prometheus } else { stats::Form::Report };
            stats::run(&context, since.as_deref(), form)
        }
        // These were carried out before the directories were found.
        Command::Helper { .. }
        | Command::Completions { .. }
        | Command::Schema { .. }
        | Command::Check { .. }
        | Command::Man { .. } => Ok(0),
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
