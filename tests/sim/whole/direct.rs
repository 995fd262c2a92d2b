//! A page's connection to the other page: full ICE with its own address and the one that the server's STUN answer shows it, and a
//! microphone. The impolite side offers, the polite side answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// RFC 8489 section 6.2.1 has 500 ms; browsers are quicker.
const STUN_AGAIN: Duration = Duration::from_millis(250);

/// RFC 8489: the magic cookie, and XOR-MAPPED-ADDRESS.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];

pub struct Direct {
    /// Where it is bound.
    pub base: SocketAddr,
    stun_server: SocketAddr,
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    /// Candidates that came before the description.
    early: Vec<Candidate>,
    is_described: bool,
    deadline: Instant,
    stun_due: Option<Instant>,
    audio: Option<Mid>,
    audio_due: Instant,
    audio_sent: u64,
    pub connected: bool,
    /// Packets of the other's microphone.
    pub heard: usize,
    pub sends: Vec<(SocketAddr, Vec<u8>)>,
    /// For the other, in order.
    pub signals: Vec<Value>,
}

impl Direct {
    pub fn new(base: SocketAddr, stun_server: SocketAddr, polite: bool, now: Instant) -> Direct {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .build(now);
        rtc.add_local_candidate(Candidate::host(base, "udp").expect("an address"));
        let mut direct = Direct {
            base,
            stun_server,
            rtc,
            pending: None,
            early: Vec::new(),
            is_described: false,
            deadline: now,
            stun_due: Some(now),
            audio: None,
            audio_due: now,
            audio_sent: 0,
            connected: false,
            heard: 0,
            sends: Vec::new(),
            signals: Vec::new(),
        };
        if !polite {
            let mut api = direct.rtc.sdp_api();
            direct.audio = Some(api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None));
            let (offer, pending) = api.apply().expect("there is something to negotiate");
            direct.pending = Some(pending);
            direct.describe("offer", &offer.to_sdp_string());
        }
        direct.drain(now);
        direct
    }

    fn describe(&mut self, sdp_type: &str, sdp: &str) {
        self.signals
            .push(json!({"kind": "description", "generation": 1, "sdp_type": sdp_type, "sdp": sdp}));
    }

    /// The other's step of the negotiation.
    pub fn handle_signal(&mut self, signal: &Value, now: Instant) {
        if signal["kind"] == "candidate" {
            if let Some(text) = signal["candidate"]["candidate"].as_str() {
                let candidate = Candidate::from_sdp_string(text).expect("a candidate line");
                self.early.push(candidate);
            }
        } else {
            let sdp = signal["sdp"].as_str().expect("a description has SDP");
            if signal["sdp_type"] == "offer" {
                let offer = SdpOffer::from_sdp_string(sdp).expect("SDP");
                self.audio = sdp.lines().find_map(|l| l.strip_prefix("a=mid:")).map(Mid::from);
                let answer = self.rtc.sdp_api().accept_offer(offer).expect("it can be answered");
                self.describe("answer", &answer.to_sdp_string());
            } else {
                let answer = SdpAnswer::from_sdp_string(sdp).expect("SDP");
                let pending = self.pending.take().expect("an answer has its offer");
                self.rtc.sdp_api().accept_answer(pending, answer).expect("it fits");
            }
            self.is_described = true;
        }
        if self.is_described {
            for candidate in self.early.drain(..) {
                self.rtc.add_remote_candidate(candidate);
            }
        }
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drain(now);
    }

    pub fn handle_datagram(&mut self, source: SocketAddr, payload: &[u8], now: Instant) {
        if source == self.stun_server {
            self.handle_stun(payload);
        } else if let Ok(receive) = Receive::new(Protocol::Udp, source, self.base, payload) {
            let _ = self.rtc.handle_input(Input::Receive(now, receive));
        }
        self.drain(now);
    }

    fn handle_stun(&mut self, answer: &[u8]) {
        let Some(mapped) = self.stun_due.and(mapped_address(answer)) else {
            return;
        };
        self.stun_due = None;
        if mapped == self.base {
            return;
        }
        let candidate = Candidate::server_reflexive(mapped, self.base, "udp").expect("an address");
        if let Some(added) = self.rtc.add_local_candidate(candidate) {
            let line = added.to_sdp_string();
            self.signals
                .push(json!({"kind": "candidate", "generation": 1, "candidate": {"candidate": line, "sdp_m_line_index": 0}}));
        }
    }

    pub fn poll_timeout(&self) -> Instant {
        let mut next = self.stun_due.map_or(self.deadline, |due| due.min(self.deadline));
        if self.connected {
            next = next.min(self.audio_due);
        }
        next
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.stun_due.is_some_and(|due| due <= now) {
            self.stun_due = Some(now + STUN_AGAIN);
            let mut request = vec![0, 1, 0, 0];
            request.extend(COOKIE);
            request.extend([9; 12]);
            self.sends.push((self.stun_server, request));
        }
        while self.connected && self.audio_due <= now {
            self.audio_due = self.audio_due.max(now) + AUDIO_EVERY;
            self.send_audio(now);
        }
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drain(now);
    }

    fn send_audio(&mut self, now: Instant) {
        let Some(mid) = self.audio else { return };
        let pt = self.rtc.media(mid).and_then(|media| media.remote_pts().first().copied());
        let mut api = self.rtc.direct_api();
        let (Some(pt), Some(stream)) = (pt, api.stream_tx_by_mid(mid, None)) else {
            return;
        };
        let (seq, timestamp) = (self.audio_sent, self.audio_sent as u32 * 960);
        stream.write_rtp(RtpWrite::new(pt, seq.into(), timestamp, now, vec![0x78; 80]));
        self.audio_sent += 1;
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline.max(now);
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.sends.push((transmit.destination, transmit.contents.into())),
                Ok(Output::Event(Event::Connected)) => {
                    self.connected = true;
                    self.audio_due = now;
                }
                Ok(Output::Event(Event::RtpPacket(_))) => self.heard += 1,
                Ok(Output::Event(_)) => {}
                Err(_) => {
                    self.connected = false;
                    self.deadline = now + Duration::from_secs(3600);
                    return;
                }
            }
        }
    }
}

/// RFC 8489 section 14.2, IPv4.
fn mapped_address(answer: &[u8]) -> Option<SocketAddr> {
    let value = answer.get(20..)?.strip_prefix(&XOR_MAPPED_ADDRESS)?.get(2..10)?;
    let port = u16::from_be_bytes([value[2] ^ COOKIE[0], value[3] ^ COOKIE[1]]);
    let ip: [u8; 4] = std::array::from_fn(|n| value[4 + n] ^ COOKIE[n]);
    Some(SocketAddr::from((ip, port)))
}
