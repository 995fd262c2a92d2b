//! The SFU of a world, real or stood in for, and how the hub and it understand each other.

use std::net::SocketAddr;
use std::time::Instant;

use tandem::id::{ParticipantId, RoomId};
use tandem::sfu::counters::Counters;
use tandem::sfu::handle::{LostReason, SfuCommand, SfuEvent};
use tandem::sfu::shard::{Send, Shard, ShardConfig};
use tandem::signaling::output::{MediaFact, MediaNews, MediaRequest};
use tandem::signaling::protocol::{Slot, TransportLostReason, WantedLayer};

use super::stand_in::StandIn;
use crate::world::certificate;

pub enum Sfu {
    Real(Box<Shard>),
    StandIn(StandIn),
}

impl Sfu {
    pub fn real(address: SocketAddr) -> Sfu {
        Sfu::Real(Box::new(Shard::new(ShardConfig {
            certificate: certificate(),
            candidates: vec![address],
            loopback_candidates: Vec::new(),
        })))
    }

    pub fn handle_request(&mut self, request: MediaRequest, now: Instant) {
        self.handle_command(sfu_command(request), now);
    }

    pub fn inject_fault(&mut self, room: RoomId, participant: ParticipantId, now: Instant) {
        match self {
            Sfu::Real(shard) => shard.handle_command(SfuCommand::InjectFault { room, participant }, now),
            Sfu::StandIn(stand_in) => stand_in.lose(room, participant),
        }
    }

    fn handle_command(&mut self, command: SfuCommand, now: Instant) {
        match self {
            Sfu::Real(shard) => shard.handle_command(command, now),
            Sfu::StandIn(stand_in) => stand_in.handle_command(command),
        }
    }

    pub fn handle_datagram(&mut self, source: SocketAddr, destination: SocketAddr, payload: &[u8], now: Instant) {
        if let Sfu::Real(shard) = self {
            shard.handle_datagram(source, destination, payload, now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Sfu::Real(shard) => shard.poll_timeout(),
            Sfu::StandIn(_) => None,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Sfu::Real(shard) = self {
            shard.flush(now);
            shard.handle_timeout(now);
        }
    }

    pub fn poll_facts(&mut self, now: Instant) -> Vec<MediaFact> {
        let events = match self {
            Sfu::Real(shard) => {
                shard.flush(now);
                shard.poll_events().drain(..).collect()
            }
            Sfu::StandIn(stand_in) => stand_in.poll_events(),
        };
        events.into_iter().map(media_fact).collect()
    }

    pub fn poll_sends(&mut self) -> Vec<Send> {
        match self {
            Sfu::Real(shard) => shard.poll_sends().drain(..).collect(),
            Sfu::StandIn(_) => Vec::new(),
        }
    }

    pub fn take_counters(&mut self) -> Counters {
        match self {
            Sfu::Real(shard) => shard.take_counters(),
            Sfu::StandIn(_) => Counters::default(),
        }
    }

    /// Connected or about to be.
    pub fn count_transports(&self) -> usize {
        match self {
            Sfu::Real(shard) => shard.count_transports().0 + shard.count_transports().1,
            Sfu::StandIn(stand_in) => stand_in.count_transports(),
        }
    }
}

/// As the hub's driver does it.
fn sfu_command(request: MediaRequest) -> SfuCommand {
    match request {
        MediaRequest::Offer {
            room,
            participant,
            attempt,
            sdp,
            sources,
            loopback,
        } => SfuCommand::Offer {
            room,
            participant,
            attempt,
            sdp,
            sources,
            loopback,
        },
        MediaRequest::Admit { room, participant } => SfuCommand::Admit { room, participant },
        MediaRequest::Publish {
            room,
            participant,
            sources,
        } => SfuCommand::Publish {
            room,
            participant,
            sources,
        },
        MediaRequest::Leave { room, participant } => SfuCommand::Leave { room, participant },
        MediaRequest::CloseRoom { room } => SfuCommand::CloseRoom { room },
    }
}

/// As the hub's driver does it.
fn media_fact(event: SfuEvent) -> MediaFact {
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
            too_large,
            message,
        } => {
            let what = MediaNews::Refused {
                attempt,
                too_large,
                message,
            };
            (room, participant, what)
        }
        SfuEvent::SlotsChanged {
            room,
            participant,
            attempt,
            slots,
        } => {
            let slots = slots.into_iter().map(|(mid, participant_id, source)| Slot {
                mid,
                participant_id,
                source,
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
    MediaFact { room, participant, what }
}
