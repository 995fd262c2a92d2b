//! The core that owns sessions, calls and rooms. Feed it with `handle_…`, then take every [`Output`] from [`Hub::poll_output`], and
//! call [`Hub::handle_timeout`] when [`Hub::poll_timeout`] is due; repeat after every input.

mod abroad;
mod admission;
mod adopting;
mod attaching;
mod browsers;
mod calls;
mod chat;
mod checks;
mod commands;
mod config;
mod doors;
mod far;
mod files;
mod finding;
mod forgetting;
mod granted;
mod history;
mod hosting;
mod invites;
mod joining;
mod keeping;
mod links;
mod listing;
mod lobby;
mod media;
mod neighbours;
mod nudging;
mod operating;
mod pairing;
mod people;
mod presence;
mod renewal;
mod reporting;
pub mod restore;
mod resume;
mod rooms;
mod seeking;
mod telling;
mod visitors;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use self::adopting::Inheritance;
pub use self::attaching::{Attach, AttachRefused, Identity};
pub use self::config::{FileBounds, HubConfig};
pub use self::doors::Attaching;
use self::doors::Doors;
use self::far::FarPeople;
use self::neighbours::Neighbours;
use self::presence::{Here, Unshown};
use self::renewal::Renewal;
use super::call::Call;
use super::limits::{self, Limit};
use super::link::Link;
use super::names::clean_name;
use super::nodes::Sought;
use super::output::{CloseReason, Counts, Fact, Keep, MediaRequest, Output};
use super::pairing::Pairings;
use super::protocol::{CallNow, CommandFrame, ErrorCode, Event, EventFrame, Happening, PROTOCOL_VERSION, UserInfo};
use super::records::Asked;
use super::report::Notebook;
use super::room::Room;
use super::session::{Departure, Session};
use super::strangers::Strangers;
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, LinkId, NodeId, RoomId, SessionId, UserId};

/// A user with at least one session.
#[derive(Debug, Default)]
struct User {
    name: String,
    /// In order of their ids.
    sessions: BTreeSet<SessionId>,
    /// The live calls that the user makes, is called by, or has part in.
    calls: BTreeSet<CallId>,
}

/// What may be due at an instant. Whether it still is shows the state that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    ShowReconnecting(SessionId),
    CancelCallOf(SessionId),
    Silence(SessionId),
    RingOut(CallId),
    RemoveSession(SessionId),
    EndCheck(RoomId),
    DirectAgain(RoomId),
    ExpireLink(LinkId),
    Unkept(Asked),
    ShowPresence,
    Seek(CallId),
    Find(Sought),
    Errand(Asked),
    List(Asked),
    Arrive(ConnectionId),
    Adopt(NodeId),
    Settle(SessionId),
    Abroad(SessionId),
    EndPairing(SessionId),
    KeepReport(RoomId),
    Renew,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    rng: StdRng,
    boot_id: String,
    /// Which session each websocket has.
    connections: BTreeMap<ConnectionId, SessionId>,
    sessions: BTreeMap<SessionId, Session>,
    users: BTreeMap<UserId, User>,
    /// What belongs to those, and to who was one until a moment ago.
    people: BTreeMap<UserId, Here>,
    unshown: Unshown,
    far: FarPeople,
    renewal: Renewal,
    calls: BTreeMap<CallId, Call>,
    rooms: BTreeMap<RoomId, Room>,
    /// Of rooms that a call leads to.
    notebooks: BTreeMap<RoomId, Notebook>,
    links: BTreeMap<LinkId, Link>,
    /// The same by their makers.
    links_of: BTreeMap<UserId, BTreeSet<LinkId>>,
    /// Calls that are answered.
    answered: usize,
    /// Participants.
    present: usize,
    /// Rooms with a participant.
    open_rooms: usize,
    /// Who waits in lobbies.
    waiting: usize,
    /// Whom the operator keeps out.
    barred: BTreeSet<UserId>,
    timers: BTreeSet<(Instant, Timer)>,
    strangers: Strangers,
    /// The same of links that were looked for on all nodes.
    link_strangers: Strangers,
    pairings: Pairings,
    /// Commands that wait for the store to have kept them.
    unkept: BTreeSet<Asked>,
    neighbours: Neighbours,
    doors: Doors,
    inheritance: Inheritance,
    /// Sessions that missed more than can be replayed.
    lost: Vec<SessionId>,
    outputs: VecDeque<Output>,
    draining: bool,
    overloaded: bool,
}

impl Hub {
    pub fn new(config: HubConfig, mut rng: StdRng) -> Hub {
        Hub {
            config,
            boot_id: format!("{:016x}", rng.next_u64()),
            rng,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            users: BTreeMap::new(),
            people: BTreeMap::new(),
            unshown: Unshown::default(),
            far: FarPeople::default(),
            renewal: Renewal::default(),
            calls: BTreeMap::new(),
            rooms: BTreeMap::new(),
            notebooks: BTreeMap::new(),
            links: BTreeMap::new(),
            links_of: BTreeMap::new(),
            answered: 0,
            present: 0,
            open_rooms: 0,
            waiting: 0,
            barred: BTreeSet::new(),
            timers: BTreeSet::new(),
            strangers: Strangers::new(limits::ADDRESS_MISSES_MAX),
            link_strangers: Strangers::new(limits::ADDRESS_MISSES_MAX),
            pairings: Pairings::default(),
            unkept: BTreeSet::new(),
            neighbours: Neighbours::default(),
            doors: Doors::default(),
            inheritance: Inheritance::default(),
            lost: Vec::new(),
            outputs: VecDeque::new(),
            draining: false,
            overloaded: false,
        }
    }

    /// A websocket is gone. Its session waits to be resumed.
    pub fn handle_detach(&mut self, connection: ConnectionId, how: Departure, now: Instant) {
        if !self.leave_door(connection, how) {
            self.detach(connection, how, now);
        }
        self.settle(now);
    }

    /// A browser sent a command. From a connection that has no session it is ignored: it crossed the close on the wire.
    pub fn handle_command(&mut self, connection: ConnectionId, frame: CommandFrame, now: Instant) {
        if self.goes_through(connection, &frame, now) {
            return;
        }
        let reference = frame.reference;
        if let Some(session) = self.take_command(connection, Some(reference), now) {
            let done = limits::check_size(&frame.command)
                .inspect_err(|_| {
                    self.outputs.push_back(Output::Count(Fact::LimitReached {
                        limit: Limit::FieldBytes,
                    }))
                })
                .and_then(|()| match self.goes_abroad(session, &frame.command) {
                    true => self.pass_on(session, reference, frame.command, now),
                    false => self.carry_out(connection, session, reference, frame.command, now),
                });
            if let Err(refusal) = done {
                self.refuse(session, Some(reference), refusal.code, refusal.message);
            }
        }
        self.settle(now);
    }

    /// A browser sent a frame that is not a command, or is too large.
    pub fn handle_bad_frame(
        &mut self,
        connection: ConnectionId,
        reference: Option<u32>,
        code: ErrorCode,
        message: &str,
        now: Instant,
    ) {
        if self.goes_through_badly(connection, reference, code, message, now) {
            return;
        }
        if let Some(session) = self.take_command(connection, reference, now) {
            self.refuse(session, reference, code, message);
        }
        self.settle(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(due, timer)) = self.timers.first() {
            if due > now {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::ShowReconnecting(session) => {
                    if self.is_away(session, self.config.reconnecting_after, now) {
                        self.show_reconnecting(session, true);
                        self.touch_presence(session);
                    }
                }
                Timer::CancelCallOf(session) => {
                    if self.is_away(session, self.config.caller_grace, now) {
                        self.cancel_call_of(session, now);
                    }
                }
                Timer::Silence(session) => self.check_silence(session, due, now),
                Timer::RingOut(call) => self.ring_out(call, now),
                Timer::EndCheck(room) => self.check_lasted(room),
                Timer::DirectAgain(room) => self.direct_again(room, now),
                Timer::ExpireLink(link) => self.expire_link(link, now),
                Timer::Unkept(asked) => self.not_kept(asked),
                Timer::ShowPresence => self.show_presence(now),
                Timer::Seek(call) => self.give_up_seek(call),
                Timer::Find(what) => self.give_up_find(what, now),
                Timer::Errand(asked) => self.give_up_errand(asked),
                Timer::Arrive(connection) => self.turn_away(connection, AttachRefused::Unreachable),
                Timer::Adopt(node) => self.adopt_unheard(node, now),
                Timer::Settle(session) => self.end_unsettled(session, now),
                Timer::List(asked) => self.end_list(asked),
                Timer::Abroad(session) => self.check_abroad(session, now),
                Timer::EndPairing(session) => self.expire_pairing(session),
                Timer::KeepReport(room) => self.keep_report(room, now),
                Timer::Renew => self.renew_again(),
                Timer::RemoveSession(session) => {
                    let gone_at = self.sessions.get(&session).and_then(Session::gone_at);
                    if gone_at.is_some_and(|at| now >= at) {
                        self.remove_session(session, now);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        Some(self.send_to_door(output))
    }

    /// When to call [`Hub::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|&(due, _)| due)
    }

    pub fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions.len() - self.neighbours.visitors,
            ringing: self.calls.len() - self.answered,
            answered: self.answered,
            rooms: self.open_rooms,
            participants: self.present,
            waiting: self.waiting,
            visitors: self.neighbours.visitors,
            doors: self.door_count(),
        }
    }
}

/// Sessions.
impl Hub {
    fn resume(&mut self, id: SessionId, (seq, tries): (u64, u32), connection: ConnectionId, attach: Attach, now: Instant) {
        if let Some(old) = self.sessions[&id].connection() {
            self.close(old, CloseReason::Replaced, now);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.attachment = super::session::Attachment::Attached { connection };
        session.tries = tries;
        session.loopback = attach.loopback;
        session.address = attach.address;
        session.device = attach.device;
        session.browser.clone_from(&attach.browser);
        session.count_from(seq);
        let missed = session.replay(seq);
        let secret = attach.resume.as_ref().map(|resume| resume.secret.clone()).unwrap_or_default();
        self.connections.insert(connection, id);
        self.watch(id, now);
        let call = self.call_now(id, now);
        self.welcome(id, connection, Some(call), secret, attach);
        for frame in missed {
            self.outputs.push_back(Output::Send { connection, frame });
        }
        self.show_reconnecting(id, false);
        self.report_of(id, Happening::Back, now);
        self.touch_presence(id);
        self.say_attached(id);
        if let Some(room) = self.room_of(id) {
            self.tell_speakers(id, room);
            if self.is_host_in(id, room) {
                self.show_lobby_to(id, room);
            }
        }
    }

    /// A user who has a session, or is about to. The name of one who is here already may be changed and not yet saved.
    fn user(&mut self, user: UserId, name: &str) -> &mut User {
        self.users.entry(user).or_insert_with(|| User {
            name: clean_name(name),
            ..User::default()
        })
    }

    /// `resumed`: with the call that the session has.
    fn welcome(
        &mut self,
        id: SessionId,
        connection: ConnectionId,
        resumed: Option<Option<CallNow>>,
        resume_secret: String,
        attach: Attach,
    ) {
        let session = &self.sessions[&id];
        let event = Event::Welcome {
            protocol: PROTOCOL_VERSION,
            session_id: id,
            resume_secret,
            resumed: resumed.is_some(),
            last_ref: session.last_ref,
            user_id: session.user,
            secret: attach.new_secret,
            name: self.user_info(session.user).name,
            ring_timeout_s: u32::try_from(self.config.ring_timeout.as_secs()).unwrap_or(u32::MAX),
            // Where the browser reaches them only its websocket knows.
            ice_servers: Vec::new(),
            boot_id: match session.runs {
                0 => self.boot_id.clone(),
                runs => format!("{}-{runs}", self.boot_id),
            },
            call: resumed.flatten(),
            grants: Some(session.grants).filter(|grants| *grants != Grants::ALL),
            missed: attach.missed,
            file_bytes_max: self.config.files.map(|files| files.file_bytes_max),
        };
        self.send_aside(connection, attach.reference, event);
    }

    fn detach(&mut self, connection: ConnectionId, how: Departure, now: Instant) {
        let Some(id) = self.connections.remove(&connection) else {
            return;
        };
        self.detach_session(id, how, now);
        self.say_detached(id, how);
    }

    fn detach_session(&mut self, id: SessionId, how: Departure, now: Instant) {
        let is_in_room = self.is_in_room(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let since = match how {
            // Of a visitor its home has heard.
            Departure::Silent if session.home.is_none() => session.heard.min(now),
            Departure::Dropped | Departure::Left | Departure::Silent => now,
        };
        let grace = match how {
            Departure::Left if is_in_room => self.config.leave_grace.min(self.config.resume_grace),
            Departure::Dropped | Departure::Left | Departure::Silent => self.config.resume_grace,
        };
        session.detach(since, grace);
        self.report_of(id, Happening::Away, now);
        self.wait_for(id, since, grace);
    }

    /// What is due while a session's websocket stays away.
    fn wait_for(&mut self, id: SessionId, since: Instant, grace: Duration) {
        let HubConfig {
            reconnecting_after,
            caller_grace,
            ..
        } = self.config;
        self.timers.insert((since + reconnecting_after, Timer::ShowReconnecting(id)));
        self.timers.insert((since + caller_grace, Timer::CancelCallOf(id)));
        self.timers.insert((since + grace, Timer::RemoveSession(id)));
    }

    fn close(&mut self, connection: ConnectionId, why: CloseReason, now: Instant) {
        self.detach(connection, Departure::Dropped, now);
        self.outputs.push_back(Output::Close { connection, why });
    }

    /// Ends a session, and what cannot go on without it. Where it still has a websocket, another session takes its place.
    fn remove_session(&mut self, id: SessionId, now: Instant) {
        self.forget_in_room(id, now);
        self.end_check_of(id);
        self.end_pairing(id);
        self.forget_seeks_of(id);
        self.forget_abroad(id);
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(connection) = session.connection().filter(|_| session.home.is_none()) {
            self.connections.remove(&connection);
            let why = CloseReason::Replaced;
            self.outputs.push_back(Output::Close { connection, why });
        }
        if let Some(user) = self.users.get_mut(&session.user) {
            user.sessions.remove(&id);
            if user.sessions.is_empty() {
                self.users.remove(&session.user);
            }
        }
        self.miss(session.user);
        if let Some(home) = session.home {
            self.neighbours.visitors -= 1;
            self.release(home.node, id, home.call);
            self.outputs.push_back(Output::Count(Fact::VisitorGone { session: id }));
            return;
        }
        let lasted = now.saturating_duration_since(session.started);
        self.outputs.push_back(Output::Keep(Keep::ForgetSession(id)));
        self.outputs
            .push_back(Output::Count(Fact::SessionEnded { session: id, lasted }));
    }

    /// Whether a session has been without a websocket for so long.
    fn is_away(&self, session: SessionId, long: Duration, now: Instant) -> bool {
        let since = self.sessions.get(&session).and_then(Session::detached_since);
        since.is_some_and(|since| now >= since + long)
    }

    /// The last of every input. Ends the sessions that missed too much; ending one may make another miss something.
    fn settle(&mut self, now: Instant) {
        while let Some(session) = self.lost.pop() {
            self.remove_session(session, now);
        }
        self.settle_visitors(now);
        self.schedule_presence(now);
        self.ask_for_renewal();
    }
}

/// What a session's secret is kept as.
fn sha256(secret: &str) -> [u8; 32] {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// What the parts of the hub say.
impl Hub {
    /// Tells a session something, now or when it resumes.
    fn tell(&mut self, to: SessionId, reference: Option<u32>, event: Event) {
        let Some(session) = self.sessions.get_mut(&to) else { return };
        if session.home.is_some() {
            return self.tell_visitor(to, reference, false, event);
        }
        let frame = session.record(reference, event);
        match session.connection() {
            Some(connection) => self.outputs.push_back(Output::Send { connection, frame }),
            None if session.is_lost() => self.lost.push(to),
            None => {}
        }
    }

    /// Tells a session what is true for a moment only, or what it asks for when it comes back: it has no `seq`, and whoever is away
    /// misses it.
    fn tell_now(&mut self, to: SessionId, reference: Option<u32>, event: Event) {
        let Some(connection) = self.sessions.get(&to).and_then(Session::connection) else {
            return;
        };
        if self.is_visitor(to) {
            return self.tell_visitor(to, reference, true, event);
        }
        let frame = EventFrame {
            seq: None,
            reference,
            event,
        };
        self.outputs.push_back(Output::Send { connection, frame });
    }

    /// Answers on a websocket what is not worth a replay.
    fn send_aside(&mut self, connection: ConnectionId, reference: u32, event: Event) {
        let frame = EventFrame {
            seq: None,
            reference: Some(reference),
            event,
        };
        self.outputs.push_back(Output::Send { connection, frame });
    }

    fn ask_sfu(&mut self, request: MediaRequest) {
        self.outputs.push_back(Output::Media(request));
    }

    fn count_limit(&mut self, limit: Limit) {
        self.outputs.push_back(Output::Count(Fact::LimitReached { limit }));
    }

    /// That nobody guesses: 128 bits.
    fn fresh_secret(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    fn user_of(&self, session: SessionId) -> Option<UserId> {
        self.sessions.get(&session).map(|session| session.user)
    }

    fn user_info(&self, user_id: UserId) -> UserInfo {
        let name = self.users.get(&user_id).map(|user| user.name.clone()).unwrap_or_default();
        UserInfo { user_id, name }
    }
}

#[cfg(test)]
mod chats;
#[cfg(test)]
mod drains;
#[cfg(test)]
mod gatherings;
#[cfg(test)]
mod random;
#[cfg(test)]
mod remembrance;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod survival;
#[cfg(test)]
mod world;
