//! One binary for everything that runs the real `tokenkeep` against real counterparts.
//!
//! The map: find the behaviour, then the module. Refusals of the command line are data, in `tests/contract`.
//!
//! **Getting a token**
//! - `main_job`: a secret is set once, then a token costs one request per lifetime; answers, clocks, system calls
//! - `herd`: many processes at once: one requests a token for all; refusals and short lifetimes too
//! - `right_token`: the right token for the right request, whatever profiles are called
//! - `sent`: the issuer gets exactly the secret that was set
//! - `retries`: what is sent again, when, and what never
//! - `refusals`: what a refusal means, whatever its body is
//! - `refused_tokens`: a token that a server refused, as its client reports
//! - `limits`: an issuer that is slow or sends too much
//! - `late_key`: a key that has to be waited for
//! - `output`: stdout that is closed, full or not read
//!
//! **Clients that take the token**
//! - `check`: files are judged before a program reads them
//! - `curl`: curl with a token that no other process sees
//! - `which`: the hosts that a token may be handed to
//! - `formats`: what `token get --format` writes for each, and how long it lives
//!
//! **Proving the client**
//! - `methods`: each method in front of servers of other authors: assertions, certificates, federated, keys
//! - `dpop`: proofs of possession
//! - `providers`: `credentials set --provider`
//! - `discovery`: `credentials set --issuer`
//! - `real_issuers`, `apache`: servers of other authors
//! - `gateway`: headers for a gateway before the token endpoint
//!
//! **Where a secret goes**
//! - `binding`: only to the places that it was set for
//! - `mix_up`: two issuers, one of them hostile
//! - `network`: redirects, insecure endpoints, dead networks
//! - `plain_http`: plain http to a private network
//! - `proxies`: proxies, IPv6, no network
//! - `tls`: certificates decide
//! - `disclosure`: no secret, token or body gets out
//! - `debug_forms`: `{:?}` of public types
//! - `hardening`: no core dump, no tracing
//!
//! **Checking a token**
//! - `validate`: the checks and their verdict
//! - `revocation`: introspection and revocation
//! - `resource_server`: the checks of an API's owner
//!
//! **Keeping secrets**
//! - `keyring`: the OS keyring, with a real gnome-keyring and with faulty ones
//! - `kernel_tier`: the data key in kernel memory
//! - `key_sources`: key file, systemd credential, passphrase
//! - `secret_command`: secrets that another program prints
//! - `moving`: `init --move` and `rekey`
//! - `kept`: nothing that was stored is lost
//! - `changed_place`: a backend that changes under a running command
//! - `prompt`: the secret at the prompt
//! - `interrupted`: a prompt that is interrupted
//!
//! **Files**
//! - `files`: modes, owners, links, directories, faults of the system
//! - `cache`: records that are damaged, foreign, of the future or gone; what is left over
//! - `kills`: processes that are killed at each system call
//! - `file_size`: a limit on the size of files
//!
//! **Fleet**
//! - `fleet`: hosts that name one store, with real servers
//! - `fleet_store`: the contract of every engine
//!
//! **Around it**
//! - `doctor`: one command for each red line
//! - `ledger`: the history of requests, and `stats`
//! - `contract`: messages, hints and exit codes, from `tests/contract`
//! - `hints`: each hint is followed on a terminal
//! - `typing`: what is typed wrongly
//! - `surroundings`: another user's files, a moved home, completions
//! - `spinner`: waiting shows on a terminal only
//! - `manual`, `readme`: pages and documents show what can be typed
//! - `users`: the walks of tests/users
//! - `by_environment`: a profile of variables
//! - `front`: the thin front of a release
//! - `helpers`: clients that ask in their own words: git, docker, Bazel, cargo, pnpm, pip, go, Terraform, kubelet
//! - `library`: the library in a program
//!
//! **The harness itself**
//! - `common`, `setup`, `machine`: environments, the issuer, servers
//! - `canary`, `harness`, `issuer_fixture`, `issuer_tls`, `redis_harness`: they find and do what they must
#![cfg(unix)]

mod apache;
mod binding;
mod by_environment;
mod cache;
mod canary;
mod changed_place;
mod check;
mod common;
mod contract;
mod curl;
mod debug_forms;
mod disclosure;
mod discovery;
mod doctor;
mod dpop;
mod file_size;
mod files;
mod fleet;
mod fleet_store;
mod formats;
mod front;
mod gateway;
mod hardening;
mod harness;
mod helpers;
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
mod refused_tokens;
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
mod which;
