//! What `--help` shows after its flags: lines that work when they are typed.

use clap::Command;

/// Commands, by their words after `tokenkeep`, and examples for each.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "",
        "Begin here:\n  tokenkeep credentials set --provider spotify --client-id ID\n  tokenkeep token get\n  \
         curl -H \"$(tokenkeep token get --format header)\" https://api.example.com/\n  tokenkeep doctor",
    ),
    (
        "init",
        "Examples:\n  tokenkeep init --backend keyring\n  tokenkeep init --backend file\n  \
         tokenkeep init --backend file --key-file /etc/billing/key\n  tokenkeep init --backend keyring --move",
    ),
    (
        "credentials set",
        "Examples:\n  tokenkeep credentials set --provider spotify --client-id ID\n  \
         tokenkeep credentials set -p billing --issuer https://id.example.com --client-id ID\n  \
         tokenkeep credentials set -p billing --secret-stdin --verify < secret\n  \
         tokenkeep credentials set -p pod --token-url URL --client-id ID --secret-at-fetch file:/run/secrets/client",
    ),
    ("credentials list", "Examples:\n  tokenkeep credentials list\n  tokenkeep credentials list --json"),
    ("credentials show", "Examples:\n  tokenkeep credentials show -p billing"),
    (
        "credentials remove",
        "Examples:\n  tokenkeep credentials remove -p billing\n  tokenkeep credentials remove -p billing --revoke --yes",
    ),
    (
        "token get",
        "Examples:\n  tokenkeep token get -p billing\n  tokenkeep token get --min-ttl 5m\n  \
         tokenkeep token get --scope read --format json\n  eval \"$(tokenkeep token get --format env)\"",
    ),
    (
        "token validate",
        "Examples:\n  tokenkeep token validate -p billing\n  tokenkeep token validate --offline\n  \
         tokenkeep token validate --token-stdin < token",
    ),
    ("token list", "Examples:\n  tokenkeep token list\n  tokenkeep token list --json"),
    ("token revoke", "Examples:\n  tokenkeep token revoke -p billing"),
    ("token forget", "Examples:\n  tokenkeep token forget -p billing\n  tokenkeep token forget --all"),
    (
        "fleet key",
        "Examples:\n  tokenkeep fleet key new fleet-key\n  tokenkeep fleet key import fleet-key\n  tokenkeep fleet key export copy\n  tokenkeep fleet key derive -p billing",
    ),
    ("fleet login", "Examples:\n  tokenkeep fleet login set --user tokenkeep\n  tokenkeep fleet login remove"),
    ("doctor", "Examples:\n  tokenkeep doctor\n  tokenkeep doctor --online -p billing\n  tokenkeep doctor --fix"),
    ("rekey", "Examples:\n  tokenkeep rekey\n  tokenkeep rekey --destroy"),
    ("stats", "Examples:\n  tokenkeep stats\n  tokenkeep stats --since 7d --json"),
    ("man", "Examples:\n  tokenkeep man | man -l -\n  tokenkeep man ~/.local/share/man/man1"),
    ("completions", "Examples:\n  tokenkeep completions bash > ~/.local/share/bash-completion/completions/tokenkeep"),
];

/// Adds the examples to a command and all below it.
pub(super) fn added(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, examples)| {
        let words: Vec<&str> = path.split(' ').filter(|word| !word.is_empty()).collect();
        with(command, &words, examples)
    })
}

fn with(command: Command, path: &[&str], examples: &'static str) -> Command {
    match path.split_first() {
        None => command.after_help(examples),
        Some((first, rest)) => command.mut_subcommand(*first, |command| with(command, rest, examples)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::usage::args::Typed;

    #[test]
    fn every_example_can_be_parsed() {
        for (path, examples) in EXAMPLES {
            for line in examples.lines().skip(1) {
                let line = line.split_once("tokenkeep ").expect("each line runs it").1;
                let words = line.split(['<', '>', '|', ')']).next().expect("the command").split_whitespace();
                let words = ["tokenkeep"].into_iter().chain(words).map(|word| word.trim_matches('"'));
                assert!(added(Typed::command()).try_get_matches_from(words).is_ok(), "{path}: {line}");
            }
        }
    }
}
