//! A page's two connections: forwarded, from the ringing on, and direct, from the answer on.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tandem::id::Source;

use super::{Page, View};
use crate::network::Datagram;
use crate::sources;
use crate::whole::direct::Direct;
use loadtest::participant::Participant;

impl Page {
    pub(super) fn handle_answered(&mut self, direct: bool, polite: bool, now: Instant) {
        self.publish(now);
        if direct && self.has_media {
            let base = self.new_address();
            self.direct = Some(Box::new(Direct::new(base, self.server, polite, now)));
        }
    }

    fn publish(&mut self, now: Instant) {
        let Some(room) = self.view.room() else { return };
        self.command(json!({"type": "publish", "room_id": room, "sources": ["microphone", "camera"]}));
        if let Some(forwarded) = &mut self.forwarded {
            forwarded.publish(now);
        }
    }

    pub(super) fn handle_media_news(&mut self, kind: &str, event: &Value, now: Instant) {
        // Of an attempt before this one it comes too late.
        if event["attempt"]
            .as_u64()
            .is_some_and(|attempt| attempt != u64::from(self.attempt))
        {
            return;
        }
        match (kind, &mut self.forwarded) {
            ("offer_answered", Some(forwarded)) => {
                forwarded.accept_answer(event["sdp"].as_str().expect("SDP"), now);
            }
            ("layers_wanted", Some(forwarded)) => {
                let layers = event["layers"].as_array().expect("a list").iter();
                let layers: Vec<_> = layers
                    .map(|layer| {
                        let rid = layer["rid"].as_str().map(str::to_owned);
                        (rid, layer["active"] == true, 0)
                    })
                    .collect();
                forwarded.want(&layers);
            }
            ("transport_lost", _) => self.connect(now),
            _ => {}
        }
    }

    /// Makes a forwarded connection, the first or a further one.
    pub fn connect(&mut self, now: Instant) {
        let Some(room) = self.view.room().map(str::to_owned) else {
            return;
        };
        self.attempt += 1;
        let (sdp, sources) = if self.has_media {
            let (mut participant, sdp) = Participant::new(self.new_address(), 1, now);
            let sources = sources(&participant);
            if matches!(self.view, View::Talking { .. }) {
                participant.publish(now);
            }
            self.forwarded = Some(Box::new(participant));
            (sdp, sources)
        } else {
            ("v=0".to_owned(), Vec::new())
        };
        self.offer(&room, &sdp, &sources);
        if self.publishes_early && matches!(self.view, View::Calling { .. } | View::Ringing { .. }) {
            self.publish(now);
        }
    }

    /// Restarts ICE on its forwarded connection.
    pub fn restart_ice(&mut self) {
        if let (Some(room), Some(forwarded)) = (self.view.room().map(str::to_owned), &mut self.forwarded) {
            let (sdp, sources) = (forwarded.offer_restart(), sources(forwarded));
            self.offer(&room, &sdp, &sources);
        }
    }

    fn offer(&mut self, room: &str, sdp: &str, sources: &[(String, Source)]) {
        let sources = sources.iter().map(|(mid, source)| json!({"mid": mid, "source": source}));
        let sources: Vec<_> = sources.collect();
        self.command(json!({"type": "offer", "room_id": room, "attempt": self.attempt, "sdp": sdp, "sources": sources}));
    }

    pub(super) fn forget_call(&mut self) {
        self.view = View::Idle;
        self.attempt = 0;
        self.forwarded = None;
        self.direct = None;
        self.has_reported = false;
        self.other_is_reconnecting = false;
    }

    fn new_address(&mut self) -> SocketAddr {
        self.next_port += 1;
        SocketAddr::new(self.ip, self.next_port)
    }

    pub fn handle_datagram(&mut self, datagram: &Datagram, now: Instant) {
        let Datagram {
            source,
            destination,
            payload,
        } = datagram;
        if let Some(forwarded) = self.forwarded.as_mut().filter(|f| f.address == *destination) {
            forwarded.handle_datagram(*source, payload, now);
        } else if let Some(direct) = self.direct.as_mut().filter(|d| d.base == *destination) {
            direct.handle_datagram(*source, payload, now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let forwarded = self.forwarded.as_ref().map(|f| f.poll_timeout());
        let direct = self.direct.as_ref().map(|d| d.poll_timeout());
        [forwarded, direct, self.ping_due()].into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ping_due().is_some_and(|due| due <= now) {
            self.ping(now);
        }
        if let Some(forwarded) = self.forwarded.as_mut().filter(|f| f.poll_timeout() <= now) {
            forwarded.handle_timeout(now);
        }
        if let Some(direct) = self.direct.as_mut().filter(|d| d.poll_timeout() <= now) {
            direct.handle_timeout(now);
        }
        if !self.has_reported
            && self.direct.as_ref().is_some_and(|d| d.heard > 0)
            && let Some(room) = self.view.room()
        {
            let report =
                json!({"type": "report_path", "room_id": room, "path": "direct", "reason": "direct_ready", "protocol": "udp"});
            self.has_reported = true;
            self.command(report);
        }
        self.say_signals();
    }

    pub(super) fn say_signals(&mut self) {
        let signals = self
            .direct
            .as_mut()
            .map(|d| std::mem::take(&mut d.signals))
            .unwrap_or_default();
        if let View::Talking { room, other, .. } = self.view.clone() {
            for signal in signals {
                self.command(json!({"type": "signal", "room_id": room, "to": other, "signal": signal}));
            }
        }
    }

    /// What it sent, each from the address that its machine knows.
    pub fn poll_datagrams(&mut self) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        let mut add = |source, sends: &mut Vec<(SocketAddr, Vec<u8>)>| {
            datagrams.extend(sends.drain(..).map(|(destination, payload)| Datagram {
                source,
                destination,
                payload,
            }));
        };
        if let Some(forwarded) = &mut self.forwarded {
            add(forwarded.address, &mut forwarded.sends);
        }
        if let Some(direct) = &mut self.direct {
            add(direct.base, &mut direct.sends);
        }
        datagrams
    }

    /// (packets of sound, decoded frames) that came through the server.
    pub fn received(&self) -> (usize, usize) {
        let Some(forwarded) = &self.forwarded else { return (0, 0) };
        let received = |mid| forwarded.received.get(&mid);
        let audio = received(forwarded.microphone()).map_or(0, |r| r.packets);
        (audio, received(forwarded.slots[0]).map_or(0, |r| r.decoded))
    }
}
