//! What the doctor finds, as data.

use crate::error::{Code, Error, Remedy};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// The main job works; this is worth knowing.
    Warn,
    /// The main job does not work.
    Fail,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        }
    }
}

/// One line of the doctor's report.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// What was checked. No two checks of a report have the same name.
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) detail: String,
    /// What mends it.
    pub(crate) fix: Option<Remedy>,
    /// The profile that it is about, if it is about one.
    pub(crate) profile: Option<String>,
}

impl Finding {
    pub(crate) fn new(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Finding {
        Finding { name: name.into(), status, detail: detail.into(), fix: None, profile: None }
    }

    pub(crate) fn with_fix(mut self, fix: Remedy) -> Finding {
        self.fix = Some(fix);
        self
    }

    /// Makes a finding of what went wrong.
    pub(crate) fn failed(name: impl Into<String>, error: &Error) -> Finding {
        let finding = Finding::new(name, Status::Fail, error.to_string());
        Finding { fix: error.remedy().cloned(), profile: error.profile().map(str::to_owned), ..finding }
    }
}

/// All findings, in the order of the checks.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    /// The error of the first check that failed.
    pub(crate) first_failure: Option<Code>,
    /// Whether a file was removed, if that was allowed.
    pub(crate) changed: Option<bool>,
}

impl Report {
    pub(crate) fn has_failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.status == Status::Fail)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn fail(&mut self, name: impl Into<String>, error: &Error) {
        self.first_failure.get_or_insert(error.code());
        self.add(Finding::failed(name, error));
    }

    /// Does what a check needs; a failure is a finding of this name.
    pub(super) fn try_to<T>(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<T, Error>) -> Option<T> {
        work().map_err(|error| self.fail(name, &error)).ok()
    }

    pub(super) fn check(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<Finding, Error>) {
        if let Some(finding) = self.try_to(name, work) {
            self.add(finding);
        }
    }
}
