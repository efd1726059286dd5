//! Many processes at once: one asks the issuer, the others get what it got, and nobody waits for the dead.
#![cfg(target_os = "linux")]

mod lifetimes;
mod refusals;
pub(crate) mod turn;

use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::common::issuer::{Behaviour, CLIENT_SECRET};
use crate::common::{Issuer, Outcome, Running, TestEnvironment};
use crate::main_job::{environment_for, set};

/// One herd at a time: each has some hundred processes and twice as many open files.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static HERD: Mutex<()> = Mutex::new(());
    // A herd that failed has nothing to do with the next.
    HERD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(environment: &TestEnvironment, count: usize, options: &[&str]) -> Vec<Running> {
    let one = |_| environment.tokenkeep(["token", "get"]).args(options).prints_token().spawn();
    (0..count).map(one).collect()
}

fn ends(herd: Vec<Running>) -> Vec<Outcome> {
    herd.into_iter().map(Running::wait).collect()
}

fn assert_one_token(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
        assert!(outcome.token() == outcomes[0].token(), "all have the same token");
    }
}

/// Takes the one with this process id out of a herd.
fn take_out(herd: &mut Vec<Running>, pid: Pid) -> Running {
    let index = herd.iter().position(|one| one.pid() == pid).expect("it is one of the herd");
    herd.swap_remove(index)
}

#[test]
fn two_hundred_processes_on_a_cold_cache_cause_one_request() {
    let _alone = alone();
    let issuer = Issuer::start_with(["--latency-ms", "500"]);
    let environment = environment_for(&issuer);
    assert_one_token(&ends(spawn(&environment, 200, &[])));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn when_the_fetching_process_is_killed_another_one_goes_on_at_once() {
    let _alone = alone();
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let mut herd = spawn(&environment, 200, &[]);
    issuer.wait_for_requests("/token", 1);
    turn::wait_for_waiters(&environment, 199);
    let fetching = take_out(&mut herd, turn::holder(&environment));
    fetching.kill();
    fetching.wait().exits(128 + 9);
    // Nobody waited for a time-out: that would be a warning.
    assert_one_token(&ends(herd));
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_hundred_processes_with_a_wrong_secret_try_it_once() {
    let _alone = alone();
    let issuer = Issuer::start_with(["--latency-ms", "200"]);
    let environment = environment_for(&issuer);
    set(&environment, &issuer, "CANARY-SECRET-that-is-wrong").success();
    let refused = |count| {
        let herd = ends(spawn(&environment, count, &["--json"]));
        let errors = herd.into_iter().map(|outcome| outcome.fails(4, "invalid_client").error());
        errors.filter(|error| error["remembered"] == true).count()
    };
    assert_eq!(refused(100), 99, "all but one are told what the first was told");
    assert_eq!(issuer.count("/token"), 1);
    assert_eq!(refused(10), 10, "the next run is, too");
    assert_eq!(issuer.count("/token"), 1);

    set(&environment, &issuer, CLIENT_SECRET).success();
    assert_one_token(&ends(spawn(&environment, 10, &[])));
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn an_issuer_that_is_busy_is_left_alone_for_as_long_as_it_asked() {
    let _alone = alone();
    for (status, code, error) in [(429, 11, "rate_limited"), (503, 6, "server_error")] {
        let issuer = Issuer::start();
        let environment = environment_for(&issuer);
        let headers = vec![("Retry-After".to_owned(), "300".to_owned())];
        let busy = Behaviour::Answer { status, headers, body: "<html>busy</html>".into() };
        issuer.behave_times("/token", 1, busy);
        for outcome in ends(spawn(&environment, 30, &["--json"])) {
            let told = outcome.fails(code, error).error();
            assert!(told["retry_after_s"].as_u64().is_some_and(|seconds| (240..=300).contains(&seconds)), "{told}");
            assert_eq!(told["http_status"], status);
            assert_eq!(told["retryable"], true);
        }
        assert_eq!(issuer.count("/token"), 1);
        let later = environment.tokenkeep(["token", "get"]).prints_token().under(["faketime", "-f", "+301s"]);
        later.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").run().success();
        assert_eq!(issuer.count("/token"), 2, "afterwards it is asked again");
    }
}

#[test]
fn a_busy_issuer_does_not_take_a_token_away_that_is_still_valid() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let kept = ends(spawn(&environment, 1, &[]));
    issuer.answer("/token", 429, &json!({}));
    environment.tokenkeep(["--json", "token", "get", "--refresh"]).run().fails(11, "rate_limited");
    assert_one_token(&[kept, ends(spawn(&environment, 1, &[]))].into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn ten_who_want_a_fresh_token_at_once_share_one_request() {
    let _alone = alone();
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let old = ends(spawn(&environment, 1, &[]));
    let turn = turn::take(&environment);
    let herd = spawn(&environment, 10, &["--refresh"]);
    turn::wait_for_waiters(&environment, 10);
    drop(turn);
    let fresh = ends(herd);
    assert_one_token(&fresh);
    assert!(fresh[0].token() != old[0].token());
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn twenty_who_want_a_longer_life_than_there_is_share_one_request() {
    let _alone = alone();
    let issuer = Issuer::start_with(["--expires-in", "60"]);
    let environment = environment_for(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let herd = spawn(&environment, 20, &["--min-ttl", "5m"]);
    issuer.wait_for_requests("/token", 1);
    turn::wait_for_waiters(&environment, 19);
    issuer.release();
    let herd = ends(herd);
    assert!(herd.iter().all(|one| one.code == 0 && one.token() == herd[0].token()), "{herd:?}");
    // The one that asked says that the next one will have to ask again.
    assert_eq!(herd.iter().filter(|one| one.stderr.contains("min_ttl_above_lifetime")).count(), 1);
    assert!(herd.iter().all(|one| one.stderr.lines().count() <= 1), "{herd:?}");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_process_that_was_stopped_is_passed_by_after_the_bound_and_costs_one_request() {
    let _alone = alone();
    let issuer = Issuer::start_with(["--latency-ms", "500"]);
    let environment = environment_for(&issuer);
    // The bound is the deadline of a request and five seconds.
    let path = environment.config_dir().join("config.toml");
    let config = std::fs::read_to_string(&path).expect("the default profile is in it");
    std::fs::write(&path, format!("{config}\n[http]\ntimeout = \"1s\"\n")).expect("it may be edited");
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let stopped = spawn(&environment, 1, &[]).remove(0);
    issuer.wait_for_requests("/token", 1);
    stopped.signal(Signal::STOP);
    let herd = ends(spawn(&environment, 50, &[]));
    let warned = herd.iter().filter(|outcome| outcome.stderr.contains("lock_timeout")).count();
    assert!(herd.iter().all(|outcome| outcome.code == 0 && outcome.token() == herd[0].token()), "{herd:?}");
    assert_eq!((issuer.count("/token"), warned), (2, 1), "one of those who passed it by asked for all");
    // What the others kept is there for all, the stopped one notwithstanding.
    environment.tokenkeep(["token", "get", "--offline"]).prints_token().run().success();
}

#[test]
fn a_process_that_goes_on_after_it_was_passed_by_does_no_harm() {
    let _alone = alone();
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let slow = spawn(&environment, 1, &[]).remove(0);
    issuer.wait_for_requests("/token", 1);
    // As if the bound had passed: the others have a lock of their own.
    std::fs::remove_file(turn::lock_file(&environment)).expect("it is there");
    let others = ends(spawn(&environment, 5, &[]));
    assert_one_token(&others);
    issuer.release();
    let late = slow.wait().success();
    assert!(late.token() != others[0].token(), "it hands out what it was given");
    // It asked before the others did: theirs is the later token, and stays.
    let kept = environment.tokenkeep(["token", "get", "--offline"]).prints_token().run().success();
    assert!(kept.token() == others[0].token());
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn those_who_wait_at_a_lock_file_that_is_deleted_or_replaced_all_get_a_token() {
    let _alone = alone();
    for replaced in [false, true] {
        let issuer = Issuer::start();
        let environment = environment_for(&issuer);
        issuer.behave_times("/token", 1, Behaviour::Hold);
        let herd = spawn(&environment, 20, &[]);
        issuer.wait_for_requests("/token", 1);
        turn::wait_for_waiters(&environment, 19);
        let path = turn::lock_file(&environment);
        let before = path.metadata().expect("it is there").ino();
        if replaced {
            let other = environment.write_secret("data/locks/other", "");
            std::fs::rename(other, &path).expect("both are ours");
            assert!(path.metadata().expect("it is there").ino() != before);
        } else {
            std::fs::remove_file(&path).expect("it is there");
        }
        // Newcomers meet at the new file, and those who wait find what the first of them fetched.
        let newcomers = ends(spawn(&environment, 5, &[]));
        assert_one_token(&newcomers);
        issuer.release();
        for outcome in ends(herd) {
            assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
        }
        assert_eq!(issuer.count("/token"), 2);
    }
}

#[test]
fn a_waiter_that_is_killed_is_not_missed() {
    let _alone = alone();
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let mut herd = spawn(&environment, 20, &[]);
    issuer.wait_for_requests("/token", 1);
    turn::wait_for_waiters(&environment, 19);
    let holder = take_out(&mut herd, turn::holder(&environment));
    for waiter in herd.drain(..5) {
        kill_process(waiter.pid(), Signal::KILL).expect("it waits");
        waiter.wait().exits(128 + 9);
    }
    issuer.release();
    herd.push(holder);
    assert_one_token(&ends(herd));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn nobody_reads_what_a_process_with_the_old_secret_fetches_late() {
    let issuer = Issuer::start_with(["--client", "old:CANARY-SECRET-old", "--client", "new:CANARY-SECRET-new"]);
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let set = |client: &str| {
        let set = environment.tokenkeep(["credentials", "set", "--secret-stdin", "--client-id", client]);
        let set = set.args(["--token-url", &issuer.token_url()]);
        set.stdin(format!("CANARY-SECRET-{client}")).run().success();
    };
    issuer.set(json!({ "token_carries_identity": true }));
    set("old");
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let late = spawn(&environment, 1, &[]).remove(0);
    issuer.wait_for_requests("/token", 1);
    set("new");
    issuer.release();
    let late = late.wait().success();
    let new = ends(spawn(&environment, 2, &[]));
    assert_one_token(&new);
    assert!(new[0].token() != late.token(), "the token of the new client");
    assert_eq!(issuer.count("/token"), 2);
}
