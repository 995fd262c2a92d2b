//! The whole wire protocol between a browser and the server: [`Command`] one way, [`Event`] the other, as JSON text frames on one
//! websocket. docs/protocol.md tells it in order of time; web/src/sdk/protocol.ts is generated from here by a test.

mod command;
mod event;
mod history;
mod messages;
mod path;
mod people;
mod report;
mod rooms;
mod wire_names;

use serde::{Deserialize, Serialize};

pub use command::{Command, Credentials, DirectSignal, IceCandidate, Resume, SdpType, SourceLine};
pub use event::{
    CallNow, EndReason, ErrorCode, Event, IceServer, Invitation, Participant, Slot, TransportLostReason, UserInfo, WantedLayer,
};
pub use history::{Direction, HistoryPlace, HistoryRow};
pub use messages::{FileInfo, Message};
pub use path::{Path, PathProtocol, PathReason};
pub use people::{Browser, Callers, Contact, Presence, PresenceOf, Settings};
pub use report::{
    BadSpell, CallReport, Happening, Mark, Measured, ReportedCall, ReportedMeasure, ReportedParticipant, ReportedPath,
};
pub use rooms::{LeaveReason, Link, LinkPreview, LinkWish, Reaction, RoomInfo, Waiting};

/// The version of this protocol, sent in `hello` and answered in `welcome`.
pub const PROTOCOL_VERSION: u32 = 1;

/// A command as it stands on the wire: `{"ref": 7, "type": "call", …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// An event as it stands on the wire: `{"seq": 12, "ref": 7, "type": "call_ringing", …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    use crate::id::{CallId, DeviceId, FileId, LinkId, MessageId, ParticipantId, RoomId, SessionId, UserId};

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

    ids_are_text!(
        UserId,
        SessionId,
        CallId,
        RoomId,
        ParticipantId,
        LinkId,
        MessageId,
        FileId,
        DeviceId
    );

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
        // Flattened into its command, and wanted by name as well.
        reachable.visit::<LinkWish>();
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
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/web/src/sdk/protocol.ts");
        let wanted = typescript();
        if std::env::var_os("TANDEM_UPDATE").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/web/src/sdk")).expect("the folder can be made");
            std::fs::write(path, &wanted).expect("the file can be written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == wanted,
            "web/src/sdk/protocol.ts differs from src/signaling/protocol.rs: run `TANDEM_UPDATE=1 cargo test --lib protocol`"
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
