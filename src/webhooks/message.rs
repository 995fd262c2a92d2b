//! The messages of webhooks: which there are, and what stands in each.

use std::time::Duration;

use serde_json::{Value, json};
use x509_cert::der::DateTime;

use crate::signaling::happening::{CallOf, Happening, Presence, RoomOf};

macro_rules! event_types {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// What a message is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum EventType {
            $($variant),*
        }

        impl EventType {
            pub const ALL: &[EventType] = &[$(EventType::$variant),*];

            /// The name in the configuration and in messages.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(EventType::$variant => $name),*
                }
            }

            /// None: there is none of this name.
            pub fn from_name(name: &str) -> Option<EventType> {
                EventType::ALL.iter().copied().find(|event| event.as_str() == name)
            }
        }
    };
}

event_types!(
    CallStarted => "call.started",
    CallAnswered => "call.answered",
    CallEnded => "call.ended",
    CallMissed => "call.missed",
    RoomStarted => "room.started",
    RoomEnded => "room.ended",
    ParticipantJoined => "participant.joined",
    ParticipantLeft => "participant.left",
    MessageCreated => "message.created",
);

impl EventType {
    pub fn of(what: &Happening) -> EventType {
        match what {
            Happening::CallStarted { .. } => EventType::CallStarted,
            Happening::CallAnswered { .. } => EventType::CallAnswered,
            Happening::CallEnded { .. } => EventType::CallEnded,
            Happening::CallMissed { .. } => EventType::CallMissed,
            Happening::RoomStarted(_) => EventType::RoomStarted,
            Happening::RoomEnded(_) => EventType::RoomEnded,
            Happening::ParticipantJoined(_) => EventType::ParticipantJoined,
            Happening::ParticipantLeft { .. } => EventType::ParticipantLeft,
            Happening::Message { .. } => EventType::MessageCreated,
        }
    }
}

/// The body of a message (Standard Webhooks 1.0, "Payload structure"): ids, and no names. `include_text`: with what people wrote.
pub fn payload(what: &Happening, at_ms: i64, include_text: bool) -> String {
    let event = EventType::of(what);
    json!({ "type": event.as_str(), "timestamp": rfc_3339(at_ms), "data": data(what, include_text) }).to_string()
}

fn data(what: &Happening, include_text: bool) -> Value {
    match what {
        Happening::CallStarted { of, invitation } => with(call(of), json!({ "invitation": invitation })),
        Happening::CallAnswered { of, rang } => with(call(of), json!({ "rang_ms": ms(*rang) })),
        Happening::CallEnded {
            of,
            answered,
            reason,
            lasted,
        } => {
            let talked = if *answered { ms(*lasted) } else { 0 };
            with(
                call(of),
                json!({ "answered": answered, "reason": reason.as_str(), "talked_ms": talked }),
            )
        }
        Happening::CallMissed { of, reason } => with(call(of), json!({ "reason": reason.as_str() })),
        Happening::RoomStarted(of) | Happening::RoomEnded(of) => room(of),
        Happening::ParticipantJoined(who) => presence(who),
        Happening::ParticipantLeft { who, reason } => with(presence(who), json!({ "reason": reason })),
        Happening::Message {
            room,
            number,
            message,
            participant,
            user,
            text,
            file,
        } => {
            let ids = json!({
                "room_id": room.to_string(),
                "number": number,
                "message_id": message.to_string(),
                "participant_id": participant.to_string(),
                "user_id": user.to_string(),
            });
            match include_text {
                true => {
                    let said = with(ids, json!({ "text": text }));
                    match file {
                        Some((name, bytes)) => with(said, json!({ "file": { "name": name, "bytes": bytes } })),
                        None => said,
                    }
                }
                false => ids,
            }
        }
    }
}

fn call(of: &CallOf) -> Value {
    let ids = json!({ "call_id": of.call.to_string(), "caller_id": of.caller.to_string(), "callee_id": of.callee.to_string() });
    match of.room {
        Some(room) => with(ids, json!({ "room_id": room.to_string() })),
        None => ids,
    }
}

fn room(of: &RoomOf) -> Value {
    let ids = json!({ "room_id": of.room.to_string(), "kind": if of.link.is_some() { "link" } else { "call" } });
    match of.link {
        Some(link) => with(ids, json!({ "link_id": link.to_string() })),
        None => ids,
    }
}

fn presence(who: &Presence) -> Value {
    let ids = json!({ "participant_id": who.participant.to_string(), "user_id": who.user.to_string() });
    with(room(&who.at), ids)
}

fn with(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn ms(long: Duration) -> u64 {
    u64::try_from(long.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339, in UTC and whole seconds.
fn rfc_3339(unix_ms: i64) -> String {
    let since = Duration::from_secs(u64::try_from(unix_ms / 1000).unwrap_or(0));
    DateTime::from_unix_duration(since).map_or_else(|_| "9999-12-31T23:59:59Z".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, MessageId, ParticipantId, RoomId, UserId};
    use crate::signaling::protocol::EndReason;

    #[test]
    fn names_are_found_again() {
        for event in EventType::ALL {
            assert_eq!(EventType::from_name(event.as_str()), Some(*event));
        }
        assert_eq!(EventType::from_name("call"), None);
        let docs = include_str!("../../docs/webhooks.md");
        for event in EventType::ALL {
            assert!(
                docs.contains(&format!("`{}`", event.as_str())),
                "docs/webhooks.md lacks {}",
                event.as_str()
            );
        }
    }

    #[test]
    fn a_payload_has_type_time_and_ids() {
        let of = CallOf {
            call: CallId::from_random(1),
            room: None,
            caller: UserId::from_random(2),
            callee: UserId::from_random(3),
        };
        let what = Happening::CallEnded {
            of,
            answered: false,
            reason: EndReason::Unreachable,
            lasted: Duration::ZERO,
        };
        let text = payload(&what, 1_614_265_330_999, false);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "type": "call.ended",
            "timestamp": "2021-02-25T15:02:10Z",
            "data": {
                "call_id": "0000000000001", "caller_id": "0000-0000-0002", "callee_id": "0000-0000-0003",
                "answered": false, "reason": "unreachable", "talked_ms": 0,
            },
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_text_is_told_only_where_it_is_wanted() {
        let what = Happening::Message {
            room: RoomId::from_random(1),
            number: 7,
            message: MessageId::from_random(2),
            participant: ParticipantId::from_random(3),
            user: UserId::from_random(4),
            text: "Hello".to_owned(),
            file: Some(("plan.pdf".to_owned(), 9)),
        };
        let brief = payload(&what, 0, false);
        assert!(!brief.contains("Hello") && !brief.contains("plan.pdf"), "{brief}");
        assert!(payload(&what, 0, true).contains(r#""text":"Hello""#));
        let whole: serde_json::Value = serde_json::from_str(&payload(&what, 0, true)).expect("it is JSON");
        assert!(
            whole.to_string().contains(r#""file":{"bytes":9,"name":"plan.pdf"}"#),
            "{whole}"
        );
    }
}
