//! The go command: blocks of URLs and headers.

use std::time::Duration;

use super::{BASIC, Client, HOST, environment, kept, link, warm};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\nWww-Authenticate: Bearer realm=\"x\"\n\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\nDate: x\n\n";

pub(super) const CLIENT: Client = Client {
    name: "goauth",
    program: "tokenkeep-goauth",
    ask: |host| (vec![format!("https://{host}/mod/@v/list")], NOT_FOUND.to_owned()),
    token: |outcome| blocks(outcome)[0].1.strip_prefix("Bearer ").unwrap_or_default().to_owned(),
    foreign: Some(|outcome| assert_eq!((outcome.code, outcome.stdout_str()), (0, ""), "{outcome:?}")),
};

/// Reads the answer as go does: URL lines, an empty line, header lines, an empty line.
fn blocks(outcome: &Outcome) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut parts = outcome.stdout_str().split("\n\n").collect::<Vec<_>>();
    assert_eq!(parts.pop(), Some(""), "each part ends in an empty line");
    for block in parts.chunks(2) {
        let [url, header] = block else { panic!("a block has two parts: {outcome:?}") };
        let value = header.strip_prefix("Authorization: ").unwrap_or_else(|| panic!("one header: {outcome:?}"));
        blocks.push(((*url).to_owned(), value.to_owned()));
    }
    blocks
}

/// The call of a go command that began just now.
fn new_go(environment: &TestEnvironment, url: &str, response: &str) -> Invocation {
    // Times of processes are known to the hundredth of a second.
    std::thread::sleep(Duration::from_millis(30));
    let shell = ["/bin/sh", "-c", r#""$@"; exit $?"#, "sh"];
    CLIENT.typed(environment, &[url], response).under(shell).prints_token()
}

#[test]
fn the_first_call_names_each_server_whose_token_is_kept_and_requests_none() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let cold = CLIENT.typed(&environment, &[""; 0], "").run().success();
    assert_eq!((cold.stdout_str(), issuer.count("/token")), ("", 0));
    let token = kept(&environment);
    let warm = CLIENT.typed(&environment, &[""; 0], "").prints_token().run().success();
    let blocks = blocks(&warm);
    let urls: Vec<&str> = blocks.iter().map(|(url, _)| url.as_str()).collect();
    assert_eq!(urls, [format!("https://{HOST}"), format!("https://{BASIC}")]);
    assert!(blocks[0].1 == format!("Bearer {token}") && blocks[1].1.starts_with("Basic "));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn the_second_call_is_answered_for_its_server_only() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for (url, prefix) in [
        ("https://server.example.com/mod/@v/list?go-get=1", "https://server.example.com"),
        ("https://Server.example.com:443/mod", "https://Server.example.com:443"),
        ("https://a.wild.example.com/mod", "https://a.wild.example.com"),
    ] {
        let outcome = CLIENT.typed(&environment, &[url], NOT_FOUND).prints_token().run().success();
        let urls: Vec<_> = blocks(&outcome).into_iter().map(|(url, _)| url).collect();
        assert_eq!(urls, [prefix], "{url}");
    }
    for url in ["http://server.example.com/mod", "https://u:p@server.example.com/mod", "mod", ""] {
        let outcome = CLIENT.typed(&environment, &[url], REFUSED).run().success();
        assert_eq!(outcome.stdout_str(), "", "{url}");
    }
    CLIENT.typed(&environment, &["a", "b"], "").run().exits(2);
}

#[test]
fn a_token_that_go_sent_and_the_server_refused_is_replaced_once() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let first = kept(&environment);
    let url = format!("https://{HOST}/mod");
    let second = (CLIENT.token)(&new_go(&environment, &url, REFUSED).run().success());
    assert!(first != second && second == kept(&environment));
    assert_eq!(issuer.count("/token"), 2);
    // One that was requested while go runs was not sent with the request that this response is about.
    let shell = ["/bin/sh", "-c", r#""$@" <"$RESPONSE" >/dev/null; "$@" <"$RESPONSE"; exit $?"#, "sh"];
    crate::setup::forget(&environment);
    let response = environment.write("files/response", REFUSED);
    let program = environment.program(link(&environment, CLIENT.program), [&url]).env("RESPONSE", response);
    program.under(shell).prints_token().run().success();
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn a_response_that_is_not_about_our_token_takes_none_out_of_use() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    let token = kept(&environment);
    let invalid = REFUSED.replace("realm=\"x\"", "error=\"invalid_token\"");
    for (url, response) in [
        ("https://server.example.com/mod", NOT_FOUND),
        ("https://server.example.com/mod", ""),
        ("https://foreign.example.com/mod", REFUSED),
        // The first call has handed out nothing for the hosts of a wildcard.
        ("https://a.wild.example.com/mod", REFUSED),
    ] {
        new_go(&environment, url, response).run().success();
        assert!(kept(&environment) == token, "{url} {response}");
    }
    new_go(&environment, "https://a.wild.example.com/mod", &invalid).run().success();
    assert!(kept(&environment) != token);
    assert_eq!(issuer.count("/token"), 2);
}
