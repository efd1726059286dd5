//! Hints about profiles and their credentials.

use std::fs;

use serde_json::json;

use super::terminal::{Terminal, advice_of_doctor, quoted};
use super::{GET, OAUTH, damage, empty, set_line};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{PROFILE, credential, credential_and_token, edit, init, prepend, read};

#[test]
fn a_profile_that_is_missing_is_set_or_named() {
    let issuer = Issuer::start();
    let environment = empty();
    let terminal =
        Terminal::of(&environment).with("ID", CLIENT_ID).with("URL", issuer.token_url()).with("NAME", "billing");
    let first = empty();
    // SetFirstProfile: it leads to a real provider, which no test asks.
    terminal.follows(GET);
    assert!(terminal.works("tokenkeep credentials list").shown.contains("spotify"));
    // SetProfile: of the first one too.
    let first = Terminal::of(&first).with("ID", CLIENT_ID).with("URL", issuer.token_url());
    first.follows_and_works("tokenkeep -p billing token get");
    terminal.follows_and_works("tokenkeep -p billing token get");
    terminal.works("tokenkeep -p billing token get");
    // UseProfile.
    terminal.follows("tokenkeep token get -p biling");
    // NameProfileOrDefault.
    fs::remove_file(environment.path("config/config.toml")).expect("the first profile became the default");
    terminal.follows(GET);
    // NameProfile.
    terminal.follows("tokenkeep credentials remove");
}

#[test]
fn a_credential_that_does_not_serve_is_set_again() {
    let issuer = Issuer::start();
    // SetCredential: the stored secret is gone.
    let environment = credential(&issuer, &["-p", "billing"]);
    fs::remove_dir_all(environment.path("data/secrets")).expect("there");
    Terminal::of(&environment).follows_and_works("tokenkeep token get -p billing");

    // SetCredentialAgain: it cannot be read.
    let environment = credential(&issuer, &["-p", "billing"]);
    damage(&environment);
    Terminal::of(&environment).follows_and_works("tokenkeep token get -p billing");

    // And while all secrets are moved: the doctor names the profile that it is of.
    let environment = credential(&issuer, &["-p", "billing"]);
    damage(&environment);
    let terminal = Terminal::of(&environment);
    let (doctor, _) = terminal.advised("tokenkeep rekey", 0);
    assert_eq!(doctor, "tokenkeep doctor");
    let report = terminal.types(&doctor);
    terminal.works(&terminal.commanded(&advice_of_doctor(&report, "profiles"), "", 0));
    terminal.works("tokenkeep rekey");
    terminal.works("tokenkeep token get -p billing");

    // SetRightClient: a stored one.
    let environment = credential(&issuer, &["-p", "billing"]);
    let other = environment.tokenkeep(["credentials", "set", "-p", "billing", "--secret-stdin"]);
    other.stdin("CANARY-SECRET-another").run().success();
    Terminal::of(&environment).follows_and_works("tokenkeep token get -p billing");
    // And one that is typed just now: the command is repeated, because no profile is there.
    let environment = empty();
    let line = format!("{} --verify", set_line(&issuer));
    let mistyped = Terminal::of(&environment).secret("CANARY-SECRET-mistyped").types(&line);
    assert_eq!(mistyped.hint(), "run it again with the right secret, or with the right --client-id ID");
    Terminal::of(&environment).works(&line);

    // SetRightKey: the algorithm of the profile is not the key's.
    let environment = empty();
    let key = environment.path("files/key.pem");
    environment.secret_place("files/key.pem");
    environment.program("openssl", ["genpkey", "-algorithm", "ED25519", "-out"]).arg(&key).run().success();
    let line = format!(
        "{} --auth private_key_jwt --issuer {} --secret-file {}",
        set_line(&issuer),
        issuer.url(""),
        key.display()
    );
    let terminal = Terminal::of(&environment);
    terminal.works(&line);
    prepend(&environment, PROFILE, "assertion_algorithm = 'ES256'");
    let refused = terminal.types(GET);
    assert_eq!(
        refused.hint(),
        "give the right key: tokenkeep credentials set -p default, or correct the keys of the profile that describe it"
    );
    let other = environment.path("files/other.pem");
    environment.secret_place("files/other.pem");
    let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    environment.program("openssl", curve).arg(&other).run().success();
    Terminal::of(&environment).secret(&read(&other)).follows(GET);
    // The key signs now, and this issuer knows no keys.
    let refused = Terminal::of(&environment).types(GET);
    assert!(refused.shown.contains("invalid_client"), "{refused:?}");

    // SetRevocationUrl.
    let environment = credential_and_token(&issuer, &["-p", "billing"]);
    let terminal = Terminal::of(&environment).with("URL", issuer.url("/revoke"));
    terminal.works("tokenkeep token get -p billing");
    terminal.follows_and_works("tokenkeep token revoke -p billing");

    // RemoveBinding.
    let environment = credential(&issuer, &["-p", "billing"]);
    let file = "config/profiles/billing.toml";
    edit(&environment, file, "generation = \"", "generation = \"x");
    let terminal = Terminal::of(&environment);
    let (command, _) = terminal.advised("tokenkeep token get -p billing", 0);
    let text = read(&environment.path(file));
    environment.write(file, text.split("[binding]").next().expect("a part before it"));
    terminal.works(&command);
    terminal.works("tokenkeep token get -p billing");
}

#[test]
fn an_edit_is_bound_by_the_flag_that_the_hint_names() {
    let issuer = Issuer::start();
    let other = issuer.url("/other");
    issuer.answer(OAUTH, 200, &json!({ "issuer": issuer.url(""), "token_endpoint": issuer.token_url() }));
    let edits = [
        ("token_url", issuer.token_url()),
        ("issuer", issuer.url("")),
        ("client_id", CLIENT_ID.to_owned()),
        ("auth", "client_secret_post".to_owned()),
        ("introspection_url", other.clone()),
        ("revocation_url", other.clone()),
        ("probe_url", other),
        ("allow_http", "keycloak".to_owned()),
    ];
    for (key, value) in edits {
        for set in [false, true] {
            let environment = TestEnvironment::new();
            environment.write_secret("files/secret", CLIENT_SECRET);
            init(&environment);
            // Set for something else, and edited to what is right.
            let first = match key {
                "token_url" => ["--token-url".to_owned(), issuer.url("/elsewhere")],
                "client_id" => ["--client-id".to_owned(), "another".to_owned()],
                _ => ["--scope".to_owned(), "a".to_owned()],
            };
            let id = if key == "client_id" { "another" } else { CLIENT_ID };
            let url = if key == "token_url" { issuer.url("/elsewhere") } else { issuer.token_url() };
            let set_first = environment.tokenkeep(["credentials", "set", "-p", "billing", "--secret-stdin"]);
            let set_first = set_first.args(["--client-id", id, "--token-url", &url]);
            let set_first = if first[0] == "--scope" { set_first.args(&first) } else { set_first };
            set_first.stdin(CLIENT_SECRET).run().success();
            let file = "config/profiles/billing.toml";
            let text = read(&environment.path(file));
            let (head, binding) = text.split_once("[binding]").expect("it is bound");
            let kept: Vec<&str> = head.lines().filter(|line| !line.starts_with(&format!("{key} "))).collect();
            let line = if key == "allow_http" { format!("{key} = ['{value}']") } else { format!("{key} = '{value}'") };
            environment.write(file, format!("{line}\n{}\n[binding]{binding}", kept.join("\n")));
            let placeholders = ["URL", "ID", "METHOD", "HOST"];
            let terminal =
                placeholders.iter().fold(Terminal::of(&environment), |terminal, name| terminal.with(name, &value));
            let get = "tokenkeep token get -p billing --scope a";
            if set {
                let set = "tokenkeep credentials set -p billing --scope a";
                let refused = terminal.types(set);
                assert!(refused.hint().starts_with("undo the edit, or add --"), "{key}: {refused:?}");
                terminal.follows(set);
            } else {
                terminal.follows(get);
            }
            terminal.works(get);
        }
    }
}

#[test]
fn what_credentials_set_misses_is_added() {
    let issuer = Issuer::start();
    let url = issuer.token_url();
    let key = |environment: &TestEnvironment| {
        let key = environment.path("files/key.pem");
        environment.secret_place("files/key.pem");
        environment.program("openssl", ["genpkey", "-algorithm", "ED25519", "-out"]).arg(&key).run().success();
        read(&key)
    };
    let line = set_line(&issuer);
    let auth = |method: &str| format!("{line} --auth {method}");
    let auth0 = format!("tokenkeep credentials set --client-id {CLIENT_ID} --provider auth0 --secret-stdin");
    let no_source = format!("tokenkeep credentials set --client-id {CLIENT_ID} --secret-stdin");
    // What fails, which way of its hint is taken, and whether a hint of the second command is followed in turn.
    let rows: &[(&str, String, usize, usize)] = &[
        ("GiveClientId", format!("tokenkeep credentials set --token-url {url} --secret-stdin"), 0, 0),
        ("NameIssuer", no_source.clone(), 0, 0),
        ("NameIssuer", no_source.clone(), 1, 0),
        ("NameIssuer", no_source, 2, 0),
        ("GiveSecret", line.clone(), 0, 0),
        ("GiveSecret", line.clone(), 1, 0),
        ("GiveAssertionAudience", format!("{} --secret-stdin", auth("private_key_jwt")), 0, 0),
        ("GiveAssertionAudience", format!("{} --secret-stdin", auth("private_key_jwt")), 1, 0),
        ("SignWithKey", format!("{line} --secret-stdin"), 0, 1),
        ("ReferToAssertion", auth("federated_assertion"), 0, 0),
        ("GiveCertificateFile", format!("{} --secret-stdin", auth("self_signed_tls_client_auth")), 0, 0),
        ("AllowHttp", line.replace("127.0.0.1", "keycloak") + " --secret-stdin", 0, 0),
        ("NamePlainHost", line.replace("127.0.0.1", "keycloak") + " --secret-stdin --allow-http http://keycloak", 0, 0),
        ("GiveField and GiveRequestPart", auth0, 0, 1),
    ];
    for (name, line, way, more) in rows {
        let environment = empty();
        issuer.answer(OAUTH, 200, &json!({ "issuer": issuer.url(""), "token_endpoint": url }));
        let pem = key(&environment);
        let certificate = environment.path("files/certificate.pem");
        let request = ["req", "-x509", "-key"].map(str::to_owned).to_vec();
        environment
            .program("openssl", request)
            .arg(environment.path("files/key.pem"))
            .args(["-subj", "/CN=client", "-out"])
            .arg(&certificate)
            .run()
            .success();
        let needs_key = ["GiveAssertionAudience", "SignWithKey", "GiveCertificateFile"].contains(name);
        let source = if *name == "NameIssuer" && *way == 1 { issuer.url("") } else { url.clone() };
        let terminal = Terminal::of(&environment)
            .absent()
            .secret(if needs_key { &pem } else { CLIENT_SECRET })
            .with("ID", CLIENT_ID)
            .with("PROVIDER", "spotify")
            .with("URL", source)
            .with("HOST", "keycloak")
            .with("PEM", quoted(&certificate))
            .with("PATH", quoted(&environment.path("files/secret")))
            .with("VALUE", "example.eu.auth0.com");
        let mut line = line.clone();
        for _ in 0..*more {
            line = terminal.advised(&line, *way).0;
        }
        let (next, failed) = terminal.advised(&line, *way);
        let seen = terminal.types(&next);
        assert!(seen.code == 0, "{name}: {line}\n{failed:?}\nwas followed by\n{next}: {seen:?}");
    }
}

#[test]
fn a_secret_that_is_not_kept_is_read_at_each_fetch() {
    let issuer = Issuer::start();
    // ReferToSecret: nothing is kept here.
    let environment = TestEnvironment::new();
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    environment.tokenkeep(["init", "--backend", "none"]).run().success();
    let terminal = Terminal::of(&environment).with("PATH", secret.display());
    terminal.follows(&set_line(&issuer));
    terminal.works(GET);

    // PutSecretThere and CorrectSecretThere: what a profile names is missing, or wrong.
    for wrong in [None, Some("CANARY-SECRET-wrong")] {
        let environment = empty();
        let place = environment.path("files/place");
        environment.write_secret("files/place", wrong.unwrap_or(CLIENT_SECRET));
        let reference = format!("file:{}", place.display());
        let set = environment.tokenkeep(["credentials", "set", "-p", "billing", "--secret-at-fetch", &reference]);
        set.args(["--client-id", CLIENT_ID, "--token-url", &issuer.token_url()]).run().success();
        if wrong.is_none() {
            fs::remove_file(place).expect("there");
        }
        let terminal = Terminal::of(&environment).with("PATH", environment.path("files/secret").display());
        terminal.follows_and_works("tokenkeep token get -p billing");
    }
}
