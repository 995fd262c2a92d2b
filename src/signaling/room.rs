//! Where participants meet: who is in it, with which tracks, and where each one's forwarded connection stands.

use std::collections::{BTreeMap, VecDeque};

use super::limits::{OFFERS_PENDING_MAX, Refusal};
use crate::id::{CallId, ParticipantId, SessionId, Source};

/// Made when its call begins to ring, so that forwarded connections can be made before the answer; or for a check.
#[derive(Debug)]
pub struct Room {
    /// None where one session checks its connection.
    pub call: Option<CallId>,
    /// Everyone who is in it or may come in: the caller, and the sessions where the call rings or that answered it.
    pub members: BTreeMap<ParticipantId, Member>,
    /// The latest direct connection that was negotiated through the hub (0: none).
    pub generation: u32,
}

/// A session in a room.
#[derive(Debug)]
pub struct Member {
    pub session: SessionId,
    /// The tracks that are on.
    pub sources: Vec<Source>,
    /// Whether the others were told that its websocket is gone.
    pub reconnecting: bool,
    /// Whether it has said which path brought it the first media.
    pub has_reported: bool,
    /// Whether the SFU was told of it, and has to be told when it goes.
    pub in_sfu: bool,
    /// Its latest forwarded connection (0: it has made none).
    attempt: u32,
    /// (attempt, `ref`) of the offers that the SFU has not answered, in order.
    pending: VecDeque<(u32, u32)>,
}

impl Room {
    pub fn new(call: Option<CallId>) -> Room {
        Room {
            call,
            members: BTreeMap::new(),
            generation: 0,
        }
    }

    /// Which participant a session is.
    pub fn participant(&self, session: SessionId) -> Option<ParticipantId> {
        let mut members = self.members.iter();
        members.find(|(_, m)| m.session == session).map(|(&id, _)| id)
    }

    /// Everybody except one.
    pub fn others(&self, than: ParticipantId) -> Vec<(ParticipantId, SessionId)> {
        let others = self.members.iter().filter(|(id, _)| **id != than);
        others.map(|(&id, m)| (id, m.session)).collect()
    }
}

impl Member {
    pub fn new(session: SessionId) -> Member {
        Member {
            session,
            sources: Vec::new(),
            reconnecting: false,
            has_reported: false,
            in_sfu: false,
            attempt: 0,
            pending: VecDeque::new(),
        }
    }

    /// Takes note of an offer that goes to the SFU.
    pub fn offer(&mut self, attempt: u32, reference: u32) -> Result<(), Refusal> {
        if attempt == 0 || attempt < self.attempt {
            return Err(Refusal::bad_command("attempts count from 1, and never back"));
        }
        if attempt > self.attempt {
            self.attempt = attempt;
            self.pending.clear();
        }
        if self.pending.len() >= OFFERS_PENDING_MAX {
            return Err(Refusal::rate_limited("too many offers wait for their answer"));
        }
        self.pending.push_back((attempt, reference));
        Ok(())
    }

    /// The `ref` of the oldest offer of this attempt that waits; none where the answer came too late to matter.
    pub fn answered(&mut self, attempt: u32) -> Option<u32> {
        match self.pending.front() {
            Some(&(first, reference)) if first == attempt => {
                self.pending.pop_front();
                Some(reference)
            }
            Some(_) | None => None,
        }
    }

    /// The SFU gave up an attempt: its offers will not be answered. Whether that is the latest attempt.
    pub fn lost(&mut self, attempt: u32) -> bool {
        self.pending.retain(|&(a, _)| a != attempt);
        self.is_latest(attempt)
    }

    /// Its latest forwarded connection (0: it has made none).
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    pub fn is_latest(&self, attempt: u32) -> bool {
        self.attempt == attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member::new(SessionId::from_random(1))
    }

    #[test]
    fn answers_go_to_the_offers_in_their_order() {
        let mut m = member();
        m.offer(1, 10).expect("the first");
        m.offer(1, 11).expect("a renegotiation");
        assert_eq!((m.answered(1), m.answered(1), m.answered(1)), (Some(10), Some(11), None));
    }

    #[test]
    fn a_higher_attempt_replaces_the_one_before() {
        let mut m = member();
        m.offer(1, 10).expect("the first");
        m.offer(3, 11).expect("a higher one");
        assert_eq!(m.answered(1), None, "too late");
        assert!(!m.lost(1) && m.lost(3));
        assert_eq!(m.answered(3), None, "given up");
        assert!(m.offer(2, 12).is_err(), "attempts never count back");
        assert!(m.offer(0, 12).is_err());
    }

    #[test]
    fn offers_that_wait_are_bounded() {
        let mut m = member();
        for reference in 0..OFFERS_PENDING_MAX as u32 {
            m.offer(1, reference).expect("within the limit");
        }
        assert!(m.offer(1, 99).is_err());
        m.offer(2, 100).expect("a higher attempt starts afresh");
    }
}
