//! Offers and answers: what a transport may send and receive on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::Input;
use str0m::change::SdpOffer;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::{Extension, ExtensionMap};

use super::resend::set_up_video;
use super::{Answer, Fault, OfferError, Outputs, Sending, Transport};
use crate::sfu::codec::{self, Format};
use crate::sfu::egress::{ExtensionIds, StreamLine};
use crate::sfu::media::{ReceiveLine, SlotLine};
use crate::sfu::sdp::{self, SendStream};

impl Transport {
    /// Answers a further offer of the same browser: more slots, or an ICE restart (after which our ufrag is another).
    pub fn negotiate(&mut self, offer: &str, now: Instant, out: &mut Outputs) -> Result<Answer, OfferError> {
        let parsed =
            catch_unwind(|| SdpOffer::from_sdp_string(offer)).map_err(|_| OfferError::Unreadable("it is no SDP".to_owned()))?;
        let parsed = parsed.map_err(|error| OfferError::Unreadable(error.to_string()))?;
        let mut answered = None;
        let result = self.mutate(now, out, |rtc, now| {
            answered = Some(rtc.sdp_api().accept_offer(parsed).map(|answer| answer.to_sdp_string()));
            // An answer is of no use without the time that it was given at.
            rtc.handle_input(Input::Timeout(now))
        });
        match result {
            Err(Fault::Panicked | Fault::Endless) => return Err(OfferError::Fault),
            Err(Fault::Error(error)) => return Err(OfferError::Unanswerable(error.to_string())),
            Ok(()) => {}
        }
        let sdp = match answered {
            Some(Ok(sdp)) => sdp,
            Some(Err(error)) => return Err(OfferError::Unanswerable(error.to_string())),
            None => return Err(OfferError::Fault),
        };
        self.sources.clear();
        self.is_dtls_client = sdp.contains("a=setup:active");
        self.read_lines(offer, sdp, now, out)
    }

    /// What was negotiated: the m-lines that the server may send on (declaring the streams that str0m left out) and receive on.
    fn read_lines(&mut self, offer: &str, sdp: String, now: Instant, out: &mut Outputs) -> Result<Answer, OfferError> {
        let mids: Vec<Mid> = sdp.lines().filter_map(|l| l.strip_prefix("a=mid:")).map(Mid::from).collect();
        let lines = &mut self.lines;
        lines.clear();
        let mut answer = Answer {
            sdp: String::new(),
            ufrag: String::new(),
            slots: Vec::new(),
            lines: Vec::new(),
        };
        let formats = &mut self.formats;
        let named = &mut self.named;
        let consent = &mut self.consent;
        let known = std::mem::take(&mut self.sending);
        let number_id = &mut self.number_id;
        let resend_packets = self.resend_packets;
        let slots = &mut answer.slots;
        let ufrag = &mut answer.ufrag;
        let mut streams = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let negotiated = self.rtc.codec_config().params().to_vec();
            *formats = negotiated.iter().flat_map(codec::formats_of).collect();
            let ours = self.rtc.direct_api().local_ice_credentials();
            consent.negotiated(offer, &ours);
            *ufrag = ours.ufrag;
            for mid in mids {
                let Some(media) = self.rtc.media(mid) else { continue };
                let is_video = media.kind() == MediaKind::Video;
                let (sends, receives) = (media.direction().is_sending(), media.direction().is_receiving());
                let payload_types: Vec<(Format, Pt)> = negotiated
                    .iter()
                    .filter(|params| media.remote_pts().contains(&params.pt()))
                    .flat_map(codec::formats_of)
                    .map(|(pt, format)| (format, pt))
                    .collect();
                if receives {
                    lines.push(ReceiveLine {
                        mid,
                        is_video,
                        rids: sdp::rids_of(&sdp, mid),
                    });
                }
                if !sends || payload_types.is_empty() {
                    continue;
                }
                let ids = extension_ids(media.remote_extmap());
                *number_id = ids.number.or(*number_id);
                let mut api = self.rtc.direct_api();
                let (ssrc, rtx) = match api.stream_tx_by_mid(mid, None) {
                    Some(stream) => {
                        // Once only: it empties the cache.
                        if is_video && !known.iter().any(|line| line.mid == mid && line.is_video) {
                            set_up_video(stream, resend_packets);
                        }
                        (stream.ssrc(), stream.rtx())
                    }
                    // str0m makes none where the browser sends simulcast on the same m-line, and its answer does not name it.
                    None => {
                        let (ssrc, rtx) = (api.new_ssrc(), is_video.then(|| api.new_ssrc()));
                        let stream = api.declare_stream_tx(ssrc, rtx, mid, None);
                        if is_video {
                            set_up_video(stream, resend_packets);
                        }
                        named.push(SendStream {
                            mid: mid.to_string(),
                            ssrc: *ssrc,
                            rtx: rtx.map(|rtx| *rtx),
                        });
                        (ssrc, rtx)
                    }
                };
                streams.push(StreamLine {
                    mid: mid.to_string(),
                    ssrc: *ssrc,
                    rtx_ssrc: rtx.map(|rtx| *rtx),
                    rtx_types: negotiated
                        .iter()
                        .filter_map(|params| Some((params.pt(), params.resend()?)))
                        .collect(),
                    ids,
                });
                slots.push(SlotLine {
                    mid,
                    is_video,
                    ssrc: *ssrc,
                    payload_types,
                });
            }
        }));
        if result.is_err() {
            return Err(OfferError::Fault);
        }
        self.egress.negotiated(streams);
        let sending = answer.slots.iter().map(|slot| Sending {
            mid: slot.mid,
            ssrc: slot.ssrc,
            is_video: slot.is_video,
        });
        self.sending = sending.collect();
        answer.lines = self.lines.clone();
        answer.sdp = sdp::place_candidates(&sdp::name_streams(&sdp, &self.named));
        match self.mutate(now, out, |rtc, now| rtc.handle_input(Input::Timeout(now))) {
            Err(Fault::Panicked | Fault::Endless) => Err(OfferError::Fault),
            Ok(()) | Err(Fault::Error(_)) => Ok(answer),
        }
    }
}

fn extension_ids(negotiated: &ExtensionMap) -> ExtensionIds {
    // Those of the one-byte form (RFC 8285 section 4.2).
    let id_of = |extension| negotiated.id_of(extension).filter(|id| (1..15).contains(id));
    ExtensionIds {
        mid: id_of(Extension::RtpMid),
        absolute_send_time: id_of(Extension::AbsoluteSendTime),
        number: id_of(Extension::TransportSequenceNumber),
        audio_level: id_of(Extension::AudioLevel),
        orientation: id_of(Extension::VideoOrientation),
    }
}
