//! What the tests of the suite stand on.
#![allow(dead_code, unused_imports, reason = "a harness offers more than any one state of the suite uses")]

pub(crate) mod authority;
mod binary;
pub(crate) mod canary;
pub(crate) mod condition;
pub(crate) mod environment;
pub(crate) mod hostile_store;
pub(crate) mod invocation;
pub(crate) mod issuer;
#[cfg(target_os = "linux")]
pub(crate) mod network;
pub(crate) mod outcome;
pub(crate) mod peer;
pub(crate) mod redis;
#[cfg(all(target_os = "linux", feature = "keyring"))]
pub(crate) mod secret_service;

pub(crate) use binary::{example, tokenkeep};
pub(crate) use canary::Canary;
pub(crate) use environment::TestEnvironment;
pub(crate) use invocation::{Invocation, Running};
pub(crate) use issuer::Issuer;
pub(crate) use outcome::Outcome;

/// Says why a test, or a case of it, does not run here; past the test runner, which would show it
/// for failed tests alone.
pub(crate) fn skipped(reason: &str) {
    let line = format!("skipped: {reason}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).expect("stderr can be written");
}
