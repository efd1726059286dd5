//! One binary for everything that runs the real `tokenkeep` against real counterparts.
#![cfg(unix)]

mod binding;
mod cache;
mod canary;
mod common;
mod contract;
mod debug_forms;
mod disclosure;
mod files;
mod harness;
mod herd;
mod issuer_fixture;
mod issuer_tls;
mod kills;
mod library;
mod limits;
mod machine;
mod main_job;
mod network;
mod output;
mod real_issuers;
mod right_token;
mod sent;
mod setup;
mod spinner;
mod surroundings;
mod tls;
mod users;
mod validate;
