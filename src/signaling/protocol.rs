//! The whole wire protocol between a browser and the server: [`Command`] one way, [`Event`] the other, as JSON text frames on one
//! websocket. docs/protocol.md tells it in order of time; web/src/protocol.ts is generated from here by a test.

mod wire_names;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CallId, ParticipantId, RoomId, SessionId, Source, UserId};

/// The version of this protocol, sent in `hello` and answered in `welcome`.
pub const PROTOCOL_VERSION: u32 = 1;

/// A command as it stands on the wire: `{"ref": 7, "type": "call", …}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CommandFrame {
    /// Grows by at least one from command to command of a session. Answers and errors carry it; the server ignores a command whose
    /// `ref` is not above the last one that it took, so a command may be sent again after a resume. `hello` is outside of this count:
    /// any `ref` will do.
    #[serde(rename = "ref")]
    pub reference: u32,
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub command: Command,
}

/// What a browser sends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        resume: Option<Resume>,
    },
    /// Asks for a `pong`.
    Ping {},
    /// Changes the display name that others see; empty removes it.
    SetName { name: String },
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
    Decline { call_id: CallId },
    /// Takes back one's own call while it rings. If it crosses the answer on the wire, it hangs up: the call ends with `hung_up`.
    Cancel { call_id: CallId },
    /// Ends an answered call. Of one that is over already it is no error: it may be said again after a resume.
    HangUp { call_id: CallId },
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
    Publish { room_id: RoomId, sources: Vec<Source> },
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
        /// From the answer to the first decoded media, in milliseconds. Only with the first report in a call.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        setup_ms: Option<u32>,
    },
    /// Asks for a room with nobody else in it, to measure the way to the SFU by `offer` and `publish`. Answered by `check_started`. It
    /// ends after 15 s, with the session, or when another one begins.
    StartCheck {},
    /// Ends the check; where there is none, that is no error.
    EndCheck {},
}

/// A user id and the secret that proves it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Credentials {
    pub user_id: UserId,
    pub secret: String,
}

/// Which session goes on, and the last event of it that was seen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Resume {
    pub session_id: SessionId,
    pub secret: String,
    /// `seq` of the last event received (0: none).
    #[cfg_attr(test, ts(type = "number"))]
    pub seq: u64,
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

/// How media flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Browser to browser.
    Direct,
    /// Through this server's SFU.
    Forwarded,
}

/// What carries a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PathProtocol {
    Udp,
    Tcp,
    Tls,
}

/// Why a path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PathReason {
    /// It brought the first media of the call.
    FirstMedia,
    /// The direct connection came up.
    DirectReady,
    /// The direct connection could not be made, or was lost.
    DirectLost,
    /// Nothing arrived on the direct path for too long.
    DirectStalled,
    /// One of the two asked to be always through the server.
    AlwaysThroughServer,
    /// Too many packets were lost on the other path.
    Loss,
    /// Answers took too long on the other path.
    RoundTrip,
    /// The direct path is well again.
    DirectRecovered,
    /// Too many packets were lost over UDP on the forwarded path: it goes over TCP.
    UdpLoss,
    /// Nothing came through over UDP on the forwarded path any more.
    UdpDead,
    /// The forwarded path goes over UDP again.
    UdpRecovered,
}

/// An event as it stands on the wire: `{"seq": 12, "ref": 7, "type": "call_ringing", …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EventFrame {
    /// Counts the events of a session from 1, without gaps. `welcome` and `pong` have none: they are never replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub seq: Option<u64>,
    /// The `ref` of the command that this answers.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub reference: Option<u32>,
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub event: Event,
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    },
    Pong {
        /// Instead of all that were told before: credentials are renewed before they run out.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        ice_servers: Option<Vec<IceServer>>,
    },
    /// A command was not carried out, and changed nothing.
    Error { code: ErrorCode, message: String },
    /// The user's name was changed, here or in another session of the same user.
    NameChanged { name: String },
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
    },
    /// Another session of this user answered: stop ringing.
    AnsweredElsewhere { call_id: CallId },
    /// The call is over. Sent exactly once to each session that had part in it.
    CallEnded {
        call_id: CallId,
        reason: EndReason,
        /// Milliseconds since it was answered (0: it was not).
        duration_ms: u32,
    },
    /// The SFU's SDP answer to `offer`.
    OfferAnswered { room_id: RoomId, attempt: u32, sdp: String },
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
    /// A participant's tracks or presence changed.
    ParticipantChanged { room_id: RoomId, participant: Participant },
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
    CheckStarted { room_id: RoomId },
    /// The server is going down: direct calls go on; reconnect with back-off.
    ServerStopping {},
}

/// Where a session's call stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    },
}

/// `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UserInfo {
    pub user_id: UserId,
    /// Empty where none was given.
    pub name: String,
}

/// A session in a room as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Participant {
    pub participant_id: ParticipantId,
    pub user: UserInfo,
    /// The tracks that are on.
    pub sources: Vec<Source>,
    /// Its websocket is gone, and the server waits for it to come back.
    pub reconnecting: bool,
}

/// A slot and the track in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Slot {
    /// The m-line's `a=mid`.
    pub mid: String,
    pub participant_id: ParticipantId,
    pub source: Source,
}

/// One encoding of a published track, and whether anybody watches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// It is not a command, or its values make no sense.
    BadCommand,
    /// `hello` has to come first, or the secret is not the user's.
    NotSignedIn,
    /// Not to this session, or not in this state.
    NotAllowed,
    /// Too many commands, sessions or connections.
    RateLimited,
    /// A frame or a field beyond its limit.
    TooLarge,
    /// The server is going down.
    ShuttingDown,
}

/// A frame that is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadFrame {
    /// Its `ref`, if that much could be read.
    pub reference: Option<u32>,
    pub message: String,
}

impl CommandFrame {
    /// Reads a text frame.
    pub fn from_json(text: &str) -> Result<CommandFrame, BadFrame> {
        serde_json::from_str(text).map_err(|e| {
            #[derive(Deserialize)]
            struct Reference {
                #[serde(rename = "ref")]
                reference: u32,
            }
            BadFrame {
                reference: serde_json::from_str::<Reference>(text)
                    .ok()
                    .filter(|_| text.trim_start().starts_with('{'))
                    .map(|r| r.reference),
                message: e.to_string(),
            }
        })
    }
}

impl EventFrame {
    /// Writes a text frame.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an event has only keys that are text")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use ts_rs::{Config, TS, TypeVisitor};

    use super::*;

    macro_rules! ids_are_text {
        ($($id:ident),*) => {$(
            impl TS for $id {
                type WithoutGenerics = Self;
                type OptionInnerType = Self;
                fn docs() -> Option<String> {
                    None
                }
                fn ident(_: &Config) -> String {
                    stringify!($id).to_owned()
                }
                fn name(_: &Config) -> String {
                    stringify!($id).to_owned()
                }
                fn inline(_: &Config) -> String {
                    "string".to_owned()
                }
                fn decl(_: &Config) -> String {
                    concat!("type ", stringify!($id), " = string;").to_owned()
                }
                fn output_path() -> Option<std::path::PathBuf> {
                    Some(concat!(stringify!($id), ".ts").into())
                }
            }
        )*};
    }

    ids_are_text!(UserId, SessionId, CallId, RoomId, ParticipantId);

    /// Every type that a frame can reach, by name.
    struct Reachable {
        config: Config,
        declarations: BTreeMap<String, String>,
    }

    impl TypeVisitor for Reachable {
        fn visit<T: TS + 'static + ?Sized>(&mut self) {
            let named = T::output_path().is_some();
            if named && !self.declarations.contains_key(&T::ident(&self.config)) {
                let docs = T::docs().unwrap_or_default();
                let mut declaration = format!("{docs}export {}\n", T::decl(&self.config));
                // ts-rs would write the flattened enum out in place, and the browser wants it by name.
                for (frame, flattened) in [("CommandFrame", "Command"), ("EventFrame", "Event")] {
                    if T::ident(&self.config) == frame {
                        declaration = declaration.replace("};\n", &format!("}} & {flattened};\n"));
                    }
                }
                self.declarations.insert(T::ident(&self.config), declaration);
                T::visit_dependencies(self);
            }
            T::visit_generics(self);
        }
    }

    fn typescript() -> String {
        let mut reachable = Reachable {
            config: Config::default(),
            declarations: BTreeMap::new(),
        };
        reachable.visit::<CommandFrame>();
        reachable.visit::<Command>();
        reachable.visit::<EventFrame>();
        reachable.visit::<Event>();
        let mut text = format!(
            "// Generated from src/signaling/protocol.rs by `TANDEM_UPDATE=1 cargo test --lib protocol`. Do not edit.\n\n\
             export const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n"
        );
        for declaration in reachable.declarations.values() {
            text.push('\n');
            text.push_str(declaration);
        }
        text
    }

    #[test]
    fn web_protocol_ts_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/web/src/protocol.ts");
        let wanted = typescript();
        if std::env::var_os("TANDEM_UPDATE").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/web/src")).expect("the folder can be made");
            std::fs::write(path, &wanted).expect("the file can be written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == wanted,
            "web/src/protocol.ts differs from src/signaling/protocol.rs: run `TANDEM_UPDATE=1 cargo test --lib protocol`"
        );
    }

    #[test]
    fn a_command_is_read_from_its_text() {
        let frame = CommandFrame::from_json(r#"{"ref":7,"type":"call","user_id":"K7MQ 2xwd-9hpt"}"#).expect("a command");
        assert_eq!(frame.reference, 7);
        let Command::Call {
            user_id,
            always_through_server,
        } = frame.command
        else {
            panic!("not a call");
        };
        assert_eq!(user_id.to_string(), "k7mq-2xwd-9hpt");
        assert!(!always_through_server);
    }

    #[test]
    fn a_frame_that_is_no_command_is_refused_with_its_ref() {
        let deep = "[".repeat(100_000);
        for (text, reference) in [
            ("", None),
            ("{}", None),
            ("[1]", None),
            (deep.as_str(), None),
            (r#"{"ref":-1,"type":"ping"}"#, None),
            (r#"{"ref":3}"#, Some(3)),
            (r#"{"ref":3,"type":"destroy"}"#, Some(3)),
            (r#"{"ref":3,"type":"cancel","call_id":"x"}"#, Some(3)),
            (r#"{"ref":3,"type":"set_name","name":7}"#, Some(3)),
            (r#"{"type":"ping"}"#, None),
        ] {
            let refused = CommandFrame::from_json(text).expect_err("it was taken");
            assert_eq!(refused.reference, reference, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".*", kind in "[a-z_]{2,9}", number in any::<f64>()) {
            let _ = CommandFrame::from_json(&text);
            let quoted = serde_json::to_string(&text).expect("it is written");
            for field in ["name", "call_id", "user_id", "room_id", "sdp", "sources", "signal", "user", "resume", "protocol"] {
                let _ = CommandFrame::from_json(&format!(r#"{{"ref":1,"type":"{kind}","{field}":{quoted}}}"#));
                for kind in ["hello", "call", "accept", "offer", "publish", "signal", "report_path", "set_name"] {
                    let _ = CommandFrame::from_json(&format!(r#"{{"ref":1,"type":"{kind}","{field}":{quoted}}}"#));
                    let _ = CommandFrame::from_json(&format!(r#"{{"ref":{number:?},"type":"{kind}","{field}":[{quoted}]}}"#));
                }
            }
        }
    }

    #[test]
    fn an_event_is_written_flat() {
        let frame = EventFrame {
            seq: Some(12),
            reference: Some(7),
            event: Event::CallEnded {
                call_id: CallId::from_random(1),
                reason: EndReason::HungUp,
                duration_ms: 5,
            },
        };
        assert_eq!(
            frame.to_json(),
            r#"{"seq":12,"ref":7,"type":"call_ended","call_id":"0000000000001","reason":"hung_up","duration_ms":5}"#
        );
    }

    #[test]
    fn names_in_metrics_are_the_names_on_the_wire() {
        fn check<T: Serialize>(values: &[(T, &str)]) {
            for (value, name) in values {
                let text = serde_json::to_string(value).expect("it is written");
                assert_eq!(text, format!("\"{name}\""));
            }
        }
        check(&[EndReason::NoAnswer, EndReason::ConnectionLost, EndReason::HungUp].map(|r| (r, r.as_str())));
        check(&[ErrorCode::BadCommand, ErrorCode::NotSignedIn, ErrorCode::TooLarge].map(|c| (c, c.as_str())));
        check(
            &[
                PathReason::FirstMedia,
                PathReason::Loss,
                PathReason::RoundTrip,
                PathReason::DirectRecovered,
                PathReason::UdpLoss,
                PathReason::UdpDead,
                PathReason::UdpRecovered,
            ]
            .map(|r| (r, r.as_str())),
        );
        check(&[Path::Direct, Path::Forwarded].map(|p| (p, p.as_str())));
        check(&[PathProtocol::Udp, PathProtocol::Tcp, PathProtocol::Tls].map(|p| (p, p.as_str())));
    }
}
