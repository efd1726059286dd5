//! Documents and the picture show what can be typed at this version, and name files and tests that are there.

use std::path::{Path, PathBuf};

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
        let words = call.split_whitespace().take_while(|word| !["|", "<", ">", "&&", ";", "--"].contains(word));
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
    for (name, at_least) in [
        ("README.md", 12),
        ("docs/authentication.md", 12),
        ("docs/configuration.md", 1),
        ("docs/consumers.md", 10),
        ("docs/fleet.md", 9),
        ("docs/platforms.md", 5),
        ("docs/providers.md", 10),
        ("docs/running.md", 5),
        ("docs/secrets.md", 8),
        ("docs/stats.md", 3),
    ] {
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
    let [profile, config] = blocks[..] else { panic!("a profile and config.toml") };
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

#[test]
fn every_link_between_documents_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in [root.to_owned(), root.join("docs")] {
        for entry in std::fs::read_dir(&folder).expect("a folder of the checkout") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a document is text");
            let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
            for link in links.filter(|link| !link.is_empty() && !link.starts_with("http")) {
                assert!(folder.join(link).exists(), "{} leads to {link}", path.display());
            }
        }
    }
}

#[test]
fn every_source_file_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, at_least) in
        [("SECURITY.md", 30), ("CONTRIBUTING.md", 20), ("docs/architecture.md", 5), ("docs/decisions.md", 10)]
    {
        let text = document(name);
        let files: Vec<_> = quoted(&text).filter(|part| part.starts_with("src/")).collect();
        assert!(files.len() >= at_least, "{name} names {} files", files.len());
        for file in files {
            assert!(root.join(file).exists(), "{name} names {file}");
        }
    }
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let (text, sources) = (document("SECURITY.md"), sources());
    let is_test = |part: &str| part.contains("::") && part.bytes().all(|byte| byte == b':' || is_of_a_name(byte));
    let tests: Vec<_> = quoted(&text).filter(|part| is_test(part)).collect();
    assert!(tests.len() >= 100, "it names {} tests", tests.len());
    for test in tests {
        let (module, claim) = test.rsplit_once("::").expect("that makes it a test");
        let claim = format!("fn {claim}(");
        let is_there = sources.iter().any(|(path, text)| is_of(path, module) && text.contains(&claim));
        assert!(is_there, "no file of {module} has {claim}");
    }
}

#[test]
fn every_test_that_the_table_of_faults_names_is_there() {
    let (text, sources) = (document("docs/faults.md"), sources());
    let is_claim = |part: &str| part.matches('_').count() >= 4 && part.bytes().all(is_of_a_name);
    let claims: Vec<_> = quoted(&text).filter(|part| is_claim(part)).collect();
    assert!(claims.len() >= 100, "it names {} tests", claims.len());
    for claim in claims {
        let definition = format!("fn {claim}(");
        assert!(sources.iter().any(|(_, text)| text.contains(&definition)), "no file has {claim}");
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_of_a_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')
}

/// Every source file of the library and the tests, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the checkout") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file is text");
                sources.push((path.strip_prefix(root).expect("it is below").to_owned(), text));
            }
        }
    }
    sources
}

/// Whether a file belongs to a module: `a::b` is in `a/b.rs`, or in a file below `a/b`.
fn is_of(path: &Path, module: &str) -> bool {
    let path = path.with_extension("");
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    let module: Vec<_> = module.split("::").collect();
    parts.windows(module.len()).any(|window| window == module.as_slice())
}
