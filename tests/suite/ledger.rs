//! The history of requests: each is a line, written after the answer, and nothing that is wrong with it costs a token.
#![cfg(target_os = "linux")]

mod many;
mod places;
mod report;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::issuer::Behaviour;
use crate::common::{Outcome, TestEnvironment};
use crate::machine::Machine;
use crate::setup;

/// Runs statements with the SQLite of another program, and prints the rows of the last one as JSON.
const SQL: &str = r#"
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
for statement in sys.argv[2:]:
    rows = connection.execute(statement).fetchall()
connection.commit()
print(json.dumps(rows))
"#;

fn ledger(environment: &TestEnvironment) -> PathBuf {
    environment.data_dir().join("ledger.db")
}

fn sql<const N: usize>(environment: &TestEnvironment, statements: [&str; N]) -> Value {
    environment.program("python3", ["-c", SQL]).arg(ledger(environment)).args(statements).run().success().json()
}

/// Adds some hundred lines at different hours, so that the ledger has many pages.
fn add_lines(environment: &TestEnvironment) {
    let lines = "WITH RECURSIVE hour (number) AS (VALUES (0) UNION ALL SELECT number + 1 FROM hour WHERE number < 599)
        INSERT INTO request SELECT (1790000000000 + number * 3600000) << 20, 1000, 'granted', NULL, 20, 3600, 1 FROM hour";
    let series = "INSERT INTO series VALUES (1000, 'of-before', x'00', 'token', 'tokenkeep')";
    sql(environment, [series, lines]);
}

/// What `stats` reports, as JSON.
fn report(environment: &TestEnvironment, options: &[&str]) -> Value {
    stats(environment, options).success().json()
}

fn stats(environment: &TestEnvironment, options: &[&str]) -> Outcome {
    environment.tokenkeep(["--json", "stats"]).args(options).run()
}

/// How many requests `stats` counts, of all time.
fn counted(environment: &TestEnvironment) -> u64 {
    report(environment, &["--since", "36500d"])["requests"].as_u64().expect("a number of requests")
}

fn refresh(machine: &Machine) -> Outcome {
    machine.get().arg("--refresh").run().success()
}

/// Outcome and status of each line, in the order of sending.
fn lines(machine: &Machine) -> Value {
    sql(&machine.environment, ["SELECT outcome, http_status FROM request ORDER BY id"])
}

#[test]
fn a_get_writes_its_line_after_it_has_printed_the_token() {
    let machine = Machine::new();
    // The one that makes the ledger, and the one that finds it made.
    for number in 1..=2 {
        let file = machine.environment.path("files/trace");
        let strace = ["strace", "-f", "-y", "-s", "0", "-e", "trace=open,openat,openat2,write", "-o"];
        let under = strace.map(std::ffi::OsString::from).into_iter().chain([file.clone().into()]);
        machine.get().arg("--refresh").under(under).run().success().token();
        let trace = std::fs::read_to_string(file).expect("strace wrote it");
        let first = |what: &str| trace.lines().position(|line| line.contains(what));
        let (printed, opened) = (first(" write(1<").expect("it prints"), first("ledger").expect("it writes a line"));
        assert!(printed < opened, "the token comes first:\n{trace}");
        assert_eq!(counted(&machine.environment), number);
    }
    // What the cache answers is no request.
    machine.token();
    assert_eq!(counted(&machine.environment), 2);
}

#[test]
fn a_line_tells_who_asked_for_what_when_and_how_it_ended() {
    let machine = Machine::new();
    machine.issuer.set(json!({ "latency_ms": 200, "expires_in": 1234 }));
    machine.token();
    let line = "SELECT profile, kind, program, outcome, http_status, lifetime_s,
        hex(identity) = (SELECT upper(?)), latency_ms >= 200, pid > 1,
        abs((request.id >> 20) / 1000 - strftime('%s', 'now')) < 1000 FROM request JOIN series ON series.id = series";
    let record = machine.only("tokens");
    let name = record.file_name().and_then(|name| name.to_str()).expect("a name");
    let rows = sql(&machine.environment, [&line.replace('?', &format!("'{name}'"))]);
    assert_eq!(rows, json!([["main", "token", "tokenkeep", "granted", null, 1234, 1, 1, 1, 1]]));
}

#[test]
fn refused_timed_out_broken_and_repeated_requests_are_lines_of_their_own() {
    let machine = Machine::new();
    let answer = |status: u16, body: Value, headers: &[(&str, &str)]| Behaviour::Answer {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_string().into(),
    };
    // Twice busy, then there.
    machine.issuer.behave_times("/token", 2, answer(503, json!({}), &[("Retry-After", "0")]));
    machine.token();
    let repeated = json!([["server_error", 503], ["server_error", 503], ["granted", null]]);
    assert_eq!(lines(&machine), repeated);

    machine.issuer.behave_times("/token", 1, answer(400, json!({ "error": "invalid_scope" }), &[]));
    machine.get().args(["--refresh", "--json"]).run().fails(7, "invalid_scope");
    setup::forget(&machine.environment);
    machine.issuer.behave_times("/token", 1, Behaviour::Reset);
    machine.get().args(["--refresh", "--json"]).run().fails(6, "connection_reset");
    setup::impatient(&machine.environment);
    machine.issuer.behave_times("/token", 1, Behaviour::Silence);
    machine.get().args(["--refresh", "--json"]).run().fails(6, "timeout");
    machine.issuer.behave_times("/token", 1, answer(401, json!({ "error": "invalid_client" }), &[]));
    machine.get().args(["--refresh", "--json"]).run().fails(4, "invalid_client");
    // What is remembered is not asked.
    machine.get().args(["--refresh", "--json"]).run().fails(4, "invalid_client");
    let more = json!([["invalid_scope", 400], ["connection_reset", null], ["timeout", null], ["invalid_client", 401]]);
    let all: Vec<_> = [repeated, more].iter().flat_map(|rows| rows.as_array().expect("rows").clone()).collect();
    assert_eq!(lines(&machine), json!(all));
    let latency = sql(&machine.environment, ["SELECT latency_ms >= 900 FROM request WHERE outcome = 'timeout'"]);
    assert_eq!(latency, json!([[1]]), "until the deadline");
    assert_eq!(machine.fetches(), all.len(), "each request is one line");
}

#[test]
fn checking_a_token_and_setting_a_credential_write_no_line_but_trying_one_does() {
    let machine = Machine::new();
    machine.token();
    machine.tokenkeep(["token", "validate", "-p", "main"]).run().success();
    machine.tokenkeep(["token", "list"]).run().success();
    assert_eq!(counted(&machine.environment), 1);
    let set = ["credentials", "set", "-p", "main", "--secret-stdin", "--verify"];
    machine.tokenkeep(set).stdin(crate::common::issuer::CLIENT_SECRET).run().success();
    assert_eq!(counted(&machine.environment), machine.fetches() as u64);
}
