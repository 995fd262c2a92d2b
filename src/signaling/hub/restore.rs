//! What outlives the hub: sessions, links, and rooms with who is in them, from the store.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Hub;
use super::rooms::Parting;
use crate::id::{CallId, LinkId, RoomId, SessionId, UserId};
use crate::signaling::call::{Call, Kind, State};
use crate::signaling::link::Link;
use crate::signaling::nodes::{Home, nowhere};
use crate::signaling::output::{
    CloseReason, Fact, Keep, KeptCall, KeptLink, KeptMember, KeptRoom, KeptSession, MediaRequest, Output,
};
use crate::signaling::person::Person;
use crate::signaling::protocol::EndReason;
use crate::signaling::record::Record;
use crate::signaling::room::{Member, Origin, Room, Standing};
use crate::signaling::session::Session;

/// What the store has of the time before a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Each with its user's name.
    pub sessions: Vec<(KeptSession, String)>,
    /// What belongs to those users.
    pub people: Vec<(UserId, Person)>,
    pub links: Vec<KeptLink>,
    /// Each with how long ago its report began, if there is one.
    pub rooms: Vec<(KeptRoom, Option<Duration>)>,
    /// Each with how long ago it came in.
    pub members: Vec<(KeptMember, Duration)>,
    /// Each with how long ago it was answered.
    pub calls: Vec<(KeptCall, Duration)>,
    /// Sessions of other nodes that are in those rooms, each with its user's name.
    pub guests: Vec<(KeptSession, String)>,
    /// Those of these sessions that are in rooms of other nodes.
    pub abroad: Vec<(SessionId, AbroadAt)>,
}

impl Restored {
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.links.is_empty() && self.rooms.is_empty()
    }
}

/// Where a session is that is in a room of another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbroadAt {
    /// What the node calls itself.
    pub owner: String,
    pub room: RoomId,
    pub call: Option<CallId>,
}

impl Hub {
    /// Takes up what there was before the server was started again. To be called first.
    pub fn restore(&mut self, restored: Restored, now: Instant) {
        self.restore_into(restored, now);
        self.outputs.push_back(Output::Count(Fact::Restored {
            sessions: self.sessions.len(),
            calls: self.calls.len(),
            rooms: self.rooms.len(),
            links: self.links.len(),
        }));
    }

    /// The same of another node, beside what there is already.
    pub(super) fn restore_into(&mut self, restored: Restored, now: Instant) {
        for (user, person) in restored.people {
            self.meet(user, person);
        }
        let inside = restored.members.iter().map(|(member, _)| (member.session, member.room));
        let inside = inside.chain(restored.abroad.iter().map(|(session, at)| (*session, at.room)));
        for (session, room) in inside {
            self.forget_other_visit(session, room, now);
        }
        for (kept, name) in restored.sessions {
            self.restore_session(&kept, &name, now);
        }
        let mut gone = BTreeSet::new();
        for (kept, name) in restored.guests {
            let mut members = restored.members.iter();
            let room = members.find(|(member, _)| member.session == kept.session);
            let room = room.map(|(member, _)| member.room);
            if !self.restore_guest(&kept, &name, room, now) {
                gone.insert(kept.session);
            }
        }
        let mut links = Vec::new();
        for kept in restored.links {
            if !self.links.contains_key(&kept.link) {
                links.push(kept.link);
                self.add_link(kept.link, Link::restored(kept, now));
            }
        }
        let mut reports = Vec::new();
        let mut rooms = Vec::new();
        for (kept, report) in restored.rooms {
            if !self.rooms.contains_key(&kept.room) {
                rooms.push(kept.room);
                reports.extend(report.map(|began_ago| (kept.room, began_ago)));
                self.restore_room(kept);
            }
        }
        for (kept, lasted) in restored.members {
            let may_be_there = rooms.contains(&kept.room) && !gone.contains(&kept.session);
            if !may_be_there || !self.restore_member(&kept, lasted, now) {
                self.forget_member(kept.session);
            }
        }
        for (kept, lasted) in restored.calls {
            if !self.restore_call(&kept, lasted, now) {
                self.outputs.push_back(Output::Keep(Keep::ForgetCall(kept.call)));
                self.note_over(kept.call, EndReason::ConnectionLost, lasted);
            }
        }
        for (room, began_ago) in reports {
            self.resume_report(room, now.checked_sub(began_ago).unwrap_or(now), now);
        }
        self.drop_remains(&rooms, &links, now);
        for (session, at) in restored.abroad {
            if self.sessions.get(&session).is_some_and(|session| session.room.is_none()) {
                self.unsettle(session, at, now);
            }
        }
    }

    /// What rang here at a session that went into a room since then.
    fn forget_other_visit(&mut self, id: SessionId, room: RoomId, now: Instant) {
        if self.is_visitor(id) && self.room_of(id) != Some(room) {
            self.remove_session(id, now);
        }
    }

    fn restore_session(&mut self, kept: &KeptSession, name: &str, now: Instant) {
        let grace = self.config.resume_grace;
        match self.sessions.get_mut(&kept.session) {
            // It was a visitor, and its home is gone: that is here from now on.
            Some(session) if session.home.is_some() => {
                session.come_home(kept.secret_hash, kept.grants, now, grace);
                self.neighbours.visitors -= 1;
                let session = kept.session;
                self.outputs.push_back(Output::Count(Fact::VisitorGone { session }));
            }
            Some(_) => return,
            None => {
                let mut session = Session::restored(kept.user, kept.secret_hash, grace, now);
                session.grants = kept.grants;
                self.sessions.insert(kept.session, session);
                self.user(kept.user, name).sessions.insert(kept.session);
            }
        }
        self.wait_for(kept.session, now, grace);
    }

    /// Somebody whose session is elsewhere is in a room that is here from now on. Their home says so itself, when it has heard of that.
    /// False: it is known that they are not in it any more.
    fn restore_guest(&mut self, kept: &KeptSession, name: &str, room: Option<RoomId>, now: Instant) -> bool {
        let grace = self.config.resume_grace;
        if let Some(session) = self.sessions.get_mut(&kept.session) {
            if session.abroad.as_ref().is_none_or(|abroad| abroad.room != room) {
                return false;
            }
            // That is here: the page begins its media anew, as after a restart.
            session.abroad = None;
            session.runs += 1;
            if let Some(connection) = session.connection() {
                self.close(connection, CloseReason::Moved, now);
            }
            return true;
        }
        let mut session = Session::restored(kept.user, kept.secret_hash, grace, now);
        session.grants = kept.grants;
        session.home = Some(Home {
            node: nowhere(),
            call: CallId::from_random(0),
            attached: false,
            stands: None,
        });
        self.sessions.insert(kept.session, session);
        self.user(kept.user, name).sessions.insert(kept.session);
        self.neighbours.visitors += 1;
        let session = kept.session;
        self.outputs.push_back(Output::Count(Fact::VisitorCame { session }));
        self.wait_for(session, now, grace);
        true
    }

    fn restore_room(&mut self, kept: KeptRoom) {
        let origin = if kept.by_call { Origin::Call } else { Origin::Link };
        let mut room = Room::new(origin);
        room.name = kept.name;
        room.locked = kept.locked;
        room.lobby = kept.lobby;
        room.removed = kept.removed.into_iter().collect();
        if let Some(id) = kept.link
            && let Some(link) = self.links.get_mut(&id)
            && link.room.is_none()
        {
            link.room = Some(kept.room);
            room.link = Some(id);
        }
        self.rooms.insert(kept.room, room);
    }

    /// Whether there is a session to come back to, and no other room of it.
    fn restore_member(&mut self, kept: &KeptMember, lasted: Duration, now: Instant) -> bool {
        let Some(session) = self.sessions.get_mut(&kept.session).filter(|s| s.room.is_none()) else {
            return false;
        };
        let Some(room) = self.rooms.get_mut(&kept.room) else {
            return false;
        };
        if room.members.contains_key(&kept.participant) {
            return false;
        }
        (session.room, session.call) = (Some(kept.room), kept.call);
        room.note_guest(Some(session.user));
        let since = now.checked_sub(lasted).unwrap_or(now);
        let mut member = Member::new(kept.session, Standing::Present { since }, kept.call);
        member.place = kept.place;
        member.host = kept.host;
        member.through_server = kept.through_server;
        member.in_sfu = true;
        member.has_reported = true;
        room.add(kept.participant, member);
        self.present += 1;
        self.open_rooms += usize::from(room.present_count() == 1);
        let receives = self.grants(kept.session).subscribe;
        self.ask_sfu(MediaRequest::Admit {
            room: kept.room,
            participant: kept.participant,
            receives,
        });
        true
    }

    /// Whether anybody came by it who is in its room.
    fn restore_call(&mut self, kept: &KeptCall, lasted: Duration, now: Instant) -> bool {
        let Some(room) = self.rooms.get(&kept.room).filter(|_| !self.calls.contains_key(&kept.call)) else {
            return false;
        };
        let members = room.members.values();
        let inside: BTreeSet<SessionId> = members.filter(|m| m.call == Some(kept.call)).map(|m| m.session).collect();
        if inside.is_empty() {
            return false;
        }
        for session in &inside {
            let user = self.sessions.get(session).map(|session| session.user);
            if let Some(user) = user.and_then(|user| self.users.get_mut(&user)) {
                user.calls.insert(kept.call);
            }
        }
        let since = now.checked_sub(lasted).unwrap_or(now);
        let call = Call {
            id: kept.call,
            room: kept.room,
            caller: kept.caller,
            caller_user: kept.caller_user,
            callee_user: kept.callee_user,
            kind: if kept.invitation { Kind::Invitation } else { Kind::Pair },
            started: since,
            record: Record::default(),
            state: State::Answered { since, inside },
        };
        self.calls.insert(kept.call, call);
        self.answered += 1;
        true
    }

    /// Ends what cannot go on: members whose call is lost, rooms of nobody or of one alone, and links that lead nowhere.
    fn drop_remains(&mut self, rooms: &[RoomId], links: &[LinkId], now: Instant) {
        let lost = self
            .sessions
            .iter()
            .filter(|(_, s)| s.call.is_some_and(|call| !self.calls.contains_key(&call)));
        let lost: Vec<SessionId> = lost.map(|(id, _)| *id).collect();
        for id in lost {
            self.take_out(id);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.call = None;
            }
        }
        for id in rooms {
            self.drop_or_open(*id, now);
        }
        let leads_nowhere = |link: &Link| (link.is_within || link.used) && link.room.is_none();
        for id in links {
            if self.links.get(id).is_some_and(leads_nowhere) {
                self.remove_link(*id);
            }
        }
    }

    fn drop_or_open(&mut self, id: RoomId, now: Instant) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.outlasts(None) {
            room.direct = room.may_be_direct();
            self.appoint_host(id);
            return;
        }
        self.end_room(id, None, Parting::ConnectionLost, now);
    }
}
