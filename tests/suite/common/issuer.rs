//! The fixture issuer as tests hold it: a process of its own, ordered about over its control port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use super::binary::issuer as binary;

#[path = "../../issuer/src/protocol.rs"]
mod protocol;

pub(crate) use protocol::{
    Behaviour, Bytes, Certificate, ConnectionBehaviour, DEFAULT_CLIENT_ID as CLIENT_ID,
    DEFAULT_CLIENT_SECRET as CLIENT_SECRET, EchoFormat, Part, Point, Recorded, TOKEN_PREFIX, Traffic,
};
use protocol::{ConnectionOrder, Order, Ready};

/// No test waits for this; it turns a wait for what never happens into a failure.
const NEVER: Duration = Duration::from_secs(120);

/// A running issuer; it is killed when this is dropped, and ends by itself when the test process does.
pub(crate) struct Issuer {
    process: Child,
    /// Held: the issuer ends when this is closed.
    _stdin: ChildStdin,
    /// Where its certificate is: a killed issuer could not clear up after itself.
    _certificates: TempDir,
    ready: Ready,
}

impl Issuer {
    /// An issuer over http that knows the client [`CLIENT_ID`] with [`CLIENT_SECRET`].
    pub(crate) fn start() -> Self {
        Self::start_with([])
    }

    /// The same over TLS, by the authority whose certificate is in [`Issuer::ca_file`].
    pub(crate) fn start_with_tls() -> Self {
        Self::start_with(["--tls"])
    }

    /// An issuer with options of its command line.
    pub(crate) fn start_with<const N: usize>(options: [&str; N]) -> Self {
        let certificates = tempfile::Builder::new().prefix("issuer-").tempdir().expect("a temporary directory");
        // Open to others, because the program under test may be another user than the test.
        std::fs::set_permissions(certificates.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
        let mut process = Command::new(binary())
            .args(options)
            .arg("--cert-dir")
            .arg(certificates.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fixture issuer starts");
        let stdin = process.stdin.take().expect("stdin is piped");
        let stdout = process.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the issuer prints a line");
        let ready = serde_json::from_str(&line).expect("the issuer says where it listens");
        Self { process, _stdin: stdin, _certificates: certificates, ready }
    }

    /// The URL of a path, such as `/token`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready.url)
    }

    pub(crate) fn token_url(&self) -> String {
        self.url("/token")
    }

    /// The probe: answers 200 to a token that this issuer gave and did not revoke.
    pub(crate) fn api_url(&self) -> String {
        self.url("/api")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        address(&self.ready.url)
    }

    /// The certificate of the test authority, where TLS is on.
    pub(crate) fn ca_file(&self) -> PathBuf {
        Path::new(self.ready.ca.as_deref().expect("this issuer has TLS")).to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.ready.pid
    }

    /// Requests that arrived at a path so far.
    pub(crate) fn count(&self, path: &str) -> usize {
        let answer: Value = self.get(&format!("/count?path={path}"));
        answer["count"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a count is a number")
    }

    /// Every request that arrived so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.get("/requests")
    }

    /// Connections and bytes so far, whether or not requests came of them.
    pub(crate) fn traffic(&self) -> Traffic {
        self.get("/connections")
    }

    /// Waits until this many requests have arrived at a path.
    pub(crate) fn wait_for_requests(&self, path: &str, count: usize) {
        let _: Value = self.get(&format!("/wait?path={path}&count={count}"));
    }

    /// Waits until this many connections have been accepted.
    pub(crate) fn wait_for_connections(&self, accepted: u64) {
        let _: Value = self.get(&format!("/wait?accepted={accepted}"));
    }

    /// Waits until no connection is open.
    pub(crate) fn wait_until_idle(&self) {
        let _: Value = self.get("/wait?open=0");
    }

    /// Orders a behaviour for all further requests to a path, or to `*`.
    pub(crate) fn behave(&self, path: &str, behaviour: Behaviour) {
        self.post("/behave", &Order { path: path.to_owned(), times: None, behaviour });
    }

    /// Orders a behaviour for the next requests to a path, after those that were ordered before.
    pub(crate) fn behave_times(&self, path: &str, times: u32, behaviour: Behaviour) {
        self.post("/behave", &Order { path: path.to_owned(), times: Some(times), behaviour });
    }

    /// Answers all further requests to a path with a status and a JSON body.
    pub(crate) fn answer(&self, path: &str, status: u16, body: &Value) {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        self.behave(path, Behaviour::Answer { status, headers, body: body.to_string().into() });
    }

    /// Orders a behaviour for all further connections.
    pub(crate) fn behave_on_connect(&self, behaviour: ConnectionBehaviour) {
        self.post("/behave-on-connect", &ConnectionOrder { times: None, behaviour });
    }

    /// Orders a behaviour for the next connections.
    pub(crate) fn behave_on_connect_times(&self, times: u32, behaviour: ConnectionBehaviour) {
        self.post("/behave-on-connect", &ConnectionOrder { times: Some(times), behaviour });
    }

    /// Changes members of the issuer's settings, such as `json!({ "expires_in": 3, "latency_ms": 500 })`.
    pub(crate) fn set(&self, settings: Value) {
        self.post("/settings", &settings);
    }

    pub(crate) fn offer_certificate(&self, certificate: Certificate) {
        self.set(json!({ "certificate": certificate }));
    }

    /// Lets the requests that are held go on.
    pub(crate) fn release(&self) {
        self.post("/release", &json!({}));
    }

    /// Forgets orders, settings and what was counted; the tokens stay good.
    pub(crate) fn reset(&self) {
        self.post("/reset", &json!({}));
    }

    fn get<T: DeserializeOwned>(&self, target: &str) -> T {
        serde_json::from_slice(&self.control("GET", target, b"")).expect("the control port answers as asked")
    }

    fn post(&self, target: &str, body: &impl Serialize) {
        self.control("POST", target, &serde_json::to_vec(body).expect("orders are plain data"));
    }

    fn control(&self, method: &str, target: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: control\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = exchange(address(&self.ready.control), &[head.as_bytes(), body].concat());
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("the control port speaks HTTP");
        let (head, body) = (&answer[..end], &answer[end + 4..]);
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{method} {target}: {}", String::from_utf8_lossy(body));
        body.to_vec()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends bytes over a new connection and reads until the peer closes.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the port listens");
    stream.set_read_timeout(Some(NEVER)).expect("the timeout is not zero");
    stream.write_all(request).expect("the peer reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the peer answers and closes");
    answer
}

fn address(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").expect("a URL has a scheme");
    address.parse().expect("the issuer listens at a literal address")
}
