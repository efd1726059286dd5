//! HTTP/1.1 by hand: requests are read from bytes, and whatever bytes are wanted can be sent back.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::protocol::{Bytes, Recorded};

/// More than any client here sends; it only keeps a stray one from filling the memory.
const LONGEST_HEAD: usize = 1 << 20;

/// Reads one request; `None` where the peer closed before the first byte.
pub(crate) async fn read_request<S>(stream: &mut S) -> io::Result<Option<Recorded>>
where
    S: AsyncRead + Unpin + ?Sized,
{
    let mut received = Vec::new();
    let head_length = loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if received.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut received).await? == 0 {
            return if received.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let mut body = received.split_off(head_length);
    let mut request = parse_head(&String::from_utf8_lossy(&received)).ok_or(io::ErrorKind::InvalidData)?;
    let length = match request.header("content-length") {
        Some(length) => length.parse().map_err(|_| io::ErrorKind::InvalidData)?,
        None => 0,
    };
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = Bytes(body);
    Ok(Some(request))
}

fn parse_head(head: &str) -> Option<Recorded> {
    let mut lines = head.trim_end().split("\r\n");
    let mut start = lines.next()?.split(' ');
    let (method, target) = (start.next()?.to_owned(), start.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
        .collect::<Option<_>>()?;
    Some(Recorded { method, path: path.to_owned(), query: query.to_owned(), headers, body: Bytes::default() })
}

/// An answer that has not been sent.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![header("Content-Type", "application/json")], body: body.to_string().into_bytes() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(header(name, value));
        self
    }

    /// The status line and headers, with the framing that the given headers leave open.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut framed = false;
        for (name, value) in &self.headers {
            framed |= ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing));
            head += &format!("{name}: {value}\r\n");
        }
        if !framed {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        // One request a connection: what a test counts does not depend on a client's pool.
        head += "Connection: close\r\n\r\n";
        head.into_bytes()
    }

    pub(crate) async fn send<S: AsyncWrite + Unpin + ?Sized>(&self, stream: &mut S) -> io::Result<()> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        stream.write_all(&bytes).await?;
        stream.flush().await
    }
}

pub(crate) fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Ends what we send, then reads until the peer ends too: closing over unread bytes would reset the connection
/// and could take the answer with it.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin + ?Sized>(stream: &mut S) {
    let _ = stream.shutdown().await;
    read_to_end(stream).await;
}

/// Reads and drops everything until the peer closes.
pub(crate) async fn read_to_end<S: AsyncRead + Unpin + ?Sized>(stream: &mut S) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

/// Decodes `application/x-www-form-urlencoded`; `None` where it is malformed.
pub(crate) fn parse_form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(body).ok()?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
        .collect()
}

/// Decodes `%XX` and `+`; `None` where an escape is cut or the result is not UTF-8.
pub(crate) fn form_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
