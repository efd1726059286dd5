//! Hints about tokens: had, proven, checked.

use serde_json::json;

use super::GET;
use super::terminal::Terminal;
use crate::common::issuer::Behaviour;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, credential_and_token};

#[test]
fn a_token_is_had_as_the_hint_says() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let terminal = Terminal::of(&environment).with("METHOD", "GET").with("URL", "https://api.example.com/");
    // ContactIssuer, LowerMinTtl, AcceptCached.
    terminal.follows(&format!("{GET} --offline"));
    terminal.follows(&format!("{GET} --offline --min-ttl 2h"));
    for flags in ["--refresh", "--min-ttl 2h"] {
        let failing = Issuer::start();
        let environment = credential_and_token(&failing, &[]);
        failing.behave("/token", Behaviour::Answer { status: 500, headers: Vec::new(), body: Default::default() });
        Terminal::of(&environment).follows(&format!("{GET} {flags}"));
    }

    // LeaveProofOut: either way.
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["-p", "billing"]);
    let terminal = Terminal::of(&environment).with("METHOD", "GET").with("URL", "https://api.example.com/");
    let line = "tokenkeep token get -p billing --format dpop --method GET --url https://api.example.com/";
    terminal.follows_way(line, 1);
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    terminal.works(line);
    // NameProvenRequest.
    terminal.follows("tokenkeep token get -p billing --format header");
}

#[test]
fn what_a_resource_server_misses_is_added() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let terminal = Terminal::of(&environment)
        .absent()
        .secret("CANARY-TOKEN-opaque")
        .with("A", "https://api.example.com")
        .with("URL", issuer.url("/keys"))
        .with("ISSUER", "https://issuer.example.com");
    let mut line = "tokenkeep token validate --as-resource-server --token-stdin".to_owned();
    for flag in ["--audience", "--jwks", "--issuer"] {
        line = terminal.advised(&line, 0).0;
        assert!(line.contains(flag), "{line}");
    }
    let judged = terminal.types(&line);
    assert!(judged.code != 2, "nothing is missing: {judged:?}");
}
