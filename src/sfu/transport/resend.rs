//! What is kept of pictures so that it can be sent again when a browser says that it is missing.

use std::time::Duration;

use str0m::media::Mid;
use str0m::rtp::StreamTx;

use super::{Outputs, Sending, Transport, TransportOutput};
use crate::sfu::egress::{KEPT_FOR, RESENT_SHARE_MAX};
use crate::sfu::feedback::Told;

/// Packets kept for each video slot of a near browser: a third of a second of 2.5 Mbit/s, three times from here to there and back. They
/// are most of what a participant takes of memory.
pub(super) const PACKETS: usize = 96;

/// Of a browser that is further away than this: over a second of 2.5 Mbit/s.
const PACKETS_FAR: usize = 512;
const FAR_ROUND_TRIP: Duration = Duration::from_millis(100);

pub(super) fn set_up_video(stream: &mut StreamTx, packets: usize) {
    stream.set_rtx_cache(packets, KEPT_FOR, Some(RESENT_SHARE_MAX as f32));
    // `Pace` does that: str0m's pacer keeps pictures for up to 2 s where its estimate is low, and it often is.
    stream.set_unpaced(true);
}

/// The video slots of which something did not arrive that so many kept packets do not reach back to.
fn gone(told: &[Told], sending: &[Sending], kept: usize) -> Vec<Mid> {
    let mut gone = Vec::new();
    for packet in told {
        if packet.arrived_us.is_some() || (packet.behind as usize) < kept {
            continue;
        }
        let line = sending.iter().find(|line| line.is_video && line.ssrc == packet.ssrc);
        gone.extend(line.map(|line| line.mid).filter(|mid| !gone.contains(mid)));
    }
    gone
}

impl Transport {
    /// A picture that misses what is not kept any more, as after a moment without a network, stands still until there is a key frame, for
    /// which a browser waits three seconds before it asks.
    pub(super) fn ask_for_what_is_gone(&self, told: &[Told], out: &mut Outputs) {
        let gone = gone(told, &self.sending, self.resend_packets);
        out.others.extend(gone.into_iter().map(TransportOutput::KeyFrameWanted));
    }

    /// A browser that is far away asks late for what it misses.
    pub(super) fn measure_distance(&mut self, round_trip: Duration) {
        if round_trip > FAR_ROUND_TRIP && self.resend_packets < PACKETS_FAR {
            self.resend_packets = PACKETS_FAR;
            self.empty_resend_caches();
        }
    }

    pub(super) fn empty_resend_caches(&mut self) {
        self.egress.forget(self.resend_packets);
        for line in self.sending.iter().filter(|line| line.is_video) {
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(line.mid, None) {
                stream.set_rtx_cache(self.resend_packets, KEPT_FOR, Some(RESENT_SHARE_MAX as f32));
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_slot_is_told_once_of_what_is_kept_no_more() {
        let line = |mid: &str, ssrc, is_video| Sending {
            mid: Mid::from(mid),
            ssrc,
            is_video,
        };
        let sending = [line("0", 1, false), line("1", 2, true), line("2", 3, true)];
        let told = |ssrc, behind, arrived_us| Told {
            sent: Instant::now(),
            bytes: 1000,
            arrived_us,
            is_late: false,
            ssrc,
            behind,
        };
        let mids = |told: &[Told]| gone(told, &sending, 96).iter().map(Mid::to_string).collect::<Vec<_>>();
        assert_eq!(mids(&[told(2, 95, None), told(3, 20, None)]), [""; 0], "they are sent again");
        assert_eq!(mids(&[told(2, 400, Some(1))]), [""; 0], "it arrived");
        assert_eq!(mids(&[told(1, 400, None), told(77, 400, None)]), [""; 0], "no picture");
        assert_eq!(mids(&[told(2, 97, None), told(2, 96, None), told(3, 96, None)]), ["1", "2"]);
    }
}
