//! The relay's door for other folders, and what carries out a client's outputs: [`RelayHandle`] (D).

#![expect(
    clippy::disallowed_methods,
    reason = "a driver: it reads the clocks and draws random numbers for the cores"
)]

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::client::{Client, Now, Output, Relay};
use super::counters::{Counters, Drop as DropReason, Refusal};
use super::credentials::{Credential, Keys, SECRET_BYTES};
use super::datagrams::Datagrams;
use super::ledger::Ledger;
use super::message::{self, Class};
use super::others::Way;
use super::peers::{Peers, Reach};
use super::stream;
use crate::id::SessionId;
use crate::metrics::Metrics;
use crate::sfu::flow::Via;
use crate::sfu::handle::SfuHandle;
use crate::sfu::link::Link as SfuLink;

/// Datagrams from the SFU that may wait for one client: a key frame and what comes with it. A full outbox loses the newest, as a
/// full router on the way would.
const OUTBOX_MAX: usize = 256;

/// TCP and TLS connections without an allocation at a time.
const HALF_OPEN_STREAMS_MAX: usize = 1024;

/// A datagram from the SFU to a relayed address: (the SFU's address that it comes from, payload).
pub type FromPeer = (SocketAddr, Vec<u8>);

/// The SFU, as far as the relay needs it.
pub trait Sfu: Send + Sync + 'static {
    /// Opens a way for what is sent between our SFU and a relayed address. What the SFU sends there comes out of `outbox`; where that
    /// is full, it is dropped.
    fn link(&self, relayed: SocketAddr, outbox: mpsc::Sender<FromPeer>) -> Box<dyn Link>;

    /// Sends a datagram from one of the SFU's UDP ports. Never waits.
    fn send_udp(&self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>);
}

/// A way from one relayed address into the SFU, until it is dropped.
pub trait Link: Send {
    /// Hands the SFU a datagram that was sent to `peer`, one of its addresses. Never waits.
    fn deliver(&self, peer: SocketAddr, payload: Vec<u8>);
}

impl Sfu for SfuHandle {
    fn link(&self, relayed: SocketAddr, outbox: mpsc::Sender<FromPeer>) -> Box<dyn Link> {
        Box::new(SfuHandle::link(self, Via::Relay, relayed, outbox))
    }

    fn send_udp(&self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>) {
        SfuHandle::send_udp(self, source, destination, payload);
    }
}

impl Link for SfuLink {
    fn deliver(&self, peer: SocketAddr, payload: Vec<u8>) {
        // One that the SFU cannot take is lost, and counted there.
        SfuLink::deliver(self, peer, payload);
    }
}

/// What carries TURN between a client and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

    /// The label of `tandem_relay_allocations`.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }
}

/// The door. Clones are the same door.
///
/// Credentials are taken while their session is alive, which the hub's driver says: `begin_session` before it hands out the first
/// credential of a session (saying it again changes nothing, so it may be said each time), `end_session` when the session is gone. A
/// list of ended sessions would need no beginning, but would let in whoever it has forgotten; this one can only refuse too much.
#[derive(Clone)]
pub struct RelayHandle {
    shared: Arc<Shared>,
    datagrams: Arc<Datagrams>,
}

/// What all tasks of the relay share.
pub(super) struct Shared {
    pub relay: Arc<Relay>,
    registry: Mutex<Registry>,
    pub sfu: Box<dyn Sfu>,
    pub metrics: Arc<Metrics>,
    pub half_open: Arc<Semaphore>,
    /// Cancelled when the relay stops; each session's is a child of it.
    pub stop: CancellationToken,
}

/// Locked for requests only: data passes without it.
struct Registry {
    ledger: Ledger,
    ends: HashMap<SessionId, CancellationToken>,
}

impl RelayHandle {
    /// Starts the relay. `peers` are all addresses that clients may reach through it: the SFU's candidates, with every worker's port.
    ///
    /// # Errors
    /// The system gives no random numbers.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        peers: impl IntoIterator<Item = SocketAddr>,
        sfu: impl Sfu,
        metrics: Arc<Metrics>,
    ) -> Result<RelayHandle, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut secret)?;
        let peers = Peers::new(peers);
        let shared = Arc::new(Shared {
            registry: Mutex::new(Registry {
                ledger: Ledger::new(peers.clone()),
                ends: HashMap::new(),
            }),
            relay: Arc::new(Relay {
                keys: Keys::new(&secret),
                reach: Reach::new(peers),
            }),
            sfu: Box::new(sfu),
            metrics,
            half_open: Arc::new(Semaphore::new(HALF_OPEN_STREAMS_MAX)),
            stop: CancellationToken::new(),
        });
        let datagrams = Datagrams::start(shared.clone());
        Ok(RelayHandle { shared, datagrams })
    }

    /// These are the addresses of the other nodes' SFUs from here on.
    pub fn set_others(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.shared.relay.reach.set_others(addresses);
    }

    /// Credentials of this session are taken from here on, until `end_session`.
    pub fn begin_session(&self, session: SessionId) {
        let mut registry = self.shared.registry();
        registry.ledger.begin_session(session);
        let end = || self.shared.stop.child_token();
        registry.ends.entry(session).or_insert_with(end);
    }

    /// Takes no more credentials of this session, and ends its allocations, with the connections that carry them.
    pub fn end_session(&self, session: SessionId) {
        let mut registry = self.shared.registry();
        registry.ledger.end_session(session);
        if let Some(end) = registry.ends.remove(&session) {
            end.cancel();
        }
    }

    /// A credential for this session from this moment on. Nothing is kept of it.
    pub fn credentials(&self, session: SessionId) -> Credential {
        self.shared.relay.keys.mint(session, unix_s())
    }

    /// Serves TURN on a TCP or TLS connection until it ends. Dropping the future closes it.
    pub async fn serve_stream<S>(&self, stream: S, remote: SocketAddr, transport: Transport)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let ended = stream::serve(self.shared.clone(), stream, remote, transport).await;
        if let Err(reason) = ended {
            self.shared.refuse(reason);
        }
    }

    /// Takes a datagram that came for the relay to one of the SFU's UDP ports. Never waits.
    pub fn handle_datagram(&self, source: SocketAddr, destination: SocketAddr, datagram: Vec<u8>) {
        self.datagrams.handle(&self.shared, source, destination, datagram);
    }

    /// Ends every allocation and connection; the relay answers nothing any more.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        // What a panicking task left there is still whole: every change is one call into the ledger.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn refuse(&self, reason: Refusal) {
        self.metrics.relay_refused.with_label_values(&[reason.as_str()]).inc();
    }

    pub fn drop(&self, reason: DropReason) {
        self.metrics.relay_dropped.with_label_values(&[reason.as_str()]).inc();
    }

    fn count(&self, counters: &Counters) {
        for reason in Refusal::ALL.into_iter().filter(|reason| counters.refused(*reason) > 0) {
            let refused = self.metrics.relay_refused.with_label_values(&[reason.as_str()]);
            refused.inc_by(counters.refused(reason));
        }
        for reason in DropReason::ALL.into_iter().filter(|reason| counters.dropped(*reason) > 0) {
            let dropped = self.metrics.relay_dropped.with_label_values(&[reason.as_str()]);
            dropped.inc_by(counters.dropped(reason));
        }
        for (direction, bytes) in [("in", counters.bytes_in), ("out", counters.bytes_out)] {
            if bytes > 0 {
                self.metrics.relay_bytes.with_label_values(&[direction]).inc_by(bytes);
            }
        }
    }
}

/// A client and what its task waits for and holds. Dropping it gives everything back.
pub(super) struct Carrier {
    shared: Arc<Shared>,
    client: Client,
    transport: Transport,
    link: Option<Box<dyn Link>>,
    out: Vec<Output>,
    pub wakes: Wakes,
    /// To the client, in order. Whoever called `handle_…` takes it.
    pub answers: Vec<Answer>,
}

/// Bytes to a client.
pub(super) struct Answer {
    pub bytes: Vec<u8>,
    /// Nothing is proven of whoever asked.
    pub to_stranger: bool,
}

/// What a client's task waits for, beside the client.
pub(super) struct Wakes {
    from_peers: Option<mpsc::Receiver<FromPeer>>,
    /// Once something was sent to another node.
    others: Option<Way>,
    ended: CancellationToken,
}

pub(super) enum Wake {
    FromPeer(FromPeer),
    /// The session, or the relay, is gone.
    Ended,
    Timeout,
}

impl Wakes {
    /// Waits for the next of them. Can be dropped at any await without loss. With `takes_media` false, what peers send waits.
    pub async fn next(&mut self, deadline: Option<Instant>, takes_media: bool) -> Wake {
        let Wakes {
            from_peers,
            others,
            ended,
        } = self;
        let received = async {
            match from_peers {
                // The link lives as long as the receiver, so that the channel does not close before.
                Some(from_peers) if takes_media => from_peers.recv().await,
                _ => None,
            }
        };
        let from_others = async {
            match others {
                Some(way) if takes_media => way.receive().await,
                _ => std::future::pending().await,
            }
        };
        let timeout = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended.cancelled() => Wake::Ended,
            Some(datagram) = received => Wake::FromPeer(datagram),
            datagram = from_others => Wake::FromPeer(datagram),
            () = timeout => Wake::Timeout,
        }
    }

    /// Sends to the SFU of another node. Never waits.
    fn send_there(&mut self, peer: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let way = match self.others.take() {
            Some(way) => way,
            None => Way::open(peer.is_ipv6())?,
        };
        self.others.insert(way).send(peer, payload)
    }

    /// What has come from a peer already.
    pub fn try_next(&mut self) -> Option<FromPeer> {
        let own = self.from_peers.as_mut()?.try_recv().ok();
        own.or_else(|| self.others.as_ref()?.try_receive())
    }
}

impl Carrier {
    pub fn new(shared: Arc<Shared>, remote: SocketAddr, transport: Transport) -> Carrier {
        Carrier {
            client: Client::new(shared.relay.clone(), remote, transport != Transport::Udp),
            transport,
            link: None,
            out: Vec::new(),
            wakes: Wakes {
                from_peers: None,
                others: None,
                ended: shared.stop.clone(),
            },
            answers: Vec::new(),
            shared,
        }
    }

    pub fn has_allocation(&self) -> bool {
        self.client.has_allocation()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    /// Takes a message or ChannelData from the client.
    pub fn handle(&mut self, bytes: &[u8]) {
        if !matches!(message::kind_of(bytes), Some((Class::Request, _))) {
            self.client.handle_data(bytes, Instant::now(), &mut self.out);
            return self.carry_out();
        }
        let shared = self.shared.clone();
        let mut registry = shared.registry();
        let now = Now {
            instant: Instant::now(),
            unix_s: unix_s(),
        };
        self.client
            .handle_request(bytes, now, rand::random(), &mut registry.ledger, &mut self.out);
        // Looked up before the lock is released: a session that ends right after cancels it.
        let end = self.out.iter().find_map(|output| match output {
            Output::Allocated { session, .. } => registry.ends.get(session),
            _ => None,
        });
        if let Some(end) = end {
            self.wakes.ended = end.clone();
        }
        drop(registry);
        self.carry_out();
    }

    pub fn handle_from_peer(&mut self, (peer, payload): FromPeer) {
        self.client.handle_from_peer(peer, &payload, Instant::now(), &mut self.out);
        self.carry_out();
    }

    pub fn handle_timeout(&mut self) {
        let shared = self.shared.clone();
        self.client
            .handle_timeout(Instant::now(), &mut shared.registry().ledger, &mut self.out);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for output in self.out.drain(..) {
            match output {
                Output::ToStranger(bytes) => self.answers.push(Answer {
                    bytes,
                    to_stranger: true,
                }),
                Output::ToClient(bytes) => self.answers.push(Answer {
                    bytes,
                    to_stranger: false,
                }),
                Output::ToPeer { peer, payload } => match &self.link {
                    Some(link) if self.shared.relay.reach.own.has(peer) => link.deliver(peer, payload),
                    _ => {
                        if self.wakes.send_there(peer, &payload).is_err() {
                            Shared::drop(&self.shared, DropReason::NotSent);
                        }
                    }
                },
                Output::Allocated { relayed, .. } => {
                    let (outbox, from_peers) = mpsc::channel(OUTBOX_MAX);
                    self.link = Some(self.shared.sfu.link(relayed, outbox));
                    self.wakes.from_peers = Some(from_peers);
                    let allocations = &self.shared.metrics.relay_allocations;
                    allocations.with_label_values(&[self.transport.as_str()]).inc();
                }
                Output::Freed => {
                    self.link = None;
                    (self.wakes.from_peers, self.wakes.others) = (None, None);
                    self.wakes.ended = self.shared.stop.clone();
                    let allocations = &self.shared.metrics.relay_allocations;
                    allocations.with_label_values(&[self.transport.as_str()]).dec();
                }
            }
        }
        self.shared.count(&self.client.take_counters());
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let shared = self.shared.clone();
        self.client.free(&mut shared.registry().ledger, &mut self.out);
        self.carry_out();
    }
}

/// Seconds since 1970.
fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
