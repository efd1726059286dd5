//! `fleet login` and `password`: who connects to the store, and whom the password goes to.

use std::fs;
use std::path::PathBuf;

use super::host::{chill, comes_from, get, gets, host, issuer, patiently, share};
use crate::common::hostile_store::HostileStore;
use crate::common::redis::{CLIENT, PASSWORD, RedisServer};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::snapshot;

/// A host whose store wants a login that it does not have yet.
fn stranger(issuer: &Issuer, url: &str) -> TestEnvironment {
    let environment = host(issuer, &patiently(url));
    environment.canary("password of the store", PASSWORD);
    environment
}

/// A run that sets the login of the client's user.
fn login(environment: &TestEnvironment, options: &[&str]) -> Invocation {
    let set = environment.tokenkeep(["--json", "fleet", "login", "set", "--user", CLIENT.user]).args(options);
    set.arg("--secret-stdin").stdin(format!("{PASSWORD}\n"))
}

fn remove(environment: &TestEnvironment) {
    environment.tokenkeep(["fleet", "login", "remove"]).run().success();
}

fn secrets(environment: &TestEnvironment) -> usize {
    fs::read_dir(environment.data_dir().join("secrets")).expect("secrets are kept").count()
}

/// Types a line once what is typed is hidden, and prints what the terminal shows.
const AT_A_PROMPT: &str = r#"
import fcntl, os, pty, subprocess, sys, termios
master, slave = pty.openpty()
def lead():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[2:], stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)
while termios.tcgetattr(slave)[3] & termios.ECHO:
    assert child.poll() is None, "it ended without asking"
os.write(master, open(sys.argv[1], "rb").read())
status = child.wait()
os.close(slave)
shown = b""
try:
    while more := os.read(master, 4096):
        shown += more
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(status)
"#;

#[test]
fn a_password_comes_by_stdin_from_a_file_or_at_a_prompt_that_does_not_show_it() {
    let (issuer, server) = (issuer(), RedisServer::with_users());
    let [first, stdin, file, prompt] = [(); 4].map(|()| stranger(&issuer, &server.url()));
    get(&first, &[]).run().success().says("fleet_unavailable");
    for environment in [&first, &stdin] {
        login(environment, &[]).run().success();
    }
    let password = file.write_secret("files/password", PASSWORD);
    let set = file.tokenkeep(["fleet", "login", "set", "--user", CLIENT.user, "--secret-file"]);
    set.arg(&password).run().success();
    let typed = prompt.write_secret("files/typed", format!("{PASSWORD}\n"));
    let set = prompt.tokenkeep(["fleet", "login", "set", "--user", CLIENT.user]);
    let python = ["python3".as_ref(), "-c".as_ref(), AT_A_PROMPT.as_ref(), typed.as_os_str()];
    let screen = set.under(python).run().success();
    assert!(screen.stdout_str().starts_with("the password of the fleet store: "), "{screen:?}");

    chill(&first);
    let token = gets(&first, &[], "issuer");
    for environment in [&stdin, &file, &prompt] {
        assert!(gets(environment, &[], "fleet") == token);
        environment.assert_clean();
    }
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn a_password_without_a_user_is_the_default_users() {
    let (issuer, server) = (issuer(), RedisServer::with_password());
    let environment = stranger(&issuer, &server.url());
    let set = environment.tokenkeep(["fleet", "login", "set", "--secret-stdin"]).stdin(PASSWORD);
    set.run().success();
    gets(&environment, &[], "issuer");
    // The user may stand in the configuration, the password in the backend.
    let server = RedisServer::with_users();
    share(&environment, &format!("{}user = \"{}\"\n", patiently(&server.url()), CLIENT.user));
    let set = environment.tokenkeep(["fleet", "login", "set", "--secret-stdin"]).stdin(PASSWORD);
    set.run().success();
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(server.keys().len(), 2);
}

#[test]
fn a_login_goes_to_the_hosts_that_it_was_set_for_and_to_no_others() {
    let (issuer, server, other) = (issuer(), RedisServer::with_users(), HostileStore::silent());
    let environment = stranger(&issuer, &server.url());
    login(&environment, &[]).run().success();
    gets(&environment, &[], "issuer");

    // Whoever can edit the file, and not the backend, learns nothing.
    let elsewhere = [other.url(), format!("{},{}", server.url(), other.address()), format!("{}/1", server.url())];
    for url in elsewhere {
        share(&environment, &patiently(&url));
        let outcome = get(&environment, &["--refresh"]).run().success();
        comes_from(&outcome, "issuer");
        let warning = "the stored password was set for another url; nothing was sent";
        assert_eq!(outcome.says("fleet_unavailable").says(warning).stderr.lines().count(), 1);
        let counted = issuer.count("/token");
        share(&environment, &format!("{}required = true\n", patiently(&url)));
        let refused = get(&environment, &["--refresh"]).run().fails(10, "binding_mismatch").error();
        assert_eq!((&refused["retryable"], &refused["retry_after_s"]), (&false.into(), &serde_json::Value::Null));
        environment.tokenkeep(["--json", "token", "forget", "--fleet"]).run().exits(13);
        environment.tokenkeep(["--json", "doctor"]).run().exits(10);
        assert_eq!(issuer.count("/token"), counted, "the issuer was not asked");
    }
    assert_eq!((other.connections(), other.bytes()), (0, 0));

    // Set anew it goes there, and only there.
    share(&environment, &patiently(&server.url()));
    gets(&environment, &["--refresh"], "issuer");
    share(&environment, &format!("url = \"{}\"\n", other.url()));
    login(&environment, &[]).run().success();
    get(&environment, &["--refresh"]).run().success().says("fleet_unavailable");
    assert!(other.bytes() > 0);
    share(&environment, &patiently(&server.url()));
    get(&environment, &["--refresh"]).run().success().says("was set for another url");
}

#[test]
fn a_password_is_not_sent_without_tls_but_to_a_literal_loopback_address() {
    let (issuer, store) = (issuer(), HostileStore::silent());
    let url = format!("redis://localhost:{}", store.port());
    let environment = stranger(&issuer, &url);
    let data = snapshot(&environment.data_dir());
    let refused = login(&environment, &[]).run().fails(10, "insecure_endpoint");
    refused.says("would be sent the password without TLS");
    assert!(snapshot(&environment.data_dir()) == data);
    // Nor is one that the configuration names, whoever wrote it.
    let password = environment.write_secret("files/password", PASSWORD);
    let names = [&url, &format!("redis://127.0.0.1:{0},localhost:{0}", store.port())];
    for url in names {
        let shared = format!("{}password = {{ file = \"{}\" }}\n", patiently(url), password.display());
        share(&environment, &shared);
        get(&environment, &["--refresh"]).run().success().says("the password would be sent without TLS; use rediss://");
        share(&environment, &format!("{shared}required = true\n"));
        get(&environment, &["--refresh"]).run().fails(10, "insecure_endpoint");
    }
    assert_eq!((store.connections(), store.bytes()), (0, 0));
    // Without a password there is nothing to hide.
    share(&environment, &format!("url = \"{url}\"\n"));
    get(&environment, &["--refresh"]).run().success().says("fleet_unavailable");
    assert_eq!(store.connections(), 1);
}

#[test]
fn a_login_that_is_removed_or_replaced_leaves_nothing_behind() {
    let (issuer, server) = (issuer(), RedisServer::with_users());
    let environment = stranger(&issuer, &server.url());
    let before = secrets(&environment);
    for _ in 0..2 {
        login(&environment, &[]).run().success();
        assert_eq!(secrets(&environment), before + 1);
    }
    gets(&environment, &[], "issuer");
    for _ in 0..2 {
        remove(&environment);
        assert_eq!(secrets(&environment), before);
    }
    get(&environment, &["--refresh"]).run().success().says("it refused the user or password");
    let doctor = environment.tokenkeep(["doctor"]).run().success();
    assert!(doctor.stdout_str().contains("\nwarn  fleet  "), "{doctor:?}");
}

#[test]
fn the_configuration_names_where_the_password_is_read() {
    let (issuer, server) = (issuer(), RedisServer::with_users());
    let environment = stranger(&issuer, &server.url());
    let file: PathBuf = environment.write_secret("files/password", format!("{PASSWORD}\n"));
    let program = environment.write("files/print", "#!/bin/sh\ncat \"$(dirname \"$0\")/password\"\n");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    for password in [
        format!("{{ file = \"{}\" }}", file.display()),
        "{ env = \"STORE_PASSWORD\" }".to_owned(),
        format!("{{ command = [\"{}\", \"an argument\"] }}", program.display()),
    ] {
        let at = patiently(&server.url());
        share(&environment, &format!("{at}user = \"{}\"\npassword = {password}\n", CLIENT.user));
        let run = get(&environment, &["--refresh"]).env("STORE_PASSWORD", PASSWORD).run().success();
        comes_from(&run, "issuer");
        assert_eq!(run.stderr, "", "{password}");
        assert_eq!(server.keys().len(), 2, "{password}");
        server.cli(&["FLUSHALL"]);
        // What is not there any more is told, and never what it was.
        fs::rename(&file, file.with_extension("away")).expect("it is ours");
        get(&environment, &["--refresh"]).run().success().says("its password cannot be read: ");
        fs::rename(file.with_extension("away"), &file).expect("it is ours");
    }
    // It comes before the one that is stored, which stays.
    login(&environment, &[]).run().success();
    let shared = format!("{}password = {{ env = \"NOWHERE\" }}\n", patiently(&server.url()));
    share(&environment, &shared);
    get(&environment, &["--refresh"]).run().success().says("its password cannot be read: ");
    share(&environment, &patiently(&server.url()));
    gets(&environment, &["--refresh"], "issuer");
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let (issuer, server) = (issuer(), RedisServer::with_users());
    let environment = stranger(&issuer, &server.url());
    environment.canary("wrong password", "CANARY-WRONG-PASSWORD");
    let set = environment.tokenkeep(["fleet", "login", "set", "--user", CLIENT.user, "--secret-stdin"]);
    set.stdin("CANARY-WRONG-PASSWORD").run().success();
    let verbose = get(&environment, &["-vvv"]).env("RUST_BACKTRACE", "1").run().success();
    verbose.says("it refused the user or password");
    login(&environment, &[]).run().success();
    gets(&environment, &["--refresh"], "issuer");
}
