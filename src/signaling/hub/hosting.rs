//! What hosts may do in the hub: lock, mute, remove. And what everybody may: raise a hand, react, be heard speaking.

use std::time::Instant;

use super::Hub;
use super::rooms::Parting;
use crate::id::{ParticipantId, RoomId, SessionId, Source, UserId};
use crate::signaling::limits::{Limit, REMOVED_MAX, Refusal};
use crate::signaling::output::MediaRequest;
use crate::signaling::protocol::{Event, LeaveReason, Reaction};
use crate::signaling::room::{Room, Standing};

impl Hub {
    /// Whether a session is a host of a room that it is in.
    pub(super) fn is_host_in(&self, session: SessionId, room_id: RoomId) -> bool {
        let room = self.rooms.get(&room_id);
        self.in_room(session, room_id)
            .is_ok_and(|(id, _)| room.is_some_and(|room| room.is_host(id)))
    }

    pub(super) fn check_host(&self, session: SessionId, room_id: RoomId) -> Result<ParticipantId, Refusal> {
        let (id, _) = self.in_room(session, room_id)?;
        if self.rooms.get(&room_id).is_some_and(|room| room.is_host(id)) {
            Ok(id)
        } else {
            Err(Refusal::not_allowed("only a host may"))
        }
    }

    pub(super) fn lock(&mut self, host: SessionId, reference: u32, room_id: RoomId, locked: bool) -> Result<(), Refusal> {
        self.check_host(host, room_id)?;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.locked = locked;
        }
        self.keep_room(room_id);
        self.show_room(room_id, Some((host, reference)));
        Ok(())
    }

    /// Switches a track of somebody off. What is off already stays so.
    pub(super) fn mute(
        &mut self,
        host: SessionId,
        room_id: RoomId,
        participant: ParticipantId,
        source: Source,
    ) -> Result<(), Refusal> {
        let by = self.check_host(host, room_id)?;
        self.silence(room_id, Some(by), participant, source)
    }

    /// The same by whoever may; none: the operator.
    pub(super) fn silence(
        &mut self,
        room_id: RoomId,
        by: Option<ParticipantId>,
        participant: ParticipantId,
        source: Source,
    ) -> Result<(), Refusal> {
        let member = self
            .rooms
            .get_mut(&room_id)
            .and_then(|room| room.members.get_mut(&participant));
        let Some(member) = member.filter(|member| member.standing.is_present()) else {
            return Err(Refusal::not_allowed("nobody like that is in the room"));
        };
        let session = member.session;
        let count = member.sources.len();
        member.sources.retain(|on| *on != source);
        if member.sources.len() == count {
            return Ok(());
        }
        let sources = member.sources.clone();
        self.ask_sfu(MediaRequest::Publish {
            room: room_id,
            participant,
            sources,
        });
        self.tell(session, None, Event::Muted { room_id, by, source });
        self.show_to_all(room_id, participant, None);
        Ok(())
    }

    /// Takes somebody out for as long as the room lives.
    pub(super) fn remove(
        &mut self,
        host: SessionId,
        room_id: RoomId,
        participant: ParticipantId,
        now: Instant,
    ) -> Result<(), Refusal> {
        let by = self.check_host(host, room_id)?;
        let Some(room) = self.rooms.get(&room_id) else {
            return Ok(());
        };
        let member = room.members.get(&participant).filter(|_| participant != by);
        let Some((session, standing)) = member.map(|member| (member.session, member.standing)) else {
            return Err(Refusal::not_allowed("nobody like that is in the room"));
        };
        if standing == Standing::Ringing {
            return Err(Refusal::not_allowed("nobody like that is in the room"));
        }
        let host_user = self.sessions.get(&host).map(|host| host.user);
        let user = self.sessions.get(&session).map(|session| session.user);
        // Another tab of the host's own is put out, and not locked out.
        if let Some(user) = user.filter(|_| user != host_user) {
            self.lock_out(room_id, user);
        }
        match standing {
            Standing::Waiting => self.leave_lobby(session, LeaveReason::Refused, None, now),
            Standing::Present { .. } => self.depart(session, Parting::Removed, None, now),
            Standing::Ringing => {}
        }
        Ok(())
    }

    /// The link does not let this user in again.
    pub(super) fn lock_out(&mut self, room_id: RoomId, user: UserId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.removed.len() < REMOVED_MAX {
            room.removed.insert(user);
        } else {
            room.locked = true;
            self.count_limit(Limit::Removed);
            self.show_room(room_id, None);
        }
        self.keep_room(room_id);
    }

    pub(super) fn raise_hand(
        &mut self,
        session: SessionId,
        reference: u32,
        room_id: RoomId,
        raised: bool,
    ) -> Result<(), Refusal> {
        let (id, _) = self.in_room(session, room_id)?;
        if self.rooms.get_mut(&room_id).is_some_and(|room| room.raise_hand(id, raised)) {
            self.show_to_all(room_id, id, Some((session, reference)));
        }
        Ok(())
    }

    /// For a moment, and so not for those who are away.
    pub(super) fn react(&mut self, session: SessionId, room_id: RoomId, reaction: Reaction, now: Instant) -> Result<(), Refusal> {
        let (participant_id, _) = self.in_room(session, room_id)?;
        let has_token = self.sessions.get_mut(&session).is_some_and(|s| s.reactions.take(now));
        if !has_token {
            self.count_limit(Limit::Reactions);
            return Err(Refusal::rate_limited("too many reactions: wait a second"));
        }
        for (_, to) in self.present_in(room_id) {
            let event = Event::Reacted {
                room_id,
                participant_id,
                reaction,
            };
            self.tell_now(to, None, event);
        }
        Ok(())
    }

    /// The SFU heard who speaks.
    pub(super) fn set_speakers(&mut self, room_id: RoomId, mut speakers: Vec<ParticipantId>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        speakers.retain(|id| room.members.get(id).is_some_and(|member| member.standing.is_present()));
        if room.speakers == speakers {
            return;
        }
        room.speakers = speakers;
        for (_, to) in self.present_in(room_id) {
            self.tell_speakers_even_none(to, room_id);
        }
    }

    /// Who speaks, to one who comes in or comes back.
    pub(super) fn tell_speakers(&mut self, to: SessionId, room_id: RoomId) {
        if self.rooms.get(&room_id).is_some_and(|room| !room.speakers.is_empty()) {
            self.tell_speakers_even_none(to, room_id);
        }
    }

    fn tell_speakers_even_none(&mut self, to: SessionId, room_id: RoomId) {
        let participant_ids = self
            .rooms
            .get(&room_id)
            .map(|room: &Room| room.speakers.clone())
            .unwrap_or_default();
        let event = Event::SpeakersChanged {
            room_id,
            participant_ids,
        };
        self.tell_now(to, None, event);
    }
}
