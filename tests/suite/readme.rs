//! README.md, docs/secrets.md, docs/fleet.md and the picture show what can be typed at this version.

use std::path::Path;

use crate::common::TestEnvironment;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it is in the checkout")
}

/// Fails unless each `tokenkeep` in a line of shell names a command that is there, with flags that it has.
pub(crate) fn assert_can_be_typed(environment: &TestEnvironment, line: &str) {
    let typed = line.split("  #").next().unwrap_or_default().trim_end();
    for (at, name) in typed.match_indices("tokenkeep ").filter(|(at, _)| !typed[..*at].ends_with(['/', '_'])) {
        // What comes then is the shell's, or another program's.
        let call = typed[at + name.len()..].split([')', '`']).next().unwrap_or_default();
        let words = call.split_whitespace().take_while(|word| !["|", "<", ">", "&&", ";"].contains(word));
        let words: Vec<_> = words.map(|word| word.split('=').next().unwrap_or(word)).collect();
        let first = if words.first() == Some(&"-p") { 2 } else { 0 };
        let command = words[first..].split(|word| word.starts_with('-')).next().unwrap_or_default();
        assert!(!command.is_empty(), "a command is missing: {line}");
        for command in alternatives(command) {
            let help = environment.tokenkeep(&command).arg("-h").run();
            assert!(help.code == 0, "{command:?} is not a command: {line}");
            assert!(!help.stdout_str().contains("\nCommands:\n"), "{command:?} needs another word: {line}");
            let flags: Vec<_> = help.stdout_str().lines().filter(|line| line.trim_start().starts_with('-')).collect();
            for flag in words.iter().filter(|word| word.starts_with('-')) {
                let is_known = flags.iter().any(|line| line.split([' ', ',']).any(|word| word == *flag));
                assert!(is_known, "{command:?} has no flag {flag}: {line}");
            }
        }
    }
}

/// Of `completions bash|zsh` makes two commands.
fn alternatives<'a>(command: &[&'a str]) -> Vec<Vec<&'a str>> {
    let (last, before) = command.split_last().expect("at least one word");
    last.split('|').map(|last| [before, &[last]].concat()).collect()
}

/// The lines of a document's code blocks that call tokenkeep, continued ones as one.
fn shown(name: &str) -> Vec<String> {
    let mut fenced = false;
    let text = document(name).replace("\\\n", " ");
    let lines = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        (fenced || line.starts_with("    ")) && line.contains("tokenkeep ")
    });
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_that_is_shown_can_be_typed() {
    let environment = TestEnvironment::new();
    for (name, at_least) in [("README.md", 20), ("docs/secrets.md", 3), ("docs/fleet.md", 9)] {
        let shown = shown(name);
        assert!(shown.len() >= at_least, "{name} shows {} commands", shown.len());
        shown.iter().for_each(|line| assert_can_be_typed(&environment, line));
    }
}

#[test]
fn the_picture_shows_commands_that_can_be_typed_and_the_readme_shows_the_picture() {
    let environment = TestEnvironment::new();
    let picture = document("docs/terminal.svg");
    assert!(document("README.md").contains("](docs/terminal.svg)"));
    assert!(picture.len() < 30_000, "{} bytes", picture.len());
    // A line of the terminal is a line of the file; scripts/picture marks what was typed.
    let text = |line: &str| line.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect::<String>();
    let typed = picture.lines().filter(|line| line.contains("class=\"typed\"")).map(text);
    let typed: String = typed.map(|line| line.replace("&lt;", "<").replace("&gt;", ">") + "\n").collect();
    let typed = typed.replace("\\\n", " ");
    for command in ["init", "credentials set", "token get", "token validate", "stats"] {
        assert!(typed.contains(&format!("tokenkeep {command}")), "no {command} in:\n{typed}");
    }
    typed.lines().for_each(|line| assert_can_be_typed(&environment, line));
}

#[test]
fn the_configuration_that_is_documented_is_one() {
    let environment = TestEnvironment::new();
    let text = document("docs/configuration.md");
    let blocks: Vec<_> = text.split("```toml\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    let [config, profile] = blocks[..] else { panic!("config.toml and a profile") };
    // What is commented out there holds as well, but for one of two keys that exclude each other.
    let config: String = config
        .lines()
        .filter(|line| !line.contains("key_credential"))
        .fold(String::new(), |all, line| all + line.strip_prefix("# ").unwrap_or(line) + "\n");
    environment.write("config/config.toml", config);
    environment.write("config/profiles/billing.toml", profile);
    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["profile"], "billing");
    assert_eq!(shown["token_url"], "https://id.example.com/token");
}
