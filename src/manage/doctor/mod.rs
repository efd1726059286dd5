//! Whether the main job would work here, and what to do if it would not: findings, which the caller prints.

mod data_dir;
mod finding;
mod fleet;
mod online;
mod orphans;
mod profiles;
mod storage;
mod surroundings;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) use finding::Report;
use finding::{Finding, Status};

use crate::error::Error;
use crate::keeper::Observer;
use crate::open::Home;
use crate::open::environment::Endpoints;
use crate::secrets::{SecretsError, Stray};
use crate::system::files::{Dir, EscapedPath, Missing};

/// What is looked at, and what may be done.
pub(crate) struct Examination<'a> {
    pub(crate) home: &'a Home,
    /// The profile that was named.
    pub(crate) profile: Option<&'a str>,
    pub(crate) online: Online<'a>,
    pub(crate) fix: Fix<'a>,
    pub(crate) observer: Observer,
}

/// Which issuers receive a token request. The endpoints of the environment's issuer are looked up first.
#[derive(Clone, Copy)]
pub(crate) enum Online<'a> {
    /// None.
    No,
    /// The issuer of the selected profile.
    One(&'a LookUp<'a>),
    /// The issuers of all profiles.
    All(&'a LookUp<'a>),
}

/// Looks up the endpoints of an issuer that the environment names without them.
pub(crate) type LookUp<'a> = dyn Fn() -> Result<Option<Endpoints>, Error> + 'a;

/// What may be changed.
#[derive(Clone, Copy)]
pub(crate) enum Fix<'a> {
    /// Nothing.
    No,
    /// What was left behind. Secrets are erased after consent only.
    Yes(&'a Consent<'a>),
}

/// Agrees to the erasure of secrets that no profile names, or ends with an error.
pub(crate) type Consent<'a> = dyn Fn(&[&Stray]) -> Result<(), Error> + 'a;

/// Runs all checks, in the order in which a fetch needs what they look at.
///
/// # Errors
/// If the erasure of secrets was not agreed to. All other failures are findings.
pub(crate) fn examine(examination: &Examination<'_>) -> Result<Report, Error> {
    let Examination { home, profile, online, fix, observer } = examination;
    let mut report = Report::default();
    let before = matches!(fix, Fix::Yes(_)).then(|| files(home));
    report.add(Finding::new("config_dir", Status::Ok, EscapedPath(&home.config_dir).to_string()));
    let opened = report.try_to("data_dir", || {
        Dir::open(&home.data_dir, Missing::Leave)?;
        home.opened()
    });
    match opened {
        None => {}
        Some(None) => report.fail("backend", &SecretsError::NotChosen.into()),
        Some(Some(opened)) => data_dir::check(home, &mut report, &opened, *fix)?,
    }
    profiles::check(home, &mut report);
    profiles::plain_http(home, &mut report);
    surroundings::check(home, &mut report);
    if let Some(finding) = report.try_to("fleet", || fleet::check(home, observer)) {
        finding.into_iter().for_each(|finding| report.add(finding));
    }
    online::check(home, &mut report, *profile, *online, observer);
    // A lock or a first folder that was made meanwhile is no change that a script wants to know of.
    report.changed = before.map(|before| !before.is_subset(&files(home)));
    Ok(report)
}

/// Lists the files of both directories by name.
fn files(home: &Home) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for top in [&home.data_dir, &home.config_dir] {
        let folders = ["", "secrets", "tokens", "locks", "profiles"].map(|folder| top.join(folder));
        // A check has reported what cannot be listed.
        let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        all.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    all
}
