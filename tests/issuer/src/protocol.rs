//! The control protocol of the fixture issuer: what tests and scripts may order, and what they may ask.
//!
//! The suite includes this very file, so that both sides read one definition.

use std::fmt;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// The client that an issuer knows when none was named.
pub(crate) const DEFAULT_CLIENT_ID: &str = "test";

/// Its secret.
pub(crate) const DEFAULT_CLIENT_SECRET: &str = "CANARY-SECRET-of-the-test-client";

/// How the text of every token begins.
pub(crate) const TOKEN_PREFIX: &str = "CANARY-TOKEN-";

/// An order of `POST /behave`: how the next requests to a path are answered.
///
/// Orders for a path are used up in the order in which they came.
/// One without `times` holds until the next order for its path, or `POST /reset`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The path, or `*` for every path.
    pub(crate) path: String,
    /// How many requests; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// What happens to them.
    pub(crate) behaviour: Behaviour,
}

/// What happens to a request once it has been read whole and recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Behaviour {
    /// The true answer: puts good answers between bad ones.
    Normal,
    /// A well-formed answer; `Content-Length` is added unless `headers` has one or a transfer coding.
    Answer {
        status: u16,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        body: Bytes,
    },
    /// These bytes in place of an answer.
    Raw { bytes: Bytes },
    /// A redirect.
    Redirect { status: u16, location: String },
    /// Waits for `POST /release`, then gives the true answer.
    Hold,
    /// Never answers, and keeps the connection open.
    Silence,
    /// The true answer, slowly: one byte each `interval_ms`.
    Drip { part: Part, interval_ms: u64 },
    /// Closes the connection in an orderly way.
    Close { at: Point },
    /// Resets the connection.
    Reset,
    /// A 200 whose JSON body never ends.
    EndlessBody,
    /// A small gzip body that inflates to about ten megabytes of JSON with a token in it.
    GzipBomb,
    /// A 200 with this many header lines.
    ManyHeaders { count: u64 },
    /// A 200 whose `Content-Length` is not the length of the body.
    LyingLength { declared: u64, body: Bytes },
    /// A refusal that echoes the client secret, the Basic header and the form, in known and unknown members.
    Echo { status: u16, format: EchoFormat },
}

/// The part of an answer that a drip slows down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Head,
    Body,
}

/// Where in the exchange a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Point {
    /// The request was read, nothing is answered.
    AfterReading,
    /// In the middle of the status line and headers.
    MidHead,
    /// In the middle of the body.
    MidBody,
}

/// How an echo is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EchoFormat {
    Json,
    Html,
}

/// An order of `POST /behave-on-connect`: what happens to the next connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionOrder {
    /// How many connections; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// What happens to them.
    pub(crate) behaviour: ConnectionBehaviour,
}

/// What happens to a connection before any request is read, and before any TLS handshake.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ConnectionBehaviour {
    /// Closes it at once, in an orderly way.
    Close,
    /// Resets it at once.
    Reset,
    /// Accepts, reads and never says a byte: on a TLS port, the handshake never proceeds.
    Silence,
    /// Answers the first bytes with these and closes.
    Raw { bytes: Bytes },
    /// Answers a TLS handshake one byte each `interval_ms`, without end.
    DripHandshake { interval_ms: u64 },
    /// Answers a TLS handshake with a `ServerHello` that chooses TLS 1.1.
    Tls11,
}

/// What `POST /settings` changes; members that are not sent stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Time before each answer of the token endpoint.
    pub(crate) latency_ms: u64,
    /// The answer's `expires_in`, of any JSON type; null leaves it out.
    pub(crate) expires_in: Value,
    /// Further members of the answer; these win over the usual ones, null included.
    pub(crate) members: Map<String, Value>,
    /// Puts the client id and the scope into the token text.
    pub(crate) token_carries_identity: bool,
    /// The certificate of new TLS connections.
    pub(crate) certificate: Certificate,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            expires_in: Value::from(3600),
            members: Map::new(),
            token_carries_identity: false,
            certificate: Certificate::Good,
        }
    }
}

/// The certificate that a TLS connection is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Certificate {
    /// By the test CA, for `localhost`, `127.0.0.1`, `::1` and the address that is listened at.
    Good,
    /// By the test CA, ended years ago.
    Expired,
    /// Not by the test CA; it is `self-signed.pem` beside the CA's.
    SelfSigned,
    /// One of an authority, signed by itself, as most tutorials make it; it is `authority.pem` beside the CA's.
    Authority,
    /// By the test CA, for another host.
    WrongName,
}

/// A request as it arrived, in `GET /requests`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The text after `?`, empty without one.
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Recorded {
    /// The first header of this name, compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.body)
    }
}

/// What reached the listening port, in `GET /connections`, whether or not a request came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traffic {
    /// Connections accepted so far.
    pub(crate) accepted: u64,
    /// Connections open now.
    pub(crate) open: u64,
    /// Bytes received so far, those of TLS handshakes included.
    pub(crate) bytes_received: u64,
}

/// The one line that the issuer prints when it is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// The base URL of the endpoints.
    pub(crate) url: String,
    /// The base URL of the control port.
    pub(crate) control: String,
    /// The file of the test CA, where TLS is on.
    pub(crate) ca: Option<String>,
    pub(crate) pid: u32,
}

/// Bytes that are text in JSON where they can be, else `{"base64": "..."}`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<T: AsRef<[u8]>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl fmt::Debug for Bytes {
    // Bodies hold canaries: a failed assertion shows how many bytes, not which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text.serialize(serializer),
            Err(_) => serde_json::json!({ "base64": encode(&self.0) }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Base64 { base64: String },
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Base64 { base64 } => decode(&base64).map(Self).map_err(de::Error::custom),
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text)
}
