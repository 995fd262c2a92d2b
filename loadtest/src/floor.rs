//! What forwarding costs on this machine when nothing is done but what cannot be left out: receive a packet, encrypt it once for each
//! subscriber (AES-128-GCM as in RFC 7714), hand it to the kernel. No SFU can be cheaper, so a server's cost is told as a ratio to it.

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use loadtest::traffic::{AUDIO_BYTES, AUDIO_EVERY, Traffic};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use crate::process;
use crate::socket;

/// An RTP header with the one-byte extensions that a server writes: mid and transport-wide sequence number.
const HEADER_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What one call of sendmmsg takes (UIO_MAXIOV).
const MESSAGES_MAX: usize = 1024;
/// Datagrams in one send with GSO.
const SEGMENTS_MAX: usize = 32;
/// Its first packets are not measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long the forwarder waits for a packet before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// For what is on the way at the end.
const SETTLE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, clap::Args)]
pub struct Floor {
    /// Subscribers of the one publisher; several may be named
    #[arg(long, value_delimiter = ',', default_value = "10,50,100")]
    subscribers: Vec<usize>,
    #[command(flatten)]
    traffic: Traffic,
    /// For how long each way is measured
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often; medians are told
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// How datagrams are handed to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each in a system call of its own.
    SendTo,
    /// All that one receive call brought in one system call.
    Sendmmsg,
    /// The same, with the packets of a burst for one subscriber as one message that the kernel cuts.
    Gso,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::SendTo, Way::Sendmmsg, Way::Gso];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::SendTo => "sendto",
            Way::Sendmmsg => "sendmmsg",
            Way::Gso => "gso",
        })
    }
}

/// # Errors
/// A socket or a thread cannot be had, or packets were lost, which makes the figures worthless.
pub fn run(asked: &Floor) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for &subscribers in &asked.subscribers {
        for way in Way::ALL {
            let run = |_| measure(way, subscribers, asked.traffic, Duration::from_secs(asked.seconds));
            let mut costs: Vec<f64> = (0..asked.runs.max(1)).map(run).collect::<Result<_, _>>()?;
            costs.sort_by(f64::total_cmp);
            rows.push((subscribers, way, costs));
        }
    }
    let middle = |costs: &[f64]| costs[costs.len() / 2];
    if asked.json {
        let row = |(subscribers, way, costs): &(usize, Way, Vec<f64>)| -> Value {
            json!({ "subscribers": subscribers, "way": way.to_string(), "us_per_packet_out": middle(costs), "runs": costs })
        };
        println!("{}", json!({ "floor": rows.iter().map(row).collect::<Vec<_>>() }));
        return Ok(());
    }
    println!(
        "{:<14}{:<12}us for a packet out: median (least to most)",
        "subscribers", "way"
    );
    for (subscribers, way, costs) in &rows {
        let (least, most) = (costs[0], costs[costs.len() - 1]);
        println!(
            "{subscribers:<14}{:<12}{:.2} ({least:.2} to {most:.2})",
            way.to_string(),
            middle(costs)
        );
    }
    Ok(())
}

/// Microseconds of the forwarding thread's CPU time for a packet out. It has the first core, the others what is around it.
///
/// # Errors
/// A socket or a thread cannot be had, or more than one packet of 20 was lost.
pub fn measure(way: Way, subscribers: usize, traffic: Traffic, time: Duration) -> anyhow::Result<f64> {
    ensure!(subscribers > 0, "a floor without subscribers has no cost");
    let sink = Sink::open()?;
    let stop = Arc::new(AtomicBool::new(false));
    let forwarded = Arc::new(AtomicU64::new(0));
    let (entry, _) = socket::open(Ipv4Addr::LOCALHOST)?;
    entry.set_nonblocking(false)?;
    entry.set_read_timeout(Some(LOOK_EVERY))?;
    let address = entry.local_addr()?;
    let mut forwarder = Forwarder::new(entry, subscribers, sink.port, way)?;
    let (stopped, count) = (stop.clone(), forwarded.clone());
    let work = thread::Builder::new().name("floor".to_owned()).spawn(move || {
        process::pin(process::Cores::First);
        while !stopped.load(Ordering::Relaxed) {
            count.fetch_add(forwarder.forward_batch() as u64, Ordering::Relaxed);
        }
    })?;
    let received = sink.received.clone();
    let stopped = stop.clone();
    let drain = thread::Builder::new().spawn(move || sink.drain(&stopped))?;
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = silent.clone();
    let publisher = thread::Builder::new().spawn(move || publish(address, traffic, &is_silent))?;
    thread::sleep(WARM_UP);
    let look = || {
        let cpu = process::cpu_time(std::process::id(), "floor");
        cpu.map(|cpu| (cpu, forwarded.load(Ordering::Relaxed)))
    };
    let before = look();
    thread::sleep(time);
    let after = look();
    silent.store(true, Ordering::Relaxed);
    thread::sleep(SETTLE);
    stop.store(true, Ordering::Relaxed);
    for thread in [work, drain, publisher] {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the floor panicked"))?;
    }
    let (before, after) = before.zip(after).context("the floor's thread was gone")?;
    let sent = after.1 - before.1;
    ensure!(sent > 0, "the floor forwarded nothing");
    let (sent_in_all, came) = (forwarded.load(Ordering::Relaxed), received.load(Ordering::Relaxed));
    ensure!(
        came * 100 >= sent_in_all * 95,
        "of {sent_in_all} datagrams of the floor {came} came"
    );
    Ok((after.0 - before.0).as_secs_f64() * 1e6 / sent as f64)
}

/// One publisher: bursts of video and a voice, each when it is due.
fn publish(to: SocketAddr, traffic: Traffic, stop: &AtomicBool) {
    process::pin(process::Cores::Others);
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else {
        return;
    };
    let video = vec![0x5a; HEADER_BYTES + traffic.video_bytes];
    let audio = vec![0x5a; HEADER_BYTES + AUDIO_BYTES];
    let mut next_video = Instant::now();
    let mut next_audio = next_video;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if next_video <= now {
            next_video += traffic.burst_every();
            for _ in 0..traffic.burst.max(1) {
                let _ = socket.send_to(&video, to);
            }
        }
        if next_audio <= now {
            next_audio += AUDIO_EVERY;
            let _ = socket.send_to(&audio, to);
        }
        thread::sleep(next_video.min(next_audio).saturating_duration_since(Instant::now()));
    }
}

/// Where the subscribers are: one socket takes what comes for all of their addresses.
struct Sink {
    socket: UdpSocket,
    state: UdpSocketState,
    port: u16,
    received: Arc<AtomicU64>,
}

impl Sink {
    fn open() -> anyhow::Result<Sink> {
        let (socket, state) = socket::open(Ipv4Addr::UNSPECIFIED)?;
        let port = socket.local_addr()?.port();
        Ok(Sink {
            socket,
            state,
            port,
            received: Arc::default(),
        })
    }

    fn drain(self, stop: &AtomicBool) {
        process::pin(process::Cores::Others);
        let mut buffers = socket::receive_buffers();
        loop {
            let is_over = stop.load(Ordering::Relaxed);
            let mut metas = [RecvMeta::default(); BATCH_SIZE];
            let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            let Ok(count) = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas) else {
                if is_over {
                    return;
                }
                let wait = Timespec {
                    tv_sec: 0,
                    tv_nsec: 5_000_000,
                };
                let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&wait));
                continue;
            };
            let datagrams: usize = metas.iter().take(count).map(|m| m.len.div_ceil(m.stride.max(1))).sum();
            self.received.fetch_add(datagrams as u64, Ordering::Relaxed);
        }
    }
}

struct Forwarder {
    socket: UdpSocket,
    keys: Vec<LessSafeKey>,
    addresses: Vec<SocketAddr>,
    way: Way,
    /// Datagrams that are ready: for each subscriber, what the batch brought, in order.
    sealed: Vec<Vec<Vec<u8>>>,
    nonce: u64,
}

impl Forwarder {
    fn new(socket: UdpSocket, subscribers: usize, port: u16, way: Way) -> anyhow::Result<Forwarder> {
        let keys = (0..subscribers).map(|n| UnboundKey::new(&AES_128_GCM, &[n as u8; 16]).map(LessSafeKey::new));
        Ok(Forwarder {
            keys: keys.collect::<Result<_, _>>().context("AES-128-GCM takes 16 bytes")?,
            addresses: (0..subscribers)
                .map(|n| SocketAddr::new(socket::address_of(n), port))
                .collect(),
            socket,
            way,
            sealed: vec![Vec::new(); subscribers],
            nonce: 0,
        })
    }

    /// Waits for a packet, and takes those that are there with it. Returns how many datagrams were sent.
    fn forward_batch(&mut self) -> usize {
        let mut incoming = Vec::with_capacity(16);
        let mut buffer = [0; 2048];
        let Ok(first) = self.socket.recv(&mut buffer) else {
            return 0;
        };
        incoming.push(buffer[..first].to_vec());
        let _ = self.socket.set_nonblocking(true);
        while let Ok(bytes) = self.socket.recv(&mut buffer) {
            incoming.push(buffer[..bytes].to_vec());
        }
        let _ = self.socket.set_nonblocking(false);
        for subscriber in 0..self.keys.len() {
            self.sealed[subscriber].resize_with(incoming.len(), Vec::new);
            for (n, packet) in incoming.iter().enumerate() {
                self.seal(subscriber, n, packet);
                if self.way == Way::SendTo {
                    let _ = self.socket.send_to(&self.sealed[subscriber][n], self.addresses[subscriber]);
                }
            }
        }
        match self.way {
            Way::SendTo => {}
            Way::Sendmmsg => self.send(&self.messages(1), None),
            Way::Gso => {
                for bytes in [HEADER_BYTES + AUDIO_BYTES, incoming.iter().map(Vec::len).max().unwrap_or(0)] {
                    let bytes = bytes + TAG_BYTES;
                    let mut messages = self.messages(SEGMENTS_MAX);
                    messages.retain(|(_, run)| run[0].len() == bytes);
                    self.send(&messages, Some(bytes as u16));
                }
            }
        }
        incoming.len() * self.keys.len()
    }

    fn seal(&mut self, subscriber: usize, n: usize, packet: &[u8]) {
        self.nonce += 1;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.nonce.to_be_bytes());
        let out = &mut self.sealed[subscriber][n];
        out.clear();
        out.extend_from_slice(packet);
        let (header, payload) = out.split_at_mut(HEADER_BYTES);
        let tag =
            self.keys[subscriber].seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), payload);
        if let Ok(tag) = tag {
            out.extend_from_slice(tag.as_ref());
        }
    }

    /// Runs of datagrams of one size for one subscriber, no longer than `segments`.
    fn messages(&self, segments: usize) -> Vec<(usize, Vec<IoSlice<'_>>)> {
        let mut messages = Vec::new();
        for (subscriber, datagrams) in self.sealed.iter().enumerate() {
            for run in datagrams
                .chunk_by(|a, b| a.len() == b.len())
                .flat_map(|run| run.chunks(segments))
            {
                messages.push((subscriber, run.iter().map(|d| IoSlice::new(d)).collect()));
            }
        }
        messages
    }

    fn send(&self, messages: &[(usize, Vec<IoSlice<'_>>)], segment_bytes: Option<u16>) {
        for chunk in messages.chunks(MESSAGES_MAX) {
            let address = |(subscriber, _): &(usize, _)| Some(SockaddrStorage::from(self.addresses[*subscriber]));
            let addresses: Vec<Option<SockaddrStorage>> = chunk.iter().map(address).collect();
            let control: Vec<ControlMessage<'_>> = segment_bytes.iter().map(ControlMessage::UdpGsoSegments).collect();
            let space = segment_bytes.map(|_| {
                let mut space = cmsg_space!(u16);
                // The kernel reads as many bytes as there is space for.
                space.shrink_to_fit();
                space
            });
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(chunk.len(), space);
            let contents = chunk.iter().map(|(_, run)| run);
            let _ = sendmmsg(
                self.socket.as_raw_fd(),
                &mut headers,
                contents,
                &addresses,
                &control,
                MsgFlags::empty(),
            );
        }
    }
}
