//! A place for secrets that changes under a running command, and profiles that are elsewhere.

use rustix::fs::FlockOperation;

use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, credential_and_token, edit, get, init, set_credential};

/// Holds the store lock, as a command does that changes what is stored.
fn held(environment: &TestEnvironment) -> std::fs::File {
    let lock = std::fs::File::open(environment.data_dir().join("store.lock")).expect("there");
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).expect("free");
    lock
}

/// Waits until a program waits for the store lock.
fn waits_for_the_store(running: &mut crate::common::Running) {
    let waiting = format!("-> FLOCK  ADVISORY  WRITE {} ", running.pid().as_raw_nonzero());
    loop {
        let locks = std::fs::read_to_string("/proc/locks").expect("Linux tells its locks");
        if locks.lines().any(|line| line.contains(&waiting)) {
            return;
        }
        assert!(!running.has_ended(), "it did not wait");
        std::thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_credential_that_is_set_while_the_key_changes_is_sealed_with_the_key_that_counts() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let lock = held(&environment);
    let mut rekey = environment.tokenkeep(["rekey"]).spawn();
    waits_for_the_store(&mut rekey);
    let mut set = set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post"]).spawn();
    waits_for_the_store(&mut set);
    drop(lock);
    // Whoever came second saw that the place had changed: a credential is set again with what counts now.
    let (rekeyed, set) = (rekey.wait(), set.wait().success());
    assert!(rekeyed.code == 0 || rekeyed.stderr.contains("changed meanwhile"), "{rekeyed:?} {set:?}");
    get(&environment).arg("--refresh").run().success().token();
}

#[test]
fn a_key_is_not_changed_while_secrets_are_stored_that_no_profile_here_names() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let elsewhere = environment.path("elsewhere");
    let key = environment.config_dir().join("key");
    environment
        .write("elsewhere/config.toml", format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display()));
    for arguments in [&["rekey"][..], &["doctor", "--fix"]] {
        let outcome = environment.tokenkeep(arguments).env("TOKENKEEP_CONFIG_DIR", &elsewhere).run();
        assert_ne!(outcome.code, 101, "{outcome:?}");
        get(&environment).arg("--refresh").run().success().token();
    }
}

#[test]
fn a_rekey_that_fails_after_one_that_was_killed_loses_nothing() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let secrets = environment.data_dir().join("secrets");
    let name = std::fs::read_dir(&secrets).expect("there").next().expect("one").expect("one").path();
    let old = std::fs::read(&name).expect("readable");
    environment.tokenkeep(["rekey"]).run().success();
    // As a kill leaves it between the commit and the last rename: the old item in its place, the one that counts beside.
    let beside = name.with_extension("new");
    std::fs::rename(&name, &beside).expect("renamed");
    std::fs::write(&name, old).expect("written");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&name, std::fs::Permissions::from_mode(0o600)).expect("closed");
    get(&environment).run().success().token();
    let failing =
        ["strace", "-f", "-qq", "-o", "/dev/null", "-P", "store", "-e", "inject=renameat:error=ENOSPC:when=2+"];
    let failed = environment.tokenkeep(["rekey"]).under(failing).run();
    assert!(failed.code == 0 || failed.code == 9, "{failed:?}");
    get(&environment).arg("--refresh").run().success().token();
}

#[test]
fn a_process_that_waits_across_a_rekey_gets_its_token() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    issuer.behave("/token", crate::common::issuer::Behaviour::Hold);
    let before = issuer.count("/token");
    let first = get(&environment).arg("--refresh").spawn();
    issuer.wait_for_requests("/token", before + 1);
    let second = get(&environment).arg("--refresh").spawn();
    environment.tokenkeep(["rekey"]).run().success();
    // Before the release: the second request comes as soon as the first is answered.
    issuer.behave("/token", crate::common::issuer::Behaviour::Normal);
    issuer.release();
    first.wait().success();
    second.wait().success();
    get(&environment).run().success().token();
}

#[test]
fn a_verification_is_not_answered_by_what_the_old_secret_was_refused_for() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let file = environment.write_secret("secret", "CANARY-SECRET-wrong");
    let reference = format!("file:{}", file.display());
    let url = issuer.token_url();
    let set = ["credentials", "set", "--client-id", "test", "--token-url", &url, "--secret-at-fetch", &reference];
    environment.tokenkeep(set).run().success();
    assert_eq!(get(&environment).run().code, 4);
    environment.write_secret("secret", crate::common::issuer::CLIENT_SECRET);
    environment.tokenkeep(set).arg("--verify").run().success();
}

#[test]
fn a_provider_takes_the_place_of_an_url_that_was_said_earlier() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let change = ["credentials", "set", "-p", "default", "--provider", "spotify", "--client-id", "x", "--secret-stdin"];
    environment.tokenkeep(change).stdin("CANARY-SECRET-of-spotify").run().success();
    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["token_url"], "https://accounts.spotify.com/api/token");
}

#[test]
fn a_cache_that_cannot_be_opened_is_not_an_empty_one() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    std::fs::remove_file(environment.config_dir().join("key")).expect("removed");
    let report = environment.tokenkeep(["--json", "token", "validate"]).run();
    assert_eq!((report.code, report.json()["verdict"].as_str()), (12, Some("indeterminate")), "{report:?}");
    get(&environment).arg("--offline").arg("--json").run().fails(8, "key_file_missing");
}

#[test]
fn a_damaged_store_keeps_nobody_from_a_token_whose_secret_is_read_elsewhere() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let file = environment.write_secret("secret", crate::common::issuer::CLIENT_SECRET);
    let reference = format!("file:{}", file.display());
    let url = issuer.token_url();
    let set = ["credentials", "set", "--client-id", "test", "--token-url", &url, "--secret-at-fetch", &reference];
    environment.tokenkeep(set).run().success();
    edit(&environment, "data/store", "backend file", "backend fole");
    get(&environment).run().success().says("data_key_unavailable").token();
}

#[test]
fn one_request_is_forgotten_and_the_others_are_not() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    get(&environment).args(["--scope", "read"]).run().success().token();
    environment.tokenkeep(["token", "forget", "--scope", "read"]).run().success().says("forgot 1 cached token(s)");
    get(&environment).arg("--offline").run().success().token();
    assert_eq!(get(&environment).args(["--offline", "--scope", "read"]).run().code, 5);
}

#[test]
fn where_nothing_is_kept_there_is_nothing_to_list_and_nothing_to_forget() {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "none"]).run().success();
    environment.write(
        "config/profiles/a.toml",
        "client_id = 'x'\ntoken_url = 'https://issuer.invalid/'\nsecret = { env = 'X' }\n",
    );
    assert_eq!(environment.tokenkeep(["--json", "token", "list"]).run().success().json(), serde_json::json!([]));
    environment.tokenkeep(["token", "forget"]).run().success().says("forgot 0 cached token(s)");
}

#[test]
fn a_get_that_writes_json_tells_its_errors_as_json_too() {
    let environment = TestEnvironment::new();
    let outcome = environment.tokenkeep(["token", "get", "--format", "json"]).run();
    let error: serde_json::Value = serde_json::from_str(outcome.stderr.trim()).expect("JSON");
    assert_eq!(error["error"]["code"], "profile_not_found");
}

/// A sandboxed editor exports XDG_DATA_HOME, so that its terminal has a data directory of its own.
#[test]
fn another_data_directory_under_one_configuration_is_named_and_takes_no_credential_away() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &[]).run().success();
    get(&environment).run().success().token();
    let sandbox = environment.path("home/snap/code/share");
    let usual = environment.data_dir().display().to_string();
    let there = |run: crate::common::Invocation| run.env("XDG_DATA_HOME", &sandbox);
    let here = sandbox.join("tokenkeep").display().to_string();
    // Nothing was chosen there, and then something was.
    for _ in 0..2 {
        let refused = there(get(&environment).arg("--json")).run().fails(3, "credential_missing").error();
        let text = refused.to_string();
        for part in [usual.as_str(), here.as_str(), "by XDG_DATA_HOME", "unset XDG_DATA_HOME"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        there(environment.tokenkeep(["init", "--backend", "file"])).run().success();
    }
    // The hint, to the letter.
    there(get(&environment)).args(["--data-dir", &usual]).run().success().token();
    get(&environment).env_remove("XDG_DATA_HOME").run().success().token();

    let set = || there(set_credential(&environment, &issuer.token_url(), &["--json"]));
    set().run().fails(10, "binding_mismatch").says(&usual).says("--replace");
    there(environment.tokenkeep(["--json", "credentials", "remove", "-p", "default", "--yes"]))
        .run()
        .fails(10, "binding_mismatch");
    get(&environment).arg("--refresh").run().success().token();
    // It can be had if it is asked for.
    set().arg("--replace").run().success();
    there(get(&environment)).run().success().token();
    // A directory that is gone keeps nothing: the profile is set where the command stands.
    std::fs::remove_dir_all(&sandbox).expect("ours");
    set_credential(&environment, &issuer.token_url(), &[]).run().success();
    get(&environment).run().success().token();
}

#[test]
fn a_second_data_directory_is_noticed_in_a_home_that_moved_too() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &[]).run().success();
    let moved = environment.path("moved");
    std::fs::rename(environment.home(), &moved).expect("ours");
    environment.key_file(moved.join(".config/tokenkeep/key"));
    let there = |run: crate::common::Invocation| run.env("HOME", &moved).current_dir(environment.root());
    there(environment.tokenkeep(["init", "--backend", "file"])).run().success();
    there(get(&environment)).run().success().token();
    let sandbox = environment.path("sandbox");
    let set = there(set_credential(&environment, &issuer.token_url(), &["--json"])).env("XDG_DATA_HOME", &sandbox);
    set.run().fails(10, "binding_mismatch").says(&moved.join(".local/share/tokenkeep").display().to_string());
    there(get(&environment)).arg("--refresh").run().success().token();
}

/// As a backup that is restored beside, or a configuration that is copied to try something.
#[test]
fn a_copy_of_a_configuration_takes_no_secret_from_the_first() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let copy = environment.path("copy");
    let config = environment.config_dir();
    let (config, copied) = (config.display().to_string(), copy.display().to_string());
    let in_copy = |arguments: &[&str]| environment.tokenkeep(["--config-dir", &copied]).args(arguments);
    let copies = || {
        let _ = std::fs::remove_dir_all(&copy);
        environment.program("cp", ["-a", &config, &copied]).run().success();
        environment.key_file(copy.join("key"));
    };
    copies();
    in_copy(&["credentials", "remove", "-p", "default", "--yes"]).run().success().says("the secret stays");
    get(&environment).arg("--refresh").run().success().token();
    copies();
    let set =
        ["credentials", "set", "-p", "default", "--replace", "--client-id", "test", "--secret-stdin", "--token-url"];
    in_copy(&set).arg(issuer.token_url()).stdin("CANARY-SECRET-of-the-copy").run().success().says("the secret stays");
    get(&environment).arg("--refresh").run().success().token();
    // One with a mistake in it names it all the same, and one that cannot be read may: then everything stays.
    copies();
    let profile = std::fs::read_to_string(copy.join("profiles/default.toml")).expect("a copy");
    environment.write("copy/profiles/default.toml", format!("client_id = 7\n{profile}"));
    let remove = || environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]);
    let open_to_all: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(copy.join("profiles/default.toml"), open_to_all).expect("ours");
    remove().run().fails(10, "insecure_path");
    get(&environment).arg("--refresh").run().success().token();
    std::fs::set_permissions(copy.join("profiles/default.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("ours");
    remove().run().success().says("the secret stays, because a profile in");
    assert_eq!(std::fs::read_dir(environment.data_dir().join("secrets")).expect("there").count(), 2);
    // One that is gone names nothing: the last one that names a secret erases it.
    let other = set_credential(&environment, &issuer.token_url(), &["-p", "other"]);
    other.run().success();
    std::fs::remove_dir_all(&copy).expect("ours");
    environment.tokenkeep(["credentials", "remove", "-p", "other", "--yes"]).run().success().does_not_say("stays");
    assert_eq!(std::fs::read_dir(environment.data_dir().join("secrets")).expect("there").count(), 2);
}
