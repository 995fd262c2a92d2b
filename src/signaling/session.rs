//! One open browser tab: who it is, which websocket it has, and the events that it may have missed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::limits::{
    CHANGES_BURST, CHANGES_PER_S, CHECKS_MAX, COMMANDS_BURST, COMMANDS_PER_S, FILES_BURST, FILES_PER_S, JOINS_MAX,
    MESSAGES_BURST, MESSAGES_PER_S, MISSES_MAX, RATE_REFUSALS_MAX, REACTIONS_BURST, REACTIONS_PER_S, REPORTS_BURST,
    REPORTS_PER_S, SESSION_ATTEMPTS_MAX, TokenBucket,
};
use super::nodes::{Abroad, Home};
use super::protocol::{DirectSignal, Event, EventFrame, LinkWish};
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, DeviceId, LinkId, RoomId, UserId};

/// Events kept for a resume: a call's whole negotiation is about fifty.
pub const REPLAY_EVENTS_MAX: usize = 256;

/// The same in bytes, because a session description may be long and comes from another browser.
pub const REPLAY_BYTES_MAX: usize = 1024 * 1024;

/// What an event weighs besides what can be long in it; and each thing in a list.
const EVENT_BYTES: usize = 256;

/// A session, whether or not its websocket is there.
#[derive(Debug)]
pub struct Session {
    pub user: UserId,
    /// SHA-256 of what proves this session at a resume.
    pub secret_hash: [u8; 32],
    pub attachment: Attachment,
    /// `ref` of the last command that was taken.
    pub last_ref: u32,
    /// What the websocket that it has, or had last, was counted as by its page.
    pub tries: u32,
    /// Whether the browser runs on this machine.
    pub loopback: bool,
    /// Where it is, as far as that tells people apart.
    pub address: Option<IpAddr>,
    /// Nobody is at it: it is never a host.
    pub unattended: bool,
    /// The browser that was signed in, where it was by a provider or by another browser of the user.
    pub device: Option<DeviceId>,
    /// Which browser it is, as far as it says.
    pub browser: String,
    pub grants: Grants,
    /// Nobody looks at its page.
    pub away: bool,
    /// The one live call that this session made, that rings here, or that brought it into its room.
    pub call: Option<CallId>,
    /// The room that it is in, or may come into: it rings here, or the lobby has it.
    pub room: Option<RoomId>,
    /// The room in which it checks its connection.
    pub check: Option<RoomId>,
    /// It calls somebody who may be on another node, and waits for the answers of the nodes.
    pub seeking: Option<CallId>,
    /// It has its call on another node.
    pub abroad: Option<Box<Abroad>>,
    /// It is a visitor here: its websocket is on another node.
    pub home: Option<Home>,
    /// How often its room went to another node, which is to its page as if the server had been started again.
    pub runs: u32,
    pub started: Instant,
    /// When the browser was last heard.
    pub heard: Instant,
    /// Whether a timer looks after how long it is silent.
    pub watched: bool,
    /// Every command takes one.
    pub commands: TokenBucket,
    /// Every refusal for rate takes one.
    pub patience: TokenBucket,
    /// Every call that reaches nobody takes one.
    pub misses: TokenBucket,
    /// Every check of the connection takes one.
    pub checks: TokenBucket,
    /// Every join and every link made takes one.
    pub joins: TokenBucket,
    /// Every wrong pass phrase takes one.
    pub attempts: TokenBucket,
    /// Every reaction takes one.
    pub reactions: TokenBucket,
    /// Every message and every change of one takes one.
    pub messages: TokenBucket,
    /// Every file that is begun takes one.
    pub files: TokenBucket,
    /// Every change of contacts, of who is blocked, and of settings takes one.
    pub changes: TokenBucket,
    /// Every report of a measurement or of something that happened takes one.
    pub reports: TokenBucket,
    /// What goes on when the slow hash of a pass phrase is there.
    pub hashing: Option<Hashing>,
    /// Whether it comes from the store, and the browser has not said yet how far it had counted.
    uncounted: bool,
    last_seq: u64,
    /// The last events, ascending by `seq` without gaps, each with its weight.
    kept: VecDeque<(EventFrame, usize)>,
    kept_bytes: usize,
    /// The highest `seq` that is not kept any more.
    dropped_seq: u64,
}

/// For what a pass phrase was given.
#[derive(Debug)]
pub enum Hashing {
    Create {
        reference: u32,
        link: LinkId,
        room: Option<RoomId>,
        /// Without the pass phrase.
        wish: LinkWish,
    },
    Join {
        reference: u32,
        link: LinkId,
        through_server: bool,
    },
}

/// Whether a session's websocket is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    Attached {
        connection: ConnectionId,
    },
    Detached {
        since: Instant,
        /// The last event before the websocket went.
        seq: u64,
        /// For how long the session waits.
        grace: Duration,
    },
}

/// How a websocket went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// It broke, or was closed from here.
    Dropped,
    /// The browser closed it as it does when a page is left (RFC 6455 section 7.4.1, code 1001).
    Left,
    /// Nothing was heard on it for too long.
    Silent,
}

/// The highest `seq` that a number in a browser can hold.
const SEQ_MAX: u64 = 1 << 53;

impl Session {
    pub fn new(user: UserId, secret_hash: [u8; 32], connection: ConnectionId, loopback: bool, now: Instant) -> Session {
        Session {
            attachment: Attachment::Attached { connection },
            loopback,
            uncounted: false,
            ..Session::restored(user, secret_hash, Duration::ZERO, now)
        }
    }

    /// One that was there before the server was started again, and waits for its browser from now on.
    pub fn restored(user: UserId, secret_hash: [u8; 32], grace: Duration, now: Instant) -> Session {
        Session {
            user,
            secret_hash,
            attachment: Attachment::Detached {
                since: now,
                seq: 0,
                grace,
            },
            last_ref: 0,
            tries: 0,
            loopback: false,
            address: None,
            unattended: false,
            device: None,
            browser: String::new(),
            grants: Grants::ALL,
            away: false,
            call: None,
            room: None,
            check: None,
            seeking: None,
            abroad: None,
            home: None,
            runs: 0,
            started: now,
            heard: now,
            watched: false,
            uncounted: true,
            commands: TokenBucket::new(COMMANDS_BURST, COMMANDS_PER_S, now),
            patience: TokenBucket::new(RATE_REFUSALS_MAX, 1.0, now),
            misses: TokenBucket::new(MISSES_MAX, MISSES_MAX / 60.0, now),
            checks: TokenBucket::new(CHECKS_MAX, CHECKS_MAX / 60.0, now),
            joins: TokenBucket::new(JOINS_MAX, JOINS_MAX / 60.0, now),
            attempts: TokenBucket::new(SESSION_ATTEMPTS_MAX, SESSION_ATTEMPTS_MAX / 60.0, now),
            reactions: TokenBucket::new(REACTIONS_BURST, REACTIONS_PER_S, now),
            messages: TokenBucket::new(MESSAGES_BURST, MESSAGES_PER_S, now),
            files: TokenBucket::new(FILES_BURST, FILES_PER_S, now),
            changes: TokenBucket::new(CHANGES_BURST, CHANGES_PER_S, now),
            reports: TokenBucket::new(REPORTS_BURST, REPORTS_PER_S, now),
            hashing: None,
            last_seq: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            dropped_seq: 0,
        }
    }

    /// A visitor whose home this node is from now on: it waits for its browser, which knows how far its events were counted.
    pub fn come_home(&mut self, secret_hash: [u8; 32], grants: Grants, now: Instant, grace: Duration) {
        (self.home, self.secret_hash, self.grants, self.uncounted) = (None, secret_hash, grants, true);
        self.detach(now, grace);
    }

    /// Gives an event its place, and keeps it for a resume.
    pub fn record(&mut self, reference: Option<u32>, event: Event) -> EventFrame {
        self.last_seq += 1;
        let bytes = EVENT_BYTES + long_bytes(&event);
        let frame = EventFrame {
            seq: Some(self.last_seq),
            reference,
            event,
        };
        // First, so that the list never has to become larger for one more.
        if self.kept.len() >= REPLAY_EVENTS_MAX {
            self.drop_oldest();
        }
        self.kept.push_back((frame.clone(), bytes));
        self.kept_bytes += bytes;
        while self.kept_bytes > REPLAY_BYTES_MAX {
            self.drop_oldest();
        }
        frame
    }

    fn drop_oldest(&mut self) {
        if let Some((_, bytes)) = self.kept.pop_front() {
            self.kept_bytes -= bytes;
            self.dropped_seq += 1;
        }
    }

    /// Whether an event was dropped that the browser has certainly not seen, so that it cannot come back.
    pub fn is_lost(&self) -> bool {
        match self.attachment {
            Attachment::Attached { .. } => false,
            Attachment::Detached { seq, .. } => self.dropped_seq > seq,
        }
    }

    /// Whether its page has come on a newer websocket since it opened this one.
    pub fn is_past(&self, tries: u32) -> bool {
        self.connection().is_some() && tries < self.tries
    }

    /// Whether every event after `seq` is still kept.
    pub fn can_replay(&self, seq: u64) -> bool {
        (self.dropped_seq..=self.last_seq).contains(&seq) || (self.uncounted && seq <= SEQ_MAX)
    }

    /// A session from the store does not know how far its events were counted: the browser does, and the count goes on from there.
    pub fn count_from(&mut self, seq: u64) {
        if !std::mem::take(&mut self.uncounted) {
            return;
        }
        self.last_seq += seq;
        self.dropped_seq += seq;
        for (frame, _) in &mut self.kept {
            frame.seq = frame.seq.map(|own| own + seq);
        }
    }

    /// The events after `seq`, in order; what came before is forgotten.
    pub fn replay(&mut self, seq: u64) -> Vec<EventFrame> {
        while self.dropped_seq < seq {
            let Some((_, bytes)) = self.kept.pop_front() else { break };
            self.kept_bytes -= bytes;
            self.dropped_seq += 1;
        }
        self.kept.iter().map(|(frame, _)| frame.clone()).collect()
    }

    /// The websocket is gone since then, and the session waits for so long.
    pub fn detach(&mut self, since: Instant, grace: Duration) {
        self.attachment = Attachment::Detached {
            since,
            seq: self.last_seq,
            grace,
        };
    }

    /// When it has waited long enough.
    pub fn gone_at(&self) -> Option<Instant> {
        match self.attachment {
            Attachment::Attached { .. } => None,
            Attachment::Detached { since, grace, .. } => Some(since + grace),
        }
    }

    /// Whether it has a call or a room, here or elsewhere.
    pub fn has_call(&self) -> bool {
        self.room.is_some() || self.abroad.is_some()
    }

    /// The same, or is about to.
    pub fn is_engaged(&self) -> bool {
        self.has_call() || self.seeking.is_some()
    }

    pub fn connection(&self) -> Option<ConnectionId> {
        match self.attachment {
            Attachment::Attached { connection } => Some(connection),
            Attachment::Detached { .. } => None,
        }
    }

    /// Whether its page was there when the server before this one went, and has not come back yet: that takes it a moment.
    pub fn is_expected(&self) -> bool {
        self.uncounted && self.home.is_none() && self.connection().is_none()
    }

    /// Since when the websocket is gone.
    pub fn detached_since(&self) -> Option<Instant> {
        match self.attachment {
            Attachment::Attached { .. } => None,
            Attachment::Detached { since, .. } => Some(since),
        }
    }
}

/// The only parts of an event that can be long.
fn long_bytes(event: &Event) -> usize {
    match event {
        Event::OfferAnswered { sdp, .. } => sdp.len(),
        Event::Signaled { signal, .. } => match signal {
            DirectSignal::Description { sdp, .. } => sdp.len(),
            DirectSignal::Candidate { candidate, .. } => candidate.as_ref().map_or(0, |c| c.candidate.len()),
            DirectSignal::Restart { .. } => 0,
        },
        Event::Error { message, .. } => message.len(),
        Event::CallAnswered { participants, .. } | Event::RoomJoined { participants, .. } => participants.len() * EVENT_BYTES,
        Event::LobbyChanged { waiting, .. } => waiting.len() * EVENT_BYTES,
        Event::SlotsChanged { slots, .. } => slots.len() * EVENT_BYTES,
        Event::Links { links } => links.len() * EVENT_BYTES,
        Event::Messages { messages, .. } => messages
            .iter()
            .map(|message| {
                EVENT_BYTES + message.text.len() + message.file.as_ref().map_or(0, |file| EVENT_BYTES + file.name.len())
            })
            .sum(),
        Event::History { rows, .. } => rows.len() * EVENT_BYTES,
        Event::People { contacts, blocked, .. } => (contacts.len() + blocked.len()) * EVENT_BYTES,
        _ => 0,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;
    use crate::id::{ParticipantId, RoomId};
    use crate::signaling::protocol::SdpType;

    fn session() -> Session {
        let (user, connection) = (UserId::from_random(1), ConnectionId::from_random(1));
        Session::new(user, [0; 32], connection, false, Instant::now())
    }

    fn say(session: &mut Session, count: usize) {
        for _ in 0..count {
            session.record(None, Event::Pong { ice_servers: None });
        }
    }

    fn seqs(frames: &[EventFrame]) -> Vec<u64> {
        frames.iter().filter_map(|frame| frame.seq).collect()
    }

    #[test]
    fn what_was_missed_is_replayed_in_order() {
        let mut s = session();
        say(&mut s, 5);
        assert!(s.can_replay(0) && s.can_replay(5) && !s.can_replay(6));
        assert_eq!(seqs(&s.replay(2)), [3, 4, 5]);
        assert!(!s.can_replay(1), "what was seen is forgotten");
        assert!(s.replay(5).is_empty());
        say(&mut s, 1);
        assert_eq!(seqs(&s.replay(5)), [6]);
    }

    #[test]
    fn a_restored_session_counts_on_from_what_its_browser_saw() {
        let now = Instant::now();
        let mut s = Session::restored(UserId::from_random(1), [0; 32], Duration::from_secs(15), now);
        say(&mut s, 2);
        assert!(s.can_replay(0) && s.can_replay(70) && !s.can_replay(u64::MAX));
        s.count_from(70);
        assert!(s.can_replay(70) && s.can_replay(72) && !s.can_replay(69) && !s.can_replay(73));
        assert_eq!(seqs(&s.replay(70)), [71, 72]);
        s.count_from(5);
        assert_eq!(seqs(&s.replay(71)), [72], "it is counted once");
    }

    #[test]
    fn the_oldest_events_give_way() {
        let mut s = session();
        say(&mut s, REPLAY_EVENTS_MAX + 3);
        assert!(!s.can_replay(2) && s.can_replay(3));
        assert_eq!(s.replay(3).len(), REPLAY_EVENTS_MAX);
        assert_eq!(s.kept.capacity(), REPLAY_EVENTS_MAX, "no room is held for more than is kept");
    }

    #[test]
    fn long_descriptions_are_bounded_in_bytes() {
        let mut s = session();
        for _ in 0..REPLAY_EVENTS_MAX {
            let signal = DirectSignal::Description {
                generation: 1,
                sdp_type: SdpType::Offer,
                sdp: "x".repeat(64 * 1024),
            };
            let (room_id, from) = (RoomId::from_random(1), ParticipantId::from_random(1));
            s.record(None, Event::Signaled { room_id, from, signal });
        }
        assert!(s.kept.len() < 16 && s.kept_bytes <= REPLAY_BYTES_MAX);
    }

    #[test]
    fn a_detached_session_is_lost_when_an_unseen_event_is_dropped() {
        let mut s = session();
        say(&mut s, 100);
        s.detach(Instant::now(), Duration::from_secs(15));
        say(&mut s, REPLAY_EVENTS_MAX);
        assert!(!s.is_lost());
        say(&mut s, 1);
        assert!(s.is_lost());
    }
}
