//! A process that holds secrets leaves no core dump and shows nothing of itself to others.
#![cfg(target_os = "linux")]

use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, Running};
use crate::machine::Machine;

/// A `token get` that has read the secret and waits for the issuer.
fn waiting(machine: &Machine) -> Running {
    machine.issuer.behave_times("/token", 1, Behaviour::Hold);
    let before = machine.fetches();
    let running = machine.get().under(["sh", "-c", "ulimit -c unlimited; exec \"$@\"", "sh"]).spawn();
    machine.issuer.wait_for_requests("/token", before + 1);
    running
}

#[test]
fn no_core_is_dumped() {
    let machine = Machine::unprivileged();
    let running = waiting(&machine);
    let pid = running.pid().as_raw_nonzero();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("Linux tells");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it is a limit");
    // Only the soft limit: what tokenkeep starts gets it back.
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "unlimited"]);
    // A dump would have secrets in it, and the scan at the end of the test would find them, if it lies here.
    running.signal(Signal::ABORT);
    running.wait().exits(128 + 6);
    machine.issuer.release();
    let home = std::fs::read_dir(machine.environment.home()).expect("it is there");
    let names: Vec<_> = home.map(|entry| entry.expect("a readable folder").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("core")), "{names:?}");
}

#[test]
fn other_processes_of_the_same_user_cannot_look_inside() {
    let machine = Machine::unprivileged();
    let running = waiting(&machine);
    let pid = running.pid().as_raw_nonzero();
    // What is not dumpable belongs to root in /proc, whoever runs it.
    for file in ["mem", "environ", "maps", "fd"] {
        let owner = std::fs::metadata(format!("/proc/{pid}/{file}")).expect("Linux shows it").uid();
        assert_eq!(owner, 0, "/proc/PID/{file}");
    }
    let reads = ["sh", "-c", "cat /proc/$0/environ /proc/$0/maps; ls /proc/$0/fd"];
    let as_the_same_user = machine.environment.program(reads[0], &reads[1..]).arg(pid.to_string());
    if crate::common::environment::is_root() {
        let outcome = as_the_same_user.as_user(65534).run();
        assert!(outcome.code != 0 && outcome.stdout.is_empty(), "{outcome:?}");
    }
    machine.issuer.release();
    running.wait().success().token();
}

#[test]
fn a_key_log_that_somebody_asks_for_is_not_written() {
    let issuer = Issuer::start_with_tls();
    let environment = crate::setup::credential(&issuer, &["--ca-file", &issuer.ca_file().display().to_string()]);
    let log = environment.path("files/keys.log");
    crate::setup::get(&environment).env("SSLKEYLOGFILE", &log).run().success().token();
    assert!(!log.exists());
}
