//! Links in the hub: made, looked at, listed, revoked, and over.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Hub, Timer};
use crate::grants::Grants;
use crate::id::{LinkId, RoomId, SessionId, UserId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::link::{self, Link};
use crate::signaling::names::{NAME_CHARS_MAX, clean_name};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{self, ErrorCode, Event, LinkPreview, LinkWish};
use crate::signaling::records::Asked;
use crate::signaling::room::Room;
use crate::signaling::session::Hashing;

pub(super) const NO_SUCH_LINK: Refusal = Refusal {
    code: ErrorCode::NoSuchLink,
    message: "there is no such link, or it works no more",
};

impl Hub {
    pub(super) fn create_link(
        &mut self,
        id: SessionId,
        reference: u32,
        room: Option<RoomId>,
        mut wish: LinkWish,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_takes_new()?;
        if wish.expires_in_s == Some(0) {
            return Err(Refusal::bad_command("a link that is over before it begins"));
        }
        self.check_may_make_link(id, room.is_some())?;
        self.may_make_link(id, room, now)?;
        let passphrase = wish.passphrase.take().filter(|passphrase| !passphrase.is_empty());
        let link = LinkId::from_random(self.rng.next_u64());
        let Some(passphrase) = passphrase else {
            return self.make_link(id, reference, link, room, wish, None, now);
        };
        let purpose = Hashing::Create {
            reference,
            link,
            room,
            wish,
        };
        self.hash(id, link, passphrase, purpose)
    }

    fn may_make_link(&mut self, id: SessionId, room: Option<RoomId>, now: Instant) -> Result<(), Refusal> {
        if let Some(room) = room {
            self.in_room(id, room)?;
            let user = self.sessions.get(&id).map(|session| session.user);
            let link = self.rooms.get(&room).and_then(|room| room.link);
            let link = link.and_then(|link| self.links.get(&link));
            // One that let its guest in gives way to its maker's next, and to nobody else's: it is the maker's way back in.
            if link.is_some_and(|link| link.is_open() || Some(link.maker) != user) {
                return Err(Refusal::not_allowed("this room has a link: revoke it first"));
            }
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        let user = session.user;
        if !session.joins.has(now) {
            self.count_limit(Limit::Joins);
            return Err(Refusal::rate_limited("too many links: wait a minute"));
        }
        self.check_space_for_link(user)
    }

    #[expect(clippy::too_many_arguments, reason = "what was asked for, and what came of its pass phrase")]
    pub(super) fn make_link(
        &mut self,
        session: SessionId,
        reference: u32,
        id: LinkId,
        within: Option<RoomId>,
        wish: LinkWish,
        passphrase: Option<[u8; 32]>,
        now: Instant,
    ) -> Result<(), Refusal> {
        // Again, because a hash takes a while.
        self.may_make_link(session, within, now)?;
        let Some(maker) = self.sessions.get_mut(&session) else {
            return Ok(());
        };
        maker.joins.take(now);
        let maker = maker.user;
        if wish.name.chars().count() > NAME_CHARS_MAX {
            self.count_limit(Limit::NameChars);
        }
        let is_host = within.is_none_or(|room| self.is_host_in(session, room));
        let expires_in = wish.expires_in_s.map(|s| Duration::from_secs(s.into()));
        let link = Link {
            maker,
            name: clean_name(&wish.name),
            passphrase,
            expires: expires_in.and_then(|long| now.checked_add(long)),
            single_use: wish.single_use,
            used: false,
            lobby: wish.lobby,
            makes_hosts: is_host,
            is_within: within.is_some(),
            room: within,
            attempts: link::attempts(now),
        };
        self.outputs.push_back(Output::Keep(Keep::Link(link.kept(id, now))));
        let before = within.and_then(|room| self.rooms.get(&room)).and_then(|room| room.link);
        if let Some(before) = before {
            self.remove_link(before);
        }
        if let Some(room) = within.and_then(|room| self.rooms.get_mut(&room)) {
            room.link = Some(id);
            room.lobby = link.lobby;
            if !link.name.is_empty() {
                room.name.clone_from(&link.name);
            }
        }
        self.add_link(id, link);
        let Some(link) = self.show_link(id, now) else {
            return Ok(());
        };
        self.tell(session, Some(reference), Event::LinkCreated { link });
        if let Some(room) = within {
            self.keep_room(room);
            self.show_room(room, None);
        }
        Ok(())
    }

    pub(super) fn add_link(&mut self, id: LinkId, link: Link) {
        if let Some(expires) = link.expires {
            self.timers.insert((expires, Timer::ExpireLink(id)));
        }
        self.links_of.entry(link.maker).or_default().insert(id);
        self.links.insert(id, link);
    }

    fn show_link(&self, id: LinkId, now: Instant) -> Option<protocol::Link> {
        let link = self.links.get(&id)?;
        let expires_in = link.expires.map(|expires| expires.saturating_duration_since(now));
        Some(protocol::Link {
            link_id: id,
            name: link.name.clone(),
            has_passphrase: link.passphrase.is_some(),
            // Rounded up: what works for another instant is not said to be over.
            expires_in_s: expires_in.map(|long| u32::try_from(long.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)),
            single_use: link.single_use,
            lobby: link.lobby,
            participants: self.participants_by(link),
        })
    }

    fn participants_by(&self, link: &Link) -> u32 {
        let room = link.room.and_then(|room| self.rooms.get(&room));
        u32::try_from(room.map_or(0, Room::present_count)).unwrap_or(u32::MAX)
    }

    /// Those of a user that let people in, on this node.
    pub(super) fn links_here(&self, user: UserId, now: Instant) -> Vec<protocol::Link> {
        let of_user = self.links_of.get(&user).into_iter().flatten();
        let works = |id: &&LinkId| self.links.get(id).is_some_and(|l| l.is_open() && l.works_for(user, now));
        of_user.filter(works).filter_map(|id| self.show_link(*id, now)).collect()
    }

    pub(super) fn look_at_link(
        &mut self,
        session: SessionId,
        reference: u32,
        link_id: LinkId,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(user) = self.user_of(session) else {
            return Ok(());
        };
        self.check_may_join(session, link_id)?;
        let link = match self.unopened(session, link_id) {
            Some(link) => link,
            None => self.preview(link_id, (user, self.grants(session)), now)?,
        };
        self.tell(session, Some(reference), Event::LinkSeen { link });
        Ok(())
    }

    /// What somebody sees of a link who may do this.
    pub(super) fn preview(
        &self,
        link_id: LinkId,
        (user, grants): (UserId, Grants),
        now: Instant,
    ) -> Result<LinkPreview, Refusal> {
        let link = self.link_for(link_id, user, now)?;
        if self.is_kept_out(user, link_id) {
            return Err(NO_SUCH_LINK);
        }
        let room = link.room.and_then(|room| self.rooms.get(&room));
        Ok(LinkPreview {
            link_id,
            name: link.name.clone(),
            has_passphrase: link.passphrase.is_some() && !grants.is_bound_to(link_id),
            lobby: link.lobby,
            locked: room.is_some_and(|room| room.locked),
            participants: self.participants_by(link),
            mine: grants.admin || link.is_owned_by(user),
        })
    }

    /// A link that lets this user in.
    pub(super) fn link_for(&self, link: LinkId, user: UserId, now: Instant) -> Result<&Link, Refusal> {
        let link = self.links.get(&link).filter(|link| link.works_for(user, now));
        link.ok_or(NO_SUCH_LINK)
    }

    pub(super) fn revoke_link(&mut self, session: SessionId, reference: u32, id: LinkId, now: Instant) -> Result<(), Refusal> {
        let Some(user) = self.user_of(session) else {
            return Ok(());
        };
        self.check_may_revoke(session, user, id)?;
        self.remove_link(id);
        self.list_links(Asked { session, reference }, now);
        Ok(())
    }

    pub(super) fn check_may_revoke(&self, session: SessionId, user: UserId, id: LinkId) -> Result<(), Refusal> {
        let link = self.links.get(&id).ok_or(NO_SUCH_LINK)?;
        let may = link.maker == user || link.room.is_some_and(|room| self.is_host_in(session, room));
        match may {
            true => Ok(()),
            false => Err(Refusal::not_allowed("only its maker or a host of its room revokes a link")),
        }
    }

    /// Nobody comes in by it any more.
    pub(super) fn remove_link(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        if let Some(of_user) = self.links_of.get_mut(&link.maker) {
            of_user.remove(&id);
            if of_user.is_empty() {
                self.links_of.remove(&link.maker);
            }
        }
        if let Some(expires) = link.expires {
            self.timers.remove(&(expires, Timer::ExpireLink(id)));
        }
        self.outputs.push_back(Output::Keep(Keep::ForgetLink(id)));
        let Some(room_id) = link.room else { return };
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.link = None;
            self.keep_room(room_id);
            self.show_room(room_id, None);
        }
    }

    pub(super) fn expire_link(&mut self, id: LinkId, now: Instant) {
        let expires = self.links.get(&id).and_then(|link| link.expires);
        if expires.is_some_and(|expires| now >= expires) {
            self.remove_link(id);
        }
    }

    /// A room is over. A link that was made in it, or that let its guest in, leads nowhere any more.
    pub(super) fn leave_link(&mut self, room: RoomId, link: Option<LinkId>) {
        let Some(id) = link else { return };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.room == Some(room)) else {
            return;
        };
        link.room = None;
        if link.is_within || link.used {
            self.remove_link(id);
        }
    }

    /// Whether more people may come in by a link.
    pub(super) fn lets_people_in(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(Link::is_open)
    }
}
