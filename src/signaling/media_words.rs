//! What the hub and the SFU say to each other, each in its own words (D).

use super::output::{MediaFact, MediaNews, MediaRequest};
use super::protocol::{ErrorCode, Slot, TransportLostReason, WantedLayer};
use crate::sfu::handle::{LostReason, Offer, SfuCommand, SfuEvent, WhyRefused};

/// What the hub wants of the SFU, in the SFU's words.
pub fn sfu_command(request: MediaRequest) -> SfuCommand {
    match request {
        MediaRequest::Offer {
            room,
            participant,
            attempt,
            sdp,
            sources,
            loopback,
        } => SfuCommand::Offer(Offer {
            room,
            participant,
            attempt,
            sdp,
            sources,
            loopback,
        }),
        MediaRequest::Admit {
            room,
            participant,
            receives,
        } => SfuCommand::Admit {
            room,
            participant,
            receives,
        },
        MediaRequest::Publish {
            room,
            participant,
            sources,
        } => SfuCommand::Publish {
            room,
            participant,
            sources,
        },
        MediaRequest::View { room, participant, view } => SfuCommand::View { room, participant, view },
        MediaRequest::Leave { room, participant } => SfuCommand::Leave { room, participant },
        MediaRequest::CloseRoom { room } => SfuCommand::CloseRoom { room },
    }
}

/// What the SFU says, in the hub's words.
pub fn media_fact(event: SfuEvent) -> MediaFact {
    let (room, participant, what) = match event {
        SfuEvent::Answered {
            room,
            participant,
            attempt,
            sdp,
        } => (room, participant, MediaNews::Answered { attempt, sdp }),
        SfuEvent::Refused {
            room,
            participant,
            attempt,
            why,
            message,
        } => {
            let code = match why {
                WhyRefused::TooLarge => ErrorCode::TooLarge,
                WhyRefused::Busy => ErrorCode::RateLimited,
                WhyRefused::Unanswerable => ErrorCode::BadCommand,
            };
            let what = MediaNews::Refused { attempt, code, message };
            (room, participant, what)
        }
        SfuEvent::SlotsChanged {
            room,
            participant,
            attempt,
            slots,
        } => {
            let slots = slots.into_iter().map(|slot| Slot {
                mid: slot.mid,
                participant_id: slot.publisher,
                source: slot.source,
                paused: slot.paused,
            });
            let slots = slots.collect();
            (room, participant, MediaNews::SlotsChanged { attempt, slots })
        }
        SfuEvent::LayersWanted {
            room,
            participant,
            source,
            layers,
        } => {
            let layers = layers.into_iter().map(|(rid, active, bitrate_bps)| WantedLayer {
                rid,
                active,
                bitrate_bps,
            });
            let layers = layers.collect();
            (room, participant, MediaNews::LayersWanted { source, layers })
        }
        SfuEvent::SpeakersChanged { room, speakers } => return MediaFact::Speakers { room, speakers },
        SfuEvent::TransportLost {
            room,
            participant,
            attempt,
            reason,
        } => {
            let reason = match reason {
                LostReason::Timeout => TransportLostReason::Timeout,
                LostReason::Handshake => TransportLostReason::Handshake,
                LostReason::Fault => TransportLostReason::Fault,
                LostReason::Closed => TransportLostReason::Closed,
            };
            (room, participant, MediaNews::TransportLost { attempt, reason })
        }
    };
    MediaFact::Transport { room, participant, what }
}
