//! What the server sends.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::command::DirectSignal;
use super::history::HistoryRow;
use super::messages::Message;
use super::path::{Path, PathProtocol, PathReason};
use super::people::{Browser, Contact, PresenceOf, Settings};
use super::report::CallReport;
use super::rooms::{LeaveReason, Link, LinkPreview, Reaction, RoomInfo, Waiting};
use crate::grants::Grants;
use crate::id::{CallId, DeviceId, FileId, MessageId, ParticipantId, RoomId, SessionId, Source, UserId};

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The session is there. Answers `hello`.
    Welcome {
        protocol: u32,
        session_id: SessionId,
        /// Proves this session when it is resumed.
        resume_secret: String,
        /// Whether the session asked for goes on (missed events follow); else it is a new one.
        resumed: bool,
        /// The last `ref` that the server took from this session (0: none); send later commands again.
        last_ref: u32,
        user_id: UserId,
        /// Only for a user that was just made: keep it, it is never shown again.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        secret: Option<String>,
        name: String,
        /// Seconds for which a call rings.
        ring_timeout_s: u32,
        /// What `forwarded` may use; `direct` only those with STUN.
        ice_servers: Vec<IceServer>,
        /// Which run of the server this is. Another one than before: events on the way and forwarded connections are gone.
        boot_id: String,
        /// The call that the session has, for a page that does not know of it: after the events that follow, nothing is new in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        call: Option<CallNow>,
        /// What the token of this session lets it do; none: everything.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        grants: Option<Grants>,
        /// Missed calls that the user has not seen; none: as many as before.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        missed: Option<u32>,
        /// Bytes that a file in a chat may have; none: this server keeps no files.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "number"))]
        file_bytes_max: Option<u64>,
    },
    /// The code that was asked for: to be shown on this page, and to be given on another device's.
    PairingBegun {
        code: String,
        expires_in_s: u32,
    },
    /// Whom a code brings.
    PairingSeen {
        user: UserInfo,
    },
    /// The code that this session showed is good no more.
    PairingOver {
        /// The browser that gave it, as far as it says; none: nobody did.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        used_by: Option<String>,
    },
    /// This browser is this user's from now on: keep both, and say them in the next `hello`.
    Paired {
        user_id: UserId,
        secret: String,
    },
    Pong {
        /// Instead of all that were told before: credentials are renewed before they run out.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        ice_servers: Option<Vec<IceServer>>,
    },
    /// A command was not carried out, and changed nothing.
    Error {
        code: ErrorCode,
        message: String,
        /// When to try again, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        retry_after_s: Option<u32>,
    },
    /// The user's name was changed, here or in another session of the same user.
    NameChanged {
        name: String,
    },
    /// Our call rings at the other.
    CallRinging {
        call_id: CallId,
        room_id: RoomId,
        user: UserInfo,
    },
    /// Someone calls.
    IncomingCall {
        call_id: CallId,
        room_id: RoomId,
        user: UserInfo,
    },
    /// The call was answered, and this session is in the room.
    CallAnswered {
        call_id: CallId,
        room_id: RoomId,
        /// This session's own.
        participant_id: ParticipantId,
        /// The others.
        participants: Vec<Participant>,
        /// Whether `direct` may be negotiated.
        direct: bool,
        /// This session's role in perfect negotiation.
        polite: bool,
        room: RoomInfo,
        /// Whether this session is a host.
        host: bool,
    },
    /// Another session of this user answered: stop ringing.
    AnsweredElsewhere {
        call_id: CallId,
    },
    /// The call is over for this session. Exactly once to each that had part in it; in a room of several the call may go on without it.
    CallEnded {
        call_id: CallId,
        reason: EndReason,
        /// Milliseconds since it was answered (0: it was not).
        duration_ms: u32,
    },
    /// The SFU's SDP answer to `offer`.
    OfferAnswered {
        room_id: RoomId,
        attempt: u32,
        sdp: String,
    },
    /// Which track the SFU sends in which slot. Always the whole list.
    SlotsChanged {
        room_id: RoomId,
        attempt: u32,
        slots: Vec<Slot>,
    },
    /// What the SFU wants of a published track: encodings that are not wanted need not be encoded.
    LayersWanted {
        room_id: RoomId,
        source: Source,
        layers: Vec<WantedLayer>,
    },
    /// The server gave up this session's forwarded connection: make a new one with a higher `attempt`.
    TransportLost {
        room_id: RoomId,
        attempt: u32,
        reason: TransportLostReason,
    },
    /// A participant's tracks, presence, hand or role changed. Also about this session's own participant, where the server changed it.
    ParticipantChanged {
        room_id: RoomId,
        participant: Participant,
    },
    /// Somebody came into the room.
    ParticipantJoined {
        room_id: RoomId,
        participant: Participant,
        /// The invitation that brought them.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        call_id: Option<CallId>,
    },
    /// Somebody is not in the room any more.
    ParticipantLeft {
        room_id: RoomId,
        participant_id: ParticipantId,
        reason: LeaveReason,
    },
    /// Whether the two in the room may be connected directly changed: they are two no more, or again. `participant_id` is the other.
    /// On `false`, media goes on over `forwarded` before `direct` is closed.
    DirectChanged {
        room_id: RoomId,
        direct: bool,
        polite: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        participant_id: Option<ParticipantId>,
    },
    /// The room's name, link, lock or lobby changed.
    RoomChanged {
        room: RoomInfo,
    },
    /// This session came into a room by a link.
    RoomJoined {
        room: RoomInfo,
        /// This session's own.
        participant_id: ParticipantId,
        /// The others.
        participants: Vec<Participant>,
        direct: bool,
        polite: bool,
        host: bool,
    },
    /// This session waits in the lobby: `room_joined` or `room_left` follows.
    LobbyEntered {
        room: RoomInfo,
        participant_id: ParticipantId,
    },
    /// This session, which came by a link, is not in the room or its lobby any more. Exactly once.
    RoomLeft {
        room_id: RoomId,
        reason: LeaveReason,
    },
    /// To hosts: who waits in the lobby now. Always the whole list, in the order of coming.
    LobbyChanged {
        room_id: RoomId,
        waiting: Vec<Waiting>,
    },
    /// A host switched this session's track off; or, where nobody is named, the operator.
    Muted {
        room_id: RoomId,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        by: Option<ParticipantId>,
        source: Source,
    },
    Reacted {
        room_id: RoomId,
        participant_id: ParticipantId,
        reaction: Reaction,
    },
    /// Who speaks now, loudest first; empty: nobody. The one who spoke last keeps the stage.
    SpeakersChanged {
        room_id: RoomId,
        participant_ids: Vec<ParticipantId>,
    },
    LinkCreated {
        link: Link,
    },
    /// All that this user made and that still work.
    Links {
        links: Vec<Link>,
    },
    LinkSeen {
        link: LinkPreview,
    },
    /// A step of the negotiation of `direct` from the other participant.
    Signaled {
        room_id: RoomId,
        from: ParticipantId,
        signal: DirectSignal,
    },
    /// The other participant asks us to send on this path.
    PathRequested {
        room_id: RoomId,
        participant_id: ParticipantId,
        path: Path,
        reason: PathReason,
    },
    /// The other participant now sees and hears us on this path: the other path can fall silent.
    PathChanged {
        room_id: RoomId,
        participant_id: ParticipantId,
        path: Path,
        reason: PathReason,
        /// What carries it at the other's end, where its browser could tell: so that both know whose network is the narrow one.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        protocol: Option<PathProtocol>,
    },
    /// The room for a check of the connection is there.
    CheckStarted {
        room_id: RoomId,
    },
    /// A part of the history of this user's calls.
    History {
        rows: Vec<HistoryRow>,
        /// Whether there are older ones.
        more: bool,
        /// Missed and not seen, in the whole history.
        missed: u32,
    },
    /// A call of this user is over, and in the history.
    HistoryChanged {
        row: HistoryRow,
        missed: u32,
    },
    /// The user knows of all missed calls.
    HistorySeen {},
    /// One call is not in the history any more; without `call_id`: none is.
    HistoryForgotten {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        call_id: Option<CallId>,
        missed: u32,
    },
    /// Something was written in the room, and is kept. To everybody in it, the sender included. It is not replayed.
    Message {
        room_id: RoomId,
        message: Message,
    },
    /// Something that was written was written anew, or taken away.
    MessageChanged {
        room_id: RoomId,
        message: Message,
    },
    /// There is place for a file: its bytes go to `/files/<ticket>` by `PUT`, at once.
    FileBegun {
        message_id: MessageId,
        file_id: FileId,
        ticket: String,
    },
    /// A file is to be had at `/files/<ticket>`, at once.
    FileOpened {
        file_id: FileId,
        ticket: String,
    },
    /// A part of what was written in a room or a call, in its order.
    Messages {
        /// Where a room was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        room_id: Option<RoomId>,
        /// Where a call was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        call_id: Option<CallId>,
        messages: Vec<Message>,
        /// Whether there are older ones.
        more: bool,
    },
    /// The report of a call, as far as this user had part in it. It is not replayed: ask again.
    CallReport {
        call_id: CallId,
        report: Box<CallReport>,
    },
    /// Whom this user knows and has blocked, each in the order of ids, and the user's settings.
    People {
        contacts: Vec<Contact>,
        blocked: Vec<UserInfo>,
        settings: Settings,
    },
    /// A contact of this user is there, or has another name.
    ContactChanged {
        contact: Contact,
    },
    ContactForgotten {
        user_id: UserId,
    },
    Blocked {
        user: UserInfo,
    },
    Unblocked {
        user_id: UserId,
    },
    SettingsChanged {
        settings: Settings,
    },
    /// To the session that asked, in the order in which they came.
    Browsers {
        browsers: Vec<Browser>,
    },
    /// To the session that asked: these were signed in, and are not any more.
    SignedOut {
        browser_ids: Vec<DeviceId>,
    },
    /// To the session that asked.
    PushSubscribed {},
    /// The same.
    PushUnsubscribed {},
    /// Contacts of this user came, went, or have a call. It is not replayed: whoever comes back asks for `people`.
    PresenceChanged {
        changes: Vec<PresenceOf>,
    },
    /// The server is going down: direct calls go on; reconnect with back-off.
    ServerStopping {},
}

/// Where a session's call stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CallNow {
    /// This session calls, and it rings at the other.
    RingingOut {
        call_id: CallId,
        room_id: RoomId,
        /// The other.
        user: UserInfo,
        /// Milliseconds since it began to ring.
        elapsed_ms: u32,
        /// This session's latest forwarded connection in the room (0: none): go on above it.
        attempt: u32,
    },
    /// It rings here.
    Incoming {
        call_id: CallId,
        room_id: RoomId,
        user: UserInfo,
        elapsed_ms: u32,
        attempt: u32,
    },
    Answered {
        call_id: CallId,
        room_id: RoomId,
        user: UserInfo,
        /// Milliseconds since the answer.
        elapsed_ms: u32,
        attempt: u32,
        /// The latest direct connection of which a description went through the server (0: none since it started): go on above it.
        generation: u32,
        /// Whether this session made the call.
        outgoing: bool,
        participant_id: ParticipantId,
        participants: Vec<Participant>,
        direct: bool,
        polite: bool,
        room: RoomInfo,
        host: bool,
        /// Whom this session calls into the room, while it rings at them.
        invitations: Vec<Invitation>,
    },
    /// It came into a room by a link.
    Joined {
        room: RoomInfo,
        /// Milliseconds since it came in.
        elapsed_ms: u32,
        attempt: u32,
        generation: u32,
        participant_id: ParticipantId,
        participants: Vec<Participant>,
        direct: bool,
        polite: bool,
        host: bool,
        invitations: Vec<Invitation>,
    },
    /// It waits in a lobby.
    Waiting { room: RoomInfo, participant_id: ParticipantId },
}

/// A call of this session that rings somebody into its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Invitation {
    pub call_id: CallId,
    pub user: UserInfo,
}

/// `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceServer {
    pub urls: Vec<String>,
    /// With TURN only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub credential: Option<String>,
}

/// Without the credential.
impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// A user as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UserInfo {
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Empty where none was given.
    pub name: String,
}

/// A session in a room as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Participant {
    pub participant_id: ParticipantId,
    pub user: UserInfo,
    /// The tracks that are on.
    pub sources: Vec<Source>,
    /// Its websocket is gone, and the server waits for it to come back.
    pub reconnecting: bool,
    /// May mute, remove, admit and lock.
    pub host: bool,
    /// Whether the hand is up: the place in the order of raising, from 1. None: it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub hand: Option<u32>,
}

/// A slot and the track in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Slot {
    /// The m-line's `a=mid`.
    pub mid: String,
    pub participant_id: ParticipantId,
    pub source: Source,
    /// Bandwidth, or the server, does not suffice for it now: no picture comes, and the last one is not to be taken for it.
    pub paused: bool,
}

/// One encoding of a published track, and whether anybody watches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WantedLayer {
    /// The encoding's rid; none where the track is sent without simulcast.
    pub rid: Option<String>,
    pub active: bool,
    /// At most this, in bits per second.
    pub bitrate_bps: u32,
}

/// Why the server gave up a forwarded connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TransportLostReason {
    /// Nothing came through in time, or nothing comes through any more.
    Timeout,
    /// The handshake failed.
    Handshake,
    /// A fault inside the server; only this connection is affected.
    Fault,
    /// The browser closed it.
    Closed,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Declined,
    Busy,
    NoAnswer,
    Cancelled,
    HungUp,
    ConnectionLost,
    /// No such user, or no session of it is there: a stranger cannot tell which.
    Unreachable,
    /// A host took this participant out of the room.
    Removed,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// It is not a command, or its values make no sense.
    BadCommand,
    /// `hello` has to come first, the secret is not the user's, or the token is not good.
    NotSignedIn,
    /// Not to this session, or not in this state.
    NotAllowed,
    /// Too many commands, sessions or connections.
    RateLimited,
    /// A frame or a field beyond its limit.
    TooLarge,
    /// The server is going down.
    ShuttingDown,
    /// The server has too much to do to take on more.
    Overloaded,
    /// The room has as many participants as it may.
    RoomFull,
    /// The host locked the room.
    RoomLocked,
    /// There is no such link, or it is used up, expired or revoked: a stranger cannot tell which.
    NoSuchLink,
    /// The link has a pass phrase, and this was none or another.
    PassphraseNeeded,
    /// The store did not keep it: nothing has changed, and it may be said again.
    NotSaved,
    /// The store could not be read.
    NotLoaded,
    /// Whoever it is about is on another node of the server, which cannot be reached now.
    NodeUnreachable,
    /// There is no such code, or it was used, called off or is over: a stranger cannot tell which.
    NoSuchCode,
    /// This user's files, or all of the server's, have no place for one more.
    NoSpace,
    /// The files of this room are kept by another node of the server, in a store of its own, where this browser does not reach them.
    KeptElsewhere,
}
