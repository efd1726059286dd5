//! Clients that ask for a token in their own words. What holds for each of them is here; what one of them expects is in
//! the file of its name.

mod bazel;
mod cargo;
mod docker;
mod git;
mod goauth;
mod keyring;
mod kubelet;
mod pnpm;
mod schema;
mod terraform;

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;

use crate::common::{Invocation, Issuer, Outcome, TestEnvironment, tokenkeep};
use crate::front::copied;
use crate::setup::{PROFILE, credential, forget, get, prepend};

/// A host that takes bearer tokens.
const HOST: &str = "server.example.com";
/// A host that takes passwords.
const BASIC: &str = "basic.example.com";
/// A host that no profile names.
const FOREIGN: &str = "foreign.example.com";
const HOSTS: &str = r#"hosts = ["server.example.com", "*.wild.example.com", { host = "basic.example.com", as = "basic", username = "robot" }]"#;

/// How one client asks, and what it makes of the answer.
struct Client {
    name: &'static str,
    program: &'static str,
    /// The words and the input by which it asks for the token of a host.
    ask: fn(host: &str) -> (Vec<String>, String),
    /// The token in the answer.
    token: fn(&Outcome) -> String,
    /// Checks the answer for a host that no profile names; `None` if the client names no host.
    foreign: Option<fn(&Outcome)>,
}

const CLIENTS: [&Client; 9] = [
    &git::CLIENT,
    &docker::CLIENT,
    &bazel::CLIENT,
    &cargo::CLIENT,
    &pnpm::CLIENT,
    &keyring::CLIENT,
    &goauth::CLIENT,
    &terraform::CLIENT,
    &kubelet::CLIENT,
];

/// The credential of the fixture issuer, for the hosts above.
fn environment(issuer: &Issuer) -> TestEnvironment {
    let environment = credential(issuer, &[]);
    prepend(&environment, PROFILE, HOSTS);
    environment
}

/// The same with a token in the cache.
fn warm(issuer: &Issuer) -> TestEnvironment {
    let environment = environment(issuer);
    kept(&environment);
    environment
}

/// The token that is in the cache, or gets there.
fn kept(environment: &TestEnvironment) -> String {
    get(environment).run().success().token().to_owned()
}

/// A link to the program under test, of the name that a client starts.
fn link(environment: &TestEnvironment, name: &str) -> PathBuf {
    let links = environment.path("links");
    let link = links.join(name);
    if !link.is_symlink() {
        std::fs::create_dir_all(&links).expect("the root is ours");
        symlink(tokenkeep(), &link).expect("a new link");
    }
    link
}

impl Client {
    /// The call of a client by the name of its program.
    fn call(&self, environment: &TestEnvironment, host: &str) -> Invocation {
        let (words, input) = (self.ask)(host);
        self.typed(environment, &words, input)
    }

    /// The same with other words. No other program is in PATH: a keyring of the machine is not part of the test.
    fn typed(&self, environment: &TestEnvironment, words: &[impl AsRef<OsStr>], input: impl AsRef<[u8]>) -> Invocation {
        let program = link(environment, self.program);
        environment.program(program, words).stdin(input).env("PATH", environment.path("links"))
    }
}

#[test]
fn a_cold_answer_costs_one_request_and_a_warm_one_none() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    for client in CLIENTS {
        forget(&environment);
        let before = issuer.count("/token");
        let cold = client.call(&environment, HOST).prints_token().run().success();
        assert_eq!(issuer.count("/token"), before + 1, "{}", client.name);
        let warm = client.call(&environment, HOST).prints_token().run().success();
        assert_eq!(issuer.count("/token"), before + 1, "{}", client.name);
        assert!((client.token)(&cold) == kept(&environment), "{}: another token", client.name);
        assert!((client.token)(&warm) == kept(&environment), "{}: another token", client.name);
        assert_eq!((cold.stderr.as_str(), warm.stderr.as_str()), ("", ""), "{}", client.name);
    }
}

#[test]
fn what_is_kept_and_what_is_not_ours_is_answered_by_the_thin_front_only() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let Some(front) = copied(&environment, &["tokenkeep"]) else { return };
    for client in CLIENTS {
        let answer = |host: &str| {
            let (words, input) = (client.ask)(host);
            let call = environment.program(&front, ["helper", client.name]).args(words).stdin(input);
            call.env("PATH", environment.path("links")).prints_token().run()
        };
        assert!((client.token)(&answer(HOST).success()) == kept(&environment), "{}", client.name);
        client.foreign.inspect(|foreign| foreign(&answer(FOREIGN)));
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_client_is_answered_by_the_command_too_and_by_a_program_with_the_name_of_a_profile() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for client in CLIENTS {
        let (words, input) = (client.ask)(HOST);
        let command = environment.tokenkeep(["helper", client.name]).args(&words).stdin(&input).prints_token();
        assert!((client.token)(&command.run().success()) == kept(&environment), "{}", client.name);
        let named = environment.tokenkeep(["-p", "default", "helper", client.name]).args(&words).stdin(&input);
        assert!((client.token)(&named.prints_token().run().success()) == kept(&environment), "{}", client.name);
        // One that helpers do not have: the call is the same.
        let verbose =
            environment.tokenkeep(["--color", "never", "-q", "helper", client.name]).args(&words).stdin(&input);
        assert!((client.token)(&verbose.prints_token().run().success()) == kept(&environment), "{}", client.name);
        if client.program != "keyring" {
            let program = link(&environment, &format!("{}-default", client.program));
            let by_profile = environment.program(program, &words).stdin(&input).prints_token().run().success();
            assert!((client.token)(&by_profile) == kept(&environment), "{}", client.name);
        }
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_host_that_no_profile_names_gets_what_lets_the_client_go_on() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for client in CLIENTS {
        let Some(foreign) = client.foreign else { continue };
        for host in
            [FOREIGN, "example.com", "wild.example.com", "server.example.com.evil.test", "server.example.com:8443"]
        {
            let outcome = client.call(&environment, host).run();
            foreign(&outcome);
            assert_eq!(outcome.stderr, "", "{} {host}", client.name);
        }
        // A host of a wildcard is ours.
        let outcome = client.call(&environment, "a.wild.example.com").prints_token().run().success();
        assert!((client.token)(&outcome) == kept(&environment), "{}", client.name);
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn what_is_no_input_of_a_client_is_a_clean_error() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let huge = vec![b'a'; 2 * 1024 * 1024];
    for client in CLIENTS {
        let (words, input) = (client.ask)(HOST);
        let lines = "CANARYLINE\n".repeat(200_000);
        for garbage in
            [&b"\0"[..], b"\xff\xfe", b"{", b"=\r\n", b"host=CANARYLINE\r", b"[[[[[[[[", lines.as_bytes(), &huge]
        {
            let outcome = client.typed(&environment, &words, garbage).prints_token().run();
            outcome.does_not_say("CANARYLINE").does_not_say("panicked");
        }
        for end in (0..input.len()).step_by(7) {
            let outcome = client.typed(&environment, &words, &input[..end]).prints_token().run();
            assert!(outcome.stderr.lines().count() <= 1, "{}: {outcome:?}", client.name);
        }
        for words in [&[][..], &["CANARYLINE"], &["get", "get", "get"], &["", ""], &["get", "CANARYLINE\n"]] {
            let outcome = client.typed(&environment, words, &input).prints_token().run();
            assert!(outcome.stderr.lines().count() <= 1, "{}: {outcome:?}", client.name);
            outcome.does_not_say("CANARYLINE");
        }
    }
}

#[test]
fn a_token_that_needs_a_proof_is_handed_to_no_client() {
    let issuer = Issuer::start();
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    let environment = credential(&issuer, &["--dpop"]);
    prepend(&environment, PROFILE, HOSTS);
    get(&environment).run().success();
    for client in CLIENTS {
        // The first call of go is answered with what can be handed out, and that is nothing.
        let outcome = client.call(&environment, HOST).run();
        let said = format!("{}{}", outcome.stdout_str(), outcome.stderr);
        assert!(said.contains("needs a proof for each request"), "{}: {outcome:?}", client.name);
    }
}

#[test]
fn a_profile_that_is_broken_is_reported_in_the_way_of_the_client() {
    let issuer = Issuer::start();
    let environment = environment(&issuer);
    // Two profiles, and no way to choose.
    let other = std::fs::read_to_string(environment.path(PROFILE)).expect("the profile is text");
    environment.write("config/profiles/other.toml", other);
    for client in CLIENTS.iter().filter(|client| client.foreign.is_some()) {
        let outcome = client.call(&environment, HOST).run();
        let said = format!("{}{}", outcome.stdout_str(), outcome.stderr);
        assert!(said.contains("both name server.example.com"), "{}: {outcome:?}", client.name);
    }
    assert_eq!(issuer.count("/token"), 0);
}
