//! A user whom the operator has forgotten, in the hub, and a browser that was signed out.

use std::time::Instant;

use super::Hub;
use crate::id::{DeviceId, LinkId, SessionId, UserId};
use crate::signaling::nodes::Word;
use crate::signaling::output::{CloseReason, Keep, Output};
use crate::signaling::session::Session;

impl Hub {
    /// Ends all sessions of a user and takes their links away, and has the store forget the user after what that brings with it.
    ///
    /// Other nodes are told when the store has: who asked is to hear from it whether there was such a user.
    pub fn forget_user(&mut self, user: UserId, now: Instant) {
        self.forget(user, now);
        self.note_forgetting(user);
        self.settle(now);
    }

    pub(super) fn forget(&mut self, user: UserId, now: Instant) {
        let links: Vec<LinkId> = self.links_of.get(&user).into_iter().flatten().copied().collect();
        for link in links {
            self.remove_link(link);
        }
        self.end_sessions_of(user, now);
        self.forget_in_reports(user);
        self.outputs.push_back(Output::Keep(Keep::ForgetUser(user)));
    }

    /// Also those that have begun while the store was at it.
    pub(super) fn end_sessions_of(&mut self, user: UserId, now: Instant) {
        self.end_sessions(user, |_| true, CloseReason::Forgotten, now);
    }

    /// A browser of a user was signed out.
    pub fn end_sessions_in(&mut self, user: UserId, device: DeviceId, now: Instant) {
        let is_in = |session: &Session| session.device == Some(device);
        self.end_sessions(user, is_in, CloseReason::SignedOut, now);
        self.say_of_users(&Word::SignedOut { user, device });
        self.settle(now);
    }

    pub(super) fn end_sessions(&mut self, user: UserId, which: impl Fn(&Session) -> bool, why: CloseReason, now: Instant) {
        let sessions: Vec<SessionId> = self
            .users
            .get(&user)
            .map(|user| user.sessions.iter().copied().collect())
            .unwrap_or_default();
        for id in sessions {
            let Some(session) = self.sessions.get(&id).filter(|session| which(session)) else {
                continue;
            };
            if let Some(connection) = session.connection() {
                self.close(connection, why, now);
            }
            self.remove_session(id, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories::{ADA, BOB, accept, ada_and_bob, all_go, call, talking};
    use super::super::world::user_id;
    use super::*;
    use crate::signaling::protocol::{Command, LinkWish};
    use crate::signaling::records::News;

    #[test]
    fn whoever_is_forgotten_is_gone_from_calls_and_links_before_the_store_forgets() {
        let (mut world, ada, bob) = talking();
        world.send(
            ada,
            Command::CreateLink {
                room_id: None,
                wish: LinkWish {
                    name: String::new(),
                    passphrase: None,
                    expires_in_s: None,
                    single_use: false,
                    lobby: false,
                },
            },
        );
        world.take(ada);
        world.hub.forget_user(user_id(ADA), world.now);
        world.drain();
        assert_eq!(world.forgotten_users, [user_id(ADA)]);
        assert_eq!(world.browsers[ada].closed, Some(CloseReason::Forgotten));
        assert_eq!(world.told(bob), ["call_ended connection_lost"]);
        assert!(world.hub.links.is_empty());
        assert!(world.resume(ada).is_ok_and(|()| !world.browsers[ada].resumed));
        // That one was too quick for the store.
        let news = News::UserForgotten {
            user: user_id(ADA),
            was_there: Some(true),
        };
        world.hub.handle_news(news, world.now);
        world.drain();
        assert!(!world.hub.users.contains_key(&user_id(ADA)));
        all_go(world);
    }

    #[test]
    fn who_rings_and_who_is_not_here_are_forgotten_too() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        world.send(ada, call(BOB));
        world.hub.forget_user(user_id(BOB), world.now);
        world.hub.forget_user(user_id(77), world.now);
        world.drain();
        assert_eq!(world.told(ada), ["call_ringing", "call_ended unreachable"]);
        assert_eq!(world.browsers[bobs[0]].closed, Some(CloseReason::Forgotten));
        let again = world.open(BOB);
        world.send(ada, call(BOB));
        accept(&mut world, again);
        all_go(world);
    }
}
