//! Nodes that are gone, in the hub of another one: it adopts what they had, and tells the others that all that is here from then on.
//! A node that starts again does the same with what it had itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};

use super::attaching::AttachRefused;
use super::finding::Find;
use super::restore::{AbroadAt, Restored};
use super::{Hub, Timer};
use crate::id::{CallId, ConnectionId, NodeId, SessionId, UserId};
use crate::signaling::nodes::{Abroad, Sought, Visitor, Word};
use crate::signaling::output::{CloseReason, Output};
use crate::signaling::protocol::EndReason;
use crate::signaling::records::{Adoption, Lost, Question};
use crate::signaling::session::Session;

/// A node that is not heard for so long, and for up to so much longer, is adopted by whoever is first: one that is started again at once
/// is there before.
const ADOPT_AFTER: Duration = Duration::from_secs(5);
const ADOPT_WITHIN: Duration = Duration::from_secs(2);

/// Where it was not free, it is tried again so often.
const ADOPT_AGAIN: Duration = Duration::from_secs(3);

/// For so long a session that is in a room of another node waits for what that says of it.
const SETTLE_PATIENCE: Duration = Duration::from_millis(2500);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// What this node calls itself.
    pub(super) name: String,
    /// The names of nodes whose sessions and rooms are here.
    names: BTreeSet<String>,
    /// Nodes that are away, and of which nothing is left to be adopted.
    divided: BTreeSet<NodeId>,
    /// What nobody has who could be asked, while the store is asked.
    finds: BTreeMap<Sought, Find>,
    /// Sessions of ours that are in a room elsewhere, until its owner says so.
    pub(super) unsettled: BTreeMap<SessionId, AbroadAt>,
}

/// Asking for it.
impl Hub {
    /// Whether another node is there that can adopt what is here.
    pub fn may_be_adopted(&self) -> bool {
        self.neighbours.shares_store && !self.neighbours.heard().is_empty()
    }

    /// A node is not heard any more.
    pub(super) fn adopt_later(&mut self, node: NodeId, now: Instant) {
        if self.neighbours.shares_store {
            let within = self.rng.random_range(Duration::ZERO..ADOPT_WITHIN);
            self.timers.insert((now + ADOPT_AFTER + within, Timer::Adopt(node)));
        }
    }

    pub(super) fn adopt_unheard(&mut self, node: NodeId, now: Instant) {
        if !self.neighbours.is_away(node) || self.inheritance.divided.contains(&node) {
            return;
        }
        self.timers.insert((now + ADOPT_AGAIN, Timer::Adopt(node)));
        let Some(name) = self.neighbours.name_of(node) else { return };
        if !self.neighbours.works() || self.neighbours.heard_as(name).is_some() {
            return;
        }
        let lost = Lost::Node(name.to_owned());
        self.outputs.push_back(Output::Read(Question::Adopt(lost)));
    }

    /// Nobody has it who could be asked: the store knows whose it is. An error: there is no store to be asked.
    pub(super) fn ask_store_for(&mut self, what: Sought, find: Find) -> Result<(), Find> {
        if !self.neighbours.shares_store {
            return Err(find);
        }
        match self.inheritance.finds.get_mut(&what) {
            Some(before) => before.join(find),
            None => {
                self.inheritance.finds.insert(what, find);
                self.outputs.push_back(Output::Read(Question::Adopt(Lost::Of(what))));
            }
        }
        Ok(())
    }

    /// The same, while others may yet answer.
    pub(super) fn ask_store_early(&mut self, what: Sought) {
        if self.neighbours.shares_store && !self.inheritance.finds.contains_key(&what) {
            self.outputs.push_back(Output::Read(Question::Adopt(Lost::Of(what))));
        }
    }

    pub(super) fn adopted(&mut self, lost: Lost, outcome: Adoption, now: Instant) {
        let is_here = match &outcome {
            Adoption::Ours | Adoption::Adopted { .. } => true,
            Adoption::Unknown | Adoption::NotFree(_) => false,
        };
        let mut find = match &lost {
            Lost::Of(what) => {
                let waited = self.inheritance.finds.remove(what);
                let find = match waited {
                    None if is_here => self.take_find(*what),
                    waited => waited,
                };
                find.map(|find| (*what, find))
            }
            Lost::Node(_) => None,
        };
        let is_known = match outcome {
            Adoption::Unknown => Some(false),
            Adoption::Ours => Some(true),
            Adoption::NotFree(node) => {
                let there = node.and_then(|name| self.neighbours.heard_as(&name));
                if let Some(node) = there
                    && let Some((_, find)) = find.take_if(|(_, find)| !find.is_late())
                {
                    // It came to be there since all were asked.
                    self.do_there(node, find, now);
                }
                None
            }
            Adoption::Adopted { node, restored } => {
                self.inherit(&node, *restored, now);
                Some(true)
            }
        };
        if let Some((what, find)) = find {
            self.end_lost_find(what, find, is_known, now);
        }
        self.settle(now);
    }

    /// From here on what a node had is here.
    fn inherit(&mut self, name: &str, restored: Restored, now: Instant) {
        self.restore_into(restored, now);
        self.end_ringing_for(name, now);
        self.inheritance.names.insert(name.to_owned());
        self.is_divided(name);
        self.settle_abroad(now);
        let of = name.to_owned();
        self.say_to_all(&Word::Heir { of });
    }

    /// Another one has what nodes of this name had that are away.
    fn is_divided(&mut self, name: &str) {
        let away = self.neighbours.away_as(name);
        for before in &away {
            // Who was there comes back to the heir, or is nowhere.
            self.far_gone(*before);
        }
        self.inheritance.divided.extend(away);
    }

    /// Nothing is left of what was between the two nodes.
    pub(super) fn forget_division(&mut self, node: NodeId) {
        self.inheritance.divided.remove(&node);
    }

    /// A node came: it may have sessions that were in rooms that are here, or rooms with sessions that are here.
    pub(super) fn say_inheritance(&mut self, to: NodeId, now: Instant) {
        if !self.neighbours.shares_store {
            return;
        }
        let names = self.inheritance.names.iter().chain([&self.inheritance.name]);
        for of in names.cloned().collect::<Vec<_>>() {
            self.say_to(to, Word::Heir { of });
        }
        self.settle_abroad(now);
    }
}

/// Sessions of ours in rooms of others.
impl Hub {
    /// Says to the owners of rooms that sessions in them are here.
    fn settle_abroad(&mut self, now: Instant) {
        let unsettled: Vec<(SessionId, AbroadAt)> = self.inheritance.unsettled.clone().into_iter().collect();
        for (id, at) in unsettled {
            if self.sessions.get(&id).is_none_or(Session::is_engaged) {
                continue;
            }
            let Some(owner) = self.neighbours.heard_as(&at.owner) else {
                continue;
            };
            let call = at.call.unwrap_or_else(|| CallId::from_random(self.rng.next_u64()));
            let mut abroad = Abroad::new(owner, call);
            (abroad.room, abroad.told) = (Some(at.room), true);
            self.note_abroad(id, abroad, now + self.config.resume_grace);
            self.say_to(owner, Word::Home { session: id });
        }
    }

    /// The owner knows that the session is here, or has nothing of it.
    pub(super) fn stays_there(
        &mut self,
        owner: NodeId,
        id: SessionId,
        visit: Option<CallId>,
        caller: Option<UserId>,
        now: Instant,
    ) {
        let Some(abroad) = self.abroad_at(owner, id) else { return };
        if let Some(visit) = visit {
            (abroad.call, abroad.caller, abroad.ends) = (visit, caller, None);
            return;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.abroad = None;
        }
        self.touch_presence(id);
        self.end_unsettled(id, now);
    }

    /// A session of ours is in a room elsewhere, and its owner is not known yet.
    pub(super) fn unsettle(&mut self, id: SessionId, at: AbroadAt, now: Instant) {
        self.inheritance.unsettled.insert(id, at);
        self.timers.insert((now + SETTLE_PATIENCE, Timer::Settle(id)));
    }

    /// Whether a page that comes to it would be told of no call that it yet has.
    pub(super) fn is_unsettled(&self, id: SessionId) -> bool {
        self.inheritance.unsettled.contains_key(&id)
    }

    /// Pages that waited for it come to their session.
    pub(super) fn end_unsettled(&mut self, id: SessionId, now: Instant) {
        if self.inheritance.unsettled.remove(&id).is_some() {
            self.arrive_at(id, now);
        }
    }

    /// The rooms of a node are at another one from here on.
    pub(super) fn has_heir(&mut self, heir: NodeId, of: &str, now: Instant) {
        self.is_divided(of);
        if self.inheritance.name != of {
            // It may have been started again since it was adopted here.
            self.inheritance.names.remove(of);
        }
        let owned = |hub: &Hub, id: &SessionId| {
            let abroad = hub.sessions.get(id).and_then(|session| session.abroad.as_ref());
            abroad.is_some_and(|abroad| abroad.owner != heir && hub.neighbours.name_of(abroad.owner) == Some(of))
        };
        let all: Vec<SessionId> = self.sessions.keys().copied().collect();
        let ours: Vec<SessionId> = all.into_iter().filter(|id| owned(self, id)).collect();
        for id in ours {
            if self.is_inside_abroad(id) {
                self.follow(id, heir, now);
            } else if self.rings_abroad(id) {
                // It rang there, and who called rings anew from where they come back to.
                self.end_abroad(id, EndReason::ConnectionLost, None, now);
            }
        }
        self.forget_callers_of(heir, of, now);
        self.settle_abroad(now);
    }

    /// Sessions of that node at which it rings here, or which wait in a lobby: their new home knows nothing of that.
    fn forget_callers_of(&mut self, heir: NodeId, of: &str, now: Instant) {
        let visitors = self.sessions.iter().filter(|(_, session)| {
            let home = session.home.as_ref();
            home.is_some_and(|home| home.node != heir && self.neighbours.name_of(home.node) == Some(of))
        });
        let visitors: Vec<SessionId> = visitors.map(|(id, _)| *id).collect();
        for id in visitors {
            let room = self.room_of(id);
            if room.is_none_or(|room| self.in_room(id, room).is_err()) {
                self.remove_session(id, now);
            }
        }
    }

    /// The session's room is at another owner: its page begins its media anew, as after a restart.
    fn follow(&mut self, id: SessionId, heir: NodeId, now: Instant) {
        let Some(visitor) = self.visitor(id, None) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(abroad) = session.abroad.as_mut() else { return };
        let before = std::mem::replace(&mut abroad.owner, heir);
        abroad.ends = abroad.ends.filter(|ends| ends.reference.is_some());
        let visit = abroad.call;
        session.runs += 1;
        let connection = session.connection();
        self.say_to(before, Word::Left { session: id });
        self.say_to(heir, Word::Moves { visit, visitor });
        self.shadow(id, false);
        if let Some(connection) = connection {
            self.close(connection, CloseReason::Moved, now);
        }
    }
}

/// Rooms of ours with sessions of others.
impl Hub {
    /// A session in a room that was another node's before says where it is.
    pub(super) fn moved_here(&mut self, from: NodeId, visit: CallId, visitor: Visitor, now: Instant) {
        let id = visitor.session;
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.room.is_some()) else {
            return self.release(from, id, visit);
        };
        let Some(home) = session.home.as_mut() else {
            return self.release(from, id, visit);
        };
        (home.node, home.call, home.attached, home.stands) = (from, visit, visitor.attached, None);
        session.unattended = visitor.unattended;
        session.address = visitor.address;
        self.neighbours.touched.insert(id);
        if visitor.attached {
            self.visitor_is_back(id, now);
        }
    }

    /// A visitor's home is another node from here on.
    pub(super) fn home_is(&mut self, from: NodeId, id: SessionId) {
        let room = self.sessions.get(&id).and_then(|session| session.room);
        let caller = self.sessions.get(&id).and_then(|session| session.call);
        let caller = caller.and_then(|call| self.calls.get(&call)).map(|call| call.caller_user);
        let home = self.sessions.get_mut(&id).and_then(|session| session.home.as_mut());
        let visit = home.filter(|_| room.is_some()).map(|home| {
            (home.node, home.attached, home.stands) = (from, false, None);
            home.call
        });
        self.neighbours.touched.insert(id);
        self.say_to(
            from,
            Word::Stays {
                session: id,
                visit,
                caller,
            },
        );
    }
}

/// A websocket that wants what nobody has who could be asked.
impl Hub {
    /// `is_known`: whether there is such a session, as far as the store knows; None: it may be where nobody can ask. `is_late`: a node that
    /// is heard did not answer.
    pub(super) fn arrive_lost(&mut self, connection: ConnectionId, is_known: Option<bool>, is_late: bool, now: Instant) {
        // A node that went a moment ago may be back, or be adopted, in another.
        if is_known.is_none() && (is_late || self.neighbours.lost_lately(now, self.config.resume_grace)) {
            self.turn_away(connection, AttachRefused::Unreachable);
        } else {
            self.arrive_here(connection, now);
        }
    }
}
