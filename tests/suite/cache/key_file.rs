//! The key file that the cache and the stored secrets hang on: replaced, lost, shared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::machine::Machine;

fn put(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).expect("ours");
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("ours");
}

/// Runs what sets a secret and what reads one, and asserts one refusal for all.
fn assert_refused(machine: &Machine, code: &str) {
    let before = fs::read(machine.data("store")).expect("the store file");
    let set = ["credentials", "set", "-p", "main", "--secret-stdin", "--json"];
    machine.get().arg("--json").run().fails(8, code);
    machine.get().args(["--refresh", "--json"]).run().fails(8, code);
    machine.tokenkeep(set).stdin("CANARY-SECRET-x").run().fails(8, code);
    machine.tokenkeep(["init", "--backend", "file", "--json"]).run().fails(8, code);
    assert!(fs::read(machine.data("store")).expect("the store file") == before, "nothing was chosen anew");
}

#[test]
fn another_key_in_the_key_file_is_told_and_the_right_one_mends_it() {
    let machine = Machine::new();
    let token = machine.token();
    let key = machine.config("key");
    let right = fs::read(&key).expect("a key");
    machine.environment.canary("the right key", &right);
    put(&key, b"0123456789abcdefghijklmnopqrstuv");
    assert_refused(&machine, "key_file_wrong");
    put(&key, b"too short");
    assert_refused(&machine, "key_file_insecure");
    put(&key, b"");
    assert_refused(&machine, "key_file_insecure");
    put(&key, &right);
    assert!(machine.token() == token, "nothing was lost");
    assert_eq!(machine.fetches(), 1);
}

#[test]
fn a_lost_key_file_is_told_and_not_made_anew() {
    let machine = Machine::new();
    let token = machine.token();
    let (key, away) = (machine.config("key"), machine.environment.path("files/away"));
    machine.environment.key_file(&away);
    fs::rename(&key, &away).expect("same file system");
    assert_refused(&machine, "key_file_missing");
    assert!(!key.exists());
    fs::rename(&away, &key).expect("same file system");
    assert!(machine.token() == token, "nothing was lost");
    assert_eq!(machine.fetches(), 1);
}

#[test]
fn without_the_right_key_a_referenced_secret_still_gets_a_token() {
    let machine = Machine::by_reference();
    let kept = machine.token();
    let (key, away) = (machine.config("key"), machine.environment.path("files/away"));
    machine.environment.key_file(&away);
    fs::rename(&key, &away).expect("same file system");
    let served = || {
        let outcome = machine.get().run().success();
        assert_eq!(outcome.stderr.matches("warning: data_key_unavailable").count(), 1, "{outcome:?}");
        assert_eq!(outcome.stderr.matches("warning:").count(), 1, "{outcome:?}");
        assert!(outcome.token() != kept);
    };
    served();
    assert!(!key.exists());
    machine.environment.write(&key, b"0123456789abcdefghijklmnopqrstuv");
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).expect("root and the owner may");
    served();
    fs::rename(&away, &key).expect("same file system");
    assert!(machine.token() == kept);
    assert_eq!(machine.fetches(), 3);
}

/// As after the rotation of a Secret in a cluster: only tokens are sealed with the old key.
#[test]
fn another_key_starts_a_new_cache_once_if_no_stored_secret_needs_the_old_one() {
    let machine = Machine::by_reference();
    let first = machine.token();
    let key = machine.config("key");
    let old = fs::read(&key).expect("a key");
    let rotate = |content: &[u8]| {
        machine.environment.write(&key, content);
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("root and the owner may");
    };
    rotate(b"0123456789abcdefghijklmnopqrstuv");
    // However many ask.
    let gets: Vec<_> = (0..6).map(|_| machine.get().spawn()).collect();
    let ended: Vec<_> = gets.into_iter().map(|get| get.wait().success()).collect();
    let second = ended[0].token().to_owned();
    assert!(second != first && ended.iter().all(|outcome| outcome.token() == second));
    let warned =
        ended.iter().map(|outcome| outcome.stderr.matches("warning: data_key_replaced").count()).sum::<usize>();
    assert_eq!((warned, machine.fetches()), (1, 2));
    machine.get().run().success().does_not_say("warning");
    // Records of the old key are gone: they would open with nothing.
    assert_eq!(crate::machine::paths_in(&machine.data("tokens")).len(), 1);
    rotate(&old);
    machine.get().run().success().says("warning: data_key_replaced");
    assert_eq!(machine.fetches(), 3);
}

#[test]
fn a_key_that_a_stored_secret_needs_is_never_passed_over() {
    let machine = Machine::new();
    machine.set("other", CLIENT_ID, CLIENT_SECRET).success();
    let secret = machine.environment.write_secret("files/secret", CLIENT_SECRET);
    let reference = format!("file:{}", secret.display());
    machine.tokenkeep(["credentials", "set", "-p", "main", "--secret-at-fetch", &reference]).run().success();
    let key = machine.config("key");
    let right = fs::read(&key).expect("a key");
    machine.environment.canary("the right key", &right);
    put(&key, b"0123456789abcdefghijklmnopqrstuv");
    // `main` needs no stored secret, and `other` does.
    machine.get().run().success().says("warning: data_key_unavailable");
    machine.get_of("other").arg("--json").run().fails(8, "key_file_wrong");
    put(&key, &right);
    machine.get_of("other").run().success().does_not_say("warning");
}

#[test]
fn with_required_a_token_that_cannot_be_kept_is_an_error_before_the_issuer_is_asked() {
    let machine = Machine::by_reference();
    let config = |text: &str| machine.environment.write("config/config.toml", text);
    config("[secrets]\nrequired = true\n");
    machine.token();
    let (key, away) = (machine.config("key"), machine.environment.path("files/away"));
    machine.environment.key_file(&away);
    fs::rename(&key, &away).expect("same file system");
    for _ in 0..2 {
        machine.get().arg("--json").run().fails(8, "key_file_missing").says("the issuer was not asked");
    }
    assert_eq!(machine.fetches(), 1);
    // Without it each call costs a request, with a warning.
    config("");
    machine.get().run().success().says("warning: data_key_unavailable");
    assert_eq!(machine.fetches(), 2);
    config("[secrets]\nrequired = true\n");
    fs::rename(&away, &key).expect("same file system");
    machine.get().run().success().does_not_say("warning");
    // A directory that nothing can be written to.
    for folder in ["tokens", "locks"] {
        fs::set_permissions(machine.data(folder), PermissionsExt::from_mode(0o500)).expect("ours");
    }
    machine.get().args(["--refresh", "--json"]).run().fails(8, "cache_unavailable");
    // And one whose tokens have no place.
    for folder in ["tokens", "locks"] {
        fs::set_permissions(machine.data(folder), PermissionsExt::from_mode(0o700)).expect("ours");
    }
    fs::remove_dir_all(machine.data("tokens")).expect("ours");
    let before = machine.fetches();
    machine.environment.write("data/tokens", "");
    machine.get().arg("--json").run().fails(8, "cache_unavailable").says("the issuer was not asked");
    assert_eq!(machine.fetches(), before);
    config("[secrets]\nrequired = 'yes'\n");
    machine.get().arg("--json").run().fails(3, "config_invalid");
}

#[test]
fn one_key_file_opens_two_data_directories_that_know_nothing_of_each_other() {
    let machine = Machine::new();
    machine.token();
    let other = machine.environment.path("other-data");
    let key = fs::read(machine.config("key")).expect("a key");
    let in_other = |arguments: &[&str]| machine.tokenkeep(arguments).env("TOKENKEEP_DATA_DIR", &other);
    in_other(&["init", "--backend", "file"]).run().success();
    assert!(fs::read(machine.config("key")).expect("a key") == key, "a key file that is there is used");
    let url = machine.issuer.token_url();
    let set = ["credentials", "set", "-p", "second", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url", &url];
    in_other(&set).stdin(CLIENT_SECRET).run().success();
    in_other(&["token", "get", "-p", "second"]).prints_token().run().success();
    in_other(&["token", "get", "-p", "second"]).prints_token().run().success().does_not_say("warning");
    assert_eq!(machine.fetches(), 2);

    // Sealed with another key: a record or a secret of the one is nothing in the other.
    let record = crate::machine::paths_in(&other.join("tokens")).remove(0);
    fs::copy(machine.only("tokens"), &record).expect("ours");
    in_other(&["token", "get", "-p", "second"]).prints_token().run().success().says("warning: unseal_failed");
    // The profile `main` names a secret that lies in the first directory alone.
    in_other(&["token", "get", "-p", "main", "--json"]).run().fails(3, "credential_missing");
    machine.get().run().success().does_not_say("warning");
}
