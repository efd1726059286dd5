//! A program that runs on while its credential is set anew and its token forgotten.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokenkeep::Keeper;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET, TOKEN_PREFIX};
use crate::common::{Invocation, skipped};
use crate::machine::Machine;

/// Names the part that the program of these tests plays, and says that it is started by one of them.
const PART: &str = "TOKENKEEP_TEST_PART";
/// Where the issuer listens: a request to it says how far the program is.
const ISSUER: &str = "TOKENKEEP_TEST_ISSUER";

/// This very test binary as a program in the environment of a machine.
fn program(machine: &Machine, part: &str) -> Invocation {
    let binary = std::env::current_exe().expect("a test knows its own path");
    let arguments = ["--exact", "library::running::the_program_itself", "--nocapture"];
    let program = machine.environment.program(binary, arguments);
    program.env(PART, part).env(ISSUER, machine.issuer.address().to_string())
}

#[test]
fn the_program_itself() {
    let Ok(part) = std::env::var(PART) else {
        skipped("it is started by the other tests here");
        return;
    };
    let keeper = tokenkeep::open("main").expect("the profile of the command line");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let token = |keeper: &Keeper| runtime.block_on(keeper.token()).expect("a token");
    match part.as_str() {
        "follows" => {
            let mut last = token(&keeper);
            for step in ["/set", "/forgotten", "/scopes"] {
                tell(step);
                wait_until_gone(&keeper, &last);
                last = token(&keeper);
            }
            tell("/end");
        }
        "opens and waits" => {
            tell("/opened");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).expect("the test says when to go on");
            assert_eq!(token(&keeper).scope(), Some("of-the-new-profile"));
        }
        "opens" => {
            let first = token(&keeper);
            assert_eq!(keeper.cached().expect("warm"), Some(first.clone()));
            assert_eq!(tokenkeep::open("main").expect("again").cached().expect("warm"), Some(first));
        }
        other => panic!("there is no part {other}"),
    }
}

/// Waits until a token is handed out no more: a running program looks once a second.
fn wait_until_gone(keeper: &Keeper, token: &tokenkeep::AccessToken) {
    for _ in 0..20 {
        if keeper.cached().expect("no error").as_ref() != Some(token) {
            return;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    panic!("a token that is gone is still handed out");
}

/// Tells the test how far this is, by a request that the issuer counts.
fn tell(path: &str) {
    let address = std::env::var(ISSUER).expect("the test says where the issuer is");
    let mut stream = TcpStream::connect(address).expect("the issuer listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: issuer\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the issuer reads");
    stream.read_to_end(&mut Vec::new()).expect("the issuer answers");
}

#[test]
fn a_running_program_sees_a_new_secret_a_forgotten_token_and_an_edited_profile() {
    let machine = Machine::new();
    let running = program(&machine, "follows").spawn();
    machine.issuer.wait_for_requests("/set", 1);
    let new = "CANARY-SECRET-the-new-one";
    let token = |name: &str| {
        let token = format!("{TOKEN_PREFIX}{name}");
        let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
        machine.issuer.answer("/token", 200, &answer);
    };
    token("of-the-new-secret");
    machine.set("main", CLIENT_ID, new).success();
    machine.issuer.wait_for_requests("/forgotten", 1);
    token("after-it-was-forgotten");
    machine.tokenkeep(["token", "forget"]).run().success().says("forgot 1 ");
    machine.issuer.wait_for_requests("/scopes", 1);
    token("for-other-scopes");
    machine.tokenkeep(["credentials", "set", "-p", "main", "--scope", "read write"]).run().success();
    running.wait().success();
    let requests: Vec<_> = machine.issuer.requests().into_iter().filter(|request| request.path == "/token").collect();
    assert_eq!(requests.len(), 4);
    for (request, secret) in requests.iter().zip([CLIENT_SECRET, new, new, new]) {
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{secret}")));
        assert!(request.header("authorization") == Some(basic.as_str()), "another secret than the one of the day");
    }
    assert!(String::from_utf8_lossy(&requests[3].body.0).contains("scope=read"));
}

#[test]
fn a_profile_that_changes_between_opening_and_the_first_look_is_the_one_that_counts() {
    let machine = Machine::new();
    let mut running = program(&machine, "opens and waits").stdin_open().spawn();
    machine.issuer.wait_for_requests("/opened", 1);
    let scopes = ["credentials", "set", "-p", "main", "--scope", "of-the-new-profile"];
    machine.tokenkeep(scopes).run().success();
    running.write_stdin(b"go on\n");
    running.wait().success();
}

#[test]
fn a_program_and_the_command_line_share_one_token() {
    let machine = Machine::new();
    program(&machine, "opens").run().success();
    machine.get().run().success().does_not_say("warning");
    assert_eq!(machine.fetches(), 1);
}
