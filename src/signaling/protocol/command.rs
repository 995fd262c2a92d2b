//! What a browser sends.

use serde::{Deserialize, Serialize};

use super::history::HistoryPlace;
use super::path::{Path, PathProtocol, PathReason};
use super::people::Settings;
use super::report::{Happening, Measured};
use super::rooms::{LinkWish, Reaction};
use crate::id::{CallId, DeviceId, FileId, LinkId, MessageId, ParticipantId, RoomId, SessionId, Source, UserId};
use crate::view::View;

/// What a browser sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// The first command on every websocket: who this is, or which session goes on. Answered by `welcome`.
    Hello {
        protocol: u32,
        /// Left out on the first visit: the server then makes a user.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        user: Option<Credentials>,
        /// Only for a user that is being made; later `set_name`.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        name: Option<String>,
        /// In place of `user`, where the server takes tokens of its operator's application. A session that is resumed needs none.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        token: Option<String>,
        /// The link of a room that this comes to as a guest, where people sign in and this page has not.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        guest_of: Option<LinkId>,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        resume: Option<Resume>,
    },
    /// Asks for a `pong`.
    Ping {},
    /// Changes the display name that others see; empty removes it.
    SetName {
        name: String,
    },
    /// Rings all other sessions of a user. Answered by `call_ringing`, by `call_ended` (`busy` or `unreachable`, with a `call_id` that
    /// is not known from before), or by `call_answered` of the other's call, where the two call each other at the same time.
    Call {
        user_id: UserId,
        #[serde(default)]
        always_through_server: bool,
    },
    /// Answers an incoming call.
    Accept {
        call_id: CallId,
        #[serde(default)]
        always_through_server: bool,
    },
    /// Refuses an incoming call, on all the user's sessions.
    Decline {
        call_id: CallId,
    },
    /// Takes back one's own call while it rings. If it crosses the answer on the wire, it hangs up: the call ends with `hung_up`.
    Cancel {
        call_id: CallId,
    },
    /// Ends an answered call. Of one that is over already it is no error: it may be said again after a resume.
    HangUp {
        call_id: CallId,
    },
    /// Connects (or renegotiates) `forwarded`: an SDP offer for the server's SFU. Allowed as soon as the call rings at this session.
    /// Answered by `offer_answered`.
    Offer {
        room_id: RoomId,
        /// Counts this session's forwarded connections in this room: a higher one replaces the one before.
        attempt: u32,
        sdp: String,
        /// Which track is sent on which m-line. The m-lines that receive are the slots.
        sources: Vec<SourceLine>,
    },
    /// Says which tracks this participant has on now (all that are not named are off). Allowed as soon as the call rings at this
    /// session.
    Publish {
        room_id: RoomId,
        sources: Vec<Source>,
    },
    /// Carries the negotiation of `direct` to the other participant.
    Signal {
        room_id: RoomId,
        to: ParticipantId,
        signal: DirectSignal,
    },
    /// Asks the other participant to send on this path from now on.
    RequestPath {
        room_id: RoomId,
        path: Path,
        reason: PathReason,
    },
    /// Says that this participant sees and hears the other on this path now.
    ReportPath {
        room_id: RoomId,
        path: Path,
        reason: PathReason,
        /// What carries the path, where the browser can tell.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        protocol: Option<PathProtocol>,
        /// Whether our relay lies between: then `protocol` is what reaches that.
        #[serde(default)]
        relayed: bool,
        /// From the answer to the first decoded media, in milliseconds. Only with the first report in a call.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        setup_ms: Option<u32>,
    },
    /// Tells what this page measured of the connection that brings what it shows, every five seconds or so: for the report of the call.
    /// Not answered.
    ReportQuality {
        room_id: RoomId,
        measured: Measured,
    },
    /// Tells what happened to this participant's devices or page, for the same. Not answered.
    ReportHappening {
        room_id: RoomId,
        what: Happening,
    },
    /// Asks for the report of a call of this user's history. Answered by `call_report`.
    CallReport {
        call_id: CallId,
    },
    /// Rings a user into the room that this session is in. Answered like `call`; where it is answered there, the room gets
    /// `participant_joined` with this `call_id`. `cancel` takes it back.
    Invite {
        room_id: RoomId,
        user_id: UserId,
    },
    /// Makes a link by which people join: to a room of its own, or to the one that this session is in (then it ends with that room).
    /// Answered by `link_created`.
    CreateLink {
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        room_id: Option<RoomId>,
        #[serde(flatten)]
        wish: LinkWish,
    },
    /// Nobody joins by this link any more; whoever is in the room stays. Only its maker may, or a host of the room.
    RevokeLink {
        link_id: LinkId,
    },
    /// Asks for the links that this user made. Answered by `links`.
    ListLinks {},
    /// Asks what a link leads to. Answered by `link_seen`, or the error `no_such_link`.
    LookAtLink {
        link_id: LinkId,
    },
    /// Enters the room of a link. Answered by `room_joined` or `lobby_entered`, or the errors `no_such_link`, `passphrase_needed`,
    /// `room_locked`, `room_full`.
    Join {
        link_id: LinkId,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        passphrase: Option<String>,
        #[serde(default)]
        always_through_server: bool,
    },
    /// Leaves a room or its lobby. Who came by a call may as well say `hang_up`.
    Leave {
        room_id: RoomId,
    },
    /// A host's: whether the link lets nobody in.
    Lock {
        room_id: RoomId,
        locked: bool,
    },
    /// A host's: lets somebody in from the lobby, or sends them away.
    Admit {
        room_id: RoomId,
        participant_id: ParticipantId,
        admitted: bool,
    },
    /// A host's: switches a track of somebody off. They may switch it on again.
    Mute {
        room_id: RoomId,
        participant_id: ParticipantId,
        source: Source,
    },
    /// A host's: takes somebody out of the room. The link does not let that user in again while the room lives.
    Remove {
        room_id: RoomId,
        participant_id: ParticipantId,
    },
    RaiseHand {
        room_id: RoomId,
        raised: bool,
    },
    React {
        room_id: RoomId,
        reaction: Reaction,
    },
    /// Says what the page shows, so that the SFU sends that in the slots there are, and no more than can be seen. Again whenever the
    /// layout changes.
    View {
        room_id: RoomId,
        view: View,
    },
    /// Asks for a room with nobody else in it, to measure the way to the SFU by `offer` and `publish`. Answered by `check_started`. It
    /// ends after 15 s, with the session, or when another one begins.
    StartCheck {},
    /// Ends the check; where there is none, that is no error.
    EndCheck {},
    /// Asks for the calls of this user that are over, newest first. Answered by `history`.
    History {
        /// Only those that rang before this one.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        before: Option<HistoryPlace>,
        /// At most 100.
        limit: u32,
    },
    /// The user knows of all missed calls. Answered by `history_seen`.
    SeeHistory {},
    /// Writes something in the room that this session is in. Answered, like everybody in the room, by `message`, once it is kept; or by
    /// the error `not_saved`. The same user's message of the same id is kept once, so it may be said again.
    Say {
        room_id: RoomId,
        message_id: MessageId,
        /// At most 4,000 characters. It may be empty where there is a file.
        text: String,
        /// One of this user's that is whole: it is part of this message from then on.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        file_id: Option<FileId>,
    },
    /// Begins to send a file in the room that this session is in. Answered by `file_begun`; then its bytes go over HTTP, and `say` takes it
    /// along. Errors: `too_large`, `no_space`, `not_allowed` where the server keeps no files.
    SendFile {
        room_id: RoomId,
        /// Of the message that it is to be part of.
        message_id: MessageId,
        name: String,
        /// How many it has: from 1 to `file_bytes_max` of `welcome`.
        #[cfg_attr(test, ts(type = "number"))]
        bytes: u64,
    },
    /// Asks for the file of a message in the room that this session is in. Answered by `file_opened`.
    OpenFile {
        room_id: RoomId,
        #[cfg_attr(test, ts(type = "number"))]
        number: u64,
    },
    /// The same of a message in a call of this user's history.
    OpenCallFile {
        call_id: CallId,
        #[cfg_attr(test, ts(type = "number"))]
        number: u64,
    },
    /// Writes one's own message anew. Answered by `message_changed`.
    EditMessage {
        room_id: RoomId,
        #[cfg_attr(test, ts(type = "number"))]
        number: u64,
        text: String,
    },
    /// Takes one's own message away; a host's, anybody's. Answered by `message_changed`.
    DeleteMessage {
        room_id: RoomId,
        #[cfg_attr(test, ts(type = "number"))]
        number: u64,
    },
    /// Asks for what was written in the room that this session is in, also before it came. Answered by `messages`.
    Messages {
        room_id: RoomId,
        /// Only those with a smaller number.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable, type = "number"))]
        before: Option<u64>,
        /// At most 100.
        limit: u32,
    },
    /// Asks for what was written in a call of this user's history. Answered by `messages`.
    CallMessages {
        call_id: CallId,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable, type = "number"))]
        before: Option<u64>,
        limit: u32,
    },
    /// Asks for whom this user knows and has blocked, and for the user's settings. Answered by `people`.
    People {},
    /// Keeps a contact of this user, or changes its name. The other is not told, and the answer does not depend on whether there is
    /// such a user. Answered by `contact_changed`, or the error `not_allowed` where there are as many as may be.
    KeepContact {
        user_id: UserId,
        name: String,
    },
    /// Answered by `contact_forgotten`, also where it was none.
    ForgetContact {
        user_id: UserId,
    },
    /// From now on this user is not there for the other: calls do not ring and are not in the history, what the other writes in a room
    /// is not shown, and presence is not. The other is not told. Answered by `blocked`.
    Block {
        user_id: UserId,
        /// For this user's list.
        name: String,
    },
    /// Answered by `unblocked`, also where it was not blocked.
    Unblock {
        user_id: UserId,
    },
    /// Changes the user's settings: all of them. Answered by `settings_changed`.
    Set {
        settings: Settings,
    },
    /// Has this browser told what its user misses while no page of theirs is open (RFC 8030): what `PushSubscription` gives, made with
    /// the `push_key` of `/api/v1/server`. Answered by `push_subscribed`. Of one user, one more takes the place of the oldest.
    SubscribePush {
        endpoint: String,
        p256dh: String,
        auth: String,
    },
    /// Answered by `push_unsubscribed`, also where it was not subscribed.
    UnsubscribePush {
        endpoint: String,
    },
    /// Says whether nobody looks at this page. Not answered.
    SetAway {
        away: bool,
    },
    /// Asks in which browsers this user is signed in. Answered by `browsers`. Not where people come with tokens.
    Browsers {},
    /// Signs one browser of this user out, or all but the one that says so: their pages end, and nothing is pushed to them any more.
    /// Answered by `signed_out`, also where it was not signed in. The one that says so itself signs out otherwise, or is told that it is
    /// the one.
    SignOut {
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        browser_id: Option<DeviceId>,
    },
    /// Asks for a code by which one more browser becomes this user's, good once and for some minutes. Answered by `pairing_begun`; it is
    /// over with `pairing_over`. Only where users are an id and a secret.
    Pair {},
    /// The code is shown no more. Answered by `pairing_over`.
    CancelPairing {},
    /// Asks whom a code brings. Answered by `pairing_seen`.
    LookAtPairing {
        code: String,
    },
    /// Makes this browser the user's whom the code brings. Answered by `paired`.
    UsePairing {
        code: String,
    },
    /// Forgets one of this user's calls, or all; the other user keeps theirs. Answered by `history_forgotten`.
    ForgetHistory {
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        call_id: Option<CallId>,
    },
}

/// A user id and the secret that proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Credentials {
    pub user_id: UserId,
    pub secret: String,
}

/// Which session goes on, and the last event of it that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Resume {
    pub session_id: SessionId,
    pub secret: String,
    /// `seq` of the last event received (0: none).
    #[cfg_attr(test, ts(type = "number"))]
    pub seq: u64,
    /// Counts the websockets on which this page says this, from 1 (0: it does not count). A `hello` may be late: of one that says less than
    /// the websocket which the session has, nobody reads the answer any more.
    #[serde(default)]
    pub tries: u32,
}

/// A track that is sent on an m-line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SourceLine {
    /// The m-line's `a=mid`.
    pub mid: String,
    pub source: Source,
}

/// One step of the negotiation of a direct connection (perfect negotiation, W3C WebRTC section 10.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DirectSignal {
    Description {
        /// Counts the direct connections of this pair: a higher one replaces the one before.
        generation: u32,
        sdp_type: SdpType,
        sdp: String,
    },
    /// A trickled candidate; without `candidate`: there will be no more.
    Candidate {
        generation: u32,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        candidate: Option<IceCandidate>,
    },
    /// The polite side's network is another one: the impolite side, which makes the offers, is to restart ICE.
    Restart { generation: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SdpType {
    Offer,
    Answer,
}

/// `RTCIceCandidateInit` in snake_case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceCandidate {
    pub candidate: String,
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub sdp_mid: Option<String>,
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub sdp_m_line_index: Option<u16>,
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub username_fragment: Option<String>,
}
