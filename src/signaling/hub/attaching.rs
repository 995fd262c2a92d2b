//! Coming to the hub: whose session a websocket gets, a new one or the one that it had before.

use std::net::IpAddr;
use std::time::Instant;

use rand::Rng;

use super::doors::Attaching;
use super::{Hub, sha256};
use crate::grants::Grants;
use crate::id::{ConnectionId, DeviceId, SessionId, UserId};
use crate::signaling::limits::Limit;
use crate::signaling::names::clean_name;
use crate::signaling::nodes::Word;
use crate::signaling::output::{CloseReason, Fact, Keep, KeptSession, Output};
use crate::signaling::person::Person;
use crate::signaling::protocol::{ErrorCode, Resume};
use crate::signaling::session::Session;

/// Who someone is and what they may do, proven to `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user_id: UserId,
    /// Empty where none was given.
    pub name: String,
    pub grants: Grants,
    /// What belongs to them. Of who has a session already, the hub knows better.
    pub person: Person,
}

/// A websocket whose `hello` was found to be good.
#[derive(Debug, Clone)]
pub struct Attach {
    /// None: only the session that it wants to resume can prove it.
    pub identity: Option<Identity>,
    /// For a user that was just made.
    pub new_secret: Option<String>,
    /// Missed calls that the user has not seen. None: nobody asked the store.
    pub missed: Option<u32>,
    pub resume: Option<Resume>,
    /// The `ref` of the `hello`.
    pub reference: u32,
    /// Whether the browser runs on this machine.
    pub loopback: bool,
    /// Where it is, as far as that tells people apart: not where a proxy on this machine speaks for everybody.
    pub address: Option<IpAddr>,
    /// Nobody is at it who could be a host: it speaks for an encoder or a player.
    pub unattended: bool,
    /// The browser that was signed in, where it was by a provider.
    pub device: Option<DeviceId>,
    /// Which browser it is, as far as it says.
    pub browser: String,
}

/// Why a websocket got no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachRefused {
    #[error("this user has too many sessions open")]
    TooManyOfUser,
    #[error("the server has too many sessions open")]
    TooMany,
    #[error("the operator of this server has blocked this user")]
    Barred,
    #[error("there is no such session to be resumed")]
    NotSignedIn,
    #[error("the node that has the session cannot be reached now: try again")]
    Unreachable,
}

impl AttachRefused {
    pub fn code(self) -> ErrorCode {
        match self {
            AttachRefused::TooManyOfUser | AttachRefused::TooMany => ErrorCode::RateLimited,
            AttachRefused::Barred => ErrorCode::NotAllowed,
            AttachRefused::NotSignedIn => ErrorCode::NotSignedIn,
            AttachRefused::Unreachable => ErrorCode::NodeUnreachable,
        }
    }
}

impl Hub {
    /// A websocket said a good `hello`: its session goes on, wherever that is, or begins. `connection` was never used before.
    pub fn handle_attach(&mut self, connection: ConnectionId, attach: Attach, now: Instant) -> Result<Attaching, AttachRefused> {
        let waits = |resume: &&Resume| self.is_elsewhere(resume) || self.is_unsettled(resume.session_id);
        let elsewhere = attach.resume.as_ref().filter(waits);
        let done = match elsewhere.map(|resume| resume.session_id) {
            Some(session) => {
                self.arrive(connection, attach, session, now);
                Ok(Attaching::Later)
            }
            None => self.attach_here(connection, attach, now).map(|()| Attaching::Done),
        };
        self.settle(now);
        done
    }

    pub(super) fn attach_here(
        &mut self,
        connection: ConnectionId,
        mut attach: Attach,
        now: Instant,
    ) -> Result<(), AttachRefused> {
        let before = attach
            .resume
            .as_ref()
            .and_then(|resume| self.proven(resume, attach.identity.as_ref()));
        let identity = attach
            .identity
            .take()
            .or_else(|| before.and_then(|before| self.identity_of(before)))
            .ok_or(AttachRefused::NotSignedIn)?;
        if self.barred.contains(&identity.user_id) {
            return Err(AttachRefused::Barred);
        }
        // A guest who goes to the door of another room is let into that one: what they might do before is over.
        let is_same = |session: SessionId| self.sessions[&session].grants.room == identity.grants.room;
        match (before, &attach.resume) {
            (Some(session), Some(resume)) if self.sessions[&session].is_past(resume.tries) => {
                let why = CloseReason::Replaced;
                self.outputs.push_back(Output::Close { connection, why });
            }
            (Some(session), Some(resume)) if is_same(session) && self.sessions[&session].can_replay(resume.seq) => {
                let seen = (resume.seq, resume.tries);
                self.resume(session, seen, connection, attach, now);
            }
            _ => {
                self.make_room_for(&identity, before, now)?;
                self.begin(connection, identity, attach, now);
                // Only after: a call that rings at this user finds the session that takes its place.
                if let Some(before) = before {
                    self.remove_session(before, now);
                }
            }
        }
        Ok(())
    }

    /// Who a session was signed in as.
    fn identity_of(&self, session: SessionId) -> Option<Identity> {
        let session = self.sessions.get(&session)?;
        Some(Identity {
            user_id: session.user,
            name: self.user_info(session.user).name,
            grants: session.grants,
            person: Person::default(),
        })
    }

    /// The session that a resume asks for, if the secret is right, and the user where one is named.
    fn proven(&self, resume: &Resume, identity: Option<&Identity>) -> Option<SessionId> {
        let session = self.sessions.get(&resume.session_id)?;
        let presented = sha256(&resume.secret);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&session.secret_hash, &presented).is_ok();
        let is_theirs = identity.is_none_or(|identity| session.user == identity.user_id);
        (same && is_theirs).then_some(resume.session_id)
    }

    /// Makes sure that one more session of this user is within the limits; `before` will give way to it.
    fn make_room_for(&mut self, identity: &Identity, before: Option<SessionId>, now: Instant) -> Result<(), AttachRefused> {
        let gives_way = usize::from(before.is_some());
        let of_user = self.users.get(&identity.user_id).map_or(0, |user| {
            let ours = user.sessions.iter().filter(|id| !self.is_visitor(**id));
            ours.count()
        });
        if of_user - gives_way >= self.config.sessions_per_user_max {
            // Someone who reloads a page again and again leaves sessions behind that nobody will resume.
            let idle = self.longest_away(identity.user_id).filter(|s| Some(*s) != before);
            let Some(idle) = idle else {
                self.count_limit(Limit::SessionsPerUser);
                return Err(AttachRefused::TooManyOfUser);
            };
            self.remove_session(idle, now);
        }
        if self.sessions.len() - self.neighbours.visitors - gives_way >= self.config.sessions_max {
            self.count_limit(Limit::Sessions);
            return Err(AttachRefused::TooMany);
        }
        Ok(())
    }

    /// The user's session that has been without a websocket, a call and a room for longest.
    fn longest_away(&self, user: UserId) -> Option<SessionId> {
        let sessions = self.users.get(&user)?.sessions.iter();
        let away = sessions.filter_map(|&id| {
            let session = &self.sessions[&id];
            let since = session.detached_since().filter(|_| session.room.is_none())?;
            Some((since, id))
        });
        away.min().map(|(_, id)| id)
    }

    fn begin(&mut self, connection: ConnectionId, identity: Identity, attach: Attach, now: Instant) {
        let id = SessionId::from_random(self.rng.next_u64());
        let secret = self.fresh_secret();
        let Identity {
            user_id: user,
            name,
            grants,
            person,
        } = identity;
        let secret_hash = sha256(&secret);
        let mut session = Session::new(user, secret_hash, connection, attach.loopback, now);
        session.unattended = attach.unattended;
        session.device = attach.device;
        session.browser.clone_from(&attach.browser);
        session.grants = grants;
        session.address = attach.address;
        self.connections.insert(connection, id);
        self.sessions.insert(id, session);
        if !grants.rename {
            // Before it is one of them: its own name comes with the welcome.
            self.rename(user, &name);
            self.say_renamed(user, &clean_name(&name));
        }
        self.meet(user, person);
        self.user(user, &name).sessions.insert(id);
        self.outputs.push_back(Output::Count(Fact::SessionStarted { session: id }));
        self.outputs.push_back(Output::Keep(Keep::Session(KeptSession {
            session: id,
            user,
            secret_hash,
            grants,
        })));
        self.welcome(id, connection, None, secret, attach);
        self.ring_late_comer(id, now);
        if grants.may_answer() {
            self.say_to_all(&Word::Came { user });
        }
    }
}
