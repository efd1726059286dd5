//! The programs of examples/, which the documentation of the crate shows, do what they say.

use std::path::PathBuf;

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment, example};
use crate::machine::Machine;

#[test]
fn the_profile_of_the_command_line_is_opened_by_a_program() {
    let machine = Machine::new();
    let token = machine.token();
    let outcome = machine.environment.program(example("profile"), ["main"]).run().success();
    assert!(outcome.stdout_str().contains(&format!("Bearer token of {} characters", token.len())));
    assert_eq!(machine.fetches(), 1, "it is the token of the command line");
}

#[test]
fn a_program_that_hands_everything_in_leaves_no_file() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new().by_home());
    let program = environment.program(example("handed_in"), [issuer.token_url().as_str(), CLIENT_ID]);
    let outcome = program.stdin(CLIENT_SECRET).run().success();
    assert!(outcome.stdout_str().starts_with("two tokens: "));
    assert_eq!(issuer.count("/token"), 2);
    assert_eq!(files_below(environment.home()), Vec::<PathBuf>::new());
}

#[test]
fn many_profiles_and_scopes_have_a_token_each_behind_one_client() {
    let machine = Machine::new();
    machine.set("other", CLIENT_ID, CLIENT_SECRET).success();
    let url = machine.issuer.api_url();
    let refused = Behaviour::Answer { status: 401, headers: Vec::new(), body: "".into() };
    machine.issuer.behave_times("/api", 1, refused);
    let calls = [["main", "read"], ["main", "write"], ["other", "read"], ["main", "read"]];
    let arguments = calls.iter().flat_map(|[profile, scope]| [*profile, *scope, url.as_str()]);
    let outcome = machine.environment.program(example("many"), arguments).run().success();
    let lines = "main read: 200 OK\nmain write: 200 OK\nother read: 200 OK\nmain read: 200 OK\n3 keepers\n";
    assert_eq!(outcome.stdout_str(), lines);
    assert_eq!(machine.fetches(), 4, "three tokens, and another one for the one that was refused");
    assert_eq!(machine.issuer.count("/api"), 5);
}

fn files_below(directory: PathBuf) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(files_below(path)) } else { files.push(path) }
    }
    files
}
