//! What people meet first: another user's files, a moved HOME, a shell that wants completions.

use std::os::unix::fs::chown;

use crate::common::environment::is_root;
use crate::common::{Issuer, TestEnvironment, skipped};
use crate::setup::{assert_refused, credential, get, get_json, init, set_credential};

#[test]
fn files_of_another_user_are_refused_with_both_users_and_what_to_run() {
    if !is_root() {
        skipped("only root can give files to another user");
        return;
    }
    for directory in ["data", "config"] {
        let issuer = Issuer::start();
        let environment = credential(&issuer, &[]);
        chown(environment.path(directory), Some(1000), None).expect("root may give files away");
        for run in [
            &["token", "get"][..],
            &["token", "validate"],
            &["token", "list"],
            &["token", "forget", "--all"],
            &["init", "--backend", "file"],
            &["credentials", "set", "--client-id", "x", "--token-url", "https://issuer.invalid/", "--secret-stdin"],
            &["credentials", "remove", "-p", "default", "--yes"],
        ] {
            let outcome = environment.tokenkeep(["--json"]).args(run).stdin("CANARY-SECRET-of-root").run();
            let error = assert_refused(outcome, &format!("{directory}: {run:?}"), 10, "insecure_path");
            let place = environment.path(directory).display().to_string();
            assert_eq!(error["message"], format!("{place} belongs to uid 1000, you are uid 0"), "{run:?}");
            assert_eq!(error["hint"], "run sudo -u '#1000' tokenkeep ...", "{run:?}");
        }
        assert_eq!(issuer.traffic().accepted, 0);
        chown(environment.path(directory), Some(0), None).expect("root may take files back");
        get(&environment).run().success().token();
    }
}

#[test]
fn root_may_give_a_config_directory_to_a_user_who_keeps_the_data() {
    if !is_root() {
        skipped("the tests are not run by root");
        return;
    }
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let secret = environment.write_secret("files/secret", crate::common::issuer::CLIENT_SECRET);
    chown(&secret, Some(65534), None).expect("root may give files away");
    environment.write(
        "config/profiles/a.toml",
        format!(
            "client_id = \"test\"\ntoken_url = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
            issuer.token_url(),
            secret.display()
        ),
    );
    let data = environment.path("home/data");
    chown(environment.home(), Some(65534), Some(65534)).expect("root may give files away");
    let run = || get(&environment).env("TOKENKEEP_DATA_DIR", &data).as_user(65534);
    // Nothing says where to keep a key, so nothing is kept; the token is handed out all the same.
    run().run().success().says("data_key_unavailable").token();
}

#[test]
fn a_home_that_sudo_moved_holds_no_profile_and_the_message_says_whose_it_is() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &[]).run().success();
    get(&environment).run().success().token();
    let elsewhere = environment.path("files");
    let error = assert_refused(get_json(&environment).env("HOME", &elsewhere).run(), "moved", 3, "profile_not_found");
    let message = error["message"].as_str().unwrap_or_default();
    let place = elsewhere.display().to_string();
    assert!(message.starts_with("no profile is set up for ") && message.contains(&place), "{message}");
    assert_eq!(error["hint"], "run tokenkeep credentials set --provider spotify --client-id ID");
}

#[test]
fn the_profile_is_the_one_typed_then_the_environment_then_the_default_then_the_only_one() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let set = |name: &str| set_credential(&environment, &issuer.token_url(), &["-p", name]);
    set("first").run().success();
    let profile = |run: crate::common::Invocation| run.run().success().json()["profile"].clone();
    assert_eq!(profile(get_json(&environment)), "first");
    set("second").run().success();
    // The first one became the default, and stays it.
    assert_eq!(profile(get_json(&environment)), "first");
    set("third").arg("--default").run().success();
    assert_eq!(profile(get_json(&environment)), "third");
    assert_eq!(profile(get_json(&environment).env("TOKENKEEP_PROFILE", "second")), "second");
    assert_eq!(profile(get_json(&environment).env("TOKENKEEP_PROFILE", "second").args(["-p", "first"])), "first");
    assert_eq!(profile(get_json(&environment).env("TOKENKEEP_PROFILE", "")), "third");
    let json = environment.tokenkeep(["--json", "credentials", "list"]).run().success().json();
    let listed: Vec<_> =
        json.as_array().expect("a list").iter().map(|row| (&row["profile"], &row["default"])).collect();
    let (yes, no) = (true.into(), false.into());
    assert_eq!(listed, [(&"first".into(), &no), (&"second".into(), &no), (&"third".into(), &yes)]);
    environment.tokenkeep(["credentials", "remove", "-p", "third", "--yes"]).run().success();
    get_json(&environment).run().fails(3, "profile_ambiguous");
}

#[test]
fn a_profile_in_the_environment_that_is_no_text_is_not_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    get_json(&environment).env("TOKENKEEP_PROFILE", name).run().fails(2, "usage");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn completions_are_scripts_that_their_shell_can_read() {
    let environment = TestEnvironment::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = environment.tokenkeep(["completions", shell]).run().success().stdout;
        assert!(script.windows(9).any(|window| window == b"tokenkeep"), "{shell}");
        let file = environment.write(format!("files/completions.{shell}"), script);
        let found = environment.program("sh", ["-c", "command -v \"$1\" >/dev/null", "sh", shell]).run().code == 0;
        if !found {
            skipped(&format!("{shell} is not on this machine"));
            continue;
        }
        environment.program(shell, ["-n"]).arg(&file).run().success();
    }
    // What completes is read from no profile and no data.
    assert!(!environment.data_dir().exists() && !environment.config_dir().exists());
}

#[test]
fn help_and_version_need_nothing_and_change_nothing() {
    let environment = TestEnvironment::new().by_home();
    for arguments in [&["--help"][..], &["-h"], &["--version"], &["token", "--help"], &["credentials", "set", "--help"]]
    {
        let outcome = environment.tokenkeep(arguments).env_remove("HOME").run().success();
        assert!(!outcome.stdout.is_empty() && outcome.stderr.is_empty(), "{arguments:?}");
    }
    let version = environment.tokenkeep(["--version"]).run().success();
    assert_eq!(version.stdout_str(), concat!("tokenkeep ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(std::fs::read_dir(environment.home()).expect("it is there").count(), 0);
}

#[test]
fn quiet_silences_warnings_and_nothing_else() {
    let issuer = Issuer::start();
    issuer.set(serde_json::json!({ "expires_in": null }));
    let environment = credential(&issuer, &[]);
    get(&environment).run().success().says("warning: lifetime_assumed: ");
    let quiet = get(&environment).args(["--refresh", "-q"]).run().success();
    assert_eq!(quiet.stderr, "");
    environment.tokenkeep(["-q", "-p", "none", "token", "get"]).run().fails(3, "profile_not_found").says("hint: ");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let environment = TestEnvironment::new();
    let run = |options: &[&str]| environment.tokenkeep(options).args(["token", "get"]).run().exits(3).stderr;
    assert!(!run(&[]).contains('\u{1b}'));
    assert!(!run(&["--color", "never"]).contains('\u{1b}'));
    assert!(run(&["--color", "always"]).starts_with("\u{1b}[1;31merror:\u{1b}[0m "));
    assert!(!run(&["--json", "--color", "always"]).contains('\u{1b}'));
}

/// A container that runs as root is given the files of a user of the host.
#[test]
fn root_reads_the_secret_of_another_user_with_a_warning_and_nobody_else_does() {
    if !is_root() {
        skipped("only root can give files to another user");
        return;
    }
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let folder = environment.path("files/secrets");
    let secret = environment.write_secret("files/secrets/secret", crate::common::issuer::CLIENT_SECRET);
    let reference = format!("file:{}", secret.display());
    let set = ["credentials", "set", "--client-id", "test", "--token-url", &issuer.token_url(), "--secret-at-fetch"];
    let set = || environment.tokenkeep(set).arg(&reference);
    for place in [&secret, &folder] {
        chown(place, Some(1000), None).expect("root may give files away");
        set().run().success().says("belongs to uid 1000, who can read and change it");
        get(&environment).arg("--refresh").run().success().says("warning: secret_readable").token();
    }
    // What it may become in the hands of others is refused, at once.
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("root may");
    set().arg("--json").run().fails(10, "insecure_path");
    std::fs::remove_file(&secret).expect("there");
    set().run().success().says("warning: secret_unavailable");
}

#[test]
fn an_owner_outside_the_user_namespace_is_called_so_and_no_command_is_named_for_him() {
    if !is_root() {
        skipped("the files have to belong to a user that is not mapped");
        return;
    }
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let alone = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "unshare", "--user", "--map-user=1000"];
    std::fs::set_permissions(environment.root(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let error = assert_refused(get_json(&environment).under(alone).run(), "unmapped", 10, "insecure_path");
    let message = error["message"].as_str().expect("a message");
    assert!(message.ends_with("belongs to an owner outside this user namespace"), "{error}");
    assert!(!error["hint"].to_string().contains("sudo"), "{error}");
}

#[test]
fn a_home_that_takes_no_directory_is_told_with_the_variables_that_name_others() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().unprivileged().by_home();
    let run = || {
        let arguments =
            ["--json", "credentials", "set", "--client-id", "x", "--secret-at-fetch", "env:NAME", "--token-url"];
        environment.tokenkeep(arguments).arg(issuer.token_url()).env("HOME", "/")
    };
    let error = assert_refused(run().run(), "HOME=/", 9, "write_failed");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(hint.contains("TOKENKEEP_CONFIG_DIR and TOKENKEEP_DATA_DIR"), "{error}");
    // Each way that the hint names: flags, and variables.
    let [config, data] = ["home/c", "home/d"].map(|path| environment.path(path).display().to_string());
    run().args(["--config-dir", &config, "--data-dir", &data]).run().success();
    let [config, data] = ["home/e", "home/f"].map(|path| environment.path(path));
    run().env("TOKENKEEP_CONFIG_DIR", config).env("TOKENKEEP_DATA_DIR", data).run().success();
}

#[test]
fn a_home_of_another_user_is_told_with_the_way_to_ones_own() {
    if !is_root() {
        skipped("only root has a home that others cannot enter here");
        return;
    }
    let environment = TestEnvironment::new().unprivileged().by_home();
    let closed = environment.path("closed");
    std::fs::create_dir(&closed).expect("ours");
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    let run = || environment.tokenkeep(["--json", "token", "get"]).env("HOME", &closed);
    let error = assert_refused(run().run(), "HOME of root", 9, "write_failed");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.starts_with("set HOME to a home of this user")), "{error}");
    // Each way that the hint names: the home of the user, and directories.
    run().env("HOME", environment.home()).run().fails(3, "profile_not_found");
    let [config, data] = ["home/c", "home/d"].map(|path| environment.path(path).display().to_string());
    run().args(["--config-dir", &config, "--data-dir", &data]).run().fails(3, "profile_not_found");
}
