//! Hints that are commands, followed to the letter: none of them takes anything from its reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::case::read_cases;
use crate::common::{Issuer, TestEnvironment};
use crate::machine::paths_in;

/// What a user would miss: configuration, secrets, and what says where they are.
fn kept(environment: &TestEnvironment) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["config", "files", "data"] {
        collect(&environment.path(folder), &mut files);
    }
    // What any command may add to or renew.
    let renewed =
        |path: &Path| path.components().any(|part| part.as_os_str() == "locks" || part.as_os_str() == "tokens");
    files.retain(|path, _| !renewed(path) && !path.display().to_string().contains("ledger"));
    files
}

fn collect(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    if !directory.is_dir() {
        return;
    }
    for path in paths_in(directory) {
        match path.symlink_metadata().expect("it was listed") {
            metadata if metadata.is_dir() => collect(&path, files),
            metadata if metadata.is_file() => {
                let bytes = std::fs::read(&path).unwrap_or_else(|error| format!("{error}").into_bytes());
                files.insert(path, bytes);
            }
            _ => {}
        }
    }
}

/// The commands of a hint that can be run as they stand.
fn commands(hint: &str) -> Vec<Vec<String>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    if let Some(chmod) = hint.strip_prefix("run chmod ") {
        return vec![[vec!["chmod".to_owned()], words(chmod)].concat()];
    }
    let Some((_, init)) = hint.split_once("tokenkeep init ") else { return Vec::new() };
    let is_own = |word: &&str| word.starts_with("--") || matches!(word.trim_end_matches(','), "file" | "keyring");
    let typed: Vec<String> =
        init.split(' ').take_while(is_own).map(|word| word.trim_end_matches(',').to_owned()).collect();
    vec![[vec!["tokenkeep".to_owned(), "init".to_owned()], typed].concat()]
}

#[test]
fn a_hint_that_is_followed_to_the_letter_takes_nothing() {
    let issuer = Issuer::start();
    let (mut closed, mut chosen, mut harm) = (0, 0, Vec::new());
    for file in ["errors.toml", "files.toml", "fleet.toml"] {
        for case in read_cases(file).case {
            for command in case.hint.as_deref().map(commands).unwrap_or_default() {
                let environment = TestEnvironment::new();
                let command: Vec<String> = command
                    .iter()
                    .map(|word| word.replace("{root}", &environment.root().display().to_string()))
                    .collect();
                case.played(&environment, &issuer);
                let before = kept(&environment);
                if command[0] == "chmod" {
                    environment.program("chmod", &command[1..]).run().success();
                    closed += 1;
                } else {
                    let chose = environment.tokenkeep(&command[1..]).run();
                    assert!(chose.code != 1, "{}: {chose:?}", case.name);
                    chosen += 1;
                }
                let after = kept(&environment);
                harm.extend(
                    before
                        .iter()
                        .filter(|(path, bytes)| after.get(*path) != Some(*bytes))
                        .map(|(path, _)| format!("{}: {command:?} changed {}", case.name, path.display())),
                );
            }
        }
    }
    assert!(harm.is_empty(), "{}", harm.join("\n"));
    assert!(closed > 3 && chosen > 3, "{closed} chmod, {chosen} init");
}
