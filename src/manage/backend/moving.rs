//! Moving what is stored: under the lock, and only if no secret is lost.

use super::relocation::{Leftovers, Relocation};
use super::{adopt_moved_key, choose};
use crate::cache::store::FileStore;
use crate::error::{Code, Error, Remedy};
use crate::manage::locked::Locked;
use crate::manage::operator::{Notice, Operator};
use crate::open::{Home, Opened};
use crate::secrets::{Backend, ItemName, SealedFiles, SecretsError, StrayKind};
use crate::system::files::Dir;

/// Moves everything that is stored to a backend; if it is there already, nothing happens.
pub(super) fn move_to(home: &Home, backend: &Backend, operator: &dyn Operator) -> Result<(), Error> {
    loop {
        match home.opened()? {
            Some(opened) if opened.keys.choice().backend != *backend => {
                // A key file that the user moved by hand needs no move of its secrets.
                match choose(home, backend) {
                    Err(error) if error.code() == Code::BackendDiffers => {}
                    outcome => return outcome,
                }
                return with_relocation(home, &opened.dir, Guard::EverySecretIsNamed, operator, |relocation| {
                    // Another process may have moved everything there while this one waited for the lock.
                    let arrived = relocation.old.choice().backend == *backend;
                    if arrived { Ok(Leftovers::default()) } else { relocation.to(backend) }
                });
            }
            _ => match choose(home, backend) {
                // Another process chose or moved since `opened`: there is something to move now.
                Err(error) if error.code() == Code::BackendDiffers => {}
                outcome => return outcome,
            },
        }
    }
}

/// Opens the data directory for another key; `None` if nothing is stored.
pub(crate) fn keyed(home: &Home) -> Result<Option<Opened>, Error> {
    adopt_moved_key(home)?;
    let Some(opened) = home.opened()? else { return Ok(None) };
    if opened.keys.choice().backend.keeps_nothing() {
        // This is not about a fetch: a key needs another place.
        return Err(Error::from(SecretsError::KeepsNothing).with_remedy(Remedy::MoveToFiles));
    }
    Ok(Some(opened))
}

/// Makes another data key, and seals every secret with it.
pub(crate) fn rekey(home: &Home, operator: &dyn Operator) -> Result<(), Error> {
    let opened = keyed(home)?.ok_or(SecretsError::NotChosen)?;
    with_relocation(home, &opened.dir, Guard::EverySecretIsNamed, operator, |relocation| {
        relocation.to(&relocation.old.choice().backend)
    })
}

/// Destroys the data key, and with it every secret and token.
pub(crate) fn destroy(home: &Home, opened: &Opened, operator: &dyn Operator) -> Result<(), Error> {
    with_relocation(home, &opened.dir, Guard::None, operator, |relocation| Ok(relocation.destroy()))
}

/// What must hold before anything is moved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// A secret that no profile here names would be lost: the profiles may be elsewhere.
    EverySecretIsNamed,
    /// Nothing: everything is to be lost.
    None,
}

/// Does `work` under the lock of the data directory, on what is stored once the lock is held: another move may have
/// ended while this process waited.
fn with_relocation(
    home: &Home,
    dir: &Dir,
    guard: Guard,
    operator: &dyn Operator,
    work: impl FnOnce(&Relocation<'_>) -> Result<Leftovers, Error>,
) -> Result<(), Error> {
    let home = &home.under_lock();
    let locked = Locked::first(home, dir)?;
    let opened = &Opened { dir: locked.dir.clone(), keys: locked.keys()?.clone() };
    let (mut items, derived) = (home.named_items(opened)?.items, home.derived_items(&opened.keys));
    if guard == Guard::EverySecretIsNamed && opened.keys.choice().backend.seals_secrets() {
        items.extend(secrets_aside(opened)?);
        every_secret_is_named(opened, items.iter().chain(&derived).cloned())?;
    }
    let left = work(&Relocation {
        dir: opened.dir.clone(),
        lock: &locked.lock,
        old: &opened.keys,
        items,
        derived,
        records: &FileStore::new(opened.dir.clone(), home.clock.clone()),
        options: home.unlock_options(),
    })?;
    report(&left, operator)
}

/// Reports what a move left behind.
fn report(left: &Leftovers, operator: &dyn Operator) -> Result<(), Error> {
    left.records.iter().for_each(|record| operator.learn(Notice::OldRecord(record)));
    match left.secrets.first() {
        None => Ok(()),
        Some(why) => {
            let message = format!("the change is done and no secret is lost, but an old copy was left behind: {why}");
            Err(Error::new(Code::WriteFailed, message).with_remedy(Remedy::Clean))
        }
    }
}

/// Lists the secrets that were put aside: they move with the others.
fn secrets_aside(opened: &Opened) -> Result<Vec<ItemName>, Error> {
    if SealedFiles::count_aside(&opened.dir)? == 0 {
        return Ok(Vec::new());
    }
    Ok(SealedFiles::new(opened.dir.clone(), opened.keys.key()?).items_aside()?)
}

/// Refuses to continue if a secret would be lost. An item that can be made again is no such secret, and goes.
fn every_secret_is_named(opened: &Opened, named: impl Iterator<Item = ItemName>) -> Result<(), Error> {
    let named: Vec<ItemName> = named.collect();
    if SealedFiles::unreferenced(&opened.dir, None, named.iter().cloned())?.is_empty() {
        return Ok(());
    }
    let sealed = SealedFiles::new(opened.dir.clone(), opened.keys.key()?);
    let strays = SealedFiles::unreferenced(&opened.dir, Some(&sealed), named.into_iter())?;
    if strays.iter().any(|stray| stray.kind != StrayKind::Disposable) {
        return Err(Error::new(Code::Usage, "secrets are stored that no profile here names; nothing was changed")
            .with_remedy(Remedy::NameProfilesOrClean));
    }
    for stray in &strays {
        SealedFiles::erase(&opened.dir, stray)?;
    }
    Ok(())
}
