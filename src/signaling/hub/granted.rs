//! What a token grants, in the hub: each thing that a session may be refused, and the room that a token opens by itself.

use std::time::Instant;

use super::Hub;
use crate::grants::Grants;
use crate::id::{LinkId, SessionId, Source, UserId};
use crate::signaling::limits::{LINKS_MAX, LINKS_PER_USER_MAX, Limit, Refusal};
use crate::signaling::link::{self, Link};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::LinkPreview;

fn unless(may: bool, message: &'static str) -> Result<(), Refusal> {
    if may { Ok(()) } else { Err(Refusal::not_allowed(message)) }
}

impl Hub {
    /// What a session may do. One that is gone may do nothing that matters.
    pub(super) fn grants(&self, session: SessionId) -> Grants {
        self.sessions.get(&session).map_or(Grants::ALL, |session| session.grants)
    }

    /// The answer does not depend on whom it wants to call.
    pub(super) fn check_may_call(&self, session: SessionId) -> Result<(), Refusal> {
        unless(self.grants(session).may_call(), "your token does not let you call")
    }

    /// Hosts call people into the room that their token is for.
    pub(super) fn check_may_invite(&self, session: SessionId) -> Result<(), Refusal> {
        let grants = self.grants(session);
        unless(
            grants.may_call() || grants.admin,
            "your token does not let you call people in",
        )
    }

    /// `within`: a room that it is in.
    pub(super) fn check_may_make_link(&self, session: SessionId, within: bool) -> Result<(), Refusal> {
        let grants = self.grants(session);
        let may = grants.may_call() || (within && grants.admin);
        unless(may, "your token does not let you make links")
    }

    pub(super) fn check_may_join(&self, session: SessionId, link: LinkId) -> Result<(), Refusal> {
        let may = self.grants(session).may_join(link);
        unless(may, "your token does not let you into this room")
    }

    pub(super) fn check_may_publish(&self, session: SessionId, sources: &[Source]) -> Result<(), Refusal> {
        let publish = self.grants(session).publish;
        let may = sources.iter().all(|source| publish.has(*source));
        unless(may, "your token does not let you send this")
    }

    /// Hands, reactions, and whatever else is said to others.
    pub(super) fn check_may_say(&self, session: SessionId) -> Result<(), Refusal> {
        unless(self.grants(session).data, "your token does not let you say anything")
    }

    pub(super) fn check_may_rename(&self, session: SessionId) -> Result<(), Refusal> {
        unless(self.grants(session).rename, "your name comes with your token")
    }

    /// Whether its media has to take the way through the server, whatever it wishes.
    pub(super) fn goes_through_server(&self, session: SessionId, wish: bool) -> bool {
        wish || !self.grants(session).may_be_direct() || self.wants_server(session)
    }

    /// Whether it enters this link's room as a host, with neither pass phrase nor admission.
    pub(super) fn is_host_by(&self, session: SessionId, link: &Link) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|session| session.grants.admin || link.is_owned_by(session.user))
    }

    /// Whether its token names this room: the application has let it in, and that is worth more than a pass phrase. A guest has no token.
    pub(super) fn is_bound_to(&self, session: SessionId, link: LinkId) -> bool {
        self.grants(session).is_bound_to(link)
    }

    fn may_open(&self, session: SessionId, link: LinkId) -> bool {
        let grants = self.grants(session);
        grants.create && grants.room == Some(link) && grants.join && !self.links.contains_key(&link)
    }

    /// The door of a room that is not there, and that this session may open.
    pub(super) fn unopened(&self, session: SessionId, link_id: LinkId) -> Option<LinkPreview> {
        self.may_open(session, link_id).then(|| LinkPreview {
            link_id,
            name: String::new(),
            has_passphrase: false,
            lobby: false,
            locked: false,
            participants: 0,
            mine: self.grants(session).admin,
        })
    }

    /// Makes the room that a token names, if the token lets it and the room is not there. Its link ends with it.
    pub(super) fn open_granted(&mut self, session: SessionId, link_id: LinkId, now: Instant) -> Result<(), Refusal> {
        if !self.may_open(session, link_id) {
            return Ok(());
        }
        let Some(maker) = self.user_of(session) else {
            return Ok(());
        };
        self.check_space_for_link(maker)?;
        let link = Link {
            maker,
            name: String::new(),
            passphrase: None,
            expires: None,
            single_use: false,
            used: false,
            lobby: false,
            // The token says who is a host.
            makes_hosts: false,
            is_within: true,
            room: None,
            attempts: link::attempts(now),
        };
        self.add_link(link_id, link);
        self.open_room_of(link_id)?;
        let kept = self.links[&link_id].kept(link_id, now);
        self.outputs.push_back(Output::Keep(Keep::Link(kept)));
        Ok(())
    }

    /// Whether one more link of this user is within the limits.
    pub(super) fn check_space_for_link(&mut self, user: UserId) -> Result<(), Refusal> {
        if self.links_of.get(&user).map_or(0, |links| links.len()) >= LINKS_PER_USER_MAX {
            self.count_limit(Limit::LinksPerUser);
            return Err(Refusal::rate_limited("too many links: revoke some"));
        }
        if self.links.len() >= LINKS_MAX {
            self.count_limit(Limit::Links);
            return Err(Refusal::rate_limited("the server has too many links"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
