//! Checks of a connection in the hub: a room with one session and no call, so that a browser can measure its way to the SFU.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Hub, Timer};
use crate::id::{ParticipantId, RoomId, SessionId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::output::MediaRequest;
use crate::signaling::protocol::Event;
use crate::signaling::room::{Member, Origin, Room, Standing};

/// A check takes about 3 s; what is forgotten ends by itself.
pub(super) const CHECK_LASTS: Duration = Duration::from_secs(15);

impl Hub {
    /// One check per session: another one takes the place of the first.
    pub(super) fn start_check(&mut self, id: SessionId, reference: u32, now: Instant) -> Result<(), Refusal> {
        self.check_takes_new()?;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if !session.checks.take(now) {
            self.count_limit(Limit::Checks);
            return Err(Refusal::rate_limited("too many checks: wait a minute"));
        }
        self.end_check_of(id);
        let room_id = RoomId::from_random(self.rng.next_u64());
        let participant = ParticipantId::from_random(self.rng.next_u64());
        let mut member = Member::new(id, Standing::Ringing, None);
        member.in_sfu = true;
        let mut room = Room::new(Origin::Check);
        room.add(participant, member);
        self.rooms.insert(room_id, room);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.check = Some(room_id);
        }
        self.timers.insert((now + CHECK_LASTS, Timer::EndCheck(room_id)));
        self.ask_sfu(MediaRequest::Admit {
            room: room_id,
            participant,
            receives: true,
        });
        self.tell(id, Some(reference), Event::CheckStarted { room_id });
        Ok(())
    }

    /// Ends the check that a session has, if any.
    pub(super) fn end_check_of(&mut self, session: SessionId) {
        let room = self.sessions.get_mut(&session).and_then(|session| session.check.take());
        if let Some(room) = room {
            self.rooms.remove(&room);
            self.ask_sfu(MediaRequest::CloseRoom { room });
        }
    }

    /// A check has lasted long enough.
    pub(super) fn check_lasted(&mut self, room: RoomId) {
        let members = self.rooms.get(&room).map(|room| &room.members);
        let session = members
            .and_then(|members| members.values().next())
            .map(|member| member.session);
        if let Some(session) = session {
            self.end_check_of(session);
        }
    }
}
