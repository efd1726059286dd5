//! A connection on which a server may answer a question up to a limit and no further: the answer is kept in memory
//! until it is whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::fleet::LARGEST_VALUE;

/// The largest value that is requested, and what surrounds it.
const MOST: usize = LARGEST_VALUE + 16 * 1024;

/// A stream that fails if more comes than was requested.
pub(super) struct Bounded<S> {
    stream: S,
    left: usize,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S) -> Bounded<S> {
        Bounded { stream, left: MOST }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        match self.left.checked_sub(buffer.filled().len() - before) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    /// Another question may be answered at the same length.
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.left = MOST;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn each_question_may_be_answered_at_length_and_no_longer() {
        let (mut server, client) = duplex(2 * MOST);
        let mut client = Bounded::new(client);
        let mut answer = vec![0; MOST];
        for _ in 0..3 {
            client.write_all(b"question").await.expect("the server is there");
            server.write_all(&answer).await.expect("the client is there");
            client.read_exact(&mut answer).await.expect("it was asked for");
        }
        server.write_all(b"and more").await.expect("the client is there");
        let error = client.read(&mut answer).await.expect_err("nobody asked for that");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
