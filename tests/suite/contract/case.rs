//! One case of the contract: what is given, what is run, what has to come of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item};

use crate::common::issuer::{Behaviour, CLIENT_SECRET, ConnectionBehaviour};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::setup;

/// A data file of `tests/contract`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    pub(super) case: Vec<Case>,
    /// Codes that nothing in this version leads to, each with the reason.
    #[serde(default)]
    pub(super) unreached: BTreeMap<String, String>,
}

/// In every text `{issuer}` is the fixture issuer's URL, `{root}` the environment's directory, `{user}` the caller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What is the case, as a claim.
    pub(super) name: String,
    #[serde(default)]
    given: Given,
    /// Options of the `credentials set` that was given.
    #[serde(default)]
    options: Vec<String>,
    /// The lifetime of the tokens that the issuer gives, where it matters.
    expires_in: Option<u64>,
    /// Files with their content, written after what is given.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Files that are removed, and modes that are set, after that.
    #[serde(default)]
    removed: Vec<String>,
    #[serde(default)]
    modes: BTreeMap<String, String>,
    /// Commands that succeed before the one that is looked at.
    #[serde(default)]
    before: Vec<Vec<String>>,
    /// What the issuer does with `path`.
    behaviour: Option<Behaviour>,
    #[serde(default = "token_path")]
    path: String,
    /// What the issuer does with connections.
    connection: Option<ConnectionBehaviour>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    stdin: String,
    /// A program that the command is run under.
    #[serde(default)]
    under: Vec<String>,
    run: Vec<String>,

    pub(super) exit: i32,
    /// The code of the error; empty where there is none.
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    message: String,
    pub(super) hint: Option<String>,
    #[serde(default)]
    retryable: bool,
    /// Further members of the error object: these, and no others.
    #[serde(default)]
    members: Map<String, Value>,
    /// The codes of warnings.
    #[serde(default)]
    warnings: Vec<String>,
}

/// What an environment holds at the beginning. `files/secret` is always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Given {
    Nothing,
    /// A place for secrets was chosen.
    Init,
    /// And a credential was set for the fixture issuer, as the profile `default`.
    #[default]
    Credential,
    /// And a token was got.
    Token,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// Reads a data file.
pub(super) fn read_cases(name: &str) -> Cases {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(name);
    let text = std::fs::read_to_string(path).expect("the data files are in the checkout");
    let document: DocumentMut = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_value(value(document.as_item())).unwrap_or_else(|error| panic!("{name}: {error}"))
}

impl Case {
    /// Runs the case in both forms; an error says in what it does not hold.
    pub(super) fn check(&self, issuer: &Issuer) -> Result<(), String> {
        for form in [Form::Text, Form::Json] {
            let environment = TestEnvironment::new();
            let case = self.filled_in(&environment, issuer);
            let outcome = case.run(&environment, issuer, form);
            case.judge(&outcome, form).map_err(|what| format!("--- {}: {what}\n{outcome:?}", self.name))?;
        }
        Ok(())
    }

    /// Runs the case once, whatever comes of it.
    pub(super) fn played(&self, environment: &TestEnvironment, issuer: &Issuer) -> Outcome {
        self.filled_in(environment, issuer).run(environment, issuer, Form::Text)
    }

    fn filled_in(&self, environment: &TestEnvironment, issuer: &Issuer) -> Case {
        let root = environment.root().display().to_string();
        let address = issuer.url("");
        let fill = |text: &str| {
            let text = text.replace("{issuer}", &address).replace("{authority}", address.trim_start_matches("http://"));
            text.replace("{root}", &root)
                .replace("{user}", user())
                .replace("{uid}", &rustix::process::geteuid().as_raw().to_string())
        };
        let all = |texts: &[String]| texts.iter().map(|text| fill(text)).collect::<Vec<_>>();
        let pairs = |pairs: &BTreeMap<String, String>| pairs.iter().map(|(k, v)| (k.clone(), fill(v))).collect();
        Case {
            options: all(&self.options),
            files: pairs(&self.files),
            behaviour: self.behaviour.clone().map(|behaviour| match behaviour {
                Behaviour::Answer { status, headers, body } => {
                    let filled = std::str::from_utf8(&body.0).map(|text| fill(text).into());
                    Behaviour::Answer { status, headers, body: filled.unwrap_or(body.clone()) }
                }
                other => other,
            }),
            env: pairs(&self.env),
            before: self.before.iter().map(|command| all(command)).collect(),
            run: all(&self.run),
            message: fill(&self.message),
            hint: self.hint.as_deref().map(fill),
            ..self.clone()
        }
    }

    fn run(&self, environment: &TestEnvironment, issuer: &Issuer, form: Form) -> Outcome {
        issuer.reset();
        if let Some(seconds) = self.expires_in {
            issuer.set(json!({ "expires_in": seconds }));
        }
        environment.write_secret("files/secret", CLIENT_SECRET);
        if self.given != Given::Nothing {
            setup::init(environment);
        }
        if matches!(self.given, Given::Credential | Given::Token) {
            let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
            setup::set_credential(environment, &issuer.token_url(), &options).run().success();
        }
        if self.given == Given::Token {
            setup::get(environment).run().success().token();
        }
        for command in &self.before {
            environment.tokenkeep(command).run().success();
        }
        for (path, content) in &self.files {
            // A person may have written a secret there: that it stands there is the person's affair.
            environment.secret_place(path);
            environment.write(path, content);
        }
        for path in &self.removed {
            let path = environment.path(path);
            let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            removed.expect("what is to be removed is there");
        }
        for (path, mode) in &self.modes {
            let mode = u32::from_str_radix(mode, 8).expect("a mode is octal");
            std::fs::set_permissions(environment.path(path), PermissionsExt::from_mode(mode)).expect("it is there");
        }
        if let Some(behaviour) = &self.behaviour {
            issuer.behave(&self.path, behaviour.clone());
        }
        if let Some(behaviour) = &self.connection {
            issuer.behave_on_connect(behaviour.clone());
        }
        let start = if form == Form::Json { vec!["--json"] } else { Vec::new() };
        let run = environment.tokenkeep(start).args(&self.run).under(&self.under).stdin(&self.stdin);
        let run = self.env.iter().fold(run, |run: Invocation, (name, value)| run.env(name, value));
        // A token on stdout is what success is, where a token is asked for.
        if self.exit == 0 { run.prints_token().run() } else { run.run() }
    }

    fn judge(&self, outcome: &Outcome, form: Form) -> Result<(), String> {
        let same = |what: &str, is: &Value, wanted: &Value| {
            if is == wanted { Ok(()) } else { Err(format!("{what} is {is}, wanted {wanted}")) }
        };
        same("the exit code", &outcome.code.into(), &self.exit.into())?;
        let (warnings, errors) = said(&outcome.stderr, form)?;
        same("the list of warnings", &json!(warnings), &json!(self.warnings))?;
        if self.exit == 0 {
            return same("stderr without warnings", &json!(errors), &json!([]));
        }
        if !outcome.stdout.is_empty() {
            return Err("a refusal writes on stdout".to_owned());
        }
        if form == Form::Text {
            let hint = self.hint.iter().map(|hint| format!("hint: {hint}"));
            let lines: Vec<_> = [format!("error: {}", self.message)].into_iter().chain(hint).map(Value::from).collect();
            return same("stderr", &errors.into(), &lines.into());
        }
        let mut error = self.members.clone();
        error.insert("code".to_owned(), json!(self.code));
        error.insert("message".to_owned(), json!(self.message));
        error.insert("hint".to_owned(), json!(self.hint));
        error.insert("retryable".to_owned(), json!(self.retryable));
        same("the error", &errors.into(), &json!([{ "error": error }]))
    }
}

/// The codes of the warnings on stderr, and everything else there, line by line.
fn said(stderr: &str, form: Form) -> Result<(Vec<String>, Vec<Value>), String> {
    let (mut warnings, mut others) = (Vec::new(), Vec::new());
    for line in stderr.lines() {
        let (warning, other) = match form {
            Form::Text => {
                let code = line.strip_prefix("warning: ").and_then(|rest| rest.split_once(": ")).map(|(code, _)| code);
                (code.map(str::to_owned), Value::from(line))
            }
            Form::Json => {
                let object: Value = serde_json::from_str(line).map_err(|_| format!("a line is no JSON: {line}"))?;
                (object["warning"]["code"].as_str().map(str::to_owned), object)
            }
        };
        match warning {
            Some(code) => warnings.push(code),
            None => others.push(other),
        }
    }
    Ok((warnings, others))
}

fn token_path() -> String {
    "/token".to_owned()
}

fn user() -> &'static str {
    static USER: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    USER.get_or_init(|| {
        let id = std::process::Command::new("id").arg("-un").output().expect("id runs");
        String::from_utf8(id.stdout).expect("a user's name is text").trim_end().to_owned()
    })
}

fn value(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => table.iter().map(|(key, item)| (key.to_owned(), value(item))).collect(),
        Item::ArrayOfTables(tables) => {
            let table = |table: &toml_edit::Table| value(&Item::Table(table.clone()));
            tables.iter().map(table).collect()
        }
    }
}

fn of_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => json!(text.value()),
        toml_edit::Value::Integer(number) => json!(number.value()),
        toml_edit::Value::Boolean(boolean) => json!(boolean.value()),
        toml_edit::Value::Array(array) => array.iter().map(of_value).collect(),
        toml_edit::Value::InlineTable(table) => {
            table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect()
        }
        toml_edit::Value::Float(_) | toml_edit::Value::Datetime(_) => panic!("not needed here"),
    }
}
