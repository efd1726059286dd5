//! A user at a terminal who types commands and does what a hint says.

use serde_json::{Value, json};

use crate::common::issuer::CLIENT_SECRET;
use crate::common::{TestEnvironment, tokenkeep};

/// Runs a line in a shell on a terminal of its own, answers what is asked, and prints as JSON how it ended and what the
/// terminal showed.
const ON_A_TERMINAL: &str = r#"
import fcntl, json, os, pty, select, subprocess, sys, termios
secret, consent, line = sys.argv[1:]
master, slave = pty.openpty()
def lead():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
child = subprocess.Popen(["sh", "-c", line], stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)
shown, answered = b"", 0
while True:
    ended = child.poll() is not None
    if select.select([master], [], [], 0.02)[0]:
        shown += os.read(master, 65536)
        continue
    if ended:
        break
    asked = shown[answered:]
    hidden = not termios.tcgetattr(slave)[3] & termios.ECHO
    if asked.endswith(b"[y/N] ") or hidden and asked.endswith(b": "):
        os.write(master, (secret if hidden else consent).encode() + b"\n")
        answered = len(shown)
print(json.dumps({"code": child.returncode, "shown": shown.decode()}))
"#;

/// A terminal in an environment, and what its user knows.
pub(crate) struct Terminal<'a> {
    environment: &'a TestEnvironment,
    /// What the user puts in for a placeholder.
    values: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    unset: Vec<&'static str>,
    secret: String,
    consent: &'static str,
    is_there: bool,
}

/// What a line did.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: i64,
    pub(crate) shown: String,
}

impl Seen {
    /// Returns the hint.
    pub(crate) fn hint(&self) -> &str {
        let hint = self.lines().find_map(|line| line.strip_prefix("hint: "));
        hint.unwrap_or_else(|| panic!("there should be a hint: {self:?}"))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.shown.split(['\n', '\r'])
    }
}

impl<'a> Terminal<'a> {
    pub(crate) fn of(environment: &'a TestEnvironment) -> Self {
        let (values, variables, unset) = (Vec::new(), Vec::new(), Vec::new());
        Self { environment, values, variables, unset, secret: CLIENT_SECRET.to_owned(), consent: "y", is_there: true }
    }

    /// Says what the user puts in for a placeholder.
    pub(crate) fn with(mut self, placeholder: &'static str, value: impl std::fmt::Display) -> Self {
        self.values.push((placeholder, value.to_string()));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    pub(crate) fn env_remove(mut self, name: &'static str) -> Self {
        self.unset.push(name);
        self
    }

    /// Says what the user types if a secret is asked for.
    pub(crate) fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// Says what the user answers to a question.
    pub(crate) fn consent(mut self, consent: &'static str) -> Self {
        self.consent = consent;
        self
    }

    /// Has no terminal; stdin holds the secret.
    pub(crate) fn absent(mut self) -> Self {
        self.is_there = false;
        self
    }

    /// Types a line, with PATH leading to the program under test.
    pub(crate) fn types(&self, line: &str) -> Seen {
        let programs = tokenkeep().parent().expect("a program lies in a directory").display();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        let run = match self.is_there {
            true => {
                let typed = ["-c", ON_A_TERMINAL, &self.secret, self.consent, line];
                self.environment.program("python3", typed)
            }
            false => self.environment.program("sh", ["-c", line]).stdin(&self.secret),
        };
        let run = run.current_dir(self.environment.path("files")).env("PATH", format!("{programs}:{path}"));
        let run = self.variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        let run = self.unset.iter().fold(run, |run, name| run.env_remove(name));
        let outcome = run.env("TERM", "dumb").env("NO_COLOR", "1").prints_token().run();
        if !self.is_there {
            return Seen { code: outcome.code.into(), shown: format!("{}{}", outcome.stderr, outcome.stdout_str()) };
        }
        let seen: Value = outcome.success().json();
        let code = seen["code"].as_i64().expect("an exit code");
        Seen { code, shown: seen["shown"].as_str().expect("a text").to_owned() }
    }

    /// Types a line that must work.
    pub(crate) fn works(&self, line: &str) -> Seen {
        let seen = self.types(line);
        assert!(seen.code == 0, "{line} should work: {seen:?}");
        seen
    }

    /// Types a line that fails, and does what its hint says, in the first way that it names.
    pub(crate) fn follows(&self, line: &str) -> Seen {
        self.follows_way(line, 0)
    }

    /// The same, in another of the ways that the hint names.
    pub(crate) fn follows_way(&self, line: &str, way: usize) -> Seen {
        let (next, failed) = self.advised(line, way);
        let seen = self.types(&next);
        assert!(seen.code == 0, "{line}\n{failed:?}\nwas followed by\n{next}\nwhich should work: {seen:?}");
        seen
    }

    /// Types a line that fails, and returns what its hint says to type.
    pub(crate) fn advised(&self, line: &str, way: usize) -> (String, Seen) {
        let failed = self.types(line);
        assert!(failed.code != 0, "{line} should fail: {failed:?}");
        (self.commanded(failed.hint(), line, way), failed)
    }

    /// Follows a hint that makes the line itself work.
    pub(crate) fn follows_and_works(&self, line: &str) {
        self.follows(line);
        self.works(line);
    }

    /// Returns what a hint says to type, with the user's values in it.
    pub(crate) fn commanded(&self, hint: &str, line: &str, way: usize) -> String {
        let ways: Vec<String> = split(hint).iter().filter_map(|part| command(part, line)).collect();
        let command = ways.get(way).unwrap_or_else(|| panic!("{hint:?} has no command number {way}: {ways:?}"));
        filled(command, &self.values)
    }
}

/// The parts of a hint, each of which is a way of its own.
fn split(hint: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = hint.split([',', ';']).flat_map(|part| part.split(" or ")).map(str::trim).collect();
    for part in &mut parts {
        for word in ["or ", "and ", "then "] {
            *part = part.strip_prefix(word).unwrap_or(part);
        }
    }
    parts
}

/// Returns the line that a part of a hint asks for; `None` if it is no command.
fn command(part: &str, line: &str) -> Option<String> {
    let after = |words: &str| part.find(words).map(|at| part[at + words.len()..].trim_end_matches('?').to_owned());
    for start in ["tokenkeep ", "openssl ", "unset ", "chmod ", "ulimit "] {
        if let Some(at) = part.find(start)
            && (at == 0 || ["run ", ": ", "mean "].iter().any(|before| part[..at].ends_with(before)))
        {
            return Some(part[at..].trim_end_matches('?').to_owned());
        }
    }
    if let Some(flags) = after("did you mean --").map(|rest| format!("--{rest}")).or(after("did you mean ")) {
        return Some(with_flags(line, &flags));
    }
    if let Some(rest) = after("leave ") {
        let words = rest.strip_suffix(" out").or_else(|| rest.strip_prefix("out ")?.split(' ').next())?;
        return Some(line.replacen(&format!(" {words}"), "", 1));
    }
    let at = part.find("--").or_else(|| part.find("-p "))?;
    Some(with_flags(line, part[at..].split(": ").next()?))
}

/// Adds the flags at the beginning of a text to a line, each with its value; one that is there already is replaced.
fn with_flags(line: &str, text: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut given = text.split(' ').peekable();
    while let Some(flag) = given.next_if(|word| word.starts_with('-')) {
        let value = given.next_if(|word| !word.starts_with('-') && (is_value(word) || !is_prose(word)));
        match words.iter().position(|word| word == flag) {
            Some(at) => {
                if let Some(value) = value {
                    words[at + 1] = value.to_owned();
                }
            }
            None => words.extend([flag].into_iter().chain(value).map(str::to_owned)),
        }
    }
    words.join(" ")
}

fn is_value(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || ":/".contains(c))
}

/// Words that go on with the sentence after a flag.
fn is_prose(word: &str) -> bool {
    ["to", "with", "of", "in", "and", "the", "if", "exactly", "is", "names", "without"].contains(&word)
}

/// Puts the user's values in the place of words in capitals.
fn filled(command: &str, values: &[(&'static str, String)]) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut filled, mut rest) = (String::new(), command);
    while let Some(start) = rest.find(is_part) {
        filled.push_str(&rest[..start]);
        let word = &rest[start..];
        let word = &word[..word.find(|c| !is_part(c)).unwrap_or(word.len())];
        let value = values.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value);
        filled.push_str(value);
        rest = &rest[start + word.len()..];
    }
    filled + rest
}

/// A line of the doctor's report that advises something.
pub(crate) fn advice_of_doctor(seen: &Seen, check: &str) -> String {
    let lines: Vec<&str> = seen.lines().filter(|line| !line.is_empty()).collect();
    let at = lines.iter().position(|line| line.split_whitespace().nth(1) == Some(check) && !line.starts_with("ok"));
    let at = at.unwrap_or_else(|| panic!("the doctor should find something about {check}: {seen:?}"));
    lines[at + 1].trim().to_owned()
}

/// Quotes for a shell what has no quotes in it.
pub(crate) fn quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn the_helper_takes_the_command_out_of_a_hint() {
    for (hint, line, ways) in [
        (
            "run tokenkeep init --backend file, or tokenkeep doctor",
            "x",
            vec!["tokenkeep init --backend file", "tokenkeep doctor"],
        ),
        ("give it with --secret-stdin or --secret-file PATH", "x", vec!["x --secret-stdin", "x --secret-file PATH"]),
        ("a token valid for 4m is cached: --min-ttl 0", "x --min-ttl 2h", vec!["x --min-ttl 0"]),
        ("did you mean -p billing?", "x -p biling", vec!["x -p billing"]),
        ("did you mean tokenkeep token get?", "x", vec!["tokenkeep token get"]),
        ("leave out --offline to contact the issuer", "x --offline", vec!["x"]),
        ("add --with domain=VALUE: the tenant's domain, such as a.example", "x", vec!["x --with domain=VALUE"]),
        ("undo the edit, or add --dpop=false to change it", "x", vec!["x --dpop=false"]),
    ] {
        let found: Vec<String> = split(hint).iter().filter_map(|part| command(part, line)).collect();
        assert_eq!(found, ways, "{hint}");
    }
    assert_eq!(filled("a --x ID=NAME", &[("ID", "7".to_owned()), ("NAME", json!("n").to_string())]), "a --x 7=\"n\"");
}
