//! Removing what no caller needs any more: records that were over long ago, temporaries that a kill left, and lock
//! files that no process holds.
//!
//! A record, its temporaries and its lock are removed while the lock is held, so never under a process that has the
//! turn. What only looks unreachable stays: another directory may name it, and what cannot be read is not absent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cache, CacheFault, kind, slot};
use crate::cache::single_flight;
use crate::cache::store::{Leftover, RecordError, RecordKind, leftover};
use crate::seal;
use crate::system::clock::{Clock, Moment};
use crate::system::files::{Dir, Missing, PlaceError};
use crate::token::refusal::Refusal;
use crate::token::rejection::Rejection;
use crate::token::{AccessToken, RecordName, Validity};

/// What was over for longer than this is removed.
const DAY: Duration = Duration::from_secs(86_400);
/// A temporary of a writer without the turn is removed by a command when it is older than this.
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// How many names a holder of the turn looks at, and for how long.
const SAMPLE: usize = 200;
const SAMPLE_TIME: Duration = Duration::from_millis(20);

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything: a command that changes what is stored.
    Everything,
    /// Some of it, for a few milliseconds: a holder of the turn, now and then.
    Sample,
}

/// The files of one record.
#[derive(Default)]
struct Files {
    token: bool,
    refusal: bool,
    rejection: bool,
    temporaries: Vec<(String, Leftover)>,
    locks: Vec<String>,
}

struct Sweep<'a> {
    dir: &'a Dir,
    tokens: Option<Dir>,
    locks: Option<Dir>,
    cache: Option<&'a Cache>,
    now: Moment,
    extent: Extent,
}

/// Sweeps a data directory, and returns how many files went. Without a cache no record is judged.
///
/// # Errors
/// When a folder cannot be listed, or something that is not ours lies in it. What was removed by then stays removed.
pub(crate) fn sweep(dir: &Dir, cache: Option<&Cache>, clock: &dyn Clock, extent: Extent) -> Result<usize, CacheFault> {
    let began = clock.boot();
    let folder = |name| dir.dir(name, Missing::Leave).map_err(RecordError::from);
    let (tokens, locks) = (folder("tokens")?, folder("locks")?);
    let sweep = Sweep { dir, tokens, locks, cache, now: clock.now(), extent };
    let mut removed = 0;
    for (name, files) in sweep.files().map_err(RecordError::from)? {
        if extent == Extent::Sample && clock.boot() > began.plus(SAMPLE_TIME) {
            break;
        }
        removed += match name {
            Some(name) => sweep.record(name, &files)?,
            None => sweep.temporaries(&files, false).map_err(RecordError::from)?,
        };
    }
    Ok(removed)
}

impl Sweep<'_> {
    /// Lists the files by record; those of none come under `None`.
    fn files(&self) -> Result<Vec<(Option<RecordName>, Files)>, PlaceError> {
        let mut files: BTreeMap<Option<String>, Files> = BTreeMap::new();
        let names = |dir: &Option<Dir>| dir.as_ref().map_or(Ok(Vec::new()), Dir::names);
        for file in names(&self.tokens)? {
            let Some((name, what)) = leftover(&file) else { continue };
            let of = files.entry(name.map(|name| name.to_hex())).or_default();
            match what {
                Leftover::Record(RecordKind::Token) => of.token = true,
                Leftover::Record(RecordKind::Refusal) => of.refusal = true,
                Leftover::Record(RecordKind::Rejection) => of.rejection = true,
                Leftover::OfHolder | Leftover::OfAnother => of.temporaries.push((file, what)),
            }
        }
        for file in names(&self.locks)? {
            if let Some(name) = single_flight::identity_of_lock(&file) {
                files.entry(Some(name.to_hex())).or_default().locks.push(file);
            }
        }
        let mut files: Vec<_> =
            files.into_iter().map(|(name, files)| (name.and_then(|name| RecordName::from_hex(&name)), files)).collect();
        if self.extent == Extent::Sample && files.len() > SAMPLE {
            // Another part each time; without randomness the first part will do.
            let mut random = [0; 8];
            let _ = crate::system::random::fill(&mut random);
            let start = usize::from_be_bytes(random) % files.len();
            files.rotate_left(start);
            files.truncate(SAMPLE);
        }
        Ok(files)
    }

    fn record(&self, name: RecordName, files: &Files) -> Result<usize, CacheFault> {
        let records = [
            (files.token, RecordKind::Token),
            (files.refusal, RecordKind::Refusal),
            (files.rejection, RecordKind::Rejection),
        ];
        let present: Vec<_> = records.into_iter().filter(|(present, _)| *present).map(|(_, holds)| holds).collect();
        let mut over = Vec::new();
        for holds in &present {
            if self.is_long_over(name, *holds)? {
                over.push(*holds);
            }
        }
        let idle = self.idle_locks(files, over.len() == present.len()).map_err(RecordError::from)?;
        if over.is_empty() && files.temporaries.is_empty() && idle.is_empty() {
            return Ok(0);
        }
        let mut removed = 0;
        for lock in idle.iter().filter(|lock| **lock != name.to_hex()) {
            removed += self.lock(lock, || Ok(0))?;
        }
        if over.is_empty() && files.temporaries.is_empty() && !idle.contains(&name.to_hex()) {
            return Ok(removed);
        }
        let work = || {
            let mut removed = self.temporaries(files, true).map_err(RecordError::from)?;
            for holds in &over {
                // Again, under the lock: another process may have put a new one there.
                if self.is_long_over(name, *holds)?
                    && let Some(cache) = self.cache
                {
                    removed += usize::from(cache.store.remove(slot(name, *holds))?);
                }
            }
            Ok(removed)
        };
        let had_lock = files.locks.contains(&name.to_hex());
        let is_mine = !had_lock && single_flight::LOCKS_CAN_BE_REMOVED;
        match idle.contains(&name.to_hex()) || is_mine {
            true => self.lock(&name.to_hex(), work).map(|gone| removed + gone - usize::from(!had_lock && gone > 0)),
            false => Ok(removed + single_flight::if_free(self.dir, &name.to_hex(), |_| work()).unwrap_or(Ok(0))?),
        }
    }

    /// Does the work, then removes the lock file, while its lock is held; does nothing if another process holds it.
    fn lock(&self, lock: &str, work: impl FnOnce() -> Result<usize, CacheFault>) -> Result<usize, CacheFault> {
        let done = single_flight::if_free(self.dir, lock, |locks| {
            let removed = work()?;
            // A process that waits for it, or has opened it, finds that it was removed and takes a new one.
            Ok(removed + usize::from(locks.remove(lock).map_err(RecordError::from)?))
        });
        done.unwrap_or(Ok(0))
    }

    /// Returns the locks that may go if no process holds them: those of no record, and those that are old.
    fn idle_locks(&self, files: &Files, no_record_stays: bool) -> Result<Vec<String>, PlaceError> {
        let Some(locks) = &self.locks else { return Ok(Vec::new()) };
        if !single_flight::LOCKS_CAN_BE_REMOVED {
            return Ok(Vec::new());
        }
        let mut idle = Vec::new();
        for lock in &files.locks {
            if (self.extent == Extent::Everything && no_record_stays) || self.is_older(locks, lock, DAY)? {
                idle.push(lock.clone());
            }
        }
        Ok(idle)
    }

    /// Removes temporaries. Those of the holder go when no process has the turn, the others when they are old.
    fn temporaries(&self, files: &Files, turn_is_free: bool) -> Result<usize, PlaceError> {
        let Some(tokens) = &self.tokens else { return Ok(0) };
        let mut removed = 0;
        for (file, what) in &files.temporaries {
            let goes = match (self.extent, what) {
                (Extent::Everything, Leftover::OfHolder) => turn_is_free,
                (Extent::Everything, _) => self.is_older(tokens, file, TEN_MINUTES)?,
                (Extent::Sample, _) => self.is_older(tokens, file, DAY)?,
            };
            removed += usize::from(goes && tokens.remove(file)?);
        }
        Ok(removed)
    }

    fn is_older(&self, dir: &Dir, file: &str, age: Duration) -> Result<bool, PlaceError> {
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let modified = dir.modified(file)?;
        Ok(modified.is_some_and(|at| self.now.wall.seconds().saturating_sub(at) > age))
    }

    /// Returns whether a record has been over for more than a day; `false` for one that does not open.
    fn is_long_over(&self, name: RecordName, holds: RecordKind) -> Result<bool, CacheFault> {
        let Some(cache) = self.cache else { return Ok(false) };
        let Some(record) = cache.store.load(slot(name, holds))? else { return Ok(false) };
        let Ok(plain) = seal::open(&cache.key, kind(holds), name, &record) else { return Ok(false) };
        let validity: Option<Validity> = match holds {
            RecordKind::Token => AccessToken::decode(&plain.body).ok().map(|token| *token.validity()),
            RecordKind::Refusal => Refusal::decode(&plain.body).ok().map(|refusal| refusal.validity),
            RecordKind::Rejection => Rejection::decode(&plain.body).ok().map(|rejection| rejection.validity),
        };
        Ok(validity.is_some_and(|validity| validity.is_over_for(DAY, &self.now)))
    }
}

#[cfg(test)]
mod tests;
