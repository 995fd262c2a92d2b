//! Sessions that have their call on another node, in the hub of their home: commands go there, and what they are told comes from there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::neighbours::UNREACHABLE;
use super::{Hub, Timer};
use crate::id::{CallId, NodeId, RoomId, SessionId, UserId};
use crate::signaling::limits::Refusal;
use crate::signaling::nodes::{Abroad, Accepts, Ends, Visitor, Word, concerns};
use crate::signaling::protocol::{CallNow, Command, EndReason, Event, LeaveReason, Participant, UserInfo};
use crate::signaling::session::Departure;

/// A wish to leave a call that the owner does not answer within this time is carried out without it.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(1500);

/// What rings is let go when its owner cannot be heard for so long: nobody can be told by it any more that it is over.
const RINGING_PATIENCE: Duration = Duration::from_secs(3);

/// What rings is let go so long after the owner should have ended it.
const RING_SLACK: Duration = Duration::from_secs(5);

/// Ringing.
impl Hub {
    /// Another node wants a user of ours to be called.
    #[expect(clippy::too_many_arguments, reason = "what the word says, and from whom and when")]
    pub(super) fn ring_for(
        &mut self,
        owner: NodeId,
        call: CallId,
        room: RoomId,
        caller: &UserInfo,
        callee: UserId,
        late: bool,
        now: Instant,
    ) {
        let word = match self.reserve(owner, call, room, caller.user_id, callee, now) {
            Ok(visitors) => Word::Rings { call, visitors },
            Err(busy) => Word::Silent {
                call,
                busy: busy && !late,
            },
        };
        self.say_to(owner, word);
    }

    /// The sessions at which it is to ring, which have that call from now on. An error: whether the user has a call already.
    fn reserve(
        &mut self,
        owner: NodeId,
        call: CallId,
        room: RoomId,
        caller: UserId,
        callee: UserId,
        now: Instant,
    ) -> Result<Vec<Visitor>, bool> {
        if self.barred.contains(&callee) || !self.may_ring(callee, caller) {
            return Err(false);
        }
        let Some(user) = self.users.get(&callee) else {
            return Err(false);
        };
        let all = user.sessions.clone();
        let has_call = !user.calls.is_empty();
        let is_in_it = |hub: &Hub, id: &SessionId| hub.sessions[id].abroad.as_ref().is_some_and(|abroad| abroad.call == call);
        let ours: Vec<SessionId> = all.iter().copied().filter(|id| !self.is_visitor(*id)).collect();
        let fresh: Vec<SessionId> = ours
            .iter()
            .copied()
            .filter(|id| self.grants(*id).may_answer() && !is_in_it(self, id))
            .collect();
        let is_there = fresh.iter().any(|id| self.is_there(*id));
        if !is_there {
            return Err(false);
        }
        let gives_way = |hub: &Hub, id: &SessionId| hub.gives_way(*id, caller, call);
        let calls_them = fresh.iter().any(|id| {
            let seeking = self.sessions[id].seeking;
            seeking.is_some() && self.calls_user(seeking, caller)
        });
        if calls_them && !fresh.iter().any(|id| gives_way(self, id).is_some()) {
            // They call each other, and ours is the one: it comes to them as theirs did to us.
            return Err(false);
        }
        let is_busy = has_call
            || all.iter().any(|id| {
                let session = &self.sessions[id];
                session.is_engaged() && !is_in_it(self, id) && gives_way(self, id).is_none()
            });
        if is_busy {
            return Err(true);
        }
        let mut visitors = Vec::new();
        for id in fresh {
            let way = gives_way(self, &id);
            let accepts = way.and_then(|seek| self.take_back_seek(seek));
            let accepts = accepts.map(|(reference, through_server)| Accepts {
                reference,
                through_server,
            });
            visitors.extend(self.send_abroad(id, (owner, call, room), caller, accepts, now));
        }
        Ok(visitors)
    }

    fn calls_user(&self, seek: Option<CallId>, user: UserId) -> bool {
        let seek = seek.and_then(|id| self.neighbours.seeks.get(&id));
        seek.is_some_and(|seek| seek.callee == user)
    }

    fn send_abroad(
        &mut self,
        id: SessionId,
        (owner, call, room): (NodeId, CallId, RoomId),
        caller: UserId,
        accepts: Option<Accepts>,
        now: Instant,
    ) -> Option<Visitor> {
        let at = now + self.config.ring_timeout + RING_SLACK;
        self.note_abroad(id, Abroad::new(owner, call), at);
        let abroad = self.sessions.get_mut(&id)?.abroad.as_mut()?;
        (abroad.room, abroad.caller) = (Some(room), Some(caller));
        self.visitor(id, accepts)
    }

    /// From here on the session has its call, or what it hopes to come into, on another node; unless nothing comes of it until then.
    pub(super) fn note_abroad(&mut self, id: SessionId, mut abroad: Abroad, until: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        abroad.until = Some(until);
        abroad.ends = Some(Ends {
            at: until,
            why: EndReason::NoAnswer,
            reference: None,
        });
        session.abroad = Some(Box::new(abroad));
        self.timers.insert((until, Timer::Abroad(id)));
    }

    /// What another node has to know of a session to treat it as one of its own.
    pub(super) fn visitor(&self, id: SessionId, accepts: Option<Accepts>) -> Option<Visitor> {
        let session = self.sessions.get(&id)?;
        let user = session.user;
        let person = self.people.get(&user).map(|here| &here.person);
        Some(Visitor {
            session: id,
            user,
            name: self.user_info(user).name,
            grants: session.grants,
            attached: session.connection().is_some(),
            unattended: session.unattended,
            address: session.address,
            settings: person.map(|person| person.settings).unwrap_or_default(),
            blocked: person
                .map(|person| person.blocked.iter().copied().collect())
                .unwrap_or_default(),
            accepts,
        })
    }
}

/// What browsers send.
impl Hub {
    /// Whether a command is for the owner of the session's call.
    pub(super) fn goes_abroad(&self, id: SessionId, command: &Command) -> bool {
        let Some(abroad) = self.sessions.get(&id).and_then(|session| session.abroad.as_ref()) else {
            return false;
        };
        match concerns(command) {
            // Also of those whom it calls into the room there.
            (Some(_), _) => true,
            (None, Some(room)) => Some(room) == abroad.room,
            (None, None) => false,
        }
    }

    pub(super) fn pass_on(&mut self, id: SessionId, reference: u32, command: Command, now: Instant) -> Result<(), Refusal> {
        let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.as_mut()) else {
            return Ok(());
        };
        let owner = abroad.owner;
        let wishes_end = match &command {
            Command::Decline { call_id } if *call_id == abroad.call => Some(EndReason::Declined),
            Command::Cancel { call_id } if *call_id == abroad.call => Some(EndReason::Cancelled),
            Command::HangUp { call_id } if *call_id == abroad.call => Some(EndReason::HungUp),
            Command::Leave { room_id } if Some(*room_id) == abroad.room => Some(EndReason::HungUp),
            _ => None,
        };
        match wishes_end {
            Some(why) => {
                let at = now + FAREWELL_PATIENCE;
                let reference = Some(reference);
                abroad.ends = Some(Ends { at, why, reference });
                self.timers.insert((at, Timer::Abroad(id)));
            }
            // Nobody knows when it would be carried out.
            None if !self.neighbours.hears(owner) => return Err(UNREACHABLE),
            None => {}
        }
        let session = id;
        self.say_to(
            owner,
            Word::Command {
                session,
                reference,
                command,
            },
        );
        Ok(())
    }

    pub(super) fn say_detached(&mut self, id: SessionId, how: Departure) {
        if let Some(owner) = self.owner_of(id) {
            self.say_to(owner, Word::Detached { session: id, how });
        }
    }

    pub(super) fn say_attached(&mut self, id: SessionId) {
        if let Some(owner) = self.owner_of(id) {
            self.say_to(owner, Word::Attached { session: id });
        }
    }

    pub(super) fn say_named(&mut self, id: SessionId, name: &str) {
        if let Some(owner) = self.owner_of(id) {
            let name = name.to_owned();
            self.say_to(owner, Word::Named { session: id, name });
        }
    }

    fn owner_of(&self, id: SessionId) -> Option<NodeId> {
        let abroad = self.sessions.get(&id)?.abroad.as_ref()?;
        Some(abroad.owner)
    }

    /// The nodes that have a call or room of this user's.
    pub(super) fn owners_for(&self, user: UserId) -> BTreeSet<NodeId> {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        sessions
            .filter_map(|id| Some(self.sessions.get(id)?.abroad.as_ref()?.owner))
            .collect()
    }

    /// The session is about to be removed.
    pub(super) fn forget_abroad(&mut self, id: SessionId) {
        if let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.take()) {
            self.say_to(abroad.owner, Word::Left { session: id });
        }
    }

    /// The call of a session as a page has to know it that knows nothing.
    pub(super) fn call_abroad(&self, id: SessionId, now: Instant) -> Option<CallNow> {
        let abroad = self.sessions.get(&id)?.abroad.as_ref().filter(|abroad| !abroad.ended)?;
        let (call, at) = abroad.stands.clone()?;
        let since = now.saturating_duration_since(at).as_millis();
        Some(call.later(u32::try_from(since).unwrap_or(u32::MAX)))
    }

    /// Whether it waits to be let in there by a link.
    fn joins_abroad(&self, id: SessionId) -> bool {
        let abroad = self.sessions.get(&id).and_then(|session| session.abroad.as_ref());
        abroad.is_some_and(|abroad| abroad.joins.is_some())
    }

    /// Whether it only rings there.
    pub(super) fn rings_abroad(&self, id: SessionId) -> bool {
        !self.is_inside_abroad(id) && !self.joins_abroad(id)
    }

    /// Whether it is in a room there, and not only called.
    pub(super) fn is_inside_abroad(&self, id: SessionId) -> bool {
        let abroad = self.sessions.get(&id).and_then(|session| session.abroad.as_ref());
        match abroad.and_then(|abroad| abroad.stands.as_ref()) {
            Some((CallNow::Answered { .. } | CallNow::Joined { .. } | CallNow::Waiting { .. }, _)) => true,
            Some((CallNow::RingingOut { .. } | CallNow::Incoming { .. }, _)) | None => false,
        }
    }
}

/// What owners say.
impl Hub {
    pub(super) fn abroad_at(&mut self, owner: NodeId, id: SessionId) -> Option<&mut Abroad> {
        let abroad = self.sessions.get_mut(&id)?.abroad.as_mut()?;
        (abroad.owner == owner).then_some(&mut **abroad)
    }

    pub(super) fn told_from(&mut self, owner: NodeId, id: SessionId, reference: Option<u32>, passing: bool, event: Event) {
        // What is told of a call that was ended here comes too late.
        let Some(abroad) = self.abroad_at(owner, id) else { return };
        match &event {
            Event::IncomingCall { .. } => abroad.told = true,
            Event::CallAnswered { call_id, .. } if *call_id == abroad.call => {
                abroad.told = true;
                // It is not ringing any more.
                abroad.ends = abroad.ends.filter(|ends| ends.reference.is_some());
            }
            Event::CallEnded { call_id, .. } | Event::AnsweredElsewhere { call_id } if *call_id == abroad.call => {
                abroad.ended = true;
            }
            Event::RoomLeft { room_id, .. } if Some(*room_id) == abroad.room => abroad.ended = true,
            Event::LobbyEntered { room, .. } | Event::RoomJoined { room, .. } => {
                (abroad.room, abroad.told, abroad.ends) = (Some(room.room_id), true, None);
            }
            _ => {}
        }
        if reference.is_some() && reference == abroad.joins {
            abroad.joins = None;
            let guessed = std::mem::take(&mut abroad.guesses);
            self.end_guess(id, guessed, &event);
        }
        if passing {
            self.tell_now(id, reference, event);
        } else {
            self.tell(id, reference, event);
        }
    }

    pub(super) fn stands_abroad(&mut self, owner: NodeId, id: SessionId, call: Option<CallNow>, now: Instant) {
        if let Some(abroad) = self.abroad_at(owner, id) {
            abroad.stands = call.map(|call| (call, now));
            self.watch(id, now);
            self.touch_presence(id);
            self.end_unsettled(id, now);
        }
    }

    /// The owner gave the call up before it rang anywhere.
    pub(super) fn over_there(&mut self, owner: NodeId, call: CallId, now: Instant) {
        for id in self.abroad_with(Some(owner)) {
            if self.abroad_at(owner, id).is_some_and(|abroad| abroad.call == call) {
                self.end_abroad(id, EndReason::Cancelled, None, now);
            }
        }
    }

    /// The call of another user that rings at this session, or is about to, from another node.
    pub(super) fn rings_from_abroad(&self, id: SessionId, caller: UserId) -> Option<CallId> {
        let abroad = self.sessions.get(&id)?.abroad.as_ref()?;
        let rings = abroad.caller == Some(caller) && !abroad.ended && !self.is_inside_abroad(id);
        rings.then_some(abroad.call)
    }

    pub(super) fn released_from(&mut self, owner: NodeId, id: SessionId, call: CallId, now: Instant) {
        // It may have another one by now.
        if self.abroad_at(owner, id).is_some_and(|abroad| abroad.call == call) {
            self.end_abroad(id, EndReason::ConnectionLost, None, now);
        }
    }

    /// The call is over for the session, and its browser knows.
    pub(super) fn end_abroad(&mut self, id: SessionId, why: EndReason, reference: Option<u32>, now: Instant) {
        let lasted = self.call_abroad(id, now);
        let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.take()) else {
            return;
        };
        self.touch_presence(id);
        if let Some(joins) = abroad.joins {
            self.refuse(id, Some(joins), UNREACHABLE.code, UNREACHABLE.message);
        }
        if abroad.ended || !abroad.told {
            return;
        }
        let in_room = match lasted {
            Some(CallNow::Joined { .. } | CallNow::Waiting { .. }) => true,
            Some(CallNow::Answered { .. } | CallNow::RingingOut { .. } | CallNow::Incoming { .. }) | None => {
                abroad.caller.is_none()
            }
        };
        let event = match (lasted, abroad.room.filter(|_| in_room)) {
            (_, Some(room_id)) => Event::RoomLeft {
                room_id,
                reason: match why {
                    EndReason::HungUp | EndReason::Cancelled => LeaveReason::Left,
                    _ => LeaveReason::ConnectionLost,
                },
            },
            (Some(CallNow::Answered { elapsed_ms, .. }), None) => Event::CallEnded {
                call_id: abroad.call,
                reason: why,
                duration_ms: elapsed_ms,
            },
            (_, None) => Event::CallEnded {
                call_id: abroad.call,
                reason: why,
                duration_ms: 0,
            },
        };
        self.tell(id, reference, event);
    }

    /// What was to end by itself ends now, and the owner is told when it can be.
    pub(super) fn check_abroad(&mut self, id: SessionId, now: Instant) {
        let Some(abroad) = self.sessions.get(&id).and_then(|session| session.abroad.as_ref()) else {
            return;
        };
        let (owner, ends) = (abroad.owner, abroad.ends);
        if let Some(ends) = ends.filter(|ends| now >= ends.at) {
            self.end_abroad(id, ends.why, ends.reference, now);
            self.say_to(owner, Word::Left { session: id });
        }
    }
}

/// What becomes of owners.
impl Hub {
    fn abroad_with(&self, owner: Option<NodeId>) -> Vec<SessionId> {
        let all = self.sessions.iter();
        let theirs = all.filter(|(_, session)| {
            let abroad = session.abroad.as_ref();
            abroad.is_some_and(|abroad| owner.is_none_or(|owner| abroad.owner == owner))
        });
        theirs.map(|(id, _)| *id).collect()
    }

    fn end_later(&mut self, id: SessionId, why: EndReason, at: Instant) {
        let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.as_mut()) else {
            return;
        };
        if abroad.ends.is_none_or(|ends| at < ends.at) {
            let reference = abroad.ends.and_then(|ends| ends.reference);
            abroad.ends = Some(Ends { at, why, reference });
            self.timers.insert((at, Timer::Abroad(id)));
        }
    }

    /// What rings for owners of a name whose rooms another node has: it knows nothing of that, and who called rings anew from there.
    pub(super) fn end_ringing_for(&mut self, name: &str, now: Instant) {
        for id in self.abroad_with(None) {
            let owner = self.owner_of(id).and_then(|owner| self.neighbours.name_of(owner));
            if owner == Some(name) && self.rings_abroad(id) {
                self.end_abroad(id, EndReason::ConnectionLost, None, now);
            }
        }
    }

    /// What rings for an owner that cannot be heard; None: for all of them.
    pub(super) fn stop_ringing_abroad(&mut self, owner: Option<NodeId>, now: Instant) {
        for id in self.abroad_with(owner) {
            if self.rings_abroad(id) {
                self.end_later(id, EndReason::Cancelled, now + RINGING_PATIENCE);
            }
        }
    }

    /// It can be heard again: what rings goes on to ring.
    pub(super) fn rings_on_abroad(&mut self) {
        for id in self.abroad_with(None) {
            self.ring_on(id);
        }
    }

    fn ring_on(&mut self, id: SessionId) {
        let is_inside = self.is_inside_abroad(id);
        if let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.as_mut())
            && !is_inside
        {
            let was_cut_off = abroad
                .ends
                .is_some_and(|ends| ends.why == EndReason::Cancelled && ends.reference.is_none());
            if let Some(at) = abroad.until.filter(|_| was_cut_off) {
                let (why, reference) = (EndReason::NoAnswer, None);
                abroad.ends = Some(Ends { at, why, reference });
                self.timers.insert((at, Timer::Abroad(id)));
            }
        }
    }

    /// The owner is not heard: its participants are shown as reconnecting, and after a while the call is over here.
    pub(super) fn owner_is_away(&mut self, owner: NodeId, now: Instant) {
        self.stop_ringing_abroad(Some(owner), now);
        for id in self.abroad_with(Some(owner)) {
            if self.is_inside_abroad(id) {
                self.end_later(id, EndReason::ConnectionLost, now + self.config.resume_grace);
                self.shadow(id, true);
            }
        }
    }

    pub(super) fn owner_is_back(&mut self, owner: NodeId) {
        for id in self.abroad_with(Some(owner)) {
            self.ring_on(id);
            if let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.as_mut()) {
                abroad.ends = abroad.ends.filter(|ends| ends.why != EndReason::ConnectionLost);
            }
            self.shadow(id, false);
        }
    }

    pub(super) fn owner_is_gone(&mut self, owner: NodeId, now: Instant) {
        for id in self.abroad_with(Some(owner)) {
            self.end_abroad(id, EndReason::ConnectionLost, None, now);
        }
    }

    /// Shows the others in a call as reconnecting, or as they are.
    pub(super) fn shadow(&mut self, id: SessionId, shadowed: bool) {
        let Some(abroad) = self.sessions.get_mut(&id).and_then(|session| session.abroad.as_mut()) else {
            return;
        };
        if std::mem::replace(&mut abroad.shadowed, shadowed) == shadowed || abroad.ended {
            return;
        }
        let Some(room_id) = abroad.room else { return };
        let others: Vec<Participant> = match &abroad.stands {
            Some((CallNow::Answered { participants, .. } | CallNow::Joined { participants, .. }, _)) => participants.clone(),
            Some((CallNow::RingingOut { .. } | CallNow::Incoming { .. } | CallNow::Waiting { .. }, _)) | None => Vec::new(),
        };
        for mut participant in others {
            participant.reconnecting |= shadowed;
            self.tell(id, None, Event::ParticipantChanged { room_id, participant });
        }
    }
}
