//! `init --move` and `rekey`: secrets arrive whole, tokens are asked for again, and the old place is empty.

use std::fs;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment};

#[cfg(all(target_os = "linux", feature = "keyring"))]
mod keyring;

fn set(environment: &TestEnvironment, issuer: &Issuer, profile: &str) -> Invocation {
    let set = ["credentials", "set", "-p", profile, "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"];
    environment.tokenkeep(set).arg(issuer.token_url()).stdin(CLIENT_SECRET)
}

/// A home with two stored secrets and a token.
fn home(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    for profile in ["one", "two"] {
        set(&environment, issuer, profile).run().success();
    }
    get(&environment, "one").run().success().token();
    environment
}

fn get(environment: &TestEnvironment, profile: &str) -> Invocation {
    environment.tokenkeep(["token", "get", "-p", profile]).prints_token()
}

fn store(environment: &TestEnvironment) -> String {
    fs::read_to_string(environment.data_dir().join("store")).expect("a backend was chosen")
}

/// The names of what lies in a folder of the data directory.
fn entries(environment: &TestEnvironment, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(environment.data_dir().join(folder)).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().display().to_string()).collect()
}

#[test]
fn a_move_to_another_key_file_takes_every_secret_along() {
    let issuer = Issuer::start();
    let environment = home(&issuer);
    environment.key_file("files/other-key");
    let other = environment.path("files/other-key");
    let init = |options: &[&str]| {
        environment.tokenkeep(["--json", "init", "--backend", "file", "--key-file"]).arg(&other).args(options).run()
    };
    let before = store(&environment);
    init(&[]).fails(10, "backend_differs");
    assert_eq!(store(&environment), before);
    init(&["--move"]).success();
    init(&["--move"]).success();
    fs::remove_file(environment.config_dir().join("key")).expect("the old key file stays where it was");
    for profile in ["one", "two"] {
        get(&environment, profile).run().success().token();
    }
    assert_eq!(issuer.count("/token"), 3, "what was cached under the old key is void");
    assert_eq!(entries(&environment, "secrets").len(), 2);
}

#[test]
fn a_stored_secret_cannot_be_moved_to_nowhere() {
    let issuer = Issuer::start();
    let environment = home(&issuer);
    let before = store(&environment);
    environment.tokenkeep(["--json", "init", "--backend", "none", "--move"]).run().fails(2, "usage");
    assert_eq!(store(&environment), before);
    get(&environment, "two").run().success().token();
}

#[test]
fn rekey_voids_tokens_and_keeps_secrets() {
    let issuer = Issuer::start();
    let environment = home(&issuer);
    let (before, secrets) = (store(&environment), entries(&environment, "secrets").len());
    environment.tokenkeep(["rekey"]).run().success();
    let after = store(&environment);
    let line = |text: &str, key: &str| text.lines().find(|line| line.starts_with(key)).map(str::to_owned);
    assert_ne!(line(&before, "salt "), line(&after, "salt "));
    assert_ne!(line(&before, "key "), line(&after, "key "));
    assert_eq!(line(&before, "id "), line(&after, "id "), "the data directory is the same");
    assert_eq!(entries(&environment, "tokens"), [""; 0]);
    assert_eq!(entries(&environment, "secrets").len(), secrets);
    environment.tokenkeep(["--json", "token", "get", "-p", "one", "--offline"]).run().fails(5, "token_not_valid");
    for profile in ["one", "two"] {
        get(&environment, profile).run().success().token();
    }
}

#[test]
fn what_the_old_key_sealed_does_not_open_after_rekey() {
    let issuer = Issuer::start();
    let environment = home(&issuer);
    let tokens = environment.data_dir().join("tokens");
    let name = entries(&environment, "tokens").remove(0);
    let record = fs::read(tokens.join(&name)).expect("it is there");
    environment.tokenkeep(["rekey"]).run().success();
    environment.write(format!("data/tokens/{name}"), record);
    fs::set_permissions(tokens.join(&name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    get(&environment, "one").run().success().token();
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn rekey_destroy_leaves_nothing_that_opens() {
    let issuer = Issuer::start();
    let environment = home(&issuer);
    environment.tokenkeep(["--json", "rekey", "--destroy"]).run().fails(2, "usage");
    get(&environment, "two").run().success().token();
    environment.tokenkeep(["rekey", "--destroy", "--yes"]).run().success();
    assert_eq!(entries(&environment, "secrets"), [""; 0]);
    assert_eq!(entries(&environment, "tokens"), [""; 0]);
    assert!(!environment.data_dir().join("store").exists(), "the salt is gone");
    let error = environment.tokenkeep(["--json", "token", "get", "-p", "one"]).run().exits(8).error();
    assert!(error["hint"].is_string(), "{error}");
    // From here one begins anew.
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    set(&environment, &issuer, "one").run().success();
    get(&environment, "one").run().success().token();
}

#[test]
fn rekey_where_nothing_is_kept_says_so() {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["--json", "rekey"]).run().exits(8);
    environment.tokenkeep(["init", "--backend", "none"]).run().success();
    environment.tokenkeep(["--json", "rekey"]).run().fails(3, "credential_missing");
}
