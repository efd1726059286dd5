//! Records that were written under another clock: one ahead, one of another time namespace, one of a system without boot id.

use std::process::Command;

use crate::common::{Invocation, Issuer, skipped};
use crate::setup::{credential, get};

/// Without /proc there is no boot id.
const HIDDEN: [&str; 5] = ["unshare", "-m", "sh", "-c", r#"mount -t tmpfs none /proc && exec "$0" "$@""#];

fn works(prefix: &[&str]) -> bool {
    let output = Command::new(prefix[0]).args(&prefix[1..]).arg("true").output();
    let works = output.is_ok_and(|output| output.status.success());
    if !works {
        skipped(&format!("this machine does not let a test {}", prefix.join(" ")));
    }
    works
}

fn ten_years_ahead(invocation: Invocation) -> Invocation {
    invocation.under(["faketime", "-f", "+10y"]).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn one_fetch_under_a_clock_that_is_ahead_costs_one_request() {
    if !works(&HIDDEN) {
        return;
    }
    for hidden in [true, false] {
        let issuer = Issuer::start();
        let environment = credential(&issuer, &[]);
        ten_years_ahead(get(&environment)).under(HIDDEN).run().success().token();
        let after = || match hidden {
            true => get(&environment).under(HIDDEN).run().success(),
            false => get(&environment).run().success(),
        };
        let first = after();
        for _ in 0..4 {
            let next = after();
            assert!(next.token() == first.token());
            next.does_not_say("clock_jump");
        }
        assert_eq!(issuer.count("/token"), 2, "{hidden}");
    }
}

#[test]
fn a_token_of_another_time_namespace_is_not_later_than_the_call_and_is_replaced() {
    let shifted = ["unshare", "-T", "--boottime", "1000000", "--fork"];
    if !works(&shifted) {
        return;
    }
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let there = get(&environment).under(shifted).run().success();
    let fresh = get(&environment).arg("--refresh").run().success();
    assert!(fresh.token() != there.token(), "it was requested before this call began");
    for _ in 0..3 {
        assert!(get(&environment).run().success().token() == fresh.token());
    }
    assert_eq!(issuer.count("/token"), 2);
}
