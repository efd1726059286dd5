//! What a program said and how it ended.

use std::fmt;

use serde_json::Value;

use super::canary::{Canary, scan_bytes};
use super::issuer::TOKEN_PREFIX;

/// The end of a run. Its output has been scanned for secrets already.
pub(crate) struct Outcome {
    /// The exit code, or 128 + the signal that ended it.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    holds: Stdout,
    json: bool,
}

/// What may be on stdout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdout {
    HoldsNoSecret,
    HoldsToken,
}

impl Outcome {
    /// Panics where the output holds a secret, or tells of a panic.
    pub(crate) fn new(
        code: i32,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
        holds: Stdout,
        json: bool,
        canaries: &[Canary],
    ) -> Self {
        let is_asked_for = |canary: &&Canary| holds == Stdout::HoldsToken && canary.is(TOKEN_PREFIX.as_bytes());
        let forbidden: Vec<_> = canaries.iter().filter(|canary| !is_asked_for(canary)).cloned().collect();
        let mut findings = scan_bytes(canaries, "stderr", &stderr);
        findings.extend(scan_bytes(&forbidden, "stdout", &stdout));
        assert!(findings.is_empty(), "secrets in the output (exit {code}):\n{}", findings.join("\n"));
        let outcome = Self { code, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned(), holds, json };
        assert!(code != 101 && !outcome.stderr.contains("panicked at"), "a panic: {outcome:?}");
        outcome
    }

    /// Asserts exit code 0.
    pub(crate) fn success(self) -> Self {
        assert!(self.code == 0, "should succeed: {self:?}");
        self
    }

    /// Asserts the exit code, and the error code: under `--json` that of the error object,
    /// else only that an `error: ` line is there, because text does not name it.
    pub(crate) fn fails(self, exit_code: i32, error_code: &str) -> Self {
        assert!(self.code == exit_code, "should exit with {exit_code} ({error_code}): {self:?}");
        if self.json {
            let error = self.error();
            assert!(error["code"] == error_code, "should be {error_code}: {self:?}");
        } else {
            let lines = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
            assert!(lines == 1, "should have one line `error: ...` ({error_code}): {self:?}");
        }
        self
    }

    /// Asserts the exit code alone.
    pub(crate) fn exits(self, exit_code: i32) -> Self {
        assert!(self.code == exit_code, "should exit with {exit_code}: {self:?}");
        self
    }

    /// Asserts that stderr contains this text.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "should say {text:?}: {self:?}");
        self
    }

    /// Asserts that stderr does not contain this text.
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "should not say {text:?}: {self:?}");
        self
    }

    /// The members of the error object that `--json` puts on stderr.
    pub(crate) fn error(&self) -> Value {
        let objects = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut errors = objects.filter(|object| object["error"].is_object());
        match (errors.next(), errors.next()) {
            (Some(mut object), None) => object["error"].take(),
            _ => panic!("should have one error object on stderr: {self:?}"),
        }
    }

    /// Stdout as text, with its newline.
    pub(crate) fn stdout_str(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// Stdout as one JSON document.
    pub(crate) fn json(&self) -> Value {
        // The parser's own message would quote what it read.
        serde_json::from_slice(&self.stdout).unwrap_or_else(|_| panic!("should print one JSON document: {self:?}"))
    }

    /// The one line on stdout, which must be a token of the fixture issuer.
    pub(crate) fn token(&self) -> &str {
        let line = self.stdout_str().strip_suffix('\n');
        line.filter(|line| line.starts_with(TOKEN_PREFIX) && !line.contains('\n'))
            .unwrap_or_else(|| panic!("should print a token and a newline: {self:?}"))
    }
}

impl fmt::Debug for Outcome {
    // Stderr is known to be clean here; stdout is not, where a token was asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holds {
            Stdout::HoldsToken => write!(f, "exit {}, {} bytes on stdout", self.code, self.stdout.len())?,
            Stdout::HoldsNoSecret => {
                write!(f, "exit {}, stdout:\n{}", self.code, String::from_utf8_lossy(&self.stdout))?;
            }
        }
        write!(f, "\nstderr:\n{}", self.stderr)
    }
}
