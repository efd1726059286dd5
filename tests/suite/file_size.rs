//! A limit on the size of files (`ulimit -f`, `LimitFSIZE=`) is a disk that is full, and not the end of the program.
#![cfg(target_os = "linux")]

use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::setup::{assert_mended, credential, credential_and_token, get};

/// Runs `token get` where no file may grow beyond so many KiB. What it prints goes through pipes, which may.
fn limited(environment: &TestEnvironment, kib: &str, options: &[&str]) -> Outcome {
    let script = r#"set -o pipefail; { (ulimit -f "$0"; exec "$@") 2>&1 1>&3 3>&- | cat >&2; } 3>&1 | cat"#;
    get(environment).args(options).under(["bash", "-c", script, kib]).run()
}

#[test]
fn a_token_that_no_file_may_hold_is_printed_with_a_warning() {
    let issuer = Issuer::start();
    for kib in ["0", "1", "4", "8", "24", "64"] {
        let environment = credential(&issuer, &[]);
        let before = issuer.count("/token");
        let first = limited(&environment, kib, &[]).success();
        first.token();
        if kib == "0" {
            first.says("warning: cache_write_failed");
        }
        assert_eq!(issuer.count("/token"), before + 1, "{kib} KiB");
        // Where the record has no room the next one asks again, and gets its token as well.
        limited(&environment, kib, &["--refresh"]).success().token();
        assert_mended(&environment, &issuer);
    }
}

#[test]
fn a_cached_token_is_printed_under_any_limit() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    for kib in ["0", "1", "4"] {
        assert_eq!(limited(&environment, kib, &[]).success().stderr, "");
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_token_that_goes_to_a_file_without_room_is_a_failure() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    // Stdout is a file here, and stderr is none.
    let script = r#"(ulimit -f 0; exec "$@") 2>&1 1>"$0" | cat >&2; exit "${PIPESTATUS[0]}""#;
    let file = environment.path("files/out");
    let script = ["bash".as_ref(), "-c".as_ref(), script.as_ref(), file.as_os_str()];
    get(&environment).under(script).run().exits(9).says("the output cannot be written");
}
