//! The history of requests to issuers: who asked, when, how it ended, how long it took.
//!
//! It is never on the warm path and never needed to answer. An entry is written after the token was handed out, and
//! whatever is wrong with the ledger, locked, damaged, read-only, of a newer version, keeps nothing from anybody. While
//! somebody else writes, an entry waits as a file of its own for whoever writes next.

mod entry;

#[cfg(feature = "ledger")]
mod database;
#[cfg(feature = "ledger")]
mod history;
#[cfg(feature = "ledger")]
mod pending;
#[cfg(feature = "ledger")]
mod stats;

pub(crate) use entry::{Entry, Kind};
#[cfg(feature = "ledger")]
pub(crate) use history::{Condition, Ledger, LedgerError};
#[cfg(all(feature = "ledger", feature = "cli"))]
pub(crate) use stats::Row;
#[cfg(feature = "ledger")]
pub(crate) use stats::Stats;
