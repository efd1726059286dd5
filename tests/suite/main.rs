//! One binary for everything that runs the real `tokenkeep` against real counterparts.
#![cfg(unix)]

#[cfg(target_os = "linux")]
#[cfg(target_os = "linux")]

mod binding;
mod cache;
mod canary;
mod common;
mod contract;
mod files;
mod harness;
mod herd;
mod issuer_fixture;
mod issuer_tls;
mod kills;
mod machine;
mod main_job;
mod network;
mod real_issuers;
mod setup;
mod spinner;
mod tls;
