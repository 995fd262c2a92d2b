//! One thread, one UDP port, many rooms: receive a batch, let the shard work on it, send what comes of it, sleep to the next deadline.

#![expect(clippy::disallowed_methods, reason = "the driver reads the clock, once for each batch")]

use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::counters::{Counters, Drop};
use super::cut::Cut;
use super::flow::{Flow, Via};
use super::handle::{SfuCommand, SfuEvent, Ufrags};
use super::link::{Frame, Links};
use super::shard::{Send, Shard};
use super::slot::LayerCounts;
use super::stranger::Strangers;
use crate::metrics::{Metrics, add_each};
use crate::udp::{Outgoing, UdpPort};

/// How often counters become metrics.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Commands taken between two batches: an offer costs about 2 ms, and media must not wait for many of them.
const COMMANDS_PER_TURN: usize = 4;

/// Datagrams from links taken between two batches of the UDP port: as many as such a batch may have.
const FRAMES_PER_TURN: usize = 64;

/// Events that may wait here while the queue to the rest of the server is full.
const EVENTS_MAX: usize = 1 << 16;

/// How soon to try again then.
const EVENTS_RETRY: Duration = Duration::from_millis(5);

/// What comes through a worker's queue.
pub(super) enum Message {
    Command(SfuCommand),
    /// Another process receives at the UDP port from now on; what is sent leaves from it as before.
    StopReceiving,
    Stop,
}

/// Where a worker's work comes from, besides its UDP port.
pub(super) struct Inbox {
    pub commands: Receiver<Message>,
    pub frames: Receiver<Frame>,
    pub wake: UnixStream,
    pub awake: Arc<AtomicBool>,
}

/// Where it goes, besides the UDP port.
pub(super) struct Outlets {
    pub events: Sender<SfuEvent>,
    pub turn: Sender<(Flow, Vec<u8>)>,
    /// None: there is no other process with transports at this port.
    pub strangers: Option<Strangers>,
    pub ufrags: Arc<Ufrags>,
    pub metrics: Arc<Metrics>,
}

/// The driver of one shard.
pub(super) struct Worker {
    index: usize,
    port: UdpPort,
    receives: bool,
    shard: Shard,
    inbox: Inbox,
    /// Commands or frames were left in the queue: no time to sleep.
    more_waits: bool,
    outlets: Outlets,
    waiting_events: VecDeque<SfuEvent>,
    links: Links,
    outbox: Vec<Outgoing>,
    cut: Cut,
    tally: Tally,
}

/// What happened since counters became metrics, and what the gauges were set to then.
struct Tally {
    since: Instant,
    asleep: Duration,
    datagrams_in: u64,
    datagrams_out: u64,
    lost_full: u64,
    lost_refused: u64,
    transports: (usize, usize),
    layers: LayerCounts,
}

impl Worker {
    pub(super) fn new(index: usize, port: UdpPort, mut shard: Shard, inbox: Inbox, outlets: Outlets) -> Worker {
        shard.keep_strangers(outlets.strangers.is_some());
        let busy = outlets.metrics.worker_busy_ratio.with_label_values(&[&index.to_string()]);
        busy.set(0.0);
        outlets.metrics.worker_cut.with_label_values(&[&index.to_string()]).set(0);
        Worker {
            index,
            port,
            receives: true,
            shard,
            inbox,
            more_waits: false,
            outlets,
            waiting_events: VecDeque::new(),
            links: Links::default(),
            outbox: Vec::new(),
            cut: Cut::Nothing,
            tally: Tally {
                since: Instant::now(),
                asleep: Duration::ZERO,
                datagrams_in: 0,
                datagrams_out: 0,
                lost_full: 0,
                lost_refused: 0,
                transports: (0, 0),
                layers: LayerCounts::default(),
            },
        }
    }

    /// Runs until it is told to stop, or nobody is left who could.
    pub(super) fn run(mut self) {
        loop {
            self.sleep();
            let now = Instant::now();
            if !self.take_commands(now) {
                break;
            }
            self.take_datagrams(now);
            self.take_frames(now);
            let forwards = self.shard.has_media_to_write();
            self.shard.flush(now);
            self.shard.handle_timeout(now);
            self.send();
            if forwards {
                self.outlets
                    .metrics
                    .media_forward_seconds
                    .observe(now.elapsed().as_secs_f64());
            }
            self.tell();
            if now >= self.tally.since + PUBLISH_EVERY {
                self.publish(now);
            }
        }
        let now = Instant::now();
        self.shard.close_all(now);
        self.send();
        self.tell();
        self.publish(now + Duration::from_millis(1));
    }

    /// Until a datagram, a command, or the next deadline. The kernel's timer is good to some 50 µs, which a paced picture needs.
    fn sleep(&mut self) {
        let now = Instant::now();
        let mut deadline = self.tally.since + PUBLISH_EVERY;
        if !self.waiting_events.is_empty() {
            deadline = deadline.min(now + EVENTS_RETRY);
        }
        if let Some(at) = self.shard.poll_timeout() {
            deadline = deadline.min(at);
        }
        let wait = if self.more_waits {
            Duration::ZERO
        } else {
            deadline.saturating_duration_since(now)
        };
        let timeout = Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut sources = [
            PollFd::new(&self.port, if self.receives { PollFlags::IN } else { PollFlags::empty() }),
            PollFd::new(&self.inbox.wake, PollFlags::IN),
        ];
        // An interrupted sleep is a short one.
        let _ = poll(&mut sources, Some(&timeout));
        if sources[1].revents().contains(PollFlags::IN) {
            let mut bytes = [0; 64];
            let _ = self.inbox.wake.read(&mut bytes);
            self.inbox.awake.store(false, Ordering::Release);
        }
        self.tally.asleep += now.elapsed();
    }

    /// False: stop.
    fn take_commands(&mut self, now: Instant) -> bool {
        self.more_waits = false;
        for _ in 0..COMMANDS_PER_TURN {
            match self.inbox.commands.try_recv() {
                Ok(Message::Command(command)) => self.shard.handle_command(command, now),
                Ok(Message::StopReceiving) => self.receives = false,
                Ok(Message::Stop) | Err(std::sync::mpsc::TryRecvError::Disconnected) => return false,
                Err(std::sync::mpsc::TryRecvError::Empty) => return true,
            }
        }
        self.more_waits = true;
        true
    }

    fn take_datagrams(&mut self, now: Instant) {
        if !self.receives {
            return;
        }
        let shard = &mut self.shard;
        let received = self.port.receive(|datagram| {
            let flow = Flow::udp(datagram.source, datagram.destination);
            shard.handle_datagram(flow, datagram.payload, now);
        });
        match received {
            Ok(count) => self.tally.datagrams_in += count as u64,
            // An ICMP error of an earlier send: nothing that the next call would not survive.
            Err(error) => tracing::debug!(%error, "receive failed"),
        }
    }

    fn take_frames(&mut self, now: Instant) {
        for _ in 0..FRAMES_PER_TURN {
            match self.inbox.frames.try_recv() {
                Ok(Frame::Arrived { flow, payload, outbox }) => {
                    self.links.arrived(flow, outbox);
                    self.shard.handle_datagram(flow, &payload, now);
                }
                Ok(Frame::Passed { flow, payload }) => {
                    self.tally.datagrams_in += 1;
                    self.shard.handle_datagram(flow, &payload, now);
                }
                Ok(Frame::Leaving(datagram)) => self.outbox.push(datagram),
                Err(_) => return,
            }
        }
        self.more_waits = true;
    }

    fn send(&mut self) {
        for Send { flow, payload } in self.shard.poll_sends().drain(..) {
            match flow.via {
                Via::Udp => self.outbox.push(Outgoing {
                    source: flow.local.ip(),
                    destination: flow.remote,
                    payload,
                }),
                Via::Tcp | Via::Relay => self.links.send(flow, payload, &self.outlets.metrics),
            }
        }
        if self.outbox.is_empty() {
            return;
        }
        let sent = self.port.send(&self.outbox);
        self.tally.datagrams_out += sent.taken as u64;
        self.tally.lost_full += sent.full as u64;
        self.tally.lost_refused += sent.refused as u64;
        for datagram in self.outbox.drain(..) {
            self.shard.take_back(datagram.payload);
        }
    }

    fn tell(&mut self) {
        // Before the events: the answer that names a ufrag must not be ahead of it.
        for change in self.shard.poll_ufrag_changes().drain(..) {
            self.outlets.ufrags.apply(self.index, change);
        }
        for datagram in self.shard.poll_turn().drain(..) {
            if self.outlets.turn.try_send(datagram).is_err() {
                self.outlets.metrics.queue_full.with_label_values(&["turn"]).inc();
            }
        }
        if let Some(strangers) = &mut self.outlets.strangers {
            let mut is_there = true;
            for (flow, payload) in self.shard.poll_strangers() {
                is_there &= strangers.pass(flow, &payload);
            }
            if !is_there {
                self.outlets.strangers = None;
                self.shard.keep_strangers(false);
            }
        }
        self.waiting_events.extend(self.shard.poll_events().drain(..));
        while let Some(event) = self.waiting_events.pop_front() {
            match self.outlets.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.outlets.metrics.queue_full.with_label_values(&["sfu_events"]).inc();
                    self.waiting_events.push_front(event);
                    if self.waiting_events.len() > EVENTS_MAX {
                        tracing::error!(waiting = self.waiting_events.len(), "nobody takes the sfu's events: dropped");
                        self.waiting_events.clear();
                    }
                    break;
                }
                Err(TrySendError::Closed(_)) => self.waiting_events.clear(),
            }
        }
    }

    fn publish(&mut self, now: Instant) {
        let metrics = &self.outlets.metrics;
        let elapsed = now.saturating_duration_since(self.tally.since).as_secs_f64();
        let busy = 1.0 - (self.tally.asleep.as_secs_f64() / elapsed).min(1.0);
        let worker = self.index.to_string();
        metrics.worker_busy_ratio.with_label_values(&[&worker]).set(busy);
        let cut = self.shard.handle_busy(busy, now);
        metrics.worker_cut.with_label_values(&[&worker]).set(cut as i64);
        if cut != self.cut {
            tracing::warn!(
                worker = self.index,
                busy,
                cut = cut.as_str(),
                "pictures are cut by another measure"
            );
            self.cut = cut;
        }
        let datagrams = [("in", self.tally.datagrams_in), ("out", self.tally.datagrams_out)];
        add_each(&metrics.udp_datagrams, &datagrams);
        let lost = [("full", self.tally.lost_full), ("refused", self.tally.lost_refused)];
        add_each(&metrics.udp_send_lost, &lost);
        publish_counters(metrics, &self.shard.take_counters());
        self.links.prune();
        let (before, transports) = (self.tally.transports, self.shard.count_transports());
        for (state, before, after) in [("connecting", before.0, transports.0), ("connected", before.1, transports.1)] {
            metrics
                .transports
                .with_label_values(&[state])
                .add(after as i64 - before as i64);
        }
        let (before, layers) = (self.tally.layers, self.shard.count_layers());
        for (layer, before, after) in [
            ("low", before.low, layers.low),
            ("middle", before.middle, layers.middle),
            ("high", before.high, layers.high),
            ("single", before.single, layers.single),
        ] {
            metrics
                .subscription_layer
                .with_label_values(&[layer])
                .add(after as i64 - before as i64);
        }
        self.tally = Tally {
            since: now,
            asleep: Duration::ZERO,
            datagrams_in: 0,
            datagrams_out: 0,
            lost_full: 0,
            lost_refused: 0,
            transports,
            layers,
        };
    }
}

fn publish_counters(metrics: &Metrics, counters: &Counters) {
    for (direction, kind, traffic) in [
        ("in", "audio", counters.audio_in),
        ("in", "video", counters.video_in),
        ("out", "audio", counters.audio_out),
        ("out", "video", counters.video_out),
    ] {
        metrics
            .media_packets
            .with_label_values(&[direction, kind])
            .inc_by(traffic.packets);
        metrics
            .media_bytes
            .with_label_values(&[direction, kind])
            .inc_by(traffic.bytes);
    }
    for reason in Drop::ALL {
        let dropped = metrics.media_dropped.with_label_values(&[reason.as_str()]);
        dropped.inc_by(counters.dropped(reason));
    }
    add_each(
        &metrics.keyframe_requests,
        &[
            ("in", counters.key_frames_asked),
            ("out", counters.key_frames_requested),
            ("throttled", counters.key_frames_throttled),
        ],
    );
    add_each(
        &metrics.transport_lost,
        &[
            ("timeout", counters.lost_timeout),
            ("handshake", counters.lost_handshake),
            ("fault", counters.lost_fault),
            ("closed", counters.lost_closed),
        ],
    );
    add_each(
        &metrics.limit_reached,
        &[
            ("half_open_transports", counters.refused_half_open),
            ("offer_size", counters.refused_too_large),
        ],
    );
    metrics.stun_bindings.inc_by(counters.stun_bindings);
}
