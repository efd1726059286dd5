//! A store that says what no store should, or nothing: as if it were not there, and its words are not shown.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::down::is_of_no_use;
use super::host::{chill, comes_from, get, gets, host, issuer, patiently, share};
use crate::common::hostile_store::{Answer, HostileStore};
use crate::common::{Outcome, TestEnvironment};

/// What the store says in any place where it could be repeated.
const WORDS: &str = "CANARY-WORDS-of-the-store";

/// The most that a process may take of memory, in KiB: see limits.rs.
const MEMORY: u64 = 40 * 1024;

fn bytes(text: impl Into<String>) -> Answer {
    Answer::Bytes(text.into().into_bytes())
}

/// Looks and finds nothing; the rest is said by somebody else.
fn empty(command: &str) -> Option<Answer> {
    match command {
        "AUTH" => Some(bytes("+OK\r\n")),
        "GETRANGE" => Some(bytes("$0\r\n\r\n")),
        "PTTL" => Some(bytes(":-2\r\n")),
        _ => None,
    }
}

fn store(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> HostileStore {
    HostileStore::start(Ipv4Addr::LOCALHOST.into(), answer)
}

/// A host that knows the store's password.
fn environment(issuer: &crate::common::Issuer) -> TestEnvironment {
    let environment = host(issuer, &shared("redis://127.0.0.1:1"));
    environment.canary("words of the store", WORDS);
    environment.canary("password of the store", "CANARY-PASSWORD-of-a-liar");
    environment.write_secret("files/store", "CANARY-PASSWORD-of-a-liar");
    environment
}

/// What comes late is as good as nothing.
fn shared(url: &str) -> String {
    format!("url = \"{url}\"\nbudget = \"250ms\"\n")
}

/// The same where a busy machine must not count for a silent store.
fn patient(shared: &str) -> String {
    shared.replace("250ms", "1s")
}

fn with_login(environment: &TestEnvironment, url: &str) -> String {
    let file = environment.path("files/store");
    format!("{}user = \"client\"\npassword = {{ file = \"{}\" }}\n", shared(url), file.display())
}

/// H2.
#[test]
fn a_store_that_falls_silent_is_given_up_wherever_it_does() {
    let issuer = issuer();
    let environment = environment(&issuer);
    let silent = HostileStore::silent();
    let after_auth = store(|command| if command == "AUTH" { bytes("+OK\r\n") } else { Answer::Silence });
    let after_the_look = store(|command| empty(command).unwrap_or(Answer::Silence));
    for (case, store, commands) in [
        ("after the connection", &silent, &["GETRANGE", "PTTL"][..]),
        ("after AUTH", &after_auth, &["AUTH", "GETRANGE", "PTTL"]),
        ("after the look", &after_the_look, &["GETRANGE", "PTTL", "EVAL"]),
    ] {
        let shared = if commands[0] == "AUTH" { with_login(&environment, &store.url()) } else { shared(&store.url()) };
        let told = is_of_no_use(case, &issuer, &environment, &shared);
        assert_eq!(told, "it did not answer in time", "{case}");
        // Once with a warning and once as required; nothing is asked again.
        assert_eq!(store.commands(), commands.repeat(2), "{case}");
    }
    // Each answer comes in time, and all of them together do not.
    let slow = store(|command| {
        std::thread::sleep(Duration::from_millis(150));
        empty(command).unwrap_or(bytes("*3\r\n:1\r\n$0\r\n\r\n:-2\r\n"))
    });
    let told = is_of_no_use("by and by", &issuer, &environment, &with_login(&environment, &slow.url()));
    assert_eq!(told, "it did not answer in time");
    let auth = HostileStore::silent();
    is_of_no_use("during AUTH", &issuer, &environment, &with_login(&environment, &auth.url()));
    assert!(!auth.commands().iter().any(|command| command != "AUTH" && command != "HELLO"), "{:?}", auth.commands());
}

/// H2.
#[test]
fn a_store_that_falls_silent_when_it_is_given_the_token_does_not_keep_it_from_the_caller() {
    let issuer = issuer();
    let environment = environment(&issuer);
    let joined = AtomicUsize::new(0);
    let store = store(move |command| {
        empty(command).unwrap_or_else(|| match joined.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => bytes("*3\r\n:1\r\n$0\r\n\r\n:-2\r\n"),
            _ => Answer::Silence,
        })
    });
    for required in ["", "required = true\n"] {
        share(&environment, &format!("{}{required}", patient(&shared(&store.url()))));
        chill(&environment);
        let outcome = get(&environment, &[]).run().success();
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        let token = comes_from(&outcome.says("it did not answer in time"), "issuer");
        assert!(gets(&environment, &[], "cache") == token);
    }
    assert_eq!(issuer.count("/token"), 2);
}

/// H2, H3.
#[test]
fn whatever_a_store_answers_is_one_warning_and_none_of_its_words() {
    let issuer = issuer();
    let environment = environment(&issuer);
    let long = WORDS.repeat(1_000);
    let answers = [
        ("nothing, and the end", Answer::Cut(Vec::new())),
        ("a part, and the end", Answer::Cut(format!("$100\r\n{WORDS}").into())),
        ("a part, and silence", bytes(format!("$100\r\n{WORDS}"))),
        ("HTTP", Answer::Cut(format!("HTTP/1.1 400 {WORDS}\r\n\r\n").into())),
        ("no protocol", bytes(format!("{WORDS}\r\n"))),
        ("zeros", Answer::Bytes(vec![0; 4_096])),
        ("line ends", bytes("\r\n".repeat(2_048))),
        ("an error", bytes(format!("-ERR {WORDS}\r\n"))),
        ("an error without a code", bytes(format!("-{WORDS} {WORDS}\r\n"))),
        ("a long error", bytes(format!("-{long}\r\n"))),
        ("an error with escape sequences", bytes(format!("-\x1b[31m{WORDS}\u{202e}\x07\r\n"))),
        ("an error in the words of AUTH", bytes(format!("-WRONGPASS {WORDS}\r\n"))),
        ("an error of a script", bytes(format!("-NOSCRIPT {WORDS}\r\n"))),
        ("an error of a cluster", bytes(format!("-CLUSTERDOWN {WORDS}\r\n"))),
        ("an error of many lines", bytes(format!("!{}\r\nERR {WORDS}\r\n", WORDS.len() + 4))),
        ("another type", bytes("*0\r\n")),
        ("a list", bytes(format!("*2\r\n+{WORDS}\r\n+{WORDS}\r\n"))),
        ("a number that is none", bytes(format!(":{WORDS}\r\n"))),
        ("a large number", bytes(":99999999999999999999\r\n")),
        ("a negative length", bytes("$-5\r\n")),
        ("a length that is no number", bytes(format!("${WORDS}\r\n"))),
        ("negative lengths of the newer protocol", bytes("!-1\r\n=-1\r\n~-1\r\n|-1\r\n%-1\r\n")),
        ("a negative length of an error", bytes("!-1\r\n")),
        ("a negative length of a text", bytes("=-1\r\n")),
        ("a negative length of a map", bytes("%-1\r\n")),
        ("a negative length of attributes", bytes("|-1\r\n")),
        ("half of the largest map", bytes("%4611686018427387904\r\n")),
        ("the largest attributes", bytes("|9223372036854775807\r\n")),
        ("the largest length", bytes("$9223372036854775807\r\n")),
        ("the largest list", bytes("*9223372036854775807\r\n")),
        ("the largest map", bytes("%9223372036854775807\r\n")),
        ("the largest push", bytes(">9223372036854775807\r\n")),
        ("a length of half a gigabyte", bytes(format!("$536870912\r\n{WORDS}"))),
        ("a list of a billion", bytes("*1000000000\r\n:1\r\n")),
        ("lists in lists", bytes("*1\r\n".repeat(100_000))),
        ("maps in maps", bytes("%1\r\n".repeat(100_000))),
    ];
    for (case, answer) in answers {
        let store = HostileStore::answering(answer);
        is_of_no_use(case, &issuer, &environment, &shared(&store.url()));
        // It was asked, both times.
        store.wait_for_connections(2);
    }
}

/// H2, H3.
#[test]
fn nor_are_its_words_or_its_password_shown_at_the_highest_level_of_diagnostics() {
    let issuer = issuer();
    let environment = environment(&issuer);
    for (case, answer) in [
        ("an error", format!("-ERR {WORDS}\r\n")),
        ("a refused password", format!("-WRONGPASS {WORDS}\r\n")),
        ("a moved key", format!("-MOVED 1 {WORDS}:1\r\n")),
        ("no protocol", WORDS.to_owned()),
        ("a text", format!("+{WORDS}\r\n")),
    ] {
        for kind in ["redis://", "redis+cluster://", "redis+sentinel://"] {
            let store = HostileStore::answering(bytes(answer.as_str()));
            let service = if kind.contains("sentinel") { "/fleet" } else { "" };
            let url = format!("{kind}{}{service}", store.address());
            share(&environment, &with_login(&environment, &url));
            chill(&environment);
            let talkative = get(&environment, &[]).arg("-vvv").env("TOKENKEEP_LOG", "trace").env("RUST_LOG", "trace");
            let outcome = talkative.run();
            assert!(outcome.code == 0 && outcome.stderr.contains("fleet_unavailable"), "{case}, {kind}: {outcome:?}");
            comes_from(&outcome, "issuer");
        }
    }
}

/// H2, H3: neither time nor memory.
#[test]
fn an_answer_without_an_end_takes_a_bounded_memory() {
    let issuer = issuer();
    let environment = environment(&issuer);
    let endless = |start: &str, more: &str| Answer::Endless(start.into(), more.repeat(65_536 / more.len()).into());
    for (case, answer) in [
        ("a text", endless("$536870912\r\n", "a")),
        ("a line", endless("+", "a")),
        ("an error", endless("-", WORDS)),
        ("a list", endless("*1000000000\r\n", ":1\r\n")),
        ("a list of lists", endless("*1000000000\r\n", "*0\r\n")),
        ("answers", endless("+OK\r\n", "+OK\r\n")),
        ("pushes", endless("", ">2\r\n+a\r\n+b\r\n")),
        ("zeros", endless("", "\0")),
    ] {
        let store = HostileStore::answering(answer);
        share(&environment, &shared(&store.url()));
        chill(&environment);
        let outcome = get(&environment, &[]).under(["python3", "-c", MEASURED]).run().success();
        assert!(peak(&outcome) < MEMORY, "{case}: {} KiB", peak(&outcome));
        comes_from(&outcome.says("fleet_unavailable"), "issuer");
        is_of_no_use(case, &issuer, &environment, &shared(&store.url()));
    }
}

/// Runs its arguments and says last how much memory that took at most, in KiB.
const MEASURED: &str = r#"
import os, resource, sys
status = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"#;

fn peak(outcome: &Outcome) -> u64 {
    let last = outcome.stderr.lines().last().and_then(|line| line.strip_prefix("peak "));
    last.and_then(|peak| peak.parse().ok()).expect("the peak is told last")
}

/// H3: the lease of a liar. Whoever has waited for as long as a request takes asks alone.
#[test]
fn a_lease_that_is_always_somebody_elses_is_waited_for_for_a_bounded_time() {
    let issuer = issuer();
    let environment = environment(&issuer);
    let store = store(|command| empty(command).unwrap_or_else(|| bytes("*3\r\n:0\r\n$0\r\n\r\n:-2\r\n")));
    environment.write("config/config.toml", format!("[http]\ntimeout = \"1s\"\n[fleet]\n{}", patiently(&store.url())));
    let outcome = get(&environment, &[]).run().success();
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    comes_from(&outcome.says("lock_timeout"), "issuer");
    assert_eq!(issuer.count("/token"), 1);
}
