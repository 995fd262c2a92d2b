//! Media on its way out of a transport: through its egress, or through str0m where that cannot encrypt it.

use std::time::Instant;

use str0m::Input;
use str0m::net::Transmit;
use str0m::rtp::Ssrc;

use super::{Outputs, State, Transport};
use crate::sfu::egress::Sealed;
use crate::sfu::flow::Flow;
use crate::sfu::media::{self, Send, SlotPacket};
use crate::sfu::{feedback, tap};

/// Who encrypts media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeavesBy {
    /// Nothing has left yet.
    Unknown,
    Egress,
    /// str0m: the cipher is another one than AES-GCM.
    Rtc,
}

impl Transport {
    /// Sends media packets, all of one batch at once, as far as the link has room for them, and empties the list.
    pub fn write(&mut self, packets: &mut Vec<SlotPacket>, now: Instant, out: &mut Outputs) {
        if !matches!(self.state, State::Connected) {
            packets.clear();
            self.pace.clear();
            return;
        }
        self.pace.pass(packets, self.budget.limit_bps(), now);
        let mut left = packets.drain(..);
        while self.leaves_by == LeavesBy::Unknown {
            let Some(first) = left.next() else { return };
            self.write_by_rtc(std::slice::from_ref(&first), true, now, out);
            if self.leaves_by == LeavesBy::Egress {
                self.write_by_egress(std::iter::once(first), now, out);
            }
        }
        match self.leaves_by {
            LeavesBy::Egress => self.write_by_egress(left, now, out),
            LeavesBy::Rtc | LeavesBy::Unknown => self.write_by_rtc(left.as_slice(), true, now, out),
        }
    }

    fn write_by_egress(&mut self, packets: impl Iterator<Item = SlotPacket>, now: Instant, out: &mut Outputs) {
        // What is connected has sent more than checks, so it is known by which flow.
        let Some(flow) = self.ways.active() else { return };
        let mut shown = Vec::new();
        self.guard(out, |transport, out| {
            for packet in packets {
                if transport.egress.is_shown(&packet, now) {
                    shown.push(packet.clone());
                }
                let buffer = out.spare.pop().unwrap_or_default();
                if let Some(sealed) = transport.egress.seal(packet, now, buffer) {
                    transport.send(sealed, flow, now, out);
                }
            }
        });
        self.write_by_rtc(&shown, false, now, out);
    }

    fn write_by_rtc(&mut self, packets: &[SlotPacket], is_kept: bool, now: Instant, out: &mut Outputs) {
        if packets.is_empty() {
            return;
        }
        self.drive(now, out, |rtc, now| {
            for packet in packets {
                let mut api = rtc.direct_api();
                if let Some(stream) = api.stream_tx(&Ssrc::from(packet.ssrc)) {
                    stream.write_rtp(media::rtp_write(packet, now).nackable(is_kept && packet.is_video));
                }
            }
            rtc.handle_input(Input::Timeout(now))
        });
    }

    pub(super) fn send(&mut self, sealed: Sealed, flow: Flow, now: Instant, out: &mut Outputs) {
        let Sealed { datagram, ssrc, number } = sealed;
        if let Some(number) = number {
            self.register.leaves(number, ssrc, datagram.len(), now);
        }
        out.sends.push(Send { flow, payload: datagram });
    }

    /// str0m wants a datagram to be sent.
    pub(super) fn transmit(&mut self, transmit: Transmit, now: Instant, out: &mut Outputs) {
        let payload: Vec<u8> = transmit.contents.into();
        if let Some(ssrc) = media::ssrc_of(&payload) {
            if self.leaves_by == LeavesBy::Unknown {
                if let Some(sample) = tap::take_sample() {
                    self.egress.begin(&sample, &payload);
                }
                self.leaves_by = if self.egress.is_on() {
                    LeavesBy::Egress
                } else {
                    LeavesBy::Rtc
                };
            }
            if self.leaves_by == LeavesBy::Egress {
                return;
            }
            if let Some(number) = self.number_id.and_then(|id| feedback::number_of(&payload, id)) {
                self.register.leaves(number, ssrc, payload.len(), now);
            }
        }
        let flow = self
            .ways
            .leaving(transmit.proto, transmit.source, transmit.destination, &payload);
        out.sends.push(Send { flow, payload });
    }
}
