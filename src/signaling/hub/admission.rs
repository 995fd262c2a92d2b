//! What the hub takes on: all that comes, or nothing new while the server is drained for a restart or has too much to do.

use super::Hub;
use crate::id::{LinkId, SessionId};
use crate::signaling::limits::Refusal;
use crate::signaling::output::Running;
use crate::signaling::protocol::Event;
use crate::signaling::room::Room;

impl Hub {
    /// While draining, no call, room or check begins, and nobody comes into a room who was not in it before. What runs goes on, and
    /// sessions come and go as ever: they last beyond the restart.
    pub fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// While the server has too much to do, it takes nothing new, as while it is drained.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.overloaded = overloaded;
    }

    /// What still runs.
    pub fn running(&self) -> Running {
        Running {
            draining: self.draining,
            calls: self.rooms.values().filter(|room| self.is_lively(room)).count() + self.calls_abroad(),
            participants: self.present,
        }
    }

    /// Whether any call rings or is answered, or people are together in a room.
    pub fn has_calls(&self) -> bool {
        self.rooms.values().any(|room| self.is_lively(room)) || self.calls_abroad() > 0
    }

    /// Calls of sessions of this node that other nodes have: they end with the home, too.
    fn calls_abroad(&self) -> usize {
        self.sessions.values().filter(|session| session.abroad.is_some()).count()
    }

    /// Tells every browser that the server goes, right before it does. Encoders and players do not outlive it: they begin anew.
    pub fn announce_stop(&mut self, now: std::time::Instant) {
        let (unattended, everyone): (Vec<SessionId>, Vec<SessionId>) =
            self.sessions.keys().partition(|id| self.sessions[id].unattended);
        for session in unattended {
            self.remove_session(session, now);
        }
        for session in everyone {
            self.tell(session, None, Event::ServerStopping {});
        }
        self.settle(now);
    }

    /// Whether calls, rooms and joins are refused.
    pub fn takes_nothing_new(&self) -> bool {
        self.draining || self.overloaded
    }

    pub(super) fn check_takes_new(&self) -> Result<(), Refusal> {
        match (self.draining, self.overloaded) {
            (true, _) => Err(Refusal::shutting_down()),
            (false, true) => Err(Refusal::overloaded()),
            (false, false) => Ok(()),
        }
    }

    /// Whoever lost their way out of a room that runs finds back into it.
    pub(super) fn check_takes_joins(&self, id: SessionId, link: LinkId) -> Result<(), Refusal> {
        let user = self.sessions.get(&id).map(|session| session.user);
        let room = self.links.get(&link).and_then(|link| link.room);
        let comes_back = room.zip(user).is_some_and(|(room, user)| {
            self.rooms
                .get(&room)
                .is_some_and(|room| room.present_count() > 0 && room.was_in(user))
        });
        if comes_back { Ok(()) } else { self.check_takes_new() }
    }

    /// Somebody would notice its end. Encoders and players never hang up by themselves, so nothing waits for them.
    fn is_lively(&self, room: &Room) -> bool {
        let rings = room
            .members
            .values()
            .any(|member| member.call.is_some_and(|call| self.calls.contains_key(&call)));
        let attended = |&(_, session): &(_, SessionId)| self.sessions.get(&session).is_some_and(|s| !s.unattended);
        rings
            || !room.invitations.is_empty()
            || (room.present_count() > 1 && room.present().iter().filter(|p| attended(p)).count() > 1)
    }
}
