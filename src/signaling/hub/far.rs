//! Who is here on other nodes, in the hub: what each node says of its users, and what the contacts who are here are told by that.

use std::collections::{BTreeMap, BTreeSet};

use super::Hub;
use super::presence::Here;
use crate::id::{NodeId, UserId};
use crate::signaling::nodes::Word;
use crate::signaling::protocol::{Presence, PresenceOf};

/// Users of other nodes that are known. Of those beyond, nothing is shown.
const USERS_MAX: usize = 500_000;

/// Of so many users is told in one word.
const IN_ONE_WORD: usize = 500;

/// A user who is at other nodes.
#[derive(Debug, Default)]
struct Far {
    at: BTreeMap<NodeId, Presence>,
    /// What those here were told last.
    shown: Presence,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct FarPeople {
    of: BTreeMap<UserId, Far>,
    /// Who is here and is known by those: whom it may concern.
    watchers: BTreeMap<UserId, BTreeSet<UserId>>,
    /// Nodes that are not heard: who was there may be anywhere.
    unheard: BTreeSet<NodeId>,
}

impl FarPeople {
    fn now(&self, user: UserId) -> Presence {
        let at = self.of.get(&user).into_iter().flat_map(|far| &far.at);
        let heard = at.filter(|(node, _)| !self.unheard.contains(node));
        heard.map(|(_, presence)| *presence).max().unwrap_or_default()
    }

    /// Whether the user was at a node that is not heard now, and may be there still.
    pub(super) fn is_unheard(&self, user: UserId) -> bool {
        let mut at = self.of.get(&user).into_iter().flat_map(|far| far.at.keys());
        at.any(|node| self.unheard.contains(node))
    }

    pub(super) fn shown(&self, user: UserId) -> Presence {
        self.of.get(&user).map(|far| far.shown).unwrap_or_default()
    }

    pub(super) fn is_watched(&self, user: UserId) -> bool {
        self.watchers.contains_key(&user)
    }

    pub(super) fn watchers(&self, user: UserId) -> impl Iterator<Item = UserId> {
        self.watchers.get(&user).into_iter().flatten().copied()
    }

    /// Notes what is told from here on; whether that is something else. Who is nowhere is forgotten.
    pub(super) fn show(&mut self, user: UserId, presence: Presence) -> bool {
        let Some(far) = self.of.get_mut(&user) else { return false };
        let changed = std::mem::replace(&mut far.shown, presence) != presence;
        if far.at.is_empty() && presence == Presence::Offline {
            self.of.remove(&user);
        }
        changed
    }

    fn watch(&mut self, here: UserId, known_by: &BTreeSet<UserId>) {
        for other in known_by {
            self.watchers.entry(*other).or_default().insert(here);
        }
    }

    pub(super) fn unwatch(&mut self, here: UserId, known_by: &BTreeSet<UserId>) {
        for other in known_by {
            if let Some(watchers) = self.watchers.get_mut(other) {
                watchers.remove(&here);
                if watchers.is_empty() {
                    self.watchers.remove(other);
                }
            }
        }
    }
}

/// What is said to other nodes.
impl Hub {
    pub(super) fn say_presences(&mut self, changes: &[PresenceOf]) {
        for of in changes.chunks(IN_ONE_WORD) {
            self.say_to_all(&Word::Present { of: of.to_vec() });
        }
    }

    /// A node came that knows nothing of those who are here.
    pub(super) fn say_all_presences(&mut self, to: NodeId) {
        if !self.neighbours.shares_store {
            return;
        }
        let here = self.people.iter().filter(|(_, here)| here.said != Presence::Offline);
        let all: Vec<PresenceOf> = here
            .map(|(user, here)| PresenceOf {
                user_id: *user,
                presence: here.said,
            })
            .collect();
        for of in all.chunks(IN_ONE_WORD) {
            self.say_to(to, Word::Present { of: of.to_vec() });
        }
    }
}

/// What other nodes say.
impl Hub {
    pub(super) fn present_there(&mut self, node: NodeId, of: Vec<PresenceOf>) {
        for PresenceOf { user_id, presence } in of {
            let is_new = !self.far.of.contains_key(&user_id);
            if is_new && (presence == Presence::Offline || self.far.of.len() >= USERS_MAX) {
                continue;
            }
            let far = self.far.of.entry(user_id).or_default();
            match presence {
                Presence::Offline => far.at.remove(&node),
                _ => far.at.insert(node, presence),
            };
            self.far_changed(user_id);
        }
    }

    /// Whoever it concerns is told with all else; where it concerns nobody, it is only noted.
    fn far_changed(&mut self, user: UserId) {
        if self.people.contains_key(&user) || self.far.is_watched(user) {
            self.unshown.users.insert(user);
        } else {
            let presence = self.far.now(user);
            self.far.show(user, presence);
        }
    }

    fn far_at(&self, node: NodeId) -> Vec<UserId> {
        let all = self.far.of.iter();
        all.filter(|(_, far)| far.at.contains_key(&node))
            .map(|(user, _)| *user)
            .collect()
    }

    pub(super) fn far_unheard(&mut self, node: NodeId, unheard: bool) {
        match unheard {
            true => self.far.unheard.insert(node),
            false => self.far.unheard.remove(&node),
        };
        for user in self.far_at(node) {
            self.far_changed(user);
        }
    }

    pub(super) fn far_gone(&mut self, node: NodeId) {
        self.far.unheard.remove(&node);
        for user in self.far_at(node) {
            if let Some(far) = self.far.of.get_mut(&user) {
                far.at.remove(&node);
            }
            self.far_changed(user);
        }
    }
}

/// Who is here.
impl Hub {
    /// Of a user as of now, wherever.
    pub(super) fn far_presence(&self, user: UserId) -> Presence {
        self.far.now(user)
    }

    /// By whom a user who is here is known has changed, or the user is here from now on.
    pub(super) fn watch_those_who_know(&mut self, user: UserId, before: &BTreeSet<UserId>) {
        self.far.unwatch(user, before);
        if let Some(Here { person, .. }) = self.people.get(&user) {
            self.far.watch(user, &person.known_by);
        }
    }

    pub(super) fn forget_here(&mut self, user: UserId) {
        if let Some(here) = self.people.remove(&user) {
            self.far.unwatch(user, &here.person.known_by);
        }
    }
}
