//! Websockets whose session is on another node. Where the websocket is, this node is only a door: what the browser sends goes to the
//! node that has the session, and what that says goes to the browser. Where the session is, such a websocket is one like any other.

use std::collections::BTreeMap;
use std::time::Instant;

use super::attaching::{Attach, AttachRefused};
use super::finding::{Errand, PATIENCE};
use super::{Hub, Timer};
use crate::id::{ConnectionId, NodeId, SessionId};
use crate::signaling::limits::{COMMANDS_BURST, COMMANDS_PER_S, Limit, RATE_REFUSALS_MAX, TokenBucket};
use crate::signaling::nodes::{Knock, Sought, Word};
use crate::signaling::output::{CloseReason, Fact, Output};
use crate::signaling::protocol::{CommandFrame, ErrorCode, Event, EventFrame, Resume};
use crate::signaling::session::Departure;

/// What becomes of a websocket that wants a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attaching {
    /// It has one.
    Done,
    /// Others are asked first: an [`Output::Attached`] follows.
    Later,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// Websockets that wait for what other nodes say of the session that they want to resume.
    arriving: BTreeMap<ConnectionId, Attach>,
    /// Websockets of this node, and where their sessions are.
    out: BTreeMap<ConnectionId, Door>,
    /// Websockets of other nodes that have a session of this one: the node, and what it calls them.
    inward: BTreeMap<ConnectionId, (NodeId, ConnectionId)>,
}

/// A websocket whose session is elsewhere.
#[derive(Debug)]
struct Door {
    node: NodeId,
    session: SessionId,
    /// Which only the browser and this node know: the other has no more than its hash.
    secret: String,
    /// Every command takes one, so that nobody fills the bus: as many as the session would take and refuse before it closes the websocket.
    commands: TokenBucket,
}

/// Where the websocket is.
impl Hub {
    /// Whether others have to be asked for the session that a websocket wants to resume.
    pub(super) fn is_elsewhere(&self, resume: &Resume) -> bool {
        let is_here = self.sessions.get(&resume.session_id).is_some_and(|s| s.home.is_none());
        let may_ask = self.neighbours.shares_store || !self.neighbours.heard().is_empty();
        self.neighbours.joined && !is_here && may_ask
    }

    pub(super) fn arrive(&mut self, connection: ConnectionId, attach: Attach, session: SessionId, now: Instant) {
        self.doors.arriving.insert(connection, attach);
        if !self.is_unsettled(session) {
            self.look_for(Sought::Session(session), Errand::Resume(connection), now);
        }
    }

    /// What held up the pages of a session of this node is over.
    pub(super) fn arrive_at(&mut self, session: SessionId, now: Instant) {
        let is_for = |attach: &Attach| attach.resume.as_ref().is_some_and(|resume| resume.session_id == session);
        let waiting = self.doors.arriving.iter().filter(|(_, attach)| is_for(attach));
        let waiting: Vec<ConnectionId> = waiting.map(|(connection, _)| *connection).collect();
        for connection in waiting {
            self.arrive_here(connection, now);
        }
    }

    /// Another node has the session, if the secret is right.
    pub(super) fn knock_at(&mut self, node: NodeId, connection: ConnectionId, now: Instant) {
        let Some(attach) = self.doors.arriving.get(&connection) else {
            return;
        };
        let Some(resume) = &attach.resume else { return };
        let knock = Knock {
            session: resume.session_id,
            proof: super::sha256(&resume.secret),
            seq: resume.seq,
            tries: resume.tries,
            reference: attach.reference,
            user: attach.identity.as_ref().map(|identity| identity.user_id),
            room: attach.identity.as_ref().map(|identity| identity.grants.room),
            missed: attach.missed,
            address: attach.address,
            device: attach.device,
            browser: attach.browser.clone(),
        };
        self.timers.insert((now + PATIENCE, Timer::Arrive(connection)));
        let knock = Box::new(knock);
        self.say_to(node, Word::Knock { door: connection, knock });
    }

    /// The other node has let the websocket in to its session, or has not.
    pub(super) fn opened_there(&mut self, from: NodeId, connection: ConnectionId, opens: bool, now: Instant) {
        if !opens {
            return self.arrive_here(connection, now);
        }
        let resume = self.doors.arriving.remove(&connection).and_then(|attach| attach.resume);
        let Some(resume) = resume else {
            // It went, or did not wait.
            let how = Departure::Dropped;
            return self.say_to(from, Word::DoorShut { door: connection, how });
        };
        let door = Door {
            node: from,
            session: resume.session_id,
            secret: resume.secret,
            commands: TokenBucket::new(COMMANDS_BURST + RATE_REFUSALS_MAX, COMMANDS_PER_S + 1.0, now),
        };
        self.doors.out.insert(connection, door);
        self.outputs.push_back(Output::Attached {
            connection,
            done: Ok(()),
        });
    }

    /// Nobody else has the session that a websocket wants: it gets one here.
    pub(super) fn arrive_here(&mut self, connection: ConnectionId, now: Instant) {
        let Some(attach) = self.doors.arriving.remove(&connection) else {
            return;
        };
        if attach
            .resume
            .as_ref()
            .is_some_and(|resume| self.is_unsettled(resume.session_id))
        {
            self.doors.arriving.insert(connection, attach);
            return;
        }
        let place = self.outputs.len();
        let done = self.attach_here(connection, attach, now);
        // Before what it is told.
        self.outputs.insert(place, Output::Attached { connection, done });
    }

    /// It cannot be said whether another node has it.
    pub(super) fn turn_away(&mut self, connection: ConnectionId, why: AttachRefused) {
        if self.doors.arriving.remove(&connection).is_some() {
            let done = Err(why);
            self.outputs.push_back(Output::Attached { connection, done });
        }
    }

    /// Passes on what a browser sent, if its session is elsewhere.
    pub(super) fn goes_through(&mut self, connection: ConnectionId, frame: &CommandFrame, now: Instant) -> bool {
        let word = |door| Word::Through {
            door,
            frame: frame.clone(),
        };
        self.pass_through(connection, word, now)
    }

    pub(super) fn goes_through_badly(
        &mut self,
        connection: ConnectionId,
        reference: Option<u32>,
        code: ErrorCode,
        message: &str,
        now: Instant,
    ) -> bool {
        let word = |door| Word::BadFrame {
            door,
            reference,
            code,
            message: message.to_owned(),
        };
        self.pass_through(connection, word, now)
    }

    fn pass_through(&mut self, connection: ConnectionId, word: impl FnOnce(ConnectionId) -> Word, now: Instant) -> bool {
        let Some(door) = self.doors.out.get_mut(&connection) else {
            return false;
        };
        let node = door.node;
        if door.commands.take(now) {
            self.say_to(node, word(connection));
        } else {
            self.count_limit(Limit::CommandRate);
            self.shut(connection, CloseReason::RateLimited);
        }
        true
    }

    /// The websocket is gone. Whether it was one whose session is elsewhere.
    pub(super) fn leave_door(&mut self, connection: ConnectionId, how: Departure) -> bool {
        self.doors.arriving.remove(&connection);
        let Some(door) = self.forget_door(connection) else {
            return false;
        };
        self.say_to(door.node, Word::DoorShut { door: connection, how });
        true
    }

    /// Closes a websocket from here: it is to come back.
    fn shut(&mut self, connection: ConnectionId, why: CloseReason) {
        if self.leave_door(connection, Departure::Dropped) {
            self.outputs.push_back(Output::Close { connection, why });
        }
    }

    fn forget_door(&mut self, connection: ConnectionId) -> Option<Door> {
        let door = self.doors.out.remove(&connection)?;
        let is_last = self.doors.out.values().all(|other| other.session != door.session);
        if is_last {
            let session = door.session;
            self.outputs.push_back(Output::Count(Fact::DoorShut { session }));
        }
        Some(door)
    }

    /// For a browser whose session is elsewhere.
    pub(super) fn framed_there(&mut self, from: NodeId, connection: ConnectionId, mut frame: EventFrame) {
        let Some(door) = self.doors.out.get(&connection).filter(|door| door.node == from) else {
            return;
        };
        if let Event::Welcome { resume_secret, .. } = &mut frame.event {
            resume_secret.clone_from(&door.secret);
        }
        self.outputs.push_back(Output::Send { connection, frame });
    }

    pub(super) fn closed_there(&mut self, from: NodeId, connection: ConnectionId, why: CloseReason) {
        if self.doors.out.get(&connection).is_some_and(|door| door.node == from) {
            self.forget_door(connection);
            self.outputs.push_back(Output::Close { connection, why });
        }
    }

    /// How many websockets of this node have their session elsewhere.
    pub(super) fn door_count(&self) -> usize {
        self.doors.out.len()
    }
}

/// Where the session is.
impl Hub {
    pub(super) fn knocked_from(&mut self, from: NodeId, door: ConnectionId, knock: Knock, now: Instant) {
        let connection = ConnectionId::from_random(rand::Rng::next_u64(&mut self.rng));
        let opens = self.let_in_by(from, door, connection, knock, now);
        if !opens {
            self.say_to(from, Word::Opened { door, opens });
        }
    }

    fn let_in_by(&mut self, from: NodeId, door: ConnectionId, connection: ConnectionId, knock: Knock, now: Instant) -> bool {
        let Some(session) = self.sessions.get(&knock.session).filter(|session| session.home.is_none()) else {
            return false;
        };
        let is_right = aws_lc_rs::constant_time::verify_slices_are_equal(&session.secret_hash, &knock.proof).is_ok();
        let is_theirs = knock.user.is_none_or(|user| session.user == user);
        if !is_right || !is_theirs || self.barred.contains(&session.user) {
            return false;
        }
        if session.is_past(knock.tries) {
            self.say_to(from, Word::Opened { door, opens: true });
            let why = CloseReason::Replaced;
            self.say_to(from, Word::Closed { door, why });
            return true;
        }
        let is_same = knock.room.is_none_or(|room| session.grants.room == room);
        if !is_same || !session.can_replay(knock.seq) {
            // Another one takes its place, where the websocket is.
            self.remove_session(knock.session, now);
            return false;
        }
        self.say_to(from, Word::Opened { door, opens: true });
        self.doors.inward.insert(connection, (from, door));
        let attach = Attach {
            identity: None,
            new_secret: None,
            missed: knock.missed,
            resume: None,
            reference: knock.reference,
            loopback: false,
            address: knock.address,
            unattended: false,
            device: knock.device,
            browser: knock.browser,
        };
        self.resume(knock.session, (knock.seq, knock.tries), connection, attach, now);
        true
    }

    /// What a websocket here is called that is on another node.
    fn inward(&self, from: NodeId, door: ConnectionId) -> Option<ConnectionId> {
        let mut all = self.doors.inward.iter();
        all.find(|(_, at)| **at == (from, door)).map(|(connection, _)| *connection)
    }

    pub(super) fn came_through(&mut self, from: NodeId, door: ConnectionId, frame: CommandFrame, now: Instant) {
        if let Some(connection) = self.inward(from, door) {
            self.handle_command(connection, frame, now);
        }
    }

    pub(super) fn came_badly(
        &mut self,
        from: NodeId,
        door: ConnectionId,
        reference: Option<u32>,
        (code, message): (ErrorCode, &str),
        now: Instant,
    ) {
        if let Some(connection) = self.inward(from, door) {
            self.handle_bad_frame(connection, reference, code, message, now);
        }
    }

    pub(super) fn shut_there(&mut self, from: NodeId, door: ConnectionId, how: Departure, now: Instant) {
        if let Some(connection) = self.inward(from, door) {
            self.doors.inward.remove(&connection);
            self.detach(connection, how, now);
        }
    }

    /// What is for a websocket goes to where that is.
    pub(super) fn send_to_door(&mut self, output: Output) -> Output {
        match output {
            Output::Send { connection, frame } => match self.doors.inward.get(&connection) {
                Some((to, door)) => Output::Say {
                    to: *to,
                    word: Word::Frame {
                        door: *door,
                        frame: Box::new(frame),
                    },
                },
                None => Output::Send { connection, frame },
            },
            Output::Close { connection, why } => match self.doors.inward.remove(&connection) {
                Some((to, door)) => Output::Say {
                    to,
                    word: Word::Closed { door, why },
                },
                None => Output::Close { connection, why },
            },
            other => other,
        }
    }
}

/// What becomes of the other node.
impl Hub {
    /// It is not heard: websockets here that lead there come back, and those there that lead here are gone.
    pub(super) fn doors_to_are_shut(&mut self, node: NodeId, now: Instant) {
        let out = self.doors.out.iter().filter(|(_, door)| door.node == node);
        let out: Vec<ConnectionId> = out.map(|(connection, _)| *connection).collect();
        for connection in out {
            self.shut(connection, CloseReason::NodeAway);
        }
        let inward = self.doors.inward.iter().filter(|(_, (at, _))| *at == node);
        let inward: Vec<ConnectionId> = inward.map(|(connection, _)| *connection).collect();
        for connection in inward {
            self.detach(connection, Departure::Dropped, now);
            let why = CloseReason::NodeAway;
            self.outputs.push_back(Output::Close { connection, why });
        }
    }
}
