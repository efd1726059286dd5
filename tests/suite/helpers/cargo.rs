//! cargo: a greeting, then one JSON object a line.

use serde_json::{Value, json};

use super::{BASIC, Client, FOREIGN, HOST, environment, kept, warm};
use crate::common::{Issuer, Outcome};
use crate::setup::forget;

pub(super) const CLIENT: Client = Client {
    name: "cargo",
    program: "cargo-credential-tokenkeep",
    ask: |host| (vec!["--cargo-plugin".to_owned()], get(host, &[])),
    token: |outcome| {
        let token = answers(outcome)[0]["Ok"]["token"].clone();
        token.as_str().and_then(|token| token.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
    },
    foreign: Some(|outcome| {
        assert_eq!((outcome.code, answers(outcome)), (0, vec![json!({ "Err": { "kind": "url-not-supported" } })]));
    }),
};

/// A request as cargo 1.8x sends it.
fn request(host: &str, members: &Value) -> String {
    let mut request =
        json!({ "v": 1, "registry": { "index-url": format!("sparse+https://{host}/index/"), "name": "x" } });
    for (name, member) in members.as_object().expect("members") {
        request[name] = member.clone();
    }
    format!("{request}\n")
}

fn get(host: &str, args: &[&str]) -> String {
    request(host, &json!({ "kind": "get", "operation": "read", "args": args }))
}

/// The answers behind the greeting, which comes once.
fn answers(outcome: &Outcome) -> Vec<Value> {
    let mut lines = outcome.stdout_str().lines();
    assert_eq!(lines.next(), Some(r#"{"v":[1]}"#), "{outcome:?}");
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("should be JSON: {outcome:?}"))).collect()
}

#[test]
fn an_answer_has_the_whole_header_and_the_true_end() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for operation in [
        json!({ "kind": "get", "operation": "read" }),
        json!({ "kind": "get", "operation": "publish", "name": "x", "vers": "1.0.0", "cksum": "00" }),
        json!({ "kind": "get", "operation": "owners", "name": "x" }),
    ] {
        let outcome = CLIENT.typed(&environment, &["--cargo-plugin"], request(HOST, &operation)).prints_token();
        let answer = answers(&outcome.run().success()).remove(0)["Ok"].take();
        let json = environment.tokenkeep(["token", "get", "--json"]).prints_token().run().success().json();
        assert!(answer["token"] == format!("Bearer {}", kept(&environment)));
        let shape = (&answer["kind"], &answer["cache"], &answer["operation_independent"]);
        assert_eq!(shape, (&json!("get"), &json!("expires"), &json!(true)));
        let end = chrono::DateTime::parse_from_rfc3339(json["expires_at"].as_str().expect("an end")).expect("a time");
        let reported = answer["expiration"].as_i64().expect("seconds");
        assert!((reported - end.timestamp()).abs() <= 1, "{reported} and {end}");
    }
    let basic = CLIENT.call(&environment, BASIC).prints_token().run().success();
    assert!(answers(&basic)[0]["Ok"]["token"].as_str().is_some_and(|token| token.starts_with("Basic ")));
}

#[test]
fn lines_are_answered_until_there_are_no_more_and_the_exit_code_is_0() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let lines = [
        request(HOST, &json!({ "kind": "login", "token": "CANARY-SECRET-typed" })),
        request(HOST, &json!({ "kind": "logout" })),
        request(HOST, &json!({ "kind": "later" })),
        request(HOST, &json!({ "kind": "get", "operation": "later" })),
        request(FOREIGN, &json!({ "kind": "get", "operation": "read" })),
        "\n".to_owned(),
        "garbage\n".to_owned(),
        get(HOST, &["-p", "default"]),
        get(HOST, &["-p", "absent"]),
        get(HOST, &["--verbose"]),
        get(HOST, &[]),
    ];
    for _ in 0..2 {
        let outcome = CLIENT.typed(&environment, &["--cargo-plugin"], lines.concat()).prints_token().run().success();
        let kinds: Vec<String> = answers(&outcome)
            .iter()
            .map(|answer| format!("{}{}", answer["Ok"]["kind"], answer["Err"]["kind"]).replace("null", ""))
            .collect();
        let unsupported = "\"operation-not-supported\"";
        let other = "\"other\"";
        let all = [
            unsupported,
            unsupported,
            unsupported,
            unsupported,
            "\"url-not-supported\"",
            other,
            "\"get\"",
            other,
            other,
            "\"get\"",
        ];
        assert_eq!(kinds, all);
        outcome.does_not_say("garbage");
    }
    assert_eq!(issuer.count("/token"), 1);
    forget(&environment);
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    let failed = CLIENT.call(&environment, HOST).run().success();
    let error = &answers(&failed)[0]["Err"];
    assert_eq!((&error["kind"], &error["caused-by"]), (&json!("other"), &json!([])));
    assert!(error["message"].as_str().is_some_and(|message| message.contains("invalid_client")), "{failed:?}");
}
