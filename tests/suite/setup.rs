//! Where most tests begin: a client whose credential is set for the fixture issuer.

use std::path::Path;

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

/// The profile that `credentials set` makes where none is named.
pub(crate) const PROFILE: &str = "config/profiles/default.toml";

/// An environment with the file backend and the credential of the client that the issuer knows.
pub(crate) fn credential(issuer: &Issuer, options: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), options).run().success();
    environment
}

/// The same with a token in the cache.
pub(crate) fn credential_and_token(issuer: &Issuer, options: &[&str]) -> TestEnvironment {
    let environment = credential(issuer, options);
    get(&environment).run().success().token();
    environment
}

pub(crate) fn init(environment: &TestEnvironment) {
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
}

/// A run that sets the credential of the client that a fixture issuer knows.
pub(crate) fn set_credential(environment: &TestEnvironment, token_url: &str, options: &[&str]) -> Invocation {
    environment
        .tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"])
        .args(["--token-url", token_url])
        .args(options)
        .stdin(CLIENT_SECRET)
}

/// A run of `token get` that prints the token alone.
pub(crate) fn get(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["token", "get"]).prints_token()
}

/// The same with its errors as JSON.
pub(crate) fn get_json(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["--json", "token", "get"]).prints_token()
}

/// Forgets tokens, and refusals, which are remembered for ten seconds.
pub(crate) fn forget(environment: &TestEnvironment) {
    environment.tokenkeep(["token", "forget", "--all"]).run().success();
}

/// With the fault gone the next `token get` works, with no manual step.
pub(crate) fn assert_mended(environment: &TestEnvironment, issuer: &Issuer) {
    issuer.behave("*", Behaviour::Normal);
    issuer.behave_times("*", 0, Behaviour::Normal);
    get(environment).run().success().token();
}

/// Lets a request take one second as a whole.
pub(crate) fn impatient(environment: &TestEnvironment) {
    let path = environment.config_dir().join("config.toml");
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    environment.write("config/config.toml", format!("{present}\n[http]\ntimeout = \"1s\"\n"));
}

/// Takes that back: what has to work must not depend on how busy the machine is.
pub(crate) fn patient(environment: &TestEnvironment) {
    edit(environment, "config/config.toml", "timeout = \"1s\"", "timeout = \"60s\"");
}

/// Replaces a text wherever it stands in a file of the environment, as a person with an editor would.
pub(crate) fn edit(environment: &TestEnvironment, file: &str, from: &str, to: &str) {
    let path = environment.path(file);
    let text = read(&path);
    assert!(text.contains(from), "{file} holds no {from:?}");
    environment.write(file, text.replace(from, to));
}

/// Puts a line before everything else in a file.
pub(crate) fn prepend(environment: &TestEnvironment, file: &str, line: &str) {
    let text = read(&environment.path(file));
    environment.write(file, format!("{line}\n{text}"));
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is text")
}

/// Every file below a directory with its content, to show that nothing was changed.
pub(crate) fn snapshot(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    files.sort();
    files
}

/// Fails unless the outcome is this refusal; `run` names the case.
pub(crate) fn assert_refused(outcome: Outcome, run: &str, exit: i32, code: &str) -> serde_json::Value {
    assert!(outcome.code == exit, "{run}: should exit with {exit} ({code}): {outcome:?}");
    let error = outcome.error();
    assert!(error["code"] == code, "{run}: should be {code}: {outcome:?}");
    error
}
