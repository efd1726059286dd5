//! Access tokens for programs that call APIs as themselves (OAuth 2.0 client credentials, RFC 6749 s. 4.4). tokenkeep
//! keeps the client's secret sealed and the access token cached. It sends one request to the issuer per token lifetime,
//! however many threads, processes and hosts want the token.
//!
//! | a program that | begins with |
//! |---|---|
//! | uses a profile of the command line | [`open()`]; [`OpenOptions`] for other directories, limits and warnings |
//! | brings client and secret itself | [`Keeper::builder`]; [`store`] if tokens are to outlive it |
//! | calls several APIs, or one with several scopes | a keeper for each profile, [`Keeper::with_request`] for each scope |
//! | shares tokens among hosts | `[fleet]` of `config.toml`, or [`KeeperBuilder::fleet`] and the module [`fleet`] |
//! | wants to know whether a token is still good | [`Keeper::validate`] |
//!
//! A program that is handed a token by its platform, or that acts for a user at a login, needs another crate.
//!
//! # A profile of the command line
//!
//! ```no_run
#![doc = include_str!("../examples/profile.rs")]
//! ```
//!
//! [`Keeper::token`] looks into the cache first, so there is nothing to keep beside it. [`Keeper::cached`] only looks:
//! it is synchronous, for programs that must not wait.
//!
//! # Client and secret of the program
//!
//! Neither file nor environment is read, and nothing is written.
//!
//! ```no_run
#![doc = include_str!("../examples/handed_in.rs")]
//! ```
//!
//! # Many profiles and scopes behind one HTTP client
//!
//! An issuer can end a token before its time. [`Keeper::reject`] takes it out of use, for all callers of the cache, and
//! the next [`Keeper::token`] is another one. Callers that reject the same token cause one request.
//!
//! ```no_run
#![doc = include_str!("../examples/many.rs")]
//! ```
//!
//! # Errors
//!
//! An [`Error`] has a [`Code`] (what happened, as scripts know it), its [`ErrorKind`] (what a caller can do), a message
//! without any secret, and perhaps a [`Remedy`](error::Remedy). A fault of the cache, the disk or the clock is a
//! [`Warning`], and the token is handed out, unless `config.toml` has `required = true`.
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
//! What lies on disk, in a keyring and in a fleet store is read by every later version; formats only gain. Codes of
//! errors and warnings keep their names. Types that are `non_exhaustive` gain variants and fields: make a [`Profile`]
//! with [`Profile::new`], then set what differs. Types that a program's own clock or engine makes stay as they are. Every public
//! item is a line of `docs/api.txt`, so a change of one is reviewed.
//!
//! The oldest Rust that builds this version is 1.95; a newer one is a minor version.

mod cache;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod config;
#[cfg(any(feature = "cli", feature = "front"))]
mod consumers;
mod encoding;
pub mod error;
#[cfg(any(feature = "cli", feature = "front"))]
mod exit;
pub mod fleet;
#[cfg(all(feature = "front", unix))]
#[doc(hidden)]
pub mod front;
#[cfg(any(feature = "cli", feature = "front"))]
mod hints;
pub mod keeper;
mod ledger;
#[cfg(feature = "cli")]
mod manage;
mod oauth;
mod open;
pub mod profile;
mod seal;
mod secrets;
mod system;
pub mod token;
#[cfg(feature = "cli")]
mod usage;

#[doc(inline)]
pub use error::{Code, Error, ErrorKind, Warning};
#[doc(inline)]
pub use keeper::{Keeper, KeeperBuilder};
// The options stand beside the function, as in std::fs: a module for one name would be a detour.
pub use open::{OpenOptions, open};
#[doc(inline)]
pub use profile::{Profile, ProfileName};
pub use system::secret::Secret;
#[doc(inline)]
pub use token::AccessToken;

/// Time: the two clocks that a keeper reads, and one that a test moves.
///
/// A program hands its own in by [`KeeperBuilder::clock`]; without it, [`SystemClock`](clock::SystemClock) is read.
pub mod clock {
    pub use crate::system::clock::{BootId, BootTime, Clock, ManualClock, Moment, SystemClock, WallTime};
}

/// Where a keeper that is built keeps its sealed records, and the key that seals them.
///
/// | a program that | takes |
/// |---|---|
/// | wants nothing on disk | [`MemoryStore`](store::MemoryStore), which is there without a call |
/// | wants its tokens to outlive it | [`FileStore`](store::FileStore) and a [`DataKey`](store::DataKey) that outlives it |
/// | keeps them elsewhere: a database, a file of another kind | its own [`RecordStore`](store::RecordStore) |
///
/// A store is handed sealed bytes, and is not trusted: a record that it changes does not open, and is requested again.
pub mod store {
    pub use crate::cache::store::{
        FileStore, LockDir, MemoryStore, RecordError, RecordKey, RecordKind, RecordStore, WriteMode,
    };
    pub use crate::seal::DataKey;
    pub use crate::system::files::Stamp;
    pub use crate::token::identity::RecordName;
}

/// What [`Keeper::validate`] finds out about a token.
pub mod validate {
    pub use crate::keeper::validate::{Check, Outcome, Reach, Report, Verdict};
}
