//! Servers that other people wrote, run from `tests/peers`: what tokenkeep meets in the field.
//!
//! `scripts/peers` installs them. Without them a test fails; it does not pass by skipping what it claims.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authority::Authority;
use super::issuer::exchange;

/// A client that a peer knows.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    /// As the metadata of RFC 7591 name it, such as `client_secret_basic`.
    pub(crate) method: &'static str,
}

impl Client {
    /// As a provider registers it (RFC 7591).
    pub(crate) fn metadata(&self) -> Value {
        json!({ "client_id": self.id, "client_secret": self.secret, "token_endpoint_auth_method": self.method })
    }
}

/// npm `oidc-provider`, over http and over TLS: every client authentication method, DPoP, resources, introspection,
/// revocation and discovery. It decodes Basic as RFC 6749 s. 2.3.1 says.
pub(crate) struct OidcProvider {
    _process: Process,
    authority: Authority,
    ready: Value,
}

impl OidcProvider {
    pub(crate) fn start(clients: &[Client]) -> Self {
        let metadata: Vec<Value> = clients.iter().map(Client::metadata).collect();
        Self::start_with(Authority::new(), json!({ "clients": metadata }))
    }

    /// One with settings of `tests/peers/oidc-provider.mjs`, and an authority that signed for its clients.
    pub(crate) fn start_with(authority: Authority, mut settings: Value) -> Self {
        settings["certificates"] = json!(authority.folder());
        if settings["expires_in"].is_null() {
            settings["expires_in"] = json!(3600);
        }
        let (process, ready) = Process::start("oidc-provider.mjs", &settings);
        Self { _process: process, authority, ready }
    }

    pub(crate) fn token_url(&self) -> String {
        self.plain_url("/token")
    }

    pub(crate) fn tls_token_url(&self) -> String {
        self.url("/token")
    }

    /// The issuer identifier: the TLS port's URL.
    pub(crate) fn issuer(&self) -> &str {
        text(&self.ready["https"])
    }

    /// A path of the TLS port.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// A path of the port without TLS.
    pub(crate) fn plain_url(&self, path: &str) -> String {
        format!("{}{path}", text(&self.ready["http"]))
    }

    /// A path of the port that asks for certificates.
    pub(crate) fn certificate_url(&self, path: &str) -> String {
        format!("{}{path}", text(&self.ready["mtls"]))
    }

    /// Posts a form as a client with Basic, past the program under test.
    pub(crate) fn ask(&self, path: &str, client: Client, form: &str) -> String {
        let credentials = STANDARD.encode(format!("{}:{}", client.id, client.secret));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        answered(text(&self.ready["http"]), &request)
    }

    /// The authority that signed for the TLS ports.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The certificate of that authority.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.ca_file()
    }
}

/// PyPI `authlib` on Flask.
pub(crate) struct Authlib {
    _process: Process,
    url: String,
}

impl Authlib {
    /// One with settings of `tests/peers/authlib.py`.
    pub(crate) fn start(settings: &Value) -> Self {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/python/bin/python");
        assert!(installed.exists(), "the servers of tests/peers in Python are not installed; run: scripts/peers");
        let mut python = Command::new(installed);
        // By itself it would take this script for the package of its name.
        python.arg("-I").arg(sources().join("authlib.py")).env_clear();
        let ready = |line: &str| serde_json::from_str::<Value>(line).ok();
        let (process, ready) = Process::spawn(python, &format!("{settings}\n"), ready);
        Self { _process: process, url: text(&ready["http"]).to_owned() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Headers and claims of the assertions that were taken.
    pub(crate) fn assertions(&self) -> Value {
        serde_json::from_str(&get(&self.url, "/assertions")).expect("they are JSON")
    }
}

/// What `tests/peers/keys.mjs` or `tests/peers/jose.mjs` says to these settings.
pub(crate) fn asked(script: &str, settings: &Value) -> Value {
    Process::start(script, settings).1
}

/// npm `@node-oauth/oauth2-server`, which takes Basic as it comes, without decoding.
pub(crate) struct NodeOAuth {
    _process: Process,
    url: String,
}

impl NodeOAuth {
    pub(crate) fn start(clients: &[Client]) -> Self {
        let settings = json!({ "clients": listed(clients), "expires_in": 3600 });
        let (process, ready) = Process::start("node-oauth.mjs", &settings);
        Self { _process: process, url: text(&ready["http"]).to_owned() }
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/token", self.url)
    }

    /// An API behind this server's own check of the bearer token.
    pub(crate) fn api_url(&self) -> String {
        format!("{}/api", self.url)
    }

    /// Token requests so far.
    pub(crate) fn token_requests(&self) -> usize {
        get(&self.url, "/count").parse().expect("a count is a number")
    }
}

/// Stoplight's Prism with Spotify's description of its search: refuses a request without a bearer token.
pub(crate) struct SpotifyApi {
    _process: Process,
    url: String,
}

impl SpotifyApi {
    pub(crate) fn start() -> Self {
        let (process, url) = Process::start_prism("spotify.json");
        Self { _process: process, url }
    }

    /// A search that works without a user.
    pub(crate) fn search_url(&self) -> String {
        format!("{}/search?q=a&type=artist&limit=1", self.url)
    }

    /// The same search, answered with this status of the description.
    pub(crate) fn search_url_answering(&self, status: u16) -> String {
        format!("{}&__code={status}", self.search_url())
    }
}

/// A process that ends with its stdin, and is killed when this is dropped.
struct Process {
    child: Child,
    _stdin: ChildStdin,
}

impl Process {
    /// Starts one of the scripts in `tests/peers` and returns what it says when it is ready.
    fn start(script: &str, settings: &Value) -> (Self, Value) {
        let mut node = node();
        node.arg(sources().join(script));
        Self::spawn(node, &format!("{settings}\n"), |line| serde_json::from_str(line).ok())
    }

    /// Starts Prism's own command line and returns its URL.
    fn start_prism(description: &str) -> (Self, String) {
        let mut node = node();
        node.arg("--import").arg(sources().join("parent.mjs"));
        node.arg("node_modules/@stoplight/prism-cli/dist/index.js");
        node.args(["mock", "--host", "127.0.0.1", "--port", "0"]).arg(sources().join(description));
        Self::spawn(node, "", |line| Some(line.split_once("Prism is listening on ")?.1.trim().to_owned()))
    }

    fn spawn<R>(mut program: Command, settings: &str, ready: impl Fn(&str) -> Option<R>) -> (Self, R) {
        let mut stderr = tempfile::tempfile().expect("a temporary file");
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        program.stderr(stderr.try_clone().expect("a descriptor can be cloned"));
        let mut child = program.spawn().expect("the peer's interpreter starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        // One that ended already says why on stderr.
        let _ = stdin.write_all(settings.as_bytes());
        let process = Self { child, _stdin: stdin };
        let Some(ready) = first(&mut stdout, ready) else {
            panic!("the peer did not start:\n{}", content(&mut stderr))
        };
        // Prism goes on to print a line for each request, and would die of a closed pipe.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        (process, ready)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first<R>(stdout: &mut BufReader<ChildStdout>, ready: impl Fn(&str) -> Option<R>) -> Option<R> {
    stdout.lines().map_while(Result::ok).find_map(|line| ready(&line))
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("a temporary file can be read");
    text
}

/// The Node.js that `scripts/peers` chose, in the folder where the packages are.
fn node() -> Command {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let wanted = std::fs::read_to_string(sources().join("package.json")).expect("the list of peers is in the checkout");
    let stamp = std::fs::read_to_string(installed.join("stamp")).unwrap_or_default();
    assert!(
        stamp.trim_end().ends_with(wanted.trim_end()),
        "the real servers of tests/peers are not installed as package.json wants them; run: scripts/peers"
    );
    let mut node = Command::new(installed.join("node"));
    node.current_dir(installed).env_clear().env("NO_COLOR", "1");
    node
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

fn listed(clients: &[Client]) -> Value {
    clients.iter().map(|client| json!({ "id": client.id, "secret": client.secret, "method": client.method })).collect()
}

/// The body of an answer to a request without a credential.
fn get(url: &str, path: &str) -> String {
    answered(url, &format!("GET {path} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n"))
}

/// The body of an answer with a status of success.
fn answered(url: &str, request: &str) -> String {
    let (_, address) = url.split_once("://").expect("a URL has a scheme");
    let answer = exchange(address.parse().expect("the peer listens at a literal address"), request.as_bytes());
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the peer speaks HTTP");
    assert!(head.starts_with("HTTP/1.1 200 "), "{}", head.lines().next().unwrap_or_default());
    body.to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the peer says where it listens")
}
