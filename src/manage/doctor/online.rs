//! A token request with the credential of a profile, and the clock of its issuer.

use std::sync::Arc;

use super::Online;
use super::finding::{Finding, Report, Status};
use super::storage::basic_encoding;
use crate::config::Config;
use crate::error::{Error, Remedy};
use crate::keeper::{Observer, Want, read_ca_file};
use crate::manage::block_on;
use crate::oauth::Roots;
use crate::open::Home;
use crate::profile::ProfileName;

/// Requests a token of each profile that is meant.
pub(super) fn check(home: &Home, report: &mut Report, profile: Option<&str>, online: Online<'_>, observer: &Observer) {
    let (Online::One(look_up) | Online::All(look_up)) = online else { return };
    let endpoints = report.try_to("issuer", look_up).flatten();
    let home = &Home { endpoints, ..home.clone() };
    match online {
        Online::No => {}
        Online::One(_) => {
            if let Some(name) = report.try_to("credential", || home.profile_name(profile)) {
                request_token(home, report, &name, "", observer);
            }
        }
        Online::All(_) => {
            // A profile that cannot be listed has been reported by now.
            for name in home.profile_names().unwrap_or_default() {
                request_token(home, report, &name, &format!(":{name}"), observer);
            }
        }
    }
}

/// Requests one token with the credential of a profile; the token does not come from the cache. `of` ends the name of
/// each check.
fn request_token(home: &Home, report: &mut Report, name: &ProfileName, of: &str, observer: &Observer) {
    let credential = format!("credential{of}");
    let Some(profile) = report.try_to(&credential, || home.profile(name)) else { return };
    let ca = match read_ca_file(&profile) {
        Ok(ca) => ca,
        Err(error) => return report.fail(credential, &error),
    };
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only);
    let clock = format!("clock{of}");
    match block_on(async { Ok(home.transport().clock_difference(&profile.token_url, roots).await) }) {
        Ok(Some(seconds)) if seconds.unsigned_abs() <= 60 => {
            report.add(Finding::new(clock, Status::Ok, format!("{seconds} s from the issuer's")));
        }
        Ok(Some(seconds)) => {
            let detail = format!("this machine's clock is {seconds} s from the issuer's");
            report.add(Finding::new(clock, Status::Warn, detail).with_fix(Remedy::SetClock));
        }
        Ok(None) => report.add(Finding::new(clock, Status::Warn, "the issuer names no time")),
        Err(error) => report.fail(clock, &error),
    }
    if let Some(()) = report.try_to(&credential, || tried(home, name, observer)) {
        report.add(Finding::new(credential, Status::Ok, format!("the issuer granted a token to {name}")));
    }
    let encoding = format!("basic_encoding{of}");
    if let Some(Some(finding)) = report.try_to(&encoding, || {
        let keeper = home.keeper(name, Arc::new(|_| {}))?;
        let proof = block_on(keeper.bound())?;
        Ok(proof.map(|proof| basic_encoding(&profile, &proof.secret)))
    }) {
        report.add(Finding { name: encoding, ..finding });
    }
}

fn tried(home: &Home, name: &ProfileName, observer: &Observer) -> Result<(), Error> {
    // This tests the host's own credential at the issuer, not the token of another host.
    let config = Config { fleet: None, ..home.config.clone() };
    let alone = Home { config, ..home.clone() };
    let keeper = alone.keeper(name, observer.clone())?;
    let begun = keeper.parts().clock.now();
    block_on(keeper.obtain(Want::IssuedAfter(begun))).map(|_| ())
}
