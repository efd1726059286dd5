//! Bazel: JSON in and out, by the specification of EngFlow.

use serde_json::json;

use super::{BASIC, Client, HOST, kept, schema, warm};
use crate::common::{Issuer, Outcome};

pub(super) const CLIENT: Client = Client {
    name: "bazel",
    program: "tokenkeep-bazel",
    ask: |host| (vec!["get".to_owned()], json!({ "uri": format!("https://{host}/cache/x") }).to_string()),
    token: |outcome| header(outcome).strip_prefix("Bearer ").unwrap_or_default().to_owned(),
    foreign: Some(|outcome| {
        assert_eq!((outcome.code, outcome.stdout_str()), (0, "{}\n"));
        schema::assert_valid(&outcome.json(), "bazel-response.json");
    }),
};

fn header(outcome: &Outcome) -> String {
    outcome.json()["headers"]["Authorization"][0].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_answer_is_of_the_schema_and_ends_a_minute_before_the_token() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for uri in ["https://server.example.com/x", "grpcs://server.example.com/Service/Method"] {
        let input = json!({ "uri": uri, "later": [1] }).to_string();
        let answer = CLIENT.typed(&environment, &["get", "--verbose"], input).prints_token().run().success();
        schema::assert_valid(&answer.json(), "bazel-response.json");
        let json = environment.tokenkeep(["token", "get", "--json"]).prints_token().run().success().json();
        let (end, reported) = (json["expires_at"].as_str().expect("an end"), &answer.json()["expires"]);
        assert!(reported.as_str().expect("an end") < end, "{reported} {end}");
    }
    let basic = CLIENT.call(&environment, BASIC).prints_token().run().success();
    let pair =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("robot:{}", kept(&environment)));
    assert!(header(&basic) == format!("Basic {pair}"));
}

#[test]
fn another_scheme_and_another_command_are_failures_of_one_line() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let failed = |words: &[&str], input: &str| {
        let outcome = CLIENT.typed(&environment, words, input).run();
        assert!(outcome.code != 0 && outcome.stdout.is_empty(), "{words:?} {input}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    };
    for uri in ["ftp://server.example.com/", "server.example.com", "file:///x", "", "https:///"] {
        failed(&["get"], &json!({ "uri": uri }).to_string());
    }
    for input in ["", "{}", "[]", r#"{"uri": 1}"#] {
        failed(&["get"], input);
    }
    failed(&[], "");
    failed(&["store"], r#"{"uri": "https://server.example.com/"}"#);
    // Without TLS nothing is handed out, and the build goes on.
    for uri in ["http://server.example.com/", "grpc://server.example.com/S/M", "https://u@server.example.com/"] {
        let outcome = CLIENT.typed(&environment, &["get"], json!({ "uri": uri }).to_string()).run().success();
        assert_eq!((outcome.stdout_str(), HOST), ("{}\n", "server.example.com"), "{uri}");
    }
}
