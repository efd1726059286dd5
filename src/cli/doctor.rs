//! `doctor`: whether the main job would work here.

mod strays;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::issuer::{self, Lookup};
use super::{Context, block_on};
use crate::cache::store::FileStore;
use crate::config::Config;
use crate::error::{Code, Error, Remedy};
use crate::exit;
use crate::keeper::Want;
use crate::manage::doctor::{self, Finding, Status};
use crate::oauth::{Roots, Route, named_proxy, route};
use crate::open::{Home, Opened};
use crate::profile::ProfileName;
use crate::secrets::{DataDirLock, Protection, SecretsError, keep_in_kernel};
use crate::system::files::{Dir, EscapedPath, Missing};
pub(crate) use strays::Fix;

/// Which issuers receive a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Online {
    /// None.
    No,
    /// The issuer of the selected profile.
    One,
    /// The issuers of all profiles.
    All,
}

pub(crate) fn run(context: &Context<'_>, online: Online, fix: Fix) -> Result<u8, Error> {
    let mut report = Report { findings: Vec::new(), first_failure: None };
    let home = &context.home;
    let before = (fix != Fix::No).then(|| files(home));
    report.add(Finding::new("config_dir", Status::Ok, EscapedPath(&home.config_dir).to_string()));
    let opened = report.try_to("data_dir", || {
        Dir::open(&home.data_dir, Missing::Leave)?;
        home.opened()
    });
    match opened {
        None => {}
        Some(None) => report.fail("backend", &SecretsError::NotChosen.into()),
        Some(Some(opened)) => data_directory(context, &mut report, &opened, fix)?,
    }
    profiles(context, &mut report);
    plain_http(context, &mut report);
    surroundings(context, &mut report);
    if let Some(finding) = report.try_to("fleet", || super::fleet::checked(context)) {
        finding.into_iter().for_each(|finding| report.add(finding));
    }
    let found = match online {
        Online::No => None,
        Online::One | Online::All => report.try_to("issuer", || issuer::of_environment(context, Lookup::IfOld)),
    };
    let context = &Context {
        ui: context.ui,
        home: Home { endpoints: found.flatten(), ..context.home.clone() },
        profile: context.profile.clone(),
    };
    match online {
        Online::No => {}
        Online::One => {
            if let Some(name) = report.try_to("credential", || context.home.profile_name(context.profile.as_deref())) {
                self::online(context, &mut report, &name, "");
            }
        }
        Online::All => {
            // A profile that cannot be listed has been reported by now.
            for name in context.home.profile_names().unwrap_or_default() {
                self::online(context, &mut report, &name, &format!(":{name}"));
            }
        }
    }
    // A lock or a first folder that was made meanwhile is no change that a script wants to know of.
    let changed = before.map(|before| !before.is_subset(&files(home)));
    report.print(context, changed)
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

struct Report {
    findings: Vec<Finding>,
    first_failure: Option<Code>,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn fail(&mut self, name: impl Into<String>, error: &Error) {
        self.first_failure.get_or_insert(error.code());
        self.add(Finding::failed(name, error));
    }

    fn try_to<T>(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<T, Error>) -> Option<T> {
        work().map_err(|error| self.fail(name, &error)).ok()
    }

    fn check(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<Finding, Error>) {
        if let Some(finding) = self.try_to(name, work) {
            self.add(finding);
        }
    }

    fn print(self, context: &Context<'_>, changed: Option<bool>) -> Result<u8, Error> {
        let failed = self.findings.iter().any(|finding| finding.status == Status::Fail);
        if context.ui.is_json() {
            let finding = |finding: &Finding| {
                json!({
                    "name": finding.name,
                    "status": finding.status.name(),
                    "detail": finding.detail,
                    "fix": finding.fix.as_ref().map(|fix| context.ui.advice(fix, finding.profile.as_deref())),
                })
            };
            let checks: Vec<_> = self.findings.iter().map(finding).collect();
            let mut report = json!({"ok": !failed, "checks": checks});
            if let Some(changed) = changed {
                report["changed"] = json!(changed);
            }
            context.ui.json(&report)?;
        } else {
            let mut lines = String::new();
            for finding in &self.findings {
                lines.push_str(&format!("{:<5} {:<15} {}\n", finding.status.name(), finding.name, finding.detail));
                if let Some(fix) = &finding.fix {
                    let advice = context.ui.advice(fix, finding.profile.as_deref());
                    lines.push_str(&format!("      {:<15} {advice}\n", ""));
                }
            }
            context.ui.data(lines.as_bytes())?;
        }
        Ok(if failed { exit::code(self.first_failure.unwrap_or(Code::Internal)) } else { 0 })
    }
}

fn data_directory(context: &Context<'_>, report: &mut Report, opened: &Opened, fix: Fix) -> Result<(), Error> {
    let home = &context.home;
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
            doctor::backend(&keys.clone().under_lock())
        });
    }
    if !backend.keeps_nothing() {
        report.check("cache", || {
            // Under the lock: --fix takes it to know that no trial is under way.
            let _lock = DataDirLock::take(dir)?;
            doctor::cache(dir)
        });
    }
    let keep = keep_in_kernel(home.config.keep_unlocked);
    report.add(doctor::kernel_tier(keys, keep));
    report.add(doctor::file_system(dir));
    let store = FileStore::new(dir.clone(), home.clock.clone());
    let cache = key.map(|key| home.cache(dir.clone(), key));
    if fix != Fix::No {
        report.check("leftovers", || {
            let lock = DataDirLock::take(dir)?;
            home.remove_temporaries(dir, &lock)?;
            doctor::remove_trials(dir, &lock)?;
            doctor::swept(dir, cache.as_ref(), &*home.clock)
        });
    }
    report.check("records", || doctor::records(&store, cache.as_ref()));
    strays::check(context, report, opened, fix)?;
    if let (Some(cache), true) = (&cache, fix != Fix::No) {
        report.check("retired", || doctor::retired(dir, cache, &keys.clone().under_lock()));
    }
    Ok(())
}

fn profiles(context: &Context<'_>, report: &mut Report) {
    let Some(names) = report.try_to("profiles", || context.home.profile_names()) else { return };
    if names.is_empty() {
        let error = context.home.profile_name(None).map(|_| ()).err();
        report.fail("profiles", &error.unwrap_or_else(|| Error::new(Code::ProfileNotFound, "no profile is set up")));
        return;
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for name in &names {
        // The same steps as a fetch before its token request: the secret, its binding, the CA file.
        match block_on(async { context.home.keeper(name, Box::new(|_| {}))?.bound().await }) {
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

fn surroundings(context: &Context<'_>, report: &mut Report) {
    let names = context.home.profile_names().unwrap_or_default();
    let profiles = names.iter().filter_map(|name| context.home.profile(name).ok());
    let needed = profiles.into_iter().any(|profile| !profile.token_url.is_plain() && profile.ca_file.is_none());
    match context.home.transport().system_roots() {
        Ok(()) => report.add(Finding::new("ca_roots", Status::Ok, "the system's")),
        Err(error) if needed => report.fail("ca_roots", &Error::from(error)),
        Err(error) => report.add(Finding::new("ca_roots", Status::Warn, format!("{error}; no profile needs them"))),
    }
    report.check("proxy", || proxy(context));
}

/// Finds the profiles whose secret can be read on its way.
fn plain_http(context: &Context<'_>, report: &mut Report) {
    let names = context.home.profile_names().unwrap_or_default();
    for profile in names.iter().filter_map(|name| context.home.profile(name).ok()) {
        if !profile.allow_http.is_empty() {
            let hosts = profile.allow_http.iter().collect::<Vec<_>>().join(", ");
            let message = format!("{} may send its secret in plain http to {hosts}", profile.name);
            let error = Error::new(Code::InsecureEndpoint, message).with_remedy(Remedy::UseHttps);
            report.fail(format!("plain_http:{}", profile.name), &error.for_profile(&profile.name));
        }
    }
}

/// Reports which way requests take, according to the variables of the environment.
fn proxy(context: &Context<'_>) -> Result<Finding, Error> {
    let is_set = |names: [&str; 2]| names.iter().any(|name| std::env::var_os(name).is_some_and(|it| !it.is_empty()));
    let Some(proxy) = named_proxy()? else {
        let detail = match is_set(["HTTP_PROXY", "http_proxy"]) {
            true => "none; HTTP_PROXY is for plain http, which goes through no proxy",
            false => "none",
        };
        return Ok(Finding::new("proxy", Status::Ok, detail));
    };
    let password = if proxy.has_password() { ", with a password" } else { "" };
    let mut detail = format!("https goes through {} (from {}{password})", proxy.place(), proxy.variable);
    let names = context.home.profile_names().unwrap_or_default();
    let urls = names.iter().filter_map(|name| Some(context.home.profile(name).ok()?.token_url));
    let mut direct: Vec<String> = urls
        .filter(|url| matches!(route(url), Ok(Route::Direct)))
        .filter_map(|url| url.url().host_str().map(str::to_owned))
        .collect();
    direct.sort();
    direct.dedup();
    if !direct.is_empty() {
        detail.push_str(&format!("; without it: {}", direct.join(", ")));
    }
    Ok(Finding::new("proxy", Status::Ok, detail))
}

/// Requests one token with the credential of a profile; the token does not come from the cache. `of` ends the name of
/// each check.
fn online(context: &Context<'_>, report: &mut Report, name: &ProfileName, of: &str) {
    let credential = format!("credential{of}");
    let Some(profile) = report.try_to(&credential, || context.home.profile(name)) else { return };
    let ca = match crate::keeper::read_ca_file(&profile) {
        Ok(ca) => ca,
        Err(error) => return report.fail(credential, &error),
    };
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only);
    let clock = format!("clock{of}");
    match block_on(async { Ok(context.home.transport().clock_difference(&profile.token_url, roots).await) }) {
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
    if let Some(()) = report.try_to(&credential, || tried(context, name)) {
        report.add(Finding::new(credential, Status::Ok, format!("the issuer granted a token to {name}")));
    }
    let encoding = format!("basic_encoding{of}");
    if let Some(Some(finding)) = report.try_to(&encoding, || {
        let keeper = context.home.keeper(name, Box::new(|_| {}))?;
        let proof = block_on(keeper.bound())?;
        Ok(proof.map(|proof| doctor::basic_encoding(&profile, &proof.secret)))
    }) {
        report.add(Finding { name: encoding, ..finding });
    }
}

fn tried(context: &Context<'_>, name: &ProfileName) -> Result<(), Error> {
    let ui = context.ui.clone();
    // This tests the host's own credential at the issuer, not the token of another host.
    let config = Config { fleet: None, ..context.home.config.clone() };
    let alone = Home { config, ..context.home.clone() };
    let keeper = alone.keeper(name, Box::new(move |warning| ui.warn(warning)))?;
    let begun = keeper.parts().clock.now();
    block_on(keeper.obtain(Want::IssuedAfter(begun))).map(|_| ())
}
