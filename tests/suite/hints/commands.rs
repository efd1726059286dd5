//! Hints about commands: what the doctor advises, what is asked, shown and mistyped.

use std::fs;

use serde_json::json;

use super::terminal::{Terminal, advice_of_doctor, quoted};
use super::{set_line, set_profile};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, credential_and_token, get, init, read, set_credential};

#[test]
fn what_the_doctor_advises_is_done() {
    let issuer = Issuer::start();
    // KeepKeyFileElsewhere.
    let environment = credential(&issuer, &[]);
    environment.key_file("files/a key");
    let doctor = Terminal::of(&environment).with("PATH", quoted(&environment.path("files/a key")));
    let seen = doctor.types("tokenkeep doctor");
    doctor.works(&doctor.commanded(&advice_of_doctor(&seen, "backend"), "", 0));
    let seen = doctor.works("tokenkeep doctor");
    assert!(seen.lines().any(|line| line.starts_with("ok") && line.contains("key-file")), "{seen:?}");
    get(&environment).run().success().token();

    // UseHttps.
    let environment = TestEnvironment::new();
    init(&environment);
    let named = issuer.token_url().replace("127.0.0.1", "keycloak");
    set_credential(&environment, &named, &["-p", "billing", "--allow-http", "keycloak"]).run().success();
    let doctor = Terminal::of(&environment).with("ID", CLIENT_ID).with("URL", issuer.token_url());
    let seen = doctor.types("tokenkeep doctor");
    assert!(seen.code != 0, "{seen:?}");
    doctor.works(&doctor.commanded(&advice_of_doctor(&seen, "plain_http:billing"), "", 0));
    doctor.works("tokenkeep doctor");

    // TryBasicEncoding.
    let secret = "CANARY-SECRET-with-+-and-%";
    let raw = Issuer::start_with(["--client", &format!("{CLIENT_ID}:{secret}")]);
    let environment = TestEnvironment::new();
    init(&environment);
    let doctor = Terminal::of(&environment).secret(secret);
    doctor.works(&format!("{} -p billing", set_line(&raw)));
    let seen = doctor.works("tokenkeep doctor --online -p billing");
    let command = doctor.commanded(&advice_of_doctor(&seen, "basic_encoding"), "", 0);
    assert_eq!(command, "tokenkeep credentials set -p billing --basic-encoding raw");
    doctor.works(&command);
    assert!(read(&environment.path("config/profiles/billing.toml")).contains("basic_encoding = \"raw\""));
}

#[test]
fn a_question_is_answered_beforehand_as_the_hint_says() {
    let issuer = Issuer::start();
    // Confirm.
    let environment = credential(&issuer, &[]);
    Terminal::of(&environment).absent().follows("tokenkeep credentials remove -p default");
    // ConfirmErasure: the user has said no.
    let environment = credential(&issuer, &[]);
    set_profile(&environment, &issuer, "billing");
    fs::remove_file(environment.path("config/profiles/billing.toml")).expect("there");
    Terminal::of(&environment).consent("n").follows("tokenkeep doctor --fix");
}

#[test]
fn what_a_hint_shows_is_shown() {
    let issuer = Issuer::start();
    // CompareProfile.
    let environment = credential(&issuer, &["-p", "billing"]);
    issuer.answer("/token", 400, &json!({ "error": "invalid_request" }));
    let terminal = Terminal::of(&environment);
    let shown = terminal.follows("tokenkeep token get -p billing");
    assert!(shown.shown.contains(&issuer.token_url()), "{shown:?}");
    // CheckTokenUrl, CheckNetwork and CheckRevocationUrl: what is to be checked is shown.
    let environment = TestEnvironment::new();
    init(&environment);
    for url in [issuer.url("/none"), "http://127.0.0.1:1/token".to_owned()] {
        set_credential(&environment, &url, &["-p", "billing"]).run().success();
        let terminal = Terminal::of(&environment);
        let refused = terminal.types("tokenkeep token get -p billing");
        assert!(refused.hint().contains("token_url: tokenkeep "), "{refused:?}");
        let shown = terminal.follows("tokenkeep token get -p billing --refresh --scope a");
        assert!(shown.shown.contains(&url), "{shown:?}");
        // What is typed just now is shown already.
        let line = format!("tokenkeep credentials set -p new --client-id x --token-url {url} --verify");
        let refused = terminal.types(&line);
        assert!(refused.hint().ends_with("--token-url"), "{refused:?}");
    }
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["-p", "billing", "--revocation-url", &issuer.url("/none")]);
    let shown = Terminal::of(&environment).follows("tokenkeep token revoke -p billing");
    assert!(shown.shown.contains(&issuer.url("/none")), "{shown:?}");
    // LookAtProfile names the same command.
    let environment = credential(&issuer, &["-p", "billing"]);
    let terminal = Terminal::of(&environment);
    let line = "run tokenkeep credentials show -p billing, and set it again if it is the old one";
    let shown = terminal.works(&terminal.commanded(line, "", 0));
    assert!(shown.shown.contains(CLIENT_ID), "{shown:?}");
    // CheckLimits.
    let limits = terminal.commanded("check what this process may open: ulimit -a", "", 0);
    assert!(terminal.works(&limits).shown.contains("nofiles"));
}

#[test]
fn what_was_mistyped_is_typed_as_the_hint_says() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["-p", "billing"]);
    let terminal = Terminal::of(&environment);
    // UseCommand and UseSimilar.
    for line in [
        "tokenkeep get",
        "tokenkeep get billing",
        "tokenkeep token get billing",
        "tokenkeep credentials ls",
        "tokenkeep credentials view billing",
        "tokenkeep token valdate --offline",
        "tokenkeep version",
        "tokenkeep token get --ofline",
        "tokenkeep token get --formt token",
    ] {
        terminal.follows(line);
    }
    let provider = format!("tokenkeep credentials set -p new --client-id {CLIENT_ID} --provider spotfy");
    terminal.follows(&provider);
    // UsePresentName.
    for (line, earlier) in
        [("tokenkeep shared-key remove", "shared-key"), ("tokenkeep token forget --shared", "--shared")]
    {
        let refused = terminal.types(line);
        let now = refused.hint().strip_prefix("it is called ").and_then(|rest| rest.strip_suffix(" now"));
        let line = line.replace(earlier, now.unwrap_or_else(|| panic!("{refused:?}")));
        let seen = terminal.types(&line);
        assert!(!seen.shown.contains("not known"), "{line}: {seen:?}");
    }
    // GiveSecretUnseen: left out and typed, or given on stdin or in a file.
    let line = set_line(&issuer);
    let refused = terminal.types(&format!("{line} --secret x"));
    assert!(refused.hint().starts_with("leave it out and type it at the prompt"), "{refused:?}");
    terminal.works(&line);
    let file = environment.write_secret("files/secret", CLIENT_SECRET);
    for way in [0, 1] {
        let piped = Terminal::of(&environment).absent().with("PATH", quoted(&file));
        piped.works(&piped.commanded(refused.hint(), &line, way));
    }
}

#[test]
fn a_hint_leads_to_the_directories_that_were_typed() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let directories = "--config-dir 'the config' --data-dir data2";
    environment.key_file("files/the config/key");
    let terminal = Terminal::of(&environment).with("ID", CLIENT_ID).with("URL", issuer.token_url());
    terminal.works(&format!("tokenkeep {directories} init --backend file"));
    let line = format!("tokenkeep token get -p billing {directories}");
    let seen = terminal.follows(&line);
    assert!(seen.shown.contains(&format!("try it: tokenkeep {directories} token get -p billing")), "{seen:?}");
    terminal.works(&line);
    assert!(!environment.config_dir().exists() && !environment.data_dir().exists());
    let report = terminal.works(&format!("tokenkeep doctor {directories}"));
    assert!(advice_of_doctor(&report, "backend").contains(&format!("tokenkeep {directories} init ")), "{report:?}");
}
