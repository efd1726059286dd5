//! A key that has to be asked for: what was there before it was at hand is not taken for new.

use crate::common::{Issuer, TestEnvironment};
use crate::setup::set_credential;

/// A data directory whose key is a passphrase, and no kernel tier to keep it.
fn locked(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.write_secret("passphrase", "CANARY-PASSPHRASE");
    environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"off\"\n");
    with_passphrase(&environment, &["init", "--backend", "file", "--passphrase"]);
    let set = set_credential(&environment, &issuer.token_url(), &[]);
    set.under(shell(&environment)).env("TOKENKEEP_PASSPHRASE_FD", "3").run().success();
    environment
}

fn shell(environment: &TestEnvironment) -> Vec<String> {
    let passphrase = environment.path("passphrase");
    let script = format!("exec \"$@\" 3< {}", passphrase.display());
    ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

fn with_passphrase(environment: &TestEnvironment, arguments: &[&str]) -> crate::common::Outcome {
    let run = environment.tokenkeep(arguments).prints_token().under(shell(environment));
    run.env("TOKENKEEP_PASSPHRASE_FD", "3").run().success()
}

#[test]
fn a_token_shorter_than_min_ttl_is_not_taken_for_one_that_came_meanwhile() {
    let issuer = Issuer::start_with(["--expires-in", "300"]);
    let environment = locked(&issuer);
    let first = with_passphrase(&environment, &["token", "get"]);
    let again = with_passphrase(&environment, &["token", "get"]);
    assert_eq!(first.stdout, again.stdout, "kept, and opened with the key that was asked for");
    assert_eq!(issuer.count("/token"), 1);
    issuer.set(serde_json::json!({"expires_in": 3600}));
    let longer = with_passphrase(&environment, &["token", "get", "--min-ttl", "10m"]);
    assert_ne!(first.stdout, longer.stdout);
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn offline_a_cached_token_is_found_with_the_key_that_is_asked_for() {
    let issuer = Issuer::start();
    let environment = locked(&issuer);
    let first = with_passphrase(&environment, &["token", "get"]);
    let offline = with_passphrase(&environment, &["token", "get", "--offline"]);
    assert_eq!(first.stdout, offline.stdout);
    with_passphrase(&environment, &["token", "validate"]);
}
