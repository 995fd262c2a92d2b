//! The links of a user, which are on every node that they were made at: each is asked for its own.

use std::collections::BTreeSet;
use std::time::Instant;

use super::finding::PATIENCE;
use super::{Hub, Timer};
use crate::id::{NodeId, SessionId, UserId};
use crate::signaling::nodes::Word;
use crate::signaling::protocol::{Event, Link};
use crate::signaling::records::Asked;

/// A list that other nodes add to.
#[derive(Debug)]
pub(super) struct List {
    /// The nodes that have not answered.
    waits_for: BTreeSet<NodeId>,
    links: Vec<Link>,
}

impl Hub {
    /// Tells a session which links its user has, wherever they are. Those of a node that does not answer are missing.
    pub(super) fn list_links(&mut self, asked: Asked, now: Instant) {
        let Some(user) = self.user_of(asked.session) else { return };
        let heard = self.neighbours.heard();
        let Asked { session, reference } = asked;
        for to in &heard {
            let word = Word::ListLinks {
                session,
                reference,
                user,
            };
            self.say_to(*to, word);
        }
        if !heard.is_empty() {
            self.timers.insert((now + PATIENCE, Timer::List(asked)));
        }
        let list = List {
            waits_for: heard,
            links: self.links_here(user, now),
        };
        self.neighbours.lists.insert(asked, list);
        self.end_list_if_answered(asked);
    }

    pub(super) fn listed_from(&mut self, from: NodeId, Asked { session, reference }: Asked, user: UserId, now: Instant) {
        let links = self.links_here(user, now);
        let word = Word::Links {
            session,
            reference,
            links,
        };
        self.say_to(from, word);
    }

    pub(super) fn links_there(&mut self, from: NodeId, asked: Asked, links: Vec<Link>) {
        if let Some(list) = self.neighbours.lists.get_mut(&asked)
            && list.waits_for.remove(&from)
        {
            list.links.extend(links);
            self.end_list_if_answered(asked);
        }
    }

    /// A node that has not answered will not.
    pub(super) fn stop_listing_at(&mut self, node: NodeId) {
        let lists: Vec<Asked> = self.neighbours.lists.keys().copied().collect();
        for asked in lists {
            self.links_there(node, asked, Vec::new());
        }
    }

    fn end_list_if_answered(&mut self, asked: Asked) {
        if self
            .neighbours
            .lists
            .get(&asked)
            .is_some_and(|list| list.waits_for.is_empty())
        {
            self.end_list(asked);
        }
    }

    /// What is known by now is told.
    pub(super) fn end_list(&mut self, asked: Asked) {
        if let Some(List { mut links, .. }) = self.neighbours.lists.remove(&asked) {
            links.sort_by_key(|link| link.link_id);
            self.tell(asked.session, Some(asked.reference), Event::Links { links });
        }
    }

    /// How many lists a session waits for.
    pub(super) fn lists_of(&self, session: SessionId) -> usize {
        self.neighbours.lists.keys().filter(|asked| asked.session == session).count()
    }
}
