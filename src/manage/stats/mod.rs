//! What was requested from issuers, by profile and day, and how each profile stands.

mod prometheus;
mod report;
mod state;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use prometheus::prometheus;
pub(crate) use report::{Report, date};
pub(crate) use state::states;

use crate::error::Error;
use crate::error::warning::Warning;
use crate::keeper::Observer;
use crate::ledger::{Condition, Ledger, Stats};
use crate::open::Home;
use crate::profile::ProfileName;
use crate::system::clock::WallTime;
use crate::system::files::{Dir, Missing};

/// Sums up the requests of so long a time until now, of all profiles or of one.
pub(crate) fn sums(
    home: &Home,
    since: Duration,
    only: Option<&ProfileName>,
    observer: &Observer,
) -> Result<Stats, Error> {
    let nanos = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    let from = WallTime(home.clock.wall().0.saturating_sub(nanos));
    let Some(dir) = Dir::open(&home.data_dir, Missing::Leave)? else { return Ok(Stats::since(from)) };
    let ledger = Ledger::new(Arc::new(dir), home.clock.clone());
    let (stats, condition) = ledger.stats(from, only.map(ProfileName::as_str))?;
    if condition == Condition::Quarantined {
        observer(&Warning::LedgerQuarantined);
    }
    Ok(stats)
}
