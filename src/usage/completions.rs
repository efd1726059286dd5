//! Completion scripts, which know the profiles of the user and the providers.

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use super::command_line;
use crate::manage::credential::provider_names;

/// Stands for the profiles in what clap writes, and is replaced by a command that lists them.
const PROFILES: &str = "TOKENKEEP_PROFILES_HERE";
const LIST: &str = "tokenkeep credentials list --names 2>/dev/null";

/// Returns the completion script of a shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), "tokenkeep", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => script.replace(PROFILES, &format!("$({LIST})")),
        Shell::Zsh => script.replace(&format!("({PROFILES})"), &format!("{{compadd -- ${{(f)\"$({LIST})\"}}}}")),
        Shell::Fish => script.replace(&format!("\"{PROFILES}\\t''\""), &format!("\"({LIST})\"")),
        // These shells have no place for a command: the user types the names.
        _ => script.replace(PROFILES, ""),
    }
}

fn completed() -> Command {
    let command = command_line();
    let command = command.mut_arg("profile", |argument| argument.value_parser(PossibleValuesParser::new([PROFILES])));
    command.mut_subcommand("credentials", |credentials| {
        credentials.mut_subcommand("set", |set| {
            set.mut_arg("provider", |argument| argument.value_parser(PossibleValuesParser::new(provider_names())))
        })
    })
}
