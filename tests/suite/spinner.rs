//! Waiting shows on a terminal, after 300 ms, and nowhere else.

use std::path::Path;
use std::time::Duration;

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, tokenkeep};
use crate::setup::{credential, get};

const SHOWN: &str = "requesting a token from 127.0.0.1";
const ERASED: &str = "\r\x1b[K";

#[test]
fn a_fetch_that_takes_long_shows_a_spinner_on_a_terminal_and_erases_it() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    issuer.behave("/token", Behaviour::Hold);
    let terminal = environment.path("terminal");
    // What a terminal shows holds the token, which is then an allowed place of it.
    environment.secret_place("terminal");
    let running = environment
        .program("script", ["-qefc", &format!("{} token get", tokenkeep().display())])
        .arg(&terminal)
        .env("TERM", "xterm")
        .stdin_open()
        .prints_token()
        .spawn();
    let shown = appears(&terminal, SHOWN);
    assert!(shown.contains("| "), "{shown:?}");
    issuer.release();
    running.wait().success();
    let all = read(&terminal);
    assert!(all.rfind(ERASED).expect("erased") > all.rfind(SHOWN).expect("shown"), "nothing stays: {all:?}");
}

#[test]
fn a_fetch_that_takes_long_says_nothing_where_there_is_no_terminal() {
    let issuer = Issuer::start_with(["--latency-ms", "500"]);
    let environment = credential(&issuer, &[]);
    let outcome = get(&environment).run().success();
    assert_eq!(outcome.stderr, "");
}

/// Awaits a text in a file that another program writes.
fn appears(path: &Path, text: &str) -> String {
    loop {
        let all = read(path);
        if all.contains(text) {
            return all;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
