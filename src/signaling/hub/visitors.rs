//! Visitors in the hub of the owner: sessions whose websocket is on another node, and which have their call or room here.

use std::time::Instant;

use super::Hub;
use crate::id::{CallId, NodeId, SessionId};
use crate::signaling::nodes::{Home, Visitor, Word, elsewhere};
use crate::signaling::output::{Fact, Output};
use crate::signaling::person::Person;
use crate::signaling::protocol::{Command, Event, Happening};
use crate::signaling::session::{Attachment, Departure, Session};

impl Hub {
    /// Takes a session in as a visitor. None: that cannot be, and its home is told.
    pub(super) fn let_visit(&mut self, node: NodeId, call: CallId, visitor: Visitor, now: Instant) -> Option<SessionId> {
        let id = visitor.session;
        let is_full = self.neighbours.visitors >= self.config.sessions_max;
        if is_full || self.sessions.contains_key(&id) || self.barred.contains(&visitor.user) {
            // One that visits already has been told of by an answer before.
            if !self.is_visitor_of(node, id) {
                self.release(node, id, call);
            }
            return None;
        }
        let mut session = Session::new(visitor.user, [0; 32], elsewhere(), false, now);
        session.grants = visitor.grants;
        session.unattended = visitor.unattended;
        session.address = visitor.address;
        session.home = Some(Home {
            node,
            call,
            attached: visitor.attached,
            stands: None,
        });
        self.meet_visitor(
            visitor.user,
            Person {
                settings: visitor.settings,
                blocked: visitor.blocked.into_iter().collect(),
                ..Person::default()
            },
        );
        self.sessions.insert(id, session);
        self.user(visitor.user, &visitor.name).sessions.insert(id);
        self.neighbours.visitors += 1;
        self.neighbours.touched.insert(id);
        self.outputs.push_back(Output::Count(Fact::VisitorCame { session: id }));
        if !visitor.attached {
            self.detach_session(id, Departure::Dropped, now);
        }
        Some(id)
    }

    pub(super) fn is_visitor(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.home.is_some())
    }

    fn is_visitor_of(&self, node: NodeId, session: SessionId) -> bool {
        let home = self.sessions.get(&session).and_then(|session| session.home.as_ref());
        home.is_some_and(|home| home.node == node)
    }

    pub(super) fn release(&mut self, node: NodeId, session: SessionId, call: CallId) {
        self.say_to(node, Word::Released { session, call });
    }

    pub(super) fn tell_visitor(&mut self, session: SessionId, reference: Option<u32>, passing: bool, event: Event) {
        let Some(home) = self.sessions.get(&session).and_then(|session| session.home.as_ref()) else {
            return;
        };
        let to = home.node;
        self.neighbours.touched.insert(session);
        let word = Word::Tell {
            session,
            reference,
            passing,
            event,
        };
        self.say_to(to, word);
    }

    /// Tells homes where the calls of their sessions stand, and lets go of those that have none here.
    pub(super) fn settle_visitors(&mut self, now: Instant) {
        while let Some(id) = self.neighbours.touched.pop_first() {
            let Some(session) = self.sessions.get(&id) else { continue };
            if session.home.is_none() {
                continue;
            }
            if session.room.is_none() {
                if session.hashing.is_some() {
                    // It may yet come in.
                    continue;
                }
                self.remove_session(id, now);
                continue;
            }
            let call = self.call_now(id, now);
            let stands = call.clone().map(|call| call.without_time());
            let Some(home) = self.sessions.get_mut(&id).and_then(|session| session.home.as_mut()) else {
                continue;
            };
            if home.stands != stands {
                home.stands = stands;
                let to = home.node;
                self.say_to(to, Word::Stands { session: id, call });
            }
        }
    }
}

/// What homes say of their sessions.
impl Hub {
    pub(super) fn visitor_says(&mut self, from: NodeId, id: SessionId, reference: u32, command: Command, now: Instant) {
        if !self.is_visitor_of(from, id) {
            // It was let go while this was on its way.
            return;
        }
        self.neighbours.touched.insert(id);
        if let Err(refusal) = self.carry_out(elsewhere(), id, reference, command, now) {
            self.refuse(id, Some(reference), refusal.code, refusal.message);
        }
    }

    pub(super) fn visitor_detached(&mut self, from: NodeId, id: SessionId, how: Departure, now: Instant) {
        if !self.is_visitor_of(from, id) {
            return;
        }
        if let Some(home) = self.sessions.get_mut(&id).and_then(|session| session.home.as_mut()) {
            home.attached = false;
        }
        self.detach_session(id, how, now);
    }

    pub(super) fn visitor_attached(&mut self, from: NodeId, id: SessionId, now: Instant) {
        if !self.is_visitor_of(from, id) {
            return;
        }
        if let Some(home) = self.sessions.get_mut(&id).and_then(|session| session.home.as_mut()) {
            home.attached = true;
        }
        self.visitor_is_back(id, now);
    }

    pub(super) fn visitor_is_back(&mut self, id: SessionId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.attachment = Attachment::Attached { connection: elsewhere() };
        }
        self.show_reconnecting(id, false);
        self.report_of(id, Happening::Back, now);
        self.touch_presence(id);
        if let Some(room) = self.room_of(id) {
            self.tell_speakers(id, room);
            if self.is_host_in(id, room) {
                self.show_lobby_to(id, room);
            }
        }
        self.neighbours.touched.insert(id);
    }

    pub(super) fn visitor_left(&mut self, from: NodeId, id: SessionId, now: Instant) {
        if self.is_visitor_of(from, id) {
            self.remove_session(id, now);
        }
    }

    pub(super) fn visitor_named(&mut self, from: NodeId, id: SessionId, name: &str) {
        if let Some(user) = self.user_of(id).filter(|_| self.is_visitor_of(from, id)) {
            self.rename(user, name);
        }
    }
}

/// What becomes of their homes.
impl Hub {
    fn visitors_of(&self, node: NodeId) -> Vec<SessionId> {
        let all = self.sessions.iter();
        let theirs = all.filter(|(_, session)| session.home.as_ref().is_some_and(|home| home.node == node));
        theirs.map(|(id, _)| *id).collect()
    }

    /// Its visitors are as if their websockets were gone.
    pub(super) fn home_is_away(&mut self, node: NodeId, now: Instant) {
        for id in self.visitors_of(node) {
            if self.sessions[&id].connection().is_some() {
                self.detach_session(id, Departure::Dropped, now);
            }
        }
    }

    pub(super) fn home_is_back(&mut self, node: NodeId, now: Instant) {
        for id in self.visitors_of(node) {
            let home = self.sessions[&id].home.as_ref();
            if home.is_some_and(|home| home.attached) && self.sessions[&id].connection().is_none() {
                self.visitor_is_back(id, now);
            }
        }
    }

    pub(super) fn home_is_gone(&mut self, node: NodeId, now: Instant) {
        for id in self.visitors_of(node) {
            self.remove_session(id, now);
        }
    }
}
