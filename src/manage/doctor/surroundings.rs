//! What surrounds the program: certificate authorities and the proxy.

use super::finding::{Finding, Report, Status};
use crate::error::Error;
use crate::oauth::{Route, named_proxy, route};
use crate::open::Home;

/// Checks the certificate authorities of this machine, and its proxy.
pub(super) fn check(home: &Home, report: &mut Report) {
    let names = home.profile_names().unwrap_or_default();
    let profiles = names.iter().filter_map(|name| home.profile(name).ok());
    let needed = profiles.into_iter().any(|profile| !profile.token_url.is_plain() && profile.ca_file.is_none());
    match home.transport().system_roots() {
        Ok(()) => report.add(Finding::new("ca_roots", Status::Ok, "the system's")),
        Err(error) if needed => report.fail("ca_roots", &Error::from(error)),
        Err(error) => report.add(Finding::new("ca_roots", Status::Warn, format!("{error}; no profile needs them"))),
    }
    report.check("proxy", || proxy(home));
}

/// Reports which way requests take, according to the variables of the environment.
fn proxy(home: &Home) -> Result<Finding, Error> {
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
    let names = home.profile_names().unwrap_or_default();
    let urls = names.iter().filter_map(|name| Some(home.profile(name).ok()?.token_url));
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
