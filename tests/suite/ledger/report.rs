//! What `stats` says, as text and as JSON.

use serde_json::{Value, json};

use super::{add_lines, counted, report, sql, stats};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, TestEnvironment};
use crate::machine::{Machine, paths_in};

/// Requests on three days of May 2031; noon of the last of them is when they are looked at.
const REQUESTS: [(&str, &str, &str, u32); 6] = [
    ("main", "2031-04-01 12:00:00", "granted", 40),
    ("main", "2031-05-05 09:00:00", "server_error", 30),
    ("main", "2031-05-06 10:00:00", "granted", 12),
    ("main", "2031-05-06 11:00:00", "granted", 700),
    ("billing", "2031-05-06 11:59:59", "timeout", 30_000),
    ("of-one-who-was-removed", "2031-05-04 23:59:59", "granted", 3),
];

/// A machine whose ledger holds these requests alone.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.token();
    let environment = &machine.environment;
    sql(environment, ["DELETE FROM request", "DELETE FROM daily", "DELETE FROM series"]);
    for (number, (profile, sent, outcome, latency)) in REQUESTS.into_iter().enumerate() {
        let id = format!("((strftime('%s', '{sent}') * 1000) << 20) + {number}");
        let series = format!("INSERT INTO series VALUES ({number}, '{profile}', x'00', 'token', 'test{number}')");
        let line = format!("INSERT INTO request VALUES ({id}, {number}, '{outcome}', NULL, {latency}, NULL, 1)");
        sql(environment, [&series, &line]);
    }
    machine
}

fn at_noon(invocation: Invocation) -> Invocation {
    let at_noon = invocation.under(["faketime", "-f", "2031-05-06 12:00:00"]);
    at_noon.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC")
}

fn table(environment: &TestEnvironment, options: &[&str]) -> String {
    at_noon(environment.tokenkeep(["stats"]).args(options)).run().success().stdout_str().to_owned()
}

fn json_of(environment: &TestEnvironment, options: &[&str]) -> Value {
    at_noon(environment.tokenkeep(["--json", "stats"]).args(options)).run().success().json()
}

#[test]
fn the_table_has_a_row_for_each_day_and_one_for_all() {
    let machine = machine();
    assert_eq!(
        table(&machine.environment, &["-p", "main"]),
        "\
profile  day         requests   mean ms       p50       p95       max  outcomes
main     2031-05-05         1        30        30        30        30  server_error 1
main     2031-05-06         2       356        20        20       700  granted 2
main     all                3       247        20        50       700  granted 2, server_error 1
"
    );
    assert_eq!(
        table(&machine.environment, &["--since", "24h"]),
        "\
profile  day         requests   mean ms       p50       p95       max  outcomes
billing  2031-05-06         1     30000     30000     30000     30000  timeout 1
main     2031-05-06         2       356        20        20       700  granted 2
billing  all                1     30000     30000     30000     30000  timeout 1
main     all                2       356        20        20       700  granted 2
"
    );
}

#[test]
fn json_holds_the_same_with_names() {
    let machine = machine();
    let of = |p50: u32, p95: u32, mean: u32, max: u32| json!({ "mean": mean, "p50": p50, "p95": p95, "max": max });
    let line = |profile: &str, requests: u32, outcomes: Value, latency: Value| json!({ "profile": profile, "requests": requests, "outcomes": outcomes, "latency_ms": latency });
    let on = |day: &str, mut line: Value| {
        line["day"] = json!(day);
        line
    };
    let billing = line("billing", 1, json!({ "timeout": 1 }), of(30_000, 30_000, 30_000, 30_000));
    let today = line("main", 2, json!({ "granted": 2 }), of(20, 20, 356, 700));
    let yesterday = line("main", 1, json!({ "server_error": 1 }), of(30, 30, 30, 30));
    let both = line("main", 3, json!({ "granted": 2, "server_error": 1 }), of(20, 50, 247, 700));
    let expected = json!({
        "since": "2031-05-05T00:00:00Z",
        "requests": 4,
        "profiles": [&billing, both],
        "days": [on("2031-05-06", billing), on("2031-05-05", yesterday), on("2031-05-06", today)],
    });
    let mut report = json_of(&machine.environment, &["--since", "36h"]);
    for line in report["profiles"].as_array_mut().expect("a list") {
        let line = line.as_object_mut().expect("an object");
        STATE.iter().for_each(|key| assert!(line.remove(*key).is_some(), "{key}: {line:?}"));
    }
    assert_eq!(report, expected);
}

/// What `profiles` has of each profile beside the sums.
const STATE: [&str; 6] =
    ["last_success", "last_failure", "last_failure_code", "token_expires_at", "secret_set_at", "secret_age_s"];

#[test]
fn each_profile_has_its_last_requests_the_expiry_of_its_token_and_the_age_of_its_secret() {
    let machine = Machine::new();
    let environment = &machine.environment;
    machine.set("unused", CLIENT_ID, CLIENT_SECRET).success();
    machine.set("wrong", CLIENT_ID, "CANARY-SECRET-wrong").success();
    let token = machine.get().arg("--json").run().success().json();
    machine.get_of("wrong").arg("--json").run().fails(4, "invalid_client");
    let report = report(environment, &[]);
    let of = |profile: &str| {
        let lines = report["profiles"].as_array().expect("a list");
        lines.iter().find(|line| line["profile"] == profile).cloned().expect("a line")
    };
    let main = of("main");
    assert_eq!(main["token_expires_at"], token["expires_at"]);
    assert!(main["last_success"].is_string() && main["last_failure"].is_null(), "{main}");
    assert!(main["secret_age_s"].as_u64().is_some_and(|age| age < 600), "{main}");
    let wrong = of("wrong");
    assert!(wrong["last_success"].is_null() && wrong["last_failure"].is_string(), "{wrong}");
    assert_eq!((&wrong["last_failure_code"], &wrong["token_expires_at"]), (&json!("invalid_client"), &Value::Null));
    let unused = of("unused");
    assert_eq!((&unused["requests"], &unused["last_success"]), (&json!(0), &Value::Null));
    assert!(unused["secret_set_at"].is_string(), "{unused}");
}

#[test]
fn prometheus_reads_the_metrics_and_a_damaged_name_breaks_no_line() {
    let machine = Machine::new();
    let environment = &machine.environment;
    machine.get().run().success().token();
    sql(environment, ["INSERT INTO daily VALUES (20000, 'a\"b\\c' || char(10) || 'x', 'granted', 1, 7, 7, 7)"]);
    let metrics = environment.tokenkeep(["stats", "--prometheus"]).run().success();
    let text = metrics.stdout_str();
    let checked = environment.program("promtool", ["check", "metrics"]).stdin(text).run();
    assert_eq!((checked.code, checked.stdout_str(), checked.stderr.as_str()), (0, "", ""), "{text}");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse::<i64>().expect("a number")
    };
    assert_eq!(value(r#"tokenkeep_requests_total{profile="main",outcome="granted"}"#), 1);
    let (success, expiry) = (
        value(r#"tokenkeep_last_success_timestamp_seconds{profile="main"}"#),
        value(r#"tokenkeep_token_expiry_timestamp_seconds{profile="main"}"#),
    );
    assert!(
        success < expiry && value(r#"tokenkeep_secret_set_timestamp_seconds{profile="main"}"#) <= success,
        "{text}"
    );
    assert!(!text.contains("last_failure_timestamp_seconds{"), "{text}");
    assert!(text.lines().any(|line| line.ends_with(" 7") && line.starts_with("tokenkeep_requests_total{")), "{text}");
}

#[test]
fn since_counts_from_that_second_on_and_30_days_without_it() {
    let machine = machine();
    let requests = |options: &[&str]| json_of(&machine.environment, options)["requests"].clone();
    for (since, expected) in
        [("0", 0), ("1s", 1), ("1h", 2), ("2h", 3), ("26h59m59s", 3), ("27h", 4), ("1d3h", 4), ("60h", 5), ("99d", 6)]
    {
        assert_eq!(requests(&["--since", since]), expected, "{since}");
    }
    assert_eq!((requests(&[]), requests(&["--since", "30d"])), (json!(5), json!(5)));
}

#[test]
fn one_profile_is_shown_alone_whether_or_not_it_is_still_set_up() {
    let machine = machine();
    let environment = &machine.environment;
    let profiles = |options: &[&str]| {
        let report = json_of(environment, options);
        let names = |part: &str| {
            let lines = report[part].as_array().expect("a list");
            let mut names: Vec<_> =
                lines.iter().map(|line| line["profile"].as_str().expect("a name").to_owned()).collect();
            names.dedup();
            names
        };
        assert_eq!(names("days"), names("profiles"));
        names("profiles")
    };
    assert_eq!(profiles(&[]), ["billing", "main", "of-one-who-was-removed"]);
    assert_eq!(profiles(&["-p", "of-one-who-was-removed"]), ["of-one-who-was-removed"]);
    assert_eq!(profiles(&["-p", "unheard-of"]), [""; 0]);
    let by_variable = environment.tokenkeep(["--json", "stats"]).env("TOKENKEEP_PROFILE", "billing");
    assert_eq!(at_noon(by_variable).run().success().json()["requests"], 1);
    // The default profile is for those who ask for a token.
    assert_eq!(json_of(environment, &[])["requests"], 5);
}

#[test]
fn without_a_ledger_there_is_nothing_and_nothing_is_made() {
    let environment = TestEnvironment::new();
    let nothing = report(&environment, &[]);
    assert_eq!((&nothing["requests"], &nothing["profiles"], &nothing["days"]), (&json!(0), &json!([]), &json!([])));
    let table = environment.tokenkeep(["stats"]).run().success();
    assert_eq!(table.stdout_str().lines().count(), 1, "the heading: {table:?}");
    assert!(!environment.data_dir().exists());

    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    assert_eq!(counted(&environment), 0);
    assert!(!paths_in(&environment.data_dir()).iter().any(|path| path.ends_with("ledger.db")));
}

#[test]
fn what_a_terminal_would_obey_is_shown_escaped() {
    let machine = Machine::new();
    machine.token();
    let environment = &machine.environment;
    add_lines(environment);
    sql(environment, ["UPDATE daily SET profile = char(27) || '[2J' || char(10, 155, 8238), outcome = char(27, 7)"]);
    let shown = environment.tokenkeep(["stats", "--since", "36500d"]).run().success();
    let plain = |line: &str| !line.chars().any(|sign| sign.is_control() || sign == '\u{202e}');
    assert!(shown.stdout_str().lines().all(plain), "{shown:?}");
    assert!(shown.stdout_str().contains("[2J"));
    stats(environment, &["--since", "36500d"]).success().json();
}
