//! One binary for everything that runs the real `tokenkeep` against real counterparts.
#![cfg(unix)]

mod apache;
mod binding;
mod by_environment;
mod cache;
mod canary;
mod changed_place;
mod common;
mod contract;
mod debug_forms;
mod disclosure;
mod discovery;
mod doctor;
mod dpop;
mod file_size;
mod files;
mod fleet;
mod fleet_store;
mod front;
mod gateway;
mod hardening;
mod harness;
mod herd;
#[cfg(target_os = "linux")]
mod hints;
mod interrupted;
mod issuer_fixture;
mod issuer_tls;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod kernel_tier;
mod key_sources;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod keyring;
mod kills;
mod late_key;
mod ledger;
mod library;
mod limits;
mod machine;
mod main_job;
mod manual;
mod methods;
mod mix_up;
mod moving;
mod network;
mod output;
mod plain_http;
mod prompt;
mod providers;
mod proxies;
mod readme;
mod real_issuers;
mod redis_harness;
mod refusals;
mod resource_server;
mod retries;
mod revocation;
mod right_token;
mod secret_command;
mod sent;
mod setup;
mod spinner;
mod surroundings;
mod tls;
mod typing;
mod users;
mod validate;
