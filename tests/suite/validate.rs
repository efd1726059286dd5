//! `token validate` says valid only where it found out, not valid only where it was told, and fetches nothing.

use serde_json::{Value, json};

use crate::common::issuer::{Behaviour, ConnectionBehaviour, EchoFormat, Point};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::setup::{PROFILE, credential, credential_and_token, get, get_json, impatient, init, set_credential};

fn probed() -> (Issuer, TestEnvironment) {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    (issuer, environment)
}

fn validate(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["--json", "token", "validate"])
}

/// The exit code and verdict, and the result of each check by its name.
fn verdict(outcome: &Outcome) -> (i32, String, Vec<String>) {
    let json = outcome.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let checks = json["checks"].as_array().expect("a list").iter();
    let checks = checks.map(|check| format!("{} {}", text(&check["name"]), text(&check["result"]))).collect();
    (outcome.code, text(&json["verdict"]), checks)
}

fn is(code: i32, verdict: &str, checks: &[&str]) -> (i32, String, Vec<String>) {
    (code, verdict.to_owned(), checks.iter().map(|&check| check.to_owned()).collect())
}

fn status(status: u16, headers: &[(&str, &str)]) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Behaviour::Answer { status, headers, body: r#"{"error":"insufficient_scope"}"#.into() }
}

#[test]
fn what_opens_is_valid_and_what_is_refused_as_a_token_is_not() {
    let (issuer, environment) = probed();
    // A body is not read, so its coding says nothing.
    for answer in [status(200, &[]), status(204, &[]), status(206, &[]), insufficient_scope(), Behaviour::GzipBomb] {
        issuer.behave_times("/api", 1, answer);
        assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass", "probe pass"]));
    }
    issuer.behave_times("/api", 1, status(401, &[]));
    assert_eq!(verdict(&validate(&environment).run()), is(5, "not_valid", &["local pass", "probe fail"]));
    // It was dropped, and the next one is fetched.
    environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
    assert_eq!(verdict(&validate(&environment).run()), is(5, "not_valid", &["local fail", "probe skipped"]));
    assert_eq!(issuer.count("/token"), 1, "validate fetches none");
    get(&environment).run().success().token();
    assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass", "probe pass"]));
}

fn insufficient_scope() -> Behaviour {
    status(403, &[("WWW-Authenticate", r#"Bearer realm="api", error="insufficient_scope", scope="a""#)])
}

#[test]
fn whatever_else_a_resource_answers_leaves_it_open() {
    let (issuer, environment) = probed();
    let others = [300, 301, 302, 303, 304, 307, 308, 400, 402, 403, 404, 405, 406, 410, 418, 429, 500, 502, 503, 504];
    let statuses = others.map(|code| status(code, &[("Location", "/api/elsewhere")]));
    // The words in another place are no challenge.
    let misplaced = [status(403, &[("X-Error", "insufficient_scope")]), status(403, &[("WWW-Authenticate", "Bearer")])];
    let broken = [
        Behaviour::Reset,
        Behaviour::Close { at: Point::AfterReading },
        Behaviour::Close { at: Point::MidHead },
        Behaviour::Raw { bytes: "garbage\r\n\r\n".into() },
        Behaviour::Raw { bytes: "HTTP/1.1 2 OK\r\n\r\n".into() },
        Behaviour::ManyHeaders { count: 10_000 },
        Behaviour::Echo { status: 500, format: EchoFormat::Json },
    ];
    for behaviour in statuses.into_iter().chain(misplaced).chain(broken) {
        let name = format!("{behaviour:?}");
        issuer.behave_times("/api", 1, behaviour);
        let outcome = validate(&environment).run();
        assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local pass", "probe unknown"]), "{name}");
        assert_eq!(outcome.stderr, "", "{name}");
    }
    assert_eq!(issuer.count("/api/elsewhere"), 0);
    // Nothing was dropped.
    environment.tokenkeep(["token", "get", "--offline"]).prints_token().run().success().token();
}

#[test]
fn a_resource_that_cannot_be_reached_leaves_it_open() {
    let (issuer, api) = (Issuer::start(), Issuer::start());
    let environment = credential_and_token(&issuer, &["--probe-url", &api.api_url()]);
    impatient(&environment);
    let open = is(12, "indeterminate", &["local pass", "probe unknown"]);
    api.behave_times("/api", 1, Behaviour::Silence);
    assert_eq!(verdict(&validate(&environment).run()), open);
    api.behave_on_connect_times(1, ConnectionBehaviour::Reset);
    assert_eq!(verdict(&validate(&environment).run()), open);
    drop(api);
    assert_eq!(verdict(&validate(&environment).run()), open);
    // Whoever asks nobody gets an answer all the same.
    let offline = validate(&environment).arg("--offline").run();
    assert_eq!(verdict(&offline), is(0, "valid", &["local pass", "probe skipped"]));
}

#[test]
fn a_name_that_cannot_be_resolved_leaves_it_open() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", "https://nonexistent.invalid/"]);
    let outcome = validate(&environment).run();
    assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local pass", "probe unknown"]));
}

#[test]
fn without_a_probe_the_lifetime_decides() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    assert_eq!(verdict(&validate(&environment).run()), is(5, "not_valid", &["local fail"]));
    get(&environment).run().success().token();
    assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass"]));
    assert_eq!(verdict(&validate(&environment).arg("--offline").run()), is(0, "valid", &["local pass"]));
    // Another scope is another token.
    assert_eq!(verdict(&validate(&environment).args(["--scope", "a"]).run()), is(5, "not_valid", &["local fail"]));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_token_whose_lifetime_is_over_is_not_valid_whoever_would_take_it() {
    let (issuer, environment) = probed();
    let outcome = validate(&environment).under(["faketime", "-f", "+3601s"]).run();
    assert_eq!(verdict(&outcome), is(5, "not_valid", &["local fail", "probe pass"]));
    let outcome = validate(&environment).under(["faketime", "-f", "+3601s"]).arg("--offline").run();
    assert_eq!(verdict(&outcome), is(5, "not_valid", &["local fail", "probe skipped"]));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_clock_before_the_issue_leaves_it_open_unless_a_resource_tells() {
    let (issuer, environment) = probed();
    let back = ["faketime", "-f", "-1d"];
    let outcome = validate(&environment).under(back).arg("--offline").run();
    assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local unknown", "probe skipped"]));
    assert_eq!(verdict(&validate(&environment).under(back).run()), is(0, "valid", &["local unknown", "probe pass"]));
    issuer.behave_times("/api", 1, status(404, &[]));
    let outcome = validate(&environment).under(back).run();
    assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local unknown", "probe unknown"]));
}

#[test]
fn a_given_token_is_judged_by_the_resource_alone() {
    let (issuer, environment) = probed();
    let given = |token: &str| validate(&environment).arg("--token-stdin").stdin(format!("{token}\n"));
    issuer.behave_times("/api", 1, status(200, &[]));
    let outcome = given("CANARY-TOKEN-of-another").run();
    assert_eq!(verdict(&outcome), is(0, "valid", &["local skipped", "probe pass"]));
    let json = outcome.json();
    assert_eq!((&json["expires_at"], &json["expires_in"]), (&Value::Null, &Value::Null), "nobody knows");
    let outcome = given("CANARY-TOKEN-of-another").run();
    assert_eq!(verdict(&outcome), is(5, "not_valid", &["local skipped", "probe fail"]));
    // The verdict was on another token.
    assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass", "probe pass"]));
    // Asking nobody, nothing can be known of it.
    let outcome = given("CANARY-TOKEN-of-another").arg("--offline").run();
    assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local skipped", "probe skipped"]));
}

#[test]
fn a_given_token_that_is_the_cached_one_is_judged_and_dropped_as_such() {
    let (issuer, environment) = probed();
    let token = get(&environment).run().success().token().to_owned();
    let given = || validate(&environment).arg("--token-stdin").stdin(&token);
    assert_eq!(verdict(&given().run()), is(0, "valid", &["local pass", "probe pass"]));
    assert_eq!(verdict(&given().arg("--offline").run()), is(0, "valid", &["local pass", "probe skipped"]));
    issuer.behave_times("/api", 1, status(401, &[]));
    assert_eq!(verdict(&given().run()), is(5, "not_valid", &["local pass", "probe fail"]));
    environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
}

#[test]
fn a_given_token_without_a_probe_leaves_it_open() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    let outcome = validate(&environment).arg("--token-stdin").stdin("CANARY-TOKEN-of-another").run();
    assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local skipped"]));
}

#[test]
fn an_issuer_that_is_asked_decides_and_is_not_asked_offline() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--introspection-url", &issuer.url("/introspect")]);
    let outcome = validate(&environment).arg("--offline").run();
    assert_eq!(verdict(&outcome), is(0, "valid", &["local pass", "introspection skipped"]));
    assert_eq!(issuer.count("/introspect"), 0);
    assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass", "introspection pass"]));
    // Whatever is no plain yes or no leaves it open, and the token kept.
    for body in [r#"{"active":"true"}"#, r#"{"active":1}"#, r#"[true]"#, "{}", "<html>"] {
        let answer = Behaviour::Answer { status: 200, headers: Vec::new(), body: body.into() };
        issuer.behave_times("/introspect", 1, answer);
        let outcome = validate(&environment).run();
        assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local pass", "introspection unknown"]), "{body}");
    }
    for code in [307, 400, 401, 403, 429, 503] {
        issuer.behave_times("/introspect", 1, status(code, &[("Location", "/api")]));
        let outcome = validate(&environment).run();
        assert_eq!(verdict(&outcome), is(12, "indeterminate", &["local pass", "introspection unknown"]), "{code}");
    }
    get(&environment).arg("--offline").run().success().token();
    issuer.answer("/introspect", 200, &json!({ "active": false }));
    assert_eq!(verdict(&validate(&environment).run()), is(5, "not_valid", &["local pass", "introspection fail"]));
    get_json(&environment).arg("--offline").run().fails(5, "token_not_valid");
    let outcome = validate(&environment).run();
    assert_eq!(verdict(&outcome), is(5, "not_valid", &["local fail", "introspection skipped"]));
    assert_eq!(issuer.count("/token"), 1, "validate fetches none");
}

#[test]
fn a_probe_needs_the_binding_and_says_so_where_it_is_gone() {
    let (issuer, environment) = probed();
    std::fs::remove_dir_all(environment.path("data/secrets")).expect("it is there");
    validate(&environment).run().fails(3, "credential_missing");
    assert_eq!(issuer.count("/api"), 0);
    // Without the network it is not needed.
    assert_eq!(verdict(&validate(&environment).arg("--offline").run()).0, 0);
    std::fs::remove_file(environment.path(PROFILE)).expect("it is there");
    validate(&environment).run().fails(3, "profile_not_found");
}

#[test]
fn the_report_has_the_members_of_the_contract_and_no_others() {
    let (_issuer, environment) = probed();
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let report = validate(&environment).run().success().json();
    assert_eq!(names(&report), ["checks", "expires_at", "expires_in", "verdict"]);
    for check in report["checks"].as_array().expect("a list") {
        assert_eq!(names(check), ["detail", "name", "result"]);
        assert!(check["detail"].as_str().is_some_and(|detail| !detail.is_empty() && !detail.contains('\n')));
    }
    let expires_in = report["expires_in"].as_u64().expect("a number");
    assert!((3_500..3_600).contains(&expires_in), "{expires_in}");
    let expires_at = report["expires_at"].as_str().expect("a time");
    assert!(expires_at.len() == 20 && expires_at.ends_with('Z'), "UTC, whole seconds: {expires_at}");

    let token = get_json(&environment).run().success().json();
    let wanted =
        ["access_token", "expires_at", "expires_in", "lifetime_assumed", "profile", "scope", "source", "token_type"];
    assert_eq!(names(&token), wanted);
    assert_eq!((&token["expires_at"], &token["profile"]), (&report["expires_at"], &json!("default")));
}

#[test]
fn a_referenced_secret_is_enough_for_a_probe() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &["--probe-url", &issuer.api_url()]).run().success();
    let secret = environment.write_secret("files/secret", crate::common::issuer::CLIENT_SECRET);
    environment
        .tokenkeep(["credentials", "set", "--secret-at-fetch", &format!("file:{}", secret.display())])
        .run()
        .success();
    get(&environment).run().success().token();
    assert_eq!(verdict(&validate(&environment).run()), is(0, "valid", &["local pass", "probe pass"]));
}
