//! What belongs to users, in the hub: contacts, whom they have blocked, settings; and what follows from it.

use std::time::Instant;

use super::Hub;
use crate::id::{CallId, LinkId, SessionId, UserId};
use crate::signaling::call::Call;
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::names::clean_name;
use crate::signaling::output::{Keep, Output};
use crate::signaling::person::{PersonChange, PersonNote};
use crate::signaling::protocol::{Contact, EndReason, Event, LeaveReason, UserInfo};
use crate::signaling::records::{Asked, Question};
use crate::signaling::room::Room;

/// A contact or somebody to be blocked, as a browser names them.
pub(super) fn named(user_id: UserId, name: &str) -> UserInfo {
    let name = clean_name(name);
    UserInfo { user_id, name }
}

/// What users ask.
impl Hub {
    pub(super) fn people(&mut self, session: SessionId, reference: u32) {
        let Some(user) = self.user_of(session) else { return };
        let asked = Asked { session, reference };
        self.outputs.push_back(Output::Read(Question::People { asked, user }));
    }

    /// Has a change kept, and makes it when it is.
    pub(super) fn change_person(
        &mut self,
        session: SessionId,
        reference: u32,
        change: PersonChange,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(user) = self.user_of(session) else {
            return Ok(());
        };
        if change.other() == Some(user) {
            return Err(Refusal::bad_command("that is this user"));
        }
        self.take_personal_change(session, now)?;
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        let note = PersonNote { user, change, asked };
        self.outputs.push_back(Output::Keep(Keep::Person(note)));
        Ok(())
    }

    /// Bounds how often a session changes what belongs to its user.
    pub(super) fn take_personal_change(&mut self, session: SessionId, now: Instant) -> Result<(), Refusal> {
        let may = self
            .sessions
            .get_mut(&session)
            .is_some_and(|session| session.changes.take(now));
        if may {
            return Ok(());
        }
        self.count_limit(Limit::People);
        Err(Refusal::rate_limited("too many changes: wait a second"))
    }
}

/// What the store says.
impl Hub {
    pub(super) fn person_changed(&mut self, user: UserId, change: &PersonChange, asked: Asked, now: Instant) {
        match (self.apply_change(user, change, now), change) {
            (Some(event), _) => self.tell_user_here(user, Some(asked), &event),
            (None, PersonChange::Subscribe(_)) => return self.answer_kept(asked, Event::PushSubscribed {}),
            (None, _) => return self.answer_kept(asked, Event::PushUnsubscribed {}),
        }
        self.say_changed(user, change);
    }

    /// What is kept holds from here on; what the user's sessions are told of it.
    pub(super) fn apply_change(&mut self, user: UserId, change: &PersonChange, now: Instant) -> Option<Event> {
        let other = change.other();
        let before = other.is_some_and(|other| self.know_each_other(user, other));
        if let Some(here) = self.people.get_mut(&user) {
            here.person.apply(change);
        }
        if let Some(other) = other
            && self.know_each_other(user, other) != before
        {
            self.unshown.pairs.extend([(user, other), (other, user)]);
        }
        self.unshown.users.insert(user);
        Some(match change {
            PersonChange::KeepContact(contact) => Event::ContactChanged {
                contact: self.contact(user, contact.clone()),
            },
            PersonChange::ForgetContact(user_id) => Event::ContactForgotten { user_id: *user_id },
            PersonChange::Block(other) => {
                self.part_from(user, other.user_id, now);
                Event::Blocked { user: other.clone() }
            }
            PersonChange::Unblock(user_id) => Event::Unblocked { user_id: *user_id },
            PersonChange::Set(settings) => {
                if settings.always_through_server {
                    self.leave_direct(user);
                }
                Event::SettingsChanged { settings: *settings }
            }
            PersonChange::Subscribe(_) | PersonChange::Unsubscribe(_) => return None,
        })
    }

    pub(super) fn people_found(&mut self, asked: Asked, user: UserId, contacts: Vec<UserInfo>, blocked: Vec<UserInfo>) {
        let event = self.people_of(user, contacts, blocked);
        self.tell(asked.session, Some(asked.reference), event);
    }

    pub(super) fn people_of(&self, user: UserId, contacts: Vec<UserInfo>, blocked: Vec<UserInfo>) -> Event {
        let contacts = contacts.into_iter().map(|contact| self.contact(user, contact)).collect();
        let settings = self.people.get(&user).map(|here| here.person.settings).unwrap_or_default();
        Event::People {
            contacts,
            blocked,
            settings,
        }
    }

    /// For whom it is about one browser alone.
    fn answer_kept(&mut self, asked: Asked, event: Event) {
        if let Some(reference) = self.kept(asked) {
            self.tell(asked.session, Some(reference), event);
        }
    }

    fn contact(&self, of: UserId, user: UserInfo) -> Contact {
        let presence = self.presence_shown(of, user.user_id);
        Contact { user, presence }
    }
}

/// What follows from it.
impl Hub {
    /// Whether a call of one rings at the other, if they are here.
    pub(super) fn may_ring(&self, callee: UserId, caller: UserId) -> bool {
        let person = self.people.get(&callee).map(|here| &here.person);
        callee == caller || person.is_none_or(|person| person.may_be_called_by(caller))
    }

    /// Whether what one says is not shown to the other.
    pub(super) fn has_blocked(&self, user: UserId, other: UserId) -> bool {
        self.people
            .get(&user)
            .is_some_and(|here| here.person.blocked.contains(&other))
    }

    /// One has blocked the other: what rings between the two is over, as where it is declined or taken back, and who waits in a lobby of
    /// theirs is sent away. Calls that are answered go on, and who is in a room stays.
    fn part_from(&mut self, user: UserId, other: UserId, now: Instant) {
        let ringing = |call: &&Call| !call.is_answered();
        let calls = self.users.get(&user).into_iter().flat_map(|user| &user.calls);
        let ends: Vec<(CallId, EndReason)> = calls
            .filter_map(|call| self.calls.get(call))
            .filter(ringing)
            .filter_map(|call| match (call.caller_user, call.callee_user) {
                (caller, callee) if caller == other && callee == user => Some((call.id, EndReason::Declined)),
                (caller, callee) if caller == user && callee == other => Some((call.id, EndReason::Cancelled)),
                _ => None,
            })
            .collect();
        for (call, reason) in ends {
            self.end_ringing(call, reason, None, now);
        }
        let waiting: Vec<SessionId> = self
            .rooms
            .values()
            .filter(|room| room.link.is_some_and(|link| self.is_kept_out(other, link)))
            .flat_map(Room::waiting)
            .map(|(_, session)| session)
            .filter(|session| self.user_of(*session) == Some(other))
            .collect();
        for session in waiting {
            self.leave_lobby(session, LeaveReason::Refused, None, now);
        }
    }

    /// Whether somebody who rules over a link's room has blocked this user: its maker, as long as they are here, or a host who is in it.
    pub(super) fn is_kept_out(&self, user: UserId, link: LinkId) -> bool {
        let Some(link) = self.links.get(&link) else { return false };
        let room = link.room.and_then(|room| self.rooms.get(&room));
        let present = room.into_iter().flat_map(|room| {
            let hosts = room
                .present()
                .into_iter()
                .filter(|(participant, _)| room.is_host(*participant));
            hosts.filter_map(|(_, session)| self.user_of(session))
        });
        present.chain([link.maker]).any(|host| self.has_blocked(host, user))
    }

    pub(super) fn wants_server(&self, session: SessionId) -> bool {
        let here = self.user_of(session).and_then(|user| self.people.get(&user));
        here.is_some_and(|here| here.person.settings.always_through_server)
    }

    /// Media of this user that goes directly goes through the server from now on.
    pub(super) fn leave_direct(&mut self, user: UserId) {
        let sessions = self.users.get(&user).map(|user| user.sessions.clone()).unwrap_or_default();
        for session in sessions {
            let Some(room) = self.room_of(session) else { continue };
            let Ok((participant, member)) = self.member(session, room) else {
                continue;
            };
            member.through_server = true;
            if member.standing.is_present() {
                self.keep_member(room, participant);
                self.set_direct(room, false, None);
            }
        }
    }
}

#[cfg(test)]
mod tests;
