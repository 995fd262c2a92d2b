//! Calls in the hub: ringing, the answer, and the one end.

use std::collections::BTreeSet;
use std::time::Instant;

use rand::Rng;

use super::neighbours::UNREACHABLE;
use super::rooms::Parting;
use super::seeking::Leads;
use super::{Hub, Timer};
use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::signaling::call::{Call, Farewell, Kind, State, no_such_call};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::output::{Fact, Keep, MediaRequest, Output};
use crate::signaling::protocol::{Command, EndReason, ErrorCode, Event};
use crate::signaling::record::Record;
use crate::signaling::records::Note;
use crate::signaling::room::{Origin, Room, Standing};

/// Where somebody who is called is.
pub(super) enum Found {
    /// At these sessions.
    At(CallId, BTreeSet<SessionId>),
    /// Not here, and maybe on another node.
    Elsewhere(CallId),
    /// It cannot ring, and the caller was told its end. The call has an id all the same, so that the browser needs no case of its own.
    Nowhere,
}

impl Hub {
    pub(super) fn call(
        &mut self,
        caller: SessionId,
        reference: u32,
        callee_user: UserId,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get(&caller) else {
            return Ok(());
        };
        if let Some(call_id) = session.call {
            let call = &self.calls[&call_id];
            // Glare: they called each other, and the hub saw the other's call first. This one is its acceptance.
            if call.caller_user == callee_user && call.rings_at(caller) {
                return self.accept(caller, reference, call_id, through_server, now);
            }
        }
        // The same, where the other is on another node.
        let is_engaged = session.is_engaged();
        if let Some(call_id) = self.rings_from_abroad(caller, callee_user) {
            let accept = Command::Accept {
                call_id,
                always_through_server: through_server,
            };
            return self.pass_on(caller, reference, accept, now);
        }
        if is_engaged {
            return Err(Refusal::not_allowed("this session has a call already"));
        }
        self.check_may_call(caller)?;
        let through_server = self.goes_through_server(caller, through_server);
        match self.find(caller, reference, callee_user, now)? {
            Found::Nowhere => {}
            Found::Elsewhere(id) => {
                let leads = Leads {
                    kind: Kind::Pair,
                    room: None,
                    through_server,
                };
                self.seek(id, caller, reference, callee_user, leads, now);
            }
            Found::At(id, at) => {
                let room = RoomId::from_random(self.rng.next_u64());
                self.open_pair(id, caller, room, through_server, now);
                self.begin_ringing(id, room, Kind::Pair, (caller, reference), (callee_user, at), now);
                self.ask_others(id);
            }
        }
        Ok(())
    }

    /// Makes the room of a call between two, with the caller in it.
    pub(super) fn open_pair(&mut self, id: CallId, caller: SessionId, room: RoomId, through_server: bool, now: Instant) {
        self.rooms.insert(room, Room::new(Origin::Call));
        self.enter(caller, Standing::Ringing, Some(id), room, now);
        if let Ok((_, member)) = self.member(caller, room) {
            member.host = true;
            member.through_server = through_server;
        }
    }

    /// The sessions of a user that a call rings at.
    pub(super) fn find(
        &mut self,
        caller: SessionId,
        reference: u32,
        callee_user: UserId,
        now: Instant,
    ) -> Result<Found, Refusal> {
        self.check_takes_new()?;
        let Some(session) = self.sessions.get_mut(&caller) else {
            return Ok(Found::Nowhere);
        };
        // Before any look at the user asked for, so that the answer does not depend on whether there is one.
        let (address, caller_user) = (session.address, session.user);
        if !session.misses.has(now) || !self.strangers.may_miss(address, now) {
            self.count_limit(Limit::CallsToNobody);
            return Err(Refusal::rate_limited("too many calls that reached nobody"));
        }
        let id = CallId::from_random(self.rng.next_u64());
        // Who may not call is told the same as where nobody is.
        let may_ring = self.may_ring(callee_user, caller_user);
        let callee = self.users.get(&callee_user).filter(|_| may_ring);
        let at: BTreeSet<SessionId> = callee
            .map(|user| user.sessions.iter().copied().filter(|s| *s != caller).collect())
            .unwrap_or_default();
        let at: BTreeSet<SessionId> = at.into_iter().filter(|session| self.grants(*session).may_answer()).collect();
        // One that waits to be resumed rings too, but alone it is most often a page that was closed.
        let is_there = at.iter().any(|session| self.is_there(*session));
        if !is_there && may_ring && self.neighbours.is_cut_off() {
            return Err(UNREACHABLE);
        }
        if !is_there && may_ring && !self.neighbours.heard().is_empty() {
            return Ok(Found::Elsewhere(id));
        }
        if !is_there && may_ring && self.far.is_unheard(callee_user) {
            return Err(UNREACHABLE);
        }
        if !is_there {
            self.miss_call(caller, now);
            self.end_at_once(id, (caller, reference), callee_user, EndReason::Unreachable);
            return Ok(Found::Nowhere);
        }
        let has_a_call = at.iter().any(|session| self.sessions[session].is_engaged());
        if has_a_call || callee.is_some_and(|user| !user.calls.is_empty()) {
            self.end_at_once(id, (caller, reference), callee_user, EndReason::Busy);
            return Ok(Found::Nowhere);
        }
        Ok(Found::At(id, at))
    }

    /// Whether somebody is at a session, or comes back to it after a restart.
    pub(super) fn is_there(&self, session: SessionId) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| session.connection().is_some() || session.is_expected())
    }

    /// A call reached nobody.
    pub(super) fn miss_call(&mut self, caller: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&caller) else {
            return;
        };
        session.misses.take(now);
        let address = session.address;
        self.strangers.miss(address, now);
    }

    pub(super) fn end_at_once(&mut self, call: CallId, (caller, reference): (SessionId, u32), callee: UserId, reason: EndReason) {
        self.note_never_rang(call, caller, callee, reason);
        self.tell_never_rang(call, caller, callee, reason);
        let event = Event::CallEnded {
            call_id: call,
            reason,
            duration_ms: 0,
        };
        self.tell(caller, Some(reference), event);
        let lasted = std::time::Duration::ZERO;
        self.outputs.push_back(Output::Count(Fact::CallEnded {
            call,
            reason,
            lasted,
            record: Record::default(),
        }));
    }

    /// Rings these sessions of a user into a room that is there.
    pub(super) fn begin_ringing(
        &mut self,
        id: CallId,
        room: RoomId,
        kind: Kind,
        (caller, reference): (SessionId, u32),
        (callee_user, at): (UserId, BTreeSet<SessionId>),
        now: Instant,
    ) {
        let caller_user = self.sessions[&caller].user;
        let until = now + self.config.ring_timeout;
        let call = Call {
            id,
            room,
            caller,
            caller_user,
            callee_user,
            kind,
            started: now,
            record: Record::default(),
            state: State::Ringing { until, at: at.clone() },
        };
        self.calls.insert(id, call);
        self.begin_report(room, id, now);
        self.timers.insert((until, Timer::RingOut(id)));
        for user in [caller_user, callee_user] {
            if let Some(user) = self.users.get_mut(&user) {
                user.calls.insert(id);
            }
        }
        self.outputs.push_back(Output::Count(Fact::CallStarted { call: id, kind }));
        self.note_ringing(id);
        self.tell_call_started(id);
        let event = Event::CallRinging {
            call_id: id,
            room_id: room,
            user: self.user_info(callee_user),
        };
        self.tell(caller, Some(reference), event);
        for session in at {
            self.ring(session, id, room, caller_user, now);
        }
    }

    pub(super) fn ring(&mut self, session: SessionId, call: CallId, room: RoomId, caller_user: UserId, now: Instant) {
        self.enter(session, Standing::Ringing, Some(call), room, now);
        let event = Event::IncomingCall {
            call_id: call,
            room_id: room,
            user: self.user_info(caller_user),
        };
        self.tell(session, None, event);
    }

    /// A session that comes while its user is being called rings too.
    pub(super) fn ring_late_comer(&mut self, session: SessionId, now: Instant) {
        let user_id = self.sessions[&session].user;
        let Some(user) = self.users.get(&user_id).filter(|_| self.grants(session).may_answer()) else {
            return;
        };
        let ringing = user
            .calls
            .iter()
            .copied()
            .find(|call| self.calls[call].callee_user == user_id && !self.calls[call].is_answered());
        if let Some(call) = ringing {
            self.ring_also(session, call, now);
        }
    }

    pub(super) fn accept(
        &mut self,
        callee: SessionId,
        reference: u32,
        id: CallId,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let through_server = self.goes_through_server(callee, through_server);
        let call = self.calls.get_mut(&id).ok_or_else(no_such_call)?;
        let (room_id, caller, kind) = (call.room, call.caller, call.kind);
        if kind == Kind::Invitation && call.rings_at(callee) {
            self.check_space(room_id)?;
        }
        let call = self.calls.get_mut(&id).ok_or_else(no_such_call)?;
        let rang = now.saturating_duration_since(call.started);
        let rings_until = call.rings_until();
        let in_vain = call.accept(callee, now)?;
        self.rings_no_more(id, rings_until);
        self.answered += 1;
        self.outputs.push_back(Output::Count(Fact::CallAnswered { call: id, rang }));
        self.note(Note::Answered(id));
        self.tell_call_answered(id, rang);
        self.report_answered(room_id, id, now);
        for session in in_vain {
            self.take_out(session);
            self.tell(session, None, Event::AnsweredElsewhere { call_id: id });
        }
        if let Ok((_, member)) = self.member(callee, room_id) {
            member.through_server = through_server;
        }
        match kind {
            Kind::Pair => {
                self.let_in_both(caller, callee, room_id, now);
                self.keep_room(room_id);
                self.keep_call(id);
                for participant in self.present_in(room_id) {
                    self.keep_member(room_id, participant.0);
                }
                self.tell_answered(caller, None, id, room_id);
                self.tell_answered(callee, Some(reference), id, room_id);
            }
            Kind::Invitation => {
                if let Some(room) = self.rooms.get_mut(&room_id) {
                    room.invitations.remove(&id);
                }
                self.release_user(id, caller);
                self.keep_call(id);
                self.let_in(callee, room_id, now);
                self.tell_answered(callee, Some(reference), id, room_id);
                self.tell_speakers(callee, room_id);
            }
        }
        Ok(())
    }

    fn tell_answered(&mut self, to: SessionId, reference: Option<u32>, call_id: CallId, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(participant_id) = room.participant(to) else { return };
        let event = Event::CallAnswered {
            call_id,
            room_id,
            participant_id,
            participants: self.others_in(room_id, participant_id),
            direct: room.direct,
            polite: room.is_polite(participant_id),
            room: self.room_info(room_id),
            host: room.is_host(participant_id),
        };
        self.tell(to, reference, event);
    }

    pub(super) fn say_farewell(
        &mut self,
        session: SessionId,
        reference: u32,
        id: CallId,
        wish: Farewell,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.calls.get(&id).filter(|call| call.involves(session));
        let Some(call) = call else {
            // Said again after a resume, or by both at once: what was wished is the case. A stranger learns nothing by it.
            return if wish == Farewell::HangUp {
                Ok(())
            } else {
                Err(no_such_call())
            };
        };
        let reason = call.farewell(session, wish)?;
        if call.is_answered() {
            self.depart(session, Parting::Left, Some(reference), now);
        } else {
            self.end_ringing(id, reason, Some((session, reference)), now);
        }
        Ok(())
    }

    pub(super) fn ring_out(&mut self, id: CallId, now: Instant) {
        let until = self.calls.get(&id).and_then(Call::rings_until);
        if until.is_some_and(|until| now >= until) {
            self.end_ringing(id, EndReason::NoAnswer, None, now);
        }
    }

    /// Nothing is left of a short call, not even for the time that it might have rung.
    fn rings_no_more(&mut self, id: CallId, rang_until: Option<Instant>) {
        if let Some(until) = rang_until {
            self.timers.remove(&(until, Timer::RingOut(id)));
        }
    }

    /// Ends the call that a vanished session makes, while it rings.
    pub(super) fn cancel_call_of(&mut self, session: SessionId, now: Instant) {
        let Some(id) = self.sessions.get(&session).and_then(|s| s.call) else {
            return;
        };
        let call = &self.calls[&id];
        if call.caller == session && !call.is_answered() {
            self.end_ringing(id, EndReason::Cancelled, None, now);
        }
    }

    /// A session at which a call rings, or that makes one, is about to be removed.
    pub(super) fn forget_in_ringing(&mut self, session: SessionId, now: Instant) {
        let id = self.sessions.get(&session).and_then(|s| s.call);
        let Some(call) = id.and_then(|id| self.calls.get_mut(&id)) else {
            return;
        };
        let id = call.id;
        match call.forget(session) {
            Some(reason) => self.end_ringing(id, reason, None, now),
            None => self.take_out(session),
        }
    }

    /// A call that was not answered is over for everybody, with one reason; and its room, if it has one of its own.
    pub(super) fn end_ringing(&mut self, id: CallId, reason: EndReason, asked: Option<(SessionId, u32)>, now: Instant) {
        let room = self.calls.get(&id).map(|call| call.room);
        self.stop_ringing(id, reason, asked, now);
        // Whoever waited alone for the one who was called waits no longer.
        if let Some(room) = room {
            self.look_after(room, now);
        }
    }

    /// The same, where more is to happen to the room.
    pub(super) fn stop_ringing(&mut self, id: CallId, reason: EndReason, asked: Option<(SessionId, u32)>, now: Instant) {
        let Some(call) = self.calls.get(&id) else { return };
        let (room_id, kind, involved) = (call.room, call.kind, call.involved());
        match kind {
            Kind::Pair => {
                let room = self.rooms.remove(&room_id);
                self.drop_report(room_id);
                for member in room.iter().flat_map(|room| room.members.values()) {
                    if let Some(session) = self.sessions.get_mut(&member.session) {
                        (session.call, session.room) = (None, None);
                    }
                }
                self.ask_sfu(MediaRequest::CloseRoom { room: room_id });
            }
            Kind::Invitation => {
                let room = self.rooms.get_mut(&room_id);
                let rang: Vec<SessionId> = room.map_or_else(Vec::new, |room| {
                    room.invitations.remove(&id);
                    let rang = room.members.values();
                    rang.filter(|m| m.call == Some(id) && m.standing == Standing::Ringing)
                        .map(|m| m.session)
                        .collect()
                });
                for session in rang {
                    self.take_out(session);
                }
            }
        }
        for to in involved {
            let reference = asked.filter(|(session, _)| *session == to).map(|(_, reference)| reference);
            let event = Event::CallEnded {
                call_id: id,
                reason,
                duration_ms: 0,
            };
            self.tell(to, reference, event);
        }
        self.finish(id, reason, now);
    }

    /// The only way in which a call that rang is counted as ended: once.
    pub(super) fn finish(&mut self, id: CallId, reason: EndReason, now: Instant) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.rings_no_more(id, call.rings_until());
        if call.is_answered() {
            self.answered -= 1;
            self.outputs.push_back(Output::Keep(Keep::ForgetCall(id)));
        }
        for user in [call.caller_user, call.callee_user] {
            if let Some(user) = self.users.get_mut(&user) {
                user.calls.remove(&id);
            }
        }
        let lasted = call.lasted(now);
        self.note_over(id, reason, lasted);
        self.tell_call_ended(&call, reason, lasted);
        self.report_over(call.room, id, reason, now);
        self.outputs.push_back(Output::Count(Fact::CallEnded {
            call: id,
            reason,
            lasted,
            record: call.record,
        }));
    }

    /// A session has no part in a call any more: its user neither, unless another session of theirs has. Which user that is.
    pub(super) fn release_user(&mut self, id: CallId, session: SessionId) -> Option<UserId> {
        let user_id = self.sessions.get(&session)?.user;
        let involved = self.calls.get(&id).map(Call::involved).unwrap_or_default();
        let has_part = |session: &SessionId| self.sessions.get(session).is_some_and(|s| s.user == user_id);
        if involved.iter().any(has_part) {
            return None;
        }
        if let Some(user) = self.users.get_mut(&user_id) {
            user.calls.remove(&id);
        }
        Some(user_id)
    }

    /// Refuses where a room has as many participants as it may.
    pub(super) fn check_space(&mut self, room: RoomId) -> Result<(), Refusal> {
        let count = self.rooms.get(&room).map_or(0, Room::present_count);
        if count < self.config.participants_per_room_max {
            return Ok(());
        }
        self.count_limit(Limit::ParticipantsPerRoom);
        Err(Refusal {
            code: ErrorCode::RoomFull,
            message: "the room has as many participants as it may",
        })
    }
}
