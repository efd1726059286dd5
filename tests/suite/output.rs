//! Where output goes that nobody takes: closed descriptors, full disks, readers that went away.

use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::setup::{credential_and_token, get_json};

/// Runs a command through a shell that arranges its descriptors.
fn arranged(environment: &TestEnvironment, arrangement: &str, arguments: &[&str]) -> Outcome {
    let script = format!("exec \"$@\" {arrangement}");
    environment.tokenkeep(arguments).under(["sh", "-c", &script, "sh"]).prints_token().run()
}

fn environment() -> (Issuer, TestEnvironment) {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    (issuer, environment)
}

/// Every command that writes data, whatever it is about.
const WRITERS: [&[&str]; 12] = [
    &["token", "get"],
    &["token", "get", "--refresh"],
    &["token", "get", "--format", "json"],
    &["token", "get", "--format", "header"],
    &["token", "get", "--format", "env"],
    &["token", "validate"],
    &["token", "list"],
    &["credentials", "list"],
    &["credentials", "show"],
    &["completions", "bash"],
    &["--help"],
    &["--version"],
];

#[test]
fn a_full_disk_is_a_failed_write() {
    let (_issuer, environment) = environment();
    for arguments in WRITERS {
        let outcome = arranged(&environment, ">/dev/full", arguments).fails(9, "write_failed");
        assert!(outcome.stderr.contains("No space left on device"), "{arguments:?}: {outcome:?}");
        let json = [&["--json"], arguments].concat();
        // Help is help, whatever else is typed.
        arranged(&environment, ">/dev/full", &json).exits(9).says(r#""code":"write_failed""#);
    }
}

#[test]
fn a_reader_that_went_away_ends_it_quietly() {
    let (_issuer, environment) = environment();
    // The reading end is gone for certain: its process was waited for.
    let closed = r#"
import os, sys
reading, writing = os.pipe()
os.close(reading)
os.dup2(writing, 1)
os.execv(sys.argv[1], sys.argv[1:])
"#;
    for arguments in WRITERS {
        let run = environment.tokenkeep(arguments).under(["python3", "-c", closed]).prints_token();
        let outcome = run.run().success();
        assert_eq!(outcome.stderr, "", "{arguments:?}");
    }
}

#[test]
fn a_stdout_that_is_closed_or_open_for_reading_only_is_a_failed_write() {
    let (issuer, environment) = environment();
    for arguments in WRITERS {
        // Nothing that is opened later may take its number: a token must not be written into one of our files.
        for arrangement in [">&-", "<&- >&-", "1</dev/null"] {
            let outcome = arranged(&environment, arrangement, arguments)
                .fails(9, "write_failed")
                .says("the output cannot be written: it is not open for writing; nothing was lost")
                .says("run it again with the standard output open");
            assert!(outcome.stdout.is_empty());
        }
    }
    let before = issuer.count("/token");
    // The token is not lost, and what prints nothing succeeds.
    arranged(&environment, ">&-", &["token", "get", "-p", "none"]).exits(3);
    arranged(&environment, ">&-", &["token", "forget"]).success();
    arranged(&environment, "", &["token", "get"]).success().token();
    assert_eq!(issuer.count("/token"), before + 1);
    environment.assert_clean();
}

#[test]
fn output_that_the_caller_throws_away_is_written() {
    let (_issuer, environment) = environment();
    // As Python's DEVNULL and as std open it for a program whose output is closed.
    for arrangement in [">/dev/null", "1<>/dev/null"] {
        for arguments in WRITERS {
            arranged(&environment, arrangement, arguments).success();
        }
    }
}

#[test]
fn an_output_that_does_not_block_is_waited_for() {
    let (_issuer, environment) = environment();
    // A pipe that is full at the start, whose reader takes it slowly.
    let full = r#"
import fcntl, os, sys, threading
reading, writing = os.pipe()
os.set_blocking(writing, False)
filled = 0
try:
    while True:
        filled += os.write(writing, b"x" * 4096)
except BlockingIOError:
    pass
process = os.fork()
if process == 0:
    os.dup2(writing, 1)
    os.execv(sys.argv[1], sys.argv[1:])
os.close(writing)
while filled:
    filled -= len(os.read(reading, min(filled, 4096)))
with os.fdopen(reading, "rb") as rest:
    sys.stdout.buffer.write(rest.read())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"#;
    for arguments in [&["token", "get"][..], &["completions", "bash"]] {
        let run = environment.tokenkeep(arguments).under(["python3", "-c", full]).prints_token();
        let outcome = run.run().success();
        let whole = environment.tokenkeep(arguments).prints_token().run().success();
        assert_eq!(outcome.stdout_str(), whole.stdout_str(), "{arguments:?}");
    }
}

#[test]
fn a_stderr_that_is_closed_or_full_keeps_nobody_from_a_token() {
    let (issuer, environment) = environment();
    // A warning on its way: the lifetime is assumed.
    issuer.set(serde_json::json!({ "expires_in": null }));
    for arrangement in ["2>&-", "2>/dev/full"] {
        let outcome = arranged(&environment, arrangement, &["token", "get", "--refresh", "-vvv"]).success();
        outcome.token();
        arranged(&environment, arrangement, &["-p", "none", "token", "get"]).exits(3);
        arranged(&environment, arrangement, &["--nonsense"]).exits(2);
    }
    environment.assert_clean();
}

#[test]
fn a_stdin_that_is_closed_is_empty_and_is_waited_for_by_nobody() {
    let (issuer, environment) = environment();
    for arrangement in ["<&-", "</dev/null"] {
        arranged(&environment, arrangement, &["token", "get"]).success().token();
        let token_url = issuer.token_url();
        let set = ["credentials", "set", "-p", "other", "--client-id", "test", "--token-url", &token_url];
        for options in [&["--secret-stdin"][..], &[]] {
            let outcome = arranged(&environment, arrangement, &[&set, options].concat()).fails(2, "usage");
            assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
        }
        arranged(&environment, arrangement, &["token", "validate", "--token-stdin"]).fails(2, "usage");
        arranged(&environment, arrangement, &["credentials", "remove", "-p", "default"]).fails(2, "usage");
    }
    get_json(&environment).run().success();
}

#[test]
fn no_prompt_waits_for_a_stdin_that_stays_open_without_a_terminal() {
    let (issuer, environment) = environment();
    let token_url = issuer.token_url();
    for arguments in [
        &["credentials", "set", "-p", "other", "--client-id", "test", "--token-url", &token_url][..],
        &["credentials", "set", "--token-url", "https://issuer.invalid/token"],
        &["credentials", "remove", "-p", "default"],
    ] {
        // Nothing is ever written to it: whoever read from it would hang, and be ended with 124.
        let mut running = environment.tokenkeep(arguments).under(["timeout", "60"]).stdin_open().spawn();
        while !running.has_ended() {
            std::thread::yield_now();
        }
        let outcome = running.wait().fails(2, "usage");
        assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
    }
}

#[test]
fn data_is_on_stdout_and_talk_is_on_stderr() {
    let (_issuer, environment) = environment();
    for arguments in WRITERS {
        let outcome = environment.tokenkeep(arguments).prints_token().run().success();
        assert!(!outcome.stdout.is_empty(), "{arguments:?}");
        assert_eq!(outcome.stderr, "", "{arguments:?}");
    }
    let issuer = Issuer::start();
    let token_url = issuer.token_url();
    let set = ["credentials", "set", "-p", "b", "--client-id", "test", "--token-url", &token_url, "--secret-stdin"];
    let changes: [(&[&str], &str); 5] = [
        (&["init", "--backend", "file"], "secrets are kept in sealed files with the key file "),
        (&set, "the credential of b is set, in sealed files with the key file "),
        (&set, "the credential of b is as it was; its tokens stay\n"),
        (&["token", "forget"], "forgot 1 cached token(s) of default\n"),
        (&["credentials", "remove", "-p", "b", "--yes"], "removed b with its secret and tokens from "),
    ];
    for (arguments, said) in changes {
        let outcome = environment.tokenkeep(arguments).stdin("CANARY-SECRET-of-b").run().success();
        assert!(outcome.stdout.is_empty(), "{arguments:?}");
        assert!(outcome.stderr.starts_with(said) && outcome.stderr.lines().count() == 1, "{arguments:?}: {outcome:?}");
    }
}
