//! `man`: the pages are complete, a formatter takes them, and what they show can be typed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::{TestEnvironment, skipped};
use crate::readme::assert_can_be_typed;

fn written(environment: &TestEnvironment) -> PathBuf {
    let directory = environment.path("files/man/man1");
    let outcome = environment.tokenkeep(["man"]).arg(&directory).run().success().says("manual pages into ");
    assert!(outcome.stdout.is_empty());
    directory
}

fn names(directory: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(directory).expect("a folder of pages");
    files.map(|file| file.expect("a page").file_name().into_string().expect("a name of ours")).collect()
}

/// The words of each command that `--help` shows, the command itself among them.
fn commands(environment: &TestEnvironment, words: &[&str]) -> Vec<String> {
    let help = environment.tokenkeep(words).arg("--help").run().success();
    let listed = help.stdout_str().lines().skip_while(|line| *line != "Commands:").skip(1);
    let below = listed.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let below = below.filter(|name| *name != "help").flat_map(|name| commands(environment, &[words, &[name]].concat()));
    [["tokenkeep"].as_slice(), words].concat().join(" ").split('\n').map(str::to_owned).chain(below).collect()
}

#[test]
fn every_command_has_a_page() {
    let environment = TestEnvironment::new();
    let pages = names(&written(&environment));
    let commands = commands(&environment, &[]);
    assert!(commands.len() > 15, "{commands:?}");
    let wanted: BTreeSet<_> = commands.iter().map(|words| format!("{}.1", words.replace(' ', "-"))).collect();
    assert_eq!(pages, wanted);
    assert_eq!(written(&environment), environment.path("files/man/man1"), "it can be repeated");
}

#[test]
fn a_formatter_finds_nothing_wrong_with_any_page() {
    let environment = TestEnvironment::new();
    let directory = written(&environment);
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("groff").exists()) {
        skipped("groff is not installed: nobody reads the manual pages");
        return;
    }
    for name in names(&directory) {
        let formatter = environment.program("groff", ["-man", "-ww", "-Tascii", "-P-bcou"]).arg(directory.join(&name));
        let outcome = formatter.run().success();
        assert_eq!(outcome.stderr, "", "{name}");
        assert!(outcome.stdout_str().contains("SYNOPSIS"), "{name}");
    }
}

#[test]
fn the_first_page_goes_to_stdout_and_tells_exit_codes_variables_and_files() {
    let environment = TestEnvironment::new();
    let outcome = environment.tokenkeep(["man"]).run().success();
    assert_eq!(outcome.stderr, "");
    let page = outcome.stdout_str();
    assert_eq!(page, std::fs::read_to_string(written(&environment).join("tokenkeep.1")).expect("the first page"));
    let page = page.replace("\\-", "-");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let last = ["COMMANDS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"];
    assert!(sections.ends_with(&last), "{sections:?}");
    for told in ["\\fB8\\fR\n", "key_file_missing", "TOKENKEEP_DATA_DIR", "ledger.db", "config.toml"] {
        assert!(page.contains(told), "{told}");
    }
    let (_, examples) = page.split_once(".SH EXAMPLES\n").expect("it is the last section");
    let examples = examples.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    let checked = examples.map(|example| assert_can_be_typed(&environment, example)).count();
    assert!(checked > 4, "{checked} examples");
}

#[test]
fn a_directory_that_cannot_be_written_is_a_failure() {
    let environment = TestEnvironment::new();
    environment.write("files/taken", "");
    environment.write("files/pages/tokenkeep.1/kept", "");
    for directory in ["files/taken", "files/taken/below", "files/pages"] {
        let man = environment.tokenkeep(["--json", "man"]).arg(environment.path(directory));
        man.run().fails(9, "write_failed").says("tokenkeep man DIR");
    }
    assert!(environment.path("files/pages/tokenkeep.1/kept").exists());
}
