//! The door of the SFU for other folders: [`SfuCommand`]s in, [`SfuEvent`]s out, and which worker has which room.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use dashmap::{DashMap, Entry};

use super::candidates::Candidates;
pub use super::certificate::Certificate;
use super::demux::UfragChange;
use super::flow::{Flow, Via};
use super::link::{Frame, Link, LinkOutbox};
use super::shard::{CONNECTING_MAX, Shard, ShardConfig};
use super::stranger::Strangers;
use super::worker::{Inbox, Message, Outlets, Worker};
use crate::id::{ParticipantId, RoomId, Source};
use crate::metrics::Metrics;
use crate::udp::{Outgoing, UdpPort};
use crate::view::View;

impl Certificate {
    /// Draws a key, and signs a certificate with it. Browsers learn its fingerprint with each answer (RFC 8122), so it need not outlive
    /// the process.
    pub fn generate() -> Result<Certificate, rcgen::Error> {
        let made = rcgen::generate_simple_self_signed(["tandem".to_owned()])?;
        Ok(Certificate::from_der(
            made.cert.der().to_vec(),
            made.signing_key.serialize_der(),
        ))
    }
}

/// Commands that may wait for a worker. It takes them within a millisecond; a full queue means that it stands still.
const COMMANDS_MAX: usize = 4096;

/// Datagrams from links that may wait for a worker. What comes above it is lost, as on a network.
const FRAMES_MAX: usize = 4096;

/// What the rest of the server asks of the SFU.
#[derive(Debug, Clone, PartialEq)]
pub enum SfuCommand {
    /// Connect (or, with the same `attempt`, renegotiate) a participant's transport. Answered by `Answered` or `Refused`.
    Offer(Offer),
    /// Media may flow from and to this participant (while a call rings, transports connect but carry nothing).
    Admit {
        room: RoomId,
        participant: ParticipantId,
        /// Whether it is sent the media of others.
        receives: bool,
    },
    /// The tracks that the participant has on now.
    Publish {
        room: RoomId,
        participant: ParticipantId,
        sources: Vec<Source>,
    },
    /// What the participant looks at. Until it is said: everything.
    View {
        room: RoomId,
        participant: ParticipantId,
        view: View,
    },
    /// The participant is gone.
    Leave { room: RoomId, participant: ParticipantId },
    /// Everybody is gone. Ends the room's life here: no command for it may follow.
    CloseRoom { room: RoomId },
    /// Breaks this participant's transport, to show in a test what a fault costs and whom. It is nothing that a browser can cause; the
    /// glue decides who may ask for it.
    #[doc(hidden)]
    InjectFault {
        room: RoomId,
        participant: ParticipantId,
        fault: InjectedFault,
    },
}

/// A browser's offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub attempt: u32,
    pub sdp: String,
    /// Which m-line (by mid) carries which of the participant's tracks; m-lines that receive are slots.
    pub sources: Vec<(String, Source)>,
    /// Whether 127.0.0.1 and ::1 are worth offering as candidates to this browser.
    pub loopback: bool,
}

impl SfuCommand {
    /// Which room it is about.
    pub fn room(&self) -> RoomId {
        match self {
            SfuCommand::Offer(offer) => offer.room,
            SfuCommand::Admit { room, .. }
            | SfuCommand::Publish { room, .. }
            | SfuCommand::View { room, .. }
            | SfuCommand::Leave { room, .. }
            | SfuCommand::CloseRoom { room }
            | SfuCommand::InjectFault { room, .. } => *room,
        }
    }
}

/// Why an offer is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyRefused {
    /// Beyond the limits.
    TooLarge,
    /// Too many connections are being made. The same offer may be answered a moment later.
    Busy,
    /// Not understood, or out of date.
    Unanswerable,
}

/// What the SFU tells the rest of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum SfuEvent {
    Answered {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        sdp: String,
    },
    /// The offer was not answered; nothing changed.
    Refused {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        why: WhyRefused,
        message: String,
    },
    /// The whole list of what is sent to this participant.
    SlotsChanged {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        slots: Vec<FilledSlot>,
    },
    /// Who speaks in the room, loudest first.
    SpeakersChanged { room: RoomId, speakers: Vec<ParticipantId> },
    /// What is wanted of a published track: (rid, active, maximum bits per second).
    LayersWanted {
        room: RoomId,
        participant: ParticipantId,
        source: Source,
        layers: Vec<(Option<String>, bool, u32)>,
    },
    /// The transport is gone and the participant should offer again with a higher attempt.
    TransportLost {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        reason: LostReason,
    },
}

/// A slot and the track that is sent in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledSlot {
    pub mid: String,
    pub publisher: ParticipantId,
    pub source: Source,
    /// Bandwidth, or this worker, does not suffice for it now.
    pub paused: bool,
}

/// Why a transport is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// ICE or DTLS did not finish in time, or consent expired (RFC 7675 section 5.1).
    Timeout,
    /// DTLS failed.
    Handshake,
    /// It panicked, or did not come to an end within its bounds.
    Fault,
    /// The browser closed it.
    Closed,
}

/// How a transport is broken for a test.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// The next call into str0m panics.
    Panic,
    /// From the next call on, str0m's outputs have no end.
    Endless,
}

/// What an SFU needs to start.
pub struct SfuConfig {
    /// Where the first worker's UDP port is bound; port 0 takes any. `[::]` takes IPv4 as well.
    pub listen: SocketAddr,
    /// Sockets that are bound already. Each worker takes the one at its port, and binds it where there is none.
    pub bound: Vec<UdpSocket>,
    /// Threads, with a UDP port each, counted up from the first.
    pub workers: usize,
    /// The addresses at which browsers reach this machine: its interfaces', or those in front of it.
    pub candidates: Vec<IpAddr>,
    /// The TCP port on which ICE-TCP is served; None: it is not.
    pub tcp_port: Option<u16>,
    /// Share of the time, 0 to 1, beyond which a worker is too busy for all pictures; 0: never.
    pub busy_max: f64,
    /// What all transports identify themselves with.
    pub certificate: Certificate,
    /// The process whose place this one takes: what comes at the UDP ports for its transports is passed on to it.
    pub strangers: Option<Strangers>,
    /// Where datagrams for the TURN server go that come in at the UDP ports. They are lost where it is full.
    pub turn: tokio::sync::mpsc::Sender<(Flow, Vec<u8>)>,
}

/// The SFU does not take commands: it is stopping, or far behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SFU takes no commands")]
pub struct SfuUnavailable;

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct SfuHandle {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    workers: Vec<WorkerDoor>,
    rooms: DashMap<RoomId, usize>,
    ufrags: Arc<Ufrags>,
    metrics: Arc<Metrics>,
}

/// Which worker answers to which ufrag: a TCP connection says no more than that.
#[derive(Default)]
pub(super) struct Ufrags {
    workers: DashMap<String, usize>,
}

impl Ufrags {
    pub fn apply(&self, worker: usize, change: UfragChange) {
        match change {
            UfragChange::Added(ufrag) => {
                self.workers.insert(ufrag, worker);
            }
            UfragChange::Removed(ufrag) => {
                self.workers.remove(&ufrag);
            }
        }
    }
}

struct WorkerDoor {
    commands: SyncSender<Message>,
    frames: SyncSender<Frame>,
    waker: Waker,
    address: SocketAddr,
    rooms: AtomicUsize,
}

/// Ends a worker's sleep.
struct Waker {
    pipe: UnixStream,
    /// Whether a byte is in the pipe already. The worker clears it before it looks for commands.
    awake: Arc<AtomicBool>,
}

impl Waker {
    fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            // A full pipe wakes as well.
            let _ = (&self.pipe).write(&[1]);
        }
    }
}

/// The running workers. Dropping it leaves them running until the last handle is gone.
pub struct SfuGuard {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    sockets: Vec<UdpSocket>,
}

fn open(listen: SocketAddr, bound: &mut Vec<UdpSocket>) -> io::Result<UdpPort> {
    let is_it = |socket: &UdpSocket| socket.local_addr().is_ok_and(|at| at.port() == listen.port());
    match bound.iter().position(is_it) {
        Some(at) => UdpPort::adopt(bound.remove(at)),
        None => UdpPort::bind(listen),
    }
}

/// Binds the ports and starts the workers. `events` is never waited for: where it is full, events wait in the worker.
pub fn start(
    mut config: SfuConfig,
    metrics: Arc<Metrics>,
    events: tokio::sync::mpsc::Sender<SfuEvent>,
) -> io::Result<(SfuHandle, SfuGuard)> {
    let mut doors = Vec::new();
    let mut workers = Vec::new();
    let mut sockets = Vec::new();
    let ufrags = Arc::<Ufrags>::default();
    for index in 0..config.workers.max(1) {
        let mut listen = config.listen;
        if listen.port() != 0 {
            let port = u16::try_from(index).ok().and_then(|index| listen.port().checked_add(index));
            listen.set_port(port.ok_or_else(|| io::Error::other("the workers' UDP ports end after 65535"))?);
        }
        let port = open(listen, &mut config.bound)
            .map_err(|error| io::Error::new(error.kind(), format!("UDP port {listen}: {error}")))?;
        sockets.push(port.try_clone_socket()?);
        let shard = Shard::new(shard_config(&config, &port));
        let (commands, inbox) = sync_channel(COMMANDS_MAX);
        let (frames, arriving) = sync_channel(FRAMES_MAX);
        let (pipe, wake) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let awake = Arc::new(AtomicBool::new(false));
        doors.push(WorkerDoor {
            commands,
            frames,
            waker: Waker {
                pipe,
                awake: awake.clone(),
            },
            address: port.local_addr(),
            rooms: AtomicUsize::new(0),
        });
        workers.push(Worker::new(
            index,
            port,
            shard,
            Inbox {
                commands: inbox,
                frames: arriving,
                wake,
                awake,
            },
            Outlets {
                events: events.clone(),
                turn: config.turn.clone(),
                strangers: config.strangers.as_ref().map(Strangers::try_clone).transpose()?,
                ufrags: ufrags.clone(),
                metrics: metrics.clone(),
            },
        ));
    }
    if let Some(left) = config.bound.first() {
        let at = left.local_addr()?;
        return Err(io::Error::other(format!(
            "a UDP socket was passed at {at}, where no worker is"
        )));
    }
    let threads = workers.into_iter().enumerate().map(|(index, worker)| {
        std::thread::Builder::new()
            .name(format!("sfu-{index}"))
            .spawn(move || worker.run())
    });
    let threads = threads.collect::<io::Result<Vec<_>>>()?;
    let shared = Arc::new(Shared {
        workers: doors,
        rooms: DashMap::new(),
        ufrags,
        metrics,
    });
    let guard = SfuGuard {
        shared: shared.clone(),
        threads,
        sockets,
    };
    Ok((SfuHandle { shared }, guard))
}

fn shard_config(config: &SfuConfig, port: &UdpPort) -> ShardConfig {
    let number = port.local_addr().port();
    let reachable = |ips: &[IpAddr]| {
        let at = |number: u16| {
            let spoken = ips.iter().filter(|ip| port.speaks(**ip));
            spoken.map(|ip| SocketAddr::new(*ip, number)).collect()
        };
        Candidates {
            udp: at(number),
            tcp: config.tcp_port.map(at).unwrap_or_default(),
        }
    };
    ShardConfig {
        certificate: config.certificate.clone(),
        candidates: reachable(&config.candidates),
        loopback_candidates: reachable(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        connecting_max: CONNECTING_MAX,
        busy_max: config.busy_max,
    }
}

impl SfuHandle {
    /// Hands a command to the worker that has the room. Never waits.
    pub fn send(&self, command: SfuCommand) -> Result<(), SfuUnavailable> {
        let room = command.room();
        let index = match &command {
            SfuCommand::CloseRoom { .. } => {
                let Some((_, index)) = self.shared.rooms.remove(&room) else {
                    return Ok(());
                };
                self.shared.workers[index].rooms.fetch_sub(1, Ordering::Relaxed);
                index
            }
            SfuCommand::Leave { .. } | SfuCommand::InjectFault { .. } => match self.shared.rooms.get(&room) {
                Some(index) => *index,
                None => return Ok(()),
            },
            SfuCommand::Offer(_) | SfuCommand::Admit { .. } | SfuCommand::Publish { .. } | SfuCommand::View { .. } => {
                self.worker_of(room)
            }
        };
        self.shared.workers[index].send(Message::Command(command))
    }

    /// A way to a browser that is not a worker's own UDP port: its end (of [`Via::Relay`] the relayed address), and where to put what
    /// is sent to it.
    pub fn link(&self, via: Via, remote: SocketAddr, outbox: LinkOutbox) -> Link {
        Link::new(self.shared.clone(), via, remote, outbox)
    }

    /// Sends a datagram from the UDP port that `source` names. Never waits: where a worker is far behind, the datagram is lost.
    pub fn send_udp(&self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>) {
        if let Some(worker) = self.shared.worker_at(source.port()) {
            let source = source.ip();
            self.shared.hand(
                worker,
                Frame::Leaving(Outgoing {
                    source,
                    destination,
                    payload,
                }),
            );
        }
    }

    /// What another process received at one of the UDP ports. Never waits: where a worker is far behind, the datagram is lost.
    pub(super) fn receive_passed(&self, flow: Flow, payload: Vec<u8>) {
        if let Some(worker) = self.shared.worker_at(flow.local.port()) {
            self.shared.hand(worker, Frame::Passed { flow, payload });
        }
    }

    /// Nothing is received at the UDP ports from now on, where another process does.
    pub fn stop_receiving(&self) {
        for worker in &self.shared.workers {
            if worker.send(Message::StopReceiving).is_err() {
                tracing::warn!("a media worker is far behind, and goes on to receive beside the new process");
            }
        }
    }

    /// The workers' UDP addresses with their real ports, in order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.workers.iter().map(|worker| worker.address).collect()
    }

    /// The worker that has the room: at first use, the one with the fewest.
    fn worker_of(&self, room: RoomId) -> usize {
        match self.shared.rooms.entry(room) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let workers = self.shared.workers.iter().enumerate();
                let index = workers
                    .min_by_key(|(_, worker)| worker.rooms.load(Ordering::Relaxed))
                    .map_or(0, |(index, _)| index);
                self.shared.workers[index].rooms.fetch_add(1, Ordering::Relaxed);
                *entry.insert(index)
            }
        }
    }
}

impl Shared {
    /// The worker with this UDP port.
    pub fn worker_at(&self, port: u16) -> Option<usize> {
        self.workers.iter().position(|worker| worker.address.port() == port)
    }

    pub fn worker_of_ufrag(&self, ufrag: &str) -> Option<usize> {
        self.ufrags.workers.get(ufrag).map(|worker| *worker)
    }

    /// False: the worker is far behind, and the frame is lost.
    pub fn hand(&self, worker: usize, frame: Frame) -> bool {
        let door = &self.workers[worker];
        if door.frames.try_send(frame).is_err() {
            self.metrics.queue_full.with_label_values(&["sfu_frames"]).inc();
            return false;
        }
        door.waker.wake();
        true
    }
}

impl WorkerDoor {
    fn send(&self, message: Message) -> Result<(), SfuUnavailable> {
        match self.commands.try_send(message) {
            Ok(()) => {
                self.waker.wake();
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(SfuUnavailable),
        }
    }
}

impl SfuGuard {
    /// The workers' UDP ports, in order.
    pub fn sockets(&self) -> &[UdpSocket] {
        &self.sockets
    }

    /// Says goodbye to every browser, and returns when all workers have ended: within milliseconds, unless one stands still. Blocks.
    pub fn stop(self) {
        for worker in &self.shared.workers {
            let _ = worker.send(Message::Stop);
        }
        for thread in self.threads {
            // A worker that panicked has said so on its own.
            let _ = thread.join();
        }
    }
}
