//! Secrets that another program prints, at each fetch: the real `pass`, and programs that misbehave.

use serde_json::json;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

mod inherited;
#[cfg(target_os = "linux")]
mod on_terminal;
mod openbao;

/// A home whose secret is printed by a script, which lies in `files/program`.
fn scripted(issuer: &Issuer, script: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let program = environment.write_secret("files/program", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
    set(&environment, issuer, &[&program.display().to_string()]).success();
    environment
}

/// Waits until the processes of these numbers are gone.
fn assert_ended(pids: &str) {
    for pid in pids.split_whitespace() {
        // A process that a signal was sent to is gone when the kernel comes to it.
        let ended = (0..1_000).any(|_| {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let ended = state.is_empty() || state.contains(") Z ");
            if !ended {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            ended
        });
        assert!(ended, "process {pid} runs on");
    }
}

/// A home whose profile reads its secret from a program.
fn home(issuer: &Issuer, words: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    set(&environment, issuer, words).success();
    environment
}

fn set(environment: &TestEnvironment, issuer: &Issuer, words: &[&str]) -> Outcome {
    let reference = format!("command:{}", json!(words));
    let set = ["credentials", "set", "--client-id", CLIENT_ID, "--token-url", &issuer.token_url(), "--secret-at-fetch"];
    environment.tokenkeep(set).arg(reference).run()
}

fn get(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["token", "get"]).prints_token()
}

fn refused(environment: &TestEnvironment) -> Outcome {
    environment.tokenkeep(["--json", "token", "get"]).prints_token().run().fails(3, "credential_missing")
}

#[test]
fn pass_gives_the_secret_and_a_warm_get_does_not_ask_it() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let (gnupg, store) = (environment.path("files/gnupg"), environment.path("files/store"));
    environment.secret_place(&gnupg);
    std::fs::create_dir(&gnupg).expect("the root is ours");
    std::fs::set_permissions(&gnupg, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
    let with_pass = |run: Invocation| run.env("GNUPGHOME", &gnupg).env("PASSWORD_STORE_DIR", &store);
    let key = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "tester@example.org"];
    with_pass(environment.program("gpg", key)).run().success();
    with_pass(environment.program("pass", ["init", "tester@example.org"])).run().success();
    let insert = environment.program("pass", ["insert", "--multiline", "billing/client-secret"]);
    with_pass(insert).stdin(CLIENT_SECRET).run().success();

    set(&environment, &issuer, &["/usr/bin/pass", "show", "billing/client-secret"]).success();
    with_pass(get(&environment)).run().success().token();
    assert_eq!(issuer.count("/token"), 1);
    // Without pass, its store and its key.
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 1);
    let missing = environment.tokenkeep(["--json", "token", "get", "--refresh"]).run();
    missing.fails(3, "credential_missing").says("/usr/bin/pass");
    with_pass(environment.program("gpgconf", ["--kill", "all"])).run().success();
}

#[test]
fn the_arguments_reach_the_program_as_they_are() {
    let issuer = Issuer::start();
    let environment = home(&issuer, &["/usr/bin/printf", "%s", CLIENT_SECRET_ESCAPED]);
    // No shell reads them: these are no commands, and no variables.
    issuer.set(json!({ "latency_ms": 0 }));
    let outcome = environment.tokenkeep(["--json", "token", "get"]).run();
    outcome.fails(4, "invalid_client");
    assert!(!environment.path("home/touched").exists());
}

const CLIENT_SECRET_ESCAPED: &str = "$(touch touched); `touch touched` && touch touched";

#[test]
fn a_program_that_fails_gives_no_secret_and_its_stderr_is_not_shown() {
    let issuer = Issuer::start();
    for script in [
        "echo CANARY-SECRET-on-stderr >&2; exit 3",
        "echo CANARY-SECRET-on-stdout; exit 3",
        "kill -9 $$",
        "true",
        "yes CANARY-SECRET-without-an-end",
        "printf '\\377\\376CANARY-SECRET'",
    ] {
        let environment = TestEnvironment::new();
        environment.tokenkeep(["init", "--backend", "file"]).run().success();
        let program = environment.write_secret("files/program", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        set(&environment, &issuer, &[&program.display().to_string()]).success();
        for _ in 0..2 {
            refused(&environment);
        }
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_program_that_does_not_end_is_ended_with_all_that_it_started() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let (program, pids) = (environment.path("files/program"), environment.path("files/pids"));
    let script = format!("#!/bin/sh\nsleep 1000 &\necho $$ $! > {}\nwait\n", pids.display());
    environment.write("files/program", script);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
    set(&environment, &issuer, &[&program.display().to_string()]).success();
    refused(&environment).says("did not end within");
    assert_ended(&std::fs::read_to_string(pids).expect("the program ran"));
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_program_is_named_by_its_absolute_path() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    for words in [&["pass", "show", "x"][..], &["./pass"], &[]] {
        let code = set(&environment, &issuer, words).code;
        assert_eq!(code, 2, "{words:?}");
    }
}

#[test]
fn nothing_is_read_from_the_callers_stdin() {
    let issuer = Issuer::start();
    let environment = home(&issuer, &["/bin/cat"]);
    environment.tokenkeep(["--json", "token", "get"]).stdin(CLIENT_SECRET).run().fails(3, "credential_missing");
}
