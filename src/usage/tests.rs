//! Tests that hints name only what exists: each command can be parsed, and each flag is one of ours.

use clap::{Command, CommandFactory as _};

use super::args::Typed;
use crate::error::Remedy;
use crate::hints::tests::lines;

/// Flags of other programs that a hint names.
const OF_OTHERS: [&str; 2] = ["--help", "--userns"];

/// Returns the commands of ours in a hint, as far as each goes.
fn commands(line: &str) -> Vec<String> {
    let starts = line.match_indices("tokenkeep ").map(|(at, _)| at);
    let before = ["run ", ": ", "mean ", "or ", "and "];
    let is_command = |at: &usize| *at == 0 || before.iter().any(|before| line[..*at].ends_with(before));
    starts
        .filter(is_command)
        .map(|at| {
            let end = [", ", ": ", "; ", "?"].iter().filter_map(|end| line[at..].find(end)).min();
            line[at..end.map_or(line.len(), |end| at + end)].to_owned()
        })
        .collect()
}

fn flags(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}"));
    own.chain(command.get_subcommands().flat_map(flags)).collect()
}

#[test]
fn every_command_and_flag_of_a_hint_is_there() {
    let mut command = Typed::command();
    command.build();
    let flags = flags(&command);
    let mut parsed = 0;
    for (remedy, lines) in lines() {
        if matches!(remedy, Remedy::InstallBoth(_)) {
            continue;
        }
        for line in lines {
            for typed in commands(&line) {
                // Help ends the parser as an error does.
                let typed = typed.trim_end_matches(" --help");
                let typed = typed.replace("METHOD", "client_secret_post").replace("WHOM", "issuer");
                let outcome = Typed::command().try_get_matches_from(typed.split(' '));
                let is_parsed = match &outcome {
                    Ok(_) => true,
                    Err(error) => line.contains("--help") && error.kind() != clap::error::ErrorKind::InvalidSubcommand,
                };
                assert!(is_parsed, "{remedy:?}: {typed:?} of {line:?}: {outcome:?}");
                parsed += 1;
            }
            for word in line.split([' ', ',', ':', ';', '=']).filter(|word| word.starts_with("--")) {
                let is_known = flags.iter().any(|flag| flag == word) || OF_OTHERS.contains(&word);
                assert!(is_known, "{remedy:?}: {word} of {line:?}");
            }
        }
    }
    assert!(parsed > 60, "{parsed}");
}
