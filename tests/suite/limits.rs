//! An issuer that is slow, or says too much, costs a bounded time and a bounded memory.

use crate::common::issuer::{Behaviour, ConnectionBehaviour, Part};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{
    assert_mended, assert_refused, credential, credential_and_token, forget, get, get_json, impatient, patient,
    set_credential,
};

/// The most that a process may take of memory, in KiB.
const MEMORY: u64 = 40 * 1024;

/// Runs its arguments and says last how much memory that took at most, in KiB.
const MEASURED: &str = r#"
import os, resource, sys
status = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"#;

#[test]
fn a_slow_issuer_ends_with_the_deadline_wherever_it_is_slow() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    impatient(&environment);
    for behaviour in [
        Behaviour::Drip { part: Part::Head, interval_ms: 1_000 },
        Behaviour::Drip { part: Part::Body, interval_ms: 1_000 },
        Behaviour::Silence,
        Behaviour::Hold,
    ] {
        let name = format!("{behaviour:?}");
        issuer.behave_times("/token", 1, behaviour);
        assert_timeout(&environment, &name);
    }
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Silence);
    assert_timeout(&environment, "accept and silence");
    issuer.wait_until_idle();
    patient(&environment);
    assert_mended(&environment, &issuer);
}

#[test]
fn repeats_of_a_failed_request_fit_into_its_deadline() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    impatient(&environment);
    issuer.behave_times("/token", 2, Behaviour::Answer { status: 500, headers: Vec::new(), body: Default::default() });
    issuer.behave_times("/token", 1, Behaviour::Silence);
    let error = assert_refused(get_json(&environment).run(), "a fault, then silence", 6, "timeout");
    assert!(error["message"].as_str().is_some_and(|text| text.ends_with("within 1s")), "{error}");
    patient(&environment);
    assert_mended(&environment, &issuer);
}

#[test]
fn a_slow_probe_ends_with_the_deadline_and_says_nothing_about_the_token() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    impatient(&environment);
    for behaviour in [Behaviour::Silence, Behaviour::Drip { part: Part::Head, interval_ms: 1_000 }] {
        issuer.behave_times("/api", 1, behaviour);
        let outcome = environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
        assert_eq!(outcome.json()["verdict"], "indeterminate");
    }
    patient(&environment);
    environment.tokenkeep(["token", "validate"]).run().success();
}

#[test]
fn an_answer_without_an_end_takes_a_bounded_memory() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    for (behaviour, code) in [
        (Behaviour::EndlessBody, "response_too_large"),
        (Behaviour::GzipBomb, "response_too_large"),
        (Behaviour::ManyHeaders { count: 1_000_000 }, "response_malformed"),
        (long_line(), "response_malformed"),
        (
            Behaviour::Answer {
                status: 400,
                headers: Vec::new(),
                body: format!(r#"{{"error":"{}"}}"#, "a".repeat(1 << 20)).into(),
            },
            "response_too_large",
        ),
    ] {
        let name = format!("{behaviour:?}");
        issuer.behave_times("/token", 1, behaviour.clone());
        let get = get_json(&environment).arg("--refresh").under(["python3", "-c", MEASURED]).run();
        assert!(peak(&get.stderr) < MEMORY, "{name}: {} KiB", peak(&get.stderr));
        assert_refused(get, &name, 7, code);
        // The same credential again erases the refusal, and leaves the token.
        set_credential(&environment, &issuer.token_url(), &["--probe-url", &issuer.api_url()]).run().success();
        // What a probe says besides its status is not read.
        issuer.behave_times("/api", 1, behaviour);
        let validate = environment.tokenkeep(["--json", "token", "validate"]).under(["python3", "-c", MEASURED]).run();
        assert!(peak(&validate.stderr) < MEMORY, "{name}, probe: {} KiB", peak(&validate.stderr));
        assert!([0, 12].contains(&validate.code), "{name}, probe: {validate:?}");
    }
    assert_mended(&environment, &issuer);
}

#[test]
fn json_of_any_depth_is_read_or_refused_without_a_crash() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let token = r#""access_token":"CANARY-TOKEN-deep","token_type":"Bearer","expires_in":60"#;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [127, 128, 129, 5_000, 10_000] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            // In a member that nobody knows it is skipped like everything there.
            answer(&issuer, format!(r#"{{"x":{nested},{token}}}"#));
            get(&environment).arg("--refresh").run().success();
            for member in ["access_token", "token_type"] {
                answer(&issuer, format!(r#"{{"{member}":{nested}}}"#));
                let outcome = get_json(&environment).arg("--refresh").run();
                assert_refused(outcome, &format!("{member} {depth} {open}"), 7, "response_malformed");
                forget(&environment);
            }
            answer(&issuer, format!(r#"{{"scope":{nested},{token}}}"#));
            get(&environment).arg("--refresh").run().success();
        }
        answer(&issuer, format!("{}1{}", open.repeat(100_000), close.repeat(100_000)));
        assert_refused(get_json(&environment).arg("--refresh").run(), "depth 100,000", 7, "response_too_large");
        forget(&environment);
        answer(&issuer, open.repeat(10_000));
        assert_refused(get_json(&environment).arg("--refresh").run(), "unclosed", 7, "response_malformed");
        forget(&environment);
    }
    issuer.reset();
    assert_mended(&environment, &issuer);
}

#[test]
fn a_token_of_sixty_kibibytes_is_handed_out_and_one_of_seventy_is_too_large() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let of_length = |length: usize| format!("CANARY-TOKEN-{}", "x".repeat(length));
    let body = |token: &str| format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":600}}"#);
    let token = of_length(60 * 1024);
    answer(&issuer, body(&token));
    for source in ["issuer", "cache"] {
        let outcome = get_json(&environment).run().success();
        let json = outcome.json();
        assert!(json["access_token"] == token, "the token is not the issuer's");
        assert_eq!(json["source"], source);
    }
    answer(&issuer, body(&of_length(70 * 1024)));
    assert_refused(get_json(&environment).arg("--refresh").run(), "70 KiB", 7, "response_too_large");
    // What was there before is still good.
    assert!(get_json(&environment).run().success().json()["access_token"] == token);
}

fn answer(issuer: &Issuer, body: String) {
    issuer.behave("/token", Behaviour::Answer { status: 200, headers: Vec::new(), body: body.into() });
}

/// One header line of a hundred megabytes would take as long to send: one of two is as good.
fn long_line() -> Behaviour {
    let line = "a".repeat(2 << 20);
    Behaviour::Answer { status: 200, headers: vec![("X-Long".to_owned(), line)], body: "{}".into() }
}

fn assert_timeout(environment: &TestEnvironment, name: &str) {
    let error = assert_refused(get_json(environment).run(), name, 6, "timeout");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("within 1s"), "{name}: {message}");
    assert_eq!(error["retryable"], true);
}

fn peak(stderr: &str) -> u64 {
    let line = stderr.lines().find_map(|line| line.strip_prefix("peak "));
    line.and_then(|number| number.parse().ok()).expect("the measuring program says a number")
}
