//! Every way in which a client proves itself, in front of servers that other people wrote.

mod assertions;
mod certificates;
mod federated;
pub(crate) mod keys;
mod python;
mod unreadable;

use serde_json::Value;

use crate::common::peer::OidcProvider;
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

/// Where a secret lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lies {
    InTheBackend,
    /// In a file of its own, read at each fetch.
    AtFetch,
}

pub(crate) const BOTH: [Lies; 2] = [Lies::InTheBackend, Lies::AtFetch];

/// An environment with the file backend and no profile.
pub(crate) fn empty() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    environment
}

/// A run that sets a credential whose secret lies there.
pub(crate) fn set(environment: &TestEnvironment, lies: Lies, secret: &str, options: &[&str]) -> Invocation {
    let run = environment.tokenkeep(["--json", "credentials", "set"]).args(options);
    match lies {
        Lies::InTheBackend => run.arg("--secret-stdin").stdin(secret),
        Lies::AtFetch => {
            let file = environment.write_secret("files/secret", secret);
            run.args(["--secret-at-fetch", &format!("file:{}", file.display())])
        }
    }
}

/// What leads a client to a provider over TLS; the issuer is named, and nothing is asked of it.
pub(crate) fn at(provider: &OidcProvider) -> Vec<String> {
    let ca_file = provider.ca_file().display().to_string();
    let (token_url, issuer) = (provider.tls_token_url(), provider.issuer());
    ["--token-url", &token_url, "--issuer", issuer, "--ca-file", &ca_file].map(str::to_owned).to_vec()
}

/// The same for a fixture issuer, over http.
pub(crate) fn at_fixture(issuer: &Issuer) -> Vec<String> {
    ["--token-url", &issuer.token_url(), "--issuer", &issuer.url("")].map(str::to_owned).to_vec()
}

pub(crate) fn with<'a>(place: &'a [String], options: &[&'a str]) -> Vec<&'a str> {
    place.iter().map(String::as_str).chain(options.iter().copied()).collect()
}

pub(crate) fn get(environment: &TestEnvironment, options: &[&str]) -> Outcome {
    environment.tokenkeep(["--json", "token", "get"]).args(options).prints_token().run()
}

/// Gets a token of a peer: from now on its text is a canary.
pub(crate) fn gets(environment: &TestEnvironment, options: &[&str]) -> Value {
    let answer = get(environment, options).success().json();
    environment.canary("token of a peer", answer["access_token"].as_str().expect("a token is text"));
    answer
}

/// Gets a token, has it from the cache, and gets another: each takes a proof of its own.
pub(crate) fn gets_keeps_and_renews(environment: &TestEnvironment, case: &str) -> Value {
    let (first, second) = (get(environment, &[]), get(environment, &[]));
    assert!(first.code == 0, "{case}: {first:?}");
    let (first, second) = (first.json(), second.success().json());
    assert_eq!((&first["source"], &second["source"]), (&"issuer".into(), &"cache".into()), "{case}");
    assert!(first["access_token"] == second["access_token"], "{case}: the second token is not the first");
    let third = get(environment, &["--refresh"]);
    assert!(third.code == 0, "{case}: {third:?}");
    let third = third.json();
    assert_eq!(third["source"], "issuer", "{case}");
    assert!(third["access_token"] != first["access_token"], "{case}: no other token came");
    for token in [&first, &third] {
        environment.canary("token of a peer", token["access_token"].as_str().expect("a token is text"));
    }
    third
}
