//! The profiles: which are usable, and which send their secret in plain http.

use std::sync::Arc;

use super::finding::{Finding, Report, Status};
use crate::error::{Code, Error, Remedy};
use crate::manage::block_on;
use crate::open::Home;

/// Takes the steps of each profile's fetch before its token request.
pub(super) fn check(home: &Home, report: &mut Report) {
    let Some(names) = report.try_to("profiles", || home.profile_names()) else { return };
    if names.is_empty() {
        let error = home.profile_name(None).map(|_| ()).err();
        report.fail("profiles", &error.unwrap_or_else(|| Error::new(Code::ProfileNotFound, "no profile is set up")));
        return;
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for name in &names {
        // The same steps as a fetch before its token request: the secret, its binding, the CA file.
        match block_on(async { home.keeper(name, Arc::new(|_| {}))?.bound().await }) {
            Ok(_) => good.push(name.as_str()),
            Err(error) => bad.push((name, error)),
        }
    }
    let (good, count) = (good.join(", "), bad.len());
    match bad.as_slice() {
        [] => report.add(Finding::new("profiles", Status::Ok, good)),
        [(name, error), ..] => {
            let others = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
            let usable = if good.is_empty() { String::new() } else { format!("; usable: {good}") };
            let finding = Finding::failed("profiles", error);
            report.first_failure.get_or_insert(error.code());
            report.add(Finding { detail: format!("{name}: {}{others}{usable}", finding.detail), ..finding });
        }
    }
    // Each under its own name, so that a script finds it.
    if names.len() > 1 {
        bad.iter().for_each(|(name, error)| report.fail(format!("profile:{name}"), error));
    }
}

/// Finds the profiles whose secret can be read on its way.
pub(super) fn plain_http(home: &Home, report: &mut Report) {
    let names = home.profile_names().unwrap_or_default();
    for profile in names.iter().filter_map(|name| home.profile(name).ok()) {
        if !profile.allow_http.is_empty() {
            let hosts = profile.allow_http.iter().collect::<Vec<_>>().join(", ");
            let message = format!("{} may send its secret in plain http to {hosts}", profile.name);
            let error = Error::new(Code::InsecureEndpoint, message).with_remedy(Remedy::UseHttps);
            report.fail(format!("plain_http:{}", profile.name), &error.for_profile(&profile.name));
        }
    }
}
