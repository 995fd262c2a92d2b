//! What an operator's application does in the hub: it makes, changes and ends any room, and mutes and removes whom it likes.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Instant;

use super::rooms::Parting;
use super::{AttachRefused, Hub, Timer};
use crate::id::{LinkId, ParticipantId, RoomId, Source, UserId};
use crate::signaling::limits::LINKS_MAX;
use crate::signaling::link::{self, Link};
use crate::signaling::names::clean_name;
use crate::signaling::nodes::Word;
use crate::signaling::operator::{Part, ParticipantSeen, RoomChange, RoomKey, RoomSeen, RoomWish, Unfit};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{Event, LeaveReason};
use crate::signaling::room::{Origin, Room, Standing};

/// A room that was found: its link, and itself where somebody is in it.
type Found = (Option<LinkId>, Option<RoomId>);

/// Whether people are in it or wait: not a check, and not a call that rings.
fn is_open(room: &Room) -> bool {
    room.origin != Origin::Check && room.members.values().any(|member| member.standing != Standing::Ringing)
}

/// Rooms.
impl Hub {
    /// Makes a link, and so the room that it will lead to. The caller draws its id, because the pass phrase is hashed with it.
    pub fn make_room(&mut self, id: LinkId, wish: RoomWish, now: Instant) -> Result<RoomSeen, Unfit> {
        if self.draining {
            return Err(Unfit::Stopping);
        }
        let has_space = match wish.host {
            Some(host) => self.check_space_for_link(host).is_ok(),
            None => self.links.len() < LINKS_MAX,
        };
        if !has_space || self.links.contains_key(&id) {
            return Err(Unfit::TooManyLinks);
        }
        let link = Link {
            maker: wish.host.unwrap_or(UserId::NOBODY),
            name: clean_name(&wish.name),
            passphrase: wish.passphrase,
            expires: wish.expires_in.and_then(|long| now.checked_add(long)),
            single_use: wish.single_use,
            used: false,
            lobby: wish.lobby,
            makes_hosts: wish.host.is_some(),
            is_within: false,
            room: None,
            attempts: link::attempts(now),
        };
        self.outputs.push_back(Output::Keep(Keep::Link(link.kept(id, now))));
        self.add_link(id, link);
        Ok(self.see((Some(id), None), now))
    }

    /// In the order of their ids, after this one.
    pub fn list_rooms(&self, after: Option<RoomKey>, limit: usize, now: Instant) -> Part<RoomSeen> {
        let after_link = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.link));
        let after_room = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.room));
        let by_link = self
            .links
            .range((after_link, Bound::Unbounded))
            .filter(|(_, link)| self.names_its_room(link))
            .map(|(id, link)| (Some(*id), link.room))
            .take(limit + 1);
        let by_room = self
            .rooms
            .range((after_room, Bound::Unbounded))
            .filter(|(_, room)| is_open(room) && !self.is_named_by_link(room))
            .map(|(id, room)| (room.link, Some(*id)))
            .take(limit + 1);
        let mut items: Vec<RoomSeen> = by_link.chain(by_room).map(|found| self.see(found, now)).collect();
        items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Part::first(items, limit)
    }

    pub fn look_at_room(&self, key: RoomKey, now: Instant) -> Result<RoomSeen, Unfit> {
        Ok(self.see(self.find_room(key)?, now))
    }

    pub fn change_room(&mut self, key: RoomKey, change: RoomChange, now: Instant) -> Result<RoomSeen, Unfit> {
        let found = self.find_room(key)?;
        let (link_id, room_id) = found;
        if change.locked.is_some() && room_id.is_none() {
            return Err(Unfit::NobodyIn);
        }
        let of_link = change.lobby.is_some() || change.expires_in.is_some() || change.passphrase.is_some();
        if of_link && link_id.is_none() {
            return Err(Unfit::NoLink);
        }
        let name = change.name.as_deref().map(clean_name);
        if let Some((id, link)) = link_id.and_then(|id| self.links.get_mut(&id).map(|link| (id, link))) {
            let before = link.expires;
            if let Some(name) = &name {
                link.name.clone_from(name);
            }
            link.lobby = change.lobby.unwrap_or(link.lobby);
            link.passphrase = change.passphrase.unwrap_or(link.passphrase);
            if let Some(expires_in) = change.expires_in {
                link.expires = expires_in.and_then(|long| now.checked_add(long));
            }
            let after = link.expires;
            self.outputs.push_back(Output::Keep(Keep::Link(link.kept(id, now))));
            if before != after {
                self.timers.extend(after.map(|expires| (expires, Timer::ExpireLink(id))));
                before.map(|expires| self.timers.remove(&(expires, Timer::ExpireLink(id))));
            }
        }
        if let Some((id, room)) = room_id.and_then(|id| self.rooms.get_mut(&id).map(|room| (id, room))) {
            if let Some(name) = name {
                room.name = name;
            }
            room.lobby = change.lobby.unwrap_or(room.lobby);
            room.locked = change.locked.unwrap_or(room.locked);
            self.keep_room(id);
            self.show_room(id, None);
        }
        self.settle(now);
        Ok(self.see(found, now))
    }

    /// Everybody in it goes, and its link leads nowhere any more.
    pub fn close_room(&mut self, key: RoomKey, now: Instant) -> Result<(), Unfit> {
        let (link, room) = self.find_room(key)?;
        if let Some(room) = room {
            self.end_room(room, None, Parting::Ended, now);
        }
        if let Some(link) = link {
            self.remove_link(link);
        }
        self.settle(now);
        Ok(())
    }

    fn find_room(&self, key: RoomKey) -> Result<Found, Unfit> {
        if let Some(link) = self.links.get(&key.link) {
            return Ok((Some(key.link), link.room));
        }
        let room = self.rooms.get(&key.room).filter(|room| is_open(room));
        room.map(|room| (room.link, Some(key.room))).ok_or(Unfit::NoSuchRoom)
    }

    /// Whether the room is called by this link's id: not where a call made it.
    fn names_its_room(&self, link: &Link) -> bool {
        let room = link.room.and_then(|room| self.rooms.get(&room));
        room.is_none_or(|room| room.origin == Origin::Link)
    }

    fn is_named_by_link(&self, room: &Room) -> bool {
        let link = room.link.and_then(|link| self.links.get(&link));
        link.is_some_and(|link| self.names_its_room(link))
    }

    fn see(&self, (link_id, room_id): Found, now: Instant) -> RoomSeen {
        let link = link_id.and_then(|link| self.links.get(&link));
        let room = room_id.and_then(|room| self.rooms.get(&room));
        let named_by_link = link_id.filter(|_| link.is_some_and(|link| self.names_its_room(link)));
        let own_id = room_id.map(|room| room.to_string()).unwrap_or_default();
        RoomSeen {
            id: named_by_link.map_or(own_id, |link| link.to_string()),
            link: link_id,
            room: room_id,
            by_call: room.is_some_and(|room| room.origin == Origin::Call),
            name: room
                .map(|room| &room.name)
                .or(link.map(|link| &link.name))
                .cloned()
                .unwrap_or_default(),
            has_passphrase: link.is_some_and(|link| link.passphrase.is_some()),
            expires_in: link.and_then(|link| link.expires).map(|at| at.saturating_duration_since(now)),
            single_use: link.is_some_and(|link| link.single_use),
            lobby: room
                .map(|room| room.lobby)
                .or(link.map(|link| link.lobby))
                .unwrap_or_default(),
            locked: room.is_some_and(|room| room.locked),
            participants: room.map_or(0, Room::present_count),
            waiting: room.map_or(0, |room| room.waiting().len()),
            host: link.filter(|link| link.makes_hosts).map(|link| link.maker),
        }
    }
}

/// Participants.
impl Hub {
    /// In the order of their ids, after this one. Of a room that nobody is in there are none.
    pub fn list_participants(
        &self,
        key: RoomKey,
        after: Option<ParticipantId>,
        limit: usize,
        now: Instant,
    ) -> Result<Part<ParticipantSeen>, Unfit> {
        let (_, room) = self.find_room(key)?;
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members = room.and_then(|room| self.rooms.get(&room)).map(|room| &room.members);
        let seen = members
            .into_iter()
            .flat_map(|members| members.range((after, Bound::Unbounded)));
        let items = seen
            .filter_map(|(id, member)| {
                let since = match member.standing {
                    Standing::Ringing => return None,
                    Standing::Waiting => None,
                    Standing::Present { since } => Some(now.saturating_duration_since(since)),
                };
                let session = self.sessions.get(&member.session)?;
                Some(ParticipantSeen {
                    participant: *id,
                    user: self.user_info(session.user),
                    waiting: since.is_none(),
                    host: member.host,
                    hand: member.hand.is_some(),
                    reconnecting: member.reconnecting,
                    sources: member.sources.clone(),
                    path: member.path,
                    measured: member.measured,
                    since,
                })
            })
            .take(limit + 1)
            .collect();
        Ok(Part::first(items, limit))
    }

    /// Switches a track of somebody off. What is off already stays so.
    pub fn mute_participant(&mut self, key: RoomKey, id: ParticipantId, source: Source, now: Instant) -> Result<(), Unfit> {
        let (_, room) = self.find_room(key)?;
        let room = room.ok_or(Unfit::NoSuchParticipant)?;
        self.silence(room, None, id, source).map_err(|_| Unfit::NoSuchParticipant)?;
        self.settle(now);
        Ok(())
    }

    /// Takes somebody out. The link does not let them in again while the room lives.
    pub fn remove_participant(&mut self, key: RoomKey, id: ParticipantId, now: Instant) -> Result<(), Unfit> {
        let (_, room_id) = self.find_room(key)?;
        let room_id = room_id.ok_or(Unfit::NoSuchParticipant)?;
        let member = self.rooms.get(&room_id).and_then(|room| room.members.get(&id));
        let member = member.filter(|member| member.standing != Standing::Ringing);
        let (session, standing) = member
            .map(|member| (member.session, member.standing))
            .ok_or(Unfit::NoSuchParticipant)?;
        if let Some(user) = self.user_of(session) {
            self.lock_out(room_id, user);
        }
        match standing {
            Standing::Waiting => self.leave_lobby(session, LeaveReason::Refused, None, now),
            Standing::Present { .. } => self.depart(session, Parting::Removed, None, now),
            Standing::Ringing => {}
        }
        self.settle(now);
        Ok(())
    }
}

/// Users.
impl Hub {
    /// Keeps a user out: their sessions end, and none begins.
    pub fn bar_user(&mut self, user: UserId, now: Instant) {
        self.bar(user, now);
        self.say_of_users(&Word::Barred { user, barred: true });
        self.settle(now);
    }

    /// Lets a user in again.
    pub fn unbar_user(&mut self, user: UserId, now: Instant) {
        self.unbar(user);
        self.say_of_users(&Word::Barred { user, barred: false });
        self.settle(now);
    }

    /// Those are kept out, and nobody else.
    pub fn bar_only(&mut self, users: Vec<UserId>, now: Instant) {
        let users: BTreeSet<UserId> = users.into_iter().collect();
        self.barred.retain(|user| users.contains(user));
        for user in users {
            if !self.barred.contains(&user) {
                self.bar(user, now);
            }
        }
        self.settle(now);
    }

    pub(super) fn unbar(&mut self, user: UserId) {
        self.note_barring();
        self.barred.remove(&user);
    }

    pub(super) fn bar(&mut self, user: UserId, now: Instant) {
        self.note_barring();
        self.barred.insert(user);
        let sessions = self.users.get(&user).map(|user| user.sessions.clone()).unwrap_or_default();
        for session in sessions {
            let message = AttachRefused::Barred.to_string();
            let code = AttachRefused::Barred.code();
            let event = Event::Error {
                code,
                message,
                retry_after_s: None,
            };
            self.tell(session, None, event);
        }
        self.end_sessions_of(user, now);
    }
}

#[cfg(test)]
mod tests;
