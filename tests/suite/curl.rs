//! `curl`: the real curl with a token that no other process sees, and that goes to no other host.

use crate::common::{Issuer, TestEnvironment, skipped};
use crate::setup::{credential, set_credential};

fn has_curl() -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("curl").exists()));
    if !found {
        skipped("curl is not on this machine");
    }
    found
}

#[test]
fn curl_sends_the_token_and_its_exit_code_is_passed_on() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    if !has_curl() {
        return;
    }
    for _ in 0..2 {
        let curl =
            environment.tokenkeep(["curl", "--", "-sS", "-w", "%{http_code}", "-o", "/dev/null"]).arg(issuer.api_url());
        assert_eq!(curl.run().success().stdout_str(), "200");
    }
    assert_eq!((issuer.count("/token"), issuer.count("/api")), (1, 2));
    // 22: the server answered with an error.
    let missing = environment.tokenkeep(["curl", "--", "-sf"]).arg(issuer.url("/nothing")).run();
    missing.exits(22);
}

#[test]
fn the_token_stands_in_no_argument_and_stdin_is_the_callers() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let folder = environment.path("files/bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    let script = "#!/bin/sh\nprintf '<%s>' \"$@\"; cat\n";
    environment.write("files/bin/script", script);
    let made = std::process::Command::new("install")
        .args(["-m", "755"])
        .arg(folder.join("script"))
        .arg(folder.join("curl"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let curl =
        environment.tokenkeep(["curl", "--", "-d", "@-", "https://api.example.com/"]).env("PATH", path).stdin("body");
    let shown = curl.run().success();
    let shown = shown.stdout_str();
    assert!(
        shown.starts_with("<-K></dev/fd/") && shown.ends_with("><-d><@-><https://api.example.com/>body"),
        "{shown}"
    );
}

#[test]
fn with_hosts_a_token_goes_to_one_of_them_only() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--host", "api.example.com/v1"]);
    let refused = |arguments: &[&str], exit: i32, code: &str| {
        let outcome = environment.tokenkeep(["--json", "curl", "--"]).args(arguments).run().fails(exit, code);
        outcome.says("no token was handed out").does_not_say("CANARY");
    };
    refused(&["https://evil.example.com/v1"], 3, "profile_not_found");
    refused(&["https://api.example.com/v10"], 3, "profile_not_found");
    refused(&["http://api.example.com/v1"], 2, "usage");
    refused(&["https://api.example.com/v1", "https://api.example.com/v1"], 2, "usage");
    refused(&["-x", "proxy:CANARY-SECRET-x", "https://api.example.com/v1"], 2, "usage");
    refused(&["--proxy=CANARY-SECRET-x", "https://api.example.com/v1"], 2, "usage");
    assert_eq!(issuer.count("/token"), 0, "refused before anything is requested");
}

#[test]
fn without_curl_or_a_profile_nothing_is_started() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let missing =
        environment.tokenkeep(["--json", "curl", "--", "https://api.example.com/"]).env("PATH", "/nonexistent");
    missing.run().fails(2, "usage").says("curl cannot be started");
    let typed = environment.tokenkeep(["--json", "curl", "https://api.example.com/"]).run().fails(2, "usage");
    assert_eq!(typed.error()["hint"], "did you mean tokenkeep curl -- ARGS?");
    let other = TestEnvironment::new();
    other.tokenkeep(["--json", "curl", "--", "https://api.example.com/"]).run().fails(3, "profile_not_found");
    let dpop = TestEnvironment::new();
    dpop.tokenkeep(["init", "--backend", "file"]).run().success();
    set_credential(&dpop, &issuer.token_url(), &["--dpop"]).run().success();
    dpop.tokenkeep(["--json", "curl", "--", "https://api.example.com/"]).run().fails(10, "downgrade_refused");
}
