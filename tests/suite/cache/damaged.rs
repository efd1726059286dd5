//! Files in place of records, through the binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::machine::{Machine, paths_in};

fn put(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).expect("ours");
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("ours");
}

#[test]
fn a_damaged_record_costs_one_warning_and_one_request_and_is_healed() {
    let machine = Machine::new();
    let mut token = machine.token();
    let record = machine.only("tokens");
    let length = fs::read(&record).expect("a record").len();
    type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cut = |to: usize| move |record: &mut Vec<u8>| record.truncate(to);
    let flip = |at: usize| move |record: &mut Vec<u8>| record[at] ^= 0x01;
    let foreign = |record: &mut Vec<u8>| *record = b"#!/bin/sh\nexit 1\n".to_vec();
    let large = |record: &mut Vec<u8>| record.resize(64 << 20, 0);
    let damages: [Damage<'_>; 14] = [
        &cut(0),
        &cut(1),
        &cut(4),
        &cut(71),
        &cut(72),
        &cut(length - 1),
        &flip(0),
        &flip(5),
        &flip(6),
        &flip(7),
        &flip(60),
        &flip(length - 1),
        &foreign,
        &large,
    ];
    for (number, damage) in damages.iter().enumerate() {
        let requests = machine.fetches();
        let mut content = fs::read(&record).expect("a record");
        damage(&mut content);
        put(&record, &content);
        let outcome = machine.get().run().success().says("warning: unseal_failed");
        let fresh = outcome.token().to_owned();
        assert!(fresh != token, "damage {number}");
        let warned = outcome.stderr.matches("warning:").count();
        assert!(warned == 1, "damage {number} should be told once: {outcome:?}");
        assert_eq!(machine.fetches(), requests + 1, "damage {number}");
        let again = machine.get().run().success().does_not_say("warning");
        assert!(again.token() == fresh, "damage {number} should be healed");
        token = fresh;
    }
}

#[test]
fn a_damaged_record_is_one_line_of_json_under_json() {
    let machine = Machine::new();
    machine.token();
    put(&machine.only("tokens"), "");
    let outcome = machine.get().arg("--json").run().success();
    let lines: Vec<serde_json::Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["warning"]["code"], "unseal_failed");
    assert_eq!(outcome.json()["source"], "issuer");
}

#[test]
fn a_record_of_the_future_is_served_around_and_left_alone() {
    let machine = Machine::new();
    machine.token();
    let record = machine.only("tokens");
    let mut future = fs::read(&record).expect("a record");
    future[4] = 2;
    put(&record, &future);
    for requests in [2, 3] {
        let outcome = machine.get().run().success();
        assert_eq!(outcome.stderr.matches("warning: cache_newer_version").count(), 1, "{outcome:?}");
        assert_eq!(outcome.stderr.matches("warning:").count(), 1, "{outcome:?}");
        assert_eq!(machine.fetches(), requests);
        assert!(fs::read(&record).expect("a record") == future);
    }
}

#[test]
fn a_record_of_the_future_is_counted_by_the_report_and_goes_with_forget() {
    let machine = Machine::new();
    machine.token();
    let record = machine.only("tokens");
    let mut future = fs::read(&record).expect("a record");
    future[4] = 2;
    put(&record, &future);
    let report = machine.tokenkeep(["doctor"]).run().success();
    let line = "1 were written by a newer version and stay until token forget";
    assert!(report.stdout_str().contains(line), "{report:?}");
    machine.tokenkeep(["token", "forget"]).run().success().says("forgot 1 cached token(s) of main");
    assert!(!record.exists());
    machine.get().run().success().does_not_say("warning");
}

#[test]
fn a_record_whose_version_was_flipped_is_replaced_at_once() {
    let machine = Machine::new();
    machine.token();
    let record = machine.only("tokens");
    let mut flipped = fs::read(&record).expect("a record");
    flipped[4] ^= 0x80;
    put(&record, &flipped);
    let report = machine.tokenkeep(["doctor"]).run().success();
    let line = "1 do not open and are replaced when they are requested again";
    assert!(report.stdout_str().contains(line), "{report:?}");
    machine.get().run().success().says("warning: unseal_failed");
    machine.get().run().success().does_not_say("warning");
    assert_eq!(machine.fetches(), 2);
    put(&record, &flipped);
    machine.tokenkeep(["token", "forget"]).run().success().says("forgot 1 cached token(s) of main");
}

#[test]
fn stray_temporaries_are_harmless() {
    let machine = Machine::new();
    machine.token();
    let record = machine.only("tokens");
    let name = record.file_name().and_then(|name| name.to_str()).expect("text");
    let strays = [format!("{name}.tmp"), format!("{name}.0011223344556677.tmp"), "x.tmp".to_owned(), "y".to_owned()];
    for stray in &strays {
        put(&machine.data("tokens").join(stray), "half of a rec");
    }
    machine.get().run().success().does_not_say("warning");
    machine.get().arg("--refresh").run().success().does_not_say("warning");
    assert!(!machine.data("tokens").join(&strays[0]).exists(), "the holder of the turn wrote over its own");
    let listed = machine.tokenkeep(["token", "list"]).run().success();
    assert_eq!(listed.stdout_str().lines().count(), 1);
    machine.tokenkeep(["token", "forget"]).run().success().says("forgot 1 ");
}

#[test]
fn what_is_disposable_can_be_removed_at_the_price_of_one_request() {
    let machine = Machine::new();
    machine.token();
    for requests in [2, 3] {
        for folder in ["tokens", "locks"] {
            fs::remove_dir_all(machine.data(folder)).expect("ours");
        }
        let token = machine.token();
        assert!(machine.get().run().success().does_not_say("warning").token() == token);
        assert_eq!(machine.fetches(), requests);
    }
}

#[test]
fn records_renamed_to_each_other_are_never_a_token() {
    let clients = [format!("{CLIENT_ID}:{CLIENT_SECRET}"), "other:CANARY-SECRET-of-the-other".to_owned()];
    let issuer = Issuer::start_with(["--client", clients[0].as_str(), "--client", clients[1].as_str()]);
    let machine = Machine::of(TestEnvironment::new(), issuer);
    machine.set("other", "other", "CANARY-SECRET-of-the-other").success();
    machine.set("wrong", CLIENT_ID, "CANARY-SECRET-that-is-wrong").success();
    machine.token();
    let main = machine.only("tokens");
    let get = |profile: &str| {
        let outcome = machine.get_of(profile).run();
        if outcome.code == 0 {
            let whose = outcome.token().split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part));
            let client = if profile == "other" { profile } else { CLIENT_ID };
            assert!(whose == Some(Ok(client.as_bytes().to_vec())), "a token of another profile");
        }
        outcome.code
    };
    assert_eq!((get("other"), get("wrong")), (0, 4));
    let records = paths_in(&machine.data("tokens"));
    let contents: Vec<_> = records.iter().map(|record| fs::read(record).expect("a record")).collect();
    assert_eq!(records.len(), 3);
    let refusal =
        records.iter().find(|record| record.extension().is_some()).expect("the refusal is remembered").clone();
    let refused = main.with_extension("refused");
    for place in records.iter().chain([&refused, &refusal.with_extension("")]) {
        for content in &contents {
            for (record, content) in records.iter().zip(&contents) {
                put(record, content);
            }
            put(place, content);
            assert_eq!((get("main"), get("other"), get("wrong")), (0, 0, 4), "{}", place.display());
            machine.tokenkeep(["token", "list"]).run().success();
            let _ = fs::remove_file(&refused);
            let _ = fs::remove_file(refusal.with_extension(""));
        }
    }
}
