//! Other nodes in the hub: which are there, and what their hubs say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Hub;
use super::finding::Find;
use super::listing::List;
use super::seeking::Seek;
use crate::id::{CallId, NodeId, SessionId};
use crate::signaling::limits::Refusal;
use crate::signaling::nodes::{NodeNews, Sought, Word};
use crate::signaling::output::Output;
use crate::signaling::protocol::ErrorCode;
use crate::signaling::records::Asked;

pub(super) const UNREACHABLE: Refusal = Refusal {
    code: ErrorCode::NodeUnreachable,
    message: "other nodes of this server cannot be reached now: try again",
};

/// What the hub knows of other nodes.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Whether there may be any, and which one this is.
    pub(super) joined: bool,
    pub(super) me: Option<NodeId>,
    /// Whether they keep what this one does.
    pub(super) shares_store: bool,
    /// Whether they can hear each other at all.
    works: bool,
    /// Those that words reach, and those of them that are not heard now.
    known: BTreeSet<NodeId>,
    /// Since when.
    away: BTreeMap<NodeId, Instant>,
    /// What they call themselves.
    names: BTreeMap<NodeId, String>,
    pub(super) seeks: BTreeMap<CallId, Seek>,
    pub(super) finds: BTreeMap<Sought, Find>,
    pub(super) lists: BTreeMap<Asked, List>,
    /// What sessions wait for, and of which node.
    pub(super) errands: BTreeMap<Asked, NodeId>,
    /// Visitors that were told something.
    pub(super) touched: BTreeSet<SessionId>,
    pub(super) visitors: usize,
}

impl Neighbours {
    /// Those that would answer now.
    pub(super) fn heard(&self) -> BTreeSet<NodeId> {
        if self.works {
            let known = self.known.iter().copied();
            known.filter(|node| !self.away.contains_key(node)).collect()
        } else {
            BTreeSet::new()
        }
    }

    pub(super) fn hears(&self, node: NodeId) -> bool {
        self.works && self.known.contains(&node) && !self.is_away(node)
    }

    pub(super) fn is_away(&self, node: NodeId) -> bool {
        self.away.contains_key(&node)
    }

    pub(super) fn works(&self) -> bool {
        self.works
    }

    pub(super) fn name_of(&self, node: NodeId) -> Option<&str> {
        self.names.get(&node).map(String::as_str)
    }

    /// Which node that is heard calls itself so.
    pub(super) fn heard_as(&self, name: &str) -> Option<NodeId> {
        let mut named = self.names.iter().filter(|(_, other)| *other == name);
        named.find(|(node, _)| self.hears(**node)).map(|(node, _)| *node)
    }

    /// Which nodes call themselves so and are not heard.
    pub(super) fn away_as(&self, name: &str) -> Vec<NodeId> {
        let named = self.names.iter().filter(|(_, other)| *other == name);
        named.map(|(node, _)| *node).filter(|node| self.is_away(*node)).collect()
    }

    /// Whether one is not heard for less than this long.
    pub(super) fn lost_lately(&self, now: Instant, long: Duration) -> bool {
        self.away.values().any(|since| now < *since + long)
    }

    /// Whether all can be asked that there are, as far as this one knows.
    pub(super) fn hears_all(&self) -> bool {
        self.works && self.away.is_empty()
    }

    /// Whether nobody can be asked who might be there.
    pub(super) fn is_cut_off(&self) -> bool {
        self.joined && !self.works
    }
}

impl Hub {
    /// This node is one of several from here on. `shares_store`: all of them keep what lasts in one place.
    pub fn join_cluster(&mut self, me: NodeId, name: &str, shares_store: bool) {
        self.neighbours.joined = true;
        name.clone_into(&mut self.inheritance.name);
        self.neighbours.me = Some(me);
        self.neighbours.shares_store = shares_store;
    }

    /// Something became of another node.
    pub fn handle_node(&mut self, news: NodeNews, now: Instant) {
        match news {
            NodeNews::Came(node, name) => {
                self.neighbours.known.insert(node);
                self.neighbours.names.insert(node, name);
                self.neighbours.away.remove(&node);
                self.ask_newcomer(node);
                self.far_gone(node);
                self.say_all_presences(node);
                self.renew_all();
                self.say_inheritance(node, now);
            }
            NodeNews::Back(node) => {
                self.neighbours.away.remove(&node);
                self.forget_division(node);
                self.far_unheard(node, false);
                self.home_is_back(node, now);
                self.owner_is_back(node);
            }
            NodeNews::Away(node) => {
                self.neighbours.away.insert(node, now);
                self.adopt_later(node, now);
                self.far_unheard(node, true);
                self.home_is_away(node, now);
                self.owner_is_away(node, now);
                self.stop_waiting_for(node);
                self.stop_finding_at(node, now);
                self.stop_listing_at(node);
                self.doors_to_are_shut(node, now);
            }
            NodeNews::Gone(node) => {
                self.neighbours.known.remove(&node);
                self.neighbours.away.remove(&node);
                self.far_gone(node);
                self.home_is_gone(node, now);
                self.owner_is_gone(node, now);
                self.stop_waiting_for(node);
                self.stop_finding_at(node, now);
                self.stop_listing_at(node);
                self.doors_to_are_shut(node, now);
                self.neighbours.names.remove(&node);
                self.forget_division(node);
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
            Word::Find { what } => self.asked_for(from, what),
            Word::Has { what, has, takes } => self.has_there(from, what, has, takes, now),
            Word::LookAtLink {
                session,
                reference,
                link,
                user,
                grants,
            } => self.looked_at_from(from, Asked { session, reference }, link, (user, grants), now),
            Word::RevokeLink {
                session,
                reference,
                link,
                user,
            } => self.revoked_from(from, Asked { session, reference }, link, user),
            Word::Heir { of } => self.has_heir(from, &of, now),
            Word::Moves { visit, visitor } => self.moved_here(from, visit, visitor, now),
            Word::Home { session } => self.home_is(from, session),
            Word::Stays { session, visit, caller } => self.stays_there(from, session, visit, caller, now),
            Word::Knock { door, knock } => self.knocked_from(from, door, *knock, now),
            Word::Opened { door, opens } => self.opened_there(from, door, opens, now),
            Word::Through { door, frame } => self.came_through(from, door, frame, now),
            Word::BadFrame {
                door,
                reference,
                code,
                message,
            } => self.came_badly(from, door, reference, (code, &message), now),
            Word::DoorShut { door, how } => self.shut_there(from, door, how, now),
            Word::Frame { door, frame } => self.framed_there(from, door, *frame),
            Word::Closed { door, why } => self.closed_there(from, door, why),
            Word::ListLinks {
                session,
                reference,
                user,
            } => self.listed_from(from, Asked { session, reference }, user, now),
            Word::Links {
                session,
                reference,
                links,
            } => self.links_there(from, Asked { session, reference }, links),
            Word::Revoked { session, reference } => self.revoked_there(from, Asked { session, reference }, now),
            Word::Answer {
                session,
                reference,
                event,
            } => self.answered_there(from, Asked { session, reference }, event),
            Word::Comes {
                visit,
                visitor,
                reference,
                command,
            } => self.comes_from(from, visit, visitor, reference, command, now),
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
