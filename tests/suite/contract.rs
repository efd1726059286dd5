//! The contract of the command line, pinned case by case in the data files of `tests/contract`.
//!
//! Each case is run twice, for its text and for its JSON, each time in an environment of its own.

mod case;
mod followed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use case::{Case, Cases, read_cases};

use crate::common::Issuer;
use crate::common::issuer::Behaviour;
use crate::setup;

#[test]
fn every_error_is_told_as_the_contract_says() {
    assert_all_hold(&read_cases("errors.toml"));
}

#[test]
fn every_usage_error_is_told_without_a_value() {
    for file in ["usage.toml", "prompts.toml"] {
        let cases = read_cases(file);
        assert!(cases.case.iter().all(|case| (case.exit, case.code.as_str()) == (2, "usage")));
        assert_all_hold(&cases);
    }
}

#[test]
fn every_fault_in_a_file_names_the_file_and_the_key() {
    assert_all_hold(&read_cases("files.toml"));
}

#[test]
fn every_fault_in_the_setup_of_a_fleet_is_told_without_a_value() {
    assert_all_hold(&read_cases("fleet.toml"));
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
    rows.lines().filter(|line| !line.trim_start().starts_with("///")).map(row).collect()
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
    let silent: Vec<String> = ["errors.toml", "usage.toml", "prompts.toml", "files.toml", "fleet.toml"]
        .iter()
        .flat_map(|file| read_cases(file).case)
        .filter(|case| case.exit != 0 && case.hint.is_none())
        .map(|case| format!("{}: {}", case.code, case.name))
        .collect();
    assert!(silent.is_empty(), "without a hint:\n{}", silent.join("\n"));
}

#[test]
fn a_remembered_refusal_answers_as_the_first_did_and_asks_nobody() {
    let retry_after = vec![("Retry-After".to_owned(), "120".to_owned())];
    for (status, headers, exit, code, longest) in [
        (401, Vec::new(), 4, "invalid_client", 10),
        (403, Vec::new(), 4, "access_denied", 10),
        (404, Vec::new(), 7, "response_malformed", 10),
        (500, Vec::new(), 6, "server_error", 5),
        (429, retry_after.clone(), 11, "rate_limited", 120),
        (503, retry_after, 6, "server_error", 120),
    ] {
        let issuer = Issuer::start();
        let environment = setup::credential(&issuer, &[]);
        issuer.behave("/token", Behaviour::Answer { status, headers, body: Default::default() });
        let mut first = setup::assert_refused(setup::get_json(&environment).run(), code, exit, code);
        let asked = issuer.count("/token");
        issuer.behave("/token", Behaviour::Normal);
        for options in [&[][..], &["--refresh"]] {
            let mut again = setup::assert_refused(setup::get_json(&environment).args(options).run(), code, exit, code);
            let left = again["retry_after_s"].as_u64().expect("when to ask again");
            assert!((1..=longest).contains(&left), "{again}");
            assert_eq!(again["remembered"], true);
            for member in ["retry_after_s", "remembered", "hint"] {
                for error in [&mut again, &mut first] {
                    error.as_object_mut().expect("an object").remove(member);
                }
            }
            assert_eq!(again, first);
        }
        assert_eq!(issuer.count("/token"), asked);
        // Whoever sets the credential again has mended it.
        setup::set_credential(&environment, &issuer.token_url(), &[]).run().success();
        setup::get(&environment).run().success().token();
    }
}

#[test]
fn every_documented_form_of_a_duration_is_taken() {
    let issuer = Issuer::start();
    let environment = setup::credential_and_token(&issuer, &[]);
    for duration in ["0", "90", "90s", "5m", "59m", "30m30s"] {
        setup::get(&environment).args(["--min-ttl", duration, "--offline"]).run().success().token();
    }
    for duration in ["1h", "1h30m", "2d", "3601"] {
        let outcome = environment.tokenkeep(["--json", "token", "get", "--offline", "--min-ttl", duration]).run();
        let error = setup::assert_refused(outcome, duration, 5, "token_not_valid");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.ends_with("is cached: --min-ttl 0")), "{error}");
    }
}

#[test]
fn every_documented_key_of_a_file_is_known_by_name() {
    let issuer = Issuer::start();
    let environment = setup::credential(&issuer, &[]);
    let config = "default_profile = 'default'\n[secrets]\nbackend = 'file'\nkeep_unlocked = '8h'\ntimeout = '5s'\n\
                  [http]\nconnect_timeout = '5s'\ntimeout = '30s'\n";
    environment.write("config/config.toml", config);
    let profile = setup::read(&environment.path(setup::PROFILE));
    let keys = "audience = 'a'\nresources = ['urn:a']\nparams = { a = 'b' }\nscopes = ['read']\nmin_ttl = '1m'\n\
                basic_encoding = 'form'\ndefault_lifetime = '5m'\nassertion_audience = 'issuer'\nassertion_typ = 'on'\n\
                assertion_algorithm = 'ES256'\nassertion_key_id = 'k'\ndpop = false\ntoken_type = 'bearer'\n\
                repeats = 'bounded'\njwks_url = 'https://issuer.invalid/keys'\nfleet_epoch = 'e'\n";
    environment.write(setup::PROFILE, format!("{keys}{profile}"));
    setup::get(&environment).run().success().token();
    let shared = "[fleet]\nurl = 'redis://127.0.0.1:1'\nnamespace = 'n'\nkey_file = '/nonexistent'\nrequired = false\n\
                  budget = '250ms'\nca_file = '/nonexistent'\nuser = 'u'\npassword = { env = 'NAME' }\n";
    environment.write("config/config.toml", format!("{config}{shared}"));
    setup::get(&environment).run().success().token();
}

#[test]
fn what_is_safe_to_repeat_is_repeated_with_exit_0() {
    let issuer = Issuer::start();
    let environment = setup::credential_and_token(&issuer, &[]);
    for _ in 0..2 {
        setup::init(&environment);
        setup::set_credential(&environment, &issuer.token_url(), &[]).run().success();
        environment.tokenkeep(["token", "get", "--offline"]).prints_token().run().success().token();
    }
    for _ in 0..2 {
        environment.tokenkeep(["token", "forget"]).run().success();
    }
    assert_eq!(issuer.count("/token"), 1);
}

fn assert_all_hold(cases: &Cases) {
    let issuer = Issuer::start();
    let broken: Vec<String> = cases.case.iter().filter_map(|case| case.check(&issuer).err()).collect();
    assert!(broken.is_empty(), "{} of {} cases do not hold:\n{}", broken.len(), cases.case.len(), broken.join("\n"));
    assert!(!cases.case.is_empty());
    let mut names = BTreeSet::new();
    assert!(cases.case.iter().map(|case: &Case| &case.name).all(|name| names.insert(name)), "two cases of one name");
}
