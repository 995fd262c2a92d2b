//! Where participants meet: who is in it or may come in, with which tracks, and where each one's forwarded connection stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::limits::{GUESTS_MAX, OFFERS_PENDING_MAX, Refusal};
use super::protocol::Measured;
use super::record::PathChange;
use crate::id::{CallId, LinkId, ParticipantId, SessionId, Source, UserId};

/// Made when its call begins to ring, so that forwarded connections can be made before the answer; when somebody joins by its link; or
/// for a check.
#[derive(Debug)]
pub struct Room {
    pub origin: Origin,
    /// Empty where it has none.
    pub name: String,
    /// By which more people may come in.
    pub link: Option<LinkId>,
    /// Nobody comes in by the link any more.
    pub locked: bool,
    /// Those who come by the link wait to be admitted.
    pub lobby: bool,
    /// Everyone who is in it or may come in.
    pub members: BTreeMap<ParticipantId, Member>,
    /// The calls that ring somebody into it while it is there.
    pub invitations: BTreeSet<CallId>,
    /// Whom a host took out, and the link does not let in again.
    pub removed: BTreeSet<UserId>,
    /// Who is or was in it.
    guests: BTreeSet<UserId>,
    /// Those of them whose page went while they were in it.
    pub lost: BTreeSet<UserId>,
    /// Whether the two that are in it may be connected directly.
    pub direct: bool,
    /// The latest direct connection that was negotiated through the hub since `direct` became true (0: none).
    pub generation: u32,
    /// Since when it has been no more than two, after it was more.
    pub shrunk: Option<Instant>,
    /// Who speaks, loudest first.
    pub speakers: Vec<ParticipantId>,
    /// The last place in the order of coming.
    last_place: u64,
    /// The last place in the order of raised hands.
    last_hand: u32,
}

/// How a room came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One session checks its connection.
    Check,
    /// By a call between two, which ends with whoever is left alone in it.
    Call,
    /// By a link: one alone may stay in it.
    Link,
}

/// A session in a room.
#[derive(Debug)]
pub struct Member {
    pub session: SessionId,
    pub standing: Standing,
    /// The call that it came by, or that rings at it; none: it came by the link, or checks its connection.
    pub call: Option<CallId>,
    /// Where it is in the order of coming.
    pub place: u64,
    /// May mute, remove, admit and lock.
    pub host: bool,
    /// Whether it wants no direct path.
    pub through_server: bool,
    /// Its place in the order of raised hands.
    pub hand: Option<u32>,
    /// The tracks that are on.
    pub sources: Vec<Source>,
    /// Whether the others were told that its websocket is gone.
    pub reconnecting: bool,
    /// Whether it has said which path brought it the first media.
    pub has_reported: bool,
    /// What it said last of its path.
    pub path: Option<PathChange>,
    /// What it measured last.
    pub measured: Option<Measured>,
    /// Whether the SFU was told of it, and has to be told when it goes.
    pub in_sfu: bool,
    /// Its latest forwarded connection (0: it has made none).
    attempt: u32,
    /// (attempt, `ref`) of the offers that the SFU has not answered, in order.
    pending: VecDeque<(u32, u32)>,
}

/// How far in a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A call rings at it, or it made the call.
    Ringing,
    /// In the lobby.
    Waiting,
    /// A participant.
    Present { since: Instant },
}

impl Standing {
    pub fn is_present(self) -> bool {
        match self {
            Standing::Present { .. } => true,
            Standing::Ringing | Standing::Waiting => false,
        }
    }
}

impl Room {
    pub fn new(origin: Origin) -> Room {
        Room {
            origin,
            name: String::new(),
            link: None,
            locked: false,
            lobby: false,
            members: BTreeMap::new(),
            invitations: BTreeSet::new(),
            removed: BTreeSet::new(),
            guests: BTreeSet::new(),
            lost: BTreeSet::new(),
            direct: false,
            generation: 0,
            shrunk: None,
            speakers: Vec::new(),
            last_place: 0,
            last_hand: 0,
        }
    }

    /// Which participant a session is.
    pub fn participant(&self, session: SessionId) -> Option<ParticipantId> {
        let mut members = self.members.iter();
        members.find(|(_, m)| m.session == session).map(|(&id, _)| id)
    }

    /// Takes a session in, after all that came before.
    pub fn add(&mut self, participant: ParticipantId, mut member: Member) {
        self.last_place = self.last_place.max(member.place);
        if member.place == 0 {
            self.last_place += 1;
            member.place = self.last_place;
        }
        self.members.insert(participant, member);
    }

    pub fn note_guest(&mut self, user: Option<UserId>) {
        if self.guests.len() < GUESTS_MAX {
            self.guests.extend(user);
        }
    }

    /// A guest's page went; or they are back, or left.
    pub fn note_lost(&mut self, user: Option<UserId>, lost: bool) {
        let Some(user) = user else { return };
        if lost && self.guests.contains(&user) {
            self.lost.insert(user);
        } else {
            self.lost.remove(&user);
        }
    }

    pub fn was_in(&self, user: UserId) -> bool {
        self.guests.contains(&user)
    }

    /// The participants, in the order of coming.
    pub fn present(&self) -> Vec<(ParticipantId, SessionId)> {
        self.standing(Standing::is_present)
    }

    pub fn present_count(&self) -> usize {
        self.members.values().filter(|m| m.standing.is_present()).count()
    }

    /// The participants except one, in the order of coming.
    pub fn others(&self, than: ParticipantId) -> Vec<(ParticipantId, SessionId)> {
        let mut others = self.present();
        others.retain(|(id, _)| *id != than);
        others
    }

    /// Who waits in the lobby, in the order of coming.
    pub fn waiting(&self) -> Vec<(ParticipantId, SessionId)> {
        self.standing(|standing| standing == Standing::Waiting)
    }

    fn standing(&self, which: impl Fn(Standing) -> bool) -> Vec<(ParticipantId, SessionId)> {
        let mut found: Vec<_> = self.members.iter().filter(|(_, m)| which(m.standing)).collect();
        found.sort_unstable_by_key(|(_, m)| m.place);
        found.iter().map(|(id, m)| (**id, m.session)).collect()
    }

    /// Whether the two in it may be connected directly: there are two, and neither minds.
    pub fn may_be_direct(&self) -> bool {
        let mut count = 0;
        let nobody_minds = self.members.values().filter(|m| m.standing.is_present()).all(|m| {
            count += 1;
            !m.through_server
        });
        count == 2 && nobody_minds
    }

    /// This one's role in perfect negotiation: whoever was there before offers.
    pub fn is_polite(&self, participant: ParticipantId) -> bool {
        self.present().first().is_none_or(|(first, _)| *first != participant)
    }

    pub fn has_host(&self) -> bool {
        self.members.values().any(|m| m.host && m.standing.is_present())
    }

    pub fn is_host(&self, participant: ParticipantId) -> bool {
        self.members.get(&participant).is_some_and(|m| m.host)
    }

    /// Whether it goes on without this one: with two or more; with one who came by the link, or to whom somebody may yet come.
    pub fn outlasts(&self, leaver: Option<ParticipantId>) -> bool {
        let mut rest = self
            .members
            .iter()
            .filter(|(id, m)| Some(**id) != leaver && m.standing.is_present());
        match (rest.next(), rest.next()) {
            (None, _) => false,
            (Some(_), Some(_)) => true,
            (Some((_, last)), None) => match self.origin {
                Origin::Call => last.call.is_none() || !self.invitations.is_empty() || !self.waiting().is_empty(),
                Origin::Link | Origin::Check => true,
            },
        }
    }

    /// Raises a hand after all that are up, or takes it down. Whether that changed anything.
    pub fn raise_hand(&mut self, participant: ParticipantId, raised: bool) -> bool {
        if self.members.values().all(|m| m.hand.is_none()) {
            self.last_hand = 0;
        }
        let Some(member) = self.members.get_mut(&participant) else {
            return false;
        };
        if member.hand.is_some() == raised {
            return false;
        }
        member.hand = raised.then(|| {
            self.last_hand = self.last_hand.saturating_add(1);
            self.last_hand
        });
        true
    }
}

impl Member {
    pub fn new(session: SessionId, standing: Standing, call: Option<CallId>) -> Member {
        Member {
            session,
            standing,
            call,
            place: 0,
            host: false,
            through_server: false,
            hand: None,
            sources: Vec::new(),
            reconnecting: false,
            has_reported: false,
            path: None,
            measured: None,
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
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn member() -> Member {
        Member::new(SessionId::from_random(1), Standing::Ringing, None)
    }

    #[test]
    fn direct_needs_two_and_that_neither_minds() {
        for (caller, callee, third, direct) in [
            (false, Some(false), None, true),
            (true, Some(false), None, false),
            (false, Some(true), None, false),
            (true, Some(true), None, false),
            (false, None, None, false),
            (false, Some(false), Some(false), false),
        ] {
            let mut room = Room::new(Origin::Check);
            for (n, through_server) in [Some(caller), callee, third].into_iter().flatten().enumerate() {
                let since = Instant::now();
                let mut member = Member::new(SessionId::from_random(n as u64), Standing::Present { since }, None);
                member.through_server = through_server;
                room.add(ParticipantId::from_random(n as u64), member);
            }
            assert_eq!(room.may_be_direct(), direct);
        }
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
