//! One invitation from ringing to its end: who may do what in which state.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::limits::Refusal;
use super::protocol::EndReason;
use super::record::Record;
use crate::id::{CallId, RoomId, SessionId, UserId};

/// A live call. An ended one is not kept.
#[derive(Debug)]
pub struct Call {
    pub id: CallId,
    pub room: RoomId,
    pub caller: SessionId,
    pub caller_user: UserId,
    pub callee_user: UserId,
    pub kind: Kind,
    pub started: Instant,
    /// Since the answer, or since the server's start.
    pub record: Record,
    pub state: State,
}

/// Where a call leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Into a room of its own, which both enter at the answer.
    Pair,
    /// Into the room that the caller is in by other means.
    Invitation,
}

/// Where a call is, with what ends that by itself.
#[derive(Debug)]
pub enum State {
    Ringing {
        until: Instant,
        /// The callee's sessions; never empty.
        at: BTreeSet<SessionId>,
    },
    Answered {
        since: Instant,
        /// Who came into the room by it and is there still; never empty.
        inside: BTreeSet<SessionId>,
    },
}

/// A wish to end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    Decline,
    Cancel,
    HangUp,
}

const NO_SUCH_CALL: Refusal = Refusal {
    code: super::protocol::ErrorCode::NotAllowed,
    message: "there is no such call at this session",
};

impl Call {
    /// The first to accept has the call. Returns the sessions that rang in vain.
    pub fn accept(&mut self, session: SessionId, now: Instant) -> Result<BTreeSet<SessionId>, Refusal> {
        match &mut self.state {
            State::Ringing { at, .. } if at.contains(&session) => {
                let mut others = std::mem::take(at);
                others.remove(&session);
                let mut inside = BTreeSet::from([session]);
                match self.kind {
                    Kind::Pair => inside.insert(self.caller),
                    Kind::Invitation => false,
                };
                self.state = State::Answered { since: now, inside };
                Ok(others)
            }
            State::Ringing { .. } | State::Answered { .. } => Err(NO_SUCH_CALL),
        }
    }

    /// Which end this session's wish makes, if it may have it.
    pub fn farewell(&self, session: SessionId, wish: Farewell) -> Result<EndReason, Refusal> {
        match (&self.state, wish) {
            (State::Ringing { at, .. }, Farewell::Decline) if at.contains(&session) => Ok(EndReason::Declined),
            (State::Ringing { .. }, Farewell::Cancel) if session == self.caller => Ok(EndReason::Cancelled),
            (State::Answered { inside, .. }, Farewell::HangUp) if inside.contains(&session) => Ok(EndReason::HungUp),
            // The answer crossed the caller's wish on the wire: a microphone must not stay open for it. Whoever was invited is in a room
            // of several, and is not theirs to send away.
            (State::Answered { inside, .. }, Farewell::Cancel) if session == self.caller && inside.contains(&session) => {
                Ok(EndReason::HungUp)
            }
            (State::Ringing { .. }, Farewell::Decline | Farewell::Cancel | Farewell::HangUp)
            | (State::Answered { .. }, Farewell::Decline | Farewell::Cancel | Farewell::HangUp) => Err(NO_SUCH_CALL),
        }
    }

    /// Which end, if any, it makes that a session is gone for good. While others ring on, it only stops to ring there.
    pub fn forget(&mut self, session: SessionId) -> Option<EndReason> {
        match &mut self.state {
            State::Ringing { .. } if session == self.caller => Some(EndReason::Cancelled),
            State::Ringing { at, .. } => {
                at.remove(&session);
                at.is_empty().then_some(EndReason::Unreachable)
            }
            State::Answered { inside, .. } if inside.contains(&session) => Some(EndReason::ConnectionLost),
            State::Answered { .. } => None,
        }
    }

    pub fn rings_at(&self, session: SessionId) -> bool {
        match &self.state {
            State::Ringing { at, .. } => at.contains(&session),
            State::Answered { .. } => false,
        }
    }

    /// Whether a session has part in the call.
    pub fn involves(&self, session: SessionId) -> bool {
        match &self.state {
            State::Ringing { at, .. } => session == self.caller || at.contains(&session),
            State::Answered { inside, .. } => inside.contains(&session),
        }
    }

    /// Every session that has part in the call, the caller's first.
    pub fn involved(&self) -> Vec<SessionId> {
        let sessions = match &self.state {
            State::Ringing { at, .. } => at,
            State::Answered { inside, .. } => inside,
        };
        let caller = Some(self.caller).filter(|caller| self.involves(*caller));
        let others = sessions.iter().copied().filter(|session| *session != self.caller);
        caller.into_iter().chain(others).collect()
    }

    /// Until when it rings, if it does.
    pub fn rings_until(&self) -> Option<Instant> {
        match &self.state {
            State::Ringing { until, .. } => Some(*until),
            State::Answered { .. } => None,
        }
    }

    pub fn is_answered(&self) -> bool {
        match &self.state {
            State::Ringing { .. } => false,
            State::Answered { .. } => true,
        }
    }

    /// Since the answer; 0 while it rings.
    pub fn lasted(&self, now: Instant) -> Duration {
        match &self.state {
            State::Ringing { .. } => Duration::ZERO,
            State::Answered { since, .. } => now.saturating_duration_since(*since),
        }
    }
}

/// To every call that is not, or is not this session's: a stranger cannot tell which.
pub(super) fn no_such_call() -> Refusal {
    NO_SUCH_CALL
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    const CALLER: u64 = 1;
    const PHONE: u64 = 2;
    const LAPTOP: u64 = 3;
    const STRANGER: u64 = 4;

    fn id(number: u64) -> SessionId {
        SessionId::from_random(number)
    }

    fn ringing() -> Call {
        let now = Instant::now();
        Call {
            id: CallId::from_random(1),
            room: RoomId::from_random(1),
            caller: id(CALLER),
            caller_user: UserId::from_random(1),
            callee_user: UserId::from_random(2),
            kind: Kind::Pair,
            started: now,
            record: Record::default(),
            state: State::Ringing {
                until: now + Duration::from_secs(45),
                at: BTreeSet::from([id(PHONE), id(LAPTOP)]),
            },
        }
    }

    fn answered() -> Call {
        let mut call = ringing();
        let others = call.accept(id(PHONE), call.started).expect("it rings there");
        assert_eq!(others, BTreeSet::from([id(LAPTOP)]));
        call
    }

    #[test]
    fn who_may_end_a_call_and_how() {
        use EndReason::{Cancelled, Declined, HungUp};
        use Farewell::{Cancel, Decline, HangUp};
        type Row = (u64, Farewell, Option<EndReason>, Option<EndReason>);
        #[rustfmt::skip]
        let rows: [Row; 12] = [
            // who,     wish,    while it rings,  answered by the phone
            (CALLER,   Decline, None,            None),
            (CALLER,   Cancel,  Some(Cancelled), Some(HungUp)),
            (CALLER,   HangUp,  None,            Some(HungUp)),
            (PHONE,    Decline, Some(Declined),  None),
            (PHONE,    Cancel,  None,            None),
            (PHONE,    HangUp,  None,            Some(HungUp)),
            (LAPTOP,   Decline, Some(Declined),  None),
            (LAPTOP,   Cancel,  None,            None),
            (LAPTOP,   HangUp,  None,            None),
            (STRANGER, Decline, None,            None),
            (STRANGER, Cancel,  None,            None),
            (STRANGER, HangUp,  None,            None),
        ];
        for (who, wish, rings, talks) in rows {
            assert_eq!(ringing().farewell(id(who), wish).ok(), rings, "{who} {wish:?} while it rings");
            assert_eq!(answered().farewell(id(who), wish).ok(), talks, "{who} {wish:?} when answered");
        }
    }

    #[test]
    fn only_a_session_where_it_rings_accepts_and_only_once() {
        for who in [CALLER, STRANGER] {
            assert!(ringing().accept(id(who), Instant::now()).is_err());
        }
        for who in [CALLER, PHONE, LAPTOP, STRANGER] {
            assert!(answered().accept(id(who), Instant::now()).is_err());
        }
    }

    #[test]
    fn an_invitation_that_was_answered_is_the_callee_s_alone() {
        let mut call = ringing();
        call.kind = Kind::Invitation;
        assert_eq!(call.farewell(id(CALLER), Farewell::Cancel).ok(), Some(EndReason::Cancelled));
        call.accept(id(PHONE), call.started).expect("it rings there");
        assert_eq!(call.involved(), [id(PHONE)]);
        for wish in [Farewell::Cancel, Farewell::HangUp] {
            assert!(call.farewell(id(CALLER), wish).is_err());
        }
        assert_eq!(call.farewell(id(PHONE), Farewell::HangUp).ok(), Some(EndReason::HungUp));
    }

    #[test]
    fn a_session_that_is_gone_ends_what_cannot_go_on() {
        assert_eq!(ringing().forget(id(CALLER)), Some(EndReason::Cancelled));
        assert_eq!(ringing().forget(id(STRANGER)), None);
        let mut call = ringing();
        assert_eq!(call.forget(id(PHONE)), None);
        assert_eq!(call.forget(id(LAPTOP)), Some(EndReason::Unreachable));
        assert_eq!(answered().forget(id(CALLER)), Some(EndReason::ConnectionLost));
        assert_eq!(answered().forget(id(PHONE)), Some(EndReason::ConnectionLost));
        assert_eq!(answered().forget(id(LAPTOP)), None);
    }

    #[test]
    fn only_a_ringing_call_rings_out() {
        let call = ringing();
        assert_eq!(call.rings_until(), Some(call.started + Duration::from_secs(45)));
        let call = answered();
        assert_eq!(call.rings_until(), None);
    }
}
