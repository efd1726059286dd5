//! Many who write at once, and programs that use the library.

use serde_json::json;

use super::{counted, report, sql};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, Running, TestEnvironment, example};
use crate::herd;
use crate::main_job::environment_for;

#[test]
fn of_240_first_starts_at_once_all_succeed_and_all_are_counted() {
    let _alone = herd::alone();
    const COUNT: usize = 240;
    let (environment, issuer) = (TestEnvironment::new(), Issuer::start());
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let key = environment.write_secret("files/the-key", [7; 32]);
    let config = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display());
    environment.write("config/config.toml", config);
    for number in 0..COUNT {
        // Each asks for something of its own: none finds the token of another.
        let profile = format!(
            "client_id = \"{CLIENT_ID}\"\nscopes = [\"{number}\"]\ntoken_url = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
            issuer.token_url(),
            secret.display()
        );
        environment.write(format!("config/profiles/p{number:03}.toml"), profile);
    }
    let start = |number| {
        let get = environment.tokenkeep(["token", "get", "-p", &format!("p{number:03}")]);
        get.prints_token().spawn()
    };
    let herd: Vec<Running> = (0..COUNT).map(start).collect();
    for one in herd {
        let outcome = one.wait();
        assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
        outcome.token();
    }
    assert_eq!(issuer.count("/token"), COUNT);
    let report = report(&environment, &[]);
    assert_eq!(report["requests"], COUNT);
    assert_eq!(report["profiles"].as_array().map(Vec::len), Some(COUNT));
    // Whoever could not write put its line down, and who counted them wrote them.
    let written = "SELECT count(*), count(DISTINCT series), (SELECT sum(requests) FROM daily) FROM request";
    assert_eq!(sql(&environment, [written]), json!([[COUNT, COUNT, COUNT]]));
    let waiting = std::fs::read_dir(environment.data_dir().join("ledger.pending"));
    assert_eq!(waiting.map_or(0, |folder| folder.count()), 0);
    assert!(!environment.data_dir().join("ledger.db.damaged").exists());
}

#[test]
fn a_program_that_uses_the_library_writes_lines_too() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    for _ in 0..2 {
        environment.program(example("profile"), ["default"]).run().success();
    }
    // It may end before its line is in the ledger; the line is on disk all the same.
    assert_eq!((issuer.count("/token"), counted(&environment)), (1, 1));
    let line = "SELECT profile, program, outcome FROM request JOIN series ON series.id = series";
    assert_eq!(sql(&environment, [line]), json!([["default", "profile", "granted"]]));
}

#[test]
fn a_program_that_brings_its_own_parts_writes_no_line() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let program = environment.program(example("handed_in"), [&*issuer.token_url(), CLIENT_ID]);
    program.stdin(CLIENT_SECRET).run().success();
    assert!(issuer.count("/token") > 0);
    assert_eq!(counted(&environment), 0);
}
