//! The SFU of a world, real or stood in for, and how the hub and it understand each other.

use std::net::SocketAddr;
use std::time::Instant;

use tandem::id::{ParticipantId, RoomId};
use tandem::sfu::candidates::Candidates;
use tandem::sfu::counters::Counters;
use tandem::sfu::flow::Flow;
use tandem::sfu::handle::{InjectedFault, SfuCommand};
use tandem::sfu::shard::{CONNECTING_MAX, Send, Shard, ShardConfig};
use tandem::signaling::media_words::{media_fact, sfu_command};
use tandem::signaling::output::{MediaFact, MediaRequest};

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
            candidates: Candidates {
                udp: vec![address],
                tcp: Vec::new(),
            },
            loopback_candidates: Candidates::default(),
            connecting_max: CONNECTING_MAX,
            busy_max: 0.0,
        })))
    }

    pub fn handle_request(&mut self, request: MediaRequest, now: Instant) {
        self.handle_command(sfu_command(request), now);
    }

    pub fn inject(&mut self, fault: InjectedFault, room: RoomId, participant: ParticipantId, now: Instant) {
        match self {
            Sfu::Real(shard) => shard.handle_command(
                SfuCommand::InjectFault {
                    room,
                    participant,
                    fault,
                },
                now,
            ),
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
            shard.handle_datagram(Flow::udp(source, destination), payload, now);
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
