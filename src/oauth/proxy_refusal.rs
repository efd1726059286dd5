//! With which status a proxy refuses to connect, which the HTTP client does not report.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;
use zeroize::Zeroizing;

use super::proxy::Proxy;

impl Proxy {
    /// Asks a proxy to connect again, and returns the status of its refusal.
    ///
    /// The HTTP client keeps no status but 407, and what to do next depends on it. The name of the host and the
    /// password of the proxy are sent, as before. `None` if there is no status, and for a proxy behind TLS.
    pub(super) async fn status_of_refusal(&self, to: &Url, patience: Duration) -> Option<u16> {
        let asked = async {
            if self.url.scheme() != "http" {
                return None;
            }
            let (host, port) = (self.url.host_str()?, self.url.port_or_known_default()?);
            let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.ok()?;
            stream.write_all(&self.connect_request(to)?).await.ok()?;
            let mut head = Vec::with_capacity(512);
            while head.len() < 512 && !head.contains(&b'\n') {
                if stream.read_buf(&mut head).await.ok()? == 0 {
                    break;
                }
            }
            status_in(&head)
        };
        tokio::time::timeout(patience, asked).await.ok().flatten()
    }

    fn connect_request(&self, to: &Url) -> Option<Zeroizing<Vec<u8>>> {
        let to = format!("{}:{}", to.host_str()?, to.port_or_known_default()?);
        let mut request = Zeroizing::new(Vec::with_capacity(1024));
        request.extend_from_slice(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").as_bytes());
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        Some(request)
    }
}

fn status_in(head: &[u8]) -> Option<u16> {
    let line = head.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let status = std::str::from_utf8(line).ok()?.parse().ok()?;
    // A proxy that connects after all refused nothing.
    (status >= 300).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_refusal_is_read_and_a_tunnel_is_none() {
        assert_eq!(status_in(b"HTTP/1.1 403 Forbidden\r\n"), Some(403));
        assert_eq!(status_in(b"HTTP/1.0 502\r\n"), Some(502));
        for head in [&b"HTTP/1.1 200 OK\r\n"[..], b"", b"SSH-2.0", b"HTTP/1.1 4", b"HTTP/1.1 abc"] {
            assert_eq!(status_in(head), None);
        }
    }
}
