//! A secret goes only where it was set for: whatever names another place is refused with nothing sent.

use crate::common::issuer::CLIENT_SECRET;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, credential_and_token, edit, get, get_json, init, prepend, read, set_credential,
};

/// The two issuers of each test: the one that the secret was set for, and the one that must hear nothing.
struct Places {
    right: Issuer,
    wrong: Issuer,
}

impl Places {
    fn start() -> Self {
        Self { right: Issuer::start(), wrong: Issuer::start() }
    }

    /// Asserts that the edited profile is refused by everything that would send something, and that nobody heard of it.
    fn assert_bound(&self, environment: &TestEnvironment, case: &str) {
        let before = self.right.requests().len();
        let runs: [&[&str]; 3] = [&["token", "get", "--refresh"], &["token", "get"], &["token", "validate"]];
        for run in runs {
            let outcome = environment.tokenkeep(["--json"]).args(run).run();
            // With no token cached there is nothing to show to a probe.
            if run == ["token", "validate"] && outcome.code == 5 {
                continue;
            }
            let error = assert_refused(outcome, &format!("{case}, {run:?}"), 10, "binding_mismatch");
            assert!(error["message"].as_str().is_some_and(|text| text.ends_with("; nothing was sent")), "{error}");
            assert_eq!(error["retryable"], false);
        }
        let traffic = self.wrong.traffic();
        assert_eq!((traffic.accepted, traffic.bytes_received), (0, 0), "{case}");
        assert_eq!(self.right.requests().len(), before, "{case}");
    }
}

#[test]
fn a_profile_that_names_another_token_endpoint_than_its_binding_is_refused() {
    let places = Places::start();
    let environment = credential(&places.right, &[]);
    let profile = read(&environment.path(PROFILE));
    let (right, wrong) = (places.right.token_url(), places.wrong.token_url());

    environment.write(PROFILE, profile.replacen(&right, &wrong, 1));
    places.assert_bound(&environment, "the key alone");
    // The item itself knows better than an edited binding.
    environment.write(PROFILE, profile.replace(&right, &wrong));
    places.assert_bound(&environment, "the key and the binding");
    let key = profile.lines().find(|line| line.starts_with("token_url")).expect("the profile has the key");
    environment.write(PROFILE, profile.replacen(key, "", 1).replace(&right, &wrong));
    places.assert_bound(&environment, "the binding alone");

    environment.write(PROFILE, profile);
    get(&environment).run().success().token();
}

#[test]
fn every_other_place_and_name_in_a_profile_is_bound_too() {
    let places = Places::start();
    let environment = credential(&places.right, &[]);
    let profile = read(&environment.path(PROFILE));
    let wrong = places.wrong.api_url();
    for (key, value) in [
        ("probe_url", wrong.as_str()),
        ("introspection_url", &wrong),
        ("revocation_url", &wrong),
        ("issuer", &wrong),
        ("client_id", "another"),
        ("auth", "client_secret_post"),
    ] {
        let line = format!("{key} = \"{value}\"");
        let without: String = profile
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} =")))
            .map(|line| format!("{line}\n"))
            .collect();
        let (top, binding) = without.split_once("[binding]").expect("the profile has a binding");
        let original = profile.split_once("[binding]").expect("the profile has a binding");

        environment.write(PROFILE, format!("{line}\n{top}[binding]{}", original.1));
        places.assert_bound(&environment, &format!("{key} alone"));
        environment.write(PROFILE, format!("{line}\n{top}[binding]\n{line}{binding}"));
        places.assert_bound(&environment, &format!("{key} in both"));
    }
    environment.write(PROFILE, profile);
    get(&environment).run().success().token();
}

#[test]
fn a_cached_token_is_shown_to_no_other_probe() {
    let places = Places::start();
    let environment = credential_and_token(&places.right, &["--probe-url", &places.right.api_url()]);
    // The probe is not part of the record's name, so that the token is found.
    edit(&environment, PROFILE, &places.right.api_url(), &places.wrong.api_url());
    let validate = environment.tokenkeep(["--json", "token", "validate"]);
    assert_refused(validate.run(), "probe in both", 10, "binding_mismatch");
    let given = environment.tokenkeep(["--json", "token", "validate", "--token-stdin"]).stdin("CANARY-TOKEN-given");
    assert_refused(given.run(), "a given token", 10, "binding_mismatch");
    assert_eq!(places.wrong.traffic().accepted, 0);
}

#[test]
fn bindings_that_two_profiles_swap_fit_neither() {
    let places = Places::start();
    let environment = credential(&places.right, &[]);
    set_credential(&environment, &places.wrong.token_url(), &["-p", "other"]).run().success();
    let other = "config/profiles/other.toml";
    let (ours, theirs) = (read(&environment.path(PROFILE)), read(&environment.path(other)));
    let halves = |text: &str| {
        let (top, binding) = text.split_once("[binding]").expect("the profile has a binding");
        (top.to_owned(), format!("[binding]{binding}"))
    };
    let (our_top, our_binding) = halves(&ours);
    let (their_top, their_binding) = halves(&theirs);
    environment.write(PROFILE, our_top + &their_binding);
    environment.write(other, their_top + &our_binding);
    for profile in ["default", "other"] {
        assert_refused(get_json(&environment).args(["-p", profile]).run(), profile, 10, "binding_mismatch");
    }

    // The generation alone: the item is there, and was set for another place.
    let generation = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("generation")).expect("a binding has a generation");
        line.to_owned()
    };
    environment.write(PROFILE, ours.replace(&generation(&ours), &generation(&theirs)));
    environment.write(other, theirs.replace(&generation(&theirs), &generation(&ours)));
    for profile in ["default", "other"] {
        assert_refused(get_json(&environment).args(["-p", profile]).run(), profile, 10, "binding_mismatch");
    }
    assert_eq!((places.right.traffic().accepted, places.wrong.traffic().accepted), (0, 0));
}

#[test]
fn another_config_directory_cannot_lead_a_stored_secret_elsewhere() {
    let places = Places::start();
    let environment = credential(&places.right, &[]);
    let profile = read(&environment.path(PROFILE)).replace(&places.right.token_url(), &places.wrong.token_url());
    environment.write("planted/profiles/default.toml", profile);
    let planted = environment.path("planted");
    for run in [
        get_json(&environment).env("TOKENKEEP_CONFIG_DIR", &planted),
        get_json(&environment).arg("--config-dir").arg(&planted),
    ] {
        assert_refused(run.run(), "planted", 10, "binding_mismatch");
    }
    assert_eq!(places.wrong.traffic().accepted, 0);
    get(&environment).run().success().token();
}

#[test]
fn a_ca_file_whose_content_changed_is_not_the_one_that_the_secret_was_set_for() {
    let issuer = Issuer::start_with_tls();
    let ca = environment_with_ca(&issuer);
    let environment = ca;
    get(&environment).run().success().token();
    let pem = read(&environment.path("files/ca.pem"));

    environment.write("files/ca.pem", format!("{pem}# another authority could stand here\n"));
    let error = assert_refused(get_json(&environment).arg("--refresh").run(), "changed", 10, "binding_mismatch");
    let shown = environment.path("files/ca.pem").display().to_string();
    assert!(error["message"].as_str().is_some_and(|text| text.contains(&shown)), "{error}");
    let line = format!("ca_file = \"{}\"\n", environment.path("files/ca.pem").display());
    environment.write("files/ca.pem", &pem);
    edit(&environment, PROFILE, &line, "");
    assert_refused(get_json(&environment).arg("--refresh").run(), "left out", 10, "binding_mismatch");
    prepend(&environment, PROFILE, line.trim_end());
    std::fs::remove_file(environment.path("files/ca.pem")).expect("it is there");
    assert_refused(get_json(&environment).arg("--refresh").run(), "missing", 3, "config_invalid");
    assert_eq!(issuer.count("/token"), 1);

    environment.write("files/ca.pem", &pem);
    get(&environment).arg("--refresh").run().success().token();
}

/// As when a package or a certificate manager renews the bundle of certificates.
#[test]
fn a_ca_file_that_was_renewed_is_accepted_by_its_name_without_the_secret() {
    let issuer = Issuer::start_with_tls();
    let environment = environment_with_ca(&issuer);
    get(&environment).run().success().token();
    let pem = read(&environment.path("files/ca.pem"));
    environment.write("files/ca.pem", format!("{pem}# renewed\n"));
    let error = assert_refused(get_json(&environment).arg("--refresh").run(), "renewed", 10, "binding_mismatch");
    // A command that does not name the file takes nothing over.
    environment.tokenkeep(["--json", "credentials", "set", "-p", "default"]).run().fails(2, "usage");
    // The hint, to the letter.
    let hint = error["hint"].as_str().expect("a hint");
    let command = hint.split_once("tokenkeep ").expect("a command").1;
    let accepted = environment.tokenkeep(command.split(' ')).run().success();
    accepted.says("the credential of default is set");
    get(&environment).arg("--refresh").run().success().token();
    // Another place beside it needs the secret, as ever.
    environment.write("files/ca.pem", format!("{pem}# renewed again\n"));
    let ca_file = environment.path("files/ca.pem").display().to_string();
    let set = ["--json", "credentials", "set", "-p", "default", "--ca-file", &ca_file, "--probe-url"];
    environment.tokenkeep(set).arg(issuer.api_url()).run().fails(2, "usage").says("the client secret is needed");
}

#[test]
fn a_referenced_secret_is_bound_by_the_file_that_names_it() {
    let places = Places::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    environment
        .tokenkeep(["credentials", "set", "--client-id", "test", "--token-url", &places.right.token_url()])
        .arg("--secret-at-fetch")
        .arg(format!("file:{}", secret.display()))
        .run()
        .success();
    get(&environment).run().success().token();
    // Whoever may edit the profile may name the secret's place as well: other users may not.
    let path = environment.path(PROFILE);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("it is ours");
    assert_refused(get_json(&environment).run(), "writable by all", 10, "insecure_path");
}

fn environment_with_ca(issuer: &Issuer) -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    let ca_file = environment.write("files/ca.pem", read(&issuer.ca_file()));
    let ca_file = ca_file.display().to_string();
    set_credential(&environment, &issuer.token_url(), &["--ca-file", &ca_file]).run().success();
    environment
}
