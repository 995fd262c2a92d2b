//! Joining in the hub: the way through a link into its room or its lobby.

use std::time::Instant;

use rand::Rng;

use super::Hub;
use super::links::NO_SUCH_LINK;
use crate::id::{LinkId, RoomId, SessionId};
use crate::signaling::limits::{LOBBY_MAX, Limit, Refusal};
use crate::signaling::output::{Fact, JoinOutcome, Keep, Output};
use crate::signaling::protocol::{ErrorCode, Event, LeaveReason};
use crate::signaling::room::{Origin, Room, Standing};
use crate::signaling::session::{Hashing, Session};

const PASSPHRASE_NEEDED: Refusal = Refusal {
    code: ErrorCode::PassphraseNeeded,
    message: "the link has a pass phrase, and this is not it",
};

impl Hub {
    pub(super) fn join(
        &mut self,
        id: SessionId,
        reference: u32,
        link_id: LinkId,
        passphrase: Option<String>,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let done = self.knock(id, reference, link_id, passphrase, through_server, now);
        self.count_refused_join(&done);
        done
    }

    pub(super) fn count_refused_join(&mut self, done: &Result<(), Refusal>) {
        if let Err(refusal) = done {
            let outcome = JoinOutcome::Refused(refusal.code);
            self.outputs.push_back(Output::Count(Fact::Join { outcome }));
        }
    }

    fn knock(
        &mut self,
        id: SessionId,
        reference: u32,
        link_id: LinkId,
        passphrase: Option<String>,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_takes_joins(id, link_id)?;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if !session.joins.take(now) {
            self.count_limit(Limit::Joins);
            return Err(Refusal::rate_limited("too many joins: wait a minute"));
        }
        self.check_may_join(id, link_id)?;
        let through_server = self.goes_through_server(id, through_server);
        if !self.sessions[&id].is_engaged() {
            self.open_granted(id, link_id, now)?;
        }
        self.may_join(id, link_id, now)?;
        let link = self.links.get(&link_id).ok_or(NO_SUCH_LINK)?;
        let is_known = self.is_bound_to(id, link_id) || self.is_host_by(id, link);
        let link = self.links.get_mut(&link_id).ok_or(NO_SUCH_LINK)?;
        if link.passphrase.is_none() || is_known {
            return self.enter_by_link(id, reference, link_id, through_server, now);
        }
        let passphrase = passphrase.filter(|p| !p.is_empty()).ok_or(PASSPHRASE_NEEDED)?;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if session.hashing.is_some() || !session.attempts.take(now) || !link.attempts.take(now) {
            self.count_limit(Limit::PassphraseAttempts);
            return Err(Refusal::rate_limited("too many pass phrases: wait a minute"));
        }
        let purpose = Hashing::Join {
            reference,
            link: link_id,
            through_server,
        };
        self.hash(id, link_id, passphrase, purpose)
    }

    /// What can be said without a look at the pass phrase.
    fn may_join(&self, id: SessionId, link_id: LinkId, now: Instant) -> Result<(), Refusal> {
        self.check_is_free(id)?;
        let Some(session) = self.sessions.get(&id) else {
            return Ok(());
        };
        let link = self.link_for(link_id, session.user, now)?;
        // They are told what a stranger is whom somebody gave a wrong link.
        if self.is_kept_out(session.user, link_id) {
            return Err(NO_SUCH_LINK);
        }
        let Some(room) = link.room.and_then(|room| self.rooms.get(&room)) else {
            return Ok(());
        };
        if room.removed.contains(&session.user) {
            return Err(Refusal::not_allowed("a host took you out of this room"));
        }
        if room.locked && !self.is_host_by(id, link) {
            return Err(Refusal {
                code: ErrorCode::RoomLocked,
                message: "the room is locked",
            });
        }
        Ok(())
    }

    pub(super) fn check_is_free(&self, id: SessionId) -> Result<(), Refusal> {
        match self.sessions.get(&id).is_some_and(Session::is_engaged) {
            true => Err(Refusal::not_allowed("this session has a call or a room already")),
            false => Ok(()),
        }
    }

    /// Has a pass phrase's slow hash computed; one at a time for each session.
    pub(super) fn hash(&mut self, id: SessionId, link: LinkId, passphrase: String, purpose: Hashing) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if session.hashing.is_some() {
            self.count_limit(Limit::PassphraseAttempts);
            return Err(Refusal::rate_limited("one pass phrase at a time"));
        }
        session.hashing = Some(purpose);
        let session = id;
        self.outputs.push_back(Output::Hash {
            session,
            link,
            passphrase,
        });
        Ok(())
    }

    /// The slow hash of the pass phrase that a session gave; none: there was too much to do.
    pub fn handle_hashed(&mut self, id: SessionId, hash: Option<[u8; 32]>, now: Instant) {
        let Some(purpose) = self.sessions.get_mut(&id).and_then(|session| session.hashing.take()) else {
            return;
        };
        let busy = Refusal::rate_limited("too many pass phrases: try again");
        let (reference, done) = match purpose {
            Hashing::Create {
                reference,
                link,
                room,
                wish,
            } => {
                let done = match hash {
                    Some(hash) => self.make_link(id, reference, link, room, wish, Some(hash), now),
                    None => Err(busy),
                };
                (reference, done)
            }
            Hashing::Join {
                reference,
                link,
                through_server,
            } => {
                let done = match hash {
                    Some(hash) => self.join_with(id, reference, link, &hash, through_server, now),
                    None => Err(busy),
                };
                self.count_refused_join(&done);
                (reference, done)
            }
        };
        if let Err(refusal) = done {
            self.refuse(id, Some(reference), refusal.code, refusal.message);
        }
        self.neighbours.touched.insert(id);
        self.settle(now);
    }

    fn join_with(
        &mut self,
        id: SessionId,
        reference: u32,
        link_id: LinkId,
        hash: &[u8; 32],
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.may_join(id, link_id, now)?;
        let link = self.links.get_mut(&link_id).ok_or(NO_SUCH_LINK)?;
        let wanted = link.passphrase.unwrap_or_default();
        if aws_lc_rs::constant_time::verify_slices_are_equal(&wanted, hash).is_err() {
            return Err(PASSPHRASE_NEEDED);
        }
        // Those who know it do not use up what there is for guesses.
        link.attempts.give_back();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.attempts.give_back();
        }
        self.enter_by_link(id, reference, link_id, through_server, now)
    }

    fn enter_by_link(
        &mut self,
        id: SessionId,
        reference: u32,
        link_id: LinkId,
        through_server: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let link = self.links.get(&link_id).ok_or(NO_SUCH_LINK)?;
        let is_owner = self.is_host_by(id, link);
        // An encoder of theirs comes in like them, and rules over nobody.
        let is_attended = self.sessions.get(&id).is_some_and(|session| !session.unattended);
        let waits = !is_owner
            && link
                .room
                .and_then(|room| self.rooms.get(&room))
                .map_or(link.lobby, |room| room.lobby);
        if let Some(room) = link.room {
            if waits && self.rooms.get(&room).is_some_and(|room| room.waiting().len() >= LOBBY_MAX) {
                self.count_limit(Limit::Lobby);
                return Err(Refusal {
                    code: ErrorCode::RoomFull,
                    message: "too many wait in the lobby",
                });
            }
            self.check_space(room)?;
        }
        let room_id = self.open_room_of(link_id)?;
        let standing = if waits { Standing::Waiting } else { Standing::Ringing };
        let participant_id = self.enter(id, standing, None, room_id, now);
        if let Ok((_, member)) = self.member(id, room_id) {
            member.host = is_owner && is_attended;
            member.through_server = through_server;
        }
        if waits {
            let room = self.room_info(room_id);
            self.tell(id, Some(reference), Event::LobbyEntered { room, participant_id });
            self.show_lobby(room_id);
            let outcome = JoinOutcome::Lobby;
            self.outputs.push_back(Output::Count(Fact::Join { outcome }));
        } else {
            self.come_in(id, room_id, Some(reference), now);
        }
        Ok(())
    }

    /// The room that a link leads to, which is made for the first who comes.
    pub(super) fn open_room_of(&mut self, link_id: LinkId) -> Result<RoomId, Refusal> {
        let link = self.links.get_mut(&link_id).ok_or(NO_SUCH_LINK)?;
        if let Some(room) = link.room {
            return Ok(room);
        }
        let room_id = RoomId::from_random(self.rng.next_u64());
        link.room = Some(room_id);
        let mut room = Room::new(Origin::Link);
        room.name.clone_from(&link.name);
        room.link = Some(link_id);
        room.lobby = link.lobby;
        self.rooms.insert(room_id, room);
        self.keep_room(room_id);
        Ok(room_id)
    }

    /// Whoever came by a link is in its room from here on.
    pub(super) fn come_in(&mut self, id: SessionId, room_id: RoomId, reference: Option<u32>, now: Instant) {
        self.let_in(id, room_id, now);
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(participant_id) = room.participant(id) else { return };
        let (link_id, is_host) = (room.link, room.is_host(participant_id));
        let user = self.sessions[&id].user;
        // Before it is told of the room, so that it does not hear of the link that it used up.
        let link = link_id.and_then(|link| self.links.get_mut(&link));
        let is_used = link.is_some_and(|link| {
            let is_guest = link.single_use && !link.used && !link.is_owned_by(user);
            link.used |= is_guest;
            is_guest
        });
        let event = Event::RoomJoined {
            room: self.room_info(room_id),
            participant_id,
            participants: self.others_in(room_id, participant_id),
            direct: self.rooms.get(&room_id).is_some_and(|room| room.direct),
            polite: self.rooms.get(&room_id).is_some_and(|room| room.is_polite(participant_id)),
            host: is_host,
        };
        self.tell(id, reference, event);
        self.tell_speakers(id, room_id);
        if is_host {
            self.show_lobby_to(id, room_id);
        }
        let outcome = JoinOutcome::Entered;
        self.outputs.push_back(Output::Count(Fact::Join { outcome }));
        if let Some(link_id) = link_id.filter(|_| is_used) {
            self.use_up(link_id, room_id, id, now);
        }
    }

    /// A link let its one guest in: whoever waits for the same is sent away.
    fn use_up(&mut self, link_id: LinkId, room_id: RoomId, guest: SessionId, now: Instant) {
        if let Some(link) = self.links.get(&link_id) {
            let kept = link.kept(link_id, now);
            self.outputs.push_back(Output::Keep(Keep::Link(kept)));
        }
        let room = self.room_info(room_id);
        for (_, to) in self.present_in(room_id).into_iter().filter(|(_, to)| *to != guest) {
            let room = room.clone();
            self.tell(to, None, Event::RoomChanged { room });
        }
        let waiting = self.rooms.get(&room_id).map(Room::waiting).unwrap_or_default();
        for (_, id) in waiting {
            self.leave_lobby(id, LeaveReason::Closed, None, now);
        }
    }
}
