//! The fixture issuer does what it is ordered to, seen by clients that take its bytes as they come.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::common::issuer::{
    Behaviour, Bytes, CLIENT_ID, CLIENT_SECRET, ConnectionBehaviour, EchoFormat, Part, Point, TOKEN_PREFIX, exchange,
};
use crate::common::{Issuer, skipped};

const GRANT: &str = "grant_type=client_credentials";

#[test]
fn a_token_is_given_for_the_right_secret_and_a_new_one_each_time() {
    let issuer = Issuer::start();
    let tokens: Vec<_> = (0..2).map(|_| token_of(&post(&issuer, "/token", Some(&basic()), GRANT))).collect();
    assert!(tokens.iter().all(|token| token.starts_with(TOKEN_PREFIX)));
    assert!(tokens[0] != tokens[1]);
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn the_answer_carries_the_lifetime_and_the_scope_that_was_asked_for() {
    let issuer = Issuer::start_with(["--expires-in", "3"]);
    let answer = post(&issuer, "/token", Some(&basic()), &format!("{GRANT}&scope=read+write"));
    assert_eq!((&answer.json()["expires_in"], &answer.json()["scope"]), (&json!(3), &json!("read write")));
    issuer.set(json!({ "expires_in": "7", "members": { "token_type": null, "scope": ["a"] } }));
    let answer = post(&issuer, "/token", Some(&basic()), GRANT).json();
    assert_eq!(
        (&answer["expires_in"], &answer["token_type"], &answer["scope"]),
        (&json!("7"), &json!(null), &json!(["a"]))
    );
    issuer.set(json!({ "expires_in": null }));
    assert_eq!(post(&issuer, "/token", Some(&basic()), GRANT).json().get("expires_in"), None);
}

#[test]
fn a_secret_is_decoded_from_the_header_and_from_the_form() {
    let issuer = Issuer::start_with(["--client", "a b:p:a+s%2F &é"]);
    let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let encoded = "p%3Aa%2Bs%252F%20%26%C3%A9";
    for id in ["a%20b", "a+b"] {
        assert_eq!(post(&issuer, "/token", Some(&header(&format!("{id}:{encoded}"))), GRANT).status, 200);
        let form = format!("{GRANT}&client_id={id}&client_secret={encoded}");
        assert_eq!(post(&issuer, "/token", None, &form).status, 200);
    }
    // Raw, it is another secret: this issuer decodes.
    assert_eq!(post(&issuer, "/token", Some(&header("a b:p:a+s%2F &é")), GRANT).status, 401);
}

#[test]
fn a_wrong_secret_two_methods_at_once_and_another_grant_are_refused() {
    let issuer = Issuer::start();
    let wrong = format!("Basic {}", STANDARD.encode("test:wrong"));
    let both = format!("{GRANT}&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    for (authorization, form, status, error) in [
        (Some(&wrong), GRANT, 401, "invalid_client"),
        (None, GRANT, 401, "invalid_client"),
        (Some(&basic()), both.as_str(), 400, "invalid_request"),
        (Some(&basic()), "grant_type=password", 400, "unsupported_grant_type"),
        (Some(&basic()), "grant_type=client_credentials&scope=", 400, "invalid_scope"),
    ] {
        let answer = post(&issuer, "/token", authorization.map(String::as_str), form);
        assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)));
    }
}

#[test]
fn the_api_opens_to_a_token_until_it_is_revoked() {
    let issuer = Issuer::start();
    let token = token_of(&post(&issuer, "/token", Some(&basic()), GRANT));
    let api = |token: &str| get(&issuer, "/api/search?limit=1", Some(&format!("Bearer {token}"))).status;
    let active = || post(&issuer, "/introspect", Some(&basic()), &format!("token={token}")).json()["active"].clone();
    assert_eq!((api(&token), api("another"), active()), (200, 401, json!(true)));
    assert_eq!(get(&issuer, "/api", None).status, 401);
    assert_eq!(post(&issuer, "/revoke", Some(&basic()), &format!("token={token}")).status, 200);
    assert_eq!(post(&issuer, "/revoke", Some(&basic()), "token=unknown").status, 200);
    assert_eq!((api(&token), active()), (401, json!(false)));
}

#[test]
fn a_token_can_carry_its_identity() {
    let issuer = Issuer::start();
    issuer.set(json!({ "token_carries_identity": true }));
    let token = token_of(&post(&issuer, "/token", Some(&basic()), &format!("{GRANT}&scope=read")));
    let carried: Vec<_> =
        token.split('.').skip(1).map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
    assert_eq!(carried, [CLIENT_ID.as_bytes(), b"read"]);
}

#[test]
fn requests_are_recorded_as_they_came() {
    let issuer = Issuer::start();
    let _ = post(&issuer, "/token?a=b", Some(&basic()), GRANT);
    let requests = issuer.requests();
    let [request] = requests.as_slice() else { panic!("one request: {requests:?}") };
    assert_eq!((request.method.as_str(), request.path.as_str(), request.query.as_str()), ("POST", "/token", "a=b"));
    assert!(request.header("AUTHORIZATION") == Some(&basic()) && request.body == Bytes::from(GRANT));
    issuer.reset();
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn bytes_are_counted_even_where_no_request_comes_of_them() {
    let issuer = Issuer::start();
    assert_eq!((issuer.traffic().accepted, issuer.traffic().bytes_received), (0, 0));
    let mut stream = TcpStream::connect(issuer.address()).expect("it listens");
    issuer.wait_for_connections(1);
    assert_eq!(issuer.traffic().open, 1);
    stream.write_all(b"POST /tok").expect("it reads");
    drop(stream);
    issuer.wait_until_idle();
    let traffic = issuer.traffic();
    assert_eq!((traffic.accepted, traffic.open, traffic.bytes_received), (1, 0, 9));
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn orders_are_used_up_in_turn_and_then_the_truth_is_told() {
    let issuer = Issuer::start();
    issuer.behave_times("/token", 2, status(503));
    issuer.behave_times("/token", 1, Behaviour::Normal);
    issuer.behave_times("*", 1, status(429));
    let statuses: Vec<_> = (0..5).map(|_| post(&issuer, "/token", Some(&basic()), GRANT).status).collect();
    assert_eq!(statuses, [503, 503, 200, 429, 200]);
    issuer.behave("/token", status(500));
    issuer.behave("/token", status(418));
    let statuses: Vec<_> = (0..3).map(|_| post(&issuer, "/token", Some(&basic()), GRANT).status).collect();
    assert_eq!(statuses, [418, 418, 418]);
    assert_eq!(get(&issuer, "/api", None).status, 401, "another path is not meant");
    issuer.reset();
    assert_eq!(post(&issuer, "/token", Some(&basic()), GRANT).status, 200);
}

#[test]
fn a_held_request_is_seen_to_arrive_and_goes_on_when_it_is_released() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::Hold);
    std::thread::scope(|scope| {
        let requests: Vec<_> =
            (0..3).map(|_| scope.spawn(|| post(&issuer, "/token", Some(&basic()), GRANT).status)).collect();
        issuer.wait_for_requests("/token", 3);
        assert!(requests.iter().all(|request| !request.is_finished()));
        issuer.release();
        assert!(requests.into_iter().all(|request| request.join().expect("no panic") == 200));
    });
}

#[test]
fn a_client_that_gives_up_a_held_request_leaves_no_connection_open() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::Hold);
    let mut stream = TcpStream::connect(issuer.address()).expect("it listens");
    stream.write_all(&request("POST", "/token", Some(&basic()), GRANT)).expect("it reads");
    issuer.wait_for_requests("/token", 1);
    drop(stream);
    issuer.wait_until_idle();
}

#[test]
fn an_answer_can_be_any_status_headers_and_bytes() {
    let issuer = Issuer::start();
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    issuer.behave("/token", Behaviour::Answer { status: 429, headers, body: [0, 159, 146, 150].into() });
    let answer = post(&issuer, "/token", None, "");
    assert!(answer.status == 429 && answer.head.contains("\r\nRetry-After: 7\r\n"));
    assert_eq!(answer.body, [0, 159, 146, 150]);

    issuer.behave("/token", Behaviour::Raw { bytes: b"\x00\xff no HTTP at all".into() });
    assert_eq!(exchange(issuer.address(), &request("POST", "/token", None, "")), b"\x00\xff no HTTP at all");

    issuer.behave("/token", Behaviour::Redirect { status: 307, location: "http://127.0.0.1:1/x".to_owned() });
    let answer = post(&issuer, "/token", None, "");
    assert!(answer.status == 307 && answer.head.contains("\r\nLocation: http://127.0.0.1:1/x\r\n"));
}

#[test]
fn a_content_length_can_lie_both_ways() {
    let issuer = Issuer::start();
    for declared in [1, 1000] {
        issuer.behave("/token", Behaviour::LyingLength { declared, body: "four".into() });
        let answer = post(&issuer, "/token", None, "");
        assert!(answer.head.contains(&format!("\r\nContent-Length: {declared}\r\n")));
        assert_eq!(answer.body, b"four");
    }
}

#[test]
fn an_answer_can_break_off_at_each_point_and_be_reset() {
    let issuer = Issuer::start();
    let send = || exchange(issuer.address(), &request("POST", "/token", Some(&basic()), GRANT));
    let close = |at| issuer.behave("/token", Behaviour::Close { at });
    close(Point::AfterReading);
    assert_eq!(send(), b"");
    close(Point::MidHead);
    let head = send();
    assert!(head.starts_with(b"HTTP/1.1 200") && !head.windows(4).any(|window| window == b"\r\n\r\n"));
    close(Point::MidBody);
    let answer = Answer::parse(&send());
    let declared: usize = answer.header("Content-Length").parse().expect("a number");
    assert!(answer.body.starts_with(b"{") && answer.body.len() == declared / 2);
    issuer.behave("/token", Behaviour::Reset);
    assert!(is_reset(&issuer, &request("POST", "/token", Some(&basic()), GRANT)));
}

#[test]
fn silence_reads_a_request_and_says_nothing() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::Silence);
    assert_silent(&issuer);
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_connection_can_be_closed_reset_or_left_without_a_word() {
    let issuer = Issuer::start();
    let bytes = request("POST", "/token", Some(&basic()), GRANT);
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Close);
    assert_eq!(exchange(issuer.address(), &bytes), b"");
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Reset);
    assert!(is_reset(&issuer, &bytes));
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Raw { bytes: "220 mail ready\r\n".into() });
    assert_eq!(exchange(issuer.address(), &bytes), b"220 mail ready\r\n");
    assert_eq!(issuer.count("/token"), 0, "none of these is a request");
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Silence);
    assert_silent(&issuer);
    assert_eq!(issuer.count("/token"), 0);
    assert_eq!(post(&issuer, "/token", Some(&basic()), GRANT).status, 200);
}

#[test]
fn a_drip_sends_the_whole_answer_in_the_end() {
    let issuer = Issuer::start();
    for part in [Part::Head, Part::Body] {
        issuer.behave("/token", Behaviour::Drip { part, interval_ms: 0 });
        assert!(token_of(&post(&issuer, "/token", Some(&basic()), GRANT)).starts_with(TOKEN_PREFIX));
    }
}

#[test]
fn a_body_and_a_head_can_go_on_for_as_long_as_anyone_reads() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::EndlessBody);
    let mut stream = TcpStream::connect(issuer.address()).expect("it listens");
    stream.write_all(&request("POST", "/token", Some(&basic()), GRANT)).expect("it reads");
    let mut start = vec![0; 2_000_000];
    stream.read_exact(&mut start).expect("more than any client takes");
    drop(stream);
    issuer.wait_until_idle();

    issuer.behave("/token", Behaviour::ManyHeaders { count: 100_000 });
    let answer = post(&issuer, "/token", Some(&basic()), GRANT);
    assert!(answer.head.lines().count() > 100_000);
    assert!(token_of(&answer).starts_with(TOKEN_PREFIX));
}

#[test]
fn a_gzip_bomb_is_a_good_answer_once_it_is_inflated() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::GzipBomb);
    let answer = post(&issuer, "/token", Some(&basic()), GRANT);
    assert_eq!(answer.header("Content-Encoding"), "gzip");
    assert!(answer.body.len() < 64 * 1024, "under the cap as it comes: {}", answer.body.len());

    let Ok(mut gzip) = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        skipped("no gzip here to inflate it with");
        return;
    };
    let mut stdin = gzip.stdin.take().expect("stdin is piped");
    let body = answer.body;
    let writer = std::thread::spawn(move || stdin.write_all(&body));
    let output = gzip.wait_with_output().expect("gzip ends");
    writer.join().expect("no panic").expect("gzip reads");
    assert!(output.status.success(), "the checksum and length are right");
    assert!(output.stdout.len() > 9_000_000);
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(object["access_token"].as_str().is_some_and(|token| token.starts_with(TOKEN_PREFIX)));
}

#[test]
fn an_echo_repeats_the_secret_the_header_and_the_form() {
    let issuer = Issuer::start();
    let header = basic();
    for format in [EchoFormat::Json, EchoFormat::Html] {
        issuer.behave("/token", Behaviour::Echo { status: 401, format });
        let answer = post(&issuer, "/token", Some(&header), GRANT);
        let body = String::from_utf8(answer.body).expect("text");
        assert!(answer.status == 401 && [CLIENT_SECRET, &header, GRANT].iter().all(|text| body.contains(text)));
        let form = format!("{GRANT}&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
        let body = String::from_utf8(post(&issuer, "/token", None, &form).body).expect("text");
        assert!(body.contains(&form));
    }
}

#[test]
fn the_issuer_ends_when_its_stdin_is_closed_and_on_sigterm() {
    let binary = crate::common::issuer::binary();
    let start = |option: &str| {
        let mut command = Command::new(binary);
        command.args(["--latency-ms", "0", option]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the issuer starts");
        let mut byte = [0];
        child.stdout.as_mut().expect("piped").read_exact(&mut byte).expect("it says that it is ready");
        child
    };
    let mut ends_with_stdin = start("--tls");
    drop(ends_with_stdin.stdin.take());
    assert!(ends_with_stdin.wait().expect("it ends").success());
    let mut stays = start("--stay");
    drop(stays.stdin.take());
    let pid = rustix::process::Pid::from_child(&stays);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    assert!(stays.wait().expect("it ends").success());
}

#[test]
fn a_scenario_gives_the_orders_to_begin_with() {
    let scenario = r#"[{"path":"/token","times":1,"behaviour":{"kind":"answer","status":503,"body":"later"}}]"#;
    let issuer = Issuer::start_with(["--scenario", scenario, "--client", "a:b"]);
    let authorization = format!("Basic {}", STANDARD.encode("a:b"));
    let answer = post(&issuer, "/token", Some(&authorization), GRANT);
    assert_eq!((answer.status, answer.body), (503, b"later".to_vec()));
    assert_eq!(post(&issuer, "/token", Some(&authorization), GRANT).status, 200);
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP answer");
        let head = String::from_utf8(bytes[..end + 2].to_vec()).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("a JSON body with status {}", self.status))
    }

    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("a header {name}"))
    }
}

fn post(issuer: &Issuer, target: &str, authorization: Option<&str>, form: &str) -> Answer {
    Answer::parse(&exchange(issuer.address(), &request("POST", target, authorization, form)))
}

fn get(issuer: &Issuer, target: &str, authorization: Option<&str>) -> Answer {
    Answer::parse(&exchange(issuer.address(), &request("GET", target, authorization, "")))
}

fn request(method: &str, target: &str, authorization: Option<&str>, form: &str) -> Vec<u8> {
    let authorization = authorization.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let length = form.len();
    format!("{method} {target} HTTP/1.1\r\nHost: issuer\r\n{authorization}{kind}Content-Length: {length}\r\n\r\n{form}")
        .into_bytes()
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")))
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

fn status(status: u16) -> Behaviour {
    Behaviour::Answer { status, headers: Vec::new(), body: "{}".into() }
}

fn is_reset(issuer: &Issuer, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(issuer.address()).expect("it listens");
    // The write can meet the reset as well.
    let result = stream.write_all(bytes).and_then(|()| stream.read_to_end(&mut Vec::new()));
    result.is_err_and(|error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe))
}

/// Sends a request, ends the sending side, and reads an end without a byte: the issuer took it all and said nothing.
fn assert_silent(issuer: &Issuer) {
    let bytes = request("POST", "/token", Some(&basic()), GRANT);
    let before = issuer.traffic().bytes_received;
    let mut stream = TcpStream::connect(issuer.address()).expect("it listens");
    stream.write_all(&bytes).expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    assert_eq!(answer, b"");
    assert_eq!(issuer.traffic().bytes_received - before, bytes.len() as u64);
}
