//! tokenkeep keeps an OAuth 2.0 client's secret sealed and its access token cached, and hands the
//! token to whoever needs it: one request to the issuer per token lifetime, however many threads
//! and processes ask.
//!
//! ```no_run
#![doc = include_str!("../examples/library.rs")]
//! ```
//!
//! A program that wants nothing on disk and nothing from the environment brings its own parts:
//!
//! ```no_run
#![doc = include_str!("../examples/builder.rs")]
//! ```
//!
//! # Where to start reading
//!
//! `keeper`: [`Keeper::cached`] looks, [`Keeper::token`] looks, takes the turn, looks again, asks
//! the fleet where there is one, fetches, keeps. From there imports go down only:
//!
//! | floor | parts |
//! |---|---|
//! | 8 | `cli` reads arguments and terminal, prints; `front` the warm path as a program of its own |
//! | surface | `exit` kinds -> exit codes, `hints` remedies -> advice, `style` errors on stderr |
//! | 7 | `open` configuration and environment -> a wired keeper |
//! | mezzanine | `validate` the ladder of checks, `credentials` setting and removing, `recording` when the history is written |
//! | 6 | `keeper` |
//! | 5 | `error` codes, messages, remedies; `warning` |
//! | 4 | `cache` store and seal together |
//! | 3 | `flight` one fetch at a time, `store` records, `secrets` items, `oauth` the protocol, `ledger` the history, `shared` what hosts share |
//! | 2 | `seal` plain <-> sealed, `config` |
//! | 1 | `profile`, `token` and its one freshness rule |
//! | 0 | `secret`, `clock`, `place` files, `tlv`, `document` TOML |
//! | ground | `hex`, `duration` |
//!
//! # Features
//!
//! `cli` builds the command line, `keyring` reaches the OS keyring, `ledger` keeps a history of requests, `redis` shares
//! tokens among hosts: all on by default. Libraries take `default-features = false` and of the last three what they use.

#![cfg_attr(
    not(all(feature = "cli", feature = "redis")),
    expect(dead_code, reason = "setting credentials and listing tokens is what the command line alone does")
)]

mod cache;
mod child;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod clock;
mod config;
mod credentials;
#[cfg(feature = "cli")]
mod doctor;
mod document;
mod duration;
mod error;
mod escape;
#[cfg(any(feature = "cli", feature = "front"))]
mod exit;
mod flight;
#[cfg(all(feature = "front", unix))]
#[doc(hidden)]
pub mod front;
#[cfg(any(feature = "cli", feature = "front"))]
mod hardening;
mod hex;
#[cfg(any(feature = "cli", feature = "front"))]
mod hints;
mod keeper;
mod ledger;
mod oauth;
mod open;
mod place;
mod profile;
mod recording;
mod refusal;
mod relocation;
mod seal;
mod secret;
mod secrets;
pub mod shared;
#[cfg(any(feature = "cli", feature = "front"))]
mod stdout;
mod store;
#[cfg(any(feature = "cli", feature = "front"))]
mod style;
mod sync;
#[cfg(feature = "cli")]
mod terminal;
mod tlv;
mod token;
mod validate;
mod warning;

pub use clock::{BootId, BootTime, Clock, ManualClock, Moment, SystemClock, WallTime};
pub use error::{Code, Error, ErrorKind, Remedy};
pub use keeper::{Keeper, KeeperBuilder, Obtained, Source, Want};
pub use open::open;
pub use place::{Mend, PlaceError, Stamp};
pub use profile::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Binding,
    ClientCertificate, Endpoint, EndpointError, Generation, Grant, HeaderError, HeaderSource, Headers, PlainHostError,
    PlainHosts, Profile, ProfileName, Reference, Repeats, Request, RequestError, SecretSource, TokenBinding, TokenType,
};
pub use seal::{DataKey, KeyId, SealError};
pub use secret::Secret;
pub use store::{Holds, MemoryStore, RecordStore, Slot, StoreError, Writer};
pub use token::{AccessToken, Freshness, LifetimeFrom, RecordName, Validity};
pub use validate::{Check, Outcome, Reach, Report, Verdict, validate};
pub use warning::Warning;
