//! What is asked again, when, and what never: each form of `Retry-After`, connections that break, providers whose new
//! token kills the old one.

use chrono::DateTime;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET, ConnectionBehaviour, Point};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, credential_and_token, get, get_json, init, prepend, set_credential, snapshot,
};

const METADATA: &str = "/.well-known/oauth-authorization-server";

fn date(seconds: i64) -> String {
    let then = clock_gettime(ClockId::Realtime).tv_sec + seconds;
    DateTime::from_timestamp(then, 0).expect("a time").format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn busy(status: u16, retry_after: Option<&str>) -> Behaviour {
    let headers = retry_after.map(|value| ("Retry-After".to_owned(), value.to_owned())).into_iter().collect();
    Behaviour::Answer { status, headers, body: Default::default() }
}

/// Statuses with the exit code and the code of each.
const BUSY: [(u16, i32, &str); 2] = [(429, 11, "rate_limited"), (503, 6, "server_error")];

#[test]
fn a_pause_beyond_the_deadline_is_not_waited_for_in_whatever_form_it_is_asked() {
    for (status, exit, code) in BUSY {
        for (value, longest) in [("31", 31), ("120", 120), ("86400", 3_600), ("99999999999999999999", 3_600)] {
            let (issuer, environment) = started();
            issuer.behave("/token", busy(status, Some(value)));
            let error = assert_refused(get_json(&environment).run(), value, exit, code);
            assert_eq!((&error["retry_after_s"], &error["retryable"]), (&json!(longest), &json!(true)), "{value}");
            assert_eq!(issuer.count("/token"), 1, "{value}");
        }
        let (issuer, environment) = started();
        issuer.behave("/token", busy(status, Some(&date(120))));
        let error = assert_refused(get_json(&environment).run(), "a date", exit, code);
        let left = error["retry_after_s"].as_u64().expect("a number");
        assert!((60..=120).contains(&left), "{left}");
        assert_eq!(issuer.count("/token"), 1);
    }
}

#[test]
fn a_pause_that_is_none_is_left_to_the_client_and_the_request_is_repeated_twice() {
    for (status, exit, code) in BUSY {
        let past = date(-600);
        let garbage = ["0", "", "soon", "-1", "1.5", "1e3", "0x10", "1, 120", "\u{661}", "Sunday", &past];
        for value in garbage.iter().map(|value| Some(*value)).chain([None]) {
            let (issuer, environment) = started();
            issuer.behave("/token", busy(status, value));
            assert_refused(get_json(&environment).run(), &format!("{value:?}"), exit, code);
            assert_eq!(issuer.count("/token"), 3, "{value:?}");
            // And where it passes, the caller does not notice.
            let (issuer, environment) = started();
            issuer.behave_times("/token", 2, busy(status, value));
            get(&environment).run().success().token();
            assert_eq!(issuer.count("/token"), 3, "{value:?}");
        }
    }
}

#[test]
fn a_pause_that_ends_in_time_is_waited_for() {
    let (issuer, environment) = started();
    // Boot time, which no other clock can change.
    let now = || clock_gettime(ClockId::Boottime).tv_sec;
    issuer.behave_times("/token", 1, busy(429, Some("2")));
    let begun = now();
    get(&environment).run().success().token();
    assert!(now() - begun >= 1, "two seconds are two at least, and one of them was seen whole");
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn the_other_endpoints_are_asked_once_whatever_they_answer() {
    for (status, exit, code) in BUSY {
        let past = date(-600);
        for value in [Some("0"), Some("1"), Some("120"), Some("soon"), Some(past.as_str()), None] {
            let case = format!("{status} {value:?}");
            let (issuer, environment) = with_endpoints();
            issuer.behave("*", busy(status, value));
            let error = assert_refused(discover(&environment, &issuer).run(), &case, exit, code);
            let wanted = value.and_then(|value| value.parse::<u64>().ok()).or(value.filter(|v| *v == past).map(|_| 0));
            assert_eq!(error["retry_after_s"].as_u64(), wanted, "{case}");
            environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
            let error = environment.tokenkeep(["--json", "token", "revoke"]).run();
            let error = assert_refused(error, &case, exit, code);
            assert_eq!(error["retry_after_s"].as_u64(), wanted, "{case}");
            assert!(error["message"].as_str().is_some_and(|text| text.ends_with("stays cached")), "{error}");
            as_resource_server(&environment).run().exits(12);
            for path in [METADATA, "/introspect", "/revoke", "/keys"] {
                assert_eq!(issuer.count(path), 1, "{case} {path}");
            }
            assert_eq!(issuer.requests().len(), 4, "{case}");
            get(&environment).arg("--offline").run().success().token();
        }
    }
}

#[test]
fn a_connection_that_breaks_before_or_after_the_request_changes_nothing() {
    let (issuer, environment) = with_endpoints();
    let before = snapshot(&environment.path("config"));
    let validate = || environment.tokenkeep(["--json", "token", "validate"]).run();
    let revoke = || environment.tokenkeep(["--json", "token", "revoke"]).run();
    for behaviour in [ConnectionBehaviour::Reset, ConnectionBehaviour::Close] {
        let case = format!("{behaviour:?}");
        issuer.behave_on_connect(behaviour);
        let error = discover(&environment, &issuer).run().exits(6).error();
        assert!(
            ["connect", "connection_reset"].contains(&error["code"].as_str().unwrap_or_default()),
            "{case}: {error}"
        );
        validate().exits(12);
        as_resource_server(&environment).run().exits(12);
        let error = revoke().exits(6).error();
        assert!(error["message"].as_str().is_some_and(|text| text.ends_with("stays cached")), "{error}");
        assert_eq!(issuer.requests().len(), 0, "{case}");
        issuer.reset();
    }
    for behaviour in [
        Behaviour::Reset,
        Behaviour::Close { at: Point::AfterReading },
        Behaviour::Close { at: Point::MidHead },
        Behaviour::Close { at: Point::MidBody },
    ] {
        let case = format!("{behaviour:?}");
        issuer.behave("*", behaviour);
        assert_refused(discover(&environment, &issuer).run(), &case, 6, "connection_reset");
        assert_eq!(validate().exits(12).json()["verdict"], "indeterminate", "{case}");
        as_resource_server(&environment).run().exits(12);
        assert_refused(revoke(), &case, 6, "connection_reset");
        for path in [METADATA, "/introspect", "/revoke", "/keys"] {
            assert_eq!(issuer.count(path), 1, "{case} {path}");
        }
        issuer.reset();
        get(&environment).arg("--offline").run().success().token();
    }
    assert!(snapshot(&environment.path("config")) == before);
}

#[test]
fn where_a_new_token_kills_the_old_one_a_request_is_sent_once_whatever_happens() {
    let faults = || {
        [
            busy(503, None),
            busy(503, Some("0")),
            busy(429, Some("0")),
            busy(429, None),
            busy(500, None),
            busy(408, None),
            Behaviour::Reset,
            Behaviour::Close { at: Point::AfterReading },
            Behaviour::Close { at: Point::MidBody },
            Behaviour::Redirect { status: 307, location: "/token".to_owned() },
            Behaviour::EndlessBody,
        ]
    };
    for fault in faults() {
        let case = format!("{fault:?}");
        let (issuer, environment) = started();
        prepend(&environment, PROFILE, "repeats = \"never\"");
        issuer.behave("/token", fault);
        assert_ne!(get_json(&environment).run().code, 0, "{case}");
        assert_eq!(issuer.count("/token"), 1, "{case}");
    }
    for fault in faults() {
        let case = format!("zoom: {fault:?}");
        let issuer = Issuer::start();
        let environment = zoom(&issuer);
        issuer.behave("/token", fault);
        assert_ne!(get_json(&environment).run().code, 0, "{case}");
        assert_eq!(issuer.count("/token"), 1, "{case}");
    }
    // A connection that never came about is not tried again either: the profile says never.
    let (issuer, environment) = started();
    prepend(&environment, PROFILE, "repeats = \"never\"");
    issuer.behave_on_connect(ConnectionBehaviour::Reset);
    assert_eq!(get_json(&environment).run().code, 6);
    assert_eq!(issuer.traffic().accepted, 1);
    // The profile may say otherwise than its provider.
    let issuer = Issuer::start();
    let environment = zoom(&issuer);
    prepend(&environment, PROFILE, "repeats = \"bounded\"");
    issuer.behave("/token", busy(503, None));
    get_json(&environment).run().fails(6, "server_error");
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn zoom_is_asked_with_the_grant_and_the_account_that_it_wants() {
    let issuer = Issuer::start();
    let environment = zoom(&issuer);
    let answer = json!({ "access_token": "CANARY-TOKEN-of-zoom", "token_type": "bearer", "expires_in": 3599 });
    issuer.answer("/token", 200, &answer);
    for _ in 0..2 {
        get(&environment).run().success().token();
    }
    let requests = issuer.requests();
    assert_eq!(requests.len(), 1);
    let body = String::from_utf8(requests[0].body.0.clone()).expect("a form");
    assert_eq!(body, "grant_type=account_credentials&account_id=A-1");
    assert!(requests[0].header("authorization").is_some_and(|value| value.starts_with("Basic ")));
}

/// A profile of Zoom, written by hand, whose token endpoint is the fixture's.
fn zoom(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let profile = format!(
        "provider = \"zoom\"\nclient_id = \"{CLIENT_ID}\"\ntoken_url = \"{}\"\nparams = {{ account_id = \"A-1\" }}\n\
         secret = {{ file = \"{}\" }}\n",
        issuer.token_url(),
        secret.display()
    );
    environment.write(PROFILE, profile);
    environment
}

fn started() -> (Issuer, TestEnvironment) {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    (issuer, environment)
}

/// A profile with every endpoint, and a token.
fn with_endpoints() -> (Issuer, TestEnvironment) {
    let issuer = Issuer::start();
    let url = |path| issuer.url(path);
    let (introspect, revoke, keys, name) = (url("/introspect"), url("/revoke"), url("/keys"), url(""));
    let options =
        ["--introspection-url", &introspect, "--revocation-url", &revoke, "--jwks-url", &keys, "--issuer", &name];
    let environment = credential_and_token(&issuer, &options);
    issuer.reset();
    (issuer, environment)
}

fn discover(environment: &TestEnvironment, issuer: &Issuer) -> Invocation {
    environment.tokenkeep(["--json", "credentials", "set", "--issuer", &issuer.url("")])
}

fn as_resource_server(environment: &TestEnvironment) -> Invocation {
    use base64::Engine as _;
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.AAAA", part(json!({ "alg": "ES256", "typ": "at+jwt" })), part(json!({})));
    environment
        .tokenkeep(["--json", "token", "validate", "--as-resource-server", "--audience", "a", "--token-stdin"])
        .stdin(token)
}

#[test]
fn a_credential_set_anew_by_its_token_endpoint_asks_no_metadata() {
    let (issuer, environment) = with_endpoints();
    set_credential(&environment, &issuer.token_url(), &["--issuer", &issuer.url("")]).run().success();
    assert_eq!(issuer.requests().len(), 0);
}
