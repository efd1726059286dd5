//! `check` and `schema`: files are judged before a program reads them.

use serde_json::json;

use crate::common::TestEnvironment;

const PROFILE: &str = "client_id = 'a'\ntoken_url = 'https://id.example.com/token'\n";

#[test]
fn files_that_can_be_used_pass_in_silence() {
    let environment = TestEnvironment::new();
    let profile = environment.write("files/billing.toml", PROFILE);
    let config = environment
        .write("files/config.toml", "default_profile = 'billing'\n[secrets]\nbackend = 'file'\nkey_file = '/k'\n");
    let outcome = environment.tokenkeep(["check"]).arg(&profile).arg(&config).run().success();
    assert_eq!((outcome.stdout_str(), outcome.stderr.as_str()), ("", ""));
    let outcome = environment.tokenkeep(["--json", "check"]).arg(&profile).run().success();
    assert_eq!(outcome.json(), json!({ "problems": [] }));
}

#[test]
fn each_problem_is_named_with_its_file_line_and_key_and_no_value() {
    let environment = TestEnvironment::new();
    for (name, text, line, key, message) in [
        ("a.toml", format!("{PROFILE}cleint = 'CANARY-SECRET-x'\n"), json!(3), json!("cleint"), "unknown key"),
        (
            "b.toml",
            format!("{PROFILE}\nmin_ttl = 'CANARY-SECRET-x'\n"),
            json!(4),
            json!("min_ttl"),
            "must be a duration",
        ),
        ("c.toml", "client_id = 'a'\n".to_owned(), json!(null), json!("token_url"), "token_url"),
        ("d.toml", "client_id = \n".to_owned(), json!(1), json!(null), "not valid TOML"),
        ("e.toml", format!("{PROFILE}secret = 'CANARY-SECRET-x'\n"), json!(3), json!("secret"), "secret"),
        (
            "f.toml",
            "client_id = 'a'\ntoken_url = 'http://example.com/'\n".to_owned(),
            json!(2),
            json!("token_url"),
            "https",
        ),
        (
            "config.toml",
            "[secrets]\n\nbackend = 'CANARY-SECRET-x'\n".to_owned(),
            json!(3),
            json!("secrets.backend"),
            "backend",
        ),
        ("No Name.toml", PROFILE.to_owned(), json!(null), json!(null), "NAME.toml"),
    ] {
        let file = environment.write(format!("files/{name}"), text);
        environment.secret_place(&file);
        let outcome = environment.tokenkeep(["--json", "check"]).arg(&file).run().fails(3, "config_invalid");
        let problem = &outcome.json()["problems"][0];
        assert_eq!((&problem["line"], &problem["key"]), (&line, &key), "{name}: {problem}");
        assert_eq!(problem["file"], file.to_str().expect("text"));
        assert!(problem["message"].as_str().expect("text").contains(message), "{name}: {problem}");
        assert!(!outcome.stdout_str().contains("CANARY"), "{name}");
        let shown = environment.tokenkeep(["check"]).arg(&file).run().exits(3);
        let place = line.as_u64().map(|line| format!(":{line}:")).unwrap_or_default();
        assert!(
            shown.stdout_str().contains(&format!("{name}{}", if place.is_empty() { ":" } else { &place })),
            "{shown:?}"
        );
    }
}

#[test]
fn all_files_are_checked_and_one_that_is_missing_is_a_wrong_call() {
    let environment = TestEnvironment::new();
    let good = environment.write("files/a.toml", PROFILE);
    let bad = environment.write("files/b.toml", "x = 1\n");
    let worse = environment.write("files/c.toml", "y\n");
    let outcome = environment.tokenkeep(["check"]).arg(&bad).arg(&good).arg(&worse).run().exits(3);
    assert_eq!(outcome.stdout_str().lines().count(), 2);
    outcome.says("2 of 3 file(s) cannot be used");
    environment.tokenkeep(["--json", "check", "/nonexistent/a.toml"]).run().fails(2, "usage");
    environment.tokenkeep(["--json", "check", "/"]).run().fails(2, "usage");
    environment.tokenkeep(["--json", "check"]).run().fails(2, "usage");
    // A broken configuration does not stop its own check.
    environment.write("config/config.toml", "backend = ");
    environment.tokenkeep(["check"]).arg(&good).run().success();
}

#[test]
fn a_schema_is_json_that_names_every_key() {
    let environment = TestEnvironment::new();
    for (of, key) in [("profile", "client_id"), ("config", "default_profile")] {
        let schema = environment.tokenkeep(["schema", of]).run().success().json();
        assert!(schema["properties"][key].is_object(), "{of}: {schema}");
    }
}
