//! Files of docs/ that are made of the tables of the source. Tests compare them, and write them if they are told to.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The command that writes them.
const COMMAND: &str = "UPDATE_DOCS=1 cargo test --lib the_page_of";

/// Fails unless the marked parts of a page are these. A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
pub(crate) fn assert_has(page: &str, parts: &[(&str, String)]) {
    // Two tests may each write a part of one page.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let present = read(page).unwrap_or_else(|| panic!("docs/{page} is missing"));
    let made = parts.iter().fold(present, |text, (name, part)| with(&text, name, part));
    assert_is(page, &made);
}

/// Fails unless a file is this text.
pub(crate) fn assert_is(file: &str, text: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(file), text).expect("the file can be written");
    }
    assert!(read(file).as_deref() == Some(text), "docs/{file} is not what the source has: run {COMMAND}");
}

fn with(text: &str, name: &str, part: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no part {name}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("a part has an end");
    format!("{before}{begin}\n{}\n\n<!-- end -->{after}", part.trim_end())
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(path(file)).ok()
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file)
}
