//! The wall clock of the binary, set by faketime; the boot clock stays what it is, as when a person sets the time.

use serde_json::json;

use super::{environment_for, token};
use crate::common::{Invocation, Issuer, TestEnvironment, skipped, tokenkeep};

const BEGIN: &str = "2027-03-04 12:00:00";

fn get_at(environment: &TestEnvironment, time: &str, options: &[&str]) -> Invocation {
    at(time, environment.tokenkeep(["token", "get"]).args(options).prints_token())
}

/// Runs it with the wall clock standing at a time (`2027-03-04 12:00:00`), or shifted (`+4s`).
fn at(time: &str, invocation: Invocation) -> Invocation {
    invocation.under(["faketime", "-f", time]).env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC")
}

#[test]
fn a_three_second_token_is_fetched_once_for_the_next_hundred_calls_and_again_after_it_has_expired() {
    // The three seconds pass while the hundred run. A machine that is too busy for that gets other chances.
    for _ in 0..20 {
        let issuer = Issuer::start_with(["--expires-in", "3"]);
        let environment = environment_for(&issuer);
        let began = uptime();
        let first = token(&environment, &[]);
        let script = r#"for _ in $(seq 100); do "$0" token get || exit; done"#;
        let hundred = environment.program("sh", ["-c", script]).arg(tokenkeep());
        let hundred = hundred.prints_token().run().success();
        let count = issuer.count("/token");
        if uptime() - began >= 3.0 {
            continue;
        }
        assert!(hundred.stdout_str().lines().all(|line| line == first), "one token");
        assert_eq!((hundred.stdout_str().lines().count(), count), (100, 1));

        let after = get_at(&environment, "+4s", &[]).run().success();
        assert!(after.token() != first);
        assert_eq!(issuer.count("/token"), 2);
        return;
    }
    panic!("this machine never ran a hundred calls within three seconds");
}

fn uptime() -> f64 {
    let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux has it");
    uptime.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("a number of seconds")
}

#[test]
fn an_hour_means_an_hour() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let first = get_at(&environment, BEGIN, &[]).run().success();
    let before = get_at(&environment, "2027-03-04 12:59:59", &[]).run().success();
    assert!(before.token() == first.token(), "one second before the hour it is cached");
    assert_eq!(issuer.count("/token"), 1);
    let at_the_hour = get_at(&environment, "2027-03-04 13:00:00", &[]).run().success();
    assert!(at_the_hour.token() != first.token(), "at the hour it is fetched");
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_token_that_is_valid_for_exactly_min_ttl_is_fetched_anew() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    get_at(&environment, BEGIN, &[]).run().success();
    for (min_ttl, count) in [("0", 1), ("599s", 1), ("9m59s", 1), ("10m", 2)] {
        get_at(&environment, "2027-03-04 12:50:00", &["--min-ttl", min_ttl]).run().success();
        assert_eq!(issuer.count("/token"), count, "ten minutes are left, {min_ttl} are wanted");
    }
}

#[test]
fn a_profile_that_names_min_ttl_is_obeyed_and_the_flag_wins() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let path = environment.config_dir().join("profiles/default.toml");
    let profile = std::fs::read_to_string(&path).expect("a profile");
    std::fs::write(&path, format!("min_ttl = \"10m\"\n{profile}")).expect("it may be edited");
    get_at(&environment, BEGIN, &[]).run().success();
    get_at(&environment, "2027-03-04 12:49:59", &[]).run().success();
    get_at(&environment, "2027-03-04 12:50:00", &["--min-ttl", "0"]).run().success();
    assert_eq!(issuer.count("/token"), 1);
    get_at(&environment, "2027-03-04 12:50:00", &[]).run().success();
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_lifetime_shorter_than_min_ttl_is_returned_once_and_does_not_loop() {
    let issuer = Issuer::start_with(["--expires-in", "10"]);
    let environment = environment_for(&issuer);
    let first = token(&environment, &["--min-ttl", "1m"]);
    assert_eq!(issuer.count("/token"), 1);
    assert!(token(&environment, &["--min-ttl", "1m"]) != first, "the next call asks again");
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_wall_clock_that_went_back_costs_one_request_and_a_warning() {
    for time in ["-10y", "-1d", "-1s", "1970-01-01 00:00:00"] {
        let issuer = Issuer::start();
        let environment = environment_for(&issuer);
        // An hour ahead, so that one second back is back however slow the machine is.
        let first = get_at(&environment, if time == "-1s" { "+1h" } else { "+0s" }, &[]).run().success();
        let back = get_at(&environment, time, &[]).run().success().says("clock_jump");
        assert!(back.token() != first.token(), "{time}: fetched");
        let again = get_at(&environment, time, &[]).run().success().does_not_say("clock_jump");
        assert!(again.token() == back.token(), "{time}: kept");
        assert_eq!(issuer.count("/token"), 2, "{time}");
    }
}

#[test]
fn a_wall_clock_that_went_ahead_costs_one_request() {
    for time in ["+1d", "+10y", "2038-01-19 03:14:08", "2106-02-07 06:28:16"] {
        let issuer = Issuer::start();
        let environment = environment_for(&issuer);
        let first = token(&environment, &[]);
        let ahead = get_at(&environment, time, &[]).run().success().does_not_say("clock_jump");
        assert!(ahead.token() != first, "{time}: fetched");
        let again = get_at(&environment, time, &[]).run().success();
        assert!(again.token() == ahead.token(), "{time}: kept");
        // Put right, the clock stands before the time at which the token was asked for.
        let right = get_at(&environment, "+0s", &[]).run().success().says("clock_jump");
        assert!(right.token() != ahead.token(), "{time}: fetched");
        assert_eq!(issuer.count("/token"), 3, "{time}");
    }
}

#[test]
fn a_token_fetched_under_any_clock_is_handed_out_with_the_life_that_the_issuer_gave() {
    for time in ["1970-01-01 00:00:00", "2038-01-19 03:14:08", "2106-02-07 06:28:16", "+10y"] {
        let issuer = Issuer::start();
        let environment = environment_for(&issuer);
        let fetched = get_at(&environment, time, &["--json", "--refresh"]).run().success().json();
        let left = fetched["expires_in"].as_u64().expect("a number");
        assert!((3590..=3600).contains(&left) || time == "+10y", "{time}: {left} s");
        assert_eq!(fetched["source"], "issuer");
    }
}

#[test]
fn a_refusal_is_remembered_for_ten_seconds_whatever_the_clock_does() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    let refused = |time: &str, count: usize| {
        at(time, environment.tokenkeep(["--json", "token", "get"])).run().fails(4, "invalid_client");
        assert_eq!(issuer.count("/token"), count, "{time}");
    };
    refused(BEGIN, 1);
    refused("2027-03-04 12:00:09", 1);
    refused("2027-03-04 12:00:10", 2);
    // A clock that went back must not keep a refusal alive for years.
    refused("2026-03-04 12:00:00", 3);
}

#[test]
fn after_a_restart_with_a_clock_that_went_back_a_token_is_kept_again() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let boot_id = environment.write("files/boot_id", "6a1d2f60-25c2-4f1c-93b2-71d9218a4a05\n");
    let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
    let another_boot =
        |run: Invocation| run.under(["unshare", "-m", "sh", "-c", script, &boot_id.display().to_string()]);
    if another_boot(environment.program("true", [""; 0])).run().code != 0 {
        skipped("only root can show another boot id to a process");
        return;
    }
    let first = token(&environment, &[]);
    let get = || {
        let get = environment.tokenkeep(["token", "get"]).prints_token().under(["faketime", "-f", "-1d"]);
        another_boot(get.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")).run().success()
    };
    let back = get().says("clock_jump");
    assert!(back.token() != first);
    assert!(get().does_not_say("clock_jump").token() == back.token());
    assert_eq!(issuer.count("/token"), 2);
}
