//! TURN over one TCP or TLS connection (D), in one task.
//!
//! Back-pressure: what the client sends goes on without waiting, so reading stops only for a client that does not read its answers.
//! What the SFU sends waits in the outbox while the connection is congested, and is dropped by the SFU when that is full: a late
//! picture is worth less than the next one, and the kernel's own buffer holds late ones enough.

#![expect(clippy::disallowed_methods, reason = "a driver: it reads the clock for its deadlines")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;

use super::counters::Refusal;
use super::driver::{Carrier, Shared, Transport, Wake};
use super::framing::Deframer;

/// From the connection, or from the end of its allocation, to an allocation.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long a client may read nothing of what waits for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes asked of the kernel at once.
const READ_BYTES: usize = 16 << 10;

/// Unsent bytes from which on media waits in the outbox: one TLS record.
const UNSENT_MEDIA_BYTES_MAX: usize = 16 << 10;

/// Unsent bytes from which on nothing more is read: answers to 500 requests.
const UNSENT_BYTES_MAX: usize = 64 << 10;

/// What is on its way to the client.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// TLS may hold written bytes until it is flushed.
    is_unflushed: bool,
    /// When it began to wait, or when some of it last went.
    since: Option<Instant>,
}

impl Unsent {
    fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    fn is_waiting(&self) -> bool {
        self.len() > 0 || self.is_unflushed
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        self.bytes.extend_from_slice(bytes);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Writes some of it, or flushes what is written. Can be dropped at its await without loss.
    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.len() == 0 {
            writer.flush().await?;
            self.is_unflushed = false;
            self.since = None;
            return Ok(());
        }
        let written = writer.write(&self.bytes[self.sent..]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent += written;
        self.is_unflushed = true;
        self.since = Some(Instant::now());
        Ok(())
    }
}

/// A connection that has no allocation, and its place among those.
struct Opening {
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Opening {
    fn begin(shared: &Shared) -> Result<Opening, Refusal> {
        Ok(Opening {
            until: Instant::now() + OPENING_TIMEOUT,
            _place: shared.half_open.clone().try_acquire_owned().map_err(|_| Refusal::HalfOpen)?,
        })
    }
}

/// Serves one connection until the client or its session is gone.
///
/// # Errors
/// Why it was closed by us.
pub(super) async fn serve<S>(shared: Arc<Shared>, stream: S, remote: SocketAddr, transport: Transport) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut opening = Some(Opening::begin(&shared)?);
    let mut carrier = Carrier::new(shared.clone(), remote, transport);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut deframer = Deframer::default();
    let mut unsent = Unsent::default();
    loop {
        let deadline = [
            opening.as_ref().map(|opening| opening.until),
            unsent.since.map(|since| since + STALL_TIMEOUT),
            carrier.poll_timeout(),
        ];
        let takes_media = unsent.len() < UNSENT_MEDIA_BYTES_MAX;
        let takes_requests = unsent.len() < UNSENT_BYTES_MAX;
        let buffer = deframer.buffer();
        buffer.reserve(READ_BYTES);
        tokio::select! {
            wake = carrier.wakes.next(deadline.into_iter().flatten().min(), takes_media) => match wake {
                Wake::FromPeer(datagram) => carrier.handle_from_peer(datagram),
                Wake::Ended => return Ok(()),
                Wake::Timeout => carrier.handle_timeout(),
            },
            read = reader.read_buf(buffer), if takes_requests => {
                // An end in the middle of a frame, and a connection that broke, end it alike.
                if !matches!(read, Ok(1..)) {
                    return Ok(());
                }
                while let Some(frame) = deframer.next_frame().map_err(|_| Refusal::BadFrame)? {
                    carrier.handle(frame);
                }
            }
            written = unsent.write(&mut writer), if unsent.is_waiting() => {
                if written.is_err() {
                    return Ok(());
                }
            }
        }
        take_answers(&mut carrier, &mut unsent);
        while unsent.len() < UNSENT_MEDIA_BYTES_MAX
            && let Some(datagram) = carrier.wakes.try_next()
        {
            carrier.handle_from_peer(datagram);
            take_answers(&mut carrier, &mut unsent);
        }
        let now = Instant::now();
        match (&opening, carrier.has_allocation()) {
            (_, true) => opening = None,
            (None, false) => opening = Some(Opening::begin(&shared)?),
            (Some(opening), false) if opening.until <= now => return Err(Refusal::SlowOpener),
            (Some(_), false) => {}
        }
        if unsent.since.is_some_and(|since| since + STALL_TIMEOUT <= now) {
            return Err(Refusal::Stalled);
        }
    }
}

fn take_answers(carrier: &mut Carrier, unsent: &mut Unsent) {
    for answer in carrier.answers.drain(..) {
        unsent.push(&answer.bytes);
    }
}
