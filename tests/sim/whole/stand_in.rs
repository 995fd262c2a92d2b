//! A stand-in for the SFU that carries no packets and costs nothing: it knows who could hear whom. And it is strict: it panics where
//! the hub asks for what the SFU is not to be asked for.

use std::collections::{BTreeMap, BTreeSet};

use tandem::id::{ParticipantId, RoomId, Source};
use tandem::sfu::handle::{FilledSlot, LostReason, Offer, SfuCommand, SfuEvent, WhyRefused};

#[derive(Default)]
pub struct StandIn {
    rooms: BTreeMap<RoomId, BTreeMap<ParticipantId, Member>>,
    closed: BTreeSet<RoomId>,
    events: Vec<SfuEvent>,
}

#[derive(Default)]
struct Member {
    /// None: no transport.
    attempt: Option<u32>,
    is_admitted: bool,
    sources: Vec<Source>,
    /// As it was told.
    slots: Vec<FilledSlot>,
}

impl StandIn {
    pub fn handle_command(&mut self, command: SfuCommand) {
        let room_id = command.room();
        assert!(!self.closed.contains(&room_id), "asked for a room after its end: {command:?}");
        let room = self.rooms.entry(room_id).or_default();
        match command {
            SfuCommand::Offer(Offer {
                participant, attempt, ..
            }) => {
                let member = room.entry(participant).or_default();
                if member.attempt.is_some_and(|before| attempt < before) {
                    return self.events.push(SfuEvent::Refused {
                        room: room_id,
                        participant,
                        attempt,
                        why: WhyRefused::Unanswerable,
                        message: "a later attempt was answered".to_owned(),
                    });
                }
                if member.attempt != Some(attempt) {
                    member.slots.clear();
                }
                member.attempt = Some(attempt);
                self.events.push(SfuEvent::Answered {
                    room: room_id,
                    participant,
                    attempt,
                    sdp: "v=0".to_owned(),
                });
            }
            SfuCommand::Admit { participant, .. } => room.entry(participant).or_default().is_admitted = true,
            SfuCommand::Publish {
                participant, sources, ..
            } => room.entry(participant).or_default().sources = sources,
            SfuCommand::Leave { participant, .. } => {
                assert!(room.remove(&participant).is_some(), "who leaves was there");
            }
            SfuCommand::CloseRoom { .. } => {
                self.rooms.remove(&room_id);
                self.closed.insert(room_id);
            }
            // See `lose`.
            SfuCommand::View { .. } | SfuCommand::InjectFault { .. } => {}
        }
        if self.rooms.get(&room_id).is_some_and(BTreeMap::is_empty) {
            self.rooms.remove(&room_id);
        }
        self.show_slots(room_id);
    }

    /// A participant's transport is gone.
    pub fn lose(&mut self, room_id: RoomId, participant: ParticipantId) {
        let member = self.rooms.get_mut(&room_id).and_then(|room| room.get_mut(&participant));
        if let Some(attempt) = member.and_then(|m| m.attempt.take()) {
            self.events.push(SfuEvent::TransportLost {
                room: room_id,
                participant,
                attempt,
                reason: LostReason::Fault,
            });
            self.show_slots(room_id);
        }
    }

    fn show_slots(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let sent: Vec<(ParticipantId, Source)> = room
            .iter()
            .filter(|(_, m)| m.is_admitted && m.attempt.is_some())
            .flat_map(|(id, m)| m.sources.iter().map(|source| (*id, *source)))
            .collect();
        for (id, member) in room.iter_mut() {
            let Some(attempt) = member.attempt else { continue };
            let others = sent.iter().filter(|(from, _)| from != id && member.is_admitted);
            let slots: Vec<_> = others
                .enumerate()
                .map(|(n, (from, source))| FilledSlot {
                    mid: n.to_string(),
                    publisher: *from,
                    source: *source,
                    paused: false,
                })
                .collect();
            if slots != member.slots {
                member.slots.clone_from(&slots);
                self.events.push(SfuEvent::SlotsChanged {
                    room: room_id,
                    participant: *id,
                    attempt,
                    slots,
                });
            }
        }
    }

    pub fn poll_events(&mut self) -> Vec<SfuEvent> {
        std::mem::take(&mut self.events)
    }

    /// Whether a participant's tracks would reach another.
    pub fn hears(&self, to: ParticipantId, from: ParticipantId) -> bool {
        let members = self.rooms.values().find_map(|room| room.get(&to));
        members.is_some_and(|m| m.attempt.is_some() && m.slots.iter().any(|slot| slot.publisher == from))
    }

    pub fn count_transports(&self) -> usize {
        let members = self.rooms.values().flat_map(BTreeMap::values);
        members.filter(|m| m.attempt.is_some()).count()
    }

    pub fn has_rooms(&self) -> bool {
        !self.rooms.is_empty()
    }
}
