//! Profiles of the command line that a program opens in other directories, and with other limits.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tokenkeep::{Code, OpenOptions};

use super::Heard;
use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};
use crate::machine::Machine;

fn options(machine: &Machine) -> OpenOptions {
    OpenOptions::new().config_dir(machine.environment.config_dir()).data_dir(machine.environment.data_dir())
}

#[tokio::test]
async fn a_profile_is_opened_in_directories_that_the_program_names() {
    let machine = Machine::new();
    let keeper = options(&machine).open("main").expect("the profile of the command line");
    let token = keeper.token().await.expect("a token");
    assert_eq!(machine.token(), token.expose(), "the command line has the same token");
    assert_eq!(machine.fetches(), 1);
}

#[test]
fn a_name_that_there_is_not_and_one_that_is_none_are_told_apart() {
    let machine = Machine::new();
    for (name, code) in [("other", Code::ProfileNotFound), ("No Name", Code::Usage)] {
        let error = options(&machine).open(name).expect_err("no such profile");
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn without_a_name_it_is_the_profile_that_the_command_line_would_take() {
    let machine = Machine::new();
    machine.set("other", CLIENT_ID, CLIENT_SECRET).success();
    let taken = || options(&machine).open_default().map(|keeper| keeper.profile().name.to_string());
    assert_eq!(taken().expect("the default"), "main");
    machine.tokenkeep(["credentials", "set", "-p", "other", "--default"]).run().success();
    assert_eq!(taken().expect("the default"), "other");
    fs::write(machine.config("config.toml"), "").expect("written");
    assert_eq!(taken().expect_err("two, and no default").code(), Code::ProfileAmbiguous);
    fs::remove_file(machine.config("profiles/other.toml")).expect("removed");
    assert_eq!(taken().expect("the only one"), "main");
}

#[tokio::test]
async fn the_limit_of_the_program_counts_and_not_that_of_the_configuration() {
    let machine = Machine::new();
    machine.issuer.behave_times("/token", 1, Behaviour::Hold);
    let keeper = options(&machine).timeout(Duration::from_millis(200)).connect_timeout(Duration::from_millis(100));
    let error = keeper.open("main").expect("opened").token().await.expect_err("no answer");
    assert_eq!(error.code(), Code::Timeout, "{error}");
}

#[tokio::test]
async fn the_warnings_of_an_opened_profile_go_to_its_program() {
    let machine = Machine::new();
    machine.issuer.set(json!({ "expires_in": null }));
    let heard = Heard::default();
    let keeper = options(&machine).on_warning(heard.observer()).open("main").expect("opened");
    keeper.token().await.expect("a token");
    assert_eq!(heard.codes(), ["lifetime_assumed"]);
}
