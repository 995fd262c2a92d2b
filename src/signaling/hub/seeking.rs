//! Calls to users who may be on other nodes, in the hub of whoever calls: every other node is asked, and where somebody is, it rings.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand::Rng;

use super::neighbours::UNREACHABLE;
use super::{Hub, Timer};
use crate::id::{CallId, NodeId, RoomId, SessionId, UserId};
use crate::signaling::call::{Kind, State};
use crate::signaling::nodes::{Visitor, Word};
use crate::signaling::protocol::{EndReason, UserInfo};

/// For so long the answers of other nodes are waited for.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A call that rings nowhere yet.
#[derive(Debug)]
pub(super) struct Seek {
    caller: SessionId,
    pub(super) reference: u32,
    pub(super) callee: UserId,
    room: RoomId,
    pub(super) kind: Kind,
    pub(super) through_server: bool,
    /// The nodes that have not answered.
    waits_for: BTreeSet<NodeId>,
}

/// Where a call leads.
pub(super) struct Leads {
    pub(super) kind: Kind,
    /// The room that is there, for an invitation.
    pub(super) room: Option<RoomId>,
    pub(super) through_server: bool,
}

/// The caller's side.
impl Hub {
    /// Asks the other nodes for a user of whom nobody is here. The caller is answered when they are.
    pub(super) fn seek(&mut self, id: CallId, caller: SessionId, reference: u32, callee: UserId, leads: Leads, now: Instant) {
        let room = leads.room.unwrap_or_else(|| RoomId::from_random(self.rng.next_u64()));
        let seek = Seek {
            caller,
            reference,
            callee,
            room,
            kind: leads.kind,
            through_server: leads.through_server,
            waits_for: self.neighbours.heard(),
        };
        if let Some(session) = self.sessions.get_mut(&caller)
            && seek.kind == Kind::Pair
        {
            session.seeking = Some(id);
        }
        self.neighbours.seeks.insert(id, seek);
        self.timers.insert((now + PATIENCE, Timer::Seek(id)));
        self.ask_all(id, caller, room, callee);
    }

    /// Asks the other nodes for further sessions of a user at whom it rings here.
    pub(super) fn ask_others(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|_| self.neighbours.joined) else {
            return;
        };
        let (caller, room, callee) = (call.caller, call.room, call.callee_user);
        self.ask_all(id, caller, room, callee);
    }

    fn ask_all(&mut self, call: CallId, caller: SessionId, room: RoomId, callee: UserId) {
        let Some(user) = self.user_of(caller) else { return };
        let caller = self.user_info(user);
        for to in self.neighbours.heard() {
            self.ask(to, call, room, caller.clone(), callee, false);
        }
    }

    fn ask(&mut self, to: NodeId, call: CallId, room: RoomId, caller: UserInfo, callee: UserId, late: bool) {
        let word = Word::Ring {
            call,
            room,
            caller,
            callee,
            late,
        };
        self.say_to(to, word);
    }

    /// A user has a new session on another node: what rings at them rings there too.
    pub(super) fn ask_for_late_comer(&mut self, node: NodeId, user: UserId) {
        let calls = self.users.get(&user).map(|user| user.calls.clone()).unwrap_or_default();
        for id in calls {
            self.ask_again(node, id);
        }
    }

    /// A node came that nobody could ask before.
    pub(super) fn ask_newcomer(&mut self, node: NodeId) {
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for id in calls {
            self.ask_again(node, id);
        }
    }

    fn ask_again(&mut self, node: NodeId, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|call| !call.is_answered()) else {
            return;
        };
        let (room, caller_user, callee) = (call.room, call.caller_user, call.callee_user);
        let caller = self.user_info(caller_user);
        self.ask(node, id, room, caller, callee, true);
    }

    /// It rings at these sessions, if it still is to.
    pub(super) fn rings_there(&mut self, node: NodeId, id: CallId, visitors: Vec<Visitor>, now: Instant) {
        if let Some(seek) = self.neighbours.seeks.get(&id) {
            let fits = visitors.iter().all(|visitor| visitor.user == seek.callee);
            if fits && self.may_still_begin(id) {
                return self.begin_elsewhere(node, id, visitors, now);
            }
        }
        let call = self.calls.get(&id);
        let callee = call.filter(|call| !call.is_answered()).map(|call| call.callee_user);
        for visitor in visitors {
            if callee != Some(visitor.user) {
                self.release(node, visitor.session, id);
            } else if let Some(session) = self.let_visit(node, id, visitor, now) {
                self.ring_also(session, id, now);
            }
        }
    }

    /// The caller may have gone meanwhile.
    fn may_still_begin(&mut self, id: CallId) -> bool {
        let Some(seek) = self.neighbours.seeks.get(&id) else {
            return false;
        };
        let (caller, room, kind) = (seek.caller, seek.room, seek.kind);
        match kind {
            Kind::Pair => {
                let session = self.sessions.get(&caller);
                session.is_some_and(|session| session.seeking == Some(id) && session.room.is_none())
            }
            Kind::Invitation => self.in_room(caller, room).is_ok() && self.check_space(room).is_ok(),
        }
    }

    fn begin_elsewhere(&mut self, node: NodeId, id: CallId, visitors: Vec<Visitor>, now: Instant) {
        let accepts = visitors.iter().find_map(|v| v.accepts.map(|accepts| (v.session, accepts)));
        let mut at = BTreeSet::new();
        for visitor in visitors {
            at.extend(self.let_visit(node, id, visitor, now));
        }
        if at.is_empty() {
            return self.silent_there(node, id, false, now);
        }
        let Some(seek) = self.end_seek(id) else { return };
        match seek.kind {
            Kind::Pair => self.open_pair(id, seek.caller, seek.room, seek.through_server, now),
            Kind::Invitation => {
                if let Some(room) = self.rooms.get_mut(&seek.room) {
                    room.invitations.insert(id);
                }
            }
        }
        let by = (seek.caller, seek.reference);
        self.begin_ringing(id, seek.room, seek.kind, by, (seek.callee, at), now);
        if let Some((session, accepts)) = accepts
            // A refusal is told like any other.
            && let Err(refusal) = self.accept(session, accepts.reference, id, accepts.through_server, now)
        {
            self.refuse(session, Some(accepts.reference), refusal.code, refusal.message);
        }
    }

    /// A node has nobody at whom it could ring; or, `busy`, somebody who has a call.
    pub(super) fn silent_there(&mut self, node: NodeId, id: CallId, busy: bool, now: Instant) {
        if busy && self.calls.get(&id).is_some_and(|call| !call.is_answered()) {
            return self.end_ringing(id, EndReason::Busy, None, now);
        }
        let Some(seek) = self.neighbours.seeks.get_mut(&id) else {
            return;
        };
        seek.waits_for.remove(&node);
        let (is_over, callee) = (seek.waits_for.is_empty(), seek.callee);
        if busy {
            self.end_seek_with(id, EndReason::Busy, now);
        } else if is_over && self.far.is_unheard(callee) {
            self.give_up_seek(id);
        } else if is_over {
            self.end_seek_with(id, EndReason::Unreachable, now);
        }
    }

    fn end_seek(&mut self, id: CallId) -> Option<Seek> {
        let seek = self.neighbours.seeks.remove(&id)?;
        if let Some(session) = self.sessions.get_mut(&seek.caller)
            && session.seeking == Some(id)
        {
            session.seeking = None;
        }
        Some(seek)
    }

    fn end_seek_with(&mut self, id: CallId, reason: EndReason, now: Instant) {
        let Some(seek) = self.end_seek(id) else { return };
        if reason == EndReason::Unreachable {
            self.miss_call(seek.caller, now);
        }
        if self.sessions.contains_key(&seek.caller) {
            self.end_at_once(id, (seek.caller, seek.reference), seek.callee, reason);
        }
    }

    /// Not all have answered in time.
    pub(super) fn give_up_seek(&mut self, id: CallId) {
        let Some(seek) = self.end_seek(id) else { return };
        self.say_to_all(&Word::Over { call: id });
        self.refuse(seek.caller, Some(seek.reference), UNREACHABLE.code, UNREACHABLE.message);
    }

    /// A node that has not answered will not.
    pub(super) fn stop_waiting_for(&mut self, node: NodeId) {
        let waiting = self
            .neighbours
            .seeks
            .iter()
            .filter(|(_, seek)| seek.waits_for.contains(&node));
        let ids: Vec<CallId> = waiting.map(|(id, _)| *id).collect();
        for id in ids {
            self.give_up_seek(id);
        }
    }

    /// A session that seeks is about to be removed.
    pub(super) fn forget_seeks_of(&mut self, session: SessionId) {
        let of_session = self.neighbours.seeks.iter().filter(|(_, seek)| seek.caller == session);
        let ids: Vec<CallId> = of_session.map(|(id, _)| *id).collect();
        for id in ids {
            self.end_seek(id);
            self.say_to_all(&Word::Over { call: id });
        }
    }

    /// The seek of a session that calls this very user just now, if that call gives way to the other's: of two that call each other
    /// over two nodes, the call with the smaller id is the one.
    pub(super) fn gives_way(&self, session: SessionId, caller: UserId, call: CallId) -> Option<CallId> {
        let id = self.sessions.get(&session)?.seeking?;
        let seek = self.neighbours.seeks.get(&id)?;
        (seek.callee == caller && seek.kind == Kind::Pair && call < id).then_some(id)
    }

    pub(super) fn take_back_seek(&mut self, id: CallId) -> Option<(u32, bool)> {
        let seek = self.end_seek(id)?;
        Some((seek.reference, seek.through_server))
    }

    /// A session more at which a call rings.
    pub(super) fn ring_also(&mut self, session: SessionId, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &mut call.state {
            State::Ringing { at, .. } => at.insert(session),
            State::Answered { .. } => return,
        };
        let (room, caller_user) = (call.room, call.caller_user);
        self.ring(session, id, room, caller_user, now);
    }
}
