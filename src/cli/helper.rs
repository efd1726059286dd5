//! `helper`, and the programs that are links to this one: answers a client in its own protocol.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use super::settle;
use super::ui::Ui;
use crate::consumers::helper::{HelperCall, Input, Invocation, KeeperTokens, Reply};
use crate::error::{Code, Error, Remedy, written};
use crate::exit;
use crate::keeper::Observer;
use crate::open::recording::Recording;
use crate::open::{Home, text_variable};
use crate::system::process::{FRONT_GREETED, FRONT_PROCESS};
use crate::system::stdout;
use crate::usage::args::Global;

/// Answers a call that a person typed with options of the command line before it.
pub(super) fn run_typed(global: &Global, client: &str, words: &[String]) -> ExitCode {
    let arguments: Vec<OsString> =
        ["helper", client].into_iter().chain(words.iter().map(String::as_str)).map(OsString::from).collect();
    match Invocation::parse(OsStr::new("tokenkeep"), &arguments) {
        Some(call) => run(Invocation {
            profile: call.profile.or_else(|| global.profile.clone()),
            config_dir: call.config_dir.or_else(|| global.config_dir.clone()),
            data_dir: call.data_dir.or_else(|| global.data_dir.clone()),
            ..call
        }),
        None => {
            let ui = Ui::new(global);
            let error = Error::new(Code::Usage, format!("{client} makes no such call; nothing was changed"));
            ExitCode::from(ui.failed(&error.with_remedy(Remedy::ReadCommandHelp("helper".to_owned()))))
        }
    }
}

/// Answers one call. Warnings go to stderr if the client shows it to its user, else nowhere.
pub(super) fn run(invocation: Invocation) -> ExitCode {
    let (helper, recording) = (invocation.helper, Recording::at_end());
    let ui = Ui::plain(false).for_client(helper.client.errors);
    let reply = answered(invocation, &ui, &recording).unwrap_or_else(|error| (helper.failure)(&error));
    let exit = print(&reply);
    settle(&recording, &ui);
    exit
}

fn answered(invocation: Invocation, ui: &Ui, recording: &Recording) -> Result<Reply, Error> {
    let Invocation { helper, profile, config_dir, data_dir, words } = invocation;
    let home = Home { recording: recording.clone(), ..Home::find(config_dir, data_dir)? };
    let profile = match profile {
        Some(profile) => Some(profile),
        None => text_variable("TOKENKEEP_PROFILE")?,
    };
    let ui = ui.clone();
    let observer: Observer = Arc::new(move |warning| ui.warn(warning));
    let reply = HelperCall {
        helper,
        home: &home,
        profile: profile.map(|name| home.profile_name(Some(&name))).transpose()?,
        words,
        input: &mut Input::new(io::stdin()),
        tokens: &mut KeeperTokens(observer),
        is_greeted: std::env::var_os(FRONT_GREETED).is_some_and(|by| std::env::var_os(FRONT_PROCESS) == Some(by)),
    }
    .run();
    reply.ok_or_else(|| Error::new(Code::Internal, "the helper left its call to another program"))
}

fn print(reply: &Reply) -> ExitCode {
    // If stderr is gone, there is no other place to report to.
    let _ = io::stderr().lock().write_all(reply.stderr.as_bytes());
    match written(stdout::write(reply.stdout.as_bytes())) {
        Ok(()) => ExitCode::from(reply.exit.number(exit::code)),
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "tokenkeep: {error}");
            ExitCode::from(exit::code(error.code()))
        }
    }
}
