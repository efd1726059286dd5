//! Where the directories are: odd paths work or are refused clearly, and the current directory is never meant.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::common::environment::is_root;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment, skipped};
use crate::machine::paths_in;

/// An empty directory that anybody may write to: where a program that means the current directory leaves traces.
fn empty_directory(environment: &TestEnvironment) -> PathBuf {
    let directory = environment.path("files/here");
    fs::create_dir(&directory).expect("the root is empty");
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).expect("ours");
    directory
}

const COMMANDS: [&[&str]; 5] = [
    &["init", "--backend", "file", "--json"],
    &[
        "credentials",
        "set",
        "-p",
        "main",
        "--client-id",
        "x",
        "--token-url",
        "https://a.test/t",
        "--secret-stdin",
        "--json",
    ],
    &["token", "get", "--json"],
    &["token", "list", "--json"],
    &["credentials", "list", "--json"],
];

#[test]
fn without_a_home_directory_nothing_is_guessed() {
    if !is_root() {
        skipped("the tests are not run by root, who alone can become a user without a home");
        return;
    }
    let environment = TestEnvironment::new().by_home().unprivileged();
    let here = empty_directory(&environment);
    for arguments in COMMANDS {
        // No list of users knows this one.
        let run = environment.tokenkeep(arguments).as_user(54_321).env_remove("HOME").current_dir(&here);
        let refused = run.stdin(CLIENT_SECRET).run().fails(2, "usage");
        assert!(refused.error()["hint"].as_str().is_some_and(|hint| hint.contains("--config-dir")), "{refused:?}");
        // The home of this one does not exist: listings are empty, everything else is refused.
        let run = environment.tokenkeep(arguments).env_remove("HOME").current_dir(&here);
        let outcome = run.stdin(CLIENT_SECRET).run();
        assert!(outcome.code != 0 || arguments[1] == "list", "{arguments:?}: {outcome:?}");
    }
    assert!(paths_in(&here).is_empty(), "the current directory stays empty");
}

#[test]
fn a_home_that_is_empty_or_relative_is_never_the_current_directory() {
    let environment = TestEnvironment::new().by_home().unprivileged();
    let here = empty_directory(&environment);
    for home in ["", ".", "here", "../files/here"] {
        for arguments in COMMANDS {
            let run = environment.tokenkeep(arguments).as_user(54_321).env("HOME", home).current_dir(&here);
            let outcome = run.stdin(CLIENT_SECRET).run();
            assert!(outcome.code != 0 && outcome.code != 1, "{arguments:?} with HOME={home:?}: {outcome:?}");
        }
    }
    assert!(paths_in(&here).is_empty(), "the current directory stays empty");
}

#[test]
fn relative_xdg_directories_are_passed_over_as_their_specification_says() {
    let (environment, issuer) = (TestEnvironment::new().by_home().unprivileged(), Issuer::start());
    let here = empty_directory(&environment);
    let run = |arguments: &[&str]| {
        let run = environment.tokenkeep(arguments).current_dir(&here);
        run.env("XDG_CONFIG_HOME", "config").env("XDG_DATA_HOME", "./data")
    };
    get_through(&run, &issuer);
    assert!(paths_in(&here).is_empty(), "the current directory stays empty");
    assert!(environment.data_dir().join("store").exists());
}

#[test]
fn a_relative_directory_in_a_variable_of_ours_is_refused() {
    let environment = TestEnvironment::new().unprivileged();
    let here = empty_directory(&environment);
    for variable in ["TOKENKEEP_CONFIG_DIR", "TOKENKEEP_DATA_DIR"] {
        for arguments in COMMANDS {
            let run = environment.tokenkeep(arguments).env(variable, "here").current_dir(&here);
            let refused = run.stdin(CLIENT_SECRET).run().fails(2, "usage");
            assert!(refused.error()["message"].as_str().is_some_and(|text| text.contains(variable)), "{refused:?}");
        }
    }
    assert!(paths_in(&here).is_empty(), "the current directory stays empty");
}

#[test]
fn directories_with_newlines_and_bytes_that_are_no_text_work() {
    let names: [&[u8]; 4] = [b"a\nhint: run rm", b"\xff\xfe", b"a b 'c' \"d\" $e %25", b"\x1b[31m\xe2\x80\xae"];
    for name in names {
        let (environment, issuer) = (TestEnvironment::new().unprivileged(), Issuer::start());
        let odd = environment.path("files").join(OsString::from_vec(name.to_vec()));
        fs::create_dir(&odd).expect("a directory");
        let owner = environment.home().metadata().expect("it is there").uid();
        std::os::unix::fs::chown(&odd, Some(owner), None).expect("root and the owner may");
        environment.key_file(odd.join("config/key"));
        let run = |arguments: &[&str]| {
            let run = environment.tokenkeep(arguments);
            run.env("TOKENKEEP_CONFIG_DIR", odd.join("config")).env("TOKENKEEP_DATA_DIR", odd.join("data"))
        };
        get_through(&run, &issuer);
        assert!(odd.join("data/store").exists());

        // A refusal that names such a path is one line all the same, and no escape sequence.
        fs::set_permissions(odd.join("data"), PermissionsExt::from_mode(0o755)).expect("ours");
        let refused = run(&["token", "get"]).run().fails(10, "insecure_path");
        assert_eq!(refused.stderr.lines().count(), 2, "{refused:?}");
        assert!(!refused.stderr.contains(['\x1b', '\u{202e}']), "{refused:?}");
        fs::set_permissions(odd.join("data"), PermissionsExt::from_mode(0o700)).expect("ours");
    }
}

#[test]
fn a_path_of_four_kilobytes_is_an_error_and_no_panic() {
    let environment = TestEnvironment::new().unprivileged();
    let here = empty_directory(&environment);
    let long = Path::new("/tmp").join("a/".repeat(2_100));
    let broad = Path::new("/tmp").join("a".repeat(300));
    for path in [long, broad] {
        for variable in ["TOKENKEEP_CONFIG_DIR", "TOKENKEEP_DATA_DIR"] {
            for arguments in COMMANDS {
                let run = environment.tokenkeep(arguments).env(variable, &path).current_dir(&here);
                let outcome = run.stdin(CLIENT_SECRET).run();
                // A listing of nothing needs no data directory.
                let needs_none = outcome.code == 0 && arguments[1] == "list" || outcome.code == 3;
                let is_told = needs_none || outcome.error()["code"] == "write_failed";
                assert!(is_told, "{arguments:?} with {variable}: {outcome:?}");
            }
        }
    }
    assert!(paths_in(&here).is_empty(), "the current directory stays empty");
}

/// Sets a profile up and gets a token, twice.
fn get_through(run: &dyn Fn(&[&str]) -> Invocation, issuer: &Issuer) {
    run(&["init", "--backend", "file"]).run().success();
    let (url, requests) = (issuer.token_url(), issuer.count("/token"));
    let set =
        ["credentials", "set", "-p", "main", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url", url.as_str()];
    run(&set).stdin(CLIENT_SECRET).run().success();
    for _ in 0..2 {
        run(&["token", "get"]).prints_token().run().success().does_not_say("warning");
    }
    assert_eq!(issuer.count("/token"), requests + 1);
}
