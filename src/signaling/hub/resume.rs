//! What outlives a websocket in the hub: the call or room that a page comes back to, and how a silent websocket is found out.

use std::time::{Duration, Instant};

use super::{Hub, Timer};
use crate::id::SessionId;
use crate::signaling::output::{CloseReason, Output};
use crate::signaling::protocol::CallNow;
use crate::signaling::room::Standing;
use crate::signaling::session::Departure;

/// A timer that comes later than this was held up with the whole process, and so were the commands.
const LATE: Duration = Duration::from_secs(1);

impl Hub {
    /// The call or room that a session has, as a page has to know it that knows nothing.
    pub(super) fn call_now(&self, id: SessionId, now: Instant) -> Option<CallNow> {
        let session = self.sessions.get(&id)?;
        if session.abroad.is_some() {
            return self.call_abroad(id, now);
        }
        let room_id = session.room?;
        let room = self.rooms.get(&room_id)?;
        let participant_id = room.participant(id)?;
        let member = room.members.get(&participant_id)?;
        let ms = |long: Duration| u32::try_from(long.as_millis()).unwrap_or(u32::MAX);
        let since = match member.standing {
            Standing::Ringing => return self.ringing_now(id, member.attempt(), now),
            Standing::Waiting => {
                let room = self.room_info(room_id);
                return Some(CallNow::Waiting { room, participant_id });
            }
            Standing::Present { since } => since,
        };
        let (attempt, generation) = (member.attempt(), room.generation);
        let participants = self.others_in(room_id, participant_id);
        let (direct, polite, host) = (room.direct, room.is_polite(participant_id), member.host);
        let invitations = self.invitations_of(id, room_id);
        let Some(call) = session.call.and_then(|call| self.calls.get(&call)) else {
            return Some(CallNow::Joined {
                room: self.room_info(room_id),
                elapsed_ms: ms(now.saturating_duration_since(since)),
                attempt,
                generation,
                participant_id,
                participants,
                direct,
                polite,
                host,
                invitations,
            });
        };
        let outgoing = call.caller == id;
        Some(CallNow::Answered {
            call_id: call.id,
            room_id,
            user: self.user_info(if outgoing { call.callee_user } else { call.caller_user }),
            elapsed_ms: ms(call.lasted(now)),
            attempt,
            generation,
            outgoing,
            participant_id,
            participants,
            direct,
            polite,
            room: self.room_info(room_id),
            host,
            invitations,
        })
    }

    fn ringing_now(&self, id: SessionId, attempt: u32, now: Instant) -> Option<CallNow> {
        let call = self.calls.get(&self.sessions.get(&id)?.call?)?;
        let (call_id, room_id) = (call.id, call.room);
        let rang = now.saturating_duration_since(call.started);
        let elapsed_ms = u32::try_from(rang.as_millis()).unwrap_or(u32::MAX);
        Some(if call.caller == id {
            CallNow::RingingOut {
                call_id,
                room_id,
                user: self.user_info(call.callee_user),
                elapsed_ms,
                attempt,
            }
        } else {
            CallNow::Incoming {
                call_id,
                room_id,
                user: self.user_info(call.caller_user),
                elapsed_ms,
                attempt,
            }
        })
    }

    /// Whether it is in a room, or waits to be let in.
    pub(super) fn is_in_room(&self, id: SessionId) -> bool {
        if self.is_inside_abroad(id) {
            return true;
        }
        let room = self.room_of(id).and_then(|room| self.rooms.get(&room));
        room.is_some_and(|room| {
            let member = room.members.values().find(|member| member.session == id);
            member.is_some_and(|member| member.standing != Standing::Ringing)
        })
    }

    /// From here on the browser of a session in a call or a room is to be heard often.
    pub(super) fn watch(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.home.is_some() {
            // Its home listens.
            return;
        }
        session.heard = now;
        if session.has_call() && session.connection().is_some() && !std::mem::replace(&mut session.watched, true) {
            self.timers.insert((now + self.config.call_silence, Timer::Silence(id)));
        }
    }

    /// One timer for each such session, which looks again when the last word is old enough.
    pub(super) fn check_silence(&mut self, id: SessionId, due: Instant, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.watched = false;
        let Some(connection) = session.connection().filter(|_| session.has_call()) else {
            return;
        };
        if now.saturating_duration_since(due) > LATE {
            session.heard = now;
        }
        let until = session.heard + self.config.call_silence;
        if until > now {
            session.watched = true;
            self.timers.insert((until, Timer::Silence(id)));
            return;
        }
        self.detach(connection, Departure::Silent, now);
        let why = CloseReason::Silent;
        self.outputs.push_back(Output::Close { connection, why });
    }
}
