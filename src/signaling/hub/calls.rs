//! Calls in the hub: ringing, the answer, and the one end.

use std::collections::BTreeSet;
use std::time::Instant;

use rand::Rng;

use super::{Hub, Timer};
use crate::id::{CallId, ParticipantId, RoomId, SessionId, UserId};
use crate::signaling::call::{Call, Farewell, State, no_such_call};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::output::{Fact, Keep, KeptCall, MediaRequest, Output};
use crate::signaling::protocol::{EndReason, ErrorCode, Event};
use crate::signaling::record::Record;
use crate::signaling::room::{Member, Room};

impl Hub {
    pub(super) fn call(
        &mut self,
        caller: SessionId,
        reference: u32,
        callee_user: UserId,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&caller) else {
            return Ok(());
        };
        let caller_user = session.user;
        if let Some(call_id) = session.call {
            let call = &self.calls[&call_id];
            // Glare: they called each other, and the hub saw the other's call first. This one is its acceptance.
            if call.caller_user == callee_user && call.rings_at(caller) {
                return self.accept(caller, reference, call_id, through_server, now);
            }
            return Err(Refusal::not_allowed("this session has a call already"));
        }
        if self.stopping {
            return Err(Refusal {
                code: ErrorCode::ShuttingDown,
                message: "the server is going down",
            });
        }
        // Before any look at the user asked for, so that the answer does not depend on whether there is one.
        if !session.misses.has(now) {
            self.count_limit(Limit::CallsToNobody);
            return Err(Refusal::rate_limited("too many calls that reached nobody"));
        }
        let id = CallId::from_random(self.rng.next_u64());
        let callee = self.users.get(&callee_user);
        let at: BTreeSet<SessionId> = callee
            .map(|user| user.sessions.iter().copied().filter(|s| *s != caller).collect())
            .unwrap_or_default();
        // One that waits to be resumed rings too, but alone it is most often a page that was closed.
        let is_there = at.iter().any(|session| self.sessions[session].connection().is_some());
        if !is_there {
            if let Some(session) = self.sessions.get_mut(&caller) {
                session.misses.take(now);
            }
            self.end_at_once(id, caller, reference, EndReason::Unreachable);
        } else if callee.is_some_and(|user| !user.calls.is_empty()) {
            self.end_at_once(id, caller, reference, EndReason::Busy);
        } else {
            let room = RoomId::from_random(self.rng.next_u64());
            let until = now + self.config.ring_timeout;
            let call = Call {
                id,
                room,
                caller,
                caller_user,
                callee_user,
                caller_through_server: through_server,
                started: now,
                record: Record::default(),
                state: State::Ringing { until, at: at.clone() },
            };
            self.calls.insert(id, call);
            self.rooms.insert(room, Room::new(Some(id)));
            self.timers.insert((until, Timer::RingOut(id)));
            for user in [caller_user, callee_user] {
                if let Some(user) = self.users.get_mut(&user) {
                    user.calls.insert(id);
                }
            }
            self.outputs.push_back(Output::Count(Fact::CallStarted { call: id }));
            self.enter(caller, id, room, now);
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
        Ok(())
    }

    /// A call that never rang. It has an id all the same, so that the browser needs no case of its own.
    fn end_at_once(&mut self, call: CallId, caller: SessionId, reference: u32, reason: EndReason) {
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

    /// Gives a session its place in a call's room.
    fn enter(&mut self, session: SessionId, call: CallId, room: RoomId, now: Instant) {
        let participant = ParticipantId::from_random(self.rng.next_u64());
        if let Some(session) = self.sessions.get_mut(&session) {
            session.call = Some(call);
        }
        if let Some(room) = self.rooms.get_mut(&room) {
            room.members.insert(participant, Member::new(session));
        }
        self.watch(session, now);
    }

    fn ring(&mut self, session: SessionId, call: CallId, room: RoomId, caller_user: UserId, now: Instant) {
        self.enter(session, call, room, now);
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
        let Some(user) = self.users.get(&user_id) else { return };
        let ringing = user
            .calls
            .iter()
            .copied()
            .find(|call| self.calls[call].callee_user == user_id && !self.calls[call].is_answered());
        let Some(call) = ringing.and_then(|call| self.calls.get_mut(&call)) else {
            return;
        };
        match &mut call.state {
            State::Ringing { at, .. } => at.insert(session),
            State::Answered { .. } => return,
        };
        let (id, room, caller_user) = (call.id, call.room, call.caller_user);
        self.ring(session, id, room, caller_user, now);
    }

    pub(super) fn accept(
        &mut self,
        callee: SessionId,
        reference: u32,
        id: CallId,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.calls.get_mut(&id).ok_or_else(no_such_call)?;
        let rang = now.saturating_duration_since(call.started);
        let in_vain = call.accept(callee, through_server, now)?;
        let (room_id, caller, direct) = (call.room, call.caller, call.is_direct());
        self.answered += 1;
        self.outputs.push_back(Output::Count(Fact::CallAnswered { call: id, rang }));
        for session in in_vain {
            self.leave(session, room_id);
            self.tell(session, None, Event::AnsweredElsewhere { call_id: id });
        }
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return Ok(());
        };
        let members: Vec<ParticipantId> = room.members.keys().copied().collect();
        for member in room.members.values_mut() {
            member.in_sfu = true;
        }
        for participant in members {
            let room = room_id;
            self.ask_sfu(MediaRequest::Admit { room, participant });
        }
        self.keep_call(id);
        self.tell_answered(caller, None, id, room_id, direct, false);
        self.tell_answered(callee, Some(reference), id, room_id, direct, true);
        for session in [caller, callee] {
            // One whose websocket went while it rang: what nobody saw then is due to be shown.
            if let Some(since) = self.sessions.get(&session).and_then(|s| s.detached_since()) {
                let due = since + self.config.reconnecting_after;
                self.timers.insert((due, Timer::ShowReconnecting(session)));
            }
        }
        Ok(())
    }

    /// Notes an answered call for the time after a restart.
    fn keep_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let State::Answered { callee, direct, .. } = call.state else {
            return;
        };
        let room = self.rooms.get(&call.room);
        let place = |session| Some((session, room?.participant(session)?));
        if let (Some(caller), Some(callee)) = (place(call.caller), place(callee)) {
            self.outputs.push_back(Output::Keep(Keep::Call(KeptCall {
                call: id,
                room: call.room,
                caller,
                callee,
                direct,
            })));
        }
    }

    fn tell_answered(
        &mut self,
        to: SessionId,
        reference: Option<u32>,
        call_id: CallId,
        room_id: RoomId,
        direct: bool,
        polite: bool,
    ) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(participant_id) = room.participant(to) else { return };
        let event = Event::CallAnswered {
            call_id,
            room_id,
            participant_id,
            participants: self.others_in(room_id, participant_id),
            direct,
            polite,
            room: self.room_info(room_id),
            host: self.is_host(to),
        };
        self.tell(to, reference, event);
    }

    /// Takes a session out of a call and its room.
    fn leave(&mut self, session: SessionId, room_id: RoomId) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.call = None;
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(participant) = room.participant(session) else {
            return;
        };
        let member = room.members.remove(&participant);
        if member.is_some_and(|member| member.in_sfu) {
            self.ask_sfu(MediaRequest::Leave {
                room: room_id,
                participant,
            });
        }
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
        self.end(id, reason, Some((session, reference)), now);
        Ok(())
    }

    pub(super) fn ring_out(&mut self, id: CallId, now: Instant) {
        if self.calls.get(&id).is_some_and(|call| call.has_rung_out(now)) {
            self.end(id, EndReason::NoAnswer, None, now);
        }
    }

    /// Ends the call that a vanished session makes, while it rings.
    pub(super) fn cancel_call_of(&mut self, session: SessionId, now: Instant) {
        let Some(id) = self.sessions.get(&session).and_then(|s| s.call) else {
            return;
        };
        let call = &self.calls[&id];
        if call.caller == session && !call.is_answered() {
            self.end(id, EndReason::Cancelled, None, now);
        }
    }

    /// A session is about to be removed.
    pub(super) fn forget_in_call(&mut self, session: SessionId, now: Instant) {
        let Some(id) = self.sessions.get(&session).and_then(|s| s.call) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let room = call.room;
        match call.forget(session) {
            Some(reason) => self.end(id, reason, None, now),
            None => self.leave(session, room),
        }
        if let Some(session) = self.sessions.get_mut(&session) {
            session.call = None;
        }
    }

    /// The only way in which a call that rang ends: once, with one reason for everybody in it.
    fn end(&mut self, id: CallId, reason: EndReason, asked: Option<(SessionId, u32)>, now: Instant) {
        let Some(call) = self.calls.remove(&id) else { return };
        if call.is_answered() {
            self.answered -= 1;
            self.outputs.push_back(Output::Keep(Keep::ForgetCall(id)));
        }
        for user in [call.caller_user, call.callee_user] {
            if let Some(user) = self.users.get_mut(&user) {
                user.calls.remove(&id);
            }
        }
        self.rooms.remove(&call.room);
        self.ask_sfu(MediaRequest::CloseRoom { room: call.room });
        let lasted = call.lasted(now);
        let duration_ms = u32::try_from(lasted.as_millis()).unwrap_or(u32::MAX);
        for to in call.involved() {
            if let Some(session) = self.sessions.get_mut(&to) {
                session.call = None;
            }
            let reference = asked.filter(|(session, _)| *session == to).map(|(_, reference)| reference);
            let event = Event::CallEnded {
                call_id: id,
                reason,
                duration_ms,
            };
            self.tell(to, reference, event);
        }
        self.outputs.push_back(Output::Count(Fact::CallEnded {
            call: id,
            reason,
            lasted,
            record: call.record,
        }));
    }
}
