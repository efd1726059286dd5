//! kubectl reports a refusal by no more than another call before the token ends.

use std::path::PathBuf;

use serde_json::Value;

use super::shifting;
use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::setup::credential;

const EXEC_INFO: &str =
    r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}"#;

/// A process that stays, and calls at each of these times: seconds from now.
const CLIENT: &str = r#"program=$0; library=$1; times=$2; shift 2
for time in $times; do
    env LD_PRELOAD="$library" FAKETIME="+${time}s" FAKETIME_DONT_FAKE_MONOTONIC=1 "$program" "$@" || exit
done
exit 0"#;

fn called(environment: &TestEnvironment, library: &str, times: &str, format: &str, info: Option<&str>) -> Outcome {
    let get = environment.tokenkeep([library, times, "token", "get", "--format", format]).prints_token();
    let get = get.under(["sh", "-c", CLIENT]);
    match info {
        Some(info) => get.env("KUBERNETES_EXEC_INFO", info),
        None => get,
    }
    .run()
    .success()
}

/// The tokens of the credentials that were printed, one a line.
fn tokens(outcome: &Outcome) -> Vec<String> {
    let token = |line: &str| {
        let credential: Value = serde_json::from_str(line).expect("an ExecCredential");
        credential["status"]["token"].as_str().expect("a token").to_owned()
    };
    outcome.stdout_str().lines().map(token).collect()
}

/// Which of the tokens that were seen so far each one is: `aab` for two of the same and another one.
fn pattern(tokens: &[String]) -> String {
    let mut seen: Vec<&String> = Vec::new();
    let mut letter = |token| {
        let at = seen.iter().position(|before| *before == token).unwrap_or_else(|| {
            seen.push(token);
            seen.len() - 1
        });
        char::from(b'a' + u8::try_from(at).expect("few"))
    };
    tokens.iter().map(&mut letter).collect()
}

fn memory(environment: &TestEnvironment) -> PathBuf {
    environment.data_dir().join("callers")
}

#[test]
fn a_process_that_asks_again_before_the_end_gets_another_token_once_a_minute() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    // At 20 the first one is refused; at 40 it is too early for another, and at 90 it is not.
    let outcome = called(&environment, &library, "0 5 20 22 40 90 92", "kubernetes", Some(EXEC_INFO));
    assert_eq!(pattern(&tokens(&outcome)), "aabbbcc", "{outcome:?}");
    assert_eq!(outcome.stderr.matches("rejections_limited").count(), 1, "{outcome:?}");
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn a_server_that_refuses_every_token_costs_one_request_a_minute() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let times: Vec<String> = (0..16).map(|call| (call * 12).to_string()).collect();
    let outcome = called(&environment, &library, &times.join(" "), "kubernetes", Some(EXEC_INFO));
    // At 0, 12, 72 and 132 s.
    assert_eq!(pattern(&tokens(&outcome)), "abbbbbcccccddddd", "{outcome:?}");
    assert_eq!(issuer.count("/token"), 4);
}

#[test]
fn another_process_asks_for_itself() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let mut all = Vec::new();
    for times in ["0", "20", "40 42"] {
        let outcome = called(&environment, &library, times, "kubernetes", Some(EXEC_INFO));
        assert_eq!(outcome.stderr, "");
        all.extend(tokens(&outcome));
    }
    assert_eq!(pattern(&all), "aaaa");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_person_that_asks_leaves_no_trace() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let outcome = called(&environment, &library, "0 20 90", "kubernetes", None);
    assert_eq!(pattern(&tokens(&outcome)), "aaa");
    assert!(!memory(&environment).exists());
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn headers_and_other_formats_never_reject() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    for format in ["headers", "bearer", "header", "headers-list", "token", "curl"] {
        let outcome = called(&environment, &library, "0 20 40", format, Some(EXEC_INFO));
        assert!(!outcome.stderr.contains("rejections_limited"), "{outcome:?}");
        if format != "headers-list" {
            let lines: Vec<_> = outcome.stdout_str().lines().collect();
            assert!(lines.len() == 3 && lines.iter().all(|line| *line == lines[0]), "{format}: {outcome:?}");
        }
    }
    assert!(!memory(&environment).exists());
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn the_memory_is_for_its_owner_holds_no_token_and_is_not_needed() {
    use std::os::unix::fs::PermissionsExt;

    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    // That it holds no token is found out by the scan at the end.
    let outcome = called(&environment, &library, "0 1", "kubernetes", Some(EXEC_INFO));
    let first = tokens(&outcome);
    let file = memory(&environment);
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&file).expect("it is ours");
    std::fs::create_dir(&file).expect("something else in its place");
    let outcome = called(&environment, &library, "2 20 40", "kubernetes", Some(EXEC_INFO));
    assert_eq!(outcome.stderr, "");
    assert!(tokens(&outcome).iter().all(|token| *token == first[0]));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_least_life_that_was_typed_changes_nothing_and_offline_nothing_is_rejected() {
    let Some(library) = shifting() else { return };
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let call = |times: &str, options: &[&str]| {
        let get = environment.tokenkeep([library.as_str(), times, "token", "get", "--format", "kubernetes"]);
        let get = get.args(options).prints_token().under(["sh", "-c", CLIENT]);
        tokens(&get.env("KUBERNETES_EXEC_INFO", EXEC_INFO).run().success())
    };
    assert_eq!(pattern(&call("0 20", &["--min-ttl", "30s"])), "ab");
    assert_eq!(pattern(&call("90 110 130", &["--offline"])), "aaa");
    assert_eq!(issuer.count("/token"), 2);
}
