//! What the issuer says of a token, and how the token is written.

use serde_json::{Value, json};

use super::{environment_for, get, token};
use crate::common::issuer::{Behaviour, TOKEN_PREFIX};
use crate::common::{Issuer, tokenkeep};

const FIVE_MINUTES: u64 = 300;
const TEN_YEARS: u64 = 10 * 365 * 86_400;

#[test]
fn each_format_writes_the_same_token() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let plain = token(&environment, &[]);
    let written = |options: &[&str]| get(&environment, options).stdout_str().to_owned();
    assert!(written(&["--format", "token"]) == format!("{plain}\n"));
    assert!(written(&["--format", "header"]) == format!("Authorization: Bearer {plain}\n"));
    assert!(written(&["--format", "env"]) == format!("export ACCESS_TOKEN='{plain}'\n"));
    assert!(written(&["--format", "env", "--env", "_T1"]) == format!("export _T1='{plain}'\n"));
    assert!(written(&["--json"]) == written(&["--format", "json"]));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn the_json_of_a_token_has_the_members_of_the_contract() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let mut json = get(&environment, &["--json", "--scope", "b a"]).json();
    let mut taken = |name: &str| json[name].take();
    assert!(taken("access_token").as_str().is_some_and(|token| token.starts_with(TOKEN_PREFIX)));
    assert_eq!(taken("token_type"), "Bearer");
    assert_eq!(taken("scope"), "a b");
    assert_eq!(taken("profile"), "default");
    assert_eq!(taken("source"), "issuer");
    assert_eq!(taken("lifetime_assumed"), false);
    assert!(taken("expires_in").as_u64().is_some_and(|left| (1..=3600).contains(&left)));
    assert!(taken("expires_at").as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 20));
    let members = json.as_object().expect("an object");
    assert!(members.len() == 8 && members.values().all(Value::is_null), "no other members: {members:?}");
}

#[test]
fn a_shell_can_evaluate_any_token() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let nasty = format!(r#"{TOKEN_PREFIX}'"`id`$(touch$IFS./pwned)\;&|<>*?~!#%{{}}'';touch${{IFS}}pwned;''"#);
    issuer.answer("/token", 200, &json!({ "access_token": nasty, "token_type": "Bearer", "expires_in": 3600 }));
    let script = r#"eval "$("$0" token get --format env --env GOT)" && printf '%s\n' "$GOT""#;
    for shell in ["sh", "bash"] {
        let evaluated = environment.program(shell, ["-c", script]).arg(tokenkeep());
        assert!(evaluated.prints_token().run().success().token() == nasty, "{shell} has the token as it was given");
    }
    assert!(!environment.home().join("pwned").exists(), "nothing was run");
}

#[test]
fn a_name_that_is_no_variable_is_refused_before_anybody_is_asked() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for name in ["", "1A", "A B", "A;id", "A=B", "Ä"] {
        environment.tokenkeep(["--json", "token", "get", "--format", "env", "--env", name]).run().fails(2, "usage");
    }
    environment.tokenkeep(["--json", "token", "get", "--env", "A"]).run().fails(2, "usage");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_lifetime_is_a_number_or_a_numeric_string_and_never_endless() {
    let issuer = Issuer::start();
    for (expires_in, lifetime) in [
        (json!(3600), 3600),
        (json!("3600"), 3600),
        (json!(3600.9), 3600),
        (json!("1800.5"), 1800),
        (json!(1e18), TEN_YEARS),
        (json!("99999999999999999999999"), TEN_YEARS),
    ] {
        let environment = environment_for(&issuer);
        issuer.set(json!({ "expires_in": expires_in }));
        let before = issuer.count("/token");
        let fetched = get(&environment, &["--json"]);
        assert!(!fetched.stderr.contains("lifetime_assumed"), "{expires_in}: {fetched:?}");
        let fetched = fetched.json();
        assert_eq!(fetched["lifetime_assumed"], false, "{expires_in}");
        let left = fetched["expires_in"].as_u64().expect("a number");
        assert!(left <= lifetime && left > lifetime - 60, "{expires_in}: {left} s");
        get(&environment, &[]);
        assert_eq!(issuer.count("/token") - before, 1, "{expires_in} is kept");
    }
}

#[test]
fn a_token_without_a_usable_lifetime_gets_the_default_one_with_a_warning() {
    let issuer = Issuer::start();
    for expires_in in [json!(null), json!("soon"), json!([3600]), json!({}), json!(true), json!("")] {
        let environment = environment_for(&issuer);
        issuer.set(json!({ "expires_in": expires_in }));
        let before = issuer.count("/token");
        let fetched = get(&environment, &["--json"]).says("lifetime_assumed").json();
        assert_eq!(fetched["lifetime_assumed"], true, "{expires_in}");
        assert!(fetched["expires_in"].as_u64().is_some_and(|left| left <= FIVE_MINUTES), "{expires_in}");
        let kept = get(&environment, &["--json"]).does_not_say("lifetime_assumed").json();
        assert_eq!((&kept["source"], &kept["lifetime_assumed"]), (&json!("cache"), &json!(true)), "{expires_in}");
        assert_eq!(issuer.count("/token") - before, 1, "{expires_in} is kept");
    }
}

#[test]
fn a_token_that_is_over_at_once_is_handed_out_and_not_kept() {
    let issuer = Issuer::start();
    for expires_in in [json!(0), json!(-5), json!("0"), json!("-1"), json!(0.9)] {
        let environment = environment_for(&issuer);
        issuer.set(json!({ "expires_in": expires_in }));
        let before = issuer.count("/token");
        assert!(token(&environment, &[]) != token(&environment, &[]), "{expires_in}");
        assert_eq!(issuer.count("/token") - before, 2, "{expires_in} is not kept");
    }
}

#[test]
fn a_narrower_scope_is_told_and_kept_under_the_request() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    issuer.set(json!({ "members": { "scope": "a" } }));
    let fetched = get(&environment, &["--json", "--scope", "a b"]).says("scope_narrowed").json();
    assert_eq!(fetched["scope"], "a");
    let kept = get(&environment, &["--json", "--scope", "a b"]).json();
    assert_eq!((&kept["source"], &kept["scope"]), (&json!("cache"), &json!("a")));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_scope_of_another_order_or_form_is_not_narrower() {
    let issuer = Issuer::start();
    for scope in [json!("b a"), json!("c b a"), json!(["b", "a"])] {
        let environment = environment_for(&issuer);
        issuer.set(json!({ "members": { "scope": scope } }));
        get(&environment, &["--scope", "a b"]).does_not_say("scope_narrowed");
    }
}

#[test]
fn a_date_header_that_is_hours_off_is_only_a_diagnostic() {
    let issuer = Issuer::start();
    for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"] {
        let environment = environment_for(&issuer);
        let body =
            json!({ "access_token": format!("{TOKEN_PREFIX}{date:.3}"), "token_type": "Bearer", "expires_in": 60 });
        let headers =
            vec![("Content-Type".to_owned(), "application/json".to_owned()), ("Date".to_owned(), date.to_owned())];
        issuer.behave("/token", Behaviour::Answer { status: 200, headers, body: body.to_string().into() });
        let before = issuer.count("/token");
        let fetched = get(&environment, &[]);
        assert_eq!(fetched.stderr, "", "{date}");
        assert!(get(&environment, &[]).token() == fetched.token(), "{date}: it is kept all the same");
        assert_eq!(issuer.count("/token") - before, 1);
        let told = get(&environment, &["--refresh", "-v"]);
        assert!(told.stderr.to_lowercase().contains("clock"), "-v tells of the difference: {told:?}");
    }
}
