//! Rooms in the hub: who comes in, who goes, when it is over, and whether two in it may be connected directly.

use std::time::Instant;

use rand::Rng;

use super::{Hub, Timer};
use crate::id::{CallId, ParticipantId, RoomId, SessionId};
use crate::signaling::call::State;
use crate::signaling::limits::Refusal;
use crate::signaling::output::MediaRequest;
use crate::signaling::protocol::{EndReason, Event, LeaveReason, Participant, RoomInfo};
use crate::signaling::room::{Member, Room, Standing};

pub(super) const NO_SUCH_ROOM: Refusal = Refusal {
    code: crate::signaling::protocol::ErrorCode::NotAllowed,
    message: "this session is not in such a room",
};

/// Why a session is in a room no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    Left,
    Removed,
    /// The operator ended the room.
    Ended,
    ConnectionLost,
    /// The other of the two went.
    Alone,
    /// Nobody is left who could admit it.
    Closed,
}

impl Parting {
    pub(super) fn end_reason(self) -> EndReason {
        match self {
            Parting::Left | Parting::Alone | Parting::Closed => EndReason::HungUp,
            Parting::Removed | Parting::Ended => EndReason::Removed,
            Parting::ConnectionLost => EndReason::ConnectionLost,
        }
    }

    pub(super) fn leave_reason(self) -> LeaveReason {
        match self {
            Parting::Left => LeaveReason::Left,
            Parting::Removed => LeaveReason::Removed,
            Parting::ConnectionLost => LeaveReason::ConnectionLost,
            Parting::Ended | Parting::Alone | Parting::Closed => LeaveReason::Closed,
        }
    }

    /// What it is to the one who is left alone by it.
    fn for_the_last(self) -> Parting {
        match self {
            Parting::ConnectionLost => Parting::ConnectionLost,
            Parting::Left | Parting::Removed | Parting::Ended | Parting::Alone | Parting::Closed => Parting::Alone,
        }
    }
}

/// Coming in.
impl Hub {
    /// Gives a session its place in a room.
    pub(super) fn enter(
        &mut self,
        id: SessionId,
        standing: Standing,
        call: Option<CallId>,
        room_id: RoomId,
        now: Instant,
    ) -> ParticipantId {
        let participant = ParticipantId::from_random(self.rng.next_u64());
        if let Some(session) = self.sessions.get_mut(&id) {
            (session.call, session.room) = (call, Some(room_id));
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.add(participant, Member::new(id, standing, call));
        }
        self.waiting += usize::from(standing == Standing::Waiting);
        self.watch(id, now);
        participant
    }

    /// A call of two was answered.
    pub(super) fn let_in_both(&mut self, caller: SessionId, callee: SessionId, room_id: RoomId, now: Instant) {
        for session in [caller, callee] {
            self.make_present(session, room_id, now);
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.direct = room.may_be_direct();
        }
    }

    /// One more comes in, and the others are told.
    pub(super) fn let_in(&mut self, newcomer: SessionId, room_id: RoomId, now: Instant) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let before = room.present();
        self.make_present(newcomer, room_id, now);
        let Some(id) = self.rooms.get(&room_id).and_then(|room| room.participant(newcomer)) else {
            return;
        };
        let has_host = self.rooms.get(&room_id).is_some_and(Room::has_host);
        if !has_host
            && self.may_be_appointed(newcomer)
            && let Ok((_, member)) = self.member(newcomer, room_id)
        {
            member.host = true;
        }
        let call_id = self.sessions.get(&newcomer).and_then(|session| session.call);
        if let Some(participant) = self.participant(room_id, id) {
            for (_, other) in &before {
                let event = Event::ParticipantJoined {
                    room_id,
                    participant: participant.clone(),
                    call_id,
                };
                self.tell(*other, None, event);
            }
        }
        self.keep_member(room_id, id);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match before.len() {
            0 => {}
            1 => {
                if room.shrunk.is_none() && room.may_be_direct() {
                    self.set_direct(room_id, true, Some(newcomer));
                }
            }
            _ => {
                room.shrunk = None;
                self.set_direct(room_id, false, Some(newcomer));
            }
        }
    }

    /// The SFU is to carry its media from here on.
    fn make_present(&mut self, session: SessionId, room_id: RoomId, now: Instant) {
        let Ok((participant, member)) = self.member(session, room_id) else {
            return;
        };
        if member.standing.is_present() {
            return;
        }
        let before = std::mem::replace(&mut member.standing, Standing::Present { since: now });
        member.in_sfu = true;
        self.waiting -= usize::from(before == Standing::Waiting);
        self.present += 1;
        let user = self.sessions.get(&session).map(|session| session.user);
        if let Some(room) = self.rooms.get_mut(&room_id) {
            self.open_rooms += usize::from(room.present_count() == 1);
            room.note_guest(user);
            room.note_lost(user, false);
        }
        self.report_came(room_id, participant, session, now);
        self.touch_presence(session);
        self.tell_joined(room_id, participant, session);
        let receives = self.grants(session).subscribe;
        self.ask_sfu(MediaRequest::Admit {
            room: room_id,
            participant,
            receives,
        });
        // One whose websocket went while it rang: what nobody saw then is due to be shown.
        if let Some(since) = self.sessions.get(&session).and_then(|s| s.detached_since()) {
            let due = since + self.config.reconnecting_after;
            self.timers.insert((due, Timer::ShowReconnecting(session)));
        }
    }

    /// Changes whether the two may be connected directly, and tells them; `except` is told otherwise.
    pub(super) fn set_direct(&mut self, room_id: RoomId, direct: bool, except: Option<SessionId>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if std::mem::replace(&mut room.direct, direct) == direct {
            return;
        }
        // Every time that it becomes true, the pages count their direct connections from 1.
        room.generation = 0;
        let present = room.present();
        for (n, (id, to)) in present.iter().enumerate().filter(|(_, (_, to))| Some(*to) != except) {
            let other = present.iter().find(|(other, _)| other != id).map(|(other, _)| *other);
            let event = Event::DirectChanged {
                room_id,
                direct,
                polite: n > 0,
                participant_id: other.filter(|_| direct),
            };
            self.tell(*to, None, event);
        }
    }

    /// It may be long enough ago that a room became one of two again.
    pub(super) fn direct_again(&mut self, room_id: RoomId, now: Instant) {
        let after = self.config.direct_again_after;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.shrunk.is_none_or(|shrunk| now < shrunk + after) {
            return;
        }
        room.shrunk = None;
        if room.may_be_direct() {
            self.set_direct(room_id, true, None);
        }
    }
}

/// Going.
impl Hub {
    /// A participant goes. Where it leaves one alone in the room of a call, that one goes too.
    pub(super) fn depart(&mut self, id: SessionId, why: Parting, reference: Option<u32>, now: Instant) {
        let Some(room_id) = self.sessions.get(&id).and_then(|session| session.room) else {
            return;
        };
        self.cancel_invitations_of(id, room_id, now);
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(participant) = room.participant(id) else { return };
        if !room.outlasts(Some(participant)) {
            self.end_room(room_id, Some((id, why, reference)), why.for_the_last(), now);
            return;
        }
        self.note_invitations_left(id, why.end_reason(), now);
        self.tell_left(room_id, participant, id, why.leave_reason());
        self.take_out(id);
        self.report_left(room_id, participant, why.leave_reason(), now);
        let user = self.user_of(id);
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.note_lost(user, why == Parting::ConnectionLost);
        }
        for (_, other) in self.present_in(room_id) {
            let event = Event::ParticipantLeft {
                room_id,
                participant_id: participant,
                reason: why.leave_reason(),
            };
            self.tell(other, None, event);
        }
        self.let_go(id, room_id, why, reference, now);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match room.present_count() {
            2 if room.shrunk.is_none() && !room.direct => {
                room.shrunk = Some(now);
                let due = now + self.config.direct_again_after;
                self.timers.insert((due, Timer::DirectAgain(room_id)));
            }
            1 => self.set_direct(room_id, false, None),
            _ => {}
        }
        self.appoint_host(room_id);
    }

    /// Ends a room that does not outlast a change. A room of a call that rings ends with its call.
    pub(super) fn look_after(&mut self, room_id: RoomId, now: Instant) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let never_opened = room.present_count() == 0 && !room.waiting().is_empty();
        if !never_opened && !room.outlasts(None) {
            self.end_room(room_id, None, Parting::Alone, now);
        }
    }

    /// Everybody goes: the first, then the others because of it.
    pub(super) fn end_room(
        &mut self,
        room_id: RoomId,
        first: Option<(SessionId, Parting, Option<u32>)>,
        others: Parting,
        now: Instant,
    ) {
        let invitations = self
            .rooms
            .get(&room_id)
            .map(|room| room.invitations.clone())
            .unwrap_or_default();
        for id in invitations {
            self.stop_ringing(id, EndReason::Cancelled, None, now);
        }
        let Some(room) = self.rooms.remove(&room_id) else { return };
        let first_goes = first.map(|(id, why, _)| (id, why));
        self.end_report(room_id, room.members.iter(), first_goes, others, now);
        let (present, waiting) = (room.present(), room.waiting());
        self.present -= present.len();
        self.waiting -= waiting.len();
        self.open_rooms -= usize::from(!present.is_empty());
        self.ask_sfu(MediaRequest::CloseRoom { room: room_id });
        let first_id = first.map(|(id, ..)| id);
        let left = present.iter().map(|&(participant, id)| {
            let why = first.filter(|(first, ..)| *first == id).map_or(others, |(_, why, _)| why);
            (participant, id, why.leave_reason())
        });
        self.tell_room_ended(room_id, &room, left);
        self.leave_link(room_id, room.link);
        for member in room.members.into_values() {
            if let Some(session) = self.sessions.get_mut(&member.session) {
                session.room = None;
            }
            self.touch_presence(member.session);
        }
        self.forget_room(room_id);
        if let Some((id, why, reference)) = first {
            self.let_go(id, room_id, why, reference, now);
        }
        for (_, id) in present.into_iter().filter(|(_, id)| Some(*id) != first_id) {
            self.let_go(id, room_id, others, None, now);
        }
        for (_, id) in waiting {
            self.let_go(id, room_id, Parting::Closed, None, now);
        }
    }

    /// Takes a session out of its room, whatever it is there.
    pub(super) fn take_out(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(room_id) = session.room.take() else { return };
        // Who was in the room by a call is told its end after this.
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(participant) = room.participant(id) else { return };
        let Some(member) = room.members.remove(&participant) else {
            return;
        };
        room.speakers.retain(|speaker| *speaker != participant);
        let is_last = room.present_count() == 0;
        if member.standing.is_present() {
            self.forget_member(id);
            self.touch_presence(id);
            self.present -= 1;
            self.open_rooms -= usize::from(is_last);
        } else if let Some(session) = self.sessions.get_mut(&id) {
            session.call = None;
            self.waiting -= usize::from(member.standing == Standing::Waiting);
        }
        if member.in_sfu {
            self.ask_sfu(MediaRequest::Leave {
                room: room_id,
                participant,
            });
        }
    }

    /// Tells a session that it is in a room no more, and ends its call if that was the last of it.
    fn let_go(&mut self, id: SessionId, room_id: RoomId, why: Parting, reference: Option<u32>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(call_id) = session.call.take() else {
            let reason = why.leave_reason();
            self.tell(id, reference, Event::RoomLeft { room_id, reason });
            return;
        };
        let Some(call) = self.calls.get_mut(&call_id) else { return };
        let reason = why.end_reason();
        let lasted = call.lasted(now);
        let duration_ms = u32::try_from(lasted.as_millis()).unwrap_or(u32::MAX);
        let is_last = match &mut call.state {
            State::Ringing { .. } => false,
            State::Answered { inside, .. } => {
                inside.remove(&id);
                inside.is_empty()
            }
        };
        let event = Event::CallEnded {
            call_id,
            reason,
            duration_ms,
        };
        self.tell(id, reference, event);
        if is_last {
            self.finish(call_id, reason, now);
        } else if let Some(user) = self.release_user(call_id, id) {
            self.note_left(call_id, user, reason, lasted);
        }
    }

    /// A session is about to be removed.
    pub(super) fn forget_in_room(&mut self, id: SessionId, now: Instant) {
        let Some(room_id) = self.sessions.get(&id).and_then(|session| session.room) else {
            return;
        };
        let Ok((_, member)) = self.member(id, room_id) else { return };
        match member.standing {
            Standing::Ringing => self.forget_in_ringing(id, now),
            Standing::Waiting => self.leave_lobby(id, LeaveReason::ConnectionLost, None, now),
            Standing::Present { .. } => self.depart(id, Parting::ConnectionLost, None, now),
        }
    }

    /// Leaves a room or its lobby. Said again, it is done already.
    pub(super) fn leave(&mut self, id: SessionId, reference: u32, room_id: RoomId, now: Instant) -> Result<(), Refusal> {
        let Ok((_, member)) = self.member(id, room_id) else {
            return Ok(());
        };
        match member.standing {
            Standing::Ringing => return Err(NO_SUCH_ROOM),
            Standing::Waiting => self.leave_lobby(id, LeaveReason::Left, Some(reference), now),
            Standing::Present { .. } => self.depart(id, Parting::Left, Some(reference), now),
        }
        Ok(())
    }

    /// Where no host is in a room, whoever has been in it longest becomes one.
    pub(super) fn appoint_host(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id).filter(|room| !room.has_host()) else {
            return;
        };
        let mut people = room
            .present()
            .into_iter()
            .filter(|(_, session)| self.may_be_appointed(*session));
        let Some((id, session)) = people.next() else { return };
        if let Ok((_, member)) = self.member(session, room_id) {
            member.host = true;
        }
        self.keep_member(room_id, id);
        self.show_to_all(room_id, id, None);
        self.show_lobby_to(session, room_id);
    }
}

/// What there is to see.
impl Hub {
    /// Whether it may become a host without being asked for.
    fn may_be_appointed(&self, session: SessionId) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| !session.unattended && session.grants.appointed)
    }

    /// Shows the others that a participant's websocket is gone, or is back. While it rings there is nobody to show it to.
    pub(super) fn show_reconnecting(&mut self, session: SessionId, reconnecting: bool) {
        let Some(room) = self.room_of(session) else { return };
        let Ok((_, member)) = self.member(session, room) else {
            return;
        };
        if member.standing.is_present() && std::mem::replace(&mut member.reconnecting, reconnecting) != reconnecting {
            self.show_participant_of(session);
        }
    }

    /// Shows the others in its room what a participant is like now.
    pub(super) fn show_participant_of(&mut self, session: SessionId) {
        let Some(room_id) = self.room_of(session) else { return };
        let Ok((id, others)) = self.in_room(session, room_id) else {
            return;
        };
        self.show(room_id, id, others, None);
    }

    /// Shows everybody in its room, and itself, what a participant is like now.
    pub(super) fn show_to_all(&mut self, room_id: RoomId, id: ParticipantId, reference: Option<(SessionId, u32)>) {
        let present = self.present_in(room_id);
        self.show(room_id, id, present, reference);
    }

    fn show(
        &mut self,
        room_id: RoomId,
        id: ParticipantId,
        to: Vec<(ParticipantId, SessionId)>,
        reference: Option<(SessionId, u32)>,
    ) {
        let Some(participant) = self.participant(room_id, id) else {
            return;
        };
        for (_, to) in to {
            let participant = participant.clone();
            let reference = reference.filter(|(asked, _)| *asked == to).map(|(_, reference)| reference);
            self.tell(to, reference, Event::ParticipantChanged { room_id, participant });
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
            host: member.host,
            hand: member.hand,
        })
    }

    /// What is true of a whole room.
    pub(super) fn room_info(&self, room_id: RoomId) -> RoomInfo {
        let room = self.rooms.get(&room_id);
        RoomInfo {
            room_id,
            name: room.map(|room| room.name.clone()).unwrap_or_default(),
            link_id: room.and_then(|room| room.link).filter(|link| self.lets_people_in(*link)),
            locked: room.is_some_and(|room| room.locked),
            lobby: room.is_some_and(|room| room.lobby),
        }
    }

    /// Tells everybody in a room that something is true of it now that was not.
    pub(super) fn show_room(&mut self, room_id: RoomId, reference: Option<(SessionId, u32)>) {
        let room = self.room_info(room_id);
        for (_, to) in self.present_in(room_id) {
            let room = room.clone();
            let reference = reference.filter(|(asked, _)| *asked == to).map(|(_, reference)| reference);
            self.tell(to, reference, Event::RoomChanged { room });
        }
    }

    pub(super) fn room_of(&self, session: SessionId) -> Option<RoomId> {
        self.sessions.get(&session)?.room
    }

    /// What a session is in a room, if it is in it or may come in.
    pub(super) fn member(&mut self, session: SessionId, room: RoomId) -> Result<(ParticipantId, &mut Member), Refusal> {
        let room = self.rooms.get_mut(&room).ok_or(NO_SUCH_ROOM)?;
        let id = room.participant(session).ok_or(NO_SUCH_ROOM)?;
        let member = room.members.get_mut(&id).ok_or(NO_SUCH_ROOM)?;
        Ok((id, member))
    }

    /// What a session is in the room that it is a participant of, and who the others are.
    pub(super) fn in_room(
        &self,
        session: SessionId,
        room: RoomId,
    ) -> Result<(ParticipantId, Vec<(ParticipantId, SessionId)>), Refusal> {
        let room = self.rooms.get(&room).ok_or(NO_SUCH_ROOM)?;
        let id = room.participant(session).ok_or(NO_SUCH_ROOM)?;
        let is_present = room.members.get(&id).is_some_and(|m| m.standing.is_present());
        // A check has nobody else in it, and nothing that is for participants.
        if !is_present {
            return Err(NO_SUCH_ROOM);
        }
        Ok((id, room.others(id)))
    }

    /// The participants of a room.
    pub(super) fn present_in(&self, room: RoomId) -> Vec<(ParticipantId, SessionId)> {
        self.rooms.get(&room).map(Room::present).unwrap_or_default()
    }
}
