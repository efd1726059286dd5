//! Nothing that was stored is lost: by a read that fails, by a kill, beside a change in another process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, Running, TestEnvironment};
use crate::setup::{credential, credential_and_token, get, init, set_credential};

/// The files below `secrets/`, by name.
fn secrets(environment: &TestEnvironment) -> Vec<PathBuf> {
    let folder = environment.data_dir().join("secrets");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|files| files.map(|file| file.expect("listed").path()).collect())
        .unwrap_or_default();
    files.sort();
    files
}

fn close(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("ours");
}

/// Puts the stored secret as a kill leaves it between the commit of a rekey and the last rename.
fn interrupted_rekey(environment: &TestEnvironment) -> (PathBuf, PathBuf) {
    let place = secrets(environment).remove(0);
    let old = std::fs::read(&place).expect("readable");
    environment.tokenkeep(["rekey"]).run().success();
    let beside = place.with_extension("new");
    std::fs::rename(&place, &beside).expect("renamed");
    std::fs::write(&place, old).expect("written");
    close(&place);
    (place, beside)
}

/// Waits until a process waits for the turn of another.
fn waits_for_the_turn(running: &mut Running) {
    waits_for_a_lock(running, "READ");
}

/// Waits until a process waits for the lock of the data directory.
fn waits_for_the_data_directory(running: &mut Running) {
    waits_for_a_lock(running, "WRITE");
}

fn waits_for_a_lock(running: &mut Running, kind: &str) {
    let waiting = format!("-> FLOCK  ADVISORY  {kind} {} ", running.pid().as_raw_nonzero());
    while !std::fs::read_to_string("/proc/locks")
        .expect("Linux lists its locks")
        .lines()
        .any(|line| line.contains(&waiting))
    {
        assert!(!running.has_ended(), "it did not wait");
        std::thread::yield_now();
    }
}

#[test]
fn a_rekey_with_few_descriptors_keeps_every_secret_and_reports_what_it_could_not_do() {
    let issuer = Issuer::start();
    for most in 3..=20 {
        let environment = credential(&issuer, &[]);
        let limited = ["bash", "-c", &format!("ulimit -n {most}; exec \"$@\""), "bash"];
        let outcome = environment.tokenkeep(["rekey"]).under(limited).run();
        get(&environment).arg("--refresh").run().success().token();
        if outcome.code == 0 {
            assert_eq!(secrets(&environment).len(), 1, "{most}: {outcome:?}");
        } else {
            environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success();
        }
        assert_eq!(secrets(&environment).len(), 1, "{most}: {outcome:?}");
        get(&environment).arg("--refresh").run().success().token();
    }
}

#[test]
fn one_failing_call_in_a_rekey_or_a_move_loses_no_secret() {
    let issuer = Issuer::start();
    for command in [&["rekey"][..], &["init", "--backend", "file", "--key-file", "KEY", "--move"]] {
        for (call, last) in [("openat", 40), ("read", 30), ("fstat", 30), ("renameat", 4)] {
            for at in (1..=last).step_by(3) {
                let environment = credential(&issuer, &[]);
                let other = environment.config_dir().join("other");
                let words: Vec<&str> = command
                    .iter()
                    .map(|word| if *word == "KEY" { other.to_str().expect("text") } else { word })
                    .collect();
                let inject = format!("inject={call}:error=EIO:when={at}");
                let failing = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
                let outcome = environment.tokenkeep(&words).under(failing).run();
                get(&environment).run().success().token();
                assert_ne!(outcome.code, 101, "{words:?} {inject}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_copy_that_others_can_read_is_refused_with_the_command_that_mends_it_and_is_not_erased() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let (_, beside) = interrupted_rekey(&environment);
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let command = format!("run chmod 600 {}", beside.display());
    for arguments in [&["init", "--backend", "file"][..], &["token", "get"], &["rekey"]] {
        let refused = environment.tokenkeep(["--json"]).args(arguments).run().fails(10, "insecure_path");
        assert_eq!(refused.error()["hint"], command.as_str(), "{arguments:?}");
        assert!(beside.exists());
    }
    close(&beside);
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    assert_eq!(secrets(&environment).len(), 1);
    get(&environment).run().success().token();
}

#[test]
fn what_an_interrupted_rekey_left_goes_with_its_secret() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    interrupted_rekey(&environment);
    set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post"]).run().success();
    assert_eq!(secrets(&environment).len(), 1, "the old secret is gone under every name");
    environment.tokenkeep(["rekey"]).run().success();
    get(&environment).run().success().token();

    interrupted_rekey(&environment);
    environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]).run().success();
    assert_eq!(secrets(&environment), Vec::<PathBuf>::new());
}

#[test]
fn a_profile_is_removed_with_its_secret_where_the_key_is_gone() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    std::fs::remove_file(environment.config_dir().join("key")).expect("there");
    environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]).run().success();
    assert_eq!(secrets(&environment), Vec::<PathBuf>::new(), "an item is erased without its key");
}

#[test]
fn whoever_waits_across_a_rotation_gets_a_token_of_the_new_secret() {
    let issuer = Issuer::start();
    for options in [&[][..], &["--refresh"]] {
        let environment = credential(&issuer, &[]);
        issuer.behave("/token", Behaviour::Hold);
        let before = issuer.count("/token");
        let first = get(&environment).args(options).spawn();
        issuer.wait_for_requests("/token", before + 1);
        let mut waiting: Vec<Running> = (0..8).map(|_| get(&environment).args(options).spawn()).collect();
        waiting.iter_mut().for_each(waits_for_the_turn);
        set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post"]).run().success();
        issuer.behave("/token", Behaviour::Normal);
        issuer.release();
        first.wait().success();
        let tokens: Vec<String> =
            waiting.into_iter().map(|running| running.wait().success().token().to_owned()).collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
        assert_eq!(issuer.count("/token"), before + 2, "one request by the old secret, one by the new");
        assert_eq!(get(&environment).run().success().token(), tokens[0]);
    }
}

#[test]
fn a_get_that_is_held_before_it_reads_the_secret_survives_a_rekey_and_a_move() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    let other = environment.config_dir().join("other");
    let moving = ["init", "--backend", "file", "--key-file", other.to_str().expect("text"), "--move"];
    for change in [&["rekey"][..], &moving] {
        let folder = environment.data_dir().join("secrets");
        let traced = environment.path("trace");
        let held = [
            "strace",
            "-f",
            "-qq",
            "-o",
            traced.to_str().expect("text"),
            "-P",
            folder.to_str().expect("text"),
            "-P",
            "secrets",
            "-e",
            "trace=openat",
            "-e",
            "inject=openat:delay_enter=1500000:when=1",
        ];
        let running = get(&environment).arg("--refresh").under(held).spawn();
        while !std::fs::read_to_string(&traced).is_ok_and(|calls| calls.contains("openat")) {
            std::thread::yield_now();
        }
        environment.tokenkeep(change).run().success();
        running.wait().success();
        get(&environment).run().success().token();
        std::fs::remove_file(&traced).expect("written");
    }
}

#[test]
fn a_deleted_lock_file_lets_no_second_writer_in() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    issuer.behave("/token", Behaviour::Hold);
    let before = issuer.count("/token");
    let set = set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post", "--verify"]).spawn();
    issuer.wait_for_requests("/token", before + 1);
    std::fs::remove_file(environment.data_dir().join("store.lock")).expect("there");
    let mut rekey = environment.tokenkeep(["rekey"]).spawn();
    waits_for_the_data_directory(&mut rekey);
    issuer.behave("/token", Behaviour::Normal);
    issuer.release();
    set.wait().success();
    rekey.wait().success();
    get(&environment).arg("--refresh").run().success().token();
}

#[test]
fn a_verification_does_not_wait_for_the_lock_that_its_own_command_holds() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let missing = environment.path("no-such-key");
    environment
        .write("config/config.toml", format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", missing.display()));
    let url = issuer.token_url();
    let set =
        ["credentials", "set", "--client-id", "test", "--token-url", &url, "--secret-at-fetch", "env:X", "--verify"];
    environment.canary("secret", "CANARY-SECRET-test");
    let outcome = environment.tokenkeep(set).env("X", "CANARY-SECRET-test").run();
    assert!(!outcome.stderr.contains("does not let go"), "{outcome:?}");
}

#[test]
fn doctor_leaves_the_secrets_of_another_configuration_directory() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let key = environment.config_dir().join("key");
    let elsewhere = environment.path("elsewhere");
    let config = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display());
    environment.write("elsewhere/config.toml", config);
    let from_there = |environment: &TestEnvironment, arguments: &[&str]| {
        environment.tokenkeep(arguments).env("TOKENKEEP_CONFIG_DIR", &elsewhere)
    };
    set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post"])
        .env("TOKENKEEP_CONFIG_DIR", &elsewhere)
        .run()
        .success();
    assert_eq!(secrets(&environment).len(), 2);
    for _ in 0..2 {
        environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success();
        from_there(&environment, &["doctor", "--fix", "--yes"]).run().success();
        environment.tokenkeep(["rekey"]).run().success();
        from_there(&environment, &["rekey"]).run().success();
        get(&environment).arg("--refresh").run().success().token();
        from_there(&environment, &["token", "get", "--refresh"]).prints_token().run().success().token();
    }
}

#[test]
fn a_secret_that_an_unknown_configuration_may_name_is_put_aside_and_still_read() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    set_credential(&environment, &issuer.token_url(), &["-p", "second"]).run().success();
    // As a data directory of an earlier version has none.
    std::fs::remove_file(environment.data_dir().join("configurations")).expect("noted");
    let profile = environment.config_dir().join("profiles/second.toml");
    let hidden = environment.path("second.toml");
    std::fs::rename(&profile, &hidden).expect("moved");
    for _ in 0..2 {
        environment.tokenkeep(["doctor", "--fix"]).run().success();
        environment.tokenkeep(["rekey"]).run().success();
    }
    std::fs::rename(&hidden, &profile).expect("moved back");
    get(&environment).args(["-p", "second", "--refresh"]).run().success().token();
    get(&environment).args(["-p", "default", "--refresh"]).run().success().token();
}

#[test]
fn doctor_asks_before_it_erases_a_secret() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    set_credential(&environment, &issuer.token_url(), &["-p", "second"]).run().success();
    std::fs::remove_file(environment.config_dir().join("profiles/second.toml")).expect("removed by hand");
    environment.tokenkeep(["--json", "doctor", "--fix"]).run().fails(2, "usage");
    assert_eq!(secrets(&environment).len(), 2, "nothing goes without an answer");
    environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success().says("no profile names secrets/");
    assert_eq!(secrets(&environment).len(), 1);
}

#[test]
fn changes_of_the_backend_that_wait_for_each_other_all_take_effect() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let other = environment.config_dir().join("other");
    let moving = ["init", "--backend", "file", "--key-file", other.to_str().expect("text"), "--move"];
    let back = ["init", "--backend", "file", "--move"];
    for commands in [
        [&["rekey"][..], &["rekey"]],
        [&moving, &moving],
        [&back, &["rekey"]],
        [&moving, &back],
        [&["rekey"], &["fleet", "key", "new"]],
    ] {
        issuer.behave("/token", Behaviour::Hold);
        let before = issuer.count("/token");
        let set = set_credential(&environment, &issuer.token_url(), &["--verify", "--replace"]).spawn();
        issuer.wait_for_requests("/token", before + 1);
        let mut waiting: Vec<Running> = commands.iter().map(|words| environment.tokenkeep(*words).spawn()).collect();
        waiting.iter_mut().for_each(waits_for_the_data_directory);
        issuer.behave("/token", Behaviour::Normal);
        issuer.release();
        set.wait().success();
        for (running, words) in waiting.into_iter().zip(commands) {
            let outcome = running.wait();
            assert_eq!(outcome.code, 0, "{words:?} in {commands:?}: {outcome:?}");
        }
        get(&environment).arg("--refresh").run().success().token();
    }
}

#[test]
fn what_a_kill_left_beside_any_file_goes_with_the_next_command_that_changes_something() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let left = [
        "data/store.tmp",
        "data/configurations.tmp",
        "data/shared.tmp",
        "data/secrets/0123.tmp",
        "config/.0123456789abcdef.tmp",
        "config/profiles/.fedcba9876543210.tmp",
    ];
    for command in [
        &["doctor", "--fix"][..],
        &["rekey"],
        &["init", "--backend", "file"],
        &["fleet", "key", "new"],
        &["credentials", "remove", "-p", "default", "--yes"],
    ] {
        left.iter().for_each(|file| drop(environment.write_secret(file, "left by a kill")));
        environment.tokenkeep(["doctor"]).run().success();
        assert!(left.iter().all(|file| environment.path(file).exists()), "doctor alone changes nothing");
        environment.tokenkeep(command).run().success();
        let stayed: Vec<_> = left.iter().filter(|file| environment.path(file).exists()).collect();
        assert!(stayed.is_empty(), "{command:?}: {stayed:?}");
    }
}

#[test]
fn what_a_killed_set_or_doctor_left_among_the_tokens_goes_with_doctor_fix() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    let folder = environment.data_dir().join("tokens");
    std::fs::write(folder.join("doctor.0123456789abcdef.tmp.tmp"), "").expect("written");
    close(&folder.join("doctor.0123456789abcdef.tmp.tmp"));
    // As a kill leaves it between the erasure of the old secret and that of its tokens.
    let mut files = std::fs::read_dir(&folder).expect("listed").map(|file| file.expect("listed").path());
    let token = files.find(|path| path.extension().is_none()).expect("a token");
    let kept = std::fs::read(&token).expect("readable");
    set_credential(&environment, &issuer.token_url(), &["--auth", "client_secret_post"]).run().success();
    assert!(!token.exists());
    std::fs::write(&token, kept).expect("put back");
    close(&token);
    get(&environment).run().success().token();
    environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success();
    let left = std::fs::read_dir(&folder).expect("listed").count();
    assert_eq!(left, 1, "the present token only");
    assert!(!token.exists());
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_stored_secret_that_cannot_be_read_is_not_taken_for_a_missing_one() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let secret = secrets(&environment).remove(0);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let set = ["--json", "credentials", "set", "-p", "default", "--scope", "a"];
    environment.tokenkeep(set).run().fails(10, "insecure_path");
    close(&secret);
    environment.tokenkeep(set).run().success();
    get(&environment).run().success().token();
}

#[test]
fn several_first_inits_make_one_choice() {
    let environment = TestEnvironment::new();
    let running: Vec<Running> = (0..6).map(|_| environment.tokenkeep(["init", "--backend", "file"]).spawn()).collect();
    running.into_iter().for_each(|running| drop(running.wait().success()));
    init(&environment);
}
