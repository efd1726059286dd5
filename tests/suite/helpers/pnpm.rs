//! pnpm: no host, no arguments, the whole header.

use super::{Client, environment, kept, warm};
use crate::common::Issuer;

pub(super) const CLIENT: Client = Client {
    name: "pnpm",
    program: "tokenkeep-npm",
    ask: |_| (Vec::new(), String::new()),
    token: |outcome| {
        let line = outcome.stdout_str().strip_suffix('\n').unwrap_or_default();
        line.strip_prefix("Bearer ").unwrap_or_default().to_owned()
    },
    foreign: None,
};

#[test]
fn the_profile_is_named_by_a_flag_or_a_variable_and_nothing_else_is_taken() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let by_flag = CLIENT.typed(&environment, &["-p", "default"], "").prints_token().run().success();
    let by_variable = CLIENT.call(&environment, "").env("TOKENKEEP_PROFILE", "default").prints_token().run().success();
    for outcome in [by_flag, by_variable] {
        assert!((CLIENT.token)(&outcome) == kept(&environment));
    }
    CLIENT.typed(&environment, &["-p", "absent"], "").run().exits(3).says("absent");
    CLIENT.typed(&environment, &["get"], "").run().exits(2).says("takes -p NAME and nothing else");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_failure_prints_no_header() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    issuer.answer("/token", 401, &serde_json::json!({ "error": "invalid_client" }));
    let failed = CLIENT.call(&environment, "").run().exits(4).says("tokenkeep: ");
    assert_eq!(failed.stdout_str(), "");
    issuer.reset();
    crate::setup::forget(&environment);
    assert!(!kept(&environment).is_empty());
}
