//! A hub with browsers around it under a virtual clock. Every browser checks what it is told: events come without a gap and once,
//! and make sense where it is; and so does a model of the SFU.

// The architecture test reads a file up to this line.
#[cfg(test)]
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Attach, AttachRefused, Hub, HubConfig, Identity};
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, DeviceId, LinkId, MessageId, ParticipantId, RoomId, SessionId, UserId};
use crate::signaling::happening::Happening;
use crate::signaling::hub::restore::Restored;
use crate::signaling::output::{
    CloseReason, Fact, Keep, KeptCall, KeptLink, KeptMember, KeptRoom, KeptSession, MediaRequest, Output,
};
use crate::signaling::pairing::NewDevice;
use crate::signaling::person::{Person, PersonNote};
use crate::signaling::protocol::{
    CallNow, Command, CommandFrame, EndReason, Event, EventFrame, Message, Participant, Presence, Resume, RoomInfo,
};
use crate::signaling::push::Nudge;
use crate::signaling::records::{Asked, FileNote, MessageNote, News, Note, Question, SignOut};
use crate::signaling::report::Page;
use crate::signaling::session::Departure;

pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) now: Instant,
    pub(super) browsers: Vec<Browser>,
    pub(super) facts: Vec<Fact>,
    pub(super) saved: Vec<(UserId, String)>,
    /// What was asked of the SFU, as text.
    pub(super) media: Vec<String>,
    /// Who the SFU knows, by room.
    pub(super) sfu: BTreeMap<RoomId, BTreeSet<ParticipantId>>,
    closed_rooms: BTreeSet<RoomId>,
    /// With which reasons each call ended, in whose eyes.
    pub(super) ends: BTreeMap<CallId, Vec<EndReason>>,
    connections: u64,
    /// The store.
    sessions: BTreeMap<SessionId, KeptSession>,
    calls: BTreeMap<CallId, (KeptCall, Instant)>,
    rooms: BTreeMap<RoomId, KeptRoom>,
    members: BTreeMap<SessionId, (KeptMember, Instant)>,
    links: BTreeMap<LinkId, (KeptLink, Instant)>,
    starts: u64,
    next_beat: Instant,
    /// Pass phrases on their way to be hashed.
    to_hash: Vec<(SessionId, LinkId, String)>,
    /// Calls that rang when the server was killed.
    pub(super) forgotten: BTreeSet<CallId>,
    /// What was noted for histories, and what is to be read: the stories answer.
    pub(super) notes: Vec<Note>,
    pub(super) questions: Vec<Question>,
    /// What was written and is not kept yet, and the numbers of what is.
    pub(super) written: Vec<MessageNote>,
    /// Files that were begun.
    pub(super) files: Vec<FileNote>,
    /// What users have changed of theirs and is not kept yet, and what is.
    pub(super) changed: Vec<PersonNote>,
    /// Browsers of users that are to be kept.
    pub(super) devices: Vec<(NewDevice, Asked)>,
    /// Browsers of users that are to be signed out.
    pub(super) signed_out: Vec<SignOut>,
    pub(super) people: BTreeMap<UserId, Person>,
    /// When the report of each room began, and what was noted of it.
    reports: BTreeMap<RoomId, Instant>,
    pub(super) pages: Vec<(RoomId, Page)>,
    /// Whom the store was told to forget.
    pub(super) forgotten_users: Vec<UserId>,
    /// Who was to be told by web push.
    pub(super) nudged: Vec<Nudge>,
    /// What the operator's application was told.
    pub(super) happened: Vec<Happening>,
    messages: BTreeMap<(RoomId, UserId, MessageId), u64>,
}

/// What a browser believes of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Idle,
    Calling(CallId, RoomId),
    Ringing(CallId, RoomId),
    /// Itself, and the first of the others (itself, where there is none).
    Talking(CallId, RoomId, ParticipantId, ParticipantId),
    /// By a link.
    Joined(RoomId, ParticipantId),
    /// In a lobby.
    Waiting(RoomId, ParticipantId),
}

/// What a browser believes of its room.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Seat {
    pub(super) others: BTreeMap<ParticipantId, Participant>,
    pub(super) direct: bool,
    pub(super) host: bool,
    pub(super) hand: Option<u32>,
    pub(super) room: Option<RoomInfo>,
    /// Who waits, for a host.
    pub(super) lobby: Vec<ParticipantId>,
    /// Whom it calls into its room.
    pub(super) inviting: BTreeSet<CallId>,
}

pub(super) struct Browser {
    pub(super) user: UserId,
    pub(super) grants: Grants,
    pub(super) address: Option<std::net::IpAddr>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) session: SessionId,
    pub(super) secret: String,
    /// Of the last event seen.
    pub(super) seq: u64,
    pub(super) reference: u32,
    pub(super) resumed: bool,
    /// The events that it had seen when it last resumed.
    resumed_at: usize,
    pub(super) last_ref: u32,
    /// The rooms of its checks, the latest last.
    pub(super) checks: Vec<RoomId>,
    pub(super) view: View,
    pub(super) closed: Option<CloseReason>,
    pub(super) seat: Seat,
    /// The links that it made or was told of, the latest last.
    pub(super) links: Vec<LinkId>,
    /// What it believed after each event of this session.
    history: Vec<(View, Seat)>,
    /// What is replayed after a restart is in what it was told already.
    catching_up: bool,
    inbox: Vec<(Option<u32>, Event)>,
    /// Its websocket is cut, and nobody knows yet.
    pub(super) mute: bool,
    boot_id: String,
    /// What `welcome` said of its call.
    pub(super) call: Option<CallNow>,
    /// What it believed before the first event of its history.
    base: (View, Seat),
    /// After a restart, what comes may be about a call that it never knew of, or knows to be over.
    adrift: bool,
}

/// The application is told all that happens.
fn config() -> HubConfig {
    HubConfig {
        tells_application: true,
        ..HubConfig::default()
    }
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
    pub(super) fn new() -> World {
        let now = Instant::now();
        World {
            hub: Hub::new(config(), StdRng::seed_from_u64(7)),
            now,
            next_beat: now,
            browsers: Vec::new(),
            facts: Vec::new(),
            saved: Vec::new(),
            media: Vec::new(),
            sfu: BTreeMap::new(),
            closed_rooms: BTreeSet::new(),
            ends: BTreeMap::new(),
            connections: 0,
            sessions: BTreeMap::new(),
            calls: BTreeMap::new(),
            rooms: BTreeMap::new(),
            members: BTreeMap::new(),
            links: BTreeMap::new(),
            starts: 0,
            to_hash: Vec::new(),
            forgotten: BTreeSet::new(),
            notes: Vec::new(),
            questions: Vec::new(),
            written: Vec::new(),
            changed: Vec::new(),
            devices: Vec::new(),
            signed_out: Vec::new(),
            files: Vec::new(),
            people: BTreeMap::new(),
            reports: BTreeMap::new(),
            pages: Vec::new(),
            forgotten_users: Vec::new(),
            nudged: Vec::new(),
            happened: Vec::new(),
            messages: BTreeMap::new(),
        }
    }

    /// Opens a tab of a user; returns its number.
    pub(super) fn open(&mut self, user: u64) -> usize {
        self.try_open(user).expect("there is room")
    }

    pub(super) fn try_open(&mut self, user: u64) -> Result<usize, AttachRefused> {
        self.open_with(user, Grants::ALL)
    }

    /// With what a token grants.
    pub(super) fn open_with(&mut self, user: u64, grants: Grants) -> Result<usize, AttachRefused> {
        let number = self.browsers.len();
        self.browsers.push(Browser {
            user: user_id(user),
            grants,
            address: None,
            connection: None,
            session: SessionId::from_random(0),
            secret: String::new(),
            seq: 0,
            reference: 0,
            resumed: false,
            resumed_at: 0,
            last_ref: 0,
            checks: Vec::new(),
            view: View::Idle,
            seat: Seat::default(),
            links: Vec::new(),
            catching_up: false,
            closed: None,
            history: Vec::new(),
            inbox: Vec::new(),
            mute: false,
            boot_id: String::new(),
            call: None,
            base: (View::Idle, Seat::default()),
            adrift: false,
        });
        let done = self.attach(number, None);
        if let Err(refused) = done {
            self.browsers.pop();
            return Err(refused);
        }
        Ok(number)
    }

    pub(super) fn resume(&mut self, browser: usize) -> Result<(), AttachRefused> {
        let tries = u32::try_from(self.connections + 1).expect("few");
        self.attach(browser, Some(self.resume_of(browser, tries)))
    }

    /// By which a browser's session goes on.
    pub(super) fn resume_of(&self, browser: usize, tries: u32) -> Resume {
        let b = &self.browsers[browser];
        Resume {
            session_id: b.session,
            secret: b.secret.clone(),
            seq: b.seq,
            tries,
        }
    }

    pub(super) fn attach(&mut self, browser: usize, resume: Option<Resume>) -> Result<(), AttachRefused> {
        self.connections += 1;
        let connection = ConnectionId::from_random(self.connections);
        let user_id = self.browsers[browser].user;
        let attach = Attach {
            identity: Some(Identity {
                user_id,
                name: format!("name of {user_id}"),
                grants: self.browsers[browser].grants,
                person: self.people.get(&user_id).cloned().unwrap_or_default(),
            }),
            new_secret: None,
            missed: Some(0),
            resume,
            reference: 1,
            loopback: false,
            address: self.browsers[browser].address,
            unattended: false,
            device: Some(device_id(browser)),
            browser: String::new(),
        };
        let done = self.hub.handle_attach(connection, attach, self.now);
        if done.is_ok() {
            self.browsers[browser].connection = Some(connection);
            self.browsers[browser].mute = false;
        }
        self.drain();
        self.browsers[browser].catching_up = false;
        done.map(drop)
    }

    /// The server is killed and started again. What was on its way to the store is lost with the rest: it is told how much of it.
    pub(super) fn restart(&mut self) {
        self.starts += 1;
        self.written.clear();
        self.changed.clear();
        let ringing = self.hub.calls.values().filter(|call| !call.is_answered());
        self.forgotten.extend(ringing.map(|call| call.id));
        let sessions = self.sessions.values().map(|kept| (*kept, "name".to_owned())).collect();
        let now = self.now;
        let calls = self.calls.values().map(|(kept, since)| (*kept, now - *since)).collect();
        self.hub = Hub::new(config(), StdRng::seed_from_u64(7 + self.starts));
        self.sfu.clear();
        for browser in &mut self.browsers {
            browser.connection = None;
        }
        let members = self.members.values().map(|(kept, since)| (*kept, now - *since)).collect();
        let links = self.links.values().map(|(kept, since)| KeptLink {
            expires_in: kept.expires_in.map(|long| (*since + long).saturating_duration_since(now)),
            ..kept.clone()
        });
        // Of those who have a session, as the keeper reads them.
        let has_session = |user: &UserId| self.sessions.values().any(|kept| kept.user == *user);
        let people = self
            .people
            .clone()
            .into_iter()
            .filter(|(user, _)| has_session(user))
            .collect();
        let rooms = self.rooms.values().map(|kept| {
            let began = self.reports.get(&kept.room);
            (kept.clone(), began.map(|began| now - *began))
        });
        let restored = Restored {
            sessions,
            people,
            links: links.collect(),
            rooms: rooms.collect(),
            members,
            calls,
            guests: Vec::new(),
            abroad: Vec::new(),
        };
        self.hub.restore(restored, self.now);
        self.drain();
    }

    /// The slow hashes of all pass phrases that were given are there.
    pub(super) fn hash_all(&mut self) {
        for (session, link, passphrase) in std::mem::take(&mut self.to_hash) {
            self.hub.handle_hashed(session, Some(quick_hash(link, &passphrase)), self.now);
            self.drain();
        }
    }

    /// The store keeps the oldest of what was written, once, or fails.
    pub(super) fn save_one(&mut self, kept: bool) {
        if self.written.is_empty() {
            return;
        }
        let news = match self.written.remove(0) {
            MessageNote::Say {
                room,
                message,
                author,
                participant,
                text,
                asked,
                ..
            } if kept => {
                let count = self.messages.len() as u64;
                let key = (room, author.user_id, message);
                let again = self.messages.contains_key(&key);
                let number = *self.messages.entry(key).or_insert(count + 1);
                let message = Message {
                    number,
                    message_id: message,
                    user: author,
                    participant_id: participant,
                    at_ms: 0,
                    text,
                    edited: false,
                    deleted: false,
                    file: None,
                };
                News::Said {
                    room,
                    message,
                    again,
                    asked,
                }
            }
            note => News::NotKept(note.asked()),
        };
        self.hub.handle_news(news, self.now);
        self.drain();
    }

    /// The store keeps all that users have changed of theirs, or fails.
    pub(super) fn keep_changes(&mut self, kept: bool) {
        for note in std::mem::take(&mut self.changed) {
            let PersonNote { user, change, asked } = note;
            let news = if kept {
                self.people.entry(user).or_default().apply(&change);
                News::Person { user, change, asked }
            } else {
                News::NotKept(asked)
            };
            self.hub.handle_news(news, self.now);
            self.drain();
        }
    }

    /// Whether the store has what the hub has.
    pub(super) fn assert_kept(&self) {
        let hub = &self.hub;
        assert!(self.links.keys().eq(hub.links.keys()), "links");
        assert!(self.sessions.keys().eq(hub.sessions.keys()), "sessions");
        let answered = hub.calls.values().filter(|call| call.is_answered());
        assert!(self.calls.keys().copied().eq(answered.map(|call| call.id)), "calls");
        let mut present = BTreeSet::new();
        for (id, room) in &hub.rooms {
            for (participant, session) in room.present() {
                let (kept, _) = self.members[&session];
                assert_eq!(
                    (kept.room, kept.participant, kept.host),
                    (*id, participant, room.is_host(participant))
                );
                assert!(present.insert(session));
            }
            if room.present_count() > 0 {
                assert_eq!((self.rooms[id].locked, self.rooms[id].link), (room.locked, room.link));
            }
        }
        assert!(self.members.keys().copied().eq(present), "members");
        assert!(self.rooms.keys().all(|id| hub.rooms.contains_key(id)), "rooms");
    }

    /// The store lost a session.
    pub(super) fn forget_session(&mut self, browser: usize) {
        self.sessions.remove(&self.browsers[browser].session);
    }

    pub(super) fn kept_calls(&self) -> usize {
        self.calls.len()
    }

    fn keep(&mut self, keep: Keep) {
        match keep {
            Keep::Session(kept) => {
                assert!(self.sessions.insert(kept.session, kept).is_none());
            }
            Keep::ForgetSession(session) => {
                assert!(self.sessions.remove(&session).is_some());
            }
            Keep::Call(kept) => {
                assert!(self.calls.insert(kept.call, (kept, self.now)).is_none());
            }
            Keep::ForgetCall(call) => {
                assert!(self.calls.remove(&call).is_some());
            }
            Keep::Room(kept) => {
                self.rooms.insert(kept.room, kept);
            }
            Keep::ForgetRoom(room) => {
                assert!(self.rooms.remove(&room).is_some());
                self.members.retain(|_, (member, _)| member.room != room);
            }
            Keep::Member(kept) => {
                let since = self.members.get(&kept.session).map_or(self.now, |(_, since)| *since);
                self.members.insert(kept.session, (kept, since));
            }
            Keep::ForgetMember(session) => {
                assert!(self.members.remove(&session).is_some());
            }
            Keep::Link(kept) => {
                self.links.insert(kept.link, (kept, self.now));
            }
            Keep::ForgetLink(link) => {
                assert!(self.links.remove(&link).is_some());
            }
            Keep::History(note) => self.notes.push(note),
            Keep::Message(note) => self.written.push(note),
            Keep::Report { room, page } => {
                self.reports.entry(room).or_insert_with(|| self.now - page.began_ago);
                self.pages.push((room, page));
            }
            Keep::Person(note) => self.changed.push(note),
            Keep::Device(new, asked) => self.devices.push((new, asked)),
            Keep::SignOut(note) => self.signed_out.push(note),
            Keep::File(note) => self.files.push(note),
            Keep::ForgetUser(user) => self.forgotten_users.push(user),
            Keep::Happened(what) => self.happened.push(what),
        }
    }

    /// The websocket of a browser goes as it does when a page is left.
    pub(super) fn leave(&mut self, browser: usize) {
        if let Some(connection) = self.browsers[browser].connection.take() {
            self.hub.handle_detach(connection, Departure::Left, self.now);
            self.drain();
        }
    }

    /// The websocket of a browser goes.
    pub(super) fn cut(&mut self, browser: usize) {
        if let Some(connection) = self.browsers[browser].connection.take() {
            self.hub.handle_detach(connection, Departure::Dropped, self.now);
            self.drain();
        }
    }

    /// The same, and the last few events never arrived.
    pub(super) fn cut_losing(&mut self, browser: usize, events: usize) {
        self.cut(browser);
        let b = &mut self.browsers[browser];
        // What was seen before the last resume was forgotten by the hub.
        let seen = b.history.len().saturating_sub(events).max(b.resumed_at);
        b.history.truncate(seen);
        b.seq = seen as u64;
        (b.view, b.seat) = b.history.last().unwrap_or(&b.base).clone();
    }

    /// A browser that has a websocket sends a command.
    pub(super) fn send(&mut self, browser: usize, command: Command) {
        let b = &mut self.browsers[browser];
        b.reference += 1;
        let frame = CommandFrame {
            reference: b.reference,
            command,
        };
        if let Some(connection) = b.connection {
            self.hub.handle_command(connection, frame, self.now);
            self.drain();
        }
    }

    /// Time passes, deadline by deadline.
    pub(super) fn pass(&mut self, long: Duration) {
        let end = self.now + long;
        loop {
            let due = self.hub.poll_timeout().filter(|due| *due <= end);
            let beat = self.next_beat;
            if beat <= end && due.is_none_or(|due| beat < due) {
                self.now = self.now.max(beat);
                self.beat();
                self.next_beat = self.now + Duration::from_secs(1);
                continue;
            }
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            self.hub.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Every browser in a call is heard.
    fn beat(&mut self) {
        for n in 0..self.browsers.len() {
            let b = &self.browsers[n];
            if let Some(connection) = b.connection.filter(|_| !b.mute && b.view != View::Idle) {
                // Without a reference of its own, so that the stories count theirs.
                let reference = b.reference;
                let command = Command::Ping {};
                self.hub
                    .handle_command(connection, CommandFrame { reference, command }, self.now);
                self.drain();
            }
        }
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { connection, frame } => {
                    let found = self.browsers.iter().position(|b| b.connection == Some(connection));
                    let browser = found.expect("frames go to websockets that are there");
                    self.hear(browser, frame);
                }
                Output::Attached { .. } => panic!("there is one node"),
                Output::Close { connection, why } => {
                    let found = self.browsers.iter_mut().find(|b| b.connection == Some(connection));
                    if let Some(browser) = found {
                        browser.connection = None;
                        browser.closed = Some(why);
                    }
                }
                Output::Media(request) => self.ask_sfu(request),
                Output::Hash {
                    session,
                    link,
                    passphrase,
                } => self.to_hash.push((session, link, passphrase)),
                Output::Keep(keep) => self.keep(keep),
                Output::Read(question) => self.questions.push(question),
                Output::Push(nudge) => self.nudged.push(nudge),
                Output::SaveName { user, name } => self.saved.push((user, name)),
                Output::Count(fact) => self.facts.push(fact),
                Output::Say { word, .. } => panic!("there is no other node: {word:?}"),
            }
        }
    }

    fn hear(&mut self, browser: usize, frame: EventFrame) {
        let b = &mut self.browsers[browser];
        match (&frame.event, frame.seq) {
            (
                Event::Welcome { .. }
                | Event::Pong { .. }
                | Event::Reacted { .. }
                | Event::SpeakersChanged { .. }
                | Event::Message { .. }
                | Event::MessageChanged { .. }
                | Event::PresenceChanged { .. }
                | Event::FileOpened { .. }
                | Event::CallReport { .. },
                seq,
            ) => assert_eq!(seq, None),
            (event, seq) => {
                b.seq += 1;
                assert_eq!(seq, Some(b.seq), "a gap before {event:?}");
            }
        }
        match &frame.event {
            Event::Welcome {
                session_id,
                resume_secret,
                resumed,
                last_ref,
                boot_id,
                call,
                ..
            } => {
                assert_eq!(*resumed, *session_id == b.session);
                let restarted = *resumed && b.boot_id != *boot_id;
                b.boot_id.clone_from(boot_id);
                b.call.clone_from(call);
                if restarted {
                    // What it had not seen is lost: its call is what it is told.
                    let now = view_of(call.as_ref());
                    let in_room = matches!(now, View::Talking(..) | View::Joined(..) | View::Waiting(..));
                    let known = in_room || (b.view != View::Idle && b.view.call().is_some() && b.view.call() == now.call());
                    // What rings since then is told by the events that follow.
                    b.view = if known { now } else { View::Idle };
                    b.seat = if known { seat_of(call.as_ref()) } else { Seat::default() };
                    b.adrift = !known;
                    b.catching_up = true;
                    b.base = (b.view, b.seat.clone());
                    if let Some(last) = b.history.last_mut() {
                        *last = b.base.clone();
                    }
                    b.reference = 0;
                }
                if !resumed {
                    b.seq = 0;
                    b.view = View::Idle;
                    b.seat = Seat::default();
                    b.base = (View::Idle, Seat::default());
                    b.adrift = false;
                    b.history.clear();
                    b.reference = 0;
                }
                b.session = *session_id;
                b.secret.clone_from(resume_secret);
                b.resumed = *resumed;
                b.resumed_at = b.history.len();
                b.last_ref = *last_ref;
            }
            Event::CallRinging { call_id, room_id, .. } => {
                if b.view == View::Idle {
                    b.view = View::Calling(*call_id, *room_id);
                } else {
                    assert_eq!(b.view.room(), Some(*room_id), "it calls somebody into its room");
                    b.seat.inviting.insert(*call_id);
                }
            }
            Event::IncomingCall { call_id, room_id, .. } => {
                assert_eq!(b.view, View::Idle);
                b.view = View::Ringing(*call_id, *room_id);
            }
            Event::CallAnswered {
                call_id,
                room_id,
                participant_id,
                participants,
                polite,
                direct,
                room,
                host,
            } => {
                let before = if *polite {
                    View::Ringing(*call_id, *room_id)
                } else {
                    View::Calling(*call_id, *room_id)
                };
                assert_eq!(b.view, before);
                b.view = View::Talking(*call_id, *room_id, *participant_id, participants[0].participant_id);
                b.seat = Seat {
                    others: by_id(participants),
                    direct: *direct,
                    host: *host,
                    room: Some(room.clone()),
                    ..Seat::default()
                };
            }
            Event::AnsweredElsewhere { call_id } => {
                assert!(matches!(b.view, View::Ringing(call, _) if call == *call_id));
                b.view = View::Idle;
            }
            Event::CallEnded { call_id, reason, .. } => {
                match b.view {
                    View::Idle if b.adrift => {}
                    _ if b.seat.inviting.remove(call_id) => {}
                    _ if b.catching_up && b.view.call() != Some(*call_id) => {}
                    View::Calling(call, _) | View::Ringing(call, _) | View::Talking(call, ..) if call == *call_id => {
                        b.view = View::Idle;
                        b.seat = Seat::default();
                    }
                    View::Idle | View::Talking(..) | View::Joined(..) => {
                        assert!(
                            matches!(reason, EndReason::Busy | EndReason::Unreachable),
                            "the end of another call"
                        );
                        assert!(frame.reference.is_some());
                    }
                    View::Calling(..) | View::Ringing(..) | View::Waiting(..) => panic!("the end of another call"),
                }
                self.ends.entry(*call_id).or_default().push(*reason);
            }
            Event::RoomJoined {
                room,
                participant_id,
                participants,
                direct,
                host,
                ..
            } => {
                assert!(b.view == View::Idle || b.view == View::Waiting(room.room_id, *participant_id));
                b.view = View::Joined(room.room_id, *participant_id);
                b.seat = Seat {
                    others: by_id(participants),
                    direct: *direct,
                    host: *host,
                    room: Some(room.clone()),
                    ..Seat::default()
                };
            }
            Event::LobbyEntered { room, participant_id } => {
                assert_eq!(b.view, View::Idle);
                b.view = View::Waiting(room.room_id, *participant_id);
            }
            Event::LinkCreated { link } => b.links.push(link.link_id),
            Event::LobbyChanged { waiting, .. } => {
                b.seat.lobby = waiting.iter().map(|one| one.participant_id).collect();
            }
            Event::RoomLeft { .. } if b.adrift && b.view == View::Idle => {}
            Event::RoomLeft { room_id, .. } => {
                assert!(matches!(b.view, View::Joined(room, _) | View::Waiting(room, _) if room == *room_id));
                b.view = View::Idle;
                b.seat = Seat::default();
            }
            Event::ParticipantJoined { .. }
            | Event::ParticipantLeft { .. }
            | Event::ParticipantChanged { .. }
            | Event::DirectChanged { .. }
            | Event::RoomChanged { .. }
            | Event::Muted { .. }
            | Event::Signaled { .. }
            | Event::PathRequested { .. }
            | Event::PathChanged { .. }
                if b.catching_up || (b.adrift && b.view == View::Idle) => {}
            Event::ParticipantJoined {
                room_id,
                participant,
                call_id,
            } => {
                assert!(b.is_in(*room_id));
                if let Some(call) = call_id {
                    b.seat.inviting.remove(call);
                }
                let id = participant.participant_id;
                assert!(
                    b.seat.others.insert(id, participant.clone()).is_none(),
                    "it was there already"
                );
            }
            Event::ParticipantLeft {
                room_id, participant_id, ..
            } => {
                assert!(b.is_in(*room_id));
                assert!(b.seat.others.remove(participant_id).is_some(), "it was not there");
            }
            Event::ParticipantChanged { room_id, participant } => {
                assert!(b.is_in(*room_id));
                let id = participant.participant_id;
                if b.view.participant() == Some(id) {
                    (b.seat.host, b.seat.hand) = (participant.host, participant.hand);
                } else {
                    assert!(b.seat.others.insert(id, participant.clone()).is_some(), "it was not there");
                }
            }
            Event::DirectChanged {
                room_id,
                direct,
                participant_id,
                ..
            } => {
                assert!(b.is_in(*room_id));
                assert_ne!(std::mem::replace(&mut b.seat.direct, *direct), *direct);
                if *direct {
                    assert!(b.seat.others.len() == 1 && b.seat.others.contains_key(&participant_id.expect("with whom")));
                }
            }
            Event::RoomChanged { room } => {
                assert!(b.is_in(room.room_id));
                b.seat.room = Some(room.clone());
            }
            Event::Muted { room_id, by, .. } => assert!(b.is_in(*room_id) && by.is_none_or(|by| b.knows(by))),
            Event::Message { room_id, message } => {
                let key = (*room_id, message.user.user_id, message.message_id);
                assert_eq!(self.messages.get(&key), Some(&message.number), "heard before it is kept");
                let is_mine = message.user.user_id == b.user;
                assert!(
                    is_mine || b.is_in(*room_id) || b.catching_up || b.adrift,
                    "heard outside of the room"
                );
            }
            Event::PresenceChanged { changes } => {
                let knows = |one, other| self.people.get(&one).is_some_and(|person| person.knows(other));
                for change in changes {
                    let may_see = knows(b.user, change.user_id) && knows(change.user_id, b.user);
                    assert!(may_see || change.presence == Presence::Offline, "seen by a stranger");
                }
            }
            // They have no place in the order: right after a resume, what they are about may come later.
            Event::Reacted { room_id, .. } | Event::SpeakersChanged { room_id, .. } => {
                assert!(b.is_in(*room_id) || b.adrift);
            }
            Event::Signaled { room_id, from, .. } => {
                assert!(b.is_in(*room_id) && b.seat.direct && b.seat.others.contains_key(from));
            }
            Event::PathRequested {
                room_id, participant_id, ..
            }
            | Event::PathChanged {
                room_id, participant_id, ..
            } => assert!(b.is_in(*room_id) && b.seat.others.contains_key(participant_id)),
            Event::OfferAnswered { room_id, .. }
            | Event::SlotsChanged { room_id, .. }
            | Event::LayersWanted { room_id, .. }
            | Event::TransportLost { room_id, .. } => {
                assert!(b.view.room() == Some(*room_id) || b.checks.contains(room_id));
            }
            Event::CheckStarted { room_id } => {
                assert!(frame.reference.is_some());
                b.checks.push(*room_id);
            }
            Event::Pong { .. }
            | Event::PairingBegun { .. }
            | Event::PairingSeen { .. }
            | Event::PairingOver { .. }
            | Event::Paired { .. }
            | Event::Error { .. }
            | Event::NameChanged { .. }
            | Event::Links { .. }
            | Event::LinkSeen { .. }
            | Event::History { .. }
            | Event::HistoryChanged { .. }
            | Event::HistorySeen {}
            | Event::HistoryForgotten { .. }
            | Event::MessageChanged { .. }
            | Event::Messages { .. }
            | Event::FileBegun { .. }
            | Event::FileOpened { .. }
            | Event::CallReport { .. }
            | Event::People { .. }
            | Event::ContactChanged { .. }
            | Event::ContactForgotten { .. }
            | Event::Blocked { .. }
            | Event::Unblocked { .. }
            | Event::SettingsChanged { .. }
            | Event::Browsers { .. }
            | Event::SignedOut { .. }
            | Event::PushSubscribed {}
            | Event::PushUnsubscribed {}
            | Event::ServerStopping {} => {}
        }
        if frame.seq.is_some() {
            b.history.push((b.view, b.seat.clone()));
        }
        b.inbox.push((frame.reference, frame.event));
    }

    fn ask_sfu(&mut self, request: MediaRequest) {
        let (text, room) = match &request {
            MediaRequest::Offer { room, attempt, .. } => (format!("offer {attempt}"), room),
            MediaRequest::Admit { room, .. } => ("admit".to_owned(), room),
            MediaRequest::Publish { room, sources, .. } => (format!("publish {sources:?}"), room),
            MediaRequest::View { room, .. } => ("view".to_owned(), room),
            MediaRequest::Leave { room, .. } => ("leave".to_owned(), room),
            MediaRequest::CloseRoom { room } => ("close_room".to_owned(), room),
        };
        self.media.push(text);
        assert!(!self.closed_rooms.contains(room), "a room is asked for after its end");
        match request {
            MediaRequest::Offer { room, participant, .. }
            | MediaRequest::Admit { room, participant, .. }
            | MediaRequest::Publish { room, participant, .. }
            | MediaRequest::View { room, participant, .. } => {
                self.sfu.entry(room).or_default().insert(participant);
            }
            MediaRequest::Leave { room, participant } => {
                assert!(
                    self.sfu.get_mut(&room).expect("a room").remove(&participant),
                    "who leaves was there"
                );
            }
            MediaRequest::CloseRoom { room } => {
                self.sfu.remove(&room);
                self.closed_rooms.insert(room);
            }
        }
    }

    /// What a browser was told since it was last asked.
    pub(super) fn take(&mut self, browser: usize) -> Vec<(Option<u32>, Event)> {
        std::mem::take(&mut self.browsers[browser].inbox)
    }

    /// The same in a few words each.
    pub(super) fn told(&mut self, browser: usize) -> Vec<String> {
        self.take(browser).iter().map(|(_, event)| brief(event)).collect()
    }

    /// Everything is over, and nothing is left of it anywhere.
    pub(super) fn assert_empty(&self) {
        let hub = &self.hub;
        assert_eq!(hub.counts(), Default::default());
        assert!(hub.calls.is_empty() && hub.rooms.is_empty() && hub.users.is_empty() && hub.people.is_empty());
        assert!(hub.notebooks.is_empty());
        assert!(hub.connections.is_empty() && hub.timers.is_empty() && hub.lost.is_empty() && hub.unkept.is_empty());
        assert!(self.rooms.is_empty() && self.members.is_empty() && self.calls.is_empty() && self.sessions.is_empty());
        let same = self.links.keys().eq(hub.links.keys()) && hub.links.values().all(|link| link.room.is_none());
        assert!(same, "links stay, and lead to no room");
        assert!(
            self.sfu.is_empty(),
            "the SFU has participants that nobody took out: {:?}",
            self.sfu
        );
    }
}

impl View {
    pub(super) fn call(self) -> Option<CallId> {
        match self {
            View::Idle | View::Joined(..) | View::Waiting(..) => None,
            View::Calling(call, _) | View::Ringing(call, _) | View::Talking(call, ..) => Some(call),
        }
    }

    pub(super) fn room(self) -> Option<RoomId> {
        match self {
            View::Idle => None,
            View::Calling(_, room)
            | View::Ringing(_, room)
            | View::Talking(_, room, ..)
            | View::Joined(room, _)
            | View::Waiting(room, _) => Some(room),
        }
    }

    pub(super) fn participant(self) -> Option<ParticipantId> {
        match self {
            View::Idle | View::Calling(..) | View::Ringing(..) => None,
            View::Talking(_, _, id, _) | View::Joined(_, id) | View::Waiting(_, id) => Some(id),
        }
    }
}

impl Browser {
    pub(super) fn is_in(&self, room: RoomId) -> bool {
        matches!(self.view, View::Talking(_, own, ..) | View::Joined(own, _) if own == room)
    }

    fn knows(&self, participant: ParticipantId) -> bool {
        self.view.participant() == Some(participant) || self.seat.others.contains_key(&participant)
    }
}

fn by_id(participants: &[Participant]) -> BTreeMap<ParticipantId, Participant> {
    participants.iter().map(|p| (p.participant_id, p.clone())).collect()
}

fn view_of(call: Option<&CallNow>) -> View {
    match call {
        None => View::Idle,
        Some(CallNow::RingingOut { call_id, room_id, .. }) => View::Calling(*call_id, *room_id),
        Some(CallNow::Incoming { call_id, room_id, .. }) => View::Ringing(*call_id, *room_id),
        Some(CallNow::Answered {
            call_id,
            room_id,
            participant_id,
            participants,
            ..
        }) => {
            let other = participants.first().map_or(*participant_id, |p| p.participant_id);
            View::Talking(*call_id, *room_id, *participant_id, other)
        }
        Some(CallNow::Joined {
            room, participant_id, ..
        }) => View::Joined(room.room_id, *participant_id),
        Some(CallNow::Waiting { room, participant_id }) => View::Waiting(room.room_id, *participant_id),
    }
}

fn seat_of(call: Option<&CallNow>) -> Seat {
    match call {
        None | Some(CallNow::RingingOut { .. } | CallNow::Incoming { .. } | CallNow::Waiting { .. }) => Seat::default(),
        Some(
            CallNow::Answered {
                participants,
                direct,
                host,
                room,
                ..
            }
            | CallNow::Joined {
                participants,
                direct,
                host,
                room,
                ..
            },
        ) => Seat {
            others: by_id(participants),
            direct: *direct,
            host: *host,
            room: Some(room.clone()),
            ..Seat::default()
        },
    }
}

/// Each browser of the world is signed in as one.
pub(super) fn device_id(browser: usize) -> DeviceId {
    DeviceId::from_random(browser as u64)
}

pub(super) fn user_id(number: u64) -> UserId {
    UserId::from_random(number)
}

/// In place of the slow one.
fn quick_hash(link: LinkId, passphrase: &str) -> [u8; 32] {
    super::sha256(&format!("{link} {passphrase}"))
}

fn brief(event: &Event) -> String {
    let json = serde_json::to_value(event).expect("it is written");
    let text = |key: &str| json[key].as_str().map(|text| format!(" {text}")).unwrap_or_default();
    let kind = json["type"].as_str().expect("it has a type");
    let away = match event {
        Event::ParticipantChanged { participant, .. } if participant.reconnecting => " reconnecting",
        Event::DirectChanged { direct: true, .. } => " true",
        Event::DirectChanged { direct: false, .. } => " false",
        _ => "",
    };
    format!("{kind}{}{}{away}", text("reason"), text("code"))
}
