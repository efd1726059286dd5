//! Tokens that are good for no later caller: those who wait share one all the same, and one of them warns.

use serde_json::json;

use super::{alone, ends, spawn, turn};
use crate::common::issuer::{Behaviour, TOKEN_PREFIX};
use crate::common::{Issuer, Outcome};
use crate::main_job::environment_for;
use crate::setup::{PROFILE, get, get_json, prepend};

/// An answer with a token of this lifetime, as an issuer writes it.
fn living(seconds: &str) -> Behaviour {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let body = format!(r#"{{"access_token":"{TOKEN_PREFIX}lives","token_type":"Bearer","expires_in":{seconds}}}"#);
    Behaviour::Answer { status: 200, headers, body: body.into() }
}

fn warnings(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines.map(|line| line["warning"]["code"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn forty_who_wait_for_a_token_without_a_lifetime_share_one_request() {
    let _alone = alone();
    for options in [&[][..], &["--refresh"]] {
        let issuer = Issuer::start_with(["--expires-in", "0"]);
        let environment = environment_for(&issuer);
        let first = ends(spawn(&environment, 1, &[]));
        let turn = turn::take(&environment);
        let herd = spawn(&environment, 40, options);
        turn::wait_for_waiters(&environment, 40);
        drop(turn);
        let herd = ends(herd);
        assert!(herd.iter().all(|one| one.code == 0 && one.token() == herd[0].token()), "{herd:?}");
        assert!(herd[0].token() != first[0].token());
        assert_eq!(herd.iter().filter(|one| one.stderr.contains("lifetime_zero")).count(), 1);
        assert_eq!(issuer.count("/token"), 2, "{options:?}");
        // Whoever comes later is not given what is over.
        let later = ends(spawn(&environment, 1, &[]));
        assert!(later[0].code == 0 && later[0].token() != herd[0].token());
        assert_eq!(issuer.count("/token"), 3);
        environment.tokenkeep(["token", "get", "--offline"]).run().exits(5);
    }
}

#[test]
fn a_token_that_is_over_when_it_arrives_is_warned_of_once() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for seconds in ["0", "-1", "\"0\"", "0.5", "-1e9"] {
        issuer.behave("/token", living(seconds));
        let outcome = get_json(&environment).run().success();
        assert_eq!(warnings(&outcome), ["lifetime_zero"], "{seconds}");
        assert_eq!(outcome.json()["expires_in"], 0, "{seconds}");
    }
    issuer.behave("/token", Behaviour::Normal);
    issuer.set(json!({ "expires_in": 1, "latency_ms": 1_100 }));
    let outcome = get(&environment).run().success();
    assert!(outcome.stderr.contains("warning: lifetime_zero: the token has no lifetime left"), "{outcome:?}");
}

#[test]
fn a_min_ttl_that_no_token_of_the_issuer_has_is_warned_of() {
    let issuer = Issuer::start_with(["--expires-in", "3600"]);
    let environment = environment_for(&issuer);
    for (min_ttl, codes) in [("2h", &["min_ttl_above_lifetime"][..]), ("1h", &["min_ttl_above_lifetime"]), ("59m", &[])]
    {
        let outcome = get_json(&environment).args(["--min-ttl", min_ttl]).run().success();
        assert_eq!(warnings(&outcome), codes, "{min_ttl}");
    }
    prepend(&environment, PROFILE, "min_ttl = \"90m\"");
    let outcome = get(&environment).run().success();
    let words = "min_ttl is 1h30m, and the issuer's tokens live for 1h, so each call asks the issuer";
    assert!(outcome.stderr.contains(words), "{outcome:?}");
    let refreshed = get_json(&environment).arg("--refresh").run().success();
    assert_eq!(warnings(&refreshed), Vec::<String>::new(), "it asks for no remaining life");
}
