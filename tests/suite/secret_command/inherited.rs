//! What a program that prints a secret inherits, and how long it lives.
#![cfg(target_os = "linux")]

use rustix::process::Signal;

use super::{assert_ended, get, scripted};
use crate::common::Issuer;
use crate::common::issuer::CLIENT_SECRET;

#[test]
fn a_program_gets_the_limits_and_signals_of_our_caller_and_nothing_that_was_for_us() {
    let issuer = Issuer::start();
    let environment = scripted(
        &issuer,
        &format!(
            "{{ ulimit -c; ulimit -Hc; grep SigIgn /proc/self/status; ls -l /proc/self/fd; env; cat <&7; }} > ../files/seen 2>&1\nprintf %s {CLIENT_SECRET}"
        ),
    );
    let caller = r#"exec 7<<<open-sesame && ulimit -c unlimited && exec "$@""#;
    let run = get(&environment).under(["bash", "-c", caller, "bash"]).env("TOKENKEEP_PASSPHRASE_FD", "7");
    run.run().success().token();
    let seen = std::fs::read_to_string(environment.path("files/seen")).expect("the program ran");
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines[..2], ["unlimited", "unlimited"], "{seen}");
    let ignored = lines[2].split_whitespace().last().and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let bit = |signal: Signal| 1 << (signal.as_raw() - 1);
    let ours = bit(Signal::XFSZ) | bit(Signal::PIPE);
    assert_eq!(ignored.map(|mask| mask & ours), Some(0), "{seen}");
    assert!(!seen.contains("TOKENKEEP_PASSPHRASE_FD") && !seen.contains("TOKENKEEP_FRONT_PROCESS"), "{seen}");
    assert!(!seen.contains("open-sesame") && seen.contains(" 7 -> /dev/null"), "{seen}");
    let open = lines.iter().filter(|line| line.contains(" -> "));
    assert!(
        !open.clone().any(|line| line.contains("/data/") || line.contains("socket:")),
        "no descriptor of ours: {seen}"
    );
}

#[test]
fn a_secret_that_was_printed_is_taken_though_something_keeps_the_output_open() {
    let issuer = Issuer::start();
    let pids = "../files/pids";
    let environment = scripted(&issuer, &format!("printf %s {CLIENT_SECRET}\nsleep 1000 &\necho $! > {pids}"));
    get(&environment).run().success().token();
    // It was not ours to end: an agent that stays is nothing unusual.
    let pid = std::fs::read_to_string(environment.path("files/pids")).expect("the program ran");
    let pid = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a number");
    rustix::process::kill_process(pid, Signal::KILL).expect("it runs");
}

#[test]
fn a_program_ends_with_all_that_it_started_when_tokenkeep_is_interrupted() {
    let issuer = Issuer::start();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        // The fifo: the test goes on when the program has started everything.
        let environment = scripted(&issuer, "trap '' HUP INT TERM\nsleep 1000 &\necho $$ $! > ../files/started\nwait");
        let fifo = environment.path("files/started");
        environment.program("mkfifo", [&fifo]).run().success();
        let running = get(&environment).spawn();
        let pids = std::fs::read_to_string(&fifo).expect("the program writes it");
        running.signal(signal);
        running.wait().exits(128 + signal.as_raw());
        assert_ended(&pids);
    }
    assert_eq!(issuer.traffic().accepted, 0);
}
