//! The data directory: its key, whether it keeps what is written, and what was left behind in it.

use super::finding::{Finding, Report, Status};
use super::{Fix, orphans, storage};
use crate::cache::store::FileStore;
use crate::error::{Error, Remedy};
use crate::open::{Home, Opened};
use crate::secrets::{DataDirLock, Protection, keep_in_kernel};
use crate::system::files::EscapedPath;

/// Checks the data directory, and with `fix` removes what was left behind.
pub(super) fn check(home: &Home, report: &mut Report, opened: &Opened, fix: Fix<'_>) -> Result<(), Error> {
    let Opened { dir, keys } = opened;
    report.add(Finding::new("data_dir", Status::Ok, EscapedPath(dir.path()).to_string()));
    let backend = &keys.choice().backend;
    let protection = home.protection(backend);
    let detail = format!("{}; {}", backend.shown(), protection.name());
    report.add(match protection {
        Protection::PlaintextEquivalent => {
            Finding::new("backend", Status::Warn, detail).with_fix(Remedy::KeepKeyFileElsewhere)
        }
        _ => Finding::new("backend", Status::Ok, detail),
    });
    let key = if backend.keeps_nothing() { None } else { report.try_to("data_key", || Ok(keys.key()?)) };
    if key.is_some() {
        report.add(Finding::new("data_key", Status::Ok, "at hand"));
    }
    if key.is_some() || backend.keeps_nothing() {
        // Under the lock: a trial must not meet a rekey or another trial.
        report.check("write_read", || {
            let _lock = DataDirLock::take(dir)?;
            storage::backend(&keys.clone().under_lock())
        });
    }
    if !backend.keeps_nothing() {
        report.check("cache", || {
            // Under the lock: a repair takes it to know that no trial is under way.
            let _lock = DataDirLock::take(dir)?;
            storage::cache(dir)
        });
    }
    let keep = keep_in_kernel(home.config.keep_unlocked);
    report.add(storage::kernel_tier(keys, keep));
    report.add(storage::file_system(dir));
    let store = FileStore::new(dir.clone(), home.clock.clone());
    let cache = key.map(|key| home.cache(dir.clone(), key));
    if let Fix::Yes(_) = fix {
        report.check("leftovers", || {
            let lock = DataDirLock::take(dir)?;
            crate::manage::locked::remove_temporaries(home, dir, &lock)?;
            storage::remove_trials(dir, &lock)?;
            storage::swept(dir, cache.as_ref(), &*home.clock)
        });
    }
    report.check("records", || storage::records(&store, cache.as_ref()));
    orphans::check(home, report, opened, fix)?;
    if let (Some(cache), Fix::Yes(_)) = (&cache, fix) {
        report.check("retired", || storage::retired(dir, cache, &keys.clone().under_lock()));
    }
    Ok(())
}
