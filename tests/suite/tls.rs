//! Certificates decide: without a good one nothing of a credential leaves, and no environment variable writes keys down.

use crate::common::issuer::{Certificate, ConnectionBehaviour};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{assert_refused, get, get_json, impatient, init, patient, set_credential, snapshot};

#[test]
fn a_certificate_that_does_not_fit_ends_the_connection_before_the_credential() {
    let issuer = Issuer::start_with_tls();
    let environment = trusting(&issuer, &["--probe-url", &issuer.api_url()]);
    for (certificate, why) in [
        (Certificate::Expired, "xpired"),
        (Certificate::SelfSigned, "ssuer"),
        (Certificate::WrongName, "not valid for name"),
    ] {
        issuer.offer_certificate(certificate);
        let error = assert_refused(get_json(&environment).run(), &format!("{certificate:?}"), 6, "tls");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(why), "{certificate:?}: {message}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--ca-file")), "{error}");
    }
    assert!(issuer.requests().is_empty(), "no request came through");
    issuer.offer_certificate(Certificate::Good);
    get(&environment).run().success().token();

    // The token is as secret as the credential.
    issuer.offer_certificate(Certificate::WrongName);
    environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
    assert_eq!(issuer.count("/api"), 0);
    issuer.offer_certificate(Certificate::Good);
    environment.tokenkeep(["token", "validate"]).run().success();
}

#[test]
fn an_authority_that_nobody_named_is_not_trusted() {
    let issuer = Issuer::start_with_tls();
    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &issuer.token_url(), &[]).run().success();
    assert_refused(get_json(&environment).run(), "unknown authority", 6, "tls");
    assert!(issuer.requests().is_empty());
    // Named, the secret is bound to it, and is asked for again.
    let ca_file = issuer.ca_file().display().to_string();
    set_credential(&environment, &issuer.token_url(), &["--ca-file", &ca_file]).run().success();
    get(&environment).run().success().token();
}

#[test]
fn tls_1_1_is_refused() {
    let issuer = Issuer::start_with_tls();
    let environment = trusting(&issuer, &[]);
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Tls11);
    assert_refused(get_json(&environment).run(), "TLS 1.1", 6, "tls");
    assert!(issuer.requests().is_empty());
    get(&environment).run().success().token();
}

#[test]
fn a_port_that_does_not_speak_tls_gets_no_credential() {
    let plain = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let https = plain.token_url().replace("http://", "https://");
    set_credential(&environment, &https, &[]).run().success();
    plain.behave_on_connect(ConnectionBehaviour::Raw { bytes: "HTTP/1.1 400 Bad Request\r\n\r\n".into() });
    assert_refused(get_json(&environment).run(), "plain http", 6, "tls");
    assert!(plain.requests().is_empty());
}

#[test]
fn a_handshake_that_does_not_end_ends_with_the_deadline() {
    let issuer = Issuer::start_with_tls();
    let environment = trusting(&issuer, &[]);
    impatient(&environment);
    for behaviour in [ConnectionBehaviour::Silence, ConnectionBehaviour::DripHandshake { interval_ms: 1_000 }] {
        let name = format!("{behaviour:?}");
        issuer.behave_on_connect_times(1, behaviour);
        let error = assert_refused(get_json(&environment).run(), &name, 6, "timeout");
        assert!(error["message"].as_str().is_some_and(|text| text.ends_with("within 1s")), "{error}");
    }
    assert!(issuer.requests().is_empty());
    patient(&environment);
    get(&environment).run().success().token();
}

#[test]
fn no_session_keys_are_written_down_whatever_the_environment_says() {
    let issuer = Issuer::start_with_tls();
    let environment = trusting(&issuer, &["--probe-url", &issuer.api_url()]);
    let log = environment.path("files/keys.log");
    get(&environment).env("SSLKEYLOGFILE", &log).run().success().token();
    environment.tokenkeep(["token", "validate"]).env("SSLKEYLOGFILE", &log).run().success();
    assert!(!log.exists());
}

#[test]
fn a_machine_without_authorities_still_reaches_loopback_and_a_named_authority() {
    let bare = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let plain = Issuer::start();
    let environment = crate::setup::credential(&plain, &["--probe-url", &plain.api_url()]);
    bare.iter().fold(get(&environment), |run, (name, value)| run.env(name, value)).run().success().token();
    let validate = environment.tokenkeep(["token", "validate"]);
    bare.iter().fold(validate, |run, (name, value)| run.env(name, value)).run().success();

    let tls = Issuer::start_with_tls();
    let environment = trusting(&tls, &[]);
    bare.iter().fold(get(&environment), |run, (name, value)| run.env(name, value)).run().success().token();

    let environment = TestEnvironment::new();
    init(&environment);
    set_credential(&environment, &tls.token_url(), &[]).run().success();
    let outcome = bare.iter().fold(get_json(&environment), |run, (name, value)| run.env(name, value)).run();
    let error = assert_refused(outcome, "no authorities", 3, "config_invalid");
    assert_eq!(error["message"], "SSL_CERT_FILE names /nonexistent, which is missing; nothing was sent");
    assert_eq!(error["retryable"], false);
    // One that is there and empty is reported so.
    let empty = environment.write("files/empty.pem", "").display().to_string();
    let run = get_json(&environment).env("SSL_CERT_FILE", &empty).env("SSL_CERT_DIR", "/nonexistent").run();
    let error = assert_refused(run, "an empty file", 3, "config_invalid");
    let message = format!("SSL_CERT_FILE names {empty}, which holds no certificate that can be used; nothing was sent");
    assert_eq!(error["message"], message);
}

/// Good Base64 of what is no certificate.
const DER_GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nAAECAwQFBgc=\n-----END CERTIFICATE-----\n";

#[test]
fn a_ca_file_is_read_when_it_is_named_and_the_bad_certificate_is_named() {
    let issuer = Issuer::start_with_tls();
    let good = std::fs::read_to_string(issuer.ca_file()).expect("the authority has a certificate");
    let environment = TestEnvironment::new();
    init(&environment);
    let before = snapshot(&environment.config_dir());
    let garbage = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_owned();
    let trusted = good.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    for (content, why) in [
        (String::new(), "it holds no certificate in PEM"),
        ("no certificate".to_owned(), "it holds no certificate in PEM"),
        (garbage, "certificate 1 cannot be read"),
        (format!("{good}{DER_GARBAGE}"), "certificate 2 cannot be read"),
        (good.trim_end().trim_end_matches('-').to_owned(), "certificate 1 cannot be read"),
        (trusted, "certificate 1 is a TRUSTED CERTIFICATE, which only OpenSSL reads"),
    ] {
        let ca_file = environment.write("files/ca.pem", content).display().to_string();
        let set = set_credential(&environment, &issuer.token_url(), &["--ca-file", &ca_file]).run();
        let error = assert_refused(set, why, 3, "config_invalid");
        assert_eq!(error["message"], format!("the CA file {ca_file}: {why}; nothing was sent"));
        assert_eq!(error["retryable"], false);
    }
    assert!(snapshot(&environment.config_dir()) == before, "a refused `credentials set` changes nothing");
    // A byte order mark does no harm.
    let ca_file = environment.write("files/ca.pem", format!("\u{feff}{good}")).display().to_string();
    set_credential(&environment, &issuer.token_url(), &["--ca-file", &ca_file]).run().success();
    get(&environment).run().success().token();
    environment.write("files/ca.pem", format!("\u{feff}{good}{DER_GARBAGE}"));
    let error = assert_refused(get_json(&environment).arg("--refresh").run(), "afterwards", 3, "config_invalid");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("certificate 2 cannot be read")), "{error}");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_certificate_that_a_server_signed_itself_is_taken_if_it_is_no_authority() {
    let issuer = Issuer::start_with_tls();
    let environment = TestEnvironment::new();
    init(&environment);
    let named = |file: &str| issuer.ca_file().with_file_name(file).display().to_string();
    issuer.offer_certificate(Certificate::Authority);
    set_credential(&environment, &issuer.token_url(), &["--ca-file", &named("authority.pem")]).run().success();
    let error = assert_refused(get_json(&environment).run(), "an authority", 6, "tls");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("the server shows a CA certificate as its own"), "{message}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("basicConstraints=CA:FALSE")), "{error}");
    assert_eq!(error["retryable"], false);
    // What the hint makes works.
    issuer.offer_certificate(Certificate::SelfSigned);
    set_credential(&environment, &issuer.token_url(), &["--ca-file", &named("self-signed.pem")]).run().success();
    get(&environment).run().success().token();
}

#[test]
fn tls_on_loopback_never_goes_through_a_proxy() {
    let (issuer, proxy) = (Issuer::start_with_tls(), Issuer::start());
    let environment = trusting(&issuer, &[]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        get(&environment).arg("--refresh").env(name, proxy.url("")).run().success().token();
    }
    assert_eq!(proxy.traffic().accepted, 0);
}

/// An environment that trusts the issuer's authority, and no other.
fn trusting(issuer: &Issuer, options: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    let ca_file = issuer.ca_file().display().to_string();
    set_credential(&environment, &issuer.token_url(), options).args(["--ca-file", &ca_file]).run().success();
    environment
}
