//! What a `token get` asks the kernel for, by strace.

use super::{environment_for, get};
use crate::common::{Issuer, TestEnvironment};

/// Opens, sockets and new threads or processes; nothing whose arguments could hold a secret.
const TRACED: &str = "trace=open,openat,openat2,creat,socket,socketpair,connect,clone,clone3,fork,vfork,execve";

fn traced(environment: &TestEnvironment) -> Vec<String> {
    let file = environment.path("files/trace");
    let strace = ["strace", "-f", "-y", "-e", TRACED, "-o"].map(std::ffi::OsString::from);
    let get = environment.tokenkeep(["token", "get"]).prints_token();
    get.under(strace.into_iter().chain([file.clone().into()])).run().success();
    let trace = std::fs::read_to_string(file).expect("strace wrote it");
    let lines: Vec<_> = trace.lines().map(str::to_owned).collect();
    // A thin front becomes the full program where there is more to do.
    let programs = if std::env::var_os("TOKENKEEP_TEST_PROGRAM").is_some() { 1..=2 } else { 1..=1 };
    assert!(programs.contains(&calls(&lines, &["execve"]).len()), "the trace is one of one process");
    lines
}

fn calls<'a>(trace: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let is_one = |line: &&str| names.iter().any(|name| line.contains(&format!(" {name}(")));
    trace.iter().map(String::as_str).filter(is_one).collect()
}

/// Opens of something in a folder of the data directory, by its descriptor.
fn opens_in<'a>(environment: &TestEnvironment, trace: &'a [String], folder: &str) -> Vec<&'a str> {
    let descriptor = format!("<{}>, \"", environment.data_dir().join(folder).display());
    calls(trace, &["open", "openat", "openat2"]).into_iter().filter(|line| line.contains(&descriptor)).collect()
}

#[test]
fn a_warm_get_opens_no_socket_no_database_and_no_secret_and_starts_no_thread() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    get(&environment, &[]);
    let trace = traced(&environment);
    assert_eq!(opens_in(&environment, &trace, "tokens").len(), 1, "it reads one record:\n{}", trace.join("\n"));
    let none = ["socket", "socketpair", "connect", "clone", "clone3", "fork", "vfork"];
    assert_eq!(calls(&trace, &none), [""; 0]);
    for part in ["secrets", "ledger", "locks", ".db", "/etc/ssl", "resolv.conf"] {
        assert!(!trace.iter().any(|line| line.contains(part)), "{part} is left alone:\n{}", trace.join("\n"));
    }
    assert_eq!(issuer.traffic().accepted, 1);
}

#[test]
fn a_cold_get_opens_the_secret_once_and_one_connection() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let trace = traced(&environment);
    assert_eq!(opens_in(&environment, &trace, "secrets").len(), 1, "{}", trace.join("\n"));
    assert_eq!(calls(&trace, &["connect"]).len(), 1, "{}", trace.join("\n"));
}

#[test]
fn a_warm_get_of_a_referenced_secret_does_not_read_it() {
    let issuer = Issuer::start();
    let environment = environment_for(&issuer);
    let secret = environment.write_secret("files/client-secret", crate::common::issuer::CLIENT_SECRET);
    let reference = format!("file:{}", secret.display());
    environment.tokenkeep(["credentials", "set", "--secret-at-fetch", &reference]).run().success();
    let reads = |trace: &[String]| trace.iter().filter(|line| line.contains("client-secret")).count();
    assert_eq!(reads(&traced(&environment)), 1, "a cold one reads it once");
    assert_eq!(reads(&traced(&environment)), 0);
    assert_eq!(issuer.count("/token"), 1);
}
