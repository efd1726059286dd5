//! The contract of the command line, pinned case by case in the data files of `tests/contract`.
//!
//! Each case is run twice, for its text and for its JSON, each time in an environment of its own.

mod case;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use case::{Case, Cases, read_cases};

use crate::common::Issuer;

#[test]
fn every_error_is_told_as_the_contract_says() {
    assert_all_hold(&read_cases("errors.toml"));
}

#[test]
fn every_usage_error_is_told_without_a_value() {
    let cases = read_cases("usage.toml");
    assert!(cases.case.iter().all(|case| (case.exit, case.code.as_str()) == (2, "usage")));
    assert_all_hold(&cases);
}

#[test]
fn every_fault_in_a_file_names_the_file_and_the_key() {
    assert_all_hold(&read_cases("files.toml"));
}

#[test]
fn every_answer_of_an_issuer_has_one_meaning() {
    assert_all_hold(&read_cases("answers.toml"));
}

/// The rows of the table of codes: name and group.
fn table() -> BTreeMap<String, String> {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/error/mod.rs"));
    let source = source.expect("the table of codes is in the checkout");
    let (_, rows) = source.split_once("\ncodes! {\n").expect("the table of codes is where it was");
    let (rows, _) = rows.split_once("\n}\n").expect("the table of codes ends");
    let row = |line: &str| {
        let mut words = line.trim().trim_end_matches(',').split(' ');
        let (_, name, group) = (words.next(), words.next(), words.next());
        (name.expect("a name").trim_matches('"').to_owned(), group.expect("a group").to_owned())
    };
    rows.lines().map(row).collect()
}

#[test]
fn every_code_of_the_table_has_a_case_or_a_reason_why_nothing_leads_to_it() {
    let cases = read_cases("errors.toml");
    let pinned: BTreeSet<&str> =
        cases.case.iter().map(|case| case.code.as_str()).chain(cases.unreached.keys().map(String::as_str)).collect();
    let known = table();
    let known: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    assert!(known.len() > 30, "the table was not read: {known:?}");
    assert_eq!(pinned, known);
    let both: Vec<_> = cases.case.iter().filter(|case| cases.unreached.contains_key(&case.code)).collect();
    assert!(both.is_empty(), "reached after all: {both:?}");
}

#[test]
fn a_group_of_codes_has_one_exit_code() {
    let table = table();
    let mut groups: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    let cases = read_cases("errors.toml").case;
    for case in &cases {
        groups.entry(&table[&case.code]).or_default().insert(case.exit);
    }
    assert!(groups.values().all(|exits| exits.len() == 1), "{groups:?}");
    let exits: BTreeSet<_> = groups.values().flatten().collect();
    assert_eq!(exits.len(), groups.len(), "two groups share an exit code: {groups:?}");
}

#[test]
fn every_refusal_says_what_to_do_about_it() {
    let silent: Vec<String> = ["errors.toml", "usage.toml", "files.toml"]
        .iter()
        .flat_map(|file| read_cases(file).case)
        .filter(|case| case.exit != 0 && case.hint.is_none())
        .map(|case| format!("{}: {}", case.code, case.name))
        .collect();
    assert!(silent.is_empty(), "without a hint:\n{}", silent.join("\n"));
}

fn assert_all_hold(cases: &Cases) {
    let issuer = Issuer::start();
    let broken: Vec<String> = cases.case.iter().filter_map(|case| case.check(&issuer).err()).collect();
    assert!(broken.is_empty(), "{} of {} cases do not hold:\n{}", broken.len(), cases.case.len(), broken.join("\n"));
    assert!(!cases.case.is_empty());
    let mut names = BTreeSet::new();
    assert!(cases.case.iter().map(|case: &Case| &case.name).all(|name| names.insert(name)), "two cases of one name");
}
