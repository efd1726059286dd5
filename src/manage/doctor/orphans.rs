//! Files among the stored secrets that no profile names: what is reported, erased and put aside.

use super::finding::{Finding, Report, Status};
use super::{Consent, Fix};
use crate::error::{Code, Error, Remedy};
use crate::manage::backend;
use crate::open::{Home, Named, Opened};
use crate::secrets::{DataDirLock, SealedFiles, SecretsError, Staging as _, Stray, StrayKind};

/// Looks for files that no profile names, and with `fix` ends what was interrupted and removes them.
pub(super) fn check(home: &Home, report: &mut Report, opened: &Opened, fix: Fix<'_>) -> Result<(), Error> {
    let backend = opened.keys.choice().backend.clone();
    if backend.keeps_nothing() {
        return Ok(());
    }
    let _lock = match fix {
        Fix::No => None,
        // The lock is held from here on: another process may be about to name one of them.
        Fix::Yes(_) => Some(DataDirLock::take(&opened.dir)?),
    };
    let opened = &opened.under_lock();
    if matches!(fix, Fix::Yes(_)) && report.try_to("orphans", || finished(home, opened)).is_none() {
        return Ok(());
    }
    if !backend.seals_secrets() {
        return Ok(());
    }
    let found = report.try_to("orphans", || {
        let named = home.named_items(opened)?;
        let strays = strays(home, opened, &named)?;
        Ok((named, strays, SealedFiles::count_aside(&opened.dir)?))
    });
    let Some((named, strays, aside)) = found else { return Ok(()) };
    let finding = match fix {
        _ if strays.is_empty() => clean(aside),
        Fix::No => reported(&strays, &named),
        Fix::Yes(consent) => match removed(opened, &strays, &named, consent) {
            Err(error) if error.code() == Code::Usage => return Err(error),
            outcome => match report.try_to("orphans", || outcome) {
                Some(finding) => finding,
                None => return Ok(()),
            },
        },
    };
    report.add(finding);
    Ok(())
}

/// Ends a rekey or a move that was interrupted after its commit.
fn finished(home: &Home, opened: &Opened) -> Result<(), Error> {
    let Opened { dir, keys } = opened;
    if keys.choice().backend.seals_secrets() {
        SealedFiles::new(dir.clone(), keys.key()?).commit_staged()?;
    }
    let items = home.named_items(opened)?.items;
    backend::finish(dir, keys, &items, home.config.keyring_timeout).map(|_| ())
}

fn strays(home: &Home, opened: &Opened, named: &Named) -> Result<Vec<Stray>, SecretsError> {
    let Opened { dir, keys } = opened;
    let sealed = keys.key().ok().map(|key| SealedFiles::new(dir.clone(), key));
    let derived = home.derived_items(keys);
    SealedFiles::unreferenced(dir, sealed.as_ref(), named.items.iter().cloned().chain(derived))
}

fn clean(aside: usize) -> Finding {
    let detail = match aside {
        0 => "none".to_owned(),
        _ => format!("none; {aside} secret(s) are put aside as secrets/*.aside, and are read if a profile names them"),
    };
    Finding::new("orphans", Status::Ok, detail)
}

fn reported(strays: &[Stray], named: &Named) -> Finding {
    let secrets = strays.iter().filter(|stray| stray.kind != StrayKind::Disposable).count();
    if secrets > 0 && !named.all_read && named.items.is_empty() {
        // Profiles that are elsewhere, or not mounted, may name every one of them.
        let detail = format!("{secrets} stored secret(s), and no profile here names any");
        return Finding::new("orphans", Status::Warn, detail).with_fix(Remedy::NameProfilesOrClean);
    }
    let detail = format!("{} file(s) that no profile names", strays.len());
    Finding::new("orphans", Status::Warn, detail).with_fix(Remedy::Clean)
}

fn removed(opened: &Opened, strays: &[Stray], named: &Named, consent: &Consent<'_>) -> Result<Finding, Error> {
    let dir = &opened.dir;
    let of = |kind: StrayKind| strays.iter().filter(move |stray| stray.kind == kind);
    for stray in of(StrayKind::Disposable) {
        SealedFiles::erase(dir, stray)?;
    }
    let secrets: Vec<&Stray> = of(StrayKind::Secret).collect();
    let mut detail = format!("{} file(s) that no profile names were removed", of(StrayKind::Disposable).count());
    if named.all_read {
        if !secrets.is_empty() {
            consent(&secrets)?;
        }
        for stray in &secrets {
            SealedFiles::erase(dir, stray)?;
        }
        detail = format!("{} file(s) that no profile names were removed", strays.len());
    } else if !secrets.is_empty() {
        for stray in &secrets {
            SealedFiles::put_aside(dir, stray)?;
        }
        let count = secrets.len();
        detail = format!("{count} secret(s) that another configuration may name were put aside as secrets/*.aside");
    }
    let unreadable = of(StrayKind::Unreadable).count();
    if unreadable > 0 {
        detail = format!("{detail}; {unreadable} cannot be read, and stay");
        return Ok(Finding::new("orphans", Status::Warn, detail));
    }
    Ok(Finding::new("orphans", Status::Ok, detail))
}
