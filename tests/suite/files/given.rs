//! Files given to us: symlinks are followed, and who may read or write them is judged.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::hinted_command;
use crate::common::environment::is_root;
use crate::common::issuer::CLIENT_SECRET;
use crate::common::skipped;
use crate::machine::Machine;

#[test]
fn a_key_file_open_to_others_is_refused_with_the_command_that_closes_it() {
    let machine = Machine::unprivileged();
    let key = machine.config("key");
    for mode in [0o604, 0o640, 0o644, 0o620, 0o602, 0o660, 0o666] {
        chmod(&key, mode);
        machine.tokenkeep(["token", "get", "--json"]).run().fails(8, "key_file_insecure");
        let refused = machine.tokenkeep(["token", "get"]).run().fails(8, "key_file_insecure");
        let command = hinted_command(&refused);
        assert!(command.starts_with("chmod ") && command.ends_with(&format!(" {}", key.display())), "{command}");
        machine.environment.program("sh", ["-c", &command]).run().success();
        let mended = machine.get().run();
        assert!(mended.code == 0, "{mode:o}: `{command}` should be all that is needed: {mended:?}");
    }
}

#[test]
fn the_command_of_a_hint_works_for_a_path_with_spaces_and_quotes() {
    let machine = Machine::unprivileged();
    let key = machine.environment.write("files/it's a $(key) \"file\"", [0; 32]);
    machine.environment.key_file(&key);
    chmod(&key, 0o644);
    let elsewhere = machine.environment.path("other data");
    let init = || {
        let arguments = ["init", "--backend", "file", "--key-file"];
        machine.tokenkeep(arguments).arg(&key).arg("--data-dir").arg(&elsewhere).run()
    };
    let command = hinted_command(&init().fails(8, "key_file_insecure"));
    machine.environment.program("sh", ["-c", &command]).run().success();
    init().success();
    chmod(&elsewhere, 0o755);
    let command = hinted_command(&init().fails(10, "insecure_path"));
    machine.environment.program("sh", ["-c", &command]).run().success();
    init().success();
}

#[test]
fn a_group_reads_a_key_file_only_where_root_chose_it() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can give files away");
        return;
    }
    let machine = Machine::unprivileged();
    let key = machine.config("key");
    // As a Secret volume with fsGroup has it.
    chown(&key, Some(0), Some(65534)).expect("root may");
    chmod(&key, 0o440);
    machine.get().run().success();
    chmod(&key, 0o444);
    machine.tokenkeep(["token", "get", "--json"]).run().fails(8, "key_file_insecure");
}

#[test]
fn configuration_that_others_can_write_is_refused_with_the_command_that_closes_it() {
    let machine = Machine::unprivileged();
    machine.token();
    for file in ["config.toml", "profiles/main.toml"] {
        let path = machine.config(file);
        for mode in [0o664, 0o646] {
            chmod(&path, mode);
            let refused = machine.tokenkeep(["token", "get"]).run().fails(10, "insecure_path");
            let command = hinted_command(&refused);
            machine.environment.program("sh", ["-c", &command]).run().success();
            machine.get().run().success();
        }
        // Anybody may read what this machine calls.
        chmod(&path, 0o644);
        machine.get().run().success();
    }
}

/// As a umask of 002 leaves all of them.
#[test]
fn all_files_of_a_configuration_that_others_can_write_are_closed_by_one_command() {
    let machine = Machine::unprivileged();
    machine.token();
    let files = ["config.toml", "profiles/main.toml"].map(|file| machine.config(file));
    let other = machine.environment.write("config/profiles/other.toml", "client_id = 'x'\n");
    files.iter().chain([&other]).for_each(|file| chmod(file, 0o664));
    let refused = machine.tokenkeep(["token", "get", "-p", "main"]).run().fails(10, "insecure_path");
    let command = hinted_command(&refused);
    assert!(files.iter().chain([&other]).all(|file| command.contains(&file.display().to_string())), "{command}");
    machine.environment.program("sh", ["-c", &command]).run().success();
    machine.get().run().success();
}

#[test]
fn a_secret_that_others_can_read_is_a_warning_and_one_that_they_can_write_is_refused() {
    let machine = Machine::by_reference();
    let secret = machine.environment.path("files/secret");
    machine.get().arg("--refresh").run().success().does_not_say("warning");
    for mode in [0o604, 0o644] {
        chmod(&secret, mode);
        machine.get().arg("--refresh").run().success().says("warning: secret_readable");
        // A cached token is handed out without a look at the secret.
        machine.get().run().success().does_not_say("warning");
    }
    for mode in [0o620, 0o602] {
        chmod(&secret, mode);
        let refused = machine.tokenkeep(["token", "get", "--refresh"]).run().fails(10, "insecure_path");
        let command = hinted_command(&refused);
        machine.environment.program("sh", ["-c", &command]).run().success();
        machine.get().arg("--refresh").run().success();
    }
}

#[test]
fn a_ca_file_that_others_can_write_is_refused_before_anything_is_sent() {
    let machine = Machine::by_reference();
    let authority = machine.environment.write("files/ca.pem", "");
    let profile = machine.config("profiles/main.toml");
    let present = fs::read_to_string(&profile).expect("a profile");
    fs::write(&profile, format!("ca_file = \"{}\"\n{present}", authority.display())).expect("ours");
    for mode in [0o664, 0o646] {
        chmod(&authority, mode);
        let refused = machine.tokenkeep(["token", "get"]).run().fails(10, "insecure_path");
        assert_eq!(hinted_command(&refused), format!("chmod go-w {}", authority.display()));
    }
    assert_eq!(machine.issuer.traffic().accepted, 0);
}

#[test]
fn key_and_secret_may_be_symlinks_as_kubernetes_makes_them() {
    let machine = Machine::by_reference();
    for (path, secret) in [(machine.config("key"), "key"), (machine.environment.path("files/secret"), "secret")] {
        let volume = machine.environment.path(format!("files/{secret}-volume"));
        fs::create_dir_all(volume.join("..2026_11_24")).expect("a directory");
        fs::rename(&path, volume.join("..2026_11_24").join(secret)).expect("same file system");
        symlink("..2026_11_24", volume.join("..data")).expect("a link");
        symlink(format!("..data/{secret}"), volume.join(secret)).expect("a link");
        symlink(volume.join(secret), &path).expect("a link");
        machine.environment.secret_place(&volume);
    }
    machine.get().arg("--refresh").run().success().does_not_say("warning");
    machine.tokenkeep(["init", "--backend", "file"]).run().success();

    // An update of the volume swaps ..data; the next fetch reads the new secret.
    let volume = machine.environment.path("files/secret-volume");
    fs::create_dir(volume.join("..2026_11_25")).expect("a directory");
    let renewed = volume.join("..2026_11_25/secret");
    machine.environment.write_secret(&renewed, "CANARY-SECRET-that-is-not-right");
    fs::remove_file(volume.join("..data")).expect("a link");
    symlink("..2026_11_25", volume.join("..data")).expect("a link");
    machine.tokenkeep(["token", "get", "--refresh", "--json"]).run().fails(4, "invalid_client");
    fs::write(&renewed, CLIENT_SECRET).expect("the file is there");
    machine.tokenkeep(["token", "forget"]).run().success();
    machine.get().run().success();
}

#[test]
fn directories_may_be_reached_through_symlinks() {
    let machine = Machine::unprivileged();
    machine.token();
    let link = machine.environment.path("link");
    symlink(machine.environment.root(), &link).expect("a link");
    let through = |arguments: &[&str]| {
        machine
            .tokenkeep(arguments)
            .env("TOKENKEEP_CONFIG_DIR", link.join("config"))
            .env("TOKENKEEP_DATA_DIR", link.join("data"))
    };
    through(&["token", "get"]).prints_token().run().success().does_not_say("warning");
    through(&["token", "get", "--refresh"]).prints_token().run().success().does_not_say("warning");
    assert_eq!(machine.fetches(), 2);
}

#[test]
fn configuration_of_another_user_is_refused_and_that_of_root_is_not() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can give files away");
        return;
    }
    let machine = Machine::unprivileged();
    machine.token();
    for path in [machine.config(""), machine.config("config.toml"), machine.config("profiles/main.toml")] {
        chmod(&path, if path.is_dir() { 0o755 } else { 0o644 });
        for (owner, code) in [(1234, 10), (0, 0)] {
            chown(&path, Some(owner), Some(owner)).expect("root may");
            let outcome = machine.get().run();
            assert!(outcome.code == code, "{} of {owner}: {outcome:?}", path.display());
        }
        chown(&path, Some(65534), Some(65534)).expect("root may");
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}
