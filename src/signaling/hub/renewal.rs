//! Users whose sessions are on several nodes that share a store, in the hub: what changes for one of them at a node is said to all, and
//! what was missed meanwhile is read anew from the store.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Hub, Timer};
use crate::id::{DeviceId, UserId};
use crate::signaling::nodes::Word;
use crate::signaling::output::{CloseReason, Output};
use crate::signaling::person::{Person, PersonChange};
use crate::signaling::protocol::Event;
use crate::signaling::records::{Question, Renewed};
use crate::signaling::session::Session;

/// Users who are read anew by one question.
const AT_ONCE: usize = 32;

/// After the store could not be read.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is to be read anew.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    users: BTreeSet<UserId>,
    /// Whom the operator keeps out.
    barred: bool,
    /// Changes of those while they are read: then they are read once more.
    barred_meanwhile: bool,
    /// A question is under way, or waits.
    is_asked: bool,
    /// Whom the operator wants to be forgotten, until the store has forgotten them.
    forgetting: BTreeSet<UserId>,
}

/// What is said to all.
impl Hub {
    /// To all others, where they keep what this one does.
    pub(super) fn say_of_users(&mut self, word: &Word) {
        if self.neighbours.shares_store {
            self.say_to_all(word);
        }
    }

    /// Something of a user's own has changed here. Where each node has a store of its own, only those are told that have a session of the
    /// user's in a room of theirs: a block or a wish to go through the server holds there too.
    pub(super) fn say_changed(&mut self, user: UserId, change: &PersonChange) {
        if matches!(change, PersonChange::Subscribe(_) | PersonChange::Unsubscribe(_)) {
            return;
        }
        let change = change.clone();
        if self.neighbours.shares_store {
            self.renew_those_of(user, &change);
            self.say_to_all(&Word::Changed { user, change });
            return;
        }
        for owner in self.owners_for(user) {
            let change = change.clone();
            self.say_to(owner, Word::Changed { user, change });
        }
    }

    pub(super) fn say_renamed(&mut self, user: UserId, name: &str) {
        let name = name.to_owned();
        self.say_of_users(&Word::Renamed { user, name });
    }
}

/// Who is forgotten.
impl Hub {
    pub(super) fn note_forgetting(&mut self, user: UserId) {
        self.renewal.forgetting.insert(user);
    }

    pub(super) fn say_forgotten(&mut self, user: UserId, done: bool) {
        if self.renewal.forgetting.remove(&user) && done {
            self.say_of_users(&Word::ForgetUser { user });
        }
    }
}

/// What others say.
impl Hub {
    pub(super) fn told_of_user(&mut self, user: UserId, event: &Event) {
        self.tell_user_here(user, None, event);
    }

    pub(super) fn changed_there(&mut self, user: UserId, change: &PersonChange, now: Instant) {
        if !self.neighbours.shares_store && self.is_here(user) {
            // They have something of their own here, which this does not change.
            return;
        }
        // Of who only visits, too: what follows from it is done where the room is.
        if self.users.contains_key(&user)
            && let Some(event) = self.apply_change(user, change, now)
        {
            self.tell_user_here(user, None, &event);
        }
        if self.neighbours.shares_store {
            self.renew_those_of(user, change);
        }
    }

    pub(super) fn barred_there(&mut self, user: UserId, barred: bool, now: Instant) {
        match barred {
            true => self.bar(user, now),
            false => self.unbar(user),
        }
    }

    /// Whoever is forgotten anywhere is forgotten here too, with what this node may have kept since.
    pub(super) fn forgotten_there(&mut self, user: UserId, now: Instant) {
        self.forget(user, now);
    }

    pub(super) fn signed_out_there(&mut self, user: UserId, device: DeviceId, now: Instant) {
        let is_in = |session: &Session| session.device == Some(device);
        self.end_sessions(user, is_in, CloseReason::SignedOut, now);
    }
}

/// What is read anew.
impl Hub {
    /// By whom those are known whom a change concerns only the store can say.
    fn renew_those_of(&mut self, user: UserId, change: &PersonChange) {
        self.renew(user);
        if let Some(other) = change.other() {
            self.renew(other);
        }
    }

    fn renew(&mut self, user: UserId) {
        if self.is_here(user) {
            self.renewal.users.insert(user);
        }
    }

    /// Words of another node may have been missed: from the store comes what they said.
    pub(super) fn renew_all(&mut self) {
        if !self.neighbours.shares_store {
            return;
        }
        let here: Vec<UserId> = self.users.keys().copied().filter(|user| self.is_here(*user)).collect();
        self.renewal.users.extend(here);
        self.renewal.barred = true;
    }

    pub(super) fn note_barring(&mut self) {
        self.renewal.barred_meanwhile = true;
    }

    /// One question at a time.
    pub(super) fn ask_for_renewal(&mut self) {
        let renewal = &mut self.renewal;
        if renewal.is_asked || (renewal.users.is_empty() && !renewal.barred) {
            return;
        }
        renewal.is_asked = true;
        renewal.barred_meanwhile = false;
        let mut users = Vec::new();
        while users.len() < AT_ONCE
            && let Some(user) = renewal.users.pop_first()
        {
            users.push(user);
        }
        let barred = renewal.barred;
        self.outputs.push_back(Output::Read(Question::Renewal { users, barred }));
    }

    pub(super) fn renewed(&mut self, users: Vec<Renewed>, barred: Option<Vec<UserId>>, now: Instant) {
        self.renewal.is_asked = false;
        if let Some(barred) = barred
            && !self.renewal.barred_meanwhile
        {
            self.renewal.barred = false;
            self.bar_only(barred, now);
        }
        for Renewed {
            user,
            name,
            person,
            contacts,
            blocked,
        } in users
        {
            let Some(name) = name else {
                // Forgotten meanwhile.
                self.end_sessions_of(user, now);
                continue;
            };
            self.rename(user, &name);
            if self.renew_person(user, person) {
                let event = self.people_of(user, contacts, blocked);
                self.tell_user_here(user, None, &event);
            }
        }
    }

    pub(super) fn not_renewed(&mut self, users: Vec<UserId>, now: Instant) {
        self.renewal.users.extend(users);
        self.timers.insert((now + AGAIN_AFTER, Timer::Renew));
    }

    pub(super) fn renew_again(&mut self) {
        self.renewal.is_asked = false;
    }

    /// Whether the user's pages have to know.
    fn renew_person(&mut self, user: UserId, person: Person) -> bool {
        if !self.is_here(user) {
            return false;
        }
        let Some(here) = self.people.get_mut(&user) else {
            return false;
        };
        if here.person == person {
            return false;
        }
        let before = std::mem::replace(&mut here.person, person);
        self.watch_those_who_know(user, &before.known_by);
        let person = &self.people[&user].person;
        let through_server = person.settings.always_through_server && !before.settings.always_through_server;
        let is_theirs =
            (&person.contacts, &person.blocked, person.settings) != (&before.contacts, &before.blocked, before.settings);
        let others: BTreeSet<UserId> = [&before.contacts, &before.known_by, &person.contacts, &person.known_by]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        self.unshown.users.insert(user);
        self.unshown
            .pairs
            .extend(others.into_iter().flat_map(|other| [(user, other), (other, user)]));
        if through_server {
            self.leave_direct(user);
        }
        is_theirs
    }

    /// Whether a user has a session here whose websocket is here too.
    pub(super) fn is_here(&self, user: UserId) -> bool {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        sessions.into_iter().any(|id| !self.is_visitor(*id))
    }
}
