//! Access tokens for programs that call APIs as themselves (OAuth 2.0 client credentials). tokenkeep keeps the client's
//! secret sealed and the access token cached. It sends one request to the issuer per token lifetime, however many
//! threads, processes and hosts want the token.
//!
//! | a program that | begins with |
//! |---|---|
//! | uses a profile of the command line | [`open`]; [`OpenOptions`] for other directories, limits and warnings |
//! | brings client and secret itself | [`Keeper::builder`]; [`FileStore`] if tokens are to outlive it |
//! | shares tokens among hosts | `[fleet]` of `config.toml`, or [`KeeperBuilder::fleet`] and the module [`fleet`] |
//! | wants to know whether a token is still good | [`validate`] |
//!
//! # A profile of the command line
//!
//! ```no_run
#![doc = include_str!("../examples/library.rs")]
//! ```
//!
//! [`Keeper::token`] looks into the cache first, so there is nothing to keep beside it. [`Keeper::cached`] only looks:
//! it is synchronous, for programs that must not wait.
//!
//! # Client and secret of the program
//!
//! Neither file nor environment is read.
//!
//! ```no_run
#![doc = include_str!("../examples/builder.rs")]
//! ```
//!
//! # When the API refuses the token
//!
//! An issuer can end a token before its time. [`Keeper::reject`] takes it out of use, for all callers of the cache, and
//! the next [`Keeper::token`] is another one. Callers that reject the same token cause one request.
//!
//! ```no_run
//! use reqwest::{Client, Response, StatusCode, header::AUTHORIZATION};
//!
//! async fn call(keeper: &tokenkeep::Keeper, api: &Client, url: &str) -> Result<Response, Box<dyn std::error::Error>> {
//!     let token = keeper.token().await?;
//!     let response = api.get(url).header(AUTHORIZATION, token.header_value()).send().await?;
//!     if response.status() != StatusCode::UNAUTHORIZED {
//!         return Ok(response);
//!     }
//!     keeper.reject(&token)?;
//!     let token = keeper.token().await?;
//!     Ok(api.get(url).header(AUTHORIZATION, token.header_value()).send().await?)
//! }
//! ```
//!
//! # Errors
//!
//! An [`Error`] has a [`Code`] (what happened, as scripts know it), its [`ErrorKind`] (what a caller can do), a message
//! without any secret, and perhaps a [`Remedy`]. A fault of the cache, the disk or the clock is none: it is a
//! [`Warning`], and the token is handed out.
//!
//! ```
//! use std::time::Duration;
//! use tokenkeep::{AccessToken, Error, ErrorKind};
//!
//! fn judge(outcome: Result<AccessToken, Error>) -> Result<AccessToken, Option<Duration>> {
//!     outcome.map_err(|error| match error.code().kind() {
//!         _ if error.is_retryable() => Some(error.retry_after().unwrap_or(Duration::from_secs(5))),
//!         ErrorKind::AuthRejected | ErrorKind::NotConfigured => None, // a person has to look at client and secret
//!         _ => None,
//!     })
//! }
//! ```
//!
//! # Runtimes
//!
//! Any executor drives the futures. Timers and sockets belong to a tokio runtime of this crate with one thread, which
//! the first wait starts. The runtime of the program may lack them, end, or not be there.
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `keyring` | secrets in the OS keyring; without it, such a profile is an error that names the feature |
//! | `redis` | [`fleet`] over Redis; without it, `[fleet]` is an error that names the feature |
//! | `ledger` | a line in the history that `tokenkeep stats` shows for each request; without it, none is written |
//! | `cli` | the command line |
//!
//! All are on by default. A program takes `default-features = false` and of the first three what it uses.
//!
//! # What stays
//!
//! What lies on disk is read by every later version. Codes of errors and warnings keep their names. Types that are
//! `non_exhaustive` gain variants and fields: make a [`Profile`] with [`Profile::new`], then set what differs. The
//! oldest Rust that builds this version is 1.95; a newer one is a minor version.

#![cfg_attr(
    not(all(feature = "cli", feature = "redis")),
    expect(dead_code, reason = "parts below `manage` hold what the command line alone uses")
)]

mod cache;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod config;
mod encoding;
mod error;
#[cfg(any(feature = "cli", feature = "front"))]
mod exit;
pub mod fleet;
#[cfg(all(feature = "front", unix))]
#[doc(hidden)]
pub mod front;
#[cfg(any(feature = "cli", feature = "front"))]
mod hints;
mod keeper;
mod ledger;
#[cfg(feature = "cli")]
mod manage;
mod oauth;
mod open;
mod profile;
mod seal;
mod secrets;
mod system;
mod token;

pub use cache::store::{FileStore, LockDir, MemoryStore, RecordError, RecordKey, RecordKind, RecordStore, WriteMode};
pub use error::warning::Warning;
pub use error::{Code, Error, ErrorKind, Remedy, SecretPlace};
pub use keeper::validate::{Check, Outcome, Reach, Report, Verdict, validate};
pub use keeper::{Keeper, KeeperBuilder, Obtained, Source, Want};
pub use open::{OpenOptions, open};
pub use profile::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Binding,
    ClientCertificate, Endpoint, EndpointError, Generation, Grant, HeaderError, HeaderSource, Headers, PlainHostError,
    PlainHosts, Profile, ProfileName, Reference, Repeats, Request, RequestError, SecretSource, TokenBinding, TokenType,
};
pub use seal::{DataKey, KeyId, SealError};
pub use system::clock::{BootId, BootTime, Clock, ManualClock, Moment, SystemClock, WallTime};
pub use system::files::{Mend, PlaceError, Stamp};
pub use system::secret::{Secret, SecretDigest};
pub use token::{AccessToken, Freshness, LifetimeFrom, RecordName, Validity};
