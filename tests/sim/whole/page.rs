//! A page as far as the server can tell: its session, its call, and its connections. It speaks text, and checks what it is told.

mod connections;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::direct::Direct;
use loadtest::participant::Participant;

/// What a page believes of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    Idle,
    Calling {
        call: String,
        room: String,
    },
    Ringing {
        call: String,
        room: String,
    },
    Talking {
        call: String,
        room: String,
        me: String,
        other: String,
    },
}

impl View {
    pub fn call(&self) -> Option<&str> {
        match self {
            View::Idle => None,
            View::Calling { call, .. } | View::Ringing { call, .. } | View::Talking { call, .. } => Some(call),
        }
    }

    pub fn room(&self) -> Option<&str> {
        match self {
            View::Idle => None,
            View::Calling { room, .. } | View::Ringing { room, .. } | View::Talking { room, .. } => Some(room),
        }
    }
}

pub struct Page {
    ip: IpAddr,
    server: SocketAddr,
    /// False: the SFU is a stand-in.
    has_media: bool,
    next_port: u16,
    /// Kept from the first welcome, or that of another page of the same user.
    pub credentials: Option<Value>,
    /// Its id and its secret.
    session: Option<(String, String)>,
    seq: u64,
    reference: u32,
    /// Commands that the server may not have taken, with their `ref`.
    unsure: Vec<(u32, String)>,
    /// Whether the present websocket has had its `welcome`.
    pub is_welcomed: bool,
    /// How often its session went on, and how often another began.
    pub resumed: usize,
    /// Websockets on which it asked for its session.
    tries: u32,
    pub begun: usize,
    pub outbox: Vec<String>,
    pub view: View,
    /// Which calls ended and why, in this page's eyes.
    pub ended: Vec<(String, String)>,
    /// Codes of `error` events.
    pub errors: Vec<String>,
    /// The type of every event that was counted, in order.
    pub heard: Vec<String>,
    pub other_is_reconnecting: bool,
    pub always_through_server: bool,
    /// A page that sends before it is asked to.
    pub publishes_early: bool,
    attempt: u32,
    pub forwarded: Option<Box<Participant>>,
    pub direct: Option<Box<Direct>>,
    has_reported: bool,
    pinged: Option<Instant>,
}

impl Page {
    pub fn new(ip: IpAddr, server: SocketAddr, has_media: bool) -> Page {
        Page {
            ip,
            server,
            has_media,
            next_port: 5000,
            credentials: None,
            session: None,
            seq: 0,
            reference: 0,
            unsure: Vec::new(),
            is_welcomed: false,
            resumed: 0,
            tries: 0,
            begun: 0,
            outbox: Vec::new(),
            view: View::Idle,
            ended: Vec::new(),
            errors: Vec::new(),
            heard: Vec::new(),
            other_is_reconnecting: false,
            always_through_server: false,
            publishes_early: false,
            attempt: 0,
            forwarded: None,
            direct: None,
            has_reported: false,
            pinged: None,
        }
    }

    pub fn user_id(&self) -> &str {
        let id = self.credentials.as_ref().and_then(|c| c["user_id"].as_str());
        id.expect("it was welcomed")
    }

    /// It has a websocket.
    pub fn handle_open(&mut self) {
        let mut hello = json!({"ref": 1, "type": "hello", "protocol": 1});
        if let Some(credentials) = &self.credentials {
            hello["user"] = credentials.clone();
        }
        if let Some((id, secret)) = &self.session {
            self.tries += 1;
            hello["resume"] = json!({"session_id": id, "secret": secret, "seq": self.seq, "tries": self.tries});
        }
        self.is_welcomed = false;
        self.outbox = vec![hello.to_string()];
    }

    /// Its websocket is gone.
    pub fn handle_gone(&mut self) {
        self.is_welcomed = false;
        self.outbox.clear();
    }

    /// Says something, now or when there is a websocket again.
    pub fn command(&mut self, mut command: Value) {
        self.reference += 1;
        command["ref"] = self.reference.into();
        let text = command.to_string();
        if self.is_welcomed {
            self.outbox.push(text.clone());
        }
        self.unsure.push((self.reference, text));
    }

    /// When it is to show that it is there.
    fn ping_due(&self) -> Option<Instant> {
        let every = if self.view == View::Idle { 10 } else { 1 };
        let pinged = self.pinged.filter(|_| self.is_welcomed);
        pinged.map(|at| at + Duration::from_secs(every))
    }

    /// A ping that gets lost is not said again.
    fn ping(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.reference += 1;
        self.outbox.push(json!({"type": "ping", "ref": self.reference}).to_string());
    }

    /// About the call that it has.
    pub fn command_on_call(&mut self, kind: &str) {
        if let Some(call) = self.view.call() {
            let through_server = self.always_through_server;
            let command = match kind {
                "accept" => json!({"type": kind, "call_id": call, "always_through_server": through_server}),
                _ => json!({"type": kind, "call_id": call}),
            };
            self.command(command);
        }
    }

    pub fn call(&mut self, user_id: &str) {
        let through_server = self.always_through_server;
        self.command(json!({"type": "call", "user_id": user_id, "always_through_server": through_server}));
    }

    pub fn rename(&mut self, name: &str) {
        self.command(json!({"type": "set_name", "name": name}));
    }

    /// Sends the other in the call a candidate.
    pub fn signal_candidate(&mut self, line: &str) {
        if let View::Talking { room, other, .. } = &self.view {
            let signal = json!({"kind": "candidate", "generation": 1, "candidate": {"candidate": line}});
            self.command(json!({"type": "signal", "room_id": room, "to": other, "signal": signal}));
        }
    }

    /// The server wrote a frame.
    pub fn handle_text(&mut self, text: &str, now: Instant) {
        let event: Value = serde_json::from_str(text).expect("events are JSON");
        let kind = event["type"].as_str().expect("events have a type");
        if let Some(seq) = event["seq"].as_u64() {
            self.seq += 1;
            assert_eq!(seq, self.seq, "a gap or a repetition: {event}");
            self.heard.push(kind.to_owned());
        }
        let field = |name: &str| event[name].as_str().map(str::to_owned).unwrap_or_default();
        let (call, room) = (field("call_id"), field("room_id"));
        match kind {
            "welcome" => {
                self.handle_welcome(&event);
                self.pinged = Some(now);
            }
            "pong" | "name_changed" | "server_stopping" | "path_requested" | "path_changed" => {}
            "error" => self.errors.push(field("code")),
            "call_ringing" => {
                assert_eq!(self.view, View::Idle);
                self.view = View::Calling { call, room };
                self.connect(now);
            }
            "incoming_call" => {
                assert_eq!(self.view, View::Idle);
                self.view = View::Ringing { call, room };
                self.connect(now);
            }
            "call_answered" => {
                assert_eq!(self.view.call(), Some(call.as_str()), "{event}");
                let others = event["participants"].as_array().expect("a list");
                assert_eq!(others.len(), 1);
                let other = others[0]["participant_id"].as_str().expect("an id").to_owned();
                let me = field("participant_id");
                self.view = View::Talking { call, room, me, other };
                self.handle_answered(event["direct"] == true, event["polite"] == true, now);
            }
            "answered_elsewhere" => {
                assert!(matches!(&self.view, View::Ringing { call: rings, .. } if *rings == call));
                self.forget_call();
            }
            "call_ended" => {
                assert!(self.ended.iter().all(|(ended, _)| *ended != call), "ended twice: {event}");
                assert!(
                    self.view.call().is_none_or(|mine| mine == call),
                    "the end of another call: {event}"
                );
                self.ended.push((call, field("reason")));
                self.forget_call();
            }
            "participant_changed" => {
                self.assert_of_other(&event, event["participant"]["participant_id"].as_str());
                self.other_is_reconnecting = event["participant"]["reconnecting"] == true;
            }
            "signaled" => {
                self.assert_of_other(&event, event["from"].as_str());
                if let Some(direct) = &mut self.direct {
                    direct.handle_signal(&event["signal"], now);
                }
            }
            "offer_answered" | "slots_changed" | "layers_wanted" | "transport_lost" => {
                assert_eq!(self.view.room(), Some(room.as_str()), "{event}");
                self.handle_media_news(kind, &event, now);
            }
            "speakers_changed" => assert_eq!(self.view.room(), Some(room.as_str()), "{event}"),
            unknown => panic!("a page does not know {unknown}"),
        }
        self.say_signals();
    }

    fn assert_of_other(&self, event: &Value, from: Option<&str>) {
        let View::Talking { room, other, .. } = &self.view else {
            panic!("not in a call: {event}")
        };
        assert_eq!((event["room_id"].as_str(), from), (Some(room.as_str()), Some(other.as_str())));
    }

    fn handle_welcome(&mut self, event: &Value) {
        let field = |name: &str| event[name].as_str().expect("a field of welcome").to_owned();
        self.is_welcomed = true;
        if let Some(secret) = event["secret"].as_str() {
            self.credentials = Some(json!({"user_id": field("user_id"), "secret": secret}));
        }
        if event["resumed"] == true {
            assert_eq!(self.session.as_ref().map(|s| &s.0), Some(&field("session_id")));
            self.resumed += 1;
            let last = event["last_ref"].as_u64().expect("a number");
            self.unsure.retain(|(reference, _)| u64::from(*reference) > last);
            self.outbox.extend(self.unsure.iter().map(|(_, text)| text.clone()));
        } else {
            self.begun += 1;
            self.tries = 0;
            self.seq = 0;
            self.reference = 0;
            self.unsure.clear();
            self.forget_call();
        }
        self.session = Some((field("session_id"), field("resume_secret")));
    }
}
