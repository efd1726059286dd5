use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Result<Granted, IssuerError> {
    granted(200, body.as_bytes(), &[], TokenBinding::Bearer)
}

fn with(member: &str) -> Result<Granted, IssuerError> {
    read(&format!(r#"{{"access_token":"abc","token_type":"bEaReR",{member}}}"#))
}

fn lifetime_of(value: &str) -> Option<u64> {
    with(&format!(r#""expires_in":{value}"#)).expect("a token").lifetime.map(|lifetime| lifetime.as_secs())
}

#[test]
fn a_token_type_is_compared_without_case_and_sent_as_bearer() {
    assert_eq!(with(r#""x":1"#).expect("a token").token_type, "Bearer");
}

#[test]
fn unknown_members_and_a_refresh_token_are_ignored() {
    let granted = with(r#""refresh_token":"r","x":{"y":[1,2,{"z":null}]}"#).expect("a token");
    assert_eq!(granted.value, Secret::from("abc"));
}

#[test]
fn every_form_of_expires_in_has_an_outcome_and_none_is_for_ever() {
    let longest = Some(LONGEST_LIFETIME.as_secs());
    for (value, seconds) in [
        ("3600", Some(3_600)),
        ("\"3600\"", Some(3_600)),
        ("3600.9", Some(3_600)),
        ("\"3600.9\"", Some(3_600)),
        ("0", Some(0)),
        ("-5", Some(0)),
        ("1e99", longest),
        ("1e999", longest),
        ("99999999999999999999999999", longest),
        ("null", None),
        ("true", None),
        ("\"soon\"", None),
        ("\"\"", None),
        ("\"NaN\"", None),
        ("\"inf\"", None),
        ("[3600]", None),
        ("{\"a\":1}", None),
    ] {
        assert_eq!(lifetime_of(value), seconds, "{value}");
    }
    assert_eq!(with(r#""x":1"#).expect("a token").lifetime, None, "missing");
}

#[test]
fn a_scope_may_be_a_string_or_an_array() {
    assert_eq!(with(r#""scope":"b a""#).expect("a token").scope.as_deref(), Some("b a"));
    assert_eq!(with(r#""scope":["b","a"]"#).expect("a token").scope.as_deref(), Some("b a"));
    assert_eq!(with(r#""scope":null"#).expect("a token").scope, None);
    assert_eq!(with(r#""scope":7"#).expect("a token").scope, None);
}

#[test]
fn a_scope_that_repeats_the_token_is_not_given() {
    let read = |scope: &str| {
        read(&format!(r#"{{"access_token":"tok-0123456789abcdef","token_type":"Bearer","scope":{scope}}}"#))
    };
    for scope in [
        r#""tok-0123456789abcdef""#,
        r#""read tok-0123456789abcdef write""#,
        r#"["read","tok-0123456789abcdef"]"#,
        r#""tok%2D0123456789abcdef""#,
        r#""dG9rLTAxMjM0NTY3ODlhYmNkZWY=""#,
    ] {
        assert_eq!(read(scope).expect("a token").scope, None, "{scope}");
    }
    assert_eq!(read(r#""read tok""#).expect("a token").scope.as_deref(), Some("read tok"));
}

#[test]
fn an_answer_without_its_required_members_is_malformed() {
    for body in [
        "",
        "null",
        "[]",
        "\"abc\"",
        "{}",
        r#"{"access_token":"abc"}"#,
        r#"{"token_type":"bearer"}"#,
        r#"{"access_token":null,"token_type":"bearer"}"#,
        r#"{"access_token":7,"token_type":"bearer"}"#,
        r#"{"access_token":"","token_type":"bearer"}"#,
        r#"{"access_token":"abc","token_type":""}"#,
        r#"{"access_token":"abc","token_type":"mac"}"#,
        r#"{"access_token":"abc","access_token":"def","token_type":"bearer"}"#,
        r#"{"access_token":"abc","token_type":"bearer"} trailing"#,
        r#"{"access_token":"\ud800","token_type":"bearer"}"#,
        r#"{"access_token":"abc","token_type":"bearer""#,
    ] {
        assert!(matches!(read(body), Err(IssuerError::Malformed { .. })), "{body}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert!(read("\u{feff}{\"access_token\":\"abc\",\"token_type\":\"bearer\"}").is_ok());
}

#[test]
fn a_token_with_anything_but_visible_ascii_is_refused() {
    for value in ["a\\r\\nb", "a\\u0000b", "a b", "\\u001b[31m", "tökn", "a\\tb"] {
        let body = format!(r#"{{"access_token":"{value}","token_type":"bearer"}}"#);
        assert!(matches!(read(&body), Err(IssuerError::Token)), "{value}");
    }
    let long = "a".repeat(60_000);
    assert!(read(&format!(r#"{{"access_token":"{long}","token_type":"bearer"}}"#)).is_ok());
}

#[test]
fn json_that_is_nested_100_000_deep_is_refused_without_a_crash() {
    let deep = "[".repeat(100_000);
    for body in [deep.clone(), format!(r#"{{"scope":{deep}"#), format!(r#"{{"x":{deep}"#)] {
        assert!(matches!(read(&body), Err(IssuerError::Malformed { .. })));
    }
}

#[test]
fn an_error_with_status_200_is_an_error() {
    let error = read(r#"{"error":"invalid_client","access_token":"abc","token_type":"bearer"}"#);
    assert!(matches!(error, Err(IssuerError::Refused { status: 200, .. })));
}

#[test]
fn a_token_with_an_error_status_is_not_taken() {
    let error = failed(400, br#"{"access_token":"abc","token_type":"bearer"}"#, None, &[]);
    assert!(matches!(error, IssuerError::Malformed { status: Some(400), .. }));
}

#[test]
fn statuses_have_one_meaning_each() {
    let failed = |status, body: &str| failed(status, body.as_bytes(), None, &[]);
    assert!(matches!(failed(401, "<html>"), IssuerError::Refused { error, .. } if error == "invalid_client"));
    assert!(matches!(failed(403, ""), IssuerError::Refused { error, .. } if error == "access_denied"));
    assert!(matches!(failed(400, r#"{"error":"invalid_client"}"#), IssuerError::Refused { .. }));
    assert!(matches!(failed(429, "<html>"), IssuerError::RateLimited { .. }));
    for status in [408, 500, 502, 503, 599] {
        assert!(matches!(failed(status, "{}"), IssuerError::Server { .. }), "{status}");
    }
    assert!(matches!(failed(400, r#"{"error":"temporarily_unavailable"}"#), IssuerError::Server { .. }));
    assert!(matches!(failed(404, "not here"), IssuerError::Malformed { .. }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..256), status in 100_u16..600) {
        let _ = granted(status, &body, &[], TokenBinding::Bearer);
        let _ = failed(status, &body, None, &[]);
    }

    #[test]
    fn whatever_stands_beside_an_error_no_token_comes_out_of_it(
        before in "(\"[a-z_]{1,12}\":(1|null|\"x\"|\\[\\]|\\{\\}),){0,3}",
        error in "[a-z_]{1,20}",
        status in 100_u16..600,
        binding in prop::sample::select(vec![TokenBinding::Bearer, TokenBinding::Dpop]),
    ) {
        let member = r#""access_token":"abc","token_type":"bearer""#;
        for body in [
            format!(r#"{{{before}"error":"{error}",{member}}}"#),
            format!(r#"{{{member},"err\u006fr":"{error}"}}"#),
            format!("\u{feff} {{\"error\":\"{error}\",{member}}}"),
        ] {
            prop_assert!(granted(status, body.as_bytes(), &[], binding).is_err(), "{}", body);
        }
    }

    #[test]
    fn no_error_ever_gives_a_token(error in "[a-z_]{1,20}", token in "[a-z]{1,20}") {
        let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","error":"{error}"}}"#);
        prop_assert!(read(&body).is_err());
    }
}
