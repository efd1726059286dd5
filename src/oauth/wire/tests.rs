use proptest::prelude::*;

use super::*;

const BEARER: Wanted = Wanted { binding: TokenBinding::Bearer, token_type: None };

fn read(body: &str) -> Result<Granted, IssuerError> {
    granted(200, body.as_bytes(), Known::default(), BEARER)
}

fn failed_with(status: u16, body: &[u8]) -> IssuerError {
    failed(Unsuccessful { status, body, is_html: false, retry_after: None }, Known::default())
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
    assert_eq!(with(r#""scope":"a \"b\"""#).expect("a token").scope, None, "no scope has a quotation mark");
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
        r#"{"token_type":"bearer"}"#,
        r#"{"access_token":null,"token_type":"bearer"}"#,
        r#"{"access_token":7,"token_type":"bearer"}"#,
        r#"{"access_token":"","token_type":"bearer"}"#,
        r#"{"access_token":"abc","token_type":7}"#,
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
    let error = failed_with(400, br#"{"access_token":"abc","token_type":"bearer"}"#);
    assert!(matches!(error, IssuerError::NoAnswer { status: 400, .. }));
}

#[test]
fn a_type_that_is_missing_is_bearer_and_one_that_is_not_known_is_named() {
    for (member, lacks) in [
        (r#""x":1"#, true),
        (r#""token_type":null"#, true),
        (r#""token_type":"BEARER""#, false),
        (r#""token_type":" bearer\n""#, false),
    ] {
        let granted = read(&format!(r#"{{"access_token":"abc",{member}}}"#)).expect("a token");
        assert_eq!((granted.token_type, granted.lacks_type), ("Bearer", lacks), "{member}");
    }
    let (long, run) = ("word ".repeat(20), "x".repeat(100));
    for (name, shown) in [
        ("BearerToken", r#""BearerToken""#.to_owned()),
        ("Application Access Token", r#""Application Access Token""#.to_owned()),
        ("", r#""""#.to_owned()),
        ("\u{1b}[31m", r#""\u{1b}[31m""#.to_owned()),
        (&long, format!("\"{}...\"", &long[..64])),
        // It may be a part of a token.
        (&run, r#""...""#.to_owned()),
    ] {
        let body = serde_json::json!({ "access_token": "abc", "token_type": name }).to_string();
        let error = read(&body).expect_err("another type").to_string();
        assert_eq!(error, format!("the issuer's answer is not valid: its token_type is {shown}, not Bearer"));
        let wanted = Wanted { token_type: Some(TokenType::Bearer), ..BEARER };
        assert_eq!(
            granted(200, body.as_bytes(), Known::default(), wanted).expect("it may").token_type,
            "Bearer",
            "{name}"
        );
    }
}

#[test]
fn a_token_that_needs_proofs_is_no_bearer_token_and_a_bearer_token_needs_none() {
    let wanted = Wanted { token_type: Some(TokenType::Bearer), ..BEARER };
    let dpop = br#"{"access_token":"abc","token_type":"DPoP"}"#;
    assert!(matches!(
        granted(200, dpop, Known::default(), wanted),
        Err(IssuerError::TokenType { may_be_bearer: false, .. })
    ));
    let bound = Wanted { binding: TokenBinding::Dpop, token_type: None };
    assert_eq!(granted(200, dpop, Known::default(), bound).expect("a token").token_type, "DPoP");
    for body in [r#"{"access_token":"abc"}"#, r#"{"access_token":"abc","token_type":" Bearer"}"#] {
        assert!(
            matches!(granted(200, body.as_bytes(), Known::default(), bound), Err(IssuerError::Downgrade)),
            "{body}"
        );
    }
}

#[test]
fn a_type_that_repeats_the_token_or_a_part_of_it_is_not_named() {
    for named in ["tok-0123456789abcdef", "tok-0123456789ab", "x tok-0123456789abcdef", "dG9rLTAxMjM0NTY3ODlhYmNkZWY="]
    {
        let body = format!(r#"{{"access_token":"tok-0123456789abcdef","token_type":"{named}"}}"#);
        let error = read(&body).expect_err("another type").to_string();
        assert!(error.contains("(withheld") && !error.contains("0123456789"), "{error}");
    }
}

#[test]
fn a_member_that_stands_twice_does_harm_only_with_two_values() {
    for member in [
        r#""scope":"a","scope":"a""#,
        r#""scope":"a","scope":"\u0061""#,
        r#""expires_in":60,"expires_in":60"#,
        r#""access_token":"abc","token_type":"bEaReR""#,
        r#""x":1,"x":2"#,
        r#""error":null,"error":null"#,
    ] {
        assert!(with(member).is_ok(), "{member}");
    }
    for (member, name) in [
        (r#""scope":"a","scope":"b""#, "scope"),
        (r#""expires_in":60,"expires_in":61"#, "expires_in"),
        (r#""expires_in":60,"expires_in":"60""#, "expires_in"),
        (r#""access_token":"def""#, "access_token"),
        (r#""token_type":"dpop""#, "token_type"),
        (r#""error":null,"error":"x""#, "error"),
    ] {
        let error = with(member).expect_err("two readers would differ").to_string();
        assert_eq!(error, format!("the issuer's answer is not valid: its {name} stands twice, with two values"));
    }
}

/// Bodies that use other words than RFC 6749 has, or none.
fn other_words() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "<html>no</html>",
        "no",
        "{}",
        "[]",
        r#"{"status":401,"error":"Unauthorized","message":"Bad credentials"}"#,
        r#"{"error":"incorrect_client_credentials"}"#,
        r#"{"error":"temporarily_unavailable"}"#,
        r#"{"error":{"code":7,"message":"no"}}"#,
        r#"{"title":"no"}"#,
        r#"{"error":["no"]}"#,
    ];
    let more = [vec![b'x'; 65_536], b"\x1f\x8b\x08\0".to_vec(), b"{\"error\":\"\xfc\"}".to_vec()];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).chain(more).collect()
}

#[test]
fn a_status_means_the_same_whatever_its_body_is() {
    for body in other_words() {
        let failed = |status| failed_with(status, &body);
        let case = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert!(matches!(failed(401), IssuerError::Refused { meaning: Meaning::Client, .. }), "{case}");
        let forbidden = failed(403);
        // An issuer that speaks the protocol speaks JSON.
        let is_foreign = !(case.is_empty() || case.starts_with(['{', '[']));
        let meaning = if is_foreign { Meaning::Before } else { Meaning::Access };
        assert!(matches!(&forbidden, IssuerError::Refused { meaning: m, .. } if *m == meaning), "{case}: {forbidden}");
        assert!(matches!(failed(429), IssuerError::RateLimited { .. }), "{case}");
        for status in [408, 500, 502, 503, 599] {
            assert!(matches!(failed(status), IssuerError::Server { .. }), "{status} {case}");
        }
        for status in [404, 405, 410] {
            let error = failed(status);
            assert!(matches!(error, IssuerError::NoAnswer { .. }), "{case}: {error}");
            assert!(error.to_string().starts_with(&format!("no OAuth answer (HTTP {status})")), "{error}");
        }
    }
}

#[test]
fn the_codes_of_the_protocol_mean_what_they_say_with_401_and_403_too() {
    for code in OWN_MEANING {
        for status in [400, 401, 403] {
            let error = failed_with(status, format!(r#"{{"error":"{code}"}}"#).as_bytes());
            let is_own = matches!(&error, IssuerError::Refused { meaning: Meaning::Named, error: Some(named), .. } if named == code);
            assert!(is_own, "{status} {code}: {error}");
        }
    }
    let denied = failed_with(401, br#"{"error":"access_denied"}"#);
    assert!(matches!(denied, IssuerError::Refused { meaning: Meaning::Client, error: Some(_), .. }));
    assert!(matches!(failed_with(400, br#"{"error":"temporarily_unavailable"}"#), IssuerError::Server { .. }));
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_issuer() {
    for (status, body, told) in [
        (401, "", "the issuer refused (HTTP 401) and says no reason"),
        (
            401,
            r#"{"error":"Unauthorized","message":"Bad credentials"}"#,
            "the issuer refused: Unauthorized: Bad credentials",
        ),
        (403, r#"{"message":"Forbidden"}"#, "the issuer refused: Forbidden"),
        (403, " <!doctype html>", "a web page in place of an answer (HTTP 403): something before the issuer refused"),
        (404, r#"{"detail":"Not Found"}"#, "no OAuth answer (HTTP 404): Not Found"),
        (405, "<html>", "no OAuth answer (HTTP 405)"),
        (400, "<html>", "no OAuth answer (HTTP 400)"),
        (400, r#"{"error":{"message":"no such client"}}"#, "the issuer refused: no such client"),
        (400, r#"{"errorCode":"invalid_client","errorSummary":"no"}"#, "the issuer refused: invalid_client: no"),
        (
            400,
            "{\"error\":\"invalid_client\",\"error_description\":\"ung\u{fc}ltig\"}",
            "the issuer refused: invalid_client: ungültig",
        ),
        (415, r#"{"status":415,"error":"Unsupported Media Type"}"#, "the issuer refused: Unsupported Media Type"),
    ] {
        assert_eq!(failed_with(status, body.as_bytes()).to_string(), told, "{status} {body}");
    }
    let latin = b"{\"error\":\"invalid_client\",\"error_description\":\"ung\xfcltig\"}";
    for error in [failed_with(400, latin), granted(200, latin, Known::default(), BEARER).expect_err("refused")] {
        assert_eq!(error.to_string(), "the issuer refused: invalid_client: ungültig");
    }
}

#[test]
fn an_error_as_an_object_or_a_list_beside_a_token_is_an_error() {
    for (error, is_one) in
        [(r#"{"code":7}"#, true), (r#"["x"]"#, true), ("{ }", false), ("[]", false), ("null", false), ("0", false)]
    {
        assert_eq!(with(&format!(r#""error":{error}"#)).is_err(), is_one, "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..256), status in 100_u16..600) {
        let _ = granted(status, &body, Known::default(), BEARER);
        let _ = failed_with(status, &body);
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
            prop_assert!(granted(status, body.as_bytes(), Known::default(), Wanted { binding, ..BEARER }).is_err(), "{}", body);
        }
    }

    #[test]
    fn no_error_ever_gives_a_token(error in "[a-z_]{1,20}", token in "[a-z]{1,20}") {
        let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","error":"{error}"}}"#);
        prop_assert!(read(&body).is_err());
    }
}
