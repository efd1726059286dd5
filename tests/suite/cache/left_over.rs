//! What rotations, refusals and requests leave behind: nothing that nothing needs.

use crate::common::issuer::Behaviour;
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment, skipped};
use crate::setup::{get, init};

const CLIENTS: [&str; 4] = ["--client", "one:CANARY-SECRET-one", "--client", "two:CANARY-SECRET-two"];

/// Two clients of one issuer, of which the credential is set in turn.
struct Rotated {
    issuer: Issuer,
    environment: TestEnvironment,
}

impl Rotated {
    fn new() -> Rotated {
        let rotated = Rotated { issuer: Issuer::start_with(CLIENTS), environment: TestEnvironment::new() };
        init(&rotated.environment);
        rotated.set("one");
        rotated
    }

    fn set(&self, client: &str) {
        let set = self.environment.tokenkeep(["credentials", "set", "--secret-stdin", "--client-id", client]);
        let set = set.args(["--token-url", &self.issuer.token_url()]).stdin(format!("CANARY-SECRET-{client}"));
        set.run().success().does_not_say("left behind");
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.environment.data_dir().join(folder));
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("a readable folder").file_name().to_string_lossy().into_owned()
        };
        entries.map_or(Vec::new(), |entries| entries.map(name).collect())
    }

    fn request(&self, options: &[&str]) -> Outcome {
        get(&self.environment).args(options).run()
    }
}

#[test]
fn twenty_rotations_during_fetches_leave_one_token_and_one_lock() {
    let rotated = Rotated::new();
    for n in 0..20 {
        rotated.issuer.behave_times("/token", 1, Behaviour::Hold);
        let late = get(&rotated.environment).spawn();
        rotated.issuer.wait_for_requests("/token", n + 1);
        rotated.set(["two", "one"][n % 2]);
        rotated.issuer.release();
        late.wait().success().token();
        assert_eq!(rotated.files("tokens"), [""; 0], "rotation {n}");
    }
    rotated.request(&[]).success().token();
    assert_eq!((rotated.files("tokens").len(), rotated.files("locks").len()), (1, 1));
}

#[test]
fn rotations_with_an_issuer_that_gives_no_token_leave_no_locks() {
    let rotated = Rotated::new();
    rotated.issuer.answer("/token", 400, &serde_json::json!({ "error": "invalid_request" }));
    for n in 0..20 {
        assert!(rotated.request(&[]).code != 0);
        assert!(rotated.request(&["--scope", "other"]).code != 0);
        rotated.set(["two", "one"][n % 2]);
        assert_eq!((rotated.files("locks"), rotated.files("tokens")), (vec![], vec![]), "rotation {n}");
    }
}

/// Tokens of several requests, a refusal, and what kills leave.
fn littered(rotated: &Rotated) {
    rotated.request(&[]).success().token();
    rotated.request(&["--scope", "a"]).success().token();
    rotated.request(&["--param", "n=1"]).success().token();
    rotated.issuer.answer("/token", 401, &serde_json::json!({ "error": "invalid_client" }));
    assert!(rotated.request(&["--scope", "refused"]).code != 0);
    let record = rotated.files("tokens").into_iter().find(|name| name.len() == 64).expect("a token");
    rotated.environment.write_secret(format!("data/tokens/{record}.tmp"), "torn");
    rotated.environment.write_secret(format!("data/tokens/{}.refused.tmp", "0".repeat(64)), "torn");
    rotated.environment.write_secret(format!("data/locks/{}.alone", "0".repeat(64)), "");
    // Three tokens, a refusal of the request and one of the client, two that are torn.
    assert!(rotated.files("tokens").len() == 7 && rotated.files("locks").len() == 5);
}

#[test]
fn removing_a_profile_leaves_nothing_of_it() {
    let rotated = Rotated::new();
    littered(&rotated);
    rotated.environment.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]).run().success();
    for folder in ["tokens", "locks", "secrets"] {
        assert_eq!(rotated.files(folder), [""; 0], "{folder}");
    }
}

#[test]
fn forgetting_a_profiles_tokens_leaves_nothing_of_them() {
    for options in [&[][..], &["--all"]] {
        let rotated = Rotated::new();
        littered(&rotated);
        rotated.environment.tokenkeep(["token", "forget"]).args(options).run().success().says("forgot 3 ");
        assert_eq!((rotated.files("tokens"), rotated.files("locks")), (vec![], vec![]));
    }
}

#[test]
fn a_process_that_has_the_turn_keeps_it_while_others_are_swept() {
    let rotated = Rotated::new();
    rotated.issuer.behave_times("/token", 1, Behaviour::Hold);
    let fetching = get(&rotated.environment).spawn();
    rotated.issuer.wait_for_requests("/token", 1);
    rotated.environment.tokenkeep(["token", "forget"]).run().success();
    assert_eq!(rotated.files("locks").len(), 1);
    let waiting = get(&rotated.environment).spawn();
    crate::herd::turn::wait_for_waiters(&rotated.environment, 1);
    rotated.issuer.release();
    let token = fetching.wait().success();
    assert!(waiting.wait().success().token() == token.token());
    assert_eq!(rotated.issuer.count("/token"), 1);
}

/// Runs it two days later by both clocks; `None` where the boot clock cannot be shifted.
fn two_days_later(invocation: Invocation) -> Option<Invocation> {
    let shift = ["unshare", "-T", "--boottime", "172800", "--fork"];
    let works = std::process::Command::new(shift[0]).args(&shift[1..]).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("no time namespace can be made here");
        return None;
    }
    let invocation = invocation.under(shift).under(["faketime", "-f", "+2d"]);
    Some(invocation.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
}

#[test]
fn tokens_that_were_over_for_a_day_are_collected() {
    for by in [&["doctor", "--fix"][..], &["token", "get"]] {
        let rotated = Rotated::new();
        for n in 0..20 {
            rotated.request(&["--param", &format!("n={n}")]).success().token();
        }
        assert_eq!((rotated.files("tokens").len(), rotated.files("locks").len()), (20, 20));
        // A holder of the turn sweeps now and then: of a thousand, one does for sure.
        let times = if by[0] == "doctor" { 1 } else { 1_000 };
        for _ in 0..times {
            let run = rotated.environment.tokenkeep(by).prints_token();
            let run = if by[0] == "token" { run.arg("--refresh") } else { run };
            let Some(run) = two_days_later(run) else { return };
            run.run().success();
            if rotated.files("tokens").len() <= 1 {
                break;
            }
        }
        assert!(rotated.files("tokens").len() <= 1, "{by:?}");
    }
}
