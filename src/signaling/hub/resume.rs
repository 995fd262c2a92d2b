//! What outlives a websocket in the hub, and what outlives the hub: the call that a page comes back to, how a silent websocket is
//! found out, and sessions and answered calls from the store.

use std::time::{Duration, Instant};

use super::{Hub, Timer};
use crate::id::SessionId;
use crate::signaling::call::{Call, State};
use crate::signaling::output::{CloseReason, Fact, Keep, KeptCall, KeptSession, MediaRequest, Output};
use crate::signaling::protocol::CallNow;
use crate::signaling::record::Record;
use crate::signaling::room::{Member, Room};
use crate::signaling::session::{Departure, Session};

/// A timer that comes later than this was held up with the whole process, and so were the commands.
const LATE: Duration = Duration::from_secs(1);

/// What the store has of the time before a restart.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Each with its user's name.
    pub sessions: Vec<(KeptSession, String)>,
    /// Each with how long ago it was answered.
    pub calls: Vec<(KeptCall, Duration)>,
}

impl Hub {
    /// Takes up what there was before the server was started again. To be called first.
    pub fn restore(&mut self, restored: Restored, now: Instant) {
        let grace = self.config.resume_grace;
        for (kept, name) in restored.sessions {
            let session = Session::restored(kept.user, kept.secret_hash, grace, now);
            if self.sessions.insert(kept.session, session).is_none() {
                self.user(kept.user, &name).sessions.insert(kept.session);
                self.wait_for(kept.session, now, grace);
            }
        }
        for (kept, lasted) in restored.calls {
            if !self.restore_call(&kept, lasted, now) {
                self.outputs.push_back(Output::Keep(Keep::ForgetCall(kept.call)));
            }
        }
        let (sessions, calls) = (self.sessions.len(), self.calls.len());
        self.outputs.push_back(Output::Count(Fact::Restored { sessions, calls }));
    }

    /// Whether both participants have a session to come back to, and no other call.
    fn restore_call(&mut self, kept: &KeptCall, lasted: Duration, now: Instant) -> bool {
        let ((caller, _), (callee, _)) = (kept.caller, kept.callee);
        let free = |session: SessionId| self.sessions.get(&session).filter(|s| s.call.is_none()).map(|s| s.user);
        let (Some(caller_user), Some(callee_user)) = (free(caller), free(callee)) else {
            return false;
        };
        if caller == callee || self.calls.contains_key(&kept.call) || self.rooms.contains_key(&kept.room) {
            return false;
        }
        let since = now.checked_sub(lasted).unwrap_or(now);
        let call = Call {
            id: kept.call,
            room: kept.room,
            caller,
            caller_user,
            callee_user,
            caller_through_server: !kept.direct,
            started: since,
            record: Record::default(),
            state: State::Answered {
                since,
                callee,
                direct: kept.direct,
            },
        };
        self.calls.insert(kept.call, call);
        self.answered += 1;
        let mut room = Room::new(Some(kept.call));
        for (session, participant) in [kept.caller, kept.callee] {
            let mut member = Member::new(session);
            member.in_sfu = true;
            member.has_reported = true;
            room.members.insert(participant, member);
            self.ask_sfu(MediaRequest::Admit {
                room: kept.room,
                participant,
            });
            if let Some(session) = self.sessions.get_mut(&session) {
                session.call = Some(kept.call);
            }
        }
        self.rooms.insert(kept.room, room);
        for user in [caller_user, callee_user] {
            if let Some(user) = self.users.get_mut(&user) {
                user.calls.insert(kept.call);
            }
        }
        true
    }

    /// The call that a session has, as a page has to know it that knows nothing.
    pub(super) fn call_now(&self, id: SessionId, now: Instant) -> Option<CallNow> {
        let call = self.calls.get(&self.sessions.get(&id)?.call?)?;
        let room = self.rooms.get(&call.room)?;
        let participant_id = room.participant(id)?;
        let attempt = room.members.get(&participant_id)?.attempt();
        let (call_id, room_id) = (call.id, call.room);
        let outgoing = call.caller == id;
        let user = self.user_info(if outgoing { call.callee_user } else { call.caller_user });
        let ms = |long: Duration| u32::try_from(long.as_millis()).unwrap_or(u32::MAX);
        let rang_ms = ms(now.saturating_duration_since(call.started));
        Some(match &call.state {
            State::Ringing { .. } if outgoing => CallNow::RingingOut {
                call_id,
                room_id,
                user,
                elapsed_ms: rang_ms,
                attempt,
            },
            State::Ringing { .. } => CallNow::Incoming {
                call_id,
                room_id,
                user,
                elapsed_ms: rang_ms,
                attempt,
            },
            State::Answered { direct, .. } => CallNow::Answered {
                call_id,
                room_id,
                user,
                elapsed_ms: ms(call.lasted(now)),
                attempt,
                generation: room.generation,
                outgoing,
                participant_id,
                participants: self.others_in(room_id, participant_id),
                direct: *direct,
                polite: !outgoing,
                room: self.room_info(room_id),
                host: self.is_host(id),
            },
        })
    }

    pub(super) fn is_in_answered(&self, id: SessionId) -> bool {
        let call = self.sessions.get(&id).and_then(|session| self.calls.get(&session.call?));
        call.is_some_and(Call::is_answered)
    }

    /// From here on the browser of a session in a call is to be heard often.
    pub(super) fn watch(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.heard = now;
        if session.call.is_some() && session.connection().is_some() && !std::mem::replace(&mut session.watched, true) {
            self.timers.insert((now + self.config.call_silence, Timer::Silence(id)));
        }
    }

    /// One timer for each session in a call, which looks again when the last word is old enough.
    pub(super) fn check_silence(&mut self, id: SessionId, due: Instant, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.watched = false;
        let Some(connection) = session.connection().filter(|_| session.call.is_some()) else {
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
