//! Who is here, in the hub: shown to contacts, where each has the other as one, and to nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Hub, Timer};
use crate::id::{SessionId, UserId};
use crate::signaling::person::Person;
use crate::signaling::protocol::{Event, Presence, PresenceOf};

/// What changes within this time is told together, and once.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// Contacts that are looked at in one go, but for those of the last user; the others wait for the next: after a restart, everybody comes
/// back at once.
const LOOKS_MAX: usize = 20_000;

/// A user who is here, or was until a moment ago.
#[derive(Debug, Default)]
pub(super) struct Here {
    pub(super) person: Person,
    /// Whether that is all of it. Of who only visits, hardly anything is known.
    is_known: bool,
    /// What others were told last.
    shown: Presence,
    /// What other nodes were told last of the sessions here.
    pub(super) said: Presence,
}

/// What is still to be told.
#[derive(Debug, Default)]
pub(super) struct Unshown {
    /// Who may be another than was told.
    pub(super) users: BTreeSet<UserId>,
    /// To whom, of whom.
    pub(super) pairs: BTreeSet<(UserId, UserId)>,
    /// Whether a timer looks after it.
    is_due: bool,
}

impl Hub {
    /// A user is about to have a session. Of one who has some already, the hub knows better than the store.
    pub(super) fn meet(&mut self, user: UserId, person: Person) {
        let is_here = self.is_here(user);
        let here = self.people.entry(user).or_default();
        if !is_here {
            let before = std::mem::replace(&mut here.person, person);
            here.is_known = true;
            self.watch_those_who_know(user, &before.known_by);
        }
        self.unshown.users.insert(user);
    }

    /// A visitor comes: what its home said of the user, unless more is known.
    pub(super) fn meet_visitor(&mut self, user: UserId, person: Person) {
        if !self.users.contains_key(&user) {
            let here = self.people.entry(user).or_default();
            if !here.is_known {
                here.person = person;
            }
        }
    }

    /// The presence of a session's user may be another one now.
    pub(super) fn touch_presence(&mut self, session: SessionId) {
        if let Some(user) = self.user_of(session) {
            self.unshown.users.insert(user);
        }
    }

    /// The last session of a user is gone.
    pub(super) fn miss(&mut self, user: UserId) {
        self.unshown.users.insert(user);
    }

    pub(super) fn set_away(&mut self, session: SessionId, away: bool) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.away = away;
        }
        self.touch_presence(session);
    }

    /// Has told in a moment what has changed, if anybody could want to know.
    pub(super) fn schedule_presence(&mut self, now: Instant) {
        let Unshown { users, pairs, is_due } = &mut self.unshown;
        if *is_due || (users.is_empty() && pairs.is_empty()) {
            return;
        }
        // Most people have no contacts; but other nodes are told of everybody.
        let is_told = self.neighbours.shares_store;
        users.retain(|user| match self.people.get(user) {
            Some(here) if here.person.contacts.is_empty() && !is_told => {
                if !self.users.contains_key(user) {
                    self.people.remove(user);
                }
                false
            }
            Some(_) => true,
            None => self.far.is_watched(*user),
        });
        if !users.is_empty() || !pairs.is_empty() {
            *is_due = true;
            self.timers.insert((now + SHOWN_EVERY, Timer::ShowPresence));
        }
    }

    pub(super) fn show_presence(&mut self, now: Instant) {
        self.unshown.is_due = false;
        let mut looks = 0;
        let mut gone = Vec::new();
        let mut said = Vec::new();
        while looks < LOOKS_MAX {
            let Some(user) = self.unshown.users.pop_first() else { break };
            let near = self.presence_near(user, now);
            let presence = self.presence_of(user, now).max(self.far_presence(user));
            let changed_far = self.far.show(user, presence);
            if !self.users.contains_key(&user) {
                gone.push(user);
            }
            let contacts: Vec<UserId> = match self.people.get_mut(&user) {
                Some(here) => {
                    if std::mem::replace(&mut here.said, near) != near {
                        said.push(PresenceOf {
                            user_id: user,
                            presence: near,
                        });
                    }
                    if std::mem::replace(&mut here.shown, presence) == presence {
                        continue;
                    }
                    here.person.contacts.iter().copied().collect()
                }
                None if changed_far => self.far.watchers(user).collect(),
                None => continue,
            };
            looks += contacts.len();
            let told = contacts.into_iter().filter(|contact| self.know_each_other(*contact, user));
            let told: Vec<_> = told.map(|contact| (contact, user)).collect();
            self.unshown.pairs.extend(told);
        }
        let mut changes: BTreeMap<UserId, Vec<PresenceOf>> = BTreeMap::new();
        for (to, of) in std::mem::take(&mut self.unshown.pairs) {
            let presence = self.presence_shown(to, of);
            changes.entry(to).or_default().push(PresenceOf { user_id: of, presence });
        }
        for user in gone {
            self.forget_here(user);
        }
        if self.neighbours.shares_store {
            self.say_presences(&said);
        }
        for (to, changes) in changes {
            let sessions = self.users.get(&to).map(|user| user.sessions.clone()).unwrap_or_default();
            for session in sessions {
                let changes = changes.clone();
                self.tell_now(session, None, Event::PresenceChanged { changes });
            }
        }
    }

    /// Whether each has the other as a contact, and neither has blocked the other. Of two who are not here, it is not known, and not needed.
    pub(super) fn know_each_other(&self, one: UserId, other: UserId) -> bool {
        self.knows(one, other) && self.knows(other, one)
    }

    fn knows(&self, one: UserId, other: UserId) -> bool {
        match self.people.get(&one) {
            Some(here) if here.is_known => here.person.knows(other),
            _ => self
                .people
                .get(&other)
                .is_some_and(|here| here.person.known_by.contains(&one)),
        }
    }

    /// What a user is told of another's presence now. What has changed since follows.
    pub(super) fn presence_shown(&self, to: UserId, of: UserId) -> Presence {
        match self.people.get(&of) {
            _ if !self.know_each_other(to, of) => Presence::Offline,
            Some(here) => here.shown,
            None => self.far.shown(of),
        }
    }

    /// As it is now, without those who only visit: of them their homes tell.
    fn presence_near(&self, user: UserId, now: Instant) -> Presence {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        let near = sessions.filter(|id| !self.is_visitor(**id));
        near.map(|id| self.presence_at(*id, now)).max().unwrap_or_default()
    }

    /// As it is now.
    fn presence_of(&self, user: UserId, now: Instant) -> Presence {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        sessions.map(|id| self.presence_at(*id, now)).max().unwrap_or_default()
    }

    fn presence_at(&self, id: SessionId, now: Instant) -> Presence {
        let Some(session) = self.sessions.get(&id).filter(|session| !session.unattended) else {
            return Presence::Offline;
        };
        let room = session.room.and_then(|room| self.rooms.get(&room));
        let mut members = room.into_iter().flat_map(|room| room.members.values());
        if members.any(|member| member.session == id && member.standing.is_present()) || self.is_inside_abroad(id) {
            Presence::InCall
        } else if !session.grants.may_answer() || self.is_away(id, self.config.reconnecting_after, now) {
            Presence::Offline
        } else if session.away {
            Presence::Away
        } else {
            Presence::Online
        }
    }
}

#[cfg(test)]
mod tests;
