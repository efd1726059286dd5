//! Directories that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::machine::Machine;

/// Lets work be done while directories are read-only.
fn while_read_only(directories: &[&Path], work: impl FnOnce()) {
    for directory in directories {
        chmod(directory, 0o500);
    }
    work();
    for directory in directories {
        chmod(directory, 0o700);
    }
}

#[test]
fn in_a_read_only_data_directory_a_token_is_printed_with_one_warning() {
    let machine = Machine::unprivileged();
    let kept = machine.token();
    let (data, tokens, locks) = (machine.data(""), machine.data("tokens"), machine.data("locks"));
    while_read_only(&[&tokens, &locks, &machine.data("secrets"), &data], || {
        // What is kept is read as ever.
        assert!(machine.get().run().success().does_not_say("warning").token() == kept);
        let fresh = machine.get().arg("--refresh").run().success().says("warning: cache_read_only");
        assert!(fresh.token() != kept);
        assert_eq!(fresh.stderr.matches("warning:").count(), 1, "{fresh:?}");
        machine
            .tokenkeep(["credentials", "set", "-p", "main", "--secret-stdin", "--json"])
            .stdin("CANARY-SECRET-x")
            .run()
            .fails(9, "write_failed");
    });
    assert!(machine.token() == kept);
    // Before there is anything to keep it in.
    fs::remove_dir_all(&tokens).and_then(|()| fs::remove_dir_all(&locks)).expect("ours");
    while_read_only(&[&data], || {
        machine.get().run().success().says("warning: cache_read_only");
    });
    machine.get().run().success().does_not_say("warning");
}

#[test]
fn in_a_read_only_home_a_token_is_printed_with_a_warning() {
    let (environment, issuer) = (TestEnvironment::new().by_home().unprivileged(), Issuer::start());
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let key = environment.write("home/.config/tokenkeep/key", [7; 32]);
    chmod(&key, 0o600);
    environment.write("home/.config/tokenkeep/config.toml", "[secrets]\nbackend = \"file\"\n");
    let profile = format!(
        "client_id = \"{CLIENT_ID}\"\ntoken_url = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
        issuer.token_url(),
        secret.display()
    );
    environment.write("home/.config/tokenkeep/profiles/main.toml", profile);
    let get = || environment.tokenkeep(["token", "get"]).prints_token().run().success();
    while_read_only(&[&environment.home()], || {
        get().says("warning: cache_read_only");
        get().says("warning: cache_read_only");
    });
    assert_eq!(issuer.count("/token"), 2);
    get().does_not_say("warning");
    get().does_not_say("warning");
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn with_read_only_configuration_nothing_is_half_set() {
    let machine = Machine::unprivileged();
    machine.token();
    let (config, profiles) = (machine.config(""), machine.config("profiles"));
    while_read_only(&[&profiles, &config], || {
        let set = ["credentials", "set", "-p", "main", "--secret-stdin", "--json"];
        machine.tokenkeep(set).stdin("CANARY-SECRET-x").run().fails(9, "write_failed");
        machine.only("secrets");
        machine.get().arg("--refresh").run().success().does_not_say("warning");
    });
    machine.get().arg("--refresh").run().success().does_not_say("warning");
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}
