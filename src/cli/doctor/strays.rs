//! Files among the stored secrets that no profile names: what `doctor` reports, erases and puts aside.

use std::sync::Arc;

use super::Report;
use crate::cli::{Context, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::manage::backend;
use crate::manage::doctor::{Finding, Status};
use crate::open::{Named, Opened};
use crate::secrets::{Backend, DataDirLock, SealedFiles, SecretsError, Stray, StrayKind};
use crate::system::files::Dir;

/// What `doctor` may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Nothing.
    No,
    /// What was left behind, once the user has agreed to erase secrets.
    Ask,
    /// The same without a question.
    Yes,
}

/// Looks for files that no profile names, and with `fix` ends what was interrupted and removes them.
pub(super) fn check(context: &Context<'_>, report: &mut Report, opened: &Opened, fix: Fix) -> Result<(), Error> {
    let backend = opened.keys.choice().backend.clone();
    if backend == Backend::None {
        return Ok(());
    }
    let _lock = match fix {
        Fix::No => None,
        // The lock is held from here on: a `credentials set` may be about to name one of them.
        Fix::Ask | Fix::Yes => Some(DataDirLock::take(&opened.dir)?),
    };
    let opened = &opened.under_lock();
    if fix != Fix::No && report.try_to("orphans", || finished(context, opened)).is_none() {
        return Ok(());
    }
    if !matches!(backend, Backend::File(_)) {
        return Ok(());
    }
    let found = report.try_to("orphans", || {
        let named = context.home.named_items(opened)?;
        let strays = strays(context, opened, &named)?;
        Ok((named, strays, SealedFiles::count_aside(&opened.dir)?))
    });
    let Some((named, strays, aside)) = found else { return Ok(()) };
    let finding = match fix {
        _ if strays.is_empty() => clean(aside),
        Fix::No => reported(&strays, &named),
        Fix::Ask | Fix::Yes => match removed(context, opened, &strays, &named, fix) {
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
fn finished(context: &Context<'_>, opened: &Opened) -> Result<(), Error> {
    let Opened { dir, keys } = opened;
    if let Backend::File(_) = keys.choice().backend {
        SealedFiles::new(dir.clone(), keys.key()?).commit_staged()?;
    }
    let items = context.home.named_items(opened)?.items;
    backend::finish(dir, keys, &items, context.home.config.keyring_timeout).map(|_| ())
}

fn strays(context: &Context<'_>, opened: &Opened, named: &Named) -> Result<Vec<Stray>, SecretsError> {
    let Opened { dir, keys } = opened;
    let sealed = keys.key().ok().map(|key| SealedFiles::new(dir.clone(), key));
    let derived = context.home.derived_items(keys);
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

fn removed(
    context: &Context<'_>,
    opened: &Opened,
    strays: &[Stray],
    named: &Named,
    fix: Fix,
) -> Result<Finding, Error> {
    let dir = &opened.dir;
    let of = |kind: StrayKind| strays.iter().filter(move |stray| stray.kind == kind);
    for stray in of(StrayKind::Disposable) {
        SealedFiles::erase(dir, stray)?;
    }
    let secrets: Vec<&Stray> = of(StrayKind::Secret).collect();
    let mut detail = format!("{} file(s) that no profile names were removed", of(StrayKind::Disposable).count());
    if named.all_read {
        erased(context, dir, &secrets, fix)?;
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

/// Erases secrets that no configuration names, after the user has agreed.
fn erased(context: &Context<'_>, dir: &Arc<Dir>, secrets: &[&Stray], fix: Fix) -> Result<(), Error> {
    if secrets.is_empty() {
        return Ok(());
    }
    for stray in secrets {
        context.ui.done(&format!("no profile names {stray}"));
    }
    let question = format!("erase {} stored secret(s) for good?", secrets.len());
    if fix == Fix::Ask && !secret_input::confirmed(&question, Remedy::Confirm)? {
        return Err(Error::new(Code::Usage, "nothing was erased").with_remedy(Remedy::ConfirmErasure));
    }
    for stray in secrets {
        SealedFiles::erase(dir, stray)?;
    }
    Ok(())
}
