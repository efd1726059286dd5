//! Each hint is followed: what it names is typed on a terminal where it is shown, and the first command works.
//!
//! src/hints/tests.rs names the test that holds each remedy.

pub(crate) mod terminal;

use std::fs;

use serde_json::json;

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};
use crate::common::redis::{PASSWORD, RedisServer};
use crate::common::{Issuer, TestEnvironment};
use crate::fleet::host;
use crate::setup::{PROFILE, credential, credential_and_token, edit, get, init, prepend, read, set_credential};
use terminal::{Terminal, advice_of_doctor, quoted};

const GET: &str = "tokenkeep token get";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// An environment with the file backend and no profile.
fn empty() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.write_secret("files/secret", CLIENT_SECRET);
    init(&environment);
    environment
}

/// The beginning of a first `credentials set` at an issuer.
fn set_line(issuer: &Issuer) -> String {
    format!("tokenkeep credentials set --client-id {CLIENT_ID} --token-url {}", issuer.token_url())
}

fn set_profile(environment: &TestEnvironment, issuer: &Issuer, profile: &str) {
    set_credential(environment, &issuer.token_url(), &["-p", profile]).run().success();
}

/// Changes a byte of each sealed secret.
fn damage(environment: &TestEnvironment) {
    for secret in crate::machine::paths_in(&environment.path("data/secrets")) {
        let mut sealed = fs::read(&secret).expect("there");
        *sealed.last_mut().expect("not empty") ^= 1;
        fs::write(&secret, sealed).expect("ours");
    }
}

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
        "give the right key: tokenkeep credentials set -p default, or correct what the profile says of it"
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

#[test]
fn an_issuer_is_found_as_the_hint_says() {
    // TakeIssuer.
    let issuer = Issuer::start();
    let environment = empty();
    let line = format!("tokenkeep credentials set --client-id {CLIENT_ID} --issuer {}", issuer.url(""));
    issuer.answer(OAUTH, 200, &json!({ "issuer": issuer.url("/"), "token_endpoint": issuer.token_url() }));
    Terminal::of(&environment).follows(&line);
    get(&environment).run().success().token();

    // CheckIssuer: it has no metadata.
    let issuer = Issuer::start();
    let environment = empty();
    let terminal = Terminal::of(&environment).with("URL", issuer.token_url());
    let line = format!("tokenkeep credentials set --client-id {CLIENT_ID} --issuer {}", issuer.url(""));
    terminal.follows_way(&line, 1);
    get(&environment).run().success().token();

    // MendIssuerName: behind a proxy it takes itself for plain http.
    let issuer = Issuer::start_with_tls();
    let environment = empty();
    let plain = issuer.url("").replace("https://127.0.0.1", "http://127.0.0.1");
    issuer.answer(OAUTH, 200, &json!({ "issuer": plain, "token_endpoint": issuer.token_url() }));
    let line = format!(
        "tokenkeep credentials set --client-id {CLIENT_ID} --issuer {} --ca-file {}",
        issuer.url(""),
        issuer.ca_file().display()
    );
    let terminal = Terminal::of(&environment).with("URL", issuer.token_url());
    terminal.follows(&line);
    get(&environment).run().success().token();
}

#[test]
fn certificates_are_given_as_the_hint_says() {
    let issuer = Issuer::start_with_tls();
    // GiveCertificates: for a profile that is there, and for one that is set just now.
    let environment = empty();
    let terminal = Terminal::of(&environment).with("PEM", quoted(&issuer.ca_file()));
    terminal.works(&format!("{} -p billing", set_line(&issuer)));
    terminal.follows_and_works("tokenkeep token get -p billing");
    issuer.answer(OAUTH, 200, &json!({ "issuer": issuer.url(""), "token_endpoint": issuer.token_url() }));
    for line in [
        format!("{} --verify", set_line(&issuer)),
        format!("tokenkeep credentials set --client-id {CLIENT_ID} --issuer {}", issuer.url("")),
    ] {
        let environment = empty();
        let terminal = Terminal::of(&environment).with("PEM", quoted(&issuer.ca_file()));
        terminal.follows(&line);
        terminal.works(GET);
    }

    // ConvertToPem.
    let environment = empty();
    let der = environment.path("files/ca of the issuer.der");
    let convert = environment.program("openssl", ["x509", "-outform", "der", "-in"]);
    convert.arg(issuer.ca_file()).arg("-out").arg(&der).run().success();
    let terminal = Terminal::of(&environment);
    let line = format!("{} --ca-file ", set_line(&issuer));
    terminal.follows(&format!("{line}{}", quoted(&der)));
    terminal.works(&format!("{line}ca.pem"));
    terminal.works(GET);
}

#[test]
fn a_file_of_a_profile_is_replaced_as_the_hint_says() {
    let issuer = Issuer::start_with_tls();
    let authority = fs::read(issuer.ca_file()).expect("the authority has a certificate");
    // RestoreCaFile: a profile's, and one that is typed just now.
    let environment = empty();
    let gone = environment.write("files/gone.pem", &authority);
    let terminal = Terminal::of(&environment).with("PEM", quoted(&issuer.ca_file()));
    let line = format!("{} -p billing --ca-file", set_line(&issuer));
    terminal.works(&format!("{line} gone.pem"));
    fs::remove_file(&gone).expect("there");
    terminal.follows_and_works("tokenkeep token get -p billing");
    terminal.follows(&format!("{line} none.pem"));

    // RestoreCertificate.
    let environment = empty();
    environment.secret_place("files/key.pem");
    let certificate = environment.path("files/certificate.pem");
    let make = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=client", "-keyout", "key.pem", "-out"];
    let make = environment.program("openssl", make).arg("certificate.pem").current_dir(environment.path("files"));
    make.run().success();
    let line = format!("{line} {} --auth self_signed_tls_client_auth", issuer.ca_file().display());
    let terminal = Terminal::of(&environment).with("PEM", quoted(&environment.path("files/other.pem")));
    terminal.works(&format!("{line} --certificate-file certificate.pem --secret-file key.pem"));
    fs::rename(certificate, environment.path("files/other.pem")).expect("ours");
    let key = read(&environment.path("files/key.pem"));
    let terminal = terminal.secret(&key);
    terminal.follows("tokenkeep token get -p billing");
    // This issuer knows no certificates of clients.
    let refused = terminal.types("tokenkeep token get -p billing");
    assert!(!refused.shown.contains("certificate file"), "{refused:?}");
}

#[test]
fn a_variable_is_unset_as_the_hint_says() {
    let issuer = Issuer::start_with_tls();
    // UnsetCertificates: the doctor says how it goes without the variable, and a fetch with a right one.
    let environment = empty();
    let terminal = Terminal::of(&environment);
    terminal.works(&set_line(&issuer));
    let bad = environment.write("files/bad", "no certificate");
    let line = format!("export SSL_CERT_FILE={}; {GET}", bad.display());
    let (command, _) = terminal.advised(&line, 0);
    assert_eq!(command, "unset SSL_CERT_FILE");
    let doctor = format!("export SSL_CERT_FILE={}; {command}; tokenkeep doctor", bad.display());
    assert!(terminal.works(&doctor).shown.contains("the system's"), "the variable is gone");
    terminal.works(&format!("export SSL_CERT_FILE={}; {GET}", issuer.ca_file().display()));

    // UnsetProxy.
    let environment = credential(&Issuer::start(), &[]);
    let terminal = Terminal::of(&environment).env("HTTPS_PROXY", "ftp://proxy.example");
    let doctor = terminal.types("tokenkeep doctor");
    let command = terminal.commanded(&advice_of_doctor(&doctor, "proxy"), "tokenkeep doctor", 0);
    assert_eq!(command, "unset HTTPS_PROXY");
    terminal.works(&format!("{command}; tokenkeep doctor"));
}

#[test]
fn a_profile_is_changed_to_what_the_issuer_wants() {
    // TakeTypeAsBearer.
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "JWT" } }));
    let environment = credential(&issuer, &["-p", "billing"]);
    Terminal::of(&environment).follows_and_works("tokenkeep token get -p billing");
    let environment = empty();
    Terminal::of(&environment).follows(&format!("{} --verify", set_line(&issuer)));

    // LeaveDpopOut.
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["-p", "billing", "--dpop"]);
    Terminal::of(&environment).follows_and_works("tokenkeep token get -p billing");
    let environment = empty();
    Terminal::of(&environment).follows(&format!("{} --token-type bearer --dpop", set_line(&issuer)));
}

#[test]
fn a_request_is_changed_to_what_the_issuer_grants() {
    let issuer = Issuer::start();
    for (error, flags, way) in [
        ("invalid_scope", "--scope admin", 0),
        ("invalid_target", "--resource urn:other", 0),
        ("invalid_target", "--audience other", 1),
    ] {
        let environment = credential(&issuer, &[]);
        let body = json!({ "error": error }).to_string().into();
        issuer.behave_times("/token", 1, Behaviour::Answer { status: 400, headers: Vec::new(), body });
        let terminal = Terminal::of(&environment);
        let refused = terminal.types(&format!("{GET} {flags}"));
        let flag = flags.split(' ').next().expect("a flag");
        assert!(refused.hint().contains(flag), "{way}: {refused:?}");
        // What was asked for is checked, and left out.
        terminal.works(GET);
    }
}

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

#[test]
fn a_place_for_secrets_is_chosen_as_the_hint_says() {
    let issuer = Issuer::start();
    // ChooseBackend, and ChooseFiles where there is no keyring.
    let environment = TestEnvironment::new();
    let terminal = Terminal::of(&environment);
    let (keyring, _) = terminal.advised("tokenkeep rekey", 0);
    let (files, _) = terminal.advised(&keyring, 0);
    assert_eq!(files, "tokenkeep init --backend file");
    terminal.follows_way("tokenkeep rekey", 1);
    terminal.works("tokenkeep rekey");
    let environment = TestEnvironment::new();
    let terminal = Terminal::of(&environment);
    terminal.follows_and_works(&set_line(&issuer));

    // MoveToFiles: a key needs a place.
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "none"]).run().success();
    Terminal::of(&environment).follows_and_works("tokenkeep rekey");

    // MoveStored.
    let environment = credential(&issuer, &[]);
    environment.key_file("files/a key");
    let line = format!("tokenkeep init --backend file --key-file {}", quoted(&environment.path("files/a key")));
    Terminal::of(&environment).follows_and_works(&line);
    get(&environment).run().success().token();

    // RemoveProfilesOrRefer.
    let environment = credential(&issuer, &[]);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let terminal = Terminal::of(&environment).with("NAME", "default").with("PATH", secret.display());
    terminal.follows_and_works("tokenkeep init --backend none --move");
    terminal.works(GET);
}

#[test]
fn another_directory_is_used_as_the_hint_says() {
    let issuer = Issuer::start();
    let referred = |environment: &TestEnvironment| {
        format!("{} -p other --secret-at-fetch file:{}", set_line(&issuer), environment.path("files/secret").display())
    };
    let with_dir = |environment| Terminal::of(environment).with("DIR", quoted(&environment.path("files/new dir")));
    // UseOneBackend.
    let environment = empty();
    environment.write("config/config.toml", "[secrets]\nbackend = \"none\"\n");
    with_dir(&environment).follows(&referred(&environment));

    // RestoreChoice.
    let environment = credential(&issuer, &[]);
    environment.write_secret("files/secret", CLIENT_SECRET);
    environment.write("data/store", "damaged");
    with_dir(&environment).follows("tokenkeep init --backend file");

    // RestoreKeyFileOrStartOver.
    let environment = credential(&issuer, &[]);
    fs::remove_file(environment.path("config/key")).expect("there");
    with_dir(&environment).follows("tokenkeep init --backend file");

    // UseDirectoryInside.
    let environment = TestEnvironment::new();
    environment.write("files/project/notes", "of the user");
    let line = format!("tokenkeep init --backend file --data-dir {}", environment.path("files/project").display());
    Terminal::of(&environment).follows(&line);

    // GiveDirectories.
    let environment = TestEnvironment::new();
    environment.key_file("files/new dir/key");
    let homeless = with_dir(&environment).env("HOME", "not/absolute");
    let homeless = homeless.env_remove("TOKENKEEP_CONFIG_DIR").env_remove("TOKENKEEP_DATA_DIR");
    let (line, _) = homeless.advised("tokenkeep init --backend file", 0);
    // Two directories.
    homeless.works(&line.replacen("new dir", "new dir/config", 1));

    // NameWritableDirectory.
    let environment = TestEnvironment::new();
    with_dir(&environment).follows("tokenkeep man /proc/none");
}

#[test]
fn what_was_left_behind_is_removed_as_the_hint_says() {
    let issuer = Issuer::start();
    let stray = || {
        let environment = credential(&issuer, &[]);
        fs::rename(environment.path("config/profiles"), environment.path("files/profiles")).expect("ours");
        environment
    };
    // NameProfilesOrClean, either way; the profiles may be elsewhere.
    let environment = stray();
    let other = environment.path("files");
    fs::copy(environment.path("config/key"), other.join("key")).expect("ours");
    environment.key_file("files/key");
    Terminal::of(&environment).with("DIR", quoted(&other)).follows("tokenkeep rekey");
    let environment = stray();
    let terminal = Terminal::of(&environment);
    let (doctor, _) = terminal.advised("tokenkeep rekey", 1);
    // It is not all well: there is no profile.
    assert!(terminal.types(&doctor).shown.contains("ok    orphans"), "{doctor}");
    terminal.works("tokenkeep rekey");

    // Clean: one of two secrets is named by none.
    let environment = credential(&issuer, &[]);
    set_profile(&environment, &issuer, "billing");
    fs::remove_file(environment.path("config/profiles/billing.toml")).expect("there");
    let terminal = Terminal::of(&environment);
    let doctor = terminal.types("tokenkeep doctor");
    terminal.works(&terminal.commanded(&advice_of_doctor(&doctor, "orphans"), "", 0));
    let doctor = terminal.works("tokenkeep doctor");
    assert!(doctor.lines().any(|line| line.starts_with("ok") && line.contains("orphans")), "{doctor:?}");

    // MoveAwayAndClean.
    let environment = credential(&issuer, &[]);
    environment.write("data/configurations", "damaged");
    let terminal = Terminal::of(&environment);
    let (command, _) = terminal.advised("tokenkeep rekey", 0);
    fs::rename(environment.path("data/configurations"), environment.path("files/damaged")).expect("ours");
    terminal.works(&command);
    terminal.works("tokenkeep rekey");
}

#[test]
fn a_passphrase_is_given_as_the_hint_says() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let passphrase = "CANARY-PASSPHRASE-of-nine-words-that-is-long";
    environment.canary("passphrase", passphrase);
    environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"off\"\n");
    let terminal = Terminal::of(&environment).secret(passphrase);
    terminal.works("tokenkeep init --backend file --passphrase");
    let file = environment.write_secret("files/a passphrase", passphrase);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    terminal.works(&format!("{} --secret-file {}", set_line(&issuer), secret.display()));
    let cron = Terminal::of(&environment).absent();
    let failed = cron.types(GET);
    let hint = failed.hint();
    assert_eq!(hint, "give it on a descriptor: put TOKENKEEP_PASSPHRASE_FD=3 before the command, and 3< PATH after it");
    cron.works(&format!("TOKENKEEP_PASSPHRASE_FD=3 {GET} 3< {}", quoted(&file)));
}

#[test]
fn a_key_file_is_made_as_the_hint_says() {
    let issuer = Issuer::start();
    // RestoreKeyFile: there never was one.
    let environment = TestEnvironment::new();
    environment.key_file("files/key");
    let config = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", environment.path("files/key").display());
    environment.write("config/config.toml", config);
    let terminal = Terminal::of(&environment);
    terminal.follows_and_works(&set_line(&issuer));

    // MoveKeyFileAway.
    let environment = TestEnvironment::new();
    environment.key_file("files/the key");
    let key = environment.write_secret("files/the key", "short");
    let line = format!("tokenkeep init --backend file --key-file {}", quoted(&key));
    let terminal = Terminal::of(&environment);
    let (command, _) = terminal.advised(&line, 0);
    fs::rename(&key, environment.path("files/short")).expect("ours");
    terminal.works(&command);
    terminal.works(&line);
}

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
    assert!(refused.hint().starts_with("leave it out and type it when it is asked for"), "{refused:?}");
    terminal.works(&line);
    let file = environment.write_secret("files/secret", CLIENT_SECRET);
    for way in [0, 1] {
        let piped = Terminal::of(&environment).absent().with("PATH", quoted(&file));
        piped.works(&piped.commanded(refused.hint(), &line, way));
    }
}

#[test]
fn a_fleet_is_joined_as_the_hint_says() {
    let (issuer, server) = (host::issuer(), RedisServer::start());
    // LeaveFleetOut.
    let environment = credential_and_token(&Issuer::start(), &[]);
    Terminal::of(&environment).follows("tokenkeep token forget --fleet");

    // MakeFleetKey.
    let environment = host::host(&issuer, &host::at(&server));
    environment.secret_place("files/exported");
    let line = format!("tokenkeep fleet key export {}", environment.path("files/exported").display());
    Terminal::of(&environment).secret(host::SECRET).follows_and_works(&line);

    // RepeatWithFleetStore, DiagnoseFleetStore.
    let environment = host::host(&issuer, &host::patiently("redis://127.0.0.1:1"));
    host::get(&environment, &[]).run().success();
    let terminal = Terminal::of(&environment).secret(host::SECRET);
    let (command, _) = terminal.advised("tokenkeep token forget --fleet", 0);
    assert_eq!(command, "tokenkeep doctor");
    assert!(terminal.types(&command).shown.contains("continues without it"));
    host::share(&environment, &host::at(&server));
    terminal.works(&command);
    terminal.works("tokenkeep token forget --fleet");
    let required = format!("{}required = true\n", host::patiently("redis://127.0.0.1:1"));
    let environment = host::host(&issuer, &required);
    let terminal = Terminal::of(&environment).secret(host::SECRET);
    let (command, _) = terminal.advised(GET, 0);
    assert!(terminal.types(&command).shown.contains("the fleet store is required"), "{command}");
    host::share(&environment, &host::at(&server));
    terminal.works(&command);
    terminal.works(GET);
}

#[test]
fn a_fleet_key_is_made_or_derived_as_the_hint_says() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let required = format!("{}required = true\n", host::at(&server));
    // MakeOrDeriveFleetKey: a get that requires the fleet, in both ways.
    for way in [0, 1] {
        let environment = credential(&issuer, &[]);
        host::share(&environment, &required);
        let terminal = Terminal::of(&environment);
        terminal.follows_way(GET, way);
        terminal.works(GET);
    }

    // RemoveFleetKey: the key that is there would win.
    let environment = credential(&issuer, &[]);
    host::share(&environment, &required);
    let terminal = Terminal::of(&environment);
    terminal.works("tokenkeep fleet key new");
    terminal.follows_and_works("tokenkeep fleet key derive -p default");
    terminal.works(GET);

    // MoveVouchedAway.
    environment.write("data/vouched", "damaged");
    environment.program("chmod", ["600"]).arg(environment.path("data/vouched")).run().success();
    let line = "tokenkeep fleet key derive -p default";
    let failed = terminal.types(line);
    assert_eq!(failed.code, 3, "{failed:?}");
    fs::rename(environment.path("data/vouched"), environment.path("files/vouched")).expect("ours");
    terminal.works(&terminal.commanded(failed.hint(), line, 0));
}

#[test]
fn a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says() {
    let (issuer, server) = (host::issuer(), RedisServer::start());
    // BringFleetKey: what the hint says is typed on the host that has it.
    let (first, second) = (host::host(&issuer, &host::at(&server)), host::host(&issuer, &host::at(&server)));
    first.tokenkeep(["fleet", "key", "new"]).run().success();
    let brought = second.path("files/the key of the fleet");
    second.secret_place(&brought);
    let import = format!("tokenkeep fleet key import {}", quoted(&brought));
    let here = Terminal::of(&second).with("PATH", quoted(&brought));
    let (export, _) = here.advised(&import, 0);
    Terminal::of(&first).works(&export);
    here.works(&import);

    // MoveFleetStateAway.
    second.write("data/shared", "damaged");
    second.program("chmod", ["600"]).arg(second.path("data/shared")).run().success();
    let export = format!("tokenkeep fleet key export {}", quoted(&second.path("files/copy")));
    second.secret_place("files/copy");
    let failed = here.types(&export);
    fs::rename(second.path("data/shared"), second.path("files/shared")).expect("ours");
    for way in [0, 1] {
        here.works(&here.commanded(failed.hint(), "", way));
    }
    here.works(&export);

    // MakeOrDeriveFleetKey: the doctor finds a profile without a key.
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    host::share(&environment, &host::at(&server));
    let terminal = Terminal::of(&environment);
    let doctor = terminal.works("tokenkeep doctor");
    terminal.works(&terminal.commanded(&advice_of_doctor(&doctor, "fleet"), "", 0));
    let doctor = terminal.works("tokenkeep doctor");
    assert!(doctor.shown.contains("ok    fleet"), "{doctor:?}");

    // Diagnose: without its key a store that is required is of no use; the doctor names the file.
    let missing = format!("{}key_file = \"{}\"\n", host::at(&server), environment.path("files/none").display());
    host::share(&environment, &format!("{missing}required = true\n"));
    let (doctor, _) = terminal.advised("tokenkeep token get --refresh", 0);
    assert!(terminal.types(&doctor).shown.contains("files/none"), "{doctor}");

    // SetFleetLogin: the present one is for another store.
    let (issuer, server) = (host::issuer(), RedisServer::with_password());
    let environment = host::host(&issuer, &host::patiently("rediss://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    let terminal = Terminal::of(&environment).secret(PASSWORD);
    terminal.works("tokenkeep fleet login set");
    host::share(&environment, &format!("{}required = true\n", host::patiently(&server.url())));
    terminal.follows_and_works(GET);
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
