//! One binary for everything that runs the real `tokenkeep` against real counterparts.
#![cfg(unix)]

mod canary;
mod common;
mod harness;
mod issuer_fixture;
mod issuer_tls;
mod network;
mod real_issuers;
mod setup;
