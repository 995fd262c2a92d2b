//! The media of many participants on one thread and one socket.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use loadtest::participant::{Participant, Stopwatch};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::process;
use crate::socket;

/// Batches between two looks at the timers.
const BATCHES_MAX: usize = 8;

/// The longest sleep: orders do not wake the thread.
const SLEEP_MAX: Duration = Duration::from_millis(5);

/// How long one speaks before the next one does, where they speak in turns.
const TURN: Duration = Duration::from_secs(2);

const SPEAKS: i8 = -30;
const IS_SILENT: i8 = -127;

/// What became of one participant.
#[derive(Default)]
pub struct Milestones {
    pub connected: OnceLock<Instant>,
    pub first_media: OnceLock<Instant>,
}

pub enum Order {
    Add {
        index: usize,
        participant: Box<Participant>,
        milestones: Arc<Milestones>,
    },
    Answer {
        index: usize,
        sdp: String,
    },
    Want {
        index: usize,
        layers: Vec<(Option<String>, bool, u32)>,
    },
    /// It is gone, and nothing of it counts.
    Remove {
        index: usize,
    },
    /// Publishers fall silent, so that what is on the way can come in.
    FallSilent,
    /// Forget what was measured so far.
    Begin,
    /// Tell what was measured, and end.
    Stop,
}

/// What one participant received since `Begin`.
#[derive(Default)]
pub struct Heard {
    /// Frames decoded, by slot.
    pub frames: Vec<usize>,
    pub packets: u64,
    /// Sequence numbers that never came, neither at first nor when asked for again.
    pub missing: u64,
    /// The same of voices alone.
    pub voices: u64,
    pub voices_missing: u64,
    pub key_frames_asked: usize,
    pub layers: BTreeMap<u8, usize>,
}

/// What one thread measured since `Begin`.
#[derive(Default)]
pub struct Measured {
    pub heard: Vec<Heard>,
    pub delays_us: Vec<u32>,
    pub datagrams_in: u64,
    pub datagrams_out: u64,
    /// System calls that received something.
    pub batches: u64,
    /// Datagrams that the kernel did not take, and those that it had no room for.
    pub send_lost: u64,
    pub overflows: u64,
    /// Of this thread.
    pub cpu: Duration,
}

pub struct Media {
    pub orders: Sender<Order>,
    pub port: u16,
    thread: JoinHandle<Measured>,
}

impl Media {
    /// `epoch`: when the clock in packets began, the same for all threads.
    pub fn start(number: usize, epoch: Instant, turns: Vec<Vec<usize>>) -> anyhow::Result<Media> {
        let (socket, state) = socket::open(Ipv4Addr::UNSPECIFIED)?;
        let port = socket.local_addr()?.port();
        let (orders, inbox) = channel();
        let generator = Generator {
            socket,
            state,
            port,
            name: format!("media-{number}"),
            members: BTreeMap::new(),
            by_ip: BTreeMap::new(),
            timers: BTreeSet::new(),
            inbox,
            epoch,
            turns,
            measured: Measured::default(),
            before: Before::default(),
        };
        let thread = std::thread::Builder::new()
            .name(generator.name.clone())
            .spawn(move || generator.run())
            .context("no thread")?;
        Ok(Media { orders, port, thread })
    }

    /// # Panics
    /// The thread did: what it received was not what a decoder could take.
    pub fn stop(self) -> Measured {
        let _ = self.orders.send(Order::Stop);
        self.thread.join().expect("what was received can be taken")
    }
}

struct Member {
    participant: Participant,
    milestones: Arc<Milestones>,
    deadline: Instant,
    before: Heard,
}

/// At `Begin`.
#[derive(Default)]
struct Before {
    cpu: Duration,
    overflows: u64,
}

struct Generator {
    socket: UdpSocket,
    state: UdpSocketState,
    port: u16,
    name: String,
    members: BTreeMap<usize, Member>,
    by_ip: BTreeMap<IpAddr, usize>,
    /// Each member's deadline.
    timers: BTreeSet<(Instant, usize)>,
    inbox: Receiver<Order>,
    epoch: Instant,
    /// Who speaks in which turn; empty: everybody at once.
    turns: Vec<Vec<usize>>,
    measured: Measured,
    before: Before,
}

impl Generator {
    fn run(mut self) -> Measured {
        let mut buffers = socket::receive_buffers();
        loop {
            if !self.take_orders() {
                break;
            }
            for _ in 0..BATCHES_MAX {
                if !self.receive(&mut buffers) {
                    break;
                }
            }
            self.take_turns();
            let now = Instant::now();
            let due: Vec<(Instant, usize)> = self.timers.range(..=(now, usize::MAX)).copied().collect();
            for (_, index) in due {
                let Some(member) = self.members.get_mut(&index) else {
                    continue;
                };
                member.participant.handle_timeout(Instant::now());
                self.settle(index);
            }
            self.sleep();
        }
        self.finish()
    }

    fn sleep(&self) {
        let now = Instant::now();
        let next = self.timers.first();
        let wait = next
            .map_or(SLEEP_MAX, |(at, _)| at.saturating_duration_since(now))
            .min(SLEEP_MAX);
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
    }

    /// False: it is over.
    fn take_orders(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(order) => {
                    if !self.obey(order) {
                        return false;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, order: Order) -> bool {
        let now = Instant::now();
        match order {
            Order::Add {
                index,
                mut participant,
                milestones,
            } => {
                participant.stopwatch = Some(Stopwatch {
                    epoch: self.epoch,
                    arrived: now,
                    delays_us: Vec::new(),
                });
                self.by_ip.insert(participant.address.ip(), index);
                self.forget_timer(index);
                let member = Member {
                    participant: *participant,
                    milestones,
                    deadline: now,
                    before: Heard::default(),
                };
                self.members.insert(index, member);
                self.settle(index);
            }
            Order::Answer { index, sdp } => {
                if let Some(member) = self.members.get_mut(&index) {
                    member.participant.accept_answer(&sdp, now);
                }
                self.settle(index);
            }
            Order::Want { index, layers } => {
                if let Some(member) = self.members.get_mut(&index) {
                    member.participant.want(&layers);
                }
            }
            Order::Remove { index } => {
                self.forget_timer(index);
                if let Some(member) = self.members.remove(&index) {
                    self.by_ip.remove(&member.participant.address.ip());
                }
            }
            Order::FallSilent => {
                for member in self.members.values_mut() {
                    member.participant.camera_on = false;
                    member.participant.microphone_on = false;
                }
            }
            Order::Begin => {
                for member in self.members.values_mut() {
                    member.before = heard(&member.participant);
                    if let Some(watch) = &mut member.participant.stopwatch {
                        watch.delays_us.clear();
                    }
                }
                self.measured = Measured::default();
                self.before = Before {
                    cpu: self.cpu(),
                    overflows: process::udp_overflows(self.port),
                };
            }
            Order::Stop => return false,
        }
        true
    }

    /// Those who take turns: one is loud, the others are not.
    fn take_turns(&mut self) {
        if self.turns.is_empty() {
            return;
        }
        let turn = (self.epoch.elapsed().as_secs() / TURN.as_secs()) as usize % self.turns.len();
        for (n, indices) in self.turns.iter().enumerate() {
            for index in indices {
                if let Some(member) = self.members.get_mut(index) {
                    member.participant.audio_level = if n == turn { SPEAKS } else { IS_SILENT };
                }
            }
        }
    }

    /// False: nothing is there.
    fn receive(&mut self, buffers: &mut [Vec<u8>]) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let count = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas) {
            Ok(count) => count,
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        self.measured.batches += 1;
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        let mut touched = Vec::with_capacity(BATCH_SIZE);
        for (meta, buffer) in metas.iter().zip(buffers.iter()).take(count) {
            let Some(index) = meta.dst_ip.and_then(|ip| self.by_ip.get(&ip)).copied() else {
                continue;
            };
            let Some(member) = self.members.get_mut(&index) else {
                continue;
            };
            // The kernel says when it came, which is before we were there to take it.
            let waited = meta
                .timestamp
                .and_then(|at| wall.checked_sub(at))
                .filter(|d| *d < Duration::from_secs(1));
            if let Some(watch) = &mut member.participant.stopwatch {
                watch.arrived = now.checked_sub(waited.unwrap_or_default()).unwrap_or(now);
            }
            for payload in buffer[..meta.len].chunks(meta.stride.max(1)) {
                self.measured.datagrams_in += 1;
                member.participant.handle_datagram(meta.addr, payload, now);
            }
            if touched.last() != Some(&index) {
                touched.push(index);
            }
        }
        for index in touched {
            self.settle(index);
        }
        count == BATCH_SIZE
    }

    /// What a participant wants to send goes out, and what became of it is noted.
    fn settle(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(&index) else { return };
        let participant = &mut member.participant;
        self.timers.remove(&(member.deadline, index));
        member.deadline = participant.poll_timeout();
        self.timers.insert((member.deadline, index));
        let source = participant.address.ip();
        for (destination, contents) in participant.sends.drain(..) {
            let transmit = Transmit {
                destination,
                ecn: None,
                contents: &contents,
                segment_size: None,
                src_ip: Some(source),
            };
            self.measured.datagrams_out += 1;
            if self.state.try_send(UdpSockRef::from(&self.socket), &transmit).is_err() {
                self.measured.send_lost += 1;
            }
        }
        if participant.connected {
            member.milestones.connected.get_or_init(Instant::now);
        }
        if member.milestones.first_media.get().is_none() && !participant.received.is_empty() {
            member.milestones.first_media.get_or_init(Instant::now);
        }
    }

    fn forget_timer(&mut self, index: usize) {
        if let Some(member) = self.members.get(&index) {
            self.timers.remove(&(member.deadline, index));
        }
    }

    fn cpu(&self) -> Duration {
        process::cpu_time(std::process::id(), &self.name).unwrap_or_default()
    }

    fn finish(mut self) -> Measured {
        let cpu = self.cpu();
        let mut measured = std::mem::take(&mut self.measured);
        measured.cpu = cpu.saturating_sub(self.before.cpu);
        measured.overflows = process::udp_overflows(self.port) - self.before.overflows;
        for member in self.members.values_mut() {
            let mut now = heard(&member.participant);
            for (frames, before) in now.frames.iter_mut().zip(&member.before.frames) {
                *frames -= before;
            }
            now.packets -= member.before.packets;
            now.missing = now.missing.saturating_sub(member.before.missing);
            now.voices -= member.before.voices;
            now.voices_missing = now.voices_missing.saturating_sub(member.before.voices_missing);
            now.key_frames_asked -= member.before.key_frames_asked;
            measured.heard.push(now);
            if let Some(watch) = &mut member.participant.stopwatch {
                measured.delays_us.append(&mut watch.delays_us);
            }
        }
        measured
    }
}

fn heard(participant: &Participant) -> Heard {
    let mut heard = Heard::default();
    for mid in &participant.slots {
        let receiver = participant.received.get(mid);
        heard.frames.push(receiver.map_or(0, |r| r.decoded));
        if let Some(layer) = receiver.and_then(|r| r.layer) {
            *heard.layers.entry(layer).or_default() += 1;
        }
    }
    for receiver in participant.audio_slots.iter().filter_map(|mid| participant.received.get(mid)) {
        heard.voices += receiver.packets as u64;
        heard.voices_missing += receiver.missing();
    }
    for receiver in participant.received.values() {
        heard.packets += receiver.packets as u64;
        heard.missing += receiver.missing();
        heard.key_frames_asked += receiver.key_frames_asked;
    }
    heard
}

/// The generator's own address as the participant has to name it.
pub fn local_address(index: usize, media: &Media) -> SocketAddr {
    SocketAddr::new(socket::address_of(index), media.port)
}
