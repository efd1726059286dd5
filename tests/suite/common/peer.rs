//! Servers that other people wrote, run from `tests/peers`: what tokenkeep meets in the field.
//!
//! `scripts/peers` installs them. Without them a test fails; it does not pass by skipping what it claims.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::issuer::exchange;

/// A client that a peer knows.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    /// As the metadata of RFC 7591 name it, such as `client_secret_basic`.
    pub(crate) method: &'static str,
}

/// npm `oidc-provider`, which decodes Basic as RFC 6749 s. 2.3.1 says, over http and over TLS.
pub(crate) struct OidcProvider {
    _process: Process,
    certificates: TempDir,
    ready: Value,
}

impl OidcProvider {
    pub(crate) fn start(clients: &[Client]) -> Self {
        let certificates = certificates();
        let settings = json!({ "clients": listed(clients), "expires_in": 3600, "certificates": certificates.path() });
        let (process, ready) = Process::start("oidc-provider.mjs", &settings);
        Self { _process: process, certificates, ready }
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/token", text(&self.ready["http"]))
    }

    pub(crate) fn tls_token_url(&self) -> String {
        format!("{}/token", text(&self.ready["https"]))
    }

    /// The certificate of the authority that signed for the TLS port.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.certificates.path().join("ca.pem")
    }
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
        let (_, address) = self.url.split_once("://").expect("a URL has a scheme");
        let request = b"GET /count HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n";
        let answer = exchange(address.parse().expect("the peer listens at a literal address"), request);
        let answer = String::from_utf8(answer).expect("a count is text");
        let (_, body) = answer.split_once("\r\n\r\n").expect("the peer speaks HTTP");
        body.parse().expect("a count is a number")
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

/// A Node.js process that ends with its stdin, and is killed when this is dropped.
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

    fn spawn<R>(mut node: Command, settings: &str, ready: impl Fn(&str) -> Option<R>) -> (Self, R) {
        let mut stderr = tempfile::tempfile().expect("a temporary file");
        node.stdin(Stdio::piped()).stdout(Stdio::piped());
        node.stderr(stderr.try_clone().expect("a descriptor can be cloned"));
        let mut child = node.spawn().expect("node starts");
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

fn text(value: &Value) -> &str {
    value.as_str().expect("the peer says where it listens")
}

/// A folder with `ca.pem`, and `server.pem` and `server.key` for this machine's loopback names.
fn certificates() -> TempDir {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "tokenkeep peers' authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate of an authority");

    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .expect("a certificate of a server");

    let folder = tempfile::Builder::new().prefix("peers-").tempdir().expect("a temporary directory");
    for (name, pem) in [("ca.pem", authority.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
    {
        std::fs::write(folder.path().join(name), pem).expect("the folder is ours");
    }
    folder
}
