//! `doctor`: exit 0 only where the main job would work, and one command for each red line.

use serde_json::Value;

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, get, init, set_credential};

fn checks(report: &Value, name: &str) -> Vec<Value> {
    let all = report["checks"].as_array().expect("a list of checks");
    all.iter().filter(|check| check["name"] == name).cloned().collect()
}

fn status(report: &Value, name: &str) -> String {
    let checks = checks(report, name);
    assert_eq!(checks.len(), 1, "{name}: {report}");
    checks[0]["status"].as_str().expect("a status").to_owned()
}

fn doctor(environment: &TestEnvironment, flags: &[&str]) -> (i32, Value) {
    let outcome = environment.tokenkeep(["--json", "doctor"]).args(flags).run();
    (outcome.code, outcome.json())
}

#[test]
fn where_the_main_job_works_everything_is_green_and_the_exit_code_is_0() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let (code, report) = doctor(&environment, &["--online"]);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report}");
    for name in ["data_dir", "data_key", "write_read", "file_system", "records", "orphans", "profiles", "credential"] {
        assert_eq!(status(&report, name), "ok", "{name}: {report}");
    }
    let before = std::fs::read_dir(environment.data_dir().join("secrets")).expect("there").count();
    assert_eq!(before, 1, "the item of its own was erased");
}

#[test]
fn a_key_file_beside_the_data_is_called_what_it_is() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let (_, report) = doctor(&environment, &[]);
    let backend = &checks(&report, "backend")[0];
    assert!(backend["detail"].as_str().is_some_and(|detail| detail.ends_with("plaintext-equivalent")), "{backend}");
    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(shown["protection"], "plaintext-equivalent");
}

#[test]
fn every_red_line_names_one_command() {
    let environment = TestEnvironment::new();
    let (code, report) = doctor(&environment, &[]);
    assert_eq!((code, &report["ok"]), (8, &Value::Bool(false)), "{report}");
    for check in report["checks"].as_array().expect("a list") {
        if check["status"] == "fail" {
            assert!(check["fix"].as_str().is_some_and(|fix| fix.contains("tokenkeep")), "{check}");
        }
    }
}

#[test]
fn without_its_key_file_the_exit_code_is_that_of_a_get() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    std::fs::remove_file(environment.config_dir().join("key")).expect("removed");
    let (code, report) = doctor(&environment, &[]);
    assert_eq!(code, 8, "{report}");
    assert_eq!(get(&environment).run().code, 8);
}

#[test]
fn a_profile_without_a_secret_is_red() {
    let environment = TestEnvironment::new();
    init(&environment);
    environment.write("config/profiles/hand.toml", "client_id = 'x'\ntoken_url = 'https://issuer.invalid/token'\n");
    let (code, report) = doctor(&environment, &[]);
    assert_eq!((code, status(&report, "profiles").as_str()), (3, "fail"), "{report}");
}

/// Names are what a script looks for.
fn names(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().expect("a list");
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().expect("a name").to_owned()).collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "no two checks have one name: {report}");
    names
}

#[test]
fn all_profiles_are_tried_if_that_is_asked_for_and_each_check_has_a_name_of_its_own() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    set_credential(&environment, &issuer.token_url(), &["-p", "wrong"]).stdin("CANARY-SECRET-wrong").run().success();
    set_credential(&environment, &issuer.token_url(), &["-p", "third"]).run().success();
    let (code, report) = doctor(&environment, &["--online"]);
    assert_eq!((code, status(&report, "credential").as_str()), (0, "ok"), "{report}");
    let (code, report) = doctor(&environment, &["--all", "--online"]);
    assert_eq!(code, 4, "{report}");
    for (name, wanted) in [("credential:default", "ok"), ("credential:wrong", "fail"), ("credential:third", "ok")] {
        assert_eq!(status(&report, name), wanted, "{report}");
    }
    names(&report);
    // Two that cannot be used, one of which cannot be read, and one over plain http.
    environment.write("config/profiles/broken.toml", "client_id = 7\n");
    environment.write("config/profiles/hand.toml", "client_id = 'x'\ntoken_url = 'https://issuer.invalid/token'\n");
    for name in ["plain", "plain2"] {
        let profile = "client_id = 'x'\ntoken_url = 'http://keycloak:8080/token'\nallow_http = ['keycloak']\nsecret = { env = 'HOME' }\n";
        environment.write(format!("config/profiles/{name}.toml"), profile);
    }
    for flags in [&[][..], &["--online"], &["--all", "--online"], &["--fix", "--yes"]] {
        let (code, report) = doctor(&environment, flags);
        assert!(code != 0, "{report}");
        names(&report);
        assert_eq!(
            (status(&report, "profile:broken"), status(&report, "profile:hand")),
            ("fail".into(), "fail".into())
        );
        assert_eq!((status(&report, "profiles"), status(&report, "plain_http:plain")), ("fail".into(), "fail".into()));
    }
}

#[test]
fn an_issuer_that_is_down_or_refuses_is_seen_online_only() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    set_credential(&environment, &issuer.token_url(), &["-p", "wrong"]).stdin("CANARY-SECRET-wrong").run().success();
    assert_eq!(doctor(&environment, &["-p", "wrong"]).0, 0, "offline nobody knows");
    assert_eq!(doctor(&environment, &["-p", "wrong", "--online"]).0, 4);
    drop(issuer);
    assert_eq!(doctor(&environment, &[]).0, 0);
    assert_eq!(doctor(&environment, &["--online"]).0, 6);
}

#[test]
fn a_secret_that_no_profile_names_is_an_orphan_that_fix_removes() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    set_credential(&environment, &issuer.token_url(), &["-p", "second"]).run().success();
    std::fs::remove_file(environment.config_dir().join("profiles/second.toml")).expect("removed by hand");
    let secrets = || std::fs::read_dir(environment.data_dir().join("secrets")).expect("there").count();
    assert_eq!(secrets(), 2);
    assert_eq!(status(&doctor(&environment, &[]).1, "orphans"), "warn");
    let fixed = doctor(&environment, &["--fix", "--yes"]).1;
    assert_eq!((status(&fixed, "orphans").as_str(), &fixed["changed"]), ("ok", &Value::Bool(true)), "{fixed}");
    assert_eq!(secrets(), 1, "the other one stays");
    assert_eq!(doctor(&environment, &["--fix", "--yes"]).1["changed"], false);
    assert!(doctor(&environment, &[]).1.get("changed").is_none(), "a report changes nothing");
    get(&environment).run().success().token();
}

#[test]
fn a_clock_that_differs_from_the_issuers_is_told() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let headers = vec![("Date".to_owned(), "Sun, 06 Nov 1994 08:49:37 GMT".to_owned())];
    // The first request is the one that asks for the time, without a credential.
    issuer.behave_times("/token", 1, Behaviour::Answer { status: 405, headers, body: Default::default() });
    let (code, report) = doctor(&environment, &["--online"]);
    assert_eq!((code, status(&report, "clock").as_str()), (0, "warn"), "{report}");
    let asked = &issuer.requests()[0];
    assert_eq!(asked.method, "GET");
    assert!(!asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")), "{asked:?}");
}

#[test]
fn characters_that_servers_disagree_about_are_told_with_the_other_encoding() {
    let issuer = Issuer::start_with(["--client", "odd:CANARY-SECRET a+b%c"]);
    let environment = TestEnvironment::new();
    environment.canary("odd secret", "CANARY-SECRET a+b%c");
    init(&environment);
    environment
        .tokenkeep(["credentials", "set", "--client-id", "odd", "--secret-stdin", "--token-url", &issuer.token_url()])
        .stdin("CANARY-SECRET a+b%c")
        .run()
        .success();
    let (code, report) = doctor(&environment, &["--online"]);
    let advice = &checks(&report, "basic_encoding")[0];
    assert_eq!((code, advice["status"].as_str()), (0, Some("warn")), "{report}");
    assert!(advice["fix"].as_str().is_some_and(|fix| fix.contains("--basic-encoding raw")), "{advice}");
}
