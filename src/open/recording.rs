//! When the history of requests is written: at once by a program that goes on, at its end by one that answers once.

use std::sync::PoisonError;
use std::sync::{Arc, Mutex};

use crate::keeper::Recorder;
use crate::ledger::Entry;
use crate::ledger::{Condition, Ledger, LedgerError};
use crate::system::clock::Clock;
use crate::system::files::Dir;

/// How entries reach the ledger. Cloning shares what waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    /// Where entries wait for `settle`. Without it they are put down at once, and written by a thread of its own.
    at_end: Option<Arc<Mutex<Waiting>>>,
}

/// Entries that wait, and the ledger that they belong to.
#[derive(Debug, Default)]
struct Waiting {
    ledger: Option<Ledger>,
    entries: Vec<Entry>,
}

impl Recording {
    /// Makes the recorder of a keeper; without a directory nothing is recorded.
    pub(crate) fn recorder(&self, dir: Option<Arc<Dir>>, clock: Arc<dyn Clock>) -> Recorder {
        let Some(ledger) = dir.map(|dir| Ledger::new(dir, clock)) else { return Box::new(|_| ()) };
        match self.at_end.clone() {
            Some(waiting) => Box::new(move |entry| {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.ledger.get_or_insert_with(|| ledger.clone());
                waiting.entries.push(entry);
            }),
            None => Box::new(move |entry| {
                // On disk before the caller goes on: it may end before the thread does.
                let spooled = ledger.spool(&entry);
                let ledger = ledger.clone();
                let write = move || tell(spooled.and_then(|()| ledger.record(&[])));
                if let Err(error) = std::thread::Builder::new().spawn(write) {
                    tracing::debug!("the history of requests waits for another writer: {error}");
                }
            }),
        }
    }
}

#[cfg(feature = "cli")]
impl Recording {
    /// Keeps entries until [`Recording::settle`].
    pub(crate) fn at_end() -> Recording {
        Recording { at_end: Some(Arc::default()) }
    }

    /// Writes what waits; called after the answer was given.
    pub(crate) fn settle(&self) -> Result<Condition, LedgerError> {
        let Some(waiting) = &self.at_end else { return Ok(Condition::Sound) };
        let waiting = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
        match waiting.ledger {
            Some(ledger) => ledger.record(&waiting.entries),
            None => Ok(Condition::Sound),
        }
    }
}

/// Nothing depends on the history: what became of it is logged.
fn tell(written: Result<Condition, LedgerError>) {
    match written {
        Ok(Condition::Sound) => {}
        Ok(Condition::Quarantined) => {
            let warning = crate::error::warning::Warning::LedgerQuarantined;
            tracing::warn!(code = warning.code(), "{warning}");
        }
        Err(error) => tracing::debug!("the history of requests was not written: {}", crate::error::chain(&error)),
    }
}
