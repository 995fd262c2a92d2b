//! The server's end of one participant's WebRTC connection: the only place that calls str0m's `Rtc`, and the fault boundary.
//!
//! `Rtc` wants every mutation followed by a drain of its outputs, and it may panic or run on and on whatever we do. So
//! [`Transport::mutate`] is the one door to it: it drains, counts, and catches. A transport that failed there is never called again.

mod negotiation;
mod reports;
mod resend;
mod sending;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::bwe::BweKind;
use str0m::media::{KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{Receive, TcpType};
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, RtcError};

use super::budget::Budget;
use super::candidates::Candidates;
use super::certificate::Certificate;
use super::codec::Format;
use super::consent::Consent;
use super::egress::Egress;
use super::feedback::{Register, Told};
use super::flow::Flow;
use super::handle::{InjectedFault, LostReason};
use super::handshake;
use super::media::{Extensions, MediaPacket, ReceiveLine, Send, SlotLine};
use super::pace::Pace;
use super::rewrite::Numbers;
use super::rtcp;
use super::sdp::SendStream;
use super::seal::Opener;
use super::tap;
use super::ways::Ways;

/// From the offer to ICE and DTLS being up (threats T8).
const JOIN_DEADLINE: Duration = Duration::from_secs(15);

/// From ICE being up to DTLS being up. A forged ClientHello can stall the handshake of a DTLS server for good; after this the
/// browser offers once more and we are the DTLS client (threats 1.3).
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(3);

/// ICE-lite sees no consent for 15 s before it says disconnected (RFC 7675 section 5.1 allows 30 s); a moment more for an ICE restart.
const DISCONNECTED_GRACE: Duration = Duration::from_secs(3);

/// Outputs that one call may have. A page of key frames is hundreds.
const OUTPUTS_MAX: usize = 20_000;

/// How often str0m is asked for statistics: a receiver's report in them proves that our browser is there. Each wakes the worker, for
/// connections that are silent as well, and reports come no more often than that.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What transports want done.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Datagrams, in order.
    pub sends: Vec<Send>,
    /// All else, in order.
    pub others: Vec<TransportOutput>,
    /// Buffers of datagrams that were sent, for others.
    pub spare: Vec<Vec<u8>>,
}

impl Outputs {
    fn push(&mut self, output: TransportOutput) {
        self.others.push(output);
    }
}

/// What a transport wants done besides.
#[derive(Debug)]
pub enum TransportOutput {
    Media(MediaPacket),
    /// The subscriber needs a key frame in this slot.
    KeyFrameWanted(Mid),
    /// What the participant's network is thought to take, in bits per second.
    Budget(u64),
    /// That has fallen so deep that what is missing of pictures is not sent any more.
    Broken,
    /// It is over; nothing more comes.
    Lost(LostReason),
}

/// What an offer made of a transport.
#[derive(Debug)]
pub struct Answer {
    pub sdp: String,
    /// Our ufrag since this answer.
    pub ufrag: String,
    pub slots: Vec<SlotLine>,
    pub lines: Vec<ReceiveLine>,
}

/// An offer was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("the offer could not be read: {0}")]
    Unreadable(String),
    #[error("the offer could not be answered: {0}")]
    Unanswerable(String),
    #[error("too many connections are being made: try again in a moment")]
    Busy,
    /// The transport is not usable any more, and has to go.
    #[error("the connection failed inside the server")]
    Fault,
}

/// A mutation of `Rtc` went wrong.
enum Fault {
    Panicked,
    Endless,
    Error(RtcError),
}

/// One participant's connection.
pub struct Transport {
    rtc: str0m::Rtc,
    /// When `rtc` wants to be called.
    rtc_deadline: Instant,
    state: State,
    disconnected_since: Option<Instant>,
    ways: Ways,
    consent: Consent,
    /// Whether we are the client of the DTLS handshake.
    is_dtls_client: bool,
    budget: Budget,
    pace: Pace,
    egress: Egress,
    leaves_by: sending::LeavesBy,
    /// Whether the last input brought what only our browser can have sent: media that came through decryption, or a report on ours.
    proved: bool,
    formats: Vec<(Pt, Format)>,
    lines: Vec<ReceiveLine>,
    named: Vec<SendStream>,
    /// Which m-line and layer an SSRC is. Few, so a list is the fastest map.
    sources: Vec<(Ssrc, Mid, Option<Rid>)>,
    /// M-lines whose send streams are set up.
    sending: Vec<Sending>,
    /// Packets kept for each that is video.
    resend_packets: usize,
    /// The id of the header extension with a packet's number over the whole transport.
    number_id: Option<u8>,
    register: Register,
    told: Vec<Told>,
    /// For feedback, from the first report on, which str0m decrypts.
    opener: Option<Opener>,
    compound: Vec<u8>,
    began: Instant,
    injected: Option<InjectedFault>,
}

struct Sending {
    mid: Mid,
    ssrc: u32,
    is_video: bool,
}

enum State {
    Connecting { until: Instant, ice_since: Option<Instant> },
    Connected,
    Lost,
}

/// Everything that a new transport needs besides the offer.
pub struct TransportConfig<'a> {
    pub certificate: &'a Certificate,
    pub candidates: Candidates,
    /// Whether we start the DTLS handshake, because waiting for the browser's stalled before.
    pub dtls_client: bool,
}

impl Transport {
    /// Makes a transport out of a browser's offer.
    pub fn accept(
        offer: &str,
        config: TransportConfig<'_>,
        now: Instant,
        out: &mut Outputs,
    ) -> Result<(Transport, Answer), OfferError> {
        let built = catch_unwind(AssertUnwindSafe(|| {
            let mut rtc = str0m::Rtc::builder()
                .set_ice_lite(true)
                .set_rtp_mode(true)
                .set_crypto_provider(tap::provider())
                .set_dtls_cert(config.certificate.to_str0m())
                .clear_codecs()
                // In the order in which browsers are to prefer them.
                .enable_opus(true, true)
                .enable_vp8(true)
                .enable_vp9(true)
                .enable_h264(true)
                .enable_av1(true)
                .set_send_buffer_video(resend::PACKETS)
                .set_stats_interval(Some(REPORT_EVERY))
                .build(now);
            for address in &config.candidates.udp {
                if let Ok(candidate) = Candidate::builder().udp().host(*address).build() {
                    rtc.add_local_candidate(candidate);
                }
            }
            for address in &config.candidates.tcp {
                if let Ok(candidate) = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build() {
                    rtc.add_local_candidate(candidate);
                }
            }
            if config.dtls_client {
                rtc.direct_api().start_dtls(true)?;
            }
            Ok::<_, RtcError>(rtc)
        }));
        let rtc = match built {
            Ok(Ok(rtc)) => rtc,
            Ok(Err(error)) => return Err(OfferError::Unanswerable(error.to_string())),
            Err(_) => return Err(OfferError::Fault),
        };
        let mut transport = Transport {
            rtc,
            rtc_deadline: now,
            state: State::Connecting {
                until: now + JOIN_DEADLINE,
                ice_since: None,
            },
            disconnected_since: None,
            ways: Ways::new(config.candidates),
            consent: Consent::default(),
            is_dtls_client: false,
            budget: Budget::default(),
            pace: Pace::default(),
            egress: Egress::new(resend::PACKETS, now),
            leaves_by: sending::LeavesBy::Unknown,
            proved: false,
            formats: Vec::new(),
            lines: Vec::new(),
            named: Vec::new(),
            sources: Vec::new(),
            sending: Vec::new(),
            resend_packets: resend::PACKETS,
            number_id: None,
            register: Register::default(),
            told: Vec::new(),
            opener: None,
            compound: Vec::new(),
            began: now,
            injected: None,
        };
        let answer = transport.negotiate(offer, now, out)?;
        Ok((transport, answer))
    }

    /// Takes a datagram. `verify` asks whether a connectivity check really is from our browser: true is the only answer that makes
    /// its source address known, and nothing but checks may come from an address before. Returns whether it was taken.
    pub fn handle_datagram(&mut self, flow: Flow, datagram: &[u8], verify: bool, now: Instant, out: &mut Outputs) -> bool {
        if matches!(self.state, State::Connecting { .. }) && !handshake::may_come(datagram, self.is_dtls_client) {
            return false;
        }
        if !verify && self.take_feedback(datagram, now, out) {
            self.ways.used(flow, datagram);
            self.stand_in(Some(flow), now, out);
            return true;
        }
        let (protocol, destination) = self.ways.arrived(flow);
        let mut taken = true;
        let is_report = rtcp::is_rtcp(datagram);
        let mut heard = tap::Heard::default();
        self.proved = false;
        let result = self.mutate(now, out, |rtc, now| {
            let Ok(receive) = Receive::new(protocol, flow.remote, destination, datagram) else {
                taken = false;
                return Ok(());
            };
            let input = Input::Receive(now, receive);
            if verify && !rtc.accepts(&input) {
                taken = false;
                return Ok(());
            }
            if !is_report {
                return rtc.handle_input(input);
            }
            let done;
            (done, heard) = tap::listen(|| rtc.handle_input(input));
            done
        });
        match result {
            Ok(()) => {
                if !heard.bytes.is_empty() {
                    self.proved = true;
                    self.opener = self.opener.take().or_else(|| Opener::like(&heard.by?));
                    let clear = datagram.get(..rtcp::CLEAR).unwrap_or_default();
                    let compound = [clear, &heard.bytes].concat();
                    self.guard(out, |transport, out| transport.handle_reports(&compound, now, out));
                }
                if taken && !verify {
                    self.ways.used(flow, datagram);
                }
                if taken {
                    self.consent.arrived(datagram, now);
                }
                self.stand_in(Some(flow), now, out);
                taken
            }
            Err(Fault::Panicked | Fault::Endless) => {
                self.lose(LostReason::Fault, out);
                false
            }
            // Whoever forges a plaintext DTLS alert gets here. The handshake survives it when it is ignored (threats 1.3).
            Err(Fault::Error(_)) if self.rtc_is_alive() => false,
            Err(Fault::Error(_)) => {
                self.lose(self.reason_of_end(), out);
                false
            }
        }
    }

    /// Asks the browser for a key frame on these layers of an m-line.
    pub fn request_key_frames(&mut self, mid: Mid, rids: &[Option<Rid>], now: Instant, out: &mut Outputs) {
        self.drive(now, out, |rtc, now| {
            let mut api = rtc.direct_api();
            for rid in rids {
                if let Some(stream) = api.stream_rx_by_mid(mid, *rid) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
            rtc.handle_input(Input::Timeout(now))
        });
    }

    /// What we would like to send: the budget rises as far.
    pub fn set_desired_bitrate(&mut self, desired_bps: u64) {
        self.budget.set_desired(desired_bps);
    }

    /// Call when `poll_timeout` has passed.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outputs) {
        match self.state {
            State::Connecting {
                ice_since: Some(since), ..
            } if now >= since + HANDSHAKE_DEADLINE => self.lose(LostReason::Handshake, out),
            State::Connecting { until, .. } if now >= until => self.lose(LostReason::Timeout, out),
            _ if self.disconnected_since.is_some_and(|since| now >= since + DISCONNECTED_GRACE) => {
                self.lose(LostReason::Timeout, out);
            }
            _ => {
                if self.pace.poll_timeout().is_some_and(|at| at <= now) {
                    self.write(&mut Vec::new(), now, out);
                }
                if self.rtc_deadline <= now {
                    self.drive(now, out, |rtc, now| rtc.handle_input(Input::Timeout(now)));
                }
            }
        }
    }

    /// Says for a browser that is there, and by which flow, that it is.
    fn stand_in(&mut self, flow: Option<Flow>, now: Instant, out: &mut Outputs) {
        if let Some(flow) = flow.filter(|_| self.proved)
            && let Some(check) = self.consent.stand_in(now)
        {
            self.handle_datagram(flow, &check, false, now, out);
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ours = match self.state {
            State::Lost => return None,
            State::Connecting { until, ice_since } => {
                Some(ice_since.map_or(until, |since| until.min(since + HANDSHAKE_DEADLINE)))
            }
            State::Connected => self.disconnected_since.map(|since| since + DISCONNECTED_GRACE),
        };
        let due = [ours, self.pace.poll_timeout()].into_iter().flatten().min();
        Some(due.map_or(self.rtc_deadline, |due| due.min(self.rtc_deadline)))
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Ends the connection politely, as far as the network lets us.
    pub fn close(&mut self, now: Instant, out: &mut Outputs) {
        let _ = self.mutate(now, out, |rtc, now| {
            rtc.close()?;
            rtc.handle_input(Input::Timeout(now))
        });
        self.state = State::Lost;
    }

    /// Breaks `Rtc` from the next call on: how a test shows what a fault costs, and whom.
    pub fn inject(&mut self, fault: InjectedFault) {
        self.injected = Some(fault);
    }

    /// A mutation whose failure ends the transport.
    fn drive(&mut self, now: Instant, out: &mut Outputs, f: impl FnOnce(&mut str0m::Rtc, Instant) -> Result<(), RtcError>) {
        self.proved = false;
        match self.mutate(now, out, f) {
            Ok(()) => self.stand_in(self.ways.active(), now, out),
            Err(Fault::Panicked | Fault::Endless) => self.lose(LostReason::Fault, out),
            Err(Fault::Error(_)) => self.lose(self.reason_of_end(), out),
        }
    }

    /// What is done beside `Rtc` ends no more than the transport either, if it panics.
    fn guard(&mut self, out: &mut Outputs, deed: impl FnOnce(&mut Transport, &mut Outputs)) {
        if catch_unwind(AssertUnwindSafe(|| deed(self, out))).is_err() {
            self.lose(LostReason::Fault, out);
        }
    }

    /// The one door to `Rtc`: does one thing to it, and drains what comes of it.
    fn mutate(
        &mut self,
        now: Instant,
        out: &mut Outputs,
        f: impl FnOnce(&mut str0m::Rtc, Instant) -> Result<(), RtcError>,
    ) -> Result<(), Fault> {
        if matches!(self.state, State::Lost) {
            return Ok(());
        }
        let mut counts = std::mem::take(self.egress.counts());
        let done = catch_unwind(AssertUnwindSafe(|| {
            assert!(self.injected != Some(InjectedFault::Panic), "a fault was injected for a test");
            tap::count(&mut counts, || {
                let done = f(&mut self.rtc, now).map_err(Fault::Error);
                for _ in 0..OUTPUTS_MAX {
                    match self.rtc.poll_output().map_err(Fault::Error)? {
                        Output::Timeout(_) if self.injected == Some(InjectedFault::Endless) => {}
                        Output::Timeout(deadline) => {
                            self.rtc_deadline = deadline;
                            return done;
                        }
                        Output::Transmit(transmit) => self.transmit(transmit, now, out),
                        Output::Event(event) => self.handle_event(event, now, out),
                    }
                }
                Err(Fault::Endless)
            })
        }));
        *self.egress.counts() = counts;
        let done = done.unwrap_or(Err(Fault::Panicked));
        if done.is_ok() && !self.rtc_is_alive() {
            self.lose(self.reason_of_end(), out);
        }
        done
    }

    fn handle_event(&mut self, event: Event, now: Instant, out: &mut Outputs) {
        match event {
            Event::RtpPacket(packet) => {
                self.proved = true;
                if let Some(packet) = self.read_packet(packet) {
                    out.push(TransportOutput::Media(packet));
                }
            }
            // None came in the interval before where the share of what was lost is not known.
            Event::MediaEgressStats(reported) => {
                self.proved |= reported.loss.is_some();
                if let Some(round_trip) = reported.rtt {
                    self.measure_distance(round_trip);
                }
            }
            Event::KeyframeRequest(request) => out.push(TransportOutput::KeyFrameWanted(request.mid)),
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                self.tell_budget(out, |budget| budget.handle_remote_estimate(estimate.as_u64()));
            }
            Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed) => {
                self.disconnected_since = None;
                if let State::Connecting { ice_since, .. } = &mut self.state {
                    ice_since.get_or_insert(now);
                }
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) if self.is_connected() => {
                self.disconnected_since.get_or_insert(now);
            }
            Event::Connected => self.state = State::Connected,
            Event::Closed => self.lose(LostReason::Closed, out),
            _ => {}
        }
    }

    /// Something is known of the network: passes the budget on if it is another one.
    fn tell_budget(&mut self, out: &mut Outputs, tell: impl FnOnce(&mut Budget)) {
        tell(&mut self.budget);
        out.others.extend(self.budget.poll_changed().map(TransportOutput::Budget));
        if !self.budget.poll_collapsed() {
            return;
        }
        // A smaller picture is on its way: to send what is missing of the larger one again would only delay it.
        self.pace.clear();
        self.empty_resend_caches();
        out.push(TransportOutput::Broken);
    }

    fn read_packet(&mut self, packet: RtpPacket) -> Option<MediaPacket> {
        let ssrc = packet.header.ssrc;
        let known = self.sources.iter().find(|s| s.0 == ssrc).map(|s| (s.1, s.2));
        let (mid, rid) = match known {
            Some(known) => known,
            None => {
                let mut api = self.rtc.direct_api();
                let stream = api.stream_rx(&ssrc)?;
                let (mid, rid) = (stream.mid(), stream.rid());
                const SOURCES_MAX: usize = 64;
                if self.sources.len() == SOURCES_MAX {
                    self.sources.remove(0);
                }
                self.sources.push((ssrc, mid, rid));
                (mid, rid)
            }
        };
        let format = self.formats.iter().find(|f| f.0 == packet.header.payload_type)?.1;
        let (part, picture_id, tl0_pic_idx) = format.codec.read(&packet.payload, packet.header.marker);
        Some(MediaPacket {
            mid,
            rid,
            ssrc: *ssrc,
            format,
            numbers: Numbers {
                seq: *packet.seq_no,
                timestamp: packet.header.timestamp,
                picture_id,
                tl0_pic_idx,
            },
            part,
            marker: packet.header.marker,
            extensions: Extensions {
                audio_level: packet.header.ext_vals.audio_level,
                voice_activity: packet.header.ext_vals.voice_activity,
                orientation: packet.header.ext_vals.video_orientation,
            },
            payload: packet.payload,
        })
    }

    fn lose(&mut self, reason: LostReason, out: &mut Outputs) {
        if !matches!(self.state, State::Lost) {
            self.state = State::Lost;
            out.push(TransportOutput::Lost(reason));
        }
    }

    fn reason_of_end(&self) -> LostReason {
        match self.state {
            State::Connecting { .. } => LostReason::Handshake,
            State::Connected | State::Lost => LostReason::Closed,
        }
    }

    fn rtc_is_alive(&self) -> bool {
        self.rtc.is_alive()
    }
}
