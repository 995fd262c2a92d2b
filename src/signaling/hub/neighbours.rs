//! Other nodes in the hub: which are there, and what their hubs say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Hub;
use super::seeking::Seek;
use crate::id::{CallId, NodeId, SessionId};
use crate::signaling::limits::Refusal;
use crate::signaling::nodes::{NodeNews, Word};
use crate::signaling::output::Output;
use crate::signaling::protocol::ErrorCode;

pub(super) const UNREACHABLE: Refusal = Refusal {
    code: ErrorCode::NodeUnreachable,
    message: "other nodes of this server cannot be reached now: try again",
};

/// What the hub knows of other nodes.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Whether there may be any.
    pub(super) joined: bool,
    /// Whether they keep what this one does.
    pub(super) shares_store: bool,
    /// Whether they can hear each other at all.
    works: bool,
    /// Those that words reach, and those of them that are not heard now.
    known: BTreeSet<NodeId>,
    away: BTreeSet<NodeId>,
    pub(super) seeks: BTreeMap<CallId, Seek>,
    /// Visitors that were told something.
    pub(super) touched: BTreeSet<SessionId>,
    pub(super) visitors: usize,
}

impl Neighbours {
    /// Those that would answer now.
    pub(super) fn heard(&self) -> BTreeSet<NodeId> {
        if self.works {
            self.known.difference(&self.away).copied().collect()
        } else {
            BTreeSet::new()
        }
    }

    pub(super) fn hears(&self, node: NodeId) -> bool {
        self.works && self.known.contains(&node) && !self.away.contains(&node)
    }

    /// Whether nobody can be asked who might be there.
    pub(super) fn is_cut_off(&self) -> bool {
        self.joined && !self.works
    }
}

impl Hub {
    /// This node is one of several from here on. `shares_store`: all of them keep what lasts in one place.
    pub fn join_cluster(&mut self, shares_store: bool) {
        self.neighbours.joined = true;
        self.neighbours.shares_store = shares_store;
    }

    /// Something became of another node.
    pub fn handle_node(&mut self, news: NodeNews, now: Instant) {
        match news {
            NodeNews::Came(node) => {
                self.neighbours.known.insert(node);
                self.neighbours.away.remove(&node);
                self.ask_newcomer(node);
                self.far_gone(node);
                self.say_all_presences(node);
                self.renew_all();
            }
            NodeNews::Back(node) => {
                self.neighbours.away.remove(&node);
                self.far_unheard(node, false);
                self.home_is_back(node, now);
                self.owner_is_back(node);
            }
            NodeNews::Away(node) => {
                self.neighbours.away.insert(node);
                self.far_unheard(node, true);
                self.home_is_away(node, now);
                self.owner_is_away(node, now);
                self.stop_waiting_for(node);
            }
            NodeNews::Gone(node) => {
                self.neighbours.known.remove(&node);
                self.neighbours.away.remove(&node);
                self.far_gone(node);
                self.home_is_gone(node, now);
                self.owner_is_gone(node, now);
                self.stop_waiting_for(node);
            }
            NodeNews::Bus(works) => {
                self.neighbours.works = works;
                if works {
                    self.rings_on_abroad();
                } else {
                    self.stop_ringing_abroad(None, now);
                }
            }
        }
        self.settle(now);
    }

    /// Another node's hub said something.
    pub fn handle_word(&mut self, from: NodeId, word: Word, now: Instant) {
        match word {
            Word::Ring {
                call,
                room,
                caller,
                callee,
                late,
            } => self.ring_for(from, call, room, &caller, callee, late, now),
            Word::Rings { call, visitors } => self.rings_there(from, call, visitors, now),
            Word::Over { call } => self.over_there(from, call, now),
            Word::Silent { call, busy } => self.silent_there(from, call, busy, now),
            Word::Tell {
                session,
                reference,
                passing,
                event,
            } => self.told_from(from, session, reference, passing, event),
            Word::Stands { session, call } => self.stands_abroad(from, session, call, now),
            Word::Released { session, call } => self.released_from(from, session, call, now),
            Word::Command {
                session,
                reference,
                command,
            } => self.visitor_says(from, session, reference, command, now),
            Word::Detached { session, how } => self.visitor_detached(from, session, how, now),
            Word::Attached { session } => self.visitor_attached(from, session, now),
            Word::Left { session } => self.visitor_left(from, session, now),
            Word::Named { session, name } => self.visitor_named(from, session, &name),
            Word::Came { user } => self.ask_for_late_comer(from, user),
            Word::Told { user, event } => self.told_of_user(user, &event),
            Word::Changed { user, change } => self.changed_there(user, &change, now),
            Word::Renamed { user, name } => self.rename(user, &name),
            Word::Barred { user, barred } => self.barred_there(user, barred, now),
            Word::ForgetUser { user } => self.forgotten_there(user, now),
            Word::SignedOut { user, device } => self.signed_out_there(user, device, now),
            Word::Present { of } => self.present_there(from, of),
        }
        self.settle(now);
    }

    pub(super) fn say_to(&mut self, to: NodeId, word: Word) {
        self.outputs.push_back(Output::Say { to, word });
    }

    /// To all others.
    pub(super) fn say_to_all(&mut self, word: &Word) {
        for to in self.neighbours.known.clone() {
            self.say_to(to, word.clone());
        }
    }
}
