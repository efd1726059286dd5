//! `check` and `schema`: what a file of people may hold, for editors and for the CI of a repository.

use std::path::PathBuf;

use serde_json::json;

use super::ui::Ui;
use crate::error::{Code, Error};
use crate::manage::check::{Problem, check};
use crate::system::files::EscapedPath;
use crate::usage::args::SchemaOf;

/// Prints the JSON Schema of a file.
pub(super) fn schema(ui: &Ui, of: SchemaOf) -> Result<u8, Error> {
    // Tests compare both with the tables of keys.
    ui.data(match of {
        SchemaOf::Config => include_bytes!("../../docs/config.schema.json"),
        SchemaOf::Profile => include_bytes!("../../docs/profile.schema.json"),
    })
}

/// Checks files, and prints what is wrong with each.
pub(super) fn run(ui: &Ui, files: &[PathBuf]) -> Result<u8, Error> {
    let mut problems = Vec::new();
    for file in files {
        problems.extend(check(file)?);
    }
    if ui.is_json() {
        ui.json(&json!({"problems": problems.iter().map(as_json).collect::<Vec<_>>()}))?;
    } else {
        ui.data(problems.iter().map(as_line).collect::<String>().as_bytes())?;
    }
    if problems.is_empty() {
        return Ok(0);
    }
    let (bad, all) = (problems.len(), files.len());
    Err(Error::new(Code::ConfigInvalid, format!("{bad} of {all} file(s) cannot be used; nothing was changed")))
}

fn as_line(problem: &Problem) -> String {
    let line = problem.line.map(|line| format!("{line}:")).unwrap_or_default();
    format!("{}:{line} {}\n", EscapedPath(&problem.file), problem.message)
}

fn as_json(problem: &Problem) -> serde_json::Value {
    json!({
        "file": problem.file.to_string_lossy(),
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
    })
}
