//! Terraform: `get HOST`, JSON.

use serde_json::json;

use super::{Client, HOST, environment, kept, schema, warm};
use crate::common::Issuer;
use crate::setup::{PROFILE, edit};

pub(super) const CLIENT: Client = Client {
    name: "terraform",
    program: "terraform-credentials-tokenkeep",
    ask: |host| (vec!["get".to_owned(), host.to_owned()], String::new()),
    token: |outcome| {
        schema::assert_valid(&outcome.json(), "terraform-response.json");
        outcome.json()["token"].as_str().unwrap_or_default().to_owned()
    },
    foreign: Some(|outcome| {
        assert_eq!((outcome.code, outcome.stdout_str()), (0, "{}\n"));
        schema::assert_valid(&outcome.json(), "terraform-response.json");
    }),
};

#[test]
fn a_host_in_other_letters_is_named_in_punycode() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    edit(&environment, PROFILE, "\"server.example.com\"", "\"b\u{fc}cher.example.com:8443\"");
    let outcome = CLIENT.call(&environment, "xn--bcher-kva.example.com:8443").prints_token().run().success();
    assert!((CLIENT.token)(&outcome) == kept(&environment));
}

#[test]
fn nothing_is_stored_forgetting_is_silent_and_other_verbs_fail() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let before = kept(&environment);
    let given = json!({ "token": "CANARY-SECRET-given" }).to_string();
    let stored = CLIENT.typed(&environment, &["-p", "default", "store", HOST], given).run().exits(2);
    stored.says("nothing was stored");
    let forgotten = CLIENT.typed(&environment, &["forget", HOST], "").run().success();
    assert_eq!((forgotten.stdout_str(), forgotten.stderr.as_str()), ("", ""));
    for words in [&[][..], &["get"], &["list", HOST], &["get", HOST, HOST], &["get", "https://server.example.com/"]] {
        let outcome = CLIENT.typed(&environment, words, "").run();
        assert!(outcome.code != 0 && outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{words:?}: {outcome:?}");
    }
    assert!(kept(&environment) == before);
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    crate::setup::forget(&environment);
    CLIENT.call(&environment, HOST).run().exits(4).says("invalid_client");
}
