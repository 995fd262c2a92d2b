//! A stream of which the first bytes were read already, to see what it speaks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::opening::OPENING_BYTES;

/// Gives the bytes that were read again, then goes on with the stream.
#[derive(Debug)]
pub struct Prefixed<S> {
    stream: S,
    bytes: [u8; OPENING_BYTES],
    given: usize,
    end: usize,
}

impl<S> Prefixed<S> {
    /// # Panics
    /// If the prefix is longer than [`OPENING_BYTES`].
    pub fn new(stream: S, prefix: &[u8]) -> Prefixed<S> {
        let mut bytes = [0; OPENING_BYTES];
        bytes[..prefix.len()].copy_from_slice(prefix);
        Prefixed {
            stream,
            bytes,
            given: 0,
            end: prefix.len(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = (self.end - self.given).min(buffer.remaining());
        if length > 0 {
            buffer.put_slice(&self.bytes[self.given..self.given + length]);
            self.given += length;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_whatever_the_buffer() {
        for at_once in [1, 3, 10, 64] {
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(b"lo, world").await.expect("it takes it");
            drop(far);
            let mut stream = Prefixed::new(near, b"hel");
            let mut all = Vec::new();
            let mut buffer = vec![0; at_once];
            loop {
                let count = stream.read(&mut buffer).await.expect("it reads");
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(all, b"hello, world", "{at_once} at once");
        }
    }
}
