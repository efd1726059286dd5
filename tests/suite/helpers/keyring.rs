//! pip and uv: a program that is named keyring.

use std::path::PathBuf;

use serde_json::json;

use super::{BASIC, Client, FOREIGN, HOST, environment, kept, link, warm};
use crate::common::{Invocation, Issuer, TestEnvironment};

pub(super) const CLIENT: Client = Client {
    name: "keyring",
    program: "keyring",
    ask: |host| {
        let words = ["--mode=creds", "--output=json", "get", &format!("https://{host}/simple/")];
        (words.map(str::to_owned).to_vec(), String::new())
    },
    token: |outcome| outcome.json()["password"].as_str().unwrap_or_default().to_owned(),
    foreign: Some(|outcome| assert_eq!((outcome.code, outcome.stdout_str()), (1, ""), "{outcome:?}")),
};

fn typed(environment: &TestEnvironment, line: &str) -> Invocation {
    CLIENT.typed(environment, &line.split(' ').collect::<Vec<_>>(), "")
}

/// A folder with another keyring, which prints its arguments, or runs what is given.
fn other(environment: &TestEnvironment, folder: &str, body: &str) -> PathBuf {
    let script = environment.write(format!("files/{folder}.sh"), format!("#!/bin/sh\n{body}\n"));
    let folder = environment.path(folder);
    // By another process: a descriptor open for writing could get into a child that another test starts.
    let install = ["-D", "-m", "755"];
    let status = std::process::Command::new("install").args(install).arg(script).arg(folder.join("keyring")).status();
    assert!(status.is_ok_and(|status| status.success()), "a program is made");
    folder
}

fn path(folders: &[PathBuf]) -> std::ffi::OsString {
    let system = ["/usr/bin", "/bin"].map(PathBuf::from);
    std::env::join_paths(folders.iter().chain(&system)).expect("a path")
}

#[test]
fn pip_and_uv_get_the_pair_in_the_form_that_they_ask_for() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let token = kept(&environment);
    let json = |line: &str| typed(&environment, line).prints_token().run().success().json();
    let own = json!({ "username": "oauth2", "password": token });
    for line in [
        "--mode=creds --output=json get https://server.example.com/simple/",
        "get server.example.com --output json --mode creds",
    ] {
        assert!(json(line) == own, "{line}");
    }
    let named = json("--mode=creds --output=json get https://server.example.com/simple/ alice");
    assert!(named == json!({ "username": "alice", "password": token }));
    assert!(json(&format!("--mode=creds --output=json get {BASIC}"))["username"] == "robot");
    let text = |line: &str| typed(&environment, line).prints_token().run().success().stdout_str().to_owned();
    assert!(text("get https://server.example.com/simple/ alice") == format!("{token}\n"));
    assert!(text("get server.example.com --mode creds") == format!("oauth2\n{token}\n"));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn another_service_is_handed_on_to_the_next_keyring() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let own = link(&environment, "keyring").parent().expect("a folder").to_owned();
    let real = other(&environment, "real", r#"printf '<%s>' "$@"; exit 7"#);
    let path = path(&[own, real]);
    for line in [
        "--mode=creds --output=json get https://foreign.example.com/simple/ u",
        "get system user",
        "set system user",
        "del foreign.example.com user",
        "--list-backends",
        "--keyring-backend x get server.example.com u",
    ] {
        let outcome = typed(&environment, line).env("PATH", &path).run().exits(7);
        let words: String = line.split(' ').map(|word| format!("<{word}>")).collect();
        assert_eq!((outcome.stdout_str(), outcome.stderr.as_str()), (words.as_str(), ""));
    }
    let ours = typed(&environment, "get server.example.com u").env("PATH", &path).prints_token().run().success();
    assert!(ours.stdout_str() == format!("{}\n", kept(&environment)));
}

#[test]
fn a_script_that_calls_us_in_turn_is_called_once() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let link = link(&environment, "keyring");
    let script = other(&environment, "script", &format!("echo called >&2; exec '{}' \"$@\"", link.display()));
    let own = link.parent().expect("a folder").to_owned();
    let real = other(&environment, "real", "echo real");
    let get = || typed(&environment, &format!("get {FOREIGN} u"));
    let found = get().env("PATH", path(&[own.clone(), script.clone(), real])).run().success();
    assert_eq!((found.stdout_str(), found.stderr.as_str()), ("real\n", "called\n"));
    let none = get().env("PATH", path(&[own, script])).run().exits(1);
    assert_eq!((none.stdout_str(), none.stderr.as_str()), ("", "called\n"));
}

#[test]
fn what_would_change_a_password_of_ours_is_refused() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    for line in ["set server.example.com u", "del https://server.example.com/simple/ u"] {
        typed(&environment, line).stdin("CANARY-SECRET-given\n").run().exits(2).says("nothing was changed");
    }
    let user = CLIENT.typed(&environment, &["get", HOST, "a\nb"], "").run().exits(2);
    assert_eq!(user.stdout_str(), "");
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    let failed = CLIENT.call(&environment, HOST).run().exits(4).says("invalid_client");
    assert_eq!(failed.stdout_str(), "");
}
