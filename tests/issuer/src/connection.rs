//! One connection: counted, perhaps spoiled at once, perhaps TLS, then one request and what was ordered for it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::certificates::Certificates;
use crate::http::{close, read_request, read_to_end};
use crate::misbehaviour::perform;
use crate::protocol::ConnectionBehaviour;
use crate::state::Issuer;

/// Serves one connection to its end. Errors are the peer's affair: a client that goes away is a test's subject.
pub(crate) async fn serve(issuer: Arc<Issuer>, certificates: Option<Arc<Certificates>>, tcp: TcpStream) {
    let (_open, behaviour) = issuer.connect();
    let mut wire = Counted { tcp, issuer: Arc::clone(&issuer) };
    if let Some(behaviour) = behaviour {
        let _ = spoil(behaviour, &mut wire).await;
        return;
    }
    let Some(certificates) = certificates else {
        let _ = exchange(&issuer, &mut wire).await;
        return;
    };
    if let Ok(mut tls) = certificates.acceptor(issuer.certificate()).accept(wire).await {
        let _ = exchange(&issuer, &mut tls).await;
    }
}

async fn exchange(issuer: &Issuer, wire: &mut dyn Wire) -> io::Result<()> {
    match read_request(wire).await? {
        Some(request) => perform(issuer, &request, wire).await,
        None => Ok(()),
    }
}

async fn spoil(behaviour: ConnectionBehaviour, wire: &mut Counted) -> io::Result<()> {
    match behaviour {
        ConnectionBehaviour::Close => close(wire).await,
        ConnectionBehaviour::Reset => wire.tcp.set_zero_linger()?,
        ConnectionBehaviour::Silence => read_to_end(wire).await,
        ConnectionBehaviour::Raw { bytes } => {
            first_bytes(wire).await?;
            wire.write_all(&bytes.0).await?;
            close(wire).await;
        }
        ConnectionBehaviour::DripHandshake { interval_ms } => {
            first_bytes(wire).await?;
            // The largest record there is: the client waits for the end of a ServerHello that never comes.
            let record = [0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00, 0x3f, 0xfc, 0x03, 0x03];
            for byte in record.into_iter().chain(std::iter::repeat_n(0x5a, 0x4000)) {
                wire.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(interval_ms)).await;
            }
        }
        ConnectionBehaviour::Tls11 => {
            first_bytes(wire).await?;
            wire.write_all(&server_hello_of_tls11()).await?;
            close(wire).await;
        }
    }
    Ok(())
}

async fn first_bytes(wire: &mut Counted) -> io::Result<()> {
    wire.read_buf(&mut Vec::with_capacity(4096)).await.map(drop)
}

/// A `ServerHello` that chooses version 3.2 and a suite of that time (RFC 4346 section 7.4.1.3).
fn server_hello_of_tls11() -> Vec<u8> {
    const VERSION: [u8; 2] = [0x03, 0x02];
    const TLS_RSA_WITH_AES_128_CBC_SHA: [u8; 2] = [0x00, 0x2f];
    let mut body = VERSION.to_vec();
    body.extend([0x5a; 32]); // random
    body.push(0); // no session id
    body.extend(TLS_RSA_WITH_AES_128_CBC_SHA);
    body.push(0); // no compression
    let length = u8::try_from(body.len()).expect("38 bytes");
    let mut record = vec![0x16, VERSION[0], VERSION[1], 0, length + 4, 0x02, 0, 0, length];
    record.extend(body);
    record
}

/// A connection that a request is read from, plain or TLS.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The connection beneath, to reset it.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for Counted {
    fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl Wire for TlsStream<Counted> {
    fn tcp(&self) -> &TcpStream {
        &self.get_ref().0.tcp
    }
}

/// Counts what is received, beneath TLS.
struct Counted {
    tcp: TcpStream,
    issuer: Arc<Issuer>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        self.issuer.receive(buffer.filled().len() - before);
        result
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
