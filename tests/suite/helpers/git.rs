//! git: lines of `key=value`.

use super::{BASIC, Client, FOREIGN, HOST, environment, kept, warm};
use crate::common::{Issuer, Outcome};

pub(super) const CLIENT: Client = Client {
    name: "git",
    program: "git-credential-tokenkeep",
    ask: |host| {
        (vec!["get".to_owned()], format!("capability[]=authtype\ncapability[]=state\nprotocol=https\nhost={host}\n\n"))
    },
    token: |outcome| value(outcome, "credential"),
    foreign: Some(|outcome| assert_eq!((outcome.code, outcome.stdout_str()), (0, ""), "{outcome:?}")),
};

fn value(outcome: &Outcome, key: &str) -> String {
    let line = outcome.stdout_str().lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("should have a line {key}=: {outcome:?}")).to_owned()
}

fn keys(outcome: &Outcome) -> Vec<&str> {
    outcome.stdout_str().lines().map(|line| line.split('=').next().unwrap_or_default()).collect()
}

#[test]
fn a_git_that_sends_bearer_tokens_gets_one_and_an_earlier_one_a_password() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let bearer = CLIENT.call(&environment, HOST).prints_token().run().success();
    assert_eq!(keys(&bearer), ["capability[]", "authtype", "credential", "password_expiry_utc", "ephemeral", ""]);
    let password = |host: &str, announced: &str| {
        let input = format!("{announced}protocol=https\nhost={host}\n");
        let outcome = CLIENT.typed(&environment, &["get"], input).prints_token().run().success();
        assert_eq!(keys(&outcome), ["username", "password", "password_expiry_utc", ""]);
        assert!(value(&outcome, "password") == kept(&environment));
        value(&outcome, "username")
    };
    assert_eq!(password(HOST, ""), "oauth2");
    // A host that takes passwords gets one of any git.
    assert_eq!(password(BASIC, "capability[]=authtype\n"), "robot");
}

#[test]
fn a_refused_token_is_taken_out_of_use_and_another_ones_is_not() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let first = kept(&environment);
    let erase = |host: &str, credential: &str| {
        let input = format!("protocol=https\nhost={host}\n{credential}\n\n");
        let outcome = CLIENT.typed(&environment, &["erase"], input).run().success();
        assert_eq!((outcome.stdout_str(), outcome.stderr.as_str()), ("", ""));
    };
    erase(HOST, "password=another");
    erase(FOREIGN, &format!("credential={first}"));
    assert!(kept(&environment) == first);
    erase(HOST, &format!("authtype=Bearer\ncredential={first}"));
    assert!(kept(&environment) != first);
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_failure_ends_the_search_and_what_is_not_for_us_does_not() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    issuer.answer("/token", 401, &serde_json::json!({ "error": "invalid_client" }));
    let failed = CLIENT.call(&environment, HOST).run().success();
    assert_eq!(failed.stdout_str(), "quit=1\n");
    failed.says("tokenkeep: ");
    for (words, input) in [
        (&["get"][..], "protocol=http\nhost=server.example.com\n\n"),
        (&["get"], "protocol=https\n\n"),
        (&["get"], ""),
        (&["store"], "protocol=https\nhost=server.example.com\nusername=u\npassword=p\n\n"),
        (&["later"], "protocol=https\nhost=server.example.com\n\n"),
    ] {
        let outcome = CLIENT.typed(&environment, words, input).run().success();
        assert_eq!((outcome.stdout_str(), outcome.stderr.as_str()), ("", ""), "{words:?} {input}");
    }
    let capability = CLIENT.typed(&environment, &["capability"], "").run().success();
    assert_eq!(capability.stdout_str(), "version 0\ncapability authtype\n");
}
