//! Rooms in the hub: forwarded connections, tracks, the negotiation of the direct path, and which path is in use.

use std::time::{Duration, Instant};

use super::Hub;
use crate::id::{ParticipantId, RoomId, SessionId, Source};
use crate::signaling::call::Call;
use crate::signaling::limits::Refusal;
use crate::signaling::output::{Fact, MediaFact, MediaNews, MediaRequest, Output};
use crate::signaling::protocol::{DirectSignal, ErrorCode, Event, Participant, Path, PathReason, RoomInfo, SourceLine};
use crate::signaling::record::{Entry, PathChange};
use crate::signaling::room::Member;

/// A browser counts from the click and the hub from the command, so a reported time may be longer than the call by this.
const SETUP_SLACK: Duration = Duration::from_secs(2);

const NO_SUCH_ROOM: Refusal = Refusal {
    code: ErrorCode::NotAllowed,
    message: "this session is not in such a room",
};

impl Hub {
    pub(super) fn offer(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        attempt: u32,
        sdp: String,
        sources: Vec<SourceLine>,
    ) -> Result<(), Refusal> {
        for (n, line) in sources.iter().enumerate() {
            let before = &sources[..n];
            if before.iter().any(|b| b.mid == line.mid || b.source == line.source) {
                return Err(Refusal::bad_command("each source has one m-line of its own"));
            }
        }
        let loopback = self.sessions[&session].loopback;
        let (participant, member) = self.member(session, room)?;
        member.offer(attempt, reference)?;
        member.in_sfu = true;
        self.ask_sfu(MediaRequest::Offer {
            room,
            participant,
            attempt,
            sdp,
            sources: sources.into_iter().map(|line| (line.mid, line.source)).collect(),
            loopback,
        });
        Ok(())
    }

    pub(super) fn publish(&mut self, session: SessionId, room: RoomId, mut sources: Vec<Source>) -> Result<(), Refusal> {
        let (participant, member) = self.member(session, room)?;
        sources.sort_unstable();
        sources.dedup();
        member.sources.clone_from(&sources);
        member.in_sfu = true;
        self.ask_sfu(MediaRequest::Publish {
            room,
            participant,
            sources,
        });
        if self.is_answered(room) {
            self.show_participant_of(session);
        }
        Ok(())
    }

    pub(super) fn signal(
        &mut self,
        session: SessionId,
        room: RoomId,
        to: ParticipantId,
        signal: DirectSignal,
    ) -> Result<(), Refusal> {
        let (from, others) = self.in_answered(session, room)?;
        if !self.is_direct(room) {
            return Err(Refusal::not_allowed("this call goes through the server"));
        }
        let other = others.iter().find(|(id, _)| *id == to).ok_or(NO_SUCH_ROOM)?.1;
        let room_id = room;
        let (DirectSignal::Description { generation, .. }
        | DirectSignal::Candidate { generation, .. }
        | DirectSignal::Restart { generation }) = &signal;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.generation = room.generation.max(*generation);
        }
        self.tell(other, None, Event::Signaled { room_id, from, signal });
        Ok(())
    }

    pub(super) fn request_path(
        &mut self,
        session: SessionId,
        room: RoomId,
        path: Path,
        reason: PathReason,
    ) -> Result<(), Refusal> {
        let (from, others) = self.on_path(session, room, path)?;
        for (_, other) in others {
            let event = Event::PathRequested {
                room_id: room,
                participant_id: from,
                path,
                reason,
            };
            self.tell(other, None, event);
        }
        Ok(())
    }

    pub(super) fn report_path(
        &mut self,
        session: SessionId,
        room: RoomId,
        change: PathChange,
        setup_ms: Option<u32>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let PathChange { path, protocol, reason } = change;
        let (from, others) = self.on_path(session, room, path)?;
        self.outputs.push_back(Output::Count(Fact::Path { change }));
        let call = self.rooms.get(&room).and_then(|room| room.call);
        let lasted = call
            .and_then(|call| self.calls.get_mut(&call))
            .map_or(Duration::ZERO, |call| {
                let after = call.lasted(now);
                call.record.note(Entry { after, by: from, change });
                after
            });
        let (_, member) = self.member(session, room)?;
        let is_first = !std::mem::replace(&mut member.has_reported, true);
        if let Some(setup) = setup_ms.map(|ms| Duration::from_millis(ms.into()))
            && is_first
            && setup <= lasted + SETUP_SLACK
        {
            let seconds = setup.as_secs_f64();
            self.outputs.push_back(Output::Count(Fact::Setup { seconds }));
        }
        for (_, other) in others {
            let event = Event::PathChanged {
                room_id: room,
                participant_id: from,
                path,
                reason,
                protocol,
            };
            self.tell(other, None, event);
        }
        Ok(())
    }

    /// The SFU said something about a participant's transport. About one that is gone, it comes too late.
    pub fn handle_media(&mut self, fact: MediaFact, now: Instant) {
        let MediaFact::Transport {
            room: room_id,
            participant,
            what,
        } = fact
        else {
            return;
        };
        let member = self.rooms.get_mut(&room_id).and_then(|r| r.members.get_mut(&participant));
        if let Some(member) = member {
            let session = member.session;
            match what {
                MediaNews::Answered { attempt, sdp } => {
                    if let Some(reference) = member.answered(attempt) {
                        let event = Event::OfferAnswered { room_id, attempt, sdp };
                        self.tell(session, Some(reference), event);
                    }
                }
                MediaNews::Refused {
                    attempt,
                    too_large,
                    message,
                } => {
                    if let Some(reference) = member.answered(attempt) {
                        let code = if too_large {
                            ErrorCode::TooLarge
                        } else {
                            ErrorCode::BadCommand
                        };
                        self.refuse(session, Some(reference), code, &message);
                    }
                }
                MediaNews::SlotsChanged { attempt, slots } => {
                    if member.is_latest(attempt) {
                        self.tell(session, None, Event::SlotsChanged { room_id, attempt, slots });
                    }
                }
                MediaNews::LayersWanted { source, layers } => {
                    let event = Event::LayersWanted { room_id, source, layers };
                    self.tell(session, None, event);
                }
                MediaNews::TransportLost { attempt, reason } => {
                    if member.lost(attempt) {
                        let event = Event::TransportLost {
                            room_id,
                            attempt,
                            reason,
                        };
                        self.tell(session, None, event);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// Shows the others that a participant's websocket is gone, or is back. While it rings there is nobody to show it to.
    pub(super) fn show_reconnecting(&mut self, session: SessionId, reconnecting: bool) {
        let Some(room) = self.room_of(session).filter(|room| self.is_answered(*room)) else {
            return;
        };
        let Ok((_, member)) = self.member(session, room) else {
            return;
        };
        if std::mem::replace(&mut member.reconnecting, reconnecting) != reconnecting {
            self.show_participant_of(session);
        }
    }

    /// Shows the others in its call what a participant is like now.
    pub(super) fn show_participant_of(&mut self, session: SessionId) {
        let Some(room_id) = self.room_of(session) else { return };
        let Ok((id, others)) = self.in_answered(session, room_id) else {
            return;
        };
        let Some(participant) = self.participant(room_id, id) else {
            return;
        };
        for (_, other) in others {
            let participant = participant.clone();
            self.tell(other, None, Event::ParticipantChanged { room_id, participant });
        }
    }

    /// The others in a room as this participant sees them.
    pub(super) fn others_in(&self, room_id: RoomId, id: ParticipantId) -> Vec<Participant> {
        let others = self.rooms.get(&room_id).map(|room| room.others(id)).unwrap_or_default();
        others
            .iter()
            .filter_map(|(other, _)| self.participant(room_id, *other))
            .collect()
    }

    fn participant(&self, room: RoomId, id: ParticipantId) -> Option<Participant> {
        let member = self.rooms.get(&room)?.members.get(&id)?;
        let session = self.sessions.get(&member.session)?;
        Some(Participant {
            participant_id: id,
            user: self.user_info(session.user),
            sources: member.sources.clone(),
            reconnecting: member.reconnecting,
            host: self.is_host(member.session),
            hand: None,
        })
    }

    /// What is true of a whole room.
    pub(super) fn room_info(&self, room_id: RoomId) -> RoomInfo {
        RoomInfo {
            room_id,
            name: String::new(),
            link_id: None,
            locked: false,
            lobby: false,
        }
    }

    /// Who made the call is the host of its room.
    pub(super) fn is_host(&self, session: SessionId) -> bool {
        let call = self.sessions.get(&session).and_then(|s| self.calls.get(&s.call?));
        call.is_some_and(|call| call.caller == session)
    }

    fn room_of(&self, session: SessionId) -> Option<RoomId> {
        let call = self.sessions.get(&session)?.call?;
        self.calls.get(&call).map(|call| call.room)
    }

    /// What a session is in a room, if it is in it or may come in.
    fn member(&mut self, session: SessionId, room: RoomId) -> Result<(ParticipantId, &mut Member), Refusal> {
        let room = self.rooms.get_mut(&room).ok_or(NO_SUCH_ROOM)?;
        let id = room.participant(session).ok_or(NO_SUCH_ROOM)?;
        let member = room.members.get_mut(&id).ok_or(NO_SUCH_ROOM)?;
        Ok((id, member))
    }

    /// What a session is in the room of an answered call, and who the others are.
    fn in_answered(&self, session: SessionId, room: RoomId) -> Result<(ParticipantId, Vec<(ParticipantId, SessionId)>), Refusal> {
        if !self.is_answered(room) {
            return Err(NO_SUCH_ROOM);
        }
        let room = self.rooms.get(&room).ok_or(NO_SUCH_ROOM)?;
        let id = room.participant(session).ok_or(NO_SUCH_ROOM)?;
        Ok((id, room.others(id)))
    }

    /// The same, if this path is open to the call.
    fn on_path(
        &self,
        session: SessionId,
        room: RoomId,
        path: Path,
    ) -> Result<(ParticipantId, Vec<(ParticipantId, SessionId)>), Refusal> {
        let found = self.in_answered(session, room)?;
        if path == Path::Direct && !self.is_direct(room) {
            return Err(Refusal::not_allowed("this call goes through the server"));
        }
        Ok(found)
    }

    fn is_answered(&self, room: RoomId) -> bool {
        self.call_in(room).is_some_and(Call::is_answered)
    }

    fn is_direct(&self, room: RoomId) -> bool {
        self.call_in(room).is_some_and(Call::is_direct)
    }

    fn call_in(&self, room: RoomId) -> Option<&Call> {
        self.calls.get(&self.rooms.get(&room)?.call?)
    }
}
