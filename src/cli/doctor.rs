//! `doctor`: whether the main job would work here.

use std::fmt::Write as _;

use serde_json::json;

use super::issuer::{self, Lookup};
use super::{Context, secret_input};
use crate::error::{Code, Error, Remedy};
use crate::exit;
use crate::manage::doctor::{Consent, Examination, Fix, LookUp, Online, Report, examine};
use crate::secrets::Stray;

/// The flags that were typed.
pub(crate) struct Typed {
    pub(crate) online: bool,
    pub(crate) all: bool,
    pub(crate) fix: bool,
    pub(crate) yes: bool,
}

pub(crate) fn run(context: &Context<'_>, typed: &Typed) -> Result<u8, Error> {
    let look_up: &LookUp<'_> = &|| issuer::of_environment(context, Lookup::IfOld);
    let online = match (typed.online, typed.all) {
        (false, _) => Online::No,
        (true, false) => Online::One(look_up),
        (true, true) => Online::All(look_up),
    };
    let consent: &Consent<'_> = &|secrets| {
        secrets.iter().for_each(|stray| context.ui.done(&format!("no profile names {stray}")));
        if typed.yes { Ok(()) } else { confirm(secrets) }
    };
    let fix = if typed.fix { Fix::Yes(consent) } else { Fix::No };
    let (home, profile) = (&context.home, context.profile.as_deref());
    let report = examine(&Examination { home, profile, online, fix, observer: context.observer() })?;
    print(context, &report)?;
    Ok(match (report.has_failed(), report.first_failure) {
        (false, _) => 0,
        (true, first) => exit::code(first.unwrap_or(Code::Internal)),
    })
}

fn confirm(secrets: &[&Stray]) -> Result<(), Error> {
    let question = format!("erase {} stored secret(s) for good?", secrets.len());
    if secret_input::confirmed(&question, Remedy::Confirm)? {
        return Ok(());
    }
    Err(Error::new(Code::Usage, "nothing was erased").with_remedy(Remedy::ConfirmErasure))
}

fn print(context: &Context<'_>, report: &Report) -> Result<u8, Error> {
    let advised = report.findings.iter().map(|finding| {
        let advice = finding.fix.as_ref().map(|fix| context.ui.advice(fix, finding.profile.as_deref()));
        (finding, advice)
    });
    if context.ui.is_json() {
        let checks: Vec<_> = advised
            .map(
                |(it, advice)| json!({"name": it.name, "status": it.status.name(), "detail": it.detail, "fix": advice}),
            )
            .collect();
        let mut object = json!({"ok": !report.has_failed(), "checks": checks});
        if let Some(changed) = report.changed {
            object["changed"] = json!(changed);
        }
        return context.ui.json(&object);
    }
    let mut lines = String::new();
    for (finding, advice) in advised {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{:<5} {:<15} {}", finding.status.name(), finding.name, finding.detail);
        if let Some(advice) = advice {
            let _ = writeln!(lines, "      {:<15} {advice}", "");
        }
    }
    context.ui.data(lines.as_bytes())
}
