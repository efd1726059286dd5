//! A refusal is a refusal: its status says what it means, whatever comes behind it and however that is written.

use serde_json::{Value, json};
use tokenkeep::clock::Clock as _;

use crate::common::issuer::{Behaviour, Part};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, edit, forget, get, get_json, init, prepend, read, set_credential,
};

/// What each status means: exit code and error code.
const MEANINGS: [(u16, i32, &str); 9] = [
    (401, 4, "invalid_client"),
    (403, 4, "access_denied"),
    (404, 7, "response_malformed"),
    (405, 7, "response_malformed"),
    (408, 6, "server_error"),
    (429, 11, "rate_limited"),
    (500, 6, "server_error"),
    (503, 6, "server_error"),
    (504, 6, "server_error"),
];

#[test]
fn a_status_keeps_its_meaning_with_a_body_of_any_size_type_and_coding() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (status, exit, code) in MEANINGS {
        for (case, more, body) in [
            ("a long page", header("Content-Type", "text/html"), "<html>".to_owned() + &"y".repeat(200_000)),
            ("gzip that is none", header("Content-Encoding", "gzip"), "\u{1f}not gzip".to_owned()),
            ("another coding", header("Content-Encoding", "br"), "xyz".to_owned()),
            (
                "JSON in other words",
                header("Content-Type", "application/json"),
                json!({ "status": status }).to_string(),
            ),
        ] {
            let case = format!("{status}: {case}");
            let headers = vec![more, header("Retry-After", "120")];
            issuer.behave("/token", Behaviour::Answer { status, headers, body: body.into() });
            let error = assert_refused(get_json(&environment).run(), &case, exit, code);
            assert_eq!(error["http_status"], status, "{case}");
            assert_eq!(error["oauth_error"], Value::Null, "{case}");
            assert_eq!(error["retry_after_s"].as_u64(), [6, 11].contains(&exit).then_some(120), "{case}: {error}");
            assert_eq!(error["retryable"], [6, 11].contains(&exit), "{case}");
            let again = assert_refused(get_json(&environment).run(), &case, exit, code);
            assert_eq!((&again["remembered"], &again["message"]), (&json!(true), &error["message"]), "{case}");
            forget(&environment);
        }
    }
    assert_eq!(issuer.count("/token"), 4 * MEANINGS.len());
}

#[test]
fn a_status_keeps_its_meaning_with_a_body_that_breaks_off() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    for (status, exit, code) in MEANINGS {
        let head = format!("HTTP/1.1 {status} No\r\nRetry-After: 120\r\nContent-Length: 1000\r\n\r\n{{\"error\":");
        issuer.behave("/token", Behaviour::Raw { bytes: head.into() });
        assert_refused(get_json(&environment).run(), &status.to_string(), exit, code);
        forget(&environment);
    }
}

#[test]
fn a_wrong_secret_whose_refusal_comes_byte_by_byte_is_a_wrong_secret() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &[]).stdin("CANARY-SECRET-that-is-wrong").run().success();
    issuer.behave("/token", Behaviour::Drip { part: Part::Body, interval_ms: 10_000 });
    let error = assert_refused(get_json(&environment).run(), "a drip", 4, "invalid_client");
    assert_eq!(error["message"], "the issuer refused (HTTP 401) and says no reason");
}

#[test]
fn a_redirect_says_where_it_leads_without_its_query() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let own = issuer.address();
    for (location, place) in [
        ("/token/".to_owned(), format!("{own}/token/")),
        ("https://login.issuer.invalid/sign-in?code=x#y".to_owned(), "login.issuer.invalid/sign-in".to_owned()),
        ("/a b\"".to_owned(), format!("{own}/a%20b%22")),
    ] {
        let headers = vec![("Location".to_owned(), location)];
        let body = "<html>".to_owned() + &"y".repeat(100_000);
        issuer.behave("/token", Behaviour::Answer { status: 308, headers, body: body.into() });
        let error = assert_refused(get_json(&environment).run(), &place, 10, "redirect_refused");
        let again = assert_refused(get_json(&environment).run(), &place, 10, "redirect_refused");
        assert_eq!((&again["remembered"], &again["message"]), (&json!(true), &error["message"]));
        forget(&environment);
        let wanted = format!("{own} answered with a redirect (HTTP 308) to {place}, which is never followed");
        assert_eq!(error["message"], wanted);
    }
}

#[test]
fn no_coding_is_asked_for_and_names_of_headers_are_written_as_curl_writes_them() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    get(&environment).run().success().token();
    let requests = issuer.requests();
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    let names: Vec<&str> = requests[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

#[test]
fn a_type_that_an_issuer_calls_otherwise_is_accepted_where_the_profile_says_so() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let answer = json!({ "access_token": "CANARY-TOKEN-x", "token_type": "BearerToken", "expires_in": 60 });
    issuer.answer("/token", 200, &answer);
    let error = assert_refused(get_json(&environment).run(), "not said", 7, "response_malformed");
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains(r#"its token_type is "BearerToken""#)),
        "{error}"
    );
    // As the hint says: the refusal ends with it.
    environment.tokenkeep(["credentials", "set", "--token-type", "bearer"]).run().success();
    let got = get_json(&environment).run().success();
    assert_eq!((got.json()["token_type"].as_str(), got.stderr.as_str()), (Some("Bearer"), ""));
    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["token_type"], "bearer");
    // Another change leaves it, and by hand it is the same key.
    environment.tokenkeep(["credentials", "set", "--scope", "a"]).run().success();
    assert!(read(&environment.path(PROFILE)).contains("token_type = \"bearer\""));
    edit(&environment, PROFILE, "token_type = \"bearer\"\n", "");
    assert_refused(get_json(&environment).run(), "no longer said", 7, "response_malformed");
    prepend(&environment, PROFILE, "token_type = \"bearer\"");
    forget(&environment);
    get(&environment).run().success().token();
}

#[test]
fn no_other_type_and_no_type_beside_dpop_can_be_set() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    environment.tokenkeep(["--json", "credentials", "set", "--token-type", "mac"]).run().fails(2, "usage");
    let both = environment.tokenkeep(["--json", "credentials", "set", "--token-type", "bearer", "--dpop"]);
    both.run().fails(2, "usage").says("`dpop` asks for others");
    prepend(&environment, PROFILE, "token_type = \"Bearer\"");
    assert_refused(get_json(&environment).run(), "another case", 3, "config_invalid");
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn a_refusal_of_every_framework_is_told_in_its_words() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    for (status, body, words) in [
        (400, json!({ "error": { "message": "no such client" } }), "no such client"),
        (400, json!({ "title": "Bad Request", "detail": "no such client" }), "Bad Request: no such client"),
        (400, json!({ "errorCode": "E1", "errorSummary": "no such client" }), "E1: no such client"),
        (400, json!({ "errors": [{ "message": "no such client" }] }), "no such client"),
        (401, json!({ "fault": { "faultstring": "Invalid ApiKey" } }), "Invalid ApiKey"),
        (422, json!({ "detail": [{ "loc": ["body"], "msg": "Field required" }] }), "Field required"),
        (403, json!({ "message": "Forbidden\u{1b}[31m" }), r"Forbidden\u{1b}[31m"),
    ] {
        issuer.answer("/token", status, &body);
        let outcome = get_json(&environment).run();
        assert_eq!(outcome.error()["message"], format!("the issuer refused: {words}"), "{body}");
        forget(&environment);
    }
}

/// The time in so many seconds, as a server writes it.
fn date_ahead(seconds: i64) -> String {
    let now = tokenkeep::clock::SystemClock.now().wall.seconds();
    chrono::DateTime::from_timestamp(now + seconds, 0).expect("a time").to_rfc2822()
}

#[test]
fn a_refusal_of_what_was_signed_under_another_time_names_the_clock() {
    let issuer = Issuer::start();
    let signing = ["--auth", "client_secret_jwt", "--assertion-audience", "token_endpoint"];
    let hint = |options: &[&str], error: &str, ahead: i64| {
        let environment = credential(&issuer, options);
        let date = date_ahead(ahead);
        let headers = vec![("Date".to_owned(), date)];
        issuer.behave(
            "/token",
            Behaviour::Answer { status: 400, headers, body: json!({ "error": error }).to_string().into() },
        );
        let outcome = get_json(&environment).run();
        outcome.error()["hint"].as_str().unwrap_or_default().to_owned()
    };
    for (options, error, ahead, words) in [
        (&signing[..], "invalid_client", 605, "the issuer's clock is 10m"),
        (&signing, "invalid_client", -3_605, "behind this machine's: set the clock"),
        (&signing, "invalid_request", 605, "ahead of this machine's: set the clock"),
        (&["--dpop"], "invalid_dpop_proof", 605, "set the clock"),
    ] {
        let hint = hint(options, error, ahead);
        assert!(hint.contains(words), "{options:?} {error} {ahead}: {hint}");
    }
    for (options, error, ahead) in
        [(&signing[..], "invalid_client", 5), (&signing, "invalid_scope", 605), (&[], "invalid_client", 605)]
    {
        let hint = hint(options, error, ahead);
        assert!(!hint.is_empty() && !hint.contains("clock"), "{options:?} {error} {ahead}: {hint}");
    }
}
