//! A browser, as far as an SFU can tell: it offers as one, encodes made-up VP8 in three layers and Opus, answers key frame requests,
//! obeys what is wanted of its layers, and looks at what it receives as a decoder would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::PayloadParams;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Vp8Descriptor};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::temporal::{REFERENCES, Temporal};
use crate::traffic::{AUDIO_BYTES, AUDIO_EVERY, Traffic};

/// (rid, packets in a frame of 1/30 s): about 0.25, 0.5 and 1.5 Mbit/s.
const LAYERS: [(&str, usize); 3] = [("q", 1), ("h", 2), ("f", 6)];

/// Another browser gets the camera as it is: about 1.5 Mbit/s.
const DIRECT_LAYER: (Option<Rid>, usize) = (None, 6);

const PACKET_BYTES: usize = 1000;
const PACKET_BYTES_MIN: usize = 100;
/// In dBov.
const SPEECH_MIN: i8 = -60;
const FRAME_EVERY: Duration = Duration::from_millis(33);

/// A decoder that misses something waits this long for it before it asks for a key frame.
const REPAIR_WITHIN: Duration = Duration::from_millis(300);

pub struct Participant {
    pub address: SocketAddr,
    pub rtc: Rtc,
    pub connected: bool,
    pub is_closed: bool,
    pending: Option<SdpPendingOffer>,
    deadline: Instant,
    pub sends: Vec<(SocketAddr, Vec<u8>)>,

    microphone: Mid,
    camera: Mid,
    pub slots: Vec<Mid>,
    /// The m-lines that sound is received on; the microphone's is the first.
    pub audio_slots: Vec<Mid>,
    layers: Vec<Encoder>,
    publishing: bool,
    next_frame: Instant,
    next_audio: Instant,
    audio_seq: u64,
    audio_ticks: u32,
    /// How loud its microphone is, in dBov: what the packets say of themselves (RFC 6464). -127 is silence.
    pub audio_level: i8,
    /// Whether it sends little while its microphone is silent.
    pub dtx: bool,
    /// Which of its tracks are on.
    pub microphone_on: bool,
    pub camera_on: bool,
    pub frame_every: Duration,
    /// The most in a packet of its camera.
    packet_bytes_max: usize,
    /// In everything that it sends, so that a receiver knows whose it is.
    pub mark: u16,
    /// Each packet of its microphone carries the frame before as well (RFC 2198).
    pub sends_red: bool,
    pub key_frames_sent: usize,
    /// Measures how long packets took to come here, where it is asked for.
    pub stopwatch: Option<Stopwatch>,

    /// What came in, by m-line.
    pub received: BTreeMap<Mid, Receiver>,
}

/// Which m-lines are for what.
struct Lines {
    microphone: Mid,
    camera: Mid,
    slots: Vec<Mid>,
    audio_slots: Vec<Mid>,
}

impl Lines {
    /// Of two browsers, each of which sends and receives on both.
    fn of_two(microphone: Mid, camera: Mid) -> Lines {
        Lines {
            microphone,
            camera,
            slots: vec![camera],
            audio_slots: vec![microphone],
        }
    }
}

/// How long packets were on the way, by a clock that all participants share and every packet says.
pub struct Stopwatch {
    /// When the clock began.
    pub epoch: Instant,
    /// When what is being handled came in: earlier than now, where it waited for us.
    pub arrived: Instant,
    /// Microseconds on the way, of every packet since they were last taken.
    pub delays_us: Vec<u32>,
}

struct Encoder {
    /// None: the camera is sent as it is, in one layer.
    rid: Option<Rid>,
    packets: usize,
    seq: u64,
    timestamp: u32,
    picture_id: u16,
    /// Counts its frames. Unlike picture ids nobody rewrites it.
    frame: u32,
    tl0_pic_idx: u8,
    temporal: Temporal,
    key_frame_due: bool,
    /// As the SFU wants it.
    active: bool,
    limit_bps: u32,
    debt_bytes: f64,
    /// Whether it can send at all: a small camera has no top layer.
    exists: bool,
}

/// What a decoder notices.
#[derive(Default)]
pub struct Receiver {
    pub packets: usize,
    pub bytes: usize,
    /// Frames that are complete and follow a complete frame or are key frames: those that would be shown.
    pub decoded: usize,
    pub last_decoded: Option<Instant>,
    pub longest_gap: Duration,
    pub key_frames: usize,
    /// Of the last frame that was decoded.
    pub layer: Option<u8>,
    pub layers_seen: Vec<u8>,
    /// Jumps of the picture id between frames that came in a row.
    pub picture_id_jumps: usize,
    /// Frames that do not count TL0PICIDX as the base layer before them demands.
    pub tl0_jumps: usize,
    /// Decoded frames of each temporal layer.
    pub temporal: [usize; REFERENCES],
    /// Packets of redundant audio.
    pub red: usize,
    /// Frames that came without a gap before them, and that a decoder could still do nothing with: they build on a frame that was
    /// not decoded. None may ever come.
    pub broken: usize,
    /// Whose the last packet was.
    pub mark: Option<u16>,
    /// When each was heard last, by mark.
    pub heard: BTreeMap<u16, Instant>,
    pub first_seq: Option<u64>,
    pub highest_seq: u64,
    frames: BTreeMap<u32, Frame>,
    last: Option<Decoded>,
    asked: Option<Instant>,
    pub key_frames_asked: usize,
}

#[derive(Default)]
struct Frame {
    seqs: Vec<u64>,
    first: Option<u64>,
    end: Option<u64>,
    picture_id: u16,
    key: bool,
    encoder: (u16, u8),
    number: u32,
    temporal: u8,
    tl0_pic_idx: u8,
    builds_on: [u32; REFERENCES],
}

/// The last frame that was decoded.
struct Decoded {
    picture_id: u16,
    tl0_pic_idx: u8,
    end: u64,
    /// Whose it is, and of which layer.
    encoder: (u16, u8),
    /// The frames that were decoded since the last key frame, as far as others may build on them.
    numbers: Vec<u32>,
    /// A frame was given up since then, so others may be without what they build on.
    gave_up: bool,
}

/// Frames that build on one are not further away.
const REMEMBERED: usize = 32;

/// Where in a payload of ours what is.
mod payload {
    pub const LAYER: usize = 7;
    pub const MARK: usize = 8;
    pub const FRAME: usize = 10;
    pub const CLOCK: usize = 14;
    pub const BUILDS_ON: usize = 22;
    pub const VIDEO_BYTES: usize = BUILDS_ON + 4 * super::REFERENCES;
    pub const AUDIO_MARK: usize = 1;
    pub const AUDIO_CLOCK: usize = 3;
}

impl Participant {
    /// A browser that sends its camera on an m-line of its own and receives video on others.
    pub fn new(address: SocketAddr, video_slots: usize, now: Instant) -> (Participant, String) {
        Participant::with_camera(address, Direction::SendOnly, video_slots, now)
    }

    /// `SendRecv`: the camera's m-line is a slot as well, the first.
    pub fn with_camera(address: SocketAddr, camera: Direction, video_slots: usize, now: Instant) -> (Participant, String) {
        Participant::with_slots(address, camera, video_slots, 1, now)
    }

    /// With so many slots for sound, of which the microphone's m-line is the first.
    pub fn with_slots(
        address: SocketAddr,
        camera_direction: Direction,
        video_slots: usize,
        audio_slots: usize,
        now: Instant,
    ) -> (Participant, String) {
        let mut rtc = stack(address, now);
        let mut api = rtc.sdp_api();
        let microphone = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let simulcast = Simulcast {
            send: LAYERS.iter().map(|(rid, _)| SimulcastLayer::new(rid)).collect(),
            recv: Vec::new(),
        };
        let camera = api.add_media(MediaKind::Video, camera_direction, None, None, Some(simulcast));
        let shared = (camera_direction == Direction::SendRecv).then_some(camera);
        let added = (0..video_slots).map(|_| api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None));
        let slots = shared.into_iter().chain(added).collect();
        let further = (1..audio_slots).map(|_| api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        let audio_slots = [microphone].into_iter().chain(further).collect();
        let (offer, pending) = api.apply().expect("there is something to negotiate");
        let layers = LAYERS.map(|(rid, packets)| (Some(Rid::from(rid)), packets));
        let lines = Lines {
            microphone,
            camera,
            slots,
            audio_slots,
        };
        let mut participant = Participant::assemble(address, rtc, lines, &layers, now);
        participant.pending = Some(pending);
        participant.drain(now);
        (participant, offer.to_sdp_string())
    }

    /// One that offers to another browser, and not to an SFU: one m-line each for microphone and camera.
    pub fn offer_directly(address: SocketAddr, now: Instant) -> (Participant, String) {
        let mut rtc = stack(address, now);
        let mut api = rtc.sdp_api();
        let microphone = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let camera = api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().expect("there is something to negotiate");
        let mut participant = Participant::assemble(address, rtc, Lines::of_two(microphone, camera), &[DIRECT_LAYER], now);
        participant.pending = Some(pending);
        participant.drain(now);
        (participant, offer.to_sdp_string())
    }

    /// The one that answers such an offer; none to another one, or to what is none.
    pub fn answer_directly(address: SocketAddr, offer: &str, now: Instant) -> Option<(Participant, String)> {
        let mut rtc = stack(address, now);
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer).ok()?).ok()?;
        let mut mids = offer.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(Mid::from);
        let lines = Lines::of_two(mids.next()?, mids.next()?);
        let mut participant = Participant::assemble(address, rtc, lines, &[DIRECT_LAYER], now);
        participant.drain(now);
        Some((participant, answer.to_sdp_string()))
    }

    fn assemble(address: SocketAddr, rtc: Rtc, lines: Lines, layers: &[(Option<Rid>, usize)], now: Instant) -> Participant {
        Participant {
            address,
            rtc,
            connected: false,
            is_closed: false,
            pending: None,
            deadline: now,
            sends: Vec::new(),
            microphone: lines.microphone,
            camera: lines.camera,
            slots: lines.slots,
            audio_slots: lines.audio_slots,
            layers: layers
                .iter()
                .enumerate()
                .map(|(n, (rid, packets))| Encoder {
                    rid: *rid,
                    packets: *packets,
                    seq: 100,
                    timestamp: 7_000_000 * n as u32,
                    picture_id: 32_700 - 100 * n as u16,
                    frame: 0,
                    tl0_pic_idx: 250 - n as u8,
                    temporal: Temporal::new(1),
                    key_frame_due: true,
                    active: true,
                    limit_bps: u32::MAX,
                    debt_bytes: 0.0,
                    exists: true,
                })
                .collect(),
            publishing: false,
            next_frame: now,
            next_audio: now,
            audio_seq: 100,
            audio_ticks: 100,
            audio_level: -30,
            dtx: false,
            microphone_on: true,
            camera_on: true,
            frame_every: FRAME_EVERY,
            packet_bytes_max: PACKET_BYTES,
            mark: address.port(),
            sends_red: false,
            key_frames_sent: 0,
            stopwatch: None,
            received: BTreeMap::new(),
        }
    }

    /// A further slot, by a second offer.
    pub fn offer_slot(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        let slot = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().expect("there is something to negotiate");
        self.slots.push(slot);
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An ICE restart.
    pub fn offer_restart(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().expect("there is something to negotiate");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub fn accept_answer(&mut self, sdp: &str, now: Instant) {
        let answer = SdpAnswer::from_sdp_string(sdp).expect("the answer is SDP");
        if let Some(pending) = self.pending.take() {
            self.rtc
                .sdp_api()
                .accept_answer(pending, answer)
                .expect("the answer fits the offer");
            // A browser resends what it is asked for.
            for layer in &self.layers {
                let mut api = self.rtc.direct_api();
                if let Some(stream) = api.stream_tx_by_mid(self.camera, layer.rid) {
                    stream.set_rtx_cache(1000, Duration::from_secs(1), None);
                }
            }
        }
        self.drain(now);
    }

    /// Starts the camera and the microphone.
    pub fn publish(&mut self, now: Instant) {
        self.publishing = true;
        self.next_frame = now;
        self.next_audio = now;
    }

    /// The camera is too small for this layer.
    pub fn forgo_layer(&mut self, rid: &str) {
        for layer in self.layers.iter_mut().filter(|l| l.rid == Some(Rid::from(rid))) {
            layer.exists = false;
        }
    }

    /// The camera has one layer, and sends as many packets as it is told.
    pub fn send_plainly(&mut self, traffic: &Traffic) {
        self.frame_every = traffic.burst_every();
        self.packet_bytes_max = traffic.video_bytes;
        if let Some((top, others)) = self.layers.split_last_mut() {
            top.packets = traffic.burst.max(1) as usize;
            others.iter_mut().for_each(|layer| layer.exists = false);
        }
    }

    /// The camera is sent with so many temporal layers from now on.
    pub fn use_temporal_layers(&mut self, layers: usize) {
        for encoder in &mut self.layers {
            encoder.temporal = Temporal::new(layers);
            encoder.key_frame_due = true;
        }
    }

    /// What the SFU wants of the camera.
    pub fn want(&mut self, layers: &[(Option<String>, bool, u32)]) {
        for (rid, active, limit_bps) in layers {
            let encoder = self.layers.iter_mut().find(|l| l.rid.map(|rid| rid.to_string()) == *rid);
            if let Some(encoder) = encoder {
                // An encoder that is switched on starts with a key frame.
                encoder.key_frame_due |= *active && !encoder.active;
                encoder.active = *active;
                encoder.limit_bps = *limit_bps;
            }
        }
    }

    pub fn active_layers(&self) -> Vec<String> {
        let active = self.layers.iter().filter(|l| l.active);
        active.filter_map(|l| Some(l.rid?.to_string())).collect()
    }

    /// The m-line that the microphone is sent on.
    pub fn microphone(&self) -> Mid {
        self.microphone
    }

    /// The m-line that the camera is sent on.
    pub fn camera(&self) -> Mid {
        self.camera
    }

    pub fn handle_datagram(&mut self, source: SocketAddr, payload: &[u8], now: Instant) {
        let Ok(receive) = Receive::new(Protocol::Udp, source, self.address, payload) else {
            return;
        };
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.drain(now);
    }

    /// Says goodbye to the server; what has to be sent for it is in `sends`.
    pub fn close(&mut self, now: Instant) {
        self.publishing = false;
        let _ = self.rtc.close();
        self.drain(now);
    }

    pub fn poll_timeout(&self) -> Instant {
        let mut deadline = self.deadline;
        if self.publishing && self.connected {
            let tracks = [(self.camera_on, self.next_frame), (self.microphone_on, self.next_audio)];
            for (_, next) in tracks.iter().filter(|track| track.0) {
                deadline = deadline.min(*next);
            }
        }
        deadline
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.publishing && self.connected {
            while self.next_frame <= now {
                self.next_frame += self.frame_every;
                self.send_frames(now);
            }
            while self.next_audio <= now {
                self.next_audio += AUDIO_EVERY;
                self.send_audio(now);
            }
        }
        self.ask_for_repair(now);
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drain(now);
    }

    fn pt(&self, mid: Mid, audio: bool) -> Option<Pt> {
        let pts = self.rtc.media(mid)?.remote_pts();
        let params = self.rtc.codec_config().params().iter();
        params
            .filter(|p| p.spec().codec.is_audio() == audio && pts.contains(&p.pt()))
            .map(|p| p.pt())
            .next()
    }

    /// Nanoseconds on the clock that packets say.
    fn clock(&self, now: Instant) -> [u8; 8] {
        let since = |watch: &Stopwatch| now.saturating_duration_since(watch.epoch).as_nanos() as u64;
        self.stopwatch.as_ref().map_or(0, since).to_be_bytes()
    }

    fn send_frames(&mut self, now: Instant) {
        let clock = self.clock(now);
        let Some(pt) = self.pt(self.camera, false).filter(|_| self.camera_on) else {
            return;
        };
        for (index, encoder) in self.layers.iter_mut().enumerate() {
            encoder.timestamp = encoder.timestamp.wrapping_add((self.frame_every.as_millis() * 90) as u32);
            if !encoder.active || !encoder.exists {
                continue;
            }
            let key = std::mem::take(&mut encoder.key_frame_due);
            self.key_frames_sent += usize::from(key);
            encoder.picture_id = (encoder.picture_id + 1) & 0x7fff;
            encoder.frame += 1;
            let place = encoder.temporal.next(encoder.frame, key);
            encoder.tl0_pic_idx = encoder.tl0_pic_idx.wrapping_add(u8::from(place.layer == 0));
            let packets = if key { encoder.packets * 3 } else { encoder.packets };
            // What a key frame has more than it may, the frames after it have less.
            let allowed_bytes = f64::from(encoder.limit_bps) / 8.0 * self.frame_every.as_secs_f64();
            let frame_bytes = (allowed_bytes - encoder.debt_bytes / 5.0).max(0.0);
            let packet_bytes = ((frame_bytes / encoder.packets as f64) as usize).clamp(PACKET_BYTES_MIN, self.packet_bytes_max);
            encoder.debt_bytes = (encoder.debt_bytes + (packets * packet_bytes) as f64 - allowed_bytes).max(0.0);
            for n in 0..packets {
                let [high, low] = encoder.picture_id.to_be_bytes();
                let start = if n == 0 { 0x90 } else { 0x80 };
                let mut payload = vec![
                    start,
                    0xe0,
                    0x80 | high,
                    low,
                    encoder.tl0_pic_idx,
                    place.layer << 6 | u8::from(place.syncs) << 5,
                ];
                payload.extend([u8::from(!key), index as u8]);
                payload.extend(self.mark.to_be_bytes());
                payload.extend(encoder.frame.to_be_bytes());
                payload.extend(clock);
                place.builds_on.iter().for_each(|frame| payload.extend(frame.to_be_bytes()));
                payload.resize(packet_bytes, 0);
                let mut api = self.rtc.direct_api();
                let Some(stream) = api.stream_tx_by_mid(self.camera, encoder.rid) else {
                    return;
                };
                let write = RtpWrite::new(pt, encoder.seq.into(), encoder.timestamp, now, payload)
                    .marker(n + 1 == packets)
                    .nackable(true);
                stream.write_rtp(write);
                encoder.seq += 1;
            }
        }
    }

    fn send_audio(&mut self, now: Instant) {
        let clock = self.clock(now);
        let Some(mut pt) = self.pt(self.microphone, true).filter(|_| self.microphone_on) else {
            return;
        };
        let red = self
            .rtc
            .codec_config()
            .params()
            .iter()
            .find(|p| p.pt() == pt)
            .and_then(|p| p.red());
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.microphone, None) else {
            return;
        };
        self.audio_ticks += 1;
        const DTX_EVERY: u32 = 20;
        if self.dtx && self.audio_level < SPEECH_MIN && !self.audio_ticks.is_multiple_of(DTX_EVERY) {
            return;
        }
        let timestamp = self.audio_ticks * 960;
        let mut payload = vec![0x78; AUDIO_BYTES];
        payload[payload::AUDIO_MARK..][..2].copy_from_slice(&self.mark.to_be_bytes());
        payload[payload::AUDIO_CLOCK..][..8].copy_from_slice(&clock);
        if let Some(red) = red.filter(|_| self.sends_red) {
            let word = 1 << 31 | u32::from(*pt) << 24 | 960 << 10 | AUDIO_BYTES as u32;
            let mut wrapped = word.to_be_bytes().to_vec();
            wrapped.push(*pt);
            wrapped.extend([0; AUDIO_BYTES]);
            wrapped.append(&mut payload);
            (pt, payload) = (red, wrapped);
        }
        let level = ExtensionValues {
            audio_level: Some(self.audio_level),
            voice_activity: Some(self.audio_level >= SPEECH_MIN),
            ..ExtensionValues::default()
        };
        stream.write_rtp(RtpWrite::new(pt, self.audio_seq.into(), timestamp, now, payload).ext_vals(level));
        self.audio_seq += 1;
    }

    fn ask_for_repair(&mut self, now: Instant) {
        for (mid, receiver) in &mut self.received {
            if receiver.wants_key_frame(now)
                && let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(*mid, None)
            {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                receiver.asked = Some(now);
                receiver.key_frames_asked += 1;
            }
        }
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline.max(now);
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.sends.push((transmit.destination, transmit.contents.into())),
                Ok(Output::Event(event)) => self.handle_event(event, now),
                Err(_) => {
                    self.is_closed = true;
                    self.deadline = now + Duration::from_secs(3600);
                    return;
                }
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.is_closed = true,
            Event::KeyframeRequest(_) => {
                // Chromium sends one on every layer, whichever was asked.
                for encoder in &mut self.layers {
                    encoder.key_frame_due = true;
                }
            }
            Event::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                let Some(mid) = self.rtc.direct_api().stream_rx(&ssrc).map(|s| s.mid()) else {
                    return;
                };
                let audio = self.audio_slots.contains(&mid);
                if let Some(watch) = &mut self.stopwatch {
                    watch.read(&packet.payload, audio);
                }
                let receiver = self.received.entry(mid).or_default();
                receiver.packets += 1;
                receiver.bytes += packet.payload.len();
                receiver.first_seq.get_or_insert(*packet.seq_no);
                receiver.highest_seq = receiver.highest_seq.max(*packet.seq_no);
                if audio {
                    let is_red = |p: &PayloadParams| p.red() == Some(packet.header.payload_type);
                    receiver.red += usize::from(self.rtc.codec_config().params().iter().any(is_red));
                    receiver.handle_sound(&packet, now);
                } else {
                    receiver.handle_packet(&packet, now);
                }
            }
            _ => {}
        }
    }
}

fn stack(address: SocketAddr, now: Instant) -> Rtc {
    let mut rtc = Rtc::builder()
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, true)
        .enable_vp8(true)
        .build(now);
    rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
    rtc
}

impl Stopwatch {
    fn read(&mut self, payload: &[u8], audio: bool) {
        let at = if audio { payload::AUDIO_CLOCK } else { payload::CLOCK };
        let Some(clock) = payload.get(at..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let sent = Duration::from_nanos(u64::from_be_bytes(*clock));
        let now = self.arrived.saturating_duration_since(self.epoch);
        self.delays_us.push(now.saturating_sub(sent).as_micros() as u32);
    }
}

impl Frame {
    /// Whether all that it builds on was decoded.
    fn can_follow(&self, last: &Decoded) -> bool {
        self.encoder == last.encoder && self.builds_on.iter().all(|number| last.numbers.contains(number))
    }
}

impl Receiver {
    fn handle_sound(&mut self, packet: &RtpPacket, now: Instant) {
        let frame = packet.payload.len().saturating_sub(AUDIO_BYTES);
        self.mark = mark_at(&packet.payload, frame + payload::AUDIO_MARK);
        self.heard.extend(self.mark.map(|mark| (mark, now)));
        if let Some(last) = self.last_decoded {
            self.longest_gap = self.longest_gap.max(now.saturating_duration_since(last));
        }
        self.last_decoded = Some(now);
    }

    fn handle_packet(&mut self, packet: &RtpPacket, now: Instant) {
        let descriptor = Vp8Descriptor::parse(&packet.payload).expect("the payload is VP8 still");
        let frame = self.frames.entry(packet.header.timestamp).or_default();
        assert!(!frame.seqs.contains(&packet.seq_no), "a sequence number came twice");
        frame.seqs.push(*packet.seq_no);
        frame.picture_id = descriptor.picture_id().expect("it was sent with one");
        assert!(packet.payload.len() >= payload::VIDEO_BYTES, "the payload is whole");
        self.mark = mark_at(&packet.payload, payload::MARK);
        frame.encoder = (self.mark.unwrap_or_default(), packet.payload[payload::LAYER]);
        let number = packet.payload[payload::FRAME..].first_chunk().expect("it is long enough");
        frame.number = u32::from_be_bytes(*number);
        let (references, _) = packet.payload[payload::BUILDS_ON..].as_chunks();
        for (frame, bytes) in frame.builds_on.iter_mut().zip(references) {
            *frame = u32::from_be_bytes(*bytes);
        }
        // Our payloads have all of the descriptor that there can be.
        frame.tl0_pic_idx = packet.payload[4];
        frame.temporal = packet.payload[5] >> 6;
        if packet.payload[0] & 0x10 != 0 {
            frame.first = Some(*packet.seq_no);
            frame.key = descriptor.starts_keyframe(&packet.payload);
        }
        if packet.header.marker {
            frame.end = Some(*packet.seq_no);
        }
        self.decode(now);
    }

    /// Decodes what can be decoded: complete key frames, and complete frames that come right after the last one, or whose base
    /// layer does.
    fn decode(&mut self, now: Instant) {
        loop {
            let next = self.frames.iter().find(|(_, frame)| {
                let (Some(first), Some(end)) = (frame.first, frame.end) else {
                    return false;
                };
                let complete = frame.seqs.len() as u64 == end - first + 1;
                let follows = self.last.as_ref().is_some_and(|last| {
                    let is_next_base = frame.temporal == 0 && frame.tl0_pic_idx == last.tl0_pic_idx.wrapping_add(1);
                    is_next_base || (first == last.end + 1 && (frame.can_follow(last) || !last.gave_up))
                });
                let later = self.last.as_ref().is_none_or(|last| first > last.end);
                complete && later && (follows || frame.key)
            });
            let Some(timestamp) = next.map(|(timestamp, _)| *timestamp) else {
                return;
            };
            let frame = self.frames.remove(&timestamp).expect("it was just found");
            let (first, end) = (frame.first.expect("complete"), frame.end.expect("complete"));
            let (mut numbers, mut gave_up) = (Vec::new(), false);
            if let Some(last) = self.last.take() {
                let expected = last.tl0_pic_idx.wrapping_add(u8::from(frame.temporal == 0));
                if first == last.end + 1 {
                    self.picture_id_jumps += usize::from(frame.picture_id != (last.picture_id + 1) & 0x7fff);
                    self.tl0_jumps += usize::from(frame.tl0_pic_idx != expected);
                }
                self.broken += usize::from(!frame.key && !frame.can_follow(&last));
                if !frame.key {
                    (numbers, gave_up) = (last.numbers, last.gave_up || first != last.end + 1);
                }
            }
            if numbers.len() == REMEMBERED {
                numbers.remove(0);
            }
            numbers.push(frame.number);
            self.frames.retain(|_, f| f.first.is_none_or(|f| f > end));
            self.last = Some(Decoded {
                picture_id: frame.picture_id,
                tl0_pic_idx: frame.tl0_pic_idx,
                end,
                encoder: frame.encoder,
                numbers,
                gave_up,
            });
            self.temporal[usize::from(frame.temporal).min(REFERENCES - 1)] += 1;
            self.decoded += 1;
            self.key_frames += usize::from(frame.key);
            let layer = frame.encoder.1;
            self.layer = Some(layer);
            if self.layers_seen.last() != Some(&layer) {
                self.layers_seen.push(layer);
            }
            if let Some(last) = self.last_decoded {
                self.longest_gap = self.longest_gap.max(now.saturating_duration_since(last));
            }
            self.last_decoded = Some(now);
        }
    }

    /// Sequence numbers that never came. (A switch in the middle of a frame loses the rest of that frame, and no number.)
    pub fn missing(&self) -> u64 {
        self.first_seq
            .map_or(0, |first| self.highest_seq - first + 1 - self.packets as u64)
    }

    fn wants_key_frame(&self, now: Instant) -> bool {
        let waits = self.frames.len() > 2;
        let stuck = self.last_decoded.is_none_or(|at| now >= at + REPAIR_WITHIN);
        waits && stuck && self.asked.is_none_or(|at| now >= at + REPAIR_WITHIN)
    }
}

/// Whose a payload is.
fn mark_at(payload: &[u8], at: usize) -> Option<u16> {
    let mark = payload.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*mark))
}
