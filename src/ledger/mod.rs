//! The history of requests to issuers: their profile, program, time, outcome and duration.
//!
//! It is never on the warm path and never needed to answer. An entry is written after the token was handed out. A
//! ledger that is locked, damaged, read-only, of a newer version or otherwise faulty keeps nothing from a caller. While
//! there is another writer, an entry waits as a file of its own for the next one.

mod entry;
#[cfg(feature = "ledger")]
mod failure;

#[cfg(feature = "ledger")]
mod database;
#[cfg(feature = "ledger")]
mod history;
#[cfg(feature = "ledger")]
mod pending;
#[cfg(feature = "cli")]
mod stats;

pub(crate) use entry::{Entry, Kind};
#[cfg(feature = "ledger")]
pub(crate) use failure::LedgerError;
#[cfg(feature = "ledger")]
pub(crate) use history::{Condition, Ledger};
#[cfg(feature = "cli")]
pub(crate) use stats::{Row, Stats};
