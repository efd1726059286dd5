//! The issuer gets exactly the secret that was set, however odd it is, in the one way that was chosen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::common::issuer::{Behaviour, CLIENT_ID};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{get, init};

/// Secrets that a naive encoding breaks.
fn secrets() -> Vec<String> {
    vec![
        "CANARY-SECRET-plain".to_owned(),
        "CANARY-SECRET-:a:b:".to_owned(),
        "CANARY-SECRET-100%".to_owned(),
        "CANARY-SECRET-%41%zz%".to_owned(),
        "CANARY-SECRET-a+b".to_owned(),
        "CANARY-SECRET-a&client_id=b&c=d".to_owned(),
        " CANARY-SECRET- with spaces ".to_owned(),
        "CANARY-SECRET-\u{e9}\u{4e2d}\u{1f511}".to_owned(),
        "CANARY-SECRET-\"'`$(id)\\n".to_owned(),
        "CANARY-SECRET-tab\there".to_owned(),
        "CANARY-SECRET-two\nlines".to_owned(),
        format!("CANARY-SECRET-{}", "8 KiB of it + % ".repeat(512)),
    ]
}

/// One issuer that knows a client for each secret: the client's name is the secret's number.
fn issuer() -> Issuer {
    let mut options = Vec::new();
    for (number, secret) in secrets().into_iter().enumerate() {
        options.push(("--client", format!("client {number}:{secret}")));
    }
    let options: Vec<String> = options.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    let options: [&str; 24] = std::array::from_fn(|at| options[at].as_str());
    Issuer::start_with(options)
}

#[test]
fn every_secret_arrives_as_it_was_set_in_header_and_form() {
    let issuer = issuer();
    let environment = TestEnvironment::new();
    init(&environment);
    for method in ["client_secret_basic", "client_secret_post"] {
        for (number, secret) in secrets().iter().enumerate() {
            set(&environment, &issuer, &format!("client {number}"), secret, &["--auth", method]);
            // The issuer compares: a secret that was changed on its way is refused.
            get(&environment).run().success().token();
        }
    }
    // The secret was in the one place alone, and never in the URL.
    for (number, request) in issuer.requests().iter().enumerate() {
        let basic = number < secrets().len();
        let form = String::from_utf8_lossy(&request.body.0).into_owned();
        assert_eq!(request.header("authorization").is_some(), basic, "request {number}");
        assert_eq!(form.contains("client_secret="), !basic, "request {number}");
        assert_eq!(form.contains("client_id="), !basic, "request {number}");
        assert_eq!(request.query, "", "request {number}");
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert!(form.starts_with("grant_type=client_credentials") && !form.contains("scope"), "request {number}");
    }
}

#[test]
fn raw_basic_sends_the_bytes_as_they_are() {
    let issuer = Issuer::start();
    issuer.behave(
        "/token",
        Behaviour::Answer {
            status: 200,
            headers: Vec::new(),
            body: r#"{"access_token":"CANARY-TOKEN-raw","token_type":"Bearer","expires_in":60}"#.into(),
        },
    );
    let environment = TestEnvironment::new();
    init(&environment);
    for secret in secrets() {
        set(&environment, &issuer, CLIENT_ID, &secret, &["--basic-encoding", "raw"]);
        // A token stays if a secret is read elsewhere for the same client.
        get(&environment).arg("--refresh").run().success();
        let wanted = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{secret}")));
        let requests = issuer.requests();
        let header = requests.last().and_then(|request| request.header("authorization"));
        // Not assert_eq, which would show both.
        assert!(header == Some(&wanted), "another header was sent");
    }
}

#[test]
fn what_is_asked_for_arrives_as_it_was_typed() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential(&issuer, &[]);
    let flags = ["--scope", "write:all read", "--scope", "x", "--audience", "https://api.invalid/?a=b&c"];
    let more =
        ["--resource", "urn:b", "--resource", "https://a.invalid/x", "--param", "tenant=a&b=c d", "--param", "e="];
    get(&environment).args(flags).args(more).run().success().token();
    let requests = issuer.requests();
    let form = String::from_utf8_lossy(&requests[0].body.0).into_owned();
    assert_eq!(
        form,
        "grant_type=client_credentials&scope=read%20write%3Aall%20x&audience=https%3A%2F%2Fapi.invalid%2F%3Fa%3Db%26c\
         &resource=https%3A%2F%2Fa.invalid%2Fx&resource=urn%3Ab&e=&tenant=a%26b%3Dc%20d"
    );
}

#[test]
fn a_resource_that_is_no_uri_is_sent_as_it_is_with_a_warning() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential(&issuer, &[]);
    let guid = "00000002-0000-0000-c000-000000000000";
    let (flag, param) = (["--resource", guid], ["--param", "resource=00000002-0000-0000-c000-000000000000"]);
    for words in [flag, param] {
        let outcome = get(&environment).arg("--refresh").args(words).run().success();
        outcome
            .says("warning: resource_not_uri: a resource is no absolute URI, as RFC 8707 has it; it is sent as it is");
        let requests = issuer.requests();
        let form = String::from_utf8_lossy(&requests[requests.len() - 1].body.0).into_owned();
        assert_eq!(form, format!("grant_type=client_credentials&resource={guid}"), "{words:?}");
    }
    let outcome = get(&environment).args(["--resource", "urn:a", "--param", "tenant=b"]).run().success();
    assert!(!outcome.stderr.contains("resource_not_uri"), "{outcome:?}");
}

#[test]
fn one_newline_at_the_end_of_a_secret_is_cut_and_no_more() {
    let issuer = Issuer::start_with(["--client", "a:CANARY-SECRET-line"]);
    let environment = TestEnvironment::new();
    init(&environment);
    let file = environment.write_secret("files/secret", "CANARY-SECRET-line\n");
    for stdin in ["CANARY-SECRET-line", "CANARY-SECRET-line\n", "CANARY-SECRET-line\r\n"] {
        set(&environment, &issuer, "a", stdin, &["--replace"]);
        get(&environment).arg("--refresh").run().success().token();
    }
    environment
        .tokenkeep(["credentials", "set", "--client-id", "a", "--token-url", &issuer.token_url(), "--secret-file"])
        .arg(&file)
        .run()
        .success();
    get(&environment).run().success().token();
}

fn set(environment: &TestEnvironment, issuer: &Issuer, client_id: &str, secret: &str, options: &[&str]) {
    let set = ["credentials", "set", "--client-id", client_id, "--token-url", &issuer.token_url()];
    let set = environment.tokenkeep(set).args(options);
    // A control character is no part of a secret that is stored (RFC 6749, A.2); what a file holds is sent as it is.
    let set = if secret.trim_end_matches('\n').trim_end_matches('\r').contains(char::is_control) {
        // Another file for each: the same place holds the same secret.
        let file = environment.write_secret(format!("files/secret-{}", secret.len()), secret);
        set.args(["--secret-at-fetch", &format!("file:{}", file.display())])
    } else {
        set.arg("--secret-stdin").stdin(secret)
    };
    set.run().success();
}
