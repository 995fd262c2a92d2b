//! Everything of one worker that needs no thread and no socket: datagrams and commands in, datagrams and events out.
//!
//! A simulation drives a whole SFU through this door, under a virtual clock.

mod cutting;
mod measure;
mod outlets;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Instant;

use super::candidates::Candidates;
use super::certificate::Certificate;
use super::counters::{Counters, Drop};
use super::cut::Cutter;
use super::demux::{Demux, Link, Route, TransportKey};
use super::flow::{Flow, Via};
use super::handle::{LostReason, Offer, SfuCommand, SfuEvent, WhyRefused};
pub use super::media::Send;
use super::media::SlotPacket;
use super::router::{Router, RouterOutput};
use super::sdp;
use super::stun;
use super::transport::{OfferError, Outputs, Transport, TransportConfig, TransportOutput};
use crate::id::{ParticipantId, RoomId};
use crate::rate::RateLimit;

/// Transports of one worker that may be waiting for their browser at a time (threats T8).
pub const CONNECTING_MAX: usize = 2000;

/// What does not change while a shard lives.
#[derive(Clone)]
pub struct ShardConfig {
    pub certificate: Certificate,
    /// What to advertise.
    pub candidates: Candidates,
    /// What to advertise besides to a browser on this machine: 127.0.0.1 and ::1, as far as the sockets take them.
    pub loopback_candidates: Candidates,
    /// [`CONNECTING_MAX`].
    pub connecting_max: usize,
    /// Share of the time, 0 to 1, beyond which it is too busy for all pictures; 0: never.
    pub busy_max: f64,
}

/// The media of many rooms.
pub struct Shard {
    config: ShardConfig,
    demux: Demux,
    /// By `TransportKey`; the keys of those that are gone are given again.
    transports: Vec<Option<Entry>>,
    free: Vec<TransportKey>,
    connecting: usize,
    connected: usize,
    rooms: BTreeMap<RoomId, Router>,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    /// Which of a room's timers in the heap counts.
    room_timers: BTreeMap<RoomId, Instant>,
    stun_answers: RateLimit,
    /// Transports with packets to write.
    dirty: Vec<TransportKey>,
    turn: Vec<(Flow, Vec<u8>)>,
    /// None: what nobody here knows is dropped.
    strangers: Option<Vec<(Flow, Vec<u8>)>>,
    events: Vec<SfuEvent>,
    counters: Counters,
    cutter: Cutter,
    /// Of what is not sent, nothing is left here after each call.
    outputs: Outputs,
    router_outputs: Vec<RouterOutput>,
    generation: u64,
}

struct Entry {
    transport: Transport,
    room: RoomId,
    participant: ParticipantId,
    /// In the router of the room.
    place: usize,
    attempt: u32,
    generation: u64,
    /// As it was counted last.
    is_connected: bool,
    /// Which of its timers in the heap counts: the earliest.
    timer: Option<Instant>,
    pending: Vec<SlotPacket>,
    video_forwarded: u64,
}

/// Generations tell a transport from an earlier one with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Transport(TransportKey, u64),
    Room(RoomId),
}

impl Shard {
    pub fn new(config: ShardConfig) -> Shard {
        Shard {
            cutter: Cutter::new(config.busy_max),
            config,
            demux: Demux::default(),
            transports: Vec::new(),
            free: Vec::new(),
            connecting: 0,
            connected: 0,
            rooms: BTreeMap::new(),
            timers: BinaryHeap::new(),
            room_timers: BTreeMap::new(),
            stun_answers: RateLimit::new(),
            dirty: Vec::new(),
            turn: Vec::new(),
            strangers: None,
            events: Vec::new(),
            counters: Counters::default(),
            outputs: Outputs::default(),
            router_outputs: Vec::new(),
            generation: 0,
        }
    }

    /// Carries out a command. Call `poll_sends`, `poll_events` and `poll_timeout` after it, as after every `handle_…`.
    pub fn handle_command(&mut self, command: SfuCommand, now: Instant) {
        match command {
            SfuCommand::Offer(offer) => self.handle_offer(offer, now),
            SfuCommand::Admit {
                room,
                participant,
                receives,
            } => self.with_router(room, now, |router, out| {
                let place = router.member(participant);
                router.admit(place, receives, now, out);
            }),
            SfuCommand::Publish {
                room,
                participant,
                sources,
            } => self.with_router(room, now, |router, out| {
                let place = router.member(participant);
                router.publish(place, &sources, now, out);
            }),
            SfuCommand::View { room, participant, view } => self.with_router(room, now, |router, out| {
                let place = router.member(participant);
                router.look(place, view, now, out);
            }),
            SfuCommand::Leave { room, participant } => {
                let Some((router, place)) = self.rooms.get_mut(&room).and_then(|r| r.find(participant).map(|p| (r, p))) else {
                    return;
                };
                if let Some(link) = router.link(place) {
                    self.close(link.key, now);
                }
                self.with_router(room, now, |router, out| router.leave(place, now, out));
                if self.rooms.get(&room).is_some_and(Router::is_empty) {
                    self.rooms.remove(&room);
                }
            }
            SfuCommand::CloseRoom { room } => {
                for link in self.rooms.remove(&room).map(|router| router.links()).unwrap_or_default() {
                    self.close(link.key, now);
                }
            }
            SfuCommand::InjectFault {
                room,
                participant,
                fault,
            } => {
                let router = self.rooms.get(&room);
                let key = router.and_then(|r| r.link(r.find(participant)?)).map(|link| link.key);
                if let Some(entry) = key.and_then(|key| self.entry(key)) {
                    entry.transport.inject(fault);
                }
            }
        }
    }

    /// Takes a datagram from a browser.
    pub fn handle_datagram(&mut self, flow: Flow, datagram: &[u8], now: Instant) {
        let (key, verify) = match self.demux.route(flow, datagram) {
            Route::Known(key) => (key, false),
            Route::Check(key) => (key, true),
            Route::Binding(request) => {
                if self.stun_answers.allow(flow.remote.ip(), now) {
                    self.counters.stun_bindings += 1;
                    self.outputs.sends.push(Send {
                        flow,
                        payload: stun::binding_success(&request, flow.remote),
                    });
                } else {
                    self.counters.drop(Drop::RateLimited);
                }
                return;
            }
            Route::Turn => return self.turn.push((flow, datagram.to_vec())),
            Route::Drop(reason) => {
                if flow.via == Via::Udp
                    && matches!(reason, Drop::UnknownAddress | Drop::UnknownStun)
                    && let Some(strangers) = &mut self.strangers
                {
                    return strangers.push((flow, datagram.to_vec()));
                }
                return self.counters.drop(reason);
            }
        };
        let Some(entry) = at(&mut self.transports, key) else { return };
        if entry
            .transport
            .handle_datagram(flow, datagram, verify, now, &mut self.outputs)
        {
            if verify {
                self.demux.add_end(key, flow.end());
            }
        } else {
            self.counters.drop(Drop::BadDatagram);
        }
        self.carry_out(key, now);
    }

    /// Writes what the datagrams since the last call brought for each subscriber, all at once. Call after each received batch.
    pub fn flush(&mut self, now: Instant) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(entry) = at(&mut self.transports, key) else {
                continue;
            };
            entry.transport.write(&mut entry.pending, now, &mut self.outputs);
            self.carry_out(key, now);
        }
    }

    /// Whether `flush` has media to write.
    pub fn has_media_to_write(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Call when `poll_timeout` has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            match timer {
                Timer::Transport(key, generation) => self.handle_transport_timer(key, generation, at, now),
                Timer::Room(room) => {
                    if self.room_timers.get(&room) != Some(&at) {
                        continue;
                    }
                    self.room_timers.remove(&room);
                    let Some(router) = self.rooms.get_mut(&room) else { continue };
                    let mut out = std::mem::take(&mut self.router_outputs);
                    router.handle_timeout(now, &mut self.counters, &mut out);
                    self.carry_out_router(out, now);
                    self.schedule_room(room);
                }
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Ends every connection.
    pub fn close_all(&mut self, now: Instant) {
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.handle_command(SfuCommand::CloseRoom { room }, now);
        }
    }

    fn handle_offer(&mut self, offer: Offer, now: Instant) {
        let refused = |why, message: String| SfuEvent::Refused {
            room: offer.room,
            participant: offer.participant,
            attempt: offer.attempt,
            why,
            message,
        };
        if let Err(error) = sdp::check_limits(&offer.sdp) {
            self.counters.refused_too_large += 1;
            return self.events.push(refused(WhyRefused::TooLarge, error.to_string()));
        }
        let cut = self.cutter.cut();
        let router = self
            .rooms
            .entry(offer.room)
            .or_insert_with(|| Router::new(offer.room, cut, now));
        let place = router.member(offer.participant);
        let link = router.link(place);
        let dtls_client = router.is_stalled(place);
        if link.is_some_and(|link| offer.attempt < link.attempt) {
            return self
                .events
                .push(refused(WhyRefused::Unanswerable, "a later attempt was answered".to_owned()));
        }
        let same = link.filter(|link| link.attempt == offer.attempt).map(|link| link.key);
        let connecting = self.count_transports().0;
        let negotiated = match same {
            Some(key) => match at(&mut self.transports, key) {
                Some(entry) => entry
                    .transport
                    .negotiate(&offer.sdp, now, &mut self.outputs)
                    .map(|answer| (key, answer)),
                None => Err(OfferError::Fault),
            },
            None if connecting >= self.config.connecting_max => {
                self.counters.refused_half_open += 1;
                Err(OfferError::Busy)
            }
            None => {
                let config = TransportConfig {
                    certificate: &self.config.certificate,
                    candidates: self.candidates(offer.loopback),
                    dtls_client,
                };
                Transport::accept(&offer.sdp, config, now, &mut self.outputs).map(|(transport, answer)| {
                    if let Some(link) = link {
                        self.close(link.key, now);
                    }
                    (self.insert(transport, &offer, place), answer)
                })
            }
        };
        // What is done about the router is not the transport's.
        let mut others = std::mem::take(&mut self.outputs.others);
        let (key, answer) = match negotiated {
            Ok(negotiated) => negotiated,
            Err(error) => {
                if let (OfferError::Fault, Some(key)) = (&error, same) {
                    others.push(TransportOutput::Lost(LostReason::Fault));
                    self.outputs.others = others;
                    self.carry_out(key, now);
                }
                let why = if matches!(error, OfferError::Busy) {
                    WhyRefused::Busy
                } else {
                    WhyRefused::Unanswerable
                };
                return self.events.push(refused(why, error.to_string()));
            }
        };
        self.demux.add_ufrag(key, &answer.ufrag);
        self.events.push(SfuEvent::Answered {
            room: offer.room,
            participant: offer.participant,
            attempt: offer.attempt,
            sdp: answer.sdp.clone(),
        });
        self.with_router(offer.room, now, |router, out| {
            let link = Link {
                key,
                attempt: offer.attempt,
            };
            router.connect(place, link, &answer, &offer.sources, now, out);
        });
        self.outputs.others = others;
        self.carry_out(key, now);
    }

    fn candidates(&self, loopback: bool) -> Candidates {
        let mut candidates = self.config.candidates.clone();
        if loopback {
            candidates.udp.extend(&self.config.loopback_candidates.udp);
            candidates.tcp.extend(&self.config.loopback_candidates.tcp);
        }
        candidates
    }

    fn insert(&mut self, transport: Transport, offer: &Offer, place: usize) -> TransportKey {
        self.generation += 1;
        let entry = Entry {
            transport,
            room: offer.room,
            participant: offer.participant,
            place,
            attempt: offer.attempt,
            generation: self.generation,
            is_connected: false,
            timer: None,
            pending: Vec::new(),
            video_forwarded: 0,
        };
        self.connecting += 1;
        if let Some(key) = self.free.pop() {
            self.transports[key.0 as usize] = Some(entry);
            return key;
        }
        self.transports.push(Some(entry));
        TransportKey(self.transports.len() as u32 - 1)
    }

    fn entry(&mut self, key: TransportKey) -> Option<&mut Entry> {
        at(&mut self.transports, key)
    }

    /// Ends a connection that nobody wants any more.
    fn close(&mut self, key: TransportKey, now: Instant) {
        let before = self.outputs.others.len();
        if let Some(entry) = at(&mut self.transports, key) {
            entry.transport.close(now, &mut self.outputs);
        }
        self.outputs.others.truncate(before);
        self.forget(key);
    }

    fn forget(&mut self, key: TransportKey) -> Option<Entry> {
        self.demux.remove(key);
        let entry = self.transports.get_mut(key.0 as usize)?.take()?;
        self.free.push(key);
        let count = if entry.is_connected {
            &mut self.connected
        } else {
            &mut self.connecting
        };
        *count -= 1;
        Some(entry)
    }

    /// Notes that a transport has connected. (It never goes back: one that is lost is forgotten.)
    fn count_connected(&mut self, key: TransportKey) {
        let Some(entry) = self.transports.get_mut(key.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        if entry.transport.is_connected() && !entry.is_connected {
            entry.is_connected = true;
            self.connecting -= 1;
            self.connected += 1;
        }
    }

    /// Does what a transport wants done besides sending.
    fn carry_out(&mut self, key: TransportKey, now: Instant) {
        let Some((room, place)) = self.entry(key).map(|entry| (entry.room, entry.place)) else {
            return self.outputs.others.clear();
        };
        let mut outputs = std::mem::take(&mut self.outputs.others);
        let mut router_outputs = std::mem::take(&mut self.router_outputs);
        let mut lost = None;
        for output in outputs.drain(..) {
            match output {
                TransportOutput::Media(packet) => {
                    let traffic = if packet.format.codec == super::codec::Codec::Opus {
                        &mut self.counters.audio_in
                    } else {
                        &mut self.counters.video_in
                    };
                    traffic.add(packet.payload.len());
                    if let Some(router) = self.rooms.get_mut(&room) {
                        router.handle_media(place, &packet, now, &mut self.counters, &mut router_outputs);
                    }
                }
                TransportOutput::KeyFrameWanted(mid) => {
                    if let Some(router) = self.rooms.get_mut(&room) {
                        router.handle_key_frame_wanted(place, mid, now, &mut self.counters, &mut router_outputs);
                    }
                }
                TransportOutput::Budget(bps) => {
                    if let Some(router) = self.rooms.get_mut(&room) {
                        router.handle_budget(place, bps, now);
                        self.schedule_room(room);
                    }
                }
                TransportOutput::Broken => {
                    if let Some(router) = self.rooms.get_mut(&room) {
                        router.handle_broken(place, now);
                        self.schedule_room(room);
                    }
                }
                TransportOutput::Lost(reason) => lost = Some(reason),
            }
        }
        self.outputs.others = outputs;
        self.count_connected(key);
        self.schedule_transport(key);
        if let Some(reason) = lost {
            self.handle_lost(key, reason, now, &mut router_outputs);
        }
        self.carry_out_router(router_outputs, now);
    }

    fn handle_lost(&mut self, key: TransportKey, reason: LostReason, now: Instant, out: &mut Vec<RouterOutput>) {
        let Some(entry) = self.forget(key) else { return };
        *match reason {
            LostReason::Timeout => &mut self.counters.lost_timeout,
            LostReason::Handshake => &mut self.counters.lost_handshake,
            LostReason::Fault => &mut self.counters.lost_fault,
            LostReason::Closed => &mut self.counters.lost_closed,
        } += 1;
        self.events.push(SfuEvent::TransportLost {
            room: entry.room,
            participant: entry.participant,
            attempt: entry.attempt,
            reason,
        });
        if let Some(router) = self.rooms.get_mut(&entry.room) {
            router.disconnect(entry.place, reason == LostReason::Handshake, now, out);
        }
    }

    fn with_router(&mut self, room: RoomId, now: Instant, f: impl FnOnce(&mut Router, &mut Vec<RouterOutput>)) {
        let mut out = std::mem::take(&mut self.router_outputs);
        let cut = self.cutter.cut();
        let router = self.rooms.entry(room).or_insert_with(|| Router::new(room, cut, now));
        f(router, &mut out);
        self.carry_out_router(out, now);
        self.schedule_room(room);
    }

    /// Does what a router wants done, and gives its buffer back.
    fn carry_out_router(&mut self, mut outputs: Vec<RouterOutput>, now: Instant) {
        for output in outputs.drain(..) {
            match output {
                RouterOutput::Forward { to, packet } => {
                    let traffic = if packet.is_video {
                        &mut self.counters.video_out
                    } else {
                        &mut self.counters.audio_out
                    };
                    traffic.add(packet.payload.len());
                    let Some(entry) = self.transports.get_mut(to.0 as usize).and_then(Option::as_mut) else {
                        continue;
                    };
                    if entry.pending.is_empty() {
                        self.dirty.push(to);
                    }
                    if packet.is_video {
                        entry.video_forwarded += packet.payload.len() as u64;
                    }
                    entry.pending.push(packet);
                }
                RouterOutput::Event(event) => self.events.push(event),
                RouterOutput::RequestKeyFrames { from, mid, rids } => {
                    if let Some(entry) = at(&mut self.transports, from) {
                        entry.transport.request_key_frames(mid, &rids, now, &mut self.outputs);
                        self.carry_out(from, now);
                    }
                }
                RouterOutput::DesiredBitrate { to, bitrate_bps } => {
                    if let Some(entry) = self.entry(to) {
                        entry.transport.set_desired_bitrate(bitrate_bps);
                    }
                }
            }
        }
        self.router_outputs = outputs;
    }

    fn handle_transport_timer(&mut self, key: TransportKey, generation: u64, due: Instant, now: Instant) {
        let counts = |entry: &&mut Entry| entry.generation == generation && entry.timer == Some(due);
        let Some(entry) = at(&mut self.transports, key).filter(counts) else {
            return;
        };
        entry.timer = None;
        if entry.transport.poll_timeout().is_some_and(|at| at <= now) {
            entry.transport.handle_timeout(now, &mut self.outputs);
        }
        self.carry_out(key, now);
    }

    /// Puts a timer into the heap, unless an earlier one is there already: that one then does this again.
    fn schedule_transport(&mut self, key: TransportKey) {
        let Some(entry) = self.transports.get_mut(key.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        let Some(at) = entry.transport.poll_timeout() else { return };
        if entry.timer.is_none_or(|timer| at < timer) {
            entry.timer = Some(at);
            self.timers.push(Reverse((at, Timer::Transport(key, entry.generation))));
        }
    }

    fn schedule_room(&mut self, room: RoomId) {
        let Some(at) = self.rooms.get(&room).and_then(Router::poll_timeout) else {
            return;
        };
        if self.room_timers.get(&room).is_none_or(|timer| at < *timer) {
            self.room_timers.insert(room, at);
            self.timers.push(Reverse((at, Timer::Room(room))));
        }
    }
}

fn at(transports: &mut [Option<Entry>], key: TransportKey) -> Option<&mut Entry> {
    transports.get_mut(key.0 as usize)?.as_mut()
}
