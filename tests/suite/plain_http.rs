//! Plain http to a host of a private network: only if it was allowed by name, and only to a private address.

use serde_json::json;

use crate::common::{Invocation, Issuer, Outcome, TestEnvironment, skipped};
#[cfg(target_os = "linux")]
use crate::hints::terminal::Terminal;
use crate::proxies::can_unshare;
use crate::setup::{PROFILE, assert_refused, get, get_json, init, prepend, read, set_credential};

const HOST: &str = "keycloak";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// An issuer that is known by the name of its container.
fn allowed(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &named(issuer), &["--allow-http", HOST]).run().success();
    environment
}

fn named(issuer: &Issuer) -> String {
    issuer.token_url().replace("127.0.0.1", HOST)
}

/// A run on a machine on which the name leads to an address.
fn led_to(environment: &TestEnvironment, run: Invocation, address: &str) -> Outcome {
    let hosts = environment.write("files/hosts", format!("{address} {HOST}\n"));
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    run.under(["unshare", "-m", "sh", "-c", script, &hosts.display().to_string()]).run()
}

#[test]
fn a_host_that_is_allowed_is_asked_at_a_private_address_and_past_every_proxy() {
    if !can_unshare("-m") {
        return skipped("no mount namespace can be made here, so that no name leads anywhere");
    }
    let (issuer, proxy) = (Issuer::start(), Issuer::start());
    let environment = allowed(&issuer);
    let mut run = get(&environment);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        run = run.env(name, proxy.url(""));
    }
    led_to(&environment, run, "127.0.0.1").success().token();
    assert_eq!((issuer.count("/token"), proxy.traffic().accepted), (1, 0));
    // The name leads elsewhere: nothing is sent there.
    for address in ["192.0.2.1", "2001:db8::1"] {
        let outcome = led_to(&environment, get_json(&environment).arg("--refresh"), address);
        let error = assert_refused(outcome, address, 10, "insecure_endpoint");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(HOST) && message.contains("leads to a public address"), "{message}");
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn an_issuer_of_a_private_network_is_found_by_its_metadata() {
    if !can_unshare("-m") {
        return skipped("no mount namespace can be made here, so that no name leads anywhere");
    }
    let issuer = Issuer::start();
    let url = issuer.url("").replace("127.0.0.1", HOST);
    issuer.answer(METADATA, 200, &json!({ "issuer": url, "token_endpoint": named(&issuer) }));
    let environment = TestEnvironment::new();
    init(&environment);
    let words = ["--json", "credentials", "set", "--client-id", "x", "--secret-stdin", "--issuer", &url];
    let set = || environment.tokenkeep(words).stdin("CANARY-SECRET-of-a-container");
    let refused = assert_refused(set().run(), "without the flag", 10, "insecure_endpoint");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.ends_with("--allow-http keycloak")), "{refused}");
    led_to(&environment, set().args(["--allow-http", HOST]), "127.0.0.1").success();
    // What was allowed stays allowed, until the profile is replaced.
    led_to(&environment, set(), "127.0.0.1").success();
    assert_refused(set().arg("--replace").run(), "anew", 10, "insecure_endpoint");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_leads_elsewhere_is_replaced_as_the_hint_says() {
    if !can_unshare("-m") {
        return skipped("no mount namespace can be made here, so that no name leads anywhere");
    }
    let issuer = Issuer::start();
    let environment = allowed(&issuer);
    let outcome = led_to(&environment, get_json(&environment), "192.0.2.1");
    let error = assert_refused(outcome, "a public address", 10, "insecure_endpoint");
    let terminal = Terminal::of(&environment).with("URL", issuer.token_url());
    terminal.works(&terminal.commanded(error["hint"].as_str().expect("a hint"), "", 0));
    get(&environment).run().success().token();
}

#[test]
fn what_is_allowed_is_bound_to_the_secret_and_shown() {
    let issuer = Issuer::start();
    let environment = allowed(&issuer);
    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["allow_http"], HOST);
    // The first of the two lines: the binding says it still.
    let text = read(&environment.path(PROFILE)).replacen("allow_http = [\"keycloak\"]\n", "", 1);
    environment.write(PROFILE, text);
    assert_refused(get_json(&environment).run(), "the line is gone", 6, "dns");
    prepend(&environment, PROFILE, "allow_http = [\"keycloak\", \"other\"]");
    let error = assert_refused(get_json(&environment).run(), "another host", 10, "binding_mismatch");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("`allow_http`")), "{error}");

    let plain = TestEnvironment::new();
    init(&plain);
    set_credential(&plain, &issuer.token_url(), &[]).run().success();
    prepend(&plain, PROFILE, "allow_http = [\"keycloak\"]");
    assert_refused(get_json(&plain).run(), "added by hand", 10, "binding_mismatch");
}

#[test]
fn the_doctor_is_red_about_plain_http() {
    let issuer = Issuer::start();
    let environment = allowed(&issuer);
    let outcome = environment.tokenkeep(["--json", "doctor"]).run().exits(10);
    let report = outcome.json();
    let check =
        report["checks"].as_array().and_then(|all| all.iter().find(|check| check["name"] == "plain_http:default"));
    let check = check.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(check["status"], "fail");
    assert_eq!(check["detail"], "default may send its secret in plain http to keycloak");
}
