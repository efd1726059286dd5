//! A herd whose request is refused: whatever the refusal looks like, one of them hears it for all.

use super::{alone, ends, spawn, turn};
use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_SECRET};
use crate::main_job::{environment_for, set};

/// What a herd is answered.
struct Refusal {
    answer: Behaviour,
    exit: i32,
    code: &'static str,
    oauth_error: Option<&'static str>,
    /// What one caller sends, repeats included.
    requests: usize,
}

fn refusal(status: u16, body: &str, exit: i32, code: &'static str, oauth_error: Option<&'static str>) -> Refusal {
    let answer = Behaviour::Answer { status, headers: Vec::new(), body: body.into() };
    Refusal { answer, exit, code, oauth_error, requests: 1 }
}

/// Forty who wait for one turn, then five who come later.
fn assert_one_hears_it_for_all(of: Refusal) {
    let _alone = alone();
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    // The turn is made, and held until all wait for it.
    spawn(&environment, 1, &[]).into_iter().for_each(|one| drop(one.wait().success()));
    let before = issuer.count("/token");
    issuer.behave("/token", of.answer);
    let turn = turn::take(&environment);
    let herd = spawn(&environment, 40, &["--json", "--refresh"]);
    turn::wait_for_waiters(&environment, 40);
    drop(turn);
    let errors: Vec<_> = ends(herd).into_iter().map(|one| one.fails(of.exit, of.code).error()).collect();
    assert_eq!(errors.iter().filter(|error| error["remembered"] == true).count(), 39);
    assert!(errors.iter().all(|error| error["oauth_error"].as_str() == of.oauth_error), "{}", errors[0]);
    assert_eq!(issuer.count("/token") - before, of.requests);
    for later in ends(spawn(&environment, 5, &["--json", "--refresh"])) {
        assert_eq!(later.fails(of.exit, of.code).error()["remembered"], true);
    }
    assert_eq!(issuer.count("/token") - before, of.requests, "the next run is told the same");
}

#[test]
fn a_wrong_secret_in_the_words_of_spring_is_tried_once() {
    let body =
        r#"{"timestamp":1,"status":401,"error":"Unauthorized","message":"Bad credentials","path":"/oauth/token"}"#;
    assert_one_hears_it_for_all(refusal(401, body, 4, "invalid_client", Some("Unauthorized")));
}

#[test]
fn a_wrong_secret_in_words_of_the_issuers_own_is_tried_once() {
    let body = r#"{"error":"incorrect_client_credentials"}"#;
    assert_one_hears_it_for_all(refusal(401, body, 4, "invalid_client", Some("incorrect_client_credentials")));
}

#[test]
fn an_unknown_client_in_words_of_the_issuers_own_is_tried_once() {
    let body = r#"{"error":"invalid_client_id"}"#;
    assert_one_hears_it_for_all(refusal(400, body, 7, "issuer_error", Some("invalid_client_id")));
}

#[test]
fn an_error_that_is_an_object_is_heard_once() {
    let body = r#"{"error":{"code":7,"message":"no such client"}}"#;
    assert_one_hears_it_for_all(refusal(400, body, 7, "issuer_error", None));
}

#[test]
fn a_wrong_secret_that_is_called_an_invalid_grant_is_tried_once() {
    let body = r#"{"error":"invalid_grant"}"#;
    assert_one_hears_it_for_all(refusal(400, body, 7, "invalid_grant", Some("invalid_grant")));
}

#[test]
fn an_issuer_that_is_busy_says_so_once_however_long_its_page_is() {
    let headers = vec![("Retry-After".to_owned(), "120".to_owned())];
    let answer = Behaviour::Answer { status: 429, headers, body: "y".repeat(200_000).into() };
    assert_one_hears_it_for_all(Refusal { answer, exit: 11, code: "rate_limited", oauth_error: None, requests: 1 });
}

#[test]
fn a_redirect_is_heard_once() {
    let headers = vec![("Location".to_owned(), "/token/".to_owned())];
    let answer = Behaviour::Answer { status: 308, headers, body: Vec::new().into() };
    assert_one_hears_it_for_all(Refusal { answer, exit: 10, code: "redirect_refused", oauth_error: None, requests: 1 });
}

#[test]
fn a_refusal_that_breaks_off_is_heard_once() {
    for status in [400, 415, 422] {
        let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 1000\r\n\r\n{{\"error\":\"inv");
        let answer = Behaviour::Raw { bytes: head.into() };
        assert_one_hears_it_for_all(Refusal {
            answer,
            exit: 7,
            code: "response_malformed",
            oauth_error: None,
            requests: 1,
        });
    }
}

#[test]
fn a_wrong_secret_is_tried_once_whatever_is_asked_for_with_it() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    set(&environment, &issuer, "CANARY-SECRET-that-is-wrong").success();
    let refused = |options: &[&str]| {
        let run = environment.tokenkeep(["--json", "token", "get"]).args(options).run();
        run.fails(4, "invalid_client").error()["remembered"] == true
    };
    assert!(!refused(&["--scope", "a"]));
    for options in [&["--scope", "b"][..], &[], &["--audience", "https://api.example"], &["--scope", "a"]] {
        assert!(refused(options), "{options:?}");
    }
    assert_eq!(issuer.count("/token"), 1);
    // The right one is another client's business.
    set(&environment, &issuer, CLIENT_SECRET).success();
    for scope in ["a", "b"] {
        environment.tokenkeep(["token", "get", "--scope", scope]).prints_token().run().success().token();
    }
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn what_one_request_is_refused_for_says_nothing_of_another() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.answer("/token", 400, &serde_json::json!({ "error": "invalid_scope" }));
    let get = |options: &[&str]| environment.tokenkeep(["--json", "token", "get"]).args(options).prints_token().run();
    get(&[]).fails(7, "invalid_scope");
    issuer.behave("/token", Behaviour::Normal);
    get(&["--scope", "b"]).success();
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_fault_of_the_issuer_costs_the_attempts_of_one_caller() {
    let of = refusal(500, "<html>oops</html>", 6, "server_error", None);
    assert_one_hears_it_for_all(Refusal { requests: 3, ..of });
}
