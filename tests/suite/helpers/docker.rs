//! docker: the server on stdin, everything that is to be seen on stdout.

use serde_json::json;

use super::{BASIC, Client, FOREIGN, HOST, environment, kept, warm};
use crate::common::Issuer;
use crate::setup::{PROFILE, edit, forget};

pub(super) const CLIENT: Client = Client {
    name: "docker",
    program: "docker-credential-tokenkeep",
    ask: |host| (vec!["get".to_owned()], host.to_owned()),
    token: |outcome| outcome.json()["Secret"].as_str().unwrap_or_default().to_owned(),
    foreign: Some(|outcome| {
        assert_eq!((outcome.code, outcome.stdout_str()), (1, "credentials not found in native keychain\n"));
    }),
};

#[test]
fn a_pair_names_the_server_as_it_was_written_and_the_user_of_its_entry() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for (server, user) in [(HOST, "oauth2"), ("https://server.example.com/v1/\n", "oauth2"), (BASIC, "robot")] {
        let outcome = CLIENT.typed(&environment, &["get"], server).prints_token().run().success();
        let pair = json!({ "ServerURL": server.trim(), "Username": user, "Secret": kept(&environment) });
        assert!(outcome.json() == pair, "{server}");
    }
}

#[test]
fn a_namespace_of_a_registry_has_an_entry_of_its_own() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    edit(&environment, PROFILE, "\"server.example.com\"", "\"server.example.com/team\"");
    let ask = |server: &str| CLIENT.typed(&environment, &["get"], server).prints_token().run().code;
    assert_eq!((ask("server.example.com/team"), ask("server.example.com/team/app")), (0, 0));
    assert_eq!((ask("server.example.com"), ask("server.example.com/teams")), (1, 1));
}

#[test]
fn a_list_names_the_servers_whose_token_is_kept_and_requests_none() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let list = || CLIENT.typed(&environment, &["list"], "").run().success().json();
    assert_eq!(list(), json!({}));
    kept(&environment);
    assert_eq!(list(), json!({ "https://server.example.com": "oauth2", "https://basic.example.com": "robot" }));
    edit(&environment, PROFILE, "\"server.example.com\"", "\"server.example.com/team\"");
    assert_eq!(list(), json!({ "https://basic.example.com": "robot" }));
    forget(&environment);
    assert_eq!(list(), json!({}));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_logout_takes_the_kept_token_out_of_use_and_nothing_is_stored() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let first = kept(&environment);
    let erase = |server: &str| {
        let outcome = CLIENT.typed(&environment, &["erase"], server).run().success();
        assert_eq!((outcome.stdout_str(), outcome.stderr.as_str()), ("", ""));
    };
    erase(FOREIGN);
    assert!(kept(&environment) == first);
    erase(HOST);
    assert!(kept(&environment) != first);
    let given = json!({ "ServerURL": HOST, "Username": "u", "Secret": "CANARY-SECRET-given" }).to_string();
    let stored = CLIENT.typed(&environment, &["store"], given).run().exits(1);
    assert!(stored.stdout_str().contains("nothing was stored") && stored.stderr.is_empty(), "{stored:?}");
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_failure_and_a_wrong_verb_are_reported_on_stdout() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    issuer.answer("/token", 401, &json!({ "error": "invalid_client" }));
    for (words, input, said) in [
        (&["get"][..], HOST, "invalid_client"),
        (&["get"], " \n", "named no server"),
        (&["put"], HOST, "takes get, list, store, erase or version"),
        (&[], "", "takes get, list, store, erase or version"),
    ] {
        let outcome = CLIENT.typed(&environment, words, input).run().exits(1);
        assert!(outcome.stdout_str().contains(said) && outcome.stderr.is_empty(), "{words:?}: {outcome:?}");
        assert_eq!(outcome.stdout_str().lines().count(), 1, "{outcome:?}");
    }
    for verb in ["version", "--version"] {
        let version = CLIENT.typed(&environment, &[verb], "").run().success();
        assert!(version.stdout_str().starts_with("docker-credential-tokenkeep (tokenkeep) "), "{version:?}");
    }
}
