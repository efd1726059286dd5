//! Each hint is followed: what it names is typed on a terminal where it is shown, and the first command works.
//!
//! src/hints/tests.rs names the test that holds each remedy.

mod commands;
mod credentials;
mod fleet;
mod issuers;
mod places;
pub(crate) mod terminal;
mod tokens;

use std::fs;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{init, set_credential};

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
