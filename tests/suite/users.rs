//! The three users walk in, each as a script in tests/users, and a fourth with ten lines of library.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::common::environment::is_root;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment, example, skipped, tokenkeep};
use crate::main_job::environment_for;

/// A script of tests/users, with tokenkeep in its PATH.
fn script(environment: &TestEnvironment, issuer: &Issuer, name: &str) -> Invocation {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/users").join(name);
    let programs = tokenkeep().parent().expect("a program lies in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    environment
        .program(script, [""; 0])
        .env("PATH", path.expect("folders without a colon"))
        .env("CLIENT_ID", CLIENT_ID)
        .env("TOKEN_URL", issuer.token_url())
        .env("API_URL", issuer.api_url())
}

#[test]
#[cfg(target_os = "linux")]
fn a_laptop_user_types_the_secret_once_and_has_a_token() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home();
    script(&environment, &issuer, "laptop.sh").stdin(format!("{CLIENT_SECRET}\n")).run().success();
    assert_eq!((issuer.count("/token"), issuer.count("/api")), (1, 1));
    let screen = std::fs::read_to_string(environment.home().join("screen")).expect("what the terminal showed");
    assert!(screen.starts_with("client secret of default: "), "the prompt, and not what was typed: {screen:?}");
}

#[test]
fn a_server_needs_two_lines_that_can_be_repeated() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home().unprivileged();
    environment.key_file("files/tokenkeep.key");
    let brought = environment.write_secret("files/brought", format!("{CLIENT_SECRET}\n"));
    let deploy = || {
        let lines = script(&environment, &issuer, "server.sh").env("SECRET_FILE", &brought);
        in_reach(&environment, lines.env("KEY_FILE", environment.path("files/tokenkeep.key"))).run().success()
    };
    let get = || environment.tokenkeep(["token", "get"]).prints_token().run().success();
    deploy();
    let first = get();
    deploy().says("its tokens stay");
    assert!(get().token() == first.token(), "the second time changes nothing");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_pod_needs_files_and_no_command() {
    if !is_root() {
        skipped("the tests are not run by root, whom the volumes of a pod belong to");
        return;
    }
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.write_secret("files/brought/client-secret", CLIENT_SECRET);
    let key: Vec<u8> = (0..32).map(|byte: u8| byte.wrapping_mul(167).wrapping_add(13)).collect();
    environment.write_secret("files/brought/key", &key);
    environment.canary("key of the pod", &key);
    environment.secret_place("pod/secret");
    let pod = environment.path("pod");
    let layout = script(&environment, &issuer, "pod.sh").args([&environment.path("files/brought"), &pod]);
    layout.run().success();

    // The user of the pod, to whom nothing in it belongs, in the group that may read the Secret.
    for file in ["key", "client-secret"] {
        let file = pod.join("secret").join(file);
        let file = file.canonicalize().expect("the layout leads somewhere");
        std::os::unix::fs::chown(file, None, Some(65534)).expect("root may");
    }
    let run = |arguments: &[&str]| {
        let as_the_pod_does = environment.tokenkeep(arguments).as_user(65534).prints_token();
        let as_the_pod_does = as_the_pod_does.env("TOKENKEEP_CONFIG_DIR", pod.join("config"));
        as_the_pod_does.env("TOKENKEEP_DATA_DIR", pod.join("cache/tokenkeep")).run().success()
    };
    let first = run(&["token", "get"]);
    assert_eq!(first.stderr, "");
    assert!(run(&["token", "get"]).token() == first.token());
    assert!(run(&["token", "get", "--offline"]).token() == first.token());
    assert_eq!(issuer.count("/token"), 1);
    let mode = pod.join("cache/tokenkeep").metadata().expect("tokenkeep made it").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn ten_lines_of_library_share_the_token_of_the_command_line() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for _ in 0..2 {
        let outcome = environment.program(example("profile"), ["default"]).run().success();
        let shown = outcome.stdout_str();
        assert!(shown.contains("Sensitive") && shown.contains("Bearer token of "), "{outcome:?}");
    }
    environment.tokenkeep(["token", "get"]).prints_token().run().success();
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_program_that_brings_its_own_parts_reads_no_home() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new().by_home();
    let program = environment.program(example("handed_in"), [&*issuer.token_url(), CLIENT_ID]).env_remove("HOME");
    let outcome = program.stdin(CLIENT_SECRET).run().success();
    assert!(outcome.stdout_str().starts_with("two tokens: "), "{outcome:?}");
    // Its own request, and the one of another scope.
    assert_eq!(issuer.count("/token"), 2);
    assert!(!environment.data_dir().exists() && !environment.config_dir().exists());
}

/// Puts copies of script and binary where the user of an environment can reach them, where that takes copies.
fn in_reach(environment: &TestEnvironment, script: Invocation) -> Invocation {
    if !is_root() {
        return script;
    }
    let folder = environment.path("bin");
    let copy = r#"umask 022 && mkdir -p "$2" && for part in "$1" "$1-full"; do
        if [ -e "$part" ]; then cp "$part" "$2" || exit; fi; done && chmod 755 "$2"/*"#;
    let status = Command::new("sh").args(["-c", copy, "sh"]).arg(tokenkeep()).arg(&folder).status();
    assert!(status.is_ok_and(|status| status.success()), "the binary can be copied");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)));
    script.env("PATH", path.expect("folders without a colon"))
}
