//! Directories: whoever writes one decides what its files are, and what is missing above one must not end a program.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use super::hinted_command;
use crate::common::environment::is_root;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment, skipped};
use crate::machine::Machine;

/// A group that no list names.
const UNKNOWN_GROUP: u32 = 54_321;
const STRANGER: u32 = 1_234;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}

/// Opens a directory to others in each way, and asserts that it is refused with the one command that closes it.
fn assert_judged(machine: &Machine, directory: &Path, arguments: &[&str]) {
    let modes: &[u32] = if is_root() { &[0o777, 0o757, 0o775, 0o2775] } else { &[0o777, 0o757] };
    let group = directory.metadata().expect("it is there").gid();
    if is_root() {
        chown(directory, None, Some(UNKNOWN_GROUP)).expect("root may");
    } else {
        skipped("the tests are not run by root, who alone gives a directory to another group");
    }
    for mode in modes {
        chmod(directory, *mode);
        let refused = machine.tokenkeep(arguments).run().fails(10, "insecure_path");
        let command = hinted_command(&refused);
        assert_eq!(command, format!("chmod go-w {}", directory.display()), "{mode:o}");
        machine.environment.program("sh", ["-c", &command]).run().success();
        machine.tokenkeep(arguments).prints_token().run().success().does_not_say("warning");
    }
    // Others may look; and whoever adds names to a sticky directory takes none away.
    for mode in [0o755, 0o750, 0o1777, 0o1775] {
        chmod(directory, mode);
        machine.tokenkeep(arguments).prints_token().run().success().does_not_say("warning");
    }
    chmod(directory, 0o755);
    if is_root() {
        chown(directory, None, Some(group)).expect("root may");
    }
}

const GET: &[&str] = &["token", "get"];
const REFRESH: &[&str] = &["token", "get", "--refresh"];

#[test]
fn a_configuration_directory_that_others_can_write_is_refused_with_the_command_that_closes_it() {
    let machine = Machine::unprivileged();
    machine.token();
    for directory in [machine.environment.config_dir(), machine.config("profiles")] {
        assert_judged(&machine, &directory, GET);
    }
}

#[test]
fn the_directory_of_a_key_a_secret_or_a_ca_file_that_others_can_write_is_refused() {
    let environment = TestEnvironment::new().unprivileged();
    let key = environment.path("files/keys/key");
    environment.key_file(&key);
    let configured = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display());
    environment.write("config/config.toml", configured);
    environment.write("files/keys/beside", "");
    let machine = Machine::of(environment, Issuer::start());
    machine.token();
    assert_judged(&machine, &machine.environment.path("files/keys"), REFRESH);

    let secret = machine.environment.write_secret("files/secrets/secret", CLIENT_SECRET);
    let reference = format!("file:{}", secret.display());
    machine.tokenkeep(["credentials", "set", "-p", "main", "--secret-at-fetch", &reference]).run().success();
    assert_judged(&machine, &machine.environment.path("files/secrets"), REFRESH);

    let authority = machine.environment.write("files/authority/ca.pem", "");
    let profile = machine.config("profiles/main.toml");
    let present = fs::read_to_string(&profile).expect("a profile");
    fs::write(&profile, format!("ca_file = \"{}\"\n{present}", authority.display())).expect("ours");
    chmod(&machine.environment.path("files/authority"), 0o777);
    let refused = machine.tokenkeep(REFRESH).run().fails(10, "insecure_path");
    assert_eq!(
        hinted_command(&refused),
        format!("chmod go-w {}/files/authority", machine.environment.root().display())
    );
}

#[test]
fn a_report_shows_the_directory_that_others_can_write() {
    let machine = Machine::unprivileged();
    let profiles = machine.config("profiles");
    chmod(&profiles, 0o777);
    let report = machine.tokenkeep(["doctor", "--json"]).run();
    let failed = report.json()["checks"].as_array().expect("a list").clone();
    let shown = failed.iter().find(|check| check["name"] == "profiles").expect("a line on profiles");
    assert_eq!(shown["status"], "fail", "{report:?}");
    let fix = shown["fix"].as_str().expect("a command");
    assert!(fix.ends_with(&format!("chmod go-w {}", profiles.display())), "{fix}");
}

#[test]
fn a_link_that_another_user_put_into_a_sticky_directory_is_not_followed() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can give a link away");
        return;
    }
    let machine = Machine::unprivileged();
    machine.token();
    let (profiles, upload) = (machine.config("profiles"), machine.environment.path("files/upload.toml"));
    chmod(&profiles, 0o1777);
    // The target is the caller's own file, which another user could fill.
    fs::rename(profiles.join("main.toml"), &upload).expect("same file system");
    let link = profiles.join("main.toml");
    symlink(&upload, &link).expect("a link");
    lchown(&link, Some(STRANGER), None).expect("root may");
    machine.tokenkeep(GET).run().fails(10, "insecure_path");
    lchown(&link, Some(0), None).expect("root may");
    machine.get().run().success();
    // A second name for the caller's file is as good as a link.
    fs::remove_file(&link).expect("root may");
    fs::hard_link(&upload, &link).expect("a link");
    machine.tokenkeep(GET).run().fails(10, "insecure_path");
    fs::remove_file(&upload).expect("root may");
    machine.get().run().success();
}

/// A home without a data directory, in which a token can be had all the same: configuration, key file and secret are there.
fn without_data() -> (TestEnvironment, Issuer) {
    let (environment, issuer) = (TestEnvironment::new().unprivileged(), Issuer::start());
    let key = environment.write_secret("config/key", [7; 32]);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let config = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display());
    environment.write("config/config.toml", config);
    let profile = format!(
        "client_id = \"{CLIENT_ID}\"\ntoken_url = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
        issuer.token_url(),
        secret.display()
    );
    environment.write("config/profiles/main.toml", profile);
    (environment, issuer)
}

/// Paths below links that lead nowhere today, and others in which nothing can be made.
fn nowhere(environment: &TestEnvironment) -> Vec<PathBuf> {
    let files = environment.path("files");
    for (name, target) in [("link", "/not-mounted/.local"), ("chain", "link"), ("round", "other"), ("other", "round")] {
        symlink(target, files.join(name)).expect("a link");
    }
    environment.write("files/plain", "a file");
    let below =
        ["link/data", "link/a/b/data", "chain/data", "link/../link/data", "round/data", "round/a/data", "plain/a"];
    let mut paths: Vec<_> = below.iter().map(|below| files.join(below)).collect();
    paths.extend(["/proc/tokenkeep", "/proc/a/b", "/proc/self/tokenkeep"].map(PathBuf::from));
    paths
}

#[test]
fn where_the_data_directory_cannot_be_made_the_token_is_handed_out() {
    let (environment, issuer) = without_data();
    for (number, data) in nowhere(&environment).into_iter().enumerate() {
        let run = |arguments: &[&str]| environment.tokenkeep(arguments).env("TOKENKEEP_DATA_DIR", &data);
        let outcome = run(GET).prints_token().run();
        assert!(outcome.code == 0, "{}: {outcome:?}", data.display());
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        outcome.says("warning: cache_write_failed").token();
        assert_eq!(issuer.count("/token"), number + 1);
        let init = run(&["init", "--backend", "file"]).run();
        assert!(init.code == 9, "{}: {init:?}", data.display());
        if data.starts_with(environment.path("files/link")) {
            init.says("files/link is a symlink that leads nowhere");
        }
    }
}

#[test]
fn where_another_directory_or_file_is_below_a_link_that_leads_nowhere_it_is_an_error() {
    let (environment, _issuer) = without_data();
    for path in nowhere(&environment) {
        let clear = |invocation: Invocation| {
            let outcome = invocation.run();
            assert!([2, 3, 8, 9].contains(&outcome.code), "{}: {outcome:?}", path.display());
            assert!((1..=2).contains(&outcome.stderr.lines().count()), "{outcome:?}");
        };
        for arguments in [GET, &["init", "--backend", "file"], &["credentials", "list", "--default"]] {
            clear(environment.tokenkeep(arguments).env("TOKENKEEP_CONFIG_DIR", &path));
        }
        let data = environment.path("tmp/data");
        let key = ["init", "--backend", "file", "--key-file"];
        clear(
            environment
                .tokenkeep(key)
                .arg(path.join("key"))
                .env("TOKENKEEP_CONFIG_DIR", environment.path("tmp/none"))
                .env("TOKENKEEP_DATA_DIR", data),
        );
        clear(environment.tokenkeep(["fleet", "key", "new"]).arg(path.join("key")));
    }
}

#[test]
fn the_data_directory_may_be_a_link_of_its_owner_or_root_and_nothing_inside_may() {
    let machine = Machine::unprivileged();
    let token = machine.token();
    let (link, data) = (machine.environment.path("data-link"), machine.data(""));
    symlink(&data, &link).expect("a link");
    let through = || machine.get().env("TOKENKEEP_DATA_DIR", &link);
    let got = through().run().success().does_not_say("warning");
    assert_eq!(got.token(), token);
    let moved = machine.environment.path("files/tokens");
    fs::rename(machine.data("tokens"), &moved).expect("same file system");
    symlink(&moved, machine.data("tokens")).expect("a link");
    through().run().success().says("warning: cache_path_insecure");
    fs::remove_file(machine.data("tokens")).expect("a link");
    // What it leads to is judged as if it had been named.
    chmod(&data, 0o755);
    machine.tokenkeep(GET).env("TOKENKEEP_DATA_DIR", &link).run().fails(10, "insecure_path");
    chmod(&data, 0o700);
    if is_root() {
        lchown(&link, Some(STRANGER), None).expect("root may");
        machine.tokenkeep(GET).env("TOKENKEEP_DATA_DIR", &link).run().fails(10, "insecure_path");
    } else {
        skipped("the tests are not run by root, who alone can give a link away");
    }
}

#[test]
fn nothing_is_made_below_a_directory_of_another_user() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can give a directory away");
        return;
    }
    let environment = TestEnvironment::new().unprivileged();
    let parent = environment.path("files/theirs");
    fs::create_dir(&parent).expect("a directory");
    chmod(&parent, 0o777);
    let init = || environment.tokenkeep(["init", "--backend", "file"]).env("TOKENKEEP_DATA_DIR", parent.join("a/data"));
    chown(&parent, Some(STRANGER), None).expect("root may");
    init().run().fails(10, "insecure_path");
    assert!(!parent.join("a").exists());
    // A volume that an orchestrator made for everybody is root's.
    chown(&parent, Some(0), None).expect("root may");
    init().run().success();
    assert_eq!(parent.join("a").metadata().expect("it was made").mode() & 0o777, 0o700);
}
