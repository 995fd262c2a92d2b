//! One connection of ICE-TCP (D): datagrams framed by RFC 4571 on a TCP connection that a browser opened to a passive candidate (RFC 6544).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::flow::Via;
use super::handle::SfuHandle;

/// Datagrams that wait to be written: 40 ms of 10 Mbit/s. More would only make what is waited for older.
const OUTBOX_MAX: usize = 48;

/// A browser checks the connection every few seconds (RFC 7675): one that says nothing for so long is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the other side may take for what is written at once.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Larger than any datagram of WebRTC. A frame may claim 65,535 bytes (RFC 4571 section 2).
const FRAME_BYTES_MAX: usize = 2048;

/// Datagrams are written together up to so many bytes.
const WRITE_BYTES_MAX: usize = 16 << 10;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The browser closed it, or the network did.
    Closed,
    /// Nothing came, or nothing could be written, for too long.
    Idle,
    /// Its first datagram is no check for a transport that is here, or a frame is longer than any datagram.
    Unknown,
}

/// Serves one connection until its end.
pub async fn serve<S>(stream: S, remote: SocketAddr, local: SocketAddr, sfu: SfuHandle) -> End
where
    S: AsyncRead + AsyncWrite,
{
    let (outbox, mut sends) = mpsc::channel(OUTBOX_MAX);
    let link = sfu.link(Via::Tcp, remote, outbox);
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::with_capacity(WRITE_BYTES_MAX, reader);
    let reading = async {
        let mut known = false;
        loop {
            let frame = match timeout(IDLE_TIMEOUT, read_frame(&mut reader)).await {
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return End::Unknown,
                Ok(Err(_)) => return End::Closed,
                Err(_) => return End::Idle,
            };
            // Afterwards a datagram may be lost like any other.
            if !link.deliver(local, frame) && !known {
                return End::Unknown;
            }
            known = true;
        }
    };
    let writing = async {
        let mut bytes = Vec::with_capacity(WRITE_BYTES_MAX);
        while let Some((_, datagram)) = sends.recv().await {
            bytes.clear();
            append_frame(&mut bytes, &datagram);
            while bytes.len() < WRITE_BYTES_MAX {
                let Ok((_, datagram)) = sends.try_recv() else { break };
                append_frame(&mut bytes, &datagram);
            }
            match timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Closed,
                Err(_) => return End::Idle,
            }
        }
        End::Closed
    };
    tokio::select! {
        end = reading => end,
        end = writing => end,
    }
}

/// None: it is too long to be a datagram.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let length = usize::from(reader.read_u16().await?);
    if length > FRAME_BYTES_MAX {
        return Ok(None);
    }
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await?;
    Ok(Some(frame))
}

fn append_frame(bytes: &mut Vec<u8>, datagram: &[u8]) {
    let Ok(length) = u16::try_from(datagram.len()) else { return };
    bytes.extend(length.to_be_bytes());
    bytes.extend(datagram);
}
