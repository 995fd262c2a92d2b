//! What the hub says, as data: tests compare it, and the driver carries it out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::Kind;
use super::happening::Happening;
use super::hub::AttachRefused;
use super::limits::Limit;
use super::nodes::Word;
use super::pairing::NewDevice;
use super::person::PersonNote;
use super::protocol::{EndReason, ErrorCode, EventFrame, Slot, TransportLostReason, WantedLayer};
use super::push::Nudge;
use super::record::{PathChange, Record};
use super::records::{Asked, FileNote, MessageNote, Note, Question, SignOut};
use super::report::Page;
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, LinkId, NodeId, ParticipantId, RoomId, SessionId, Source, UserId};
use crate::view::View;

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write this to a websocket.
    Send { connection: ConnectionId, frame: EventFrame },
    /// A websocket for which `Hub::handle_attach` had to ask others first has its session, or none.
    Attached {
        connection: ConnectionId,
        done: Result<(), AttachRefused>,
    },
    /// Close a websocket, after what was sent to it. The hub has forgotten the connection already.
    Close { connection: ConnectionId, why: CloseReason },
    /// Ask this of the SFU.
    Media(MediaRequest),
    /// Keep this name.
    SaveName { user: UserId, name: String },
    /// Compute the slow hash of a pass phrase, beside the hub, and bring that to `Hub::handle_hashed`.
    Hash {
        session: SessionId,
        link: LinkId,
        passphrase: String,
    },
    /// Note this in the store. What comes of a [`Note`] or a [`MessageNote`] is for `Hub::handle_news`.
    Keep(Keep),
    /// Read this in the store, beside the hub, and bring it to `Hub::handle_finding`.
    Read(Question),
    /// Tell somebody who has no page open, by the service of their browser.
    Push(Nudge),
    /// Tell another node's hub.
    Say { to: NodeId, word: Word },
    /// Count it, and log it where it is the start or the end of something.
    Count(Fact),
}

/// Why a websocket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The session goes on on another websocket.
    Replaced,
    /// It went on to send too many commands after many refusals.
    RateLimited,
    /// Nothing was heard for too long.
    Silent,
    /// The operator has the user forgotten.
    Forgotten,
    /// Its browser was signed out.
    SignedOut,
    /// The node that has its session is not heard.
    NodeAway,
    /// Its room is at another node from here on.
    Moved,
}

/// A change of what outlives the process.
#[derive(Debug, Clone, PartialEq)]
pub enum Keep {
    Session(KeptSession),
    ForgetSession(SessionId),
    /// The call was answered just now.
    Call(KeptCall),
    ForgetCall(CallId),
    /// It is there, or something of it changed.
    Room(KeptRoom),
    /// With everybody in it.
    ForgetRoom(RoomId),
    /// It came in just now, or became a host.
    Member(KeptMember),
    ForgetMember(SessionId),
    /// It was made just now, or let its one guest in.
    Link(KeptLink),
    ForgetLink(LinkId),
    /// For what its users see of it later.
    History(Note),
    Message(MessageNote),
    File(FileNote),
    /// What is new in the report of a room.
    Report {
        room: RoomId,
        page: Page,
    },
    /// Of what belongs to a user.
    Person(PersonNote),
    /// One more browser of a user. Answered by `News::Paired`.
    Device(NewDevice, Asked),
    /// Answered by `News::SignedOut`.
    SignOut(SignOut),
    /// Everything that is the user's. Answered by `News::UserForgotten`.
    ForgetUser(UserId),
    /// The operator's application is to be told.
    Happened(Happening),
}

impl Keep {
    /// Who waits for what comes of it.
    pub fn asked(&self) -> Option<Asked> {
        match self {
            Keep::History(note) => note.asked(),
            Keep::Message(note) => Some(note.asked()),
            Keep::File(note) => Some(note.asked),
            Keep::Person(note) => Some(note.asked),
            Keep::Device(_, asked) => Some(*asked),
            Keep::SignOut(note) => Some(note.asked),
            Keep::Session(_)
            | Keep::ForgetSession(_)
            | Keep::Call(_)
            | Keep::ForgetCall(_)
            | Keep::Room(_)
            | Keep::ForgetRoom(_)
            | Keep::Member(_)
            | Keep::ForgetMember(_)
            | Keep::Link(_)
            | Keep::ForgetLink(_)
            | Keep::Report { .. }
            | Keep::ForgetUser(_)
            | Keep::Happened(_) => None,
        }
    }
}

/// What a session needs to go on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptSession {
    pub session: SessionId,
    pub user: UserId,
    /// SHA-256.
    pub secret_hash: [u8; 32],
    pub grants: Grants,
}

/// What an answered call needs to go on after a restart. Who came by it is in their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptCall {
    pub call: CallId,
    pub room: RoomId,
    /// Into a room that was there before.
    pub invitation: bool,
    pub caller: SessionId,
    pub caller_user: UserId,
    pub callee_user: UserId,
}

/// What a room needs to go on after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRoom {
    pub room: RoomId,
    /// Whether it was made by a call.
    pub by_call: bool,
    pub name: String,
    pub link: Option<LinkId>,
    pub locked: bool,
    pub lobby: bool,
    pub removed: Vec<UserId>,
}

/// What a participant needs to go on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptMember {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub session: SessionId,
    pub call: Option<CallId>,
    /// In the order of coming.
    pub place: u64,
    pub host: bool,
    pub through_server: bool,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLink {
    pub link: LinkId,
    pub maker: UserId,
    pub name: String,
    /// PBKDF2 of the pass phrase.
    pub passphrase: Option<[u8; 32]>,
    /// From now on; none: it does not expire.
    pub expires_in: Option<Duration>,
    pub single_use: bool,
    pub used: bool,
    pub lobby: bool,
    /// Whether its maker is a host in its room.
    pub makes_hosts: bool,
    /// The running room that it was made in, and ends with.
    pub within: Option<RoomId>,
}

/// What the hub asks of the SFU.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaRequest {
    /// Answered by `MediaFact::Answered` or `MediaFact::Refused`.
    Offer {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        sdp: String,
        sources: Vec<(String, Source)>,
        loopback: bool,
    },
    Admit {
        room: RoomId,
        participant: ParticipantId,
        /// Whether it is sent the media of others.
        receives: bool,
    },
    Publish {
        room: RoomId,
        participant: ParticipantId,
        sources: Vec<Source>,
    },
    View {
        room: RoomId,
        participant: ParticipantId,
        view: View,
    },
    Leave {
        room: RoomId,
        participant: ParticipantId,
    },
    CloseRoom {
        room: RoomId,
    },
}

/// What the SFU says about a room.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaFact {
    /// About one participant's transport.
    Transport {
        room: RoomId,
        participant: ParticipantId,
        what: MediaNews,
    },
    /// Who speaks, loudest first.
    Speakers { room: RoomId, speakers: Vec<ParticipantId> },
}

/// See [`MediaFact`].
#[derive(Debug, Clone, PartialEq)]
pub enum MediaNews {
    Answered { attempt: u32, sdp: String },
    Refused { attempt: u32, code: ErrorCode, message: String },
    SlotsChanged { attempt: u32, slots: Vec<Slot> },
    LayersWanted { source: Source, layers: Vec<WantedLayer> },
    TransportLost { attempt: u32, reason: TransportLostReason },
}

/// What happened, for metrics and logs.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    SessionStarted {
        session: SessionId,
    },
    SessionEnded {
        session: SessionId,
        lasted: Duration,
    },
    CallStarted {
        call: CallId,
        kind: Kind,
    },
    CallAnswered {
        call: CallId,
        rang: Duration,
    },
    CallEnded {
        call: CallId,
        reason: EndReason,
        lasted: Duration,
        record: Record,
    },
    Setup {
        call: Option<CallId>,
        seconds: f64,
    },
    Path {
        change: PathChange,
    },
    Refused {
        code: ErrorCode,
    },
    LimitReached {
        limit: Limit,
    },
    /// A session of another node has its call here from now on.
    VisitorCame {
        session: SessionId,
    },
    VisitorGone {
        session: SessionId,
    },
    /// No websocket of this node leads to this session of another one any more.
    DoorShut {
        session: SessionId,
    },
    /// Somebody said `join`.
    Join {
        outcome: JoinOutcome,
    },
    /// At the start, from the store.
    Restored {
        sessions: usize,
        calls: usize,
        rooms: usize,
        links: usize,
    },
}

/// What came of a `join`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinOutcome {
    /// At once, or from the lobby.
    Entered,
    Lobby,
    Refused(ErrorCode),
}

impl JoinOutcome {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            JoinOutcome::Entered => "entered",
            JoinOutcome::Lobby => "lobby",
            JoinOutcome::Refused(code) => code.as_str(),
        }
    }
}

/// What a restart would cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Running {
    /// Whether nothing new begins.
    pub draining: bool,
    /// Calls, and rooms in which people are together.
    pub calls: usize,
    pub participants: usize,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub sessions: usize,
    pub ringing: usize,
    pub answered: usize,
    /// With at least one participant.
    pub rooms: usize,
    pub participants: usize,
    pub waiting: usize,
    /// Sessions of other nodes that have their call here.
    pub visitors: usize,
    /// Websockets here whose session is on another node.
    pub doors: usize,
}
