//! Hints about issuers: their endpoints, certificates and requests.

use std::fs;

use serde_json::json;

use super::terminal::{Terminal, advice_of_doctor, quoted};
use super::{GET, OAUTH, empty, set_line};
use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_ID};
use crate::setup::{credential, get, read};

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
